# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What talos_apply decides: pure, for every mode, policy and state of a node."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import apply_plan, documents, goyaml
from ansible_collections.homeops.cluster.plugins.module_utils.talos.apply_plan import Observed, Plan, plan
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import NodeMode
from ansible_collections.homeops.cluster.plugins.module_utils.talos.documents import Document


def config(**machine: Any) -> list[Document]:
    body = {"version": "v1alpha1", "machine": {"type": "worker", "token": "s3cret", **machine}}
    return documents.decode(goyaml.dump(body))


A = config(sysctls={"a": "1"})
LIVE = config(sysctls={"a": "2"})
REBOOT = config(sysctls={"a": "1"}, udev={"rules": ["x"]})


def node(stored: list[Document], active: list[Document] | None = None, *, tried: bool = False) -> Observed:
    return Observed(NodeMode.CONFIGURED, stored, stored if active is None else active, "running", tried)


@pytest.mark.parametrize(
    ("mode", "policy", "wanted", "action", "sent"),
    [
        ("auto", "allow", LIVE, "live", "NO_REBOOT"),
        ("auto", "never", LIVE, "live", "NO_REBOOT"),
        ("auto", "allow", REBOOT, "reboot", "REBOOT"),
        ("auto", "staged", REBOOT, "stage", "STAGED"),
        ("no_reboot", "allow", LIVE, "live", "NO_REBOOT"),
        ("reboot", "allow", LIVE, "reboot", "REBOOT"),
        ("reboot", "staged", LIVE, "stage", "STAGED"),
        ("staged", "never", REBOOT, "stage", "STAGED"),
        ("try", "never", LIVE, "try", "TRY"),
    ],
)
def test_a_change(mode: str, policy: str, wanted: list[Document], action: str, sent: str) -> None:
    made = plan(wanted, node(A), mode=mode, reboot_policy=policy)
    assert (made.action, made.mode) == (action, sent)
    assert made.reboot_paths == (["machine.udev"] if wanted is REBOOT else [])


@pytest.mark.parametrize(
    ("mode", "policy", "wanted"),
    [("auto", "never", REBOOT), ("no_reboot", "allow", REBOOT), ("try", "allow", REBOOT), ("reboot", "never", LIVE)],
)
def test_what_is_refused_names_the_paths(mode: str, policy: str, wanted: list[Document]) -> None:
    with pytest.raises(InputError) as refusal:
        plan(wanted, node(A), mode=mode, reboot_policy=policy)
    assert ("machine.udev" in str(refusal.value)) is (wanted is REBOOT)
    assert refusal.value.param in ("reboot_policy", "mode")


@pytest.mark.parametrize("mode", apply_plan.MODES)
def test_nothing_to_do(mode: str) -> None:
    assert plan(A, node(A), mode=mode) == Plan("none")


def test_the_first_config_of_a_node() -> None:
    for mode in apply_plan.MODES:
        made = plan(A, Observed(NodeMode.MAINTENANCE), mode=mode, reboot_policy="never")
        assert (made.action, made.mode) == ("install", "AUTO")


@pytest.mark.parametrize("mode", ["auto", "no_reboot", "staged", "try"])
def test_a_staged_config_is_not_staged_again(mode: str) -> None:
    made = plan(REBOOT, node(REBOOT, A), mode=mode)
    assert not made.changed
    assert made.pending_reboot
    assert made.reboot_paths == ["machine.udev"]


def test_a_staged_config_is_activated_when_a_reboot_is_asked_for() -> None:
    assert plan(REBOOT, node(REBOOT, A), mode="reboot").mode == "REBOOT"
    assert not plan(REBOOT, node(REBOOT, A), mode="reboot", reboot_policy="never").changed


def test_a_tried_config() -> None:
    tried = node(A, LIVE, tried=True)
    again = plan(LIVE, tried, mode="try")
    assert (again.changed, again.try_open) == (False, True)
    assert plan(LIVE, tried).action == "commit"
    assert plan(LIVE, tried).mode == "NO_REBOOT"
    for mode in ("staged", "try"):
        left = plan(A, tried, mode=mode)
        assert (left.changed, left.try_open, left.pending_reboot) == (False, True, False)
    with pytest.raises(InputError, match="pending"):
        plan(config(sysctls={"a": "3"}), tried, mode="try")


@pytest.mark.parametrize("mode", ["auto", "no_reboot", "reboot"])
def test_a_tried_config_of_somebody_else_is_replaced_by_the_stored_one(mode: str) -> None:
    back = plan(A, node(A, LIVE, tried=True), mode=mode, reboot_policy="never")
    assert (back.action, back.mode, back.reboots) == ("live", "NO_REBOOT", False)
    assert "tried" in back.notes[0]


def test_a_staged_config_of_somebody_else_is_replaced_with_a_note() -> None:
    made = plan(LIVE, node(REBOOT, A))
    assert (made.action, made.mode) == ("live", "NO_REBOOT")
    assert "replaced" in made.notes[0]
    assert plan(A, node(REBOOT, A)).action == "commit"


CONFIGS = [A, LIVE, REBOOT, config(udev={}), config()]
WIRE = {"NO_REBOOT", "REBOOT", "STAGED", "TRY"}


def settle(made: Plan, wanted: list[Document], before: Observed) -> Observed:
    """The node after the plan, by Talos' table of modes (applied configs become active, stored or both)."""
    if made.mode in ("NO_REBOOT", "REBOOT"):
        return node(wanted)
    if made.mode == "STAGED":
        return node(wanted, list(before.active))
    return node(list(before.persistent), wanted, tried=True) if made.mode == "TRY" else before


@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(CONFIGS),
    st.sampled_from(CONFIGS),
    st.sampled_from(apply_plan.MODES),
    st.sampled_from(apply_plan.POLICIES),
    st.booleans(),
)
def test_the_second_run_changes_nothing(
    wanted: list[Document], stored: list[Document], active: list[Document], mode: str, policy: str, tried: bool
) -> None:
    before = node(stored, active, tried=tried and not documents.same(stored, active))
    try:
        first = plan(wanted, before, mode=mode, reboot_policy=policy)
    except InputError:
        return
    assert not first.changed or first.mode in WIRE
    assert not (first.reboots and policy != "allow")
    after = settle(first, wanted, before)
    second = plan(wanted, after, mode=mode, reboot_policy=policy)
    # an explicit reboot of what waits for one is the only thing left to do
    assert not second.changed or (mode == "reboot" and first.mode == "" and second.mode == "REBOOT")


def test_a_live_change_is_never_sent_in_a_mode_that_could_reboot() -> None:
    for stored, wanted in itertools.permutations(CONFIGS, 2):
        made = plan(wanted, node(stored))
        assert (made.mode == "REBOOT") is bool(made.reboot_paths)
        assert made.mode != "AUTO"


def test_the_diff_masks_secrets_and_still_shows_their_change() -> None:
    shown = apply_plan.masked_diff(config(token="other"), node(config()), "mini01: machine config")
    assert "s3cret" not in str(shown)
    assert "other" not in str(shown)
    assert shown["before"] != shown["after"]


def test_changed_paths_hold_no_values() -> None:
    assert apply_plan.changed_paths(LIVE, node(A)) == ["v1alpha1.machine.sysctls.a"]
    more = documents.decode(
        documents.encode(A) + "---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: x\nurl: udp://a:1\n"
    )
    assert apply_plan.changed_paths(more, node(A)) == ["KmsgLogConfig x"]
