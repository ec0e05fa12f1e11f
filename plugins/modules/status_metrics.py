#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what no system exports as Prometheus text."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_metrics
short_description: Write what no system exports as Prometheus text
version_added: 0.1.0
description:
  - Turns the reports of M(homeops.cluster.bgp_status) and M(homeops.cluster.service_status) and the answer of
    M(homeops.cluster.authentik_info) into metrics, in the format that the textfile collector of the node exporter
    reads. Contacts nothing itself.
  - What could not be asked has no samples, and C(homeops_system_answered) says so.
  - The file is replaced in one step, so that no half of one is ever read.
options:
  bgp:
    description: C(report) of M(homeops.cluster.bgp_status).
    type: dict
  services:
    description: C(report) of M(homeops.cluster.service_status).
    type: dict
  identity:
    description: >-
      C(outposts), C(tokens) and C(findings) of M(homeops.cluster.authentik_info). Left out when it could not be asked.
    type: dict
  answered:
    description: Whether each system could be asked, by its name.
    type: dict
    default: {}
  now:
    description: Time of the values, RFC 3339. The present when left out.
    type: str
  dest:
    description: File to write, with a name that ends in C(.prom) for the textfile collector. None when left out.
    type: path
  mode:
    description: V(shared) for a file that everybody may read (0644), V(private) for the owner only (0600).
    type: str
    choices: [shared, private]
    default: shared
attributes:
  check_mode:
    description: Renders the text and writes no file.
    support: full
  diff_mode:
    description: The values change with every run, so there is nothing to compare.
    support: none
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the node exporter of this host export what the router has accepted
  homeops.cluster.status_metrics:
    bgp: "{{ bgp_status_result.report }}"
    answered:
      cluster: true
      router: true
    dest: /var/lib/node_exporter/textfile/homeops.prom
"""

RETURN = r"""
text:
  description: The metrics.
  returned: always
  type: str
samples:
  description: Number of samples per metric; a metric without samples has 0.
  returned: always
  type: dict
  sample: {homeops_route_accepted_nodes: 5}
dest:
  description: The file.
  returned: when O(dest) is given
  type: str
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.status import exposition, metrics

SPEC: dict[str, Any] = {
    "argument_spec": {
        **{key: {"type": "dict"} for key in ("bgp", "services", "identity")},
        "answered": {"type": "dict", "default": {}},
        "now": {"type": "str"},
        "dest": {"type": "path"},
        "mode": {"type": "str", "choices": ["shared", "private"], "default": "shared"},
    },
    "supports_check_mode": True,
}
_WRITE = {"shared": files.write_shared, "private": files.write_private}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Render, and write; see DOCUMENTATION.

    :raises InputError: the time is none.
    :raises HomeopsError: the file cannot be written.
    """
    families = metrics.build(
        metrics.Facts(
            now=_seconds(params.get("now")),
            answered={str(system): bool(answered) for system, answered in params["answered"].items()},
            bgp=params.get("bgp"),
            services=params.get("services"),
            identity=params.get("identity"),
        )
    )
    text = exposition.render(families)
    result: dict[str, Any] = {
        "changed": False,
        "text": text,
        "samples": {family.gauge.name: len(family.samples) for family in families},
    }
    if params.get("dest"):
        result |= {"dest": os.path.abspath(params["dest"]), "changed": True}
        if not ctx.check_mode:
            _write(result["dest"], text, params["mode"])
    return result


def _write(path: str, text: str, mode: str) -> None:
    try:
        _WRITE[mode](path, text)
    except OSError as error:
        raise HomeopsError(
            "writing the metrics",
            target=path,
            answer=error.strerror or str(error),
            remedy="Choose a file in a folder that you may write to",
            param="dest",
        ) from error


def _seconds(now: str | None) -> float:
    if not now:
        return datetime.now(UTC).timestamp()
    try:
        found = datetime.fromisoformat(now)
    except ValueError:
        raise InputError(f"{now!r} is no time", remedy="Write it as 2026-03-01T00:00:00Z", param="now") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
