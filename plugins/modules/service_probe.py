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
  - A host that does not answer is part of the result and no failure of the task.
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
"""

RETURN = r"""
probes:
  description: One answer per host and path, in their order.
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

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.status import probe

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
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Ask; see DOCUMENTATION."""
    del ctx  # nothing is awaited or changed
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
    found = probe.probe(targets, ca_file=params.get("ca_file") or "", timeout=params["timeout"])
    return {"changed": False, "probes": found}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
