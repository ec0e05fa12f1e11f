# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration may stop anywhere, begin again anywhere, and turn back: no node is ever without a policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import migrate
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.migrate import Do, Form, State, Step

NODES = ("mini01", "mini02", "mini03")
LABELS = st.frozensets(st.sampled_from([*NODES, "elsewhere"]))
DIRECTIONS = {migrate.to_v2: (Form.NONE, Form.WHOLE), migrate.to_legacy: (Form.WHOLE, Form.NONE)}
Planner = Callable[[State], list[Step]]


def served(state: State) -> bool:
    """Whether some policy selects every node."""
    return state.legacy_nodes() | state.new_nodes() == frozenset(state.nodes)


def walk(state: State, plan: Planner, stop: int | None = None) -> State:
    """Take steps, at most ``stop`` of them; every state on the way must serve every node."""
    for step in plan(state)[:stop]:
        state = migrate.after(state, step)
        assert served(state), step
    return state


def at_rest(state: State, plan: Planner) -> bool:
    return (state.policy, state.cluster) == DIRECTIONS[plan] and not state.labelled


STARTS = st.sampled_from(
    [
        State(Form.WHOLE, Form.NONE, NODES, frozenset()),
        State(Form.NONE, Form.WHOLE, NODES, frozenset()),
    ]
)


@given(STARTS, st.lists(st.tuples(st.sampled_from(list(DIRECTIONS)), st.integers(0, 12)), max_size=6))
@settings(max_examples=400, deadline=None)
def test_stopped_and_turned_around_at_will(state: State, ways: list[tuple[Planner, int]]) -> None:
    for plan, steps in ways:
        state = walk(state, plan, steps)
    for plan in DIRECTIONS:
        ended = walk(state, plan)
        assert at_rest(ended, plan)
        assert plan(ended) == []


@given(st.sampled_from(list(Form)), st.sampled_from(list(Form)), LABELS, st.sampled_from(list(DIRECTIONS)))
@settings(max_examples=300, deadline=None)
def test_from_any_state_that_somebody_left_behind(
    policy: Form, cluster: Form, labels: frozenset[str], plan: Planner
) -> None:
    state = State(policy, cluster, NODES, labels)
    if policy is Form.NONE and cluster is Form.NONE:
        assert plan(state) == []
        return
    before = served(state)
    for step in plan(state):
        state = migrate.after(state, step)
        assert served(state) or not before, step
    assert at_rest(state, plan)


@given(STARTS, st.sampled_from(list(DIRECTIONS)), st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_a_node_that_joins_meanwhile_is_served(state: State, plan: Planner, moment: int) -> None:
    state = walk(state, plan, moment)
    joined = State(state.policy, state.cluster, (*state.nodes, "mini04"), state.labelled)
    assert served(joined)
    assert at_rest(walk(joined, plan), plan)


def test_one_node_moves_at_a_time() -> None:
    state = State(Form.WHOLE, Form.NONE, NODES, frozenset())
    steps = migrate.to_v2(state)
    assert [step.node for step in steps if step.hands_over] == list(NODES)
    for step in steps:
        later = migrate.after(state, step)
        moved = state.legacy_nodes() ^ later.legacy_nodes()
        assert len(moved) <= 1
        assert bool(moved) == step.hands_over
        state = later


def test_the_steps_are_told_in_order() -> None:
    texts = [step.text("home") for step in migrate.to_v2(State(Form.WHOLE, Form.NONE, ("a",), frozenset()))]
    assert texts == [
        "have CiliumBGPPeeringPolicy home select every node without the label",
        "have CiliumBGPClusterConfig home select every node with the label",
        "label node a: the new kinds take it over, then wait until its sessions stand",
        "have CiliumBGPClusterConfig home select all its nodes",
        "delete CiliumBGPPeeringPolicy home",
        "take the label off node a",
    ]


@pytest.mark.parametrize("do", [Do.POLICY, Do.CLUSTER])
@pytest.mark.parametrize("base", [None, {"matchLabels": {"kubernetes.io/os": "linux"}}])
def test_a_split_selector_is_recognised(do: Do, base: dict[str, dict[str, str]] | None) -> None:
    split = migrate.split_selector(base, do)
    assert migrate.form_of({"spec": {"nodeSelector": split}}) is Form.SPLIT
    assert migrate.form_of({"spec": {"nodeSelector": base}}) is Form.WHOLE
    assert migrate.form_of(None) is Form.NONE
