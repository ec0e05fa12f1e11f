#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module live_check."""

from __future__ import annotations

DOCUMENTATION = r"""
module: live_check
short_description: Checks the systems that a run is about to use, before it changes anything
version_added: 0.1.0
description:
  - Asks nodes, VIP, console, name server, source of the secrets, Authentik and the Kubernetes API at the same time and
    read only, and judges what they answer against the model.
  - Asks only what it is told about. A system whose options are left out is not contacted and not judged.
  - A system that is not there yet, because this very run makes it, is no finding.
  - Every finding is told at once, each with a stable id, what it is about, the place in the inventory (file, line and
    key), the reason and, where it is known, what to do. Fails when a finding is an error. Warnings are returned and
    shown.
options:
  model:
    description:
      - The whole model, keyed by subject (C(cluster), C(nodes), C(networks), ...), which M(homeops.cluster.model_check)
        has found to be right.
    type: raw
    required: true
  inventory_sources:
    description: Files and directories of the inventory in which values are looked up to name their line.
    type: list
    elements: path
    default: []
  groups:
    description: The groups of the inventory with the names of their hosts, usually the variable C(groups).
    type: dict
    default: {}
  hosts:
    description: The hosts whose variables hold the model and the doors; they decide which files are looked at.
    type: list
    elements: str
    default: [localhost]
  phase:
    description: Only the checks of these phases; empty means all checks.
    type: list
    elements: str
    choices: [preflight, talos, kubernetes, cni, gitops, secrets, bgp, platform, identity, verify]
    default: []
  nodes:
    description: The nodes, as the filter P(homeops.cluster.node_doors#filter) returns them.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node in the model.
        type: str
      node:
        description: Address or name to connect to.
        type: str
        required: true
      port:
        description: Port of the Talos API.
        type: int
        default: 50000
      server_name:
        description: Name or address that the node's certificate must carry; what is connected to by default.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the public key that the node must have in maintenance.
        type: str
  talosconfig:
    description: Path of the talosconfig; one that does not exist yet is none.
    type: path
  secrets_file:
    description:
      - Path of the secrets bundle, plain or ansible-vault. It stands in for a talosconfig that is missing or has
        expired, and knows the CA of the API at the VIP.
    type: path
  secrets_elsewhere:
    description: The secrets bundle comes from elsewhere, so nodes of the cluster may be unknown to the controller.
    type: bool
    default: false
  renewed:
    description: Credentials that the run makes anew; their absence and their age are no findings.
    type: list
    elements: str
    choices: [talosconfig, kubeconfig]
    default: []
  vip:
    description: The address that moves between the control plane nodes.
    type: dict
    suboptions:
      host:
        description: Where the controller reaches it.
        type: str
        required: true
      port:
        description: Port of the Kubernetes API.
        type: int
        default: 6443
      server_name:
        description: Address that the API's certificate must carry; O(vip.host) by default.
        type: str
  kubeconfig:
    description: Path of the kubeconfig; one that does not exist yet is none.
    type: path
  console:
    description: The router's console, with the options of M(homeops.cluster.udm_bgp_info).
    type: dict
    suboptions:
      host:
        description: Address or name.
        type: str
        required: true
      port:
        description: Port of its HTTPS server.
        type: int
        default: 443
      api_key:
        description: API key.
        type: str
      username:
        description: Local account, when there is no key.
        type: str
      password:
        description: Its password.
        type: str
      site:
        description: Internal name of the site.
        type: str
        default: default
      validate_certs:
        description: Whether the certificate must be signed by a trusted CA.
        type: bool
        default: true
      ca_path:
        description: PEM file of the CA to trust.
        type: path
      fingerprint:
        description: SHA-256 fingerprint of its certificate.
        type: str
      timeout:
        description: Seconds that one request may take.
        type: int
        default: 15
      bgp:
        description: Whether its gateway has to be able to do BGP.
        type: bool
        default: false
      zone:
        description: Zone whose DNS records are looked at; none when left out.
        type: str
  bgp_proof:
    description:
      - How phase C(bgp) is to prove at its end that the router has every route; not judged when left out.
      - No system is asked for it.
    type: dict
    suboptions:
      state_command:
        description: The command that reaches the router's C(vtysh); empty when there is none.
        type: list
        elements: str
        default: []
      required:
        description: Whether the phase fails without that proof.
        type: bool
        default: true
  names:
    description: URLs whose hosts the controller has to resolve.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: A URL, or git's C(user@host:path). An address, a path or an empty text needs no resolver.
        type: str
        required: true
      variable:
        description: The inventory's variable that says it, without C(homeops_).
        type: str
        required: true
  items:
    description: The source of the secrets and what it must have.
    type: dict
    suboptions:
      source:
        description: Where items are read.
        type: str
        choices: [connect, file, service_account]
        default: connect
      url:
        description: URL of Connect.
        type: str
      token:
        description: Token of Connect.
        type: str
      vault:
        description: Name or id of the vault.
        type: str
      path:
        description: The file of items.
        type: path
      service_account_token:
        description: Token of a service account.
        type: str
      validate_certs:
        description: Whether the certificate of Connect must be trusted.
        type: bool
        default: true
      ca_path:
        description: PEM file of the CA of Connect.
        type: path
      timeout:
        description: Seconds for one request.
        type: int
        default: 10
      patience:
        description: Seconds for one question with all its tries.
        type: int
        default: 5
      items:
        description: The items, as in M(homeops.cluster.onepassword_item_info).
        type: list
        elements: dict
        default: []
      generates:
        description: The run makes what has a recipe, so that it is not missed.
        type: bool
        default: false
  login:
    description: Authentik, with the options of M(homeops.cluster.authentik_info).
    type: dict
    suboptions:
      url:
        description: Its root.
        type: str
        required: true
      token:
        description: Key of an API token.
        type: str
      door:
        description: C(host:port) to connect to instead.
        type: str
      ca_file:
        description: PEM file of the CA to trust.
        type: path
      validate_certs:
        description: Whether its certificate must be trusted.
        type: bool
        default: true
      timeout:
        description: Seconds for one request.
        type: int
        default: 5
  platform_first:
    description: The run brings the platform up before it uses it, so a server that starts may refuse for a while.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for one call of a node or of the Kubernetes API. Each system as a whole may take twice that and
        O(patience), and a node that is awaited while it boots twice that and O(boot_patience).
    type: int
    default: 10
  patience:
    description:
      - Seconds in which a node that does not answer is asked again while O(talosconfig) does not exist, when a wrong
        address is the likely cause, and in check mode.
    type: int
    default: 5
  boot_patience:
    description:
      - Seconds in which a node that does not answer is asked again when O(talosconfig) exists, because an earlier run
        has reached it and it may be booting. A node that answers at once is not waited for.
    type: int
    default: 180
extends_documentation_fragment:
  - homeops.cluster.ignore
attributes:
  check_mode:
    support: full
    description: The module changes nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
requirements:
  - netaddr
  - cryptography
seealso:
  - module: homeops.cluster.model_check
author:
  - The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Look at the nodes before they are touched
  homeops.cluster.live_check:
    model: "{{ homeops_model }}"
    inventory_sources: "{{ ansible_inventory_sources }}"
    groups: "{{ groups }}"
    phase: [talos]
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    secrets_file: "{{ homeops_state_dir }}/secrets.yaml"
    renewed: [talosconfig]
    vip:
      host: "{{ homeops_cluster.vip }}"

- name: See whether the router can do BGP
  homeops.cluster.live_check:
    model: "{{ homeops_model }}"
    phase: [bgp]
    console:
      host: 172.29.51.1
      api_key: "{{ homeops_unifi_key }}"
      fingerprint: "{{ homeops_console_fingerprint }}"
      bgp: true
"""

RETURN = r"""
findings:
  description: All findings, errors first, then warnings, then ignored ones.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the check.
      type: str
      sample: LIV001
    severity:
      description: C(error), C(warn) or C(ignore).
      type: str
    area:
      description: What the check is about.
      type: str
      sample: talos
    summary:
      description: What is wrong.
      type: str
    object:
      description: What of the systems it is about.
      type: str
      sample: node/mini01
    key:
      description: Key path in the inventory.
      type: str
      sample: homeops_nodes[1].address
    file:
      description: File of the value, V(null) when it does not come from a file of the inventory.
      type: str
    line:
      description: Line in the file.
      type: int
    where:
      description: Object, key, file and line in one text.
      type: str
      sample: node/mini02 homeops_nodes[1].address (inventories/home/group_vars/all/nodes.yml:6)
    why:
      description: What breaks.
      type: str
    use:
      description: What to do or to write instead, V(null) when it is not known.
      type: str
    reason:
      description: Why the inventory gives it another severity.
      type: str
counts:
  description: Number of findings per severity.
  returned: always
  type: dict
  sample: {error: 0, warn: 1, ignore: 0}
asked:
  description: The systems that were asked.
  returned: always
  type: list
  elements: str
  sample: [console, node/mini01, vip]
summary:
  description: The outcome in one line.
  returned: success
  type: str
  sample: no errors, 1 warning in 12 checks
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.authentik import session as logins
from ..module_utils.checks import engine, report, suppress
from ..module_utils.checks.registry import DOORS, ERROR, LIVE, PHASES, WARN
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError
from ..module_utils.common.runner import run_module
from ..module_utils.model import locate, world
from ..module_utils.onepassword import session as secrets
from ..module_utils.probes import run as probes
from ..module_utils.talos import options
from ..module_utils.unifi import session as consoles

_ITEMS: dict[str, Any] = {
    **secrets.ARGUMENTS,
    "timeout": {"type": "int", "default": 10},
    "patience": {"type": "int", "default": 5},
    "items": {"type": "list", "elements": "dict", "default": []},
    "generates": {"type": "bool", "default": False},
}
_LOGIN: dict[str, Any] = {
    **logins.ARGUMENTS,
    "token": {"type": "str", "no_log": True},
    "timeout": {"type": "int", "default": 5},
}

SPEC: dict[str, Any] = {
    "argument_spec": {
        "model": {"type": "raw", "required": True},
        "inventory_sources": {"type": "list", "elements": "path", "default": []},
        "groups": {"type": "dict", "default": {}},
        "hosts": {"type": "list", "elements": "str", "default": ["localhost"]},
        "phase": {"type": "list", "elements": "str", "choices": list(PHASES), "default": []},
        "ignore": suppress.IGNORE,
        "nodes": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}, **options.DOOR}},
        "talosconfig": {"type": "path"},
        "secrets_file": {"type": "path", "no_log": False},
        "secrets_elsewhere": {"type": "bool", "default": False, "no_log": False},
        "renewed": {"type": "list", "elements": "str", "choices": ["talosconfig", "kubeconfig"], "default": []},
        "vip": {
            "type": "dict",
            "options": {
                "host": {"type": "str", "required": True},
                "port": {"type": "int", "default": 6443},
                "server_name": {"type": "str"},
            },
        },
        "kubeconfig": {"type": "path"},
        "console": {
            "type": "dict",
            "options": {**consoles.ARGUMENTS, "bgp": {"type": "bool", "default": False}, "zone": {"type": "str"}},
        },
        "bgp_proof": {
            "type": "dict",
            "options": {
                "state_command": {"type": "list", "elements": "str", "default": []},
                "required": {"type": "bool", "default": True},
            },
        },
        "names": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"url": {"type": "str", "required": True}, "variable": {"type": "str", "required": True}},
        },
        "items": {"type": "dict", "options": _ITEMS},
        "login": {"type": "dict", "options": _LOGIN},
        "platform_first": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 10},
        "patience": {"type": "int", "default": 5},
        "boot_patience": {"type": "int", "default": 180},
    },
    "supports_check_mode": True,
}


class NotReady(HomeopsError):
    """The systems have errors; the message is the report of all of them."""

    def sentence(self) -> str:
        """Return the report as it is."""
        return self.attempted


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Look and judge; see DOCUMENTATION for the parameters and RETURN for the result.

    :raises NotReady: when a finding is an error.
    :raises InputError: when ``ignore`` names no check.
    """
    chosen = suppress.overrides(params["ignore"] or [])
    seen = probes.look(params, ctx)
    model = params["model"]
    groups = {str(name): list(hosts or []) for name, hosts in (params["groups"] or {}).items()}
    found = engine.run_checks(
        engine.Case(model=world.World(model, groups), live=seen.live, doors=seen.doors),
        where=_where(model, params, groups),
        phases=params["phase"] or [],
        overrides=chosen,
        scopes=(LIVE, DOORS),
    )
    # What nobody was asked about is not judged, and not to be counted as if it were.
    found.ran = [name for name in found.ran if name not in found.passed_over]
    result = {
        "changed": False,
        "findings": [finding.as_dict() for finding in found.findings],
        "counts": found.counts,
        "asked": seen.asked,
        "summary": report.headline(found),
    }
    for finding in found.of(WARN):
        ctx.warn(report.one_line(finding))
    if found.of(ERROR):
        raise NotReady(report.not_ready(found), facts={key: result[key] for key in ("findings", "counts", "asked")})
    return result


def _where(model: Any, params: Mapping[str, Any], groups: Mapping[str, list[str]]) -> engine.Where:
    """Return the function that places a path; files are read when there is something to place, host after host."""
    places: dict[str, engine.Where] = {}
    # Not of the model, and written without a template as a rule: its place is known by its value.
    values = {**(model if isinstance(model, Mapping) else {}), **_beside(params)}

    def where(path: Any) -> tuple[locate.Place | None, str]:
        found: tuple[locate.Place | None, str] = (None, engine.key_of(path))
        for host in params["hosts"]:
            if host not in places:
                locator = locate.Locator(params["inventory_sources"] or [], host, groups)
                places[host] = engine.in_inventory(values, locator)
            found = places[host](path)
            if found[0] is not None:
                break
        return found

    return where


def _beside(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of inventory variables that are none of the model's, by their names without ``homeops_``."""
    proof = params["bgp_proof"]
    return {"router_state_command": proof["state_command"]} if proof else {}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
