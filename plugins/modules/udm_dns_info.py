#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the DNS records that a UniFi console holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: udm_dns_info
short_description: Read the DNS records that a UniFi console holds
version_added: 0.1.0
description:
  - Lists the static DNS records of a site; external-dns writes its own there through its UniFi webhook.
options:
  zone:
    description: Only records of this domain and below. Left out, all are listed.
    type: str
  types:
    description: Only records of these types.
    type: list
    elements: str
    choices: [A, AAAA, CNAME, MX, NS, SRV, TXT]
    default: [A, AAAA, CNAME]
extends_documentation_fragment:
  - homeops.cluster.unifi
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: See which hosts lead to the ingress
  homeops.cluster.udm_dns_info:
    host: 172.29.51.1
    api_key: "{{ lookup('ansible.builtin.env', 'UNIFI_API_KEY') }}"
    fingerprint: "{{ homeops_console_fingerprint }}"
    zone: k8s.home.geoffdavis.com
  register: dns
"""

RETURN = r"""
records:
  description: The records, by name and type.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Full name, without a final dot.
      type: str
    type:
      description: Type of the record.
      type: str
    value:
      description: What it leads to.
      type: str
    enabled:
      description: Whether the console answers with it.
      type: bool
    ttl:
      description: Seconds; 0 is the console's own choice.
      type: int
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.unifi import dns, session

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "zone": {"type": "str"},
        "types": {
            "type": "list",
            "elements": "str",
            "choices": list(dns.TYPES),
            "default": ["A", "AAAA", "CNAME"],
        },
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        found = dns.read(client, params["site"])
    return {"changed": False, "records": dns.chosen(found, params.get("zone") or "", params["types"])}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
