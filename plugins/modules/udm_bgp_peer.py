#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declare a UniFi router's BGP neighbours and what passes between it and them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: udm_bgp_peer
short_description: Declare a UniFi router's BGP neighbours and their filters
version_added: 0.1.0
description:
  - Edits the FRR configuration that a UniFi console stores (Settings, Routing, BGP). Prefix lists and route maps stand
    in a block between two marker comments; inside C(router bgp) only the lines about the declared neighbours and the
    declared settings are touched. All other lines stay byte for byte and keep acting where they act.
  - A console restarts the routing daemon with every upload, so nothing is uploaded when nothing changes.
  - The result is judged before it is uploaded. What is declared must work, faults in other people's lines are warnings.
  - The whole object is read, changed and sent back; it is read again just before, and when somebody else has changed it
    meanwhile, the plan is made anew.
  - The console's API knows no session state. With O(state_command) the routing daemon is asked, and what does not work
    in time is taken back; without it only the stored text is checked, and the result says so.
options:
  name:
    description: Names the block and, in capitals, its lists and maps. Several blocks can live in one configuration.
    type: str
    default: homeops
  asn:
    description: AS number of the router.
    type: int
    required: true
  router_id:
    description: Router ID.
    type: str
  state:
    description:
      - V(present) adds and corrects what is declared, V(exact) also removes neighbours, groups and listen ranges that
        are not declared (of this router instance only), V(absent) removes the declared neighbours.
      - With V(absent) and no neighbours, all that use this block go, and with the last one the block itself. The router
        instance and its settings stay.
    type: str
    choices: [present, absent, exact]
    default: present
  neighbors:
    description: The neighbours. All lines about them are set; a line that already says what is wanted stays as written.
    type: list
    elements: dict
    suboptions: &neighbor
      address:
        description: Address of the neighbour.
        type: str
        required: true
      peer_group:
        description: Group of O(peer_groups) which says what is not said here.
        type: str
      ipv6_next_hop:
        description:
          - IPv6 next hop to set on what an IPv4 session brings; without it the next hops are IPv4-mapped addresses,
            which no kernel installs.
        type: str
      remote_as:
        description: AS number, V(internal) or V(external).
        type: str
      description:
        description: Text for people.
        type: str
      password:
        description: TCP MD5 password, one word. FRR and the console keep it in clear text.
        type: str
      keepalive:
        description: Seconds between keepalives; goes with O(neighbors[].hold).
        type: int
      hold:
        description: Seconds without a keepalive after which the session is down.
        type: int
      connect_retry:
        description: Seconds between attempts to connect.
        type: int
      update_source:
        description: Address or interface that the session comes from.
        type: str
      ebgp_multihop:
        description: How many hops away an external neighbour may be.
        type: int
      bfd:
        description: Whether BFD watches the neighbour.
        type: bool
        default: false
      passive:
        description: Whether the router waits to be called.
        type: bool
        default: false
      shutdown:
        description: Whether the session is kept down.
        type: bool
        default: false
      graceful_restart:
        description: Graceful restart of this neighbour, when it differs from the router's.
        type: str
        choices: [enabled, disabled, helper]
      families:
        description: Families that the session carries; by default that of the address.
        type: list
        elements: str
        choices: [ipv4, ipv6]
  neighbor:
    description: One neighbour, as a shorter form of O(neighbors).
    type: dict
    suboptions: *neighbor
  peer_groups:
    description: Groups which say what their members share.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      remote_as:
        description: AS number, V(internal) or V(external), of all members.
        type: str
      description:
        description: Text for people.
        type: str
      password:
        description: TCP MD5 password, one word. FRR and the console keep it in clear text.
        type: str
      keepalive:
        description: Seconds between keepalives; goes with O(peer_groups[].hold).
        type: int
      hold:
        description: Seconds without a keepalive after which the session is down.
        type: int
      connect_retry:
        description: Seconds between attempts to connect.
        type: int
      update_source:
        description: Address or interface that the sessions come from.
        type: str
      ebgp_multihop:
        description: How many hops away external members may be.
        type: int
      bfd:
        description: Whether BFD watches the members.
        type: bool
        default: false
      passive:
        description: Whether the router waits to be called.
        type: bool
        default: false
      shutdown:
        description: Whether the sessions are kept down.
        type: bool
        default: false
      graceful_restart:
        description: Graceful restart of the members, when it differs from the router's.
        type: str
        choices: [enabled, disabled, helper]
      families:
        description: Families that the sessions carry; IPv4 by default.
        type: list
        elements: str
        choices: [ipv4, ipv6]
  listen_ranges:
    description: Networks from which neighbours may call without being declared one by one.
    type: list
    elements: dict
    default: []
    suboptions:
      prefix:
        description: The network.
        type: str
        required: true
      peer_group:
        description: Group which the callers join.
        type: str
        required: true
  listen_limit:
    description: How many such neighbours there may be.
    type: int
  policies:
    description: What passes, per family. A family without a policy cannot be carried by any neighbour.
    type: dict
    suboptions:
      ipv4:
        description: What passes in IPv4.
        type: dict
        suboptions: &policy
          accept:
            description: Prefixes taken from the neighbours; nothing else is.
            type: list
            elements: dict
            default: []
            suboptions:
              prefix:
                description: The network that holds them.
                type: str
                required: true
              ge:
                description: Shortest prefix length that passes.
                type: int
              le:
                description: Longest prefix length that passes; without O(policies.ipv4.accept[].ge) and this one, only
                  the network itself passes.
                type: int
          announce:
            description: Networks sent to the neighbours, exactly these; nothing else is.
            type: list
            elements: str
            default: []
          originate:
            description: Whether the router itself brings them into BGP (C(network), C(no bgp network import-check)).
            type: bool
            default: false
          maximum_paths:
            description: ECMP width.
            type: int
          local_preference:
            description: Local preference given to what is taken.
            type: int
          communities:
            description: Communities added to what is taken.
            type: list
            elements: str
            default: []
          maximum_prefix:
            description: Warn when a neighbour sends more prefixes than this.
            type: int
      ipv6:
        description: What passes in IPv6.
        type: dict
        suboptions: *policy
  graceful_restart:
    description: Whether the router restarts gracefully; left alone when not given.
    type: bool
  restart_seconds:
    description: How long neighbours are asked to keep our routes through a restart.
    type: int
  stale_path_seconds:
    description: How long routes of a restarting neighbour are kept.
    type: int
  multipath_relax:
    description: Whether paths over different ASes are used together; left alone when not given.
    type: bool
  enabled:
    description: Whether the console runs the configuration. Always sent, because a console takes its absence for no.
    type: bool
    default: true
  description:
    description:
      - The console's own description of the configuration, its first 128 letters; left alone when not given, and with
        O(state=absent).
      - Another description is a change like any other, so its upload interrupts the sessions too.
    type: str
  backup_dir:
    description:
      - Directory of this controller in which every configuration is kept before it is replaced, one file each, named by
        site, time and checksum.
      - The files hold the passwords that are in the text. They have mode 0600, new directories 0700.
    type: path
  wait:
    description: Wait for what O(wait_for) says, and take the change back when it does not come. Needs O(state_command).
    type: bool
    default: false
  wait_for:
    description:
      - V(accepted) waits until every declared neighbour is Established, has brought O(minimum_prefixes), and all of
        O(expected_prefixes) are accepted. Stale routes do not count.
      - V(kept) waits until the sessions that were up before and the routes that were accepted before are back. A
        session whose AS, password or C(shutdown) changes, or whose neighbour goes, is not waited for, because its far
        end has to change as well. The result names it in RV(not_awaited).
      - After an upload the router also has to show that it runs the new text, by a restart of its sessions or by the
        configuration that it runs. If it does not within O(wait_timeout), the result says V(stored text) with a
        warning.
    type: str
    choices: [accepted, kept]
    default: accepted
  wait_timeout:
    description: Seconds for each wait.
    type: int
    default: 60
  minimum_prefixes:
    description: How many accepted prefixes every declared neighbour must have brought.
    type: int
    default: 0
  expected_prefixes:
    description: Prefixes that must be accepted. A declaration which refuses one of them itself is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      prefix:
        description: The prefix, such as V(172.29.52.200/32).
        type: str
        required: true
      neighbors:
        description: From each of these neighbours; from any one when empty.
        type: list
        elements: str
        default: []
      paths:
        description: ECMP width that it must have at least.
        type: int
        default: 1
  rollback:
    description: Whether a change that does not work in time is taken back.
    type: bool
    default: true
  state_command:
    description:
      - Command that answers C(-c '<show command>') as the router's C(vtysh) does, word by word, such as
        C([ssh, -o, BatchMode=yes, admin@172.29.51.1, vtysh]). Behind C(ssh) the show command is quoted for the far
        side's shell.
      - The collection starts no program unless this option or O(validate_command) names one.
    type: list
    elements: str
    default: []
  validate_command:
    description:
      - Command of a C(vtysh) or C(bgpd) of this controller which reads the text without using it, before the upload. A
        rejected line of the declaration is an error, one of somebody else a warning.
      - V([auto]) asks both, before an upload, when they are where FRR's packages put them or in E(PATH); a controller
        without FRR goes on without.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homeops.cluster.unifi
attributes:
  check_mode:
    description: Plans and judges against what the console holds, uploads nothing.
    support: full
  diff_mode:
    description: The text before and after, passwords masked.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Three nodes, with what they may announce
  homeops.cluster.udm_bgp_peer:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    fingerprint: "{{ homeops_router_fingerprint }}"
    name: home-ops
    asn: 64513
    router_id: 172.29.51.1
    peer_groups:
      - {name: home-ops, remote_as: "64512", keepalive: 30, hold: 90, families: [ipv4]}
    neighbors:
      - {address: 172.29.51.11, peer_group: home-ops, description: mini01}
      - {address: 172.29.51.12, peer_group: home-ops, description: mini02}
      - {address: 172.29.51.13, peer_group: home-ops, description: mini03}
    policies:
      ipv4:
        accept:
          - {prefix: 172.29.52.0/24, ge: 32}
          - {prefix: 10.244.0.0/16, ge: 24, le: 24}
        maximum_paths: 3
    backup_dir: ~/udm-bgp

- name: One more neighbour, then wait for its routes
  homeops.cluster.udm_bgp_peer:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    asn: 64513
    name: lab
    neighbor:
      address: 172.29.51.21
      remote_as: "64600"
    policies:
      ipv4:
        accept: [{prefix: 172.29.53.0/24, le: 32}]
    state_command: [/usr/local/bin/udm-vtysh]
    wait: true
    expected_prefixes:
      - {prefix: 172.29.53.10/32, neighbors: [172.29.51.21]}

- name: Take it away again
  homeops.cluster.udm_bgp_peer:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    asn: 64513
    name: lab
    state: absent
"""

RETURN = r"""
checked:
  description:
    - What success was judged by, V(stored text) or V(sessions and routes).
    - After a wait, V(stored text) means that nothing is missing, but that the router was not seen to run the new text.
  returned: always
  type: str
checksum:
  description: SHA-256 of the text that the console holds, in check mode of the one it would hold.
  returned: always
  type: str
previous_checksum:
  description: SHA-256 of the text that it held before.
  returned: always
  type: str
uploaded:
  description: Whether anything was uploaded.
  returned: always
  type: bool
backup:
  description: File that the replaced configuration is kept in; empty when there is none.
  returned: always
  type: str
faults:
  description: Faults of the resulting text, those of other people's lines included.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Short stable name.
      type: str
    severity:
      description: error or warn.
      type: str
    line:
      description: Line number.
      type: int
    message:
      description: The fault in words.
      type: str
    peer:
      description: Neighbour that it is about.
      type: str
live:
  description: Sessions and routes as the daemon tells them.
  returned: when O(state_command) is given and the wait was made
  type: dict
not_awaited:
  description: Neighbours whose session was up and cannot come back before their own side is changed too.
  returned: after an upload, with a wait for what worked before
  type: list
  elements: str
rolled_back:
  description: Whether the earlier configuration was put back.
  returned: when a wait failed after a change
  type: bool
reports:
  description: What was missing after the change, and after it was taken back.
  returned: when a wait failed after a change
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.frr import options, state_command
from ..module_utils.unifi import bgp_change, bgp_plan, session
from ..module_utils.unifi.bgp_config import BgpConfig, checksum
from ..module_utils.unifi.bgp_wait import Watch

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        **options.ARGUMENTS,
        "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
        "enabled": {"type": "bool", "default": True},
        "description": {"type": "str"},
        "backup_dir": {"type": "path"},
        "wait": {"type": "bool", "default": False},
        "wait_for": {"type": "str", "choices": ["accepted", "kept"], "default": "accepted"},
        "wait_timeout": {"type": "int", "default": 60},
        "minimum_prefixes": {"type": "int", "default": 0},
        "expected_prefixes": options.EXPECTED,
        "rollback": {"type": "bool", "default": True},
        "state_command": {"type": "list", "elements": "str", "default": []},
        "validate_command": {"type": "list", "elements": "str", "default": []},
    },
    "mutually_exclusive": [["neighbors", "neighbor"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Plan, judge, upload, wait; see DOCUMENTATION."""
    desired = options.declaration(params)
    expected = options.expectations(params["expected_prefixes"])
    if params["wait"] and not params["state_command"]:
        raise InputError(
            "waiting needs a state_command",
            answer="the console's API knows the stored text only, neither sessions nor routes",
            remedy="Give the command that reaches the router's vtysh, or leave wait out",
            param="state_command",
        )
    shell = state_command.Shell(tuple(params["state_command"]))
    with session.connect(params, ctx) as client:
        store = BgpConfig(client, params["site"])
        made, before, written, kept_in = bgp_change.apply(store, desired, expected, shell, params, ctx)
        result: dict[str, Any] = {
            "changed": made.changed,
            "uploaded": written is not None,
            "checksum": checksum(made.after),
            "previous_checksum": made.before.checksum,
            "backup": kept_in,
            "faults": bgp_plan.told(made.faults),
            "checked": "stored text",
        }
        if ctx.diff_mode:
            result["diff"] = made.diff(f"BGP configuration of site {params['site']} on {params['host']}")
        # What the console keeps switched off has neither sessions nor routes.
        if params["wait"] and not ctx.check_mode and made.enabled:
            watch = Watch(shell, params["host"], params["wait_timeout"], ctx)
            bgp_change.prove(store, made, desired, expected, before, written, watch, params, result)
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
