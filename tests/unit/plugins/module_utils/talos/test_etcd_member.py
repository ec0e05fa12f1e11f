# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which member of etcd may be removed: a dead one, by a quorum of the others, and no data that nobody named."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import EtcdMember, EtcdStatus
from ansible_collections.homeops.cluster.plugins.module_utils.talos.etcd_member import Wanted, plan
from ansible_collections.homeops.cluster.plugins.module_utils.talos.quorum import View

MEMBERS = [EtcdMember(number, f"mini0{number}", [], [], False) for number in (1, 2, 3)]


def view(number: int, up: bool = True, members: list[EtcdMember] | None = None) -> View:
    name = f"mini0{number}"
    if not up:
        return View(name, problem="connection refused")
    return View(name, members or MEMBERS, EtcdStatus(number, 1, False, 0, 0, 0, 0, 0, []))


def test_a_dead_member_goes_and_its_node_is_wiped_when_it_is_named() -> None:
    views = [view(1), view(2, up=False), view(3)]
    found = plan(Wanted("mini02", wipe=True), views, has_data=True)
    assert (found.refusal, found.member, found.through, found.wipe) == ("", MEMBERS[1], "mini01", True)
    assert list(found.stay) == ["mini01", "mini03"]
    refused = plan(Wanted("mini02"), views, has_data=True)
    assert "not named" in refused.refusal
    bare = plan(Wanted("mini02"), views, has_data=False)
    assert (bare.member, bare.wipe) == (MEMBERS[1], False)


def test_a_member_that_serves_is_left_alone() -> None:
    found = plan(Wanted("mini02", wipe=True), [view(1), view(2), view(3)], has_data=True)
    assert not found.changed
    assert not found.refusal
    by_id = plan(Wanted("", "0000000000000002"), [view(1), view(2), view(3)], has_data=False)
    assert "serves; only a dead one is removed" in by_id.refusal


@pytest.mark.parametrize(
    ("views", "text"),
    [
        ([view(1, up=False), view(2, up=False), view(3, up=False)], "no etcd has a leader"),
        ([view(1), view(2, up=False), view(3, up=False)], "which is no quorum without it"),
    ],
)
def test_without_a_quorum_of_the_others_nothing_is_removed(views: list[View], text: str) -> None:
    assert text in plan(Wanted("mini02", wipe=True), views, has_data=True).refusal


def test_a_stranger_is_removed_by_its_id() -> None:
    members = [*MEMBERS, EtcdMember(9, "", [], [], False)]
    views = [view(number, members=members) for number in (1, 2, 3)]
    found = plan(Wanted("", "0000000000000009"), views, has_data=False)
    assert (found.refusal, found.member, found.wipe) == ("", members[3], False)


def test_a_node_whose_member_is_gone_already_is_only_wiped() -> None:
    views = [view(1, members=MEMBERS[::2]), view(2, up=False), view(3, members=MEMBERS[::2])]
    found = plan(Wanted("mini02", wipe=True), views, has_data=True)
    assert (found.refusal, found.member, found.wipe, found.changed) == ("", None, True, True)


@given(st.tuples(st.booleans(), st.booleans(), st.booleans()), st.sampled_from([1, 2, 3]), st.booleans(), st.booleans())
def test_never_a_serving_member_never_data_unnamed(
    up: tuple[bool, bool, bool], number: int, wipe: bool, has_data: bool
) -> None:
    views = [view(one, up=here) for one, here in zip((1, 2, 3), up, strict=True)]
    found = plan(Wanted(f"mini0{number}", wipe=wipe), views, has_data=has_data)
    if found.refusal:
        assert not found.changed
    if found.changed:
        assert not up[number - 1]
        assert sum(up) == 2
        assert not found.wipe or (wipe and has_data)
