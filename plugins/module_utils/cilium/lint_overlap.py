# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that show only when nodes are looked at: who else speaks for a node. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from . import kinds, selectors
from .findings import Around, Body, Finding

_EFFECT = {
    (kinds.LEGACY, kinds.LEGACY): "the agent removes every session of a node that two policies select",
    (kinds.CLUSTER, kinds.CLUSTER): "only the first one gets the node, the other is ignored there",
    (kinds.LEGACY, kinds.CLUSTER): "the legacy policy wins on the node, the new kinds are ignored there",
}


def selected(body: Body, around: Around) -> frozenset[str] | None:
    """Return the nodes that a policy or ClusterConfig selects, None when the nodes are not known."""
    if around.nodes is None:
        return None
    wanted = kinds.spec_of(body).get("nodeSelector")
    return frozenset(name for name, labels in around.nodes.items() if selectors.matches(wanted, labels, absent=True))


def findings(objects: list[Body], around: Around) -> Iterator[Finding]:
    """Judge each pair of policies and ClusterConfigs."""
    policies = [*kinds.of_kind(objects, kinds.LEGACY), *kinds.of_kind(objects, kinds.CLUSTER)]
    for one, other in combinations(policies, 2):
        pair = (str(one["kind"]), str(other["kind"]))
        if around.migrating and pair == (kinds.LEGACY, kinds.CLUSTER) and kinds.name_of(one) == kinds.name_of(other):
            continue
        nodes = _shared(one, other, around)
        if nodes is not None:
            where = f"node{'s' * (len(nodes) != 1)} {', '.join(nodes)}" if nodes else "their nodes"
            yield Finding(
                *(12, kinds.title(other), "spec.nodeSelector", kinds.spec_of(other).get("nodeSelector")),
                f"{kinds.title(one)} selects {where} too: {_EFFECT[pair]}",
                *("selectors that share no node, or delete one of the two", "BGP014"),
                other=kinds.title(one),
            )


def _shared(one: Body, other: Body, around: Around) -> list[str] | None:
    """Return the nodes that both select, None when there are none; without known nodes, judge by the selectors."""
    first, second = selected(one, around), selected(other, around)
    if first is None or second is None:
        return None if _disjoint(one, other) else []
    return sorted(first & second) or None


def _disjoint(one: Body, other: Body) -> bool:
    """Whether two selectors can be seen to share no node: closed lists of values of one label, or In and NotIn."""
    left, right = kinds.spec_of(one).get("nodeSelector"), kinds.spec_of(other).get("nodeSelector")
    for here, there in ((left, right), (right, left)):
        for key in _keys(here):
            mine, theirs = selectors.allowed(here, key), selectors.allowed(there, key)
            if mine is not None and theirs is not None and not mine & theirs:
                return True
            barred = {
                value
                for entry in (there or {}).get("matchExpressions") or []
                if entry.get("key") == key and entry.get("operator") == "NotIn"
                for value in entry.get("values") or []
            }
            if mine is not None and mine <= barred:
                return True
    return False


def _keys(selector: selectors.Selector | None) -> set[str]:
    return set((selector or {}).get("matchLabels") or {}) | {
        str(entry.get("key")) for entry in (selector or {}).get("matchExpressions") or []
    }
