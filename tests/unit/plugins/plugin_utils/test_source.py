# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key a task's argument comes from: the chains that the roles have, and what must not be followed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.plugin_utils import source

ROOT = Path(__file__).resolve().parents[4]
REGISTERED = {"installer": "factory/x:v1", "changed": False, "failed": False}


def defaults(role: str) -> dict[str, Any]:
    """The defaults of a role, untemplated, as its tasks have them among their variables."""
    text = (ROOT / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def told(expression: Any, variables: Mapping[str, Any], *loop: str, part: str = "") -> str:
    return source.sentence(source.keys_of(expression, variables, loop, part=part))


@pytest.mark.parametrize(
    ("role", "expression", "expected"),
    [
        ("talos", "{{ talos_node }}", "set from ansible_host in the inventory"),
        (
            "talos",
            "{{ talos_secrets_file if not talos_secrets_text else omit }}",
            "set from homeops_talos_secrets_file in the inventory",
        ),
        ("talos", "{{ talos_secrets_text or omit }}", "set from homeops_talos_secrets_text in the inventory"),
        ("talos", "{{ talos_patches }}", "set from homeops_model in the inventory"),
        ("talos", "{{ talos_cluster_name }}", "set from homeops_cluster.name in the inventory"),
        ("talos", "{{ talos_spki_pin or omit }}", "set by the variable talos_spki_pin"),
        ("talos", "{{ talos_wait_timeout }}", "set by the variable talos_wait_timeout"),
        ("cilium", "{{ cilium_kubeconfig }}", "set from homeops_state_dir in the inventory"),
        ("udm_bgp", "{{ udm_bgp_api_key | default(omit, true) }}", "set from homeops_router_api_key in the inventory"),
        ("udm_bgp", "{{ udm_bgp_state_command }}", "set from homeops_router_state_command in the inventory"),
        ("udm_bgp", "{{ udm_bgp_host }}", "set from ansible_host in the inventory"),
        (
            "service_status",
            "{{ service_status_console_api_key | default(omit, true) }}",
            "set from homeops_router_api_key in the inventory",
        ),
        ("backup", "{{ backup_passphrase }}", "set from the environment variable HOMEOPS_BACKUP_PASSPHRASE"),
        ("kubernetes", "{{ kubernetes_nodes }}", "set from the group control_plane in the inventory"),
        ("rotate", "{{ rotate_connect_item }}", "set from homeops_secrets.items.connect_token in the inventory"),
        (
            "udm_bgp",
            "{{ udm_bgp_restore_from | default(udm_bgp_backup_dir, true) }}",
            "set from homeops_state_dir in the inventory",
        ),
    ],
)
def test_the_chains_of_the_roles_end_at_the_inventory(role: str, expression: str, expected: str) -> None:
    assert told(expression, defaults(role)) == expected


def test_what_a_person_gave_instead_of_a_default_is_named() -> None:
    variables = {**defaults("udm_bgp"), "udm_bgp_restore_from": "/kept/one.json"}
    expression = "{{ udm_bgp_restore_from | default(udm_bgp_backup_dir, true) }}"
    assert told(expression, variables) == "set by the variable udm_bgp_restore_from"
    assert (
        told("{{ talos_node }}", {**defaults("talos"), "talos_node": "127.0.0.1"}) == "set by the variable talos_node"
    )


def test_a_registered_result_a_loop_variable_and_ansible_s_own_are_left_out() -> None:
    variables = {"talos_installer": REGISTERED, "item": "x", "inner": {"a": 1}, "ansible_run_tags": ["all"]}
    assert told("{{ talos_installer.installer }}", variables) == ""
    assert told("{{ item }} {{ inner.a }}", variables, "item", "inner") == ""
    assert told("{{ ansible_run_tags }}{{ inventory_hostname }}{{ unknown | default(omit) }}", variables) == ""
    # What stands beside one is named all the same.
    assert told("{{ talos_installer.installer }}/{{ homeops_versions.talos }}", variables) == (
        "set from homeops_versions.talos in the inventory"
    )


def test_of_a_map_that_an_expression_writes_down_the_part_is_followed() -> None:
    variables = {
        "live_console": "{{ {'host': homeops_door, 'timeout': live_timeout} if x else {} }}",
        "live_timeout": "y",
    }
    assert told("{{ live_console }}", variables, part="timeout") == "set by the variable live_timeout"
    assert told("{{ live_console }}", variables) == "set from homeops_door in the inventory"


def test_variables_that_name_each_other_end() -> None:
    ring = {"a": "{{ b }}", "b": "{{ a }}"}
    assert told("{{ a }}", ring).startswith("set by the variable ")
    chain = {f"v{number}": f"{{{{ v{number + 1} }}}}" for number in range(50)}
    assert len(source.keys_of("{{ v0 }}", chain)) <= 1


def test_what_cannot_be_parsed_names_nothing() -> None:
    assert told("{{ homeops_x + }}", {}) == ""
    assert told(None, {}) == ""
    assert told(5, {}) == ""
    assert told("homeops_x", {}) == ""


class Watched(dict[str, Any]):
    """Variables that tell which of them were read."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.read: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.read.append(key)
        return super().get(key, default)


def test_the_value_of_a_key_of_the_inventory_is_not_even_read() -> None:
    variables = Watched({**defaults("talos"), "homeops_talos_secrets_text": "canary"})
    told("{{ talos_secrets_text or omit }}", variables)
    assert variables.read == ["talos_secrets_text"]


def test_a_place_follows_the_key_it_belongs_to() -> None:
    keys = source.keys_of("{{ homeops_a }}{{ homeops_b.c[0] }}", {})
    assert source.sentence(keys, lambda key: "all.yml:3" if key.name == "homeops_b" else "") == (
        "set from homeops_a, homeops_b.c[0] (all.yml:3) in the inventory"
    )
