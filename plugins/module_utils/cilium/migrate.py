# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from one schema to the other, node by node, such that some policy selects every node at every moment. No I/O.

One label tells the nodes apart: the legacy policy asks for ``NotIn`` its value, which fits unlabelled nodes too, and
the CiliumBGPClusterConfig for ``In``. Changing one node's label hands that node over in one write. While both kinds
select a node, the legacy policy wins (cilium/cilium ``Documentation/network/bgp-control-plane``), so what is created
meanwhile changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from . import kinds, selectors


class Form(StrEnum):
    """How much of its nodes an object selects."""

    NONE = "none"
    WHOLE = "whole"
    #: Only the nodes that the label gives it.
    SPLIT = "split"


class Do(StrEnum):
    """What one step does."""

    POLICY = "policy"
    CLUSTER = "cluster"
    LABEL = "label"
    UNLABEL = "unlabel"


@dataclass(frozen=True)
class State:
    """What the API holds.

    :param nodes: the nodes that the policy is about, in the order in which they move.
    :param labelled: every node that carries the label, also ones that the policy is not about.
    """

    policy: Form
    cluster: Form
    nodes: tuple[str, ...]
    labelled: frozenset[str]

    def legacy_nodes(self) -> frozenset[str]:
        """Return the nodes that the legacy policy selects."""
        if self.policy is Form.NONE:
            return frozenset()
        return frozenset(self.nodes) - (self.labelled if self.policy is Form.SPLIT else frozenset())

    def new_nodes(self) -> frozenset[str]:
        """Return the nodes that the ClusterConfig selects; it may be ignored there."""
        if self.cluster is Form.NONE:
            return frozenset()
        return frozenset(self.nodes) & (self.labelled if self.cluster is Form.SPLIT else frozenset(self.nodes))


@dataclass(frozen=True)
class Step:
    """One write.

    :param form: what the object selects afterwards; NONE = it is deleted.
    :param hands_over: the node changes its schema: wait until it stands before the next step.
    """

    do: Do
    form: Form = Form.NONE
    node: str = ""
    hands_over: bool = False

    def text(self, name: str) -> str:
        """Say what the step does.

        :param name: the policy's name.
        """
        if self.do is Do.LABEL:
            rest = ": the new kinds take it over, then wait until its sessions stand" if self.hands_over else ""
            return f"label node {self.node}{rest}"
        if self.do is Do.UNLABEL:
            rest = ": the legacy policy takes it over, then wait until the new kinds have left it"
            return f"take the label off node {self.node}{rest if self.hands_over else ''}"
        kind = kinds.LEGACY if self.do is Do.POLICY else kinds.CLUSTER
        if self.form is Form.NONE:
            more = " and what it refers to" if self.do is Do.CLUSTER else ""
            return f"delete {kind} {name}{more}"
        which = {
            (Do.POLICY, Form.SPLIT): "every node without the label",
            (Do.CLUSTER, Form.SPLIT): "every node with the label",
        }.get((self.do, self.form), "all its nodes")
        return f"have {kind} {name} select {which}"


def after(state: State, step: Step) -> State:
    """Return the state that a step leaves behind."""
    if step.do is Do.POLICY:
        return replace(state, policy=step.form)
    if step.do is Do.CLUSTER:
        return replace(state, cluster=step.form)
    if step.do is Do.LABEL:
        return replace(state, labelled=state.labelled | {step.node})
    return replace(state, labelled=state.labelled - {step.node})


def form_of(body: Mapping[str, Any] | None) -> Form:
    """Return how much of its nodes a live policy or ClusterConfig selects."""
    if body is None:
        return Form.NONE
    return Form.SPLIT if selectors.asks(kinds.spec_of(body).get("nodeSelector"), kinds.MOVED_LABEL) else Form.WHOLE


def split_selector(selector: Mapping[str, Any] | None, do: Do) -> dict[str, Any]:
    """Return the selector of an object that shares its nodes with the other kind."""
    operator = "NotIn" if do is Do.POLICY else "In"
    return selectors.narrowed(selector, kinds.MOVED_LABEL, operator, kinds.MOVED_VALUE)


def to_v2(state: State) -> list[Step]:
    """Return the steps that are left until the new kinds alone select every node; empty when nothing is left."""
    plan = _Plan(state)
    if plan.state.policy is Form.NONE:
        if plan.state.cluster is Form.SPLIT:
            plan.add(Step(Do.CLUSTER, Form.WHOLE))
        if plan.state.cluster is not Form.NONE:
            plan.unlabel()
        return plan.steps
    if plan.state.policy is Form.WHOLE or plan.state.cluster is Form.NONE:
        # Nodes that carry a label from before would fall out of the policy once it asks for none.
        plan.unlabel()
    plan.policy(Form.SPLIT)
    plan.cluster(Form.SPLIT)
    for node in plan.state.nodes:
        if node not in plan.state.labelled:
            plan.add(Step(Do.LABEL, node=node, hands_over=True))
    # Wide before the policy goes: a node that joins meanwhile has no label.
    plan.cluster(Form.WHOLE)
    plan.policy(Form.NONE)
    plan.unlabel()
    return plan.steps


def to_legacy(state: State) -> list[Step]:
    """Return the steps that are left until the legacy policy alone selects every node; empty when nothing is left."""
    plan = _Plan(state)
    if plan.state.cluster is Form.NONE:
        if plan.state.policy is Form.SPLIT:
            plan.unlabel()
            plan.policy(Form.WHOLE)
        elif plan.state.policy is Form.WHOLE:
            plan.unlabel()
        return plan.steps
    if plan.state.policy is Form.NONE:
        # Everybody is labelled while the label means nothing yet, so that the new policy begins with no node.
        for node in plan.state.nodes:
            if node not in plan.state.labelled:
                plan.add(Step(Do.LABEL, node=node))
        plan.policy(Form.SPLIT)
    if plan.state.policy is Form.SPLIT:
        plan.cluster(Form.SPLIT)
        for node in plan.state.nodes:
            if node in plan.state.labelled:
                plan.add(Step(Do.UNLABEL, node=node, hands_over=True))
        plan.policy(Form.WHOLE)
    plan.cluster(Form.NONE)
    plan.unlabel()
    return plan.steps


class _Plan:
    """Steps, and the state that they lead to."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.steps: list[Step] = []

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self.state = after(self.state, step)

    def policy(self, form: Form) -> None:
        if self.state.policy is not form:
            self.add(Step(Do.POLICY, form))

    def cluster(self, form: Form) -> None:
        if self.state.cluster is not form:
            self.add(Step(Do.CLUSTER, form))

    def unlabel(self) -> None:
        for node in sorted(self.state.labelled):
            self.add(Step(Do.UNLABEL, node=node))
