# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When etcd may be restored: never beside one that serves, never over data that nobody named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos.bootstrap import Standing
from ansible_collections.homeops.cluster.plugins.module_utils.talos.recovery_plan import Act, decide

NAMES = ("mini01", "mini02", "mini03")
S = Standing


def told(*standings: Standing) -> dict[str, Standing]:
    return dict(zip(NAMES, standings, strict=True))


@pytest.mark.parametrize(
    ("standings", "wipe", "act", "text"),
    [
        ((S.EMPTY, S.EMPTY, S.EMPTY), (), Act.RESTORE, "no control plane has etcd data"),
        ((S.MEMBERS, S.EMPTY, S.EMPTY), NAMES, Act.REFUSE, "etcd serves on mini01"),
        ((S.DATA, S.DATA, S.EMPTY), ("mini01",), Act.REFUSE, "^mini02 has data"),
        ((S.DATA, S.UNREACHABLE, S.EMPTY), ("mini01",), Act.WAIT, "mini02 unreachable"),
        ((S.EMPTY, S.BOOTING, S.EMPTY), (), Act.WAIT, "mini02 still booting"),
        ((S.EMPTY, S.MAINTENANCE, S.EMPTY), (), Act.REFUSE, "mini02 in maintenance"),
        ((S.EMPTY, S.WORKER, S.EMPTY), (), Act.REFUSE, "mini02 cannot hold etcd"),
        ((S.EMPTY, S.EMPTY, S.EMPTY), ("mini9",), Act.REFUSE, "mini9 is none of mini01, mini02, mini03"),
    ],
)
def test_what_follows(standings: tuple[Standing, ...], wipe: tuple[str, ...], act: Act, text: str) -> None:
    decision = decide(told(*standings), wipe)
    assert decision.act is act
    assert re.search(text, decision.why)


def test_only_data_is_wiped() -> None:
    decision = decide(told(S.DATA, S.EMPTY, S.DATA), NAMES)
    assert (decision.act, decision.wipe) == (Act.RESTORE, ("mini01", "mini03"))


def test_only_time_tells_a_lost_etcd_from_one_that_starts() -> None:
    assert decide(told(S.DATA, S.EMPTY, S.EMPTY), NAMES).watched
    assert decide(told(S.DATA, S.EMPTY, S.EMPTY), ()).watched
    assert not decide(told(S.EMPTY, S.EMPTY, S.EMPTY), NAMES).watched
    assert not decide(told(S.MEMBERS, S.DATA, S.EMPTY), NAMES).watched


def test_check_mode_counts_on_the_steps_before() -> None:
    assert decide(told(S.MAINTENANCE, S.BOOTING, S.EMPTY), (), planned=True).act is Act.RESTORE
    assert decide(told(S.MAINTENANCE, S.UNREACHABLE, S.EMPTY), (), planned=True).act is Act.WAIT


@given(st.tuples(*[st.sampled_from(list(S))] * 3), st.sets(st.sampled_from(NAMES)))
def test_nothing_is_lost_that_was_not_named(standings: tuple[Standing, ...], wipe: set[str]) -> None:
    decision = decide(told(*standings), wipe)
    assert set(decision.wipe) <= wipe
    if decision.act is Act.RESTORE:
        assert set(standings) <= {S.EMPTY, S.DATA}
        assert all(name in decision.wipe for name, one in told(*standings).items() if one is S.DATA)
    else:
        assert not decision.wipe
