#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find hosts that two objects of a cluster claim, and ways around a login."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ingress_conflicts
short_description: Find hosts that two objects of a cluster claim, and ways around a login
version_added: 0.1.0
description:
  - Looks at every Ingress, IngressClass and Service of the cluster. Reports a host and path that two Ingresses claim, a
    DNS name that a LoadBalancer Service asks for although it is another's, an Ingress that no controller serves, and
    for each of O(proxied) every way that passes its login by.
  - The API server accepts all of these; what breaks is seen only by whoever opens the page.
options:
  proxied:
    description: Hosts that a login guards.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The host.
        type: str
        required: true
      service:
        description: The Service behind the login, C(namespace/name).
        type: str
        required: true
      outpost:
        description: >-
          The Service through which every request of the host must go, C(namespace/name); left out where the Ingress
          itself asks for the login.
        type: str
        default: ""
  fail:
    description: Whether a conflict fails the task.
    type: bool
    default: true
  assume_absent:
    description:
      - In check mode, take the cluster as empty and do not connect, because an earlier step of the same run would
        create it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Look for hosts that are claimed twice
  homeops.cluster.ingress_conflicts:
    kubeconfig: "{{ homeops_kubeconfig }}"
    proxied:
      - host: longhorn.k8s.home.geoffdavis.com
        service: longhorn-system/longhorn-frontend
        outpost: authentik/authentik-server
"""

RETURN = r"""
conflicts:
  description: What was found, by host.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: C(claimed_twice), C(bypass) or C(no_class).
      type: str
    host:
      description: The host.
      type: str
    path:
      description: The path, empty for the whole host.
      type: str
    owners:
      description: The objects that take part.
      type: list
      elements: str
    text:
      description: What is wrong, as a sentence.
      type: str
hosts:
  description: Number of hosts that were looked at.
  returned: always
  type: int
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import ingress_conflicts, session
from ..module_utils.kubernetes.cluster_view import ClusterView

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "proxied": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "host": {"type": "str", "required": True},
                "service": {"type": "str", "required": True},
                "outpost": {"type": "str", "default": ""},
            },
        },
        "fail": {"type": "bool", "default": True},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}

#: What is read, each with the kind that the API leaves out of its lists.
_LISTS = (
    ("/apis/networking.k8s.io/v1/ingresses", "Ingress"),
    ("/apis/networking.k8s.io/v1/ingressclasses", "IngressClass"),
    ("/api/v1/services", "Service"),
)


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Look; see DOCUMENTATION."""
    view = ClusterView([])
    if not (ctx.check_mode and params["assume_absent"]):
        with session.connect(params, ctx) as client:
            lists = client.map(lambda job: client.list(job[0], attempted=f"reading {job[1]}s")[0], _LISTS)
            view = ClusterView(
                {**item, "kind": kind} for (_path, kind), items in zip(_LISTS, lists, strict=True) for item in items
            )
    found = ingress_conflicts.conflicts(view, [ingress_conflicts.Proxied(**entry) for entry in params["proxied"]])
    result = {
        "changed": False,
        "conflicts": [{**asdict(item), "owners": list(item.owners)} for item in found],
        "hosts": len({claim.host for claim in view.claims()}),
    }
    if found and params["fail"]:
        raise HomeopsError(
            "looking for hosts that are claimed twice",
            answer="; ".join(item.text for item in found),
            remedy="Keep one owner per host, and none beside the login",
            facts=result,
        )
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
