#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module repository_check."""

from __future__ import annotations

DOCUMENTATION = r"""
module: repository_check
short_description: Checks an existing GitOps repository across its layers
version_added: 0.1.0
description:
  - Reads a checkout of a repository (Flux Kustomizations, HelmReleases, manifests, C(talconfig.yaml) and Talos patches,
    FRR configurations, tasks, scripts and documentation), follows what Flux would apply from the root of the cluster,
    and checks whether all of it agrees with itself and with what the systems can do.
  - Every finding is told at once, each with a stable id, file and line, the object, the reason and, where it can be
    computed, the value to use.
  - Writes the reports that are asked for, and fails afterwards when there is a finding of the severity of O(fail_on).
  - No system is contacted, nothing of the repository is run, and nothing in it is changed. Time and memory are bounded,
    whatever it holds.
options:
  path:
    description: Folder of the checkout.
    type: path
    required: true
  reports:
    description:
      - Files to write, by form. A file that has the same text already is left alone; missing folders are made.
      - Reports hold no time, so that the same repository gives the same report.
    type: dict
    default: {}
    suboptions:
      text:
        description: The report for people.
        type: path
      json:
        description: The report as data, in a form with a version.
        type: path
      sarif:
        description: SARIF 2.1.0, for code reviews.
        type: path
      html:
        description: One page that needs no other file and no network.
        type: path
  fail_on:
    description: The mildest severity that fails the task.
    type: str
    choices: [error, warn, never]
    default: error
extends_documentation_fragment:
  - homeops.cluster.ignore
attributes:
  check_mode:
    support: full
    description: The repository is judged as ever, and no report is written.
  diff_mode:
    support: none
    description: A report is no state of a system.
requirements:
  - netaddr
  - PyYAML
author:
  - The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Judge a checkout
  homeops.cluster.repository_check:
    path: ~/src/home-ops

- name: Judge it for a code review, and let warnings fail, too
  homeops.cluster.repository_check:
    path: "{{ playbook_dir }}/.."
    fail_on: warn
    reports:
      sarif: out/home-ops.sarif
      html: out/home-ops.html
    ignore:
      - id: BGP005
        key: Service/media/legacy
        reason: Its address is announced by the old router until May.
"""

RETURN = r"""
findings:
  description: All findings, errors first, then warnings, then ignored ones; as in the report in JSON.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the check.
      type: str
      sample: NET007
    severity:
      description: C(error), C(warn) or C(ignore).
      type: str
    area:
      description: What the check is about.
      type: str
      sample: addressing
    rule:
      description: What must hold.
      type: str
    summary:
      description: What is wrong.
      type: str
    why:
      description: What breaks.
      type: str
    use:
      description: The value to use instead, V(null) when it cannot be computed.
      type: str
    file:
      description: File, from the root of the repository.
      type: str
      sample: infrastructure/ingress-nginx/release.yaml
    line:
      description: Line in the file, V(null) for the file as a whole.
      type: int
    key:
      description: Key path inside of the document.
      type: str
    object:
      description: The object as C(kind/namespace/name), empty for none.
      type: str
    scope:
      description: What was judged, here C(repo).
      type: str
    where:
      description: File, line, key and object in one text.
      type: str
    reason:
      description: Why it was given another severity.
      type: str
counts:
  description: Number of findings per severity.
  returned: always
  type: dict
  sample: {error: 2, warn: 1, ignore: 0}
checks:
  description: Ids of the checks that were run.
  returned: always
  type: list
  elements: str
files:
  description: Number of files of the repository.
  returned: always
  type: int
reports:
  description: The files of O(reports) with C(changed), whether each was (or in check mode would be) written.
  returned: always
  type: dict
  sample: {json: {path: /home/me/report.json, changed: true}}
summary:
  description: The outcome in one line.
  returned: always
  type: str
  sample: 2 errors, 1 warning in 101 checks
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils.checks import engine, report_html, report_json, report_sarif, report_text, suppress
from ..module_utils.checks.registry import ERROR, WARN
from ..module_utils.checks.report import counted, headline
from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError
from ..module_utils.common.libraries import need
from ..module_utils.common.runner import run_module
from ..module_utils.model import world
from ..module_utils.repository import view

#: How each form of the report is made, in the order in which they are written.
FORMS: dict[str, Callable[[engine.Report, str], str]] = {
    "text": report_text.render,
    "json": report_json.render,
    "sarif": report_sarif.render,
    "html": report_html.render,
}
_FAILS = {"error": (ERROR,), "warn": (ERROR, WARN), "never": ()}

SPEC: dict[str, Any] = {
    "argument_spec": {
        "path": {"type": "path", "required": True},
        "reports": {"type": "dict", "default": {}, "options": {form: {"type": "path"} for form in FORMS}},
        "fail_on": {"type": "str", "choices": ["error", "warn", "never"], "default": "error"},
        "ignore": suppress.IGNORE,
    },
    "supports_check_mode": True,
}


class RepositoryError(HomeopsError):
    """The repository has findings that fail the task."""

    def sentence(self) -> str:
        """Return the outcome as it is; nothing was attempted that failed."""
        return self.attempted


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Judge a repository; see DOCUMENTATION for the parameters and RETURN for the result.

    :raises RepositoryError: when a finding has the severity of ``fail_on``.
    :raises InputError: when there is no such folder, or ``ignore`` names no check.
    """
    need("checking the repository", netaddr=world.AVAILABLE)
    path, chosen = params["path"], suppress.overrides(params["ignore"] or [])
    ctx.progress(f"reading {path}")
    repository = view.read(path)
    many = len(repository.files.files)
    ctx.progress(f"judging {counted(many, 'file')}")
    found = engine.run_checks(engine.Case(repository=repository), overrides=chosen)
    written = _write(found, path, params["reports"] or {}, ctx)
    ctx.show(_printable(report_text.render(found, path)))
    result = {
        "changed": any(entry["changed"] for entry in written.values()),
        "findings": [report_json.entry(finding) for finding in found.findings],
        "counts": found.counts,
        "checks": found.ran,
        "files": many,
        "reports": written,
        "summary": headline(found),
    }
    bad = [finding for severity in _FAILS[params["fail_on"]] for finding in found.of(severity)]
    if bad:
        ids = ", ".join(dict.fromkeys(finding.id for finding in bad))
        raise RepositoryError(f"The repository {path} has {headline(found)}: {ids}.", facts=result)
    return result


def _write(found: engine.Report, source: str, wanted: Mapping[str, Any], ctx: Context) -> dict[str, dict[str, Any]]:
    """Write the reports that are asked for, those with another text than they have."""
    done = {}
    for form, render in FORMS.items():
        if not wanted.get(form):
            continue
        path, text = os.path.abspath(wanted[form]), _printable(render(found, source))
        try:
            changed = not os.path.exists(path) or files.read_text(path) != text
            if changed and not ctx.check_mode:
                files.write_shared(path, text)
        except UnicodeDecodeError as error:
            raise HomeopsError(
                f"writing the report ({form})",
                target=path,
                answer="the file is there and is no text",
                remedy="Choose another name",
                param="reports",
            ) from error
        except OSError as error:
            raise HomeopsError(
                f"writing the report ({form})",
                target=path,
                answer=error.strerror or str(error),
                remedy="Choose a file in a folder that you may write to",
                param="reports",
            ) from error
        done[form] = {"path": path, "changed": changed}
    return done


def _printable(text: str) -> str:
    """Return a text that UTF-8 can hold: names in a repository may have halves of surrogate pairs."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
