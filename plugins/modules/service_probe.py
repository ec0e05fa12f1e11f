#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask many hosts for a page, as a browser without a session would."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_probe
short_description: Ask many hosts for a page, as a browser without a session would
version_added: 0.1.0
description:
  - Makes one C(GET) over HTTPS per host and path, all at once, follows no redirect, and returns what came back.
  - A certificate that is not trusted is told, and the page is asked for all the same; nothing secret is ever sent.
  - A host that does not answer is part of the result and no failure of the task, unless O(redirect_to) says what is
    awaited.
options:
  services:
    description: The hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Host of the URL, and the name that the certificate must carry.
        type: str
        required: true
      paths:
        description: Paths to ask for.
        type: list
        elements: str
        default: ["/"]
  door:
    description: Where to connect to, as C(host:port), for hosts whose names do not lead there from this machine.
    type: str
  ca_file:
    description: PEM file of the CA to trust instead of the system's.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 10
  redirect_to:
    description:
      - Host to which every answer has to redirect. All are asked again until that is so three times in a row, because
        the pods behind a host take on their settings one after another; it is an error when O(wait_timeout) passes
        before. In check mode they are asked once.
    type: str
  wait_timeout:
    description: With O(redirect_to), seconds until all answers have to be there.
    type: int
    default: 60
extends_documentation_fragment:
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: See what a stranger gets
  homeops.cluster.service_probe:
    services:
      - host: prometheus.k8s.home.geoffdavis.com
        paths: [/, /api/v1/status/config]
  register: probes

- name: Wait until the outpost serves a host
  homeops.cluster.service_probe:
    services:
      - host: prometheus.k8s.home.geoffdavis.com
        paths: [/outpost.goauthentik.io/start]
    redirect_to: authentik.k8s.home.geoffdavis.com
"""

RETURN = r"""
probes:
  description: One answer per host and path, in their order, of the last look.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The host that was asked.
      type: str
    path:
      description: The path that was asked for.
      type: str
    status:
      description: HTTP status, null without an answer.
      type: int
    location:
      description: Where a redirect leads.
      type: str
    title:
      description: Title of the page.
      type: str
    tls:
      description: C(problem), C(issuer) and C(not_after) of the certificate.
      type: dict
    error:
      description: Why no answer came, empty when one did.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.common.wait import Observation, wait_until
from ..module_utils.status import probe

#: So many good looks in a row are wanted.
STEADY = 3
#: Seconds between two looks.
INTERVAL = 1.0

SPEC: dict[str, Any] = {
    "argument_spec": {
        "services": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "host": {"type": "str", "required": True},
                "paths": {"type": "list", "elements": "str", "default": ["/"]},
            },
        },
        "door": {"type": "str"},
        "ca_file": {"type": "path"},
        "timeout": {"type": "int", "default": 10},
        "redirect_to": {"type": "str"},
        "wait_timeout": {"type": "int", "default": 60},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Ask; see DOCUMENTATION."""
    targets = []
    for index, service in enumerate(params["services"]):
        for path in service["paths"]:
            if not path.startswith("/") or any(letter <= " " or letter > "~" for letter in path):
                raise InputError(
                    f"services[{index}].paths has {path!r}, which is no path of a URL",
                    remedy="Paths begin with / and have no blanks",
                    param="services",
                )
            targets.append(probe.Target(service["host"], path, params.get("door") or ""))

    def ask() -> list[dict[str, Any]]:
        return probe.probe(targets, ca_file=params.get("ca_file") or "", timeout=params["timeout"])

    wanted = params.get("redirect_to")
    if not wanted or ctx.check_mode:
        return {"changed": False, "probes": ask()}
    found = _awaited(ask, wanted, params.get("door") or wanted, params["wait_timeout"], ctx)
    return {"changed": False, "probes": found}


def _awaited(
    ask: Callable[[], list[dict[str, Any]]], wanted: str, target: str, timeout: float, ctx: Context
) -> list[dict[str, Any]]:
    """Ask until every answer leads to a host, again and again.

    :raises WaitTimeout: with the answers that do not.
    """
    good = 0

    def look() -> Observation[list[dict[str, Any]]]:
        nonlocal good
        found = ask()
        wrong = [f"{one['host']} {why}" for one in found if (why := probe.astray(one, wanted))]
        good = 0 if wrong else good + 1
        return Observation(good >= STEADY, "; ".join(wrong) or "all hosts lead there, and are asked once more", found)

    found = wait_until(
        look,
        what=f"every host to lead to {wanted}",
        target=target,
        timeout=timeout,
        ctx=ctx,
        interval=INTERVAL,
        remedy=(
            "An outpost that does not serve a host has not loaded its settings: look whether Authentik's worker runs, "
            "which tells it of every change, and at the log of the outpost's pods. 404 and 503 come from the ingress: "
            "the host's Ingress does not lead to the outpost (phases gitops and platform)"
        ),
        param="services",
    )
    return found or []


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
