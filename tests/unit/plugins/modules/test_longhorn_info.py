# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""longhorn_info: a node may go, may go after a wait, or may not go; and what is said then."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn import healing
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn.replicas import VolumeRow
from ansible_collections.homeops.cluster.plugins.modules import longhorn_info

GOOD = VolumeRow("a", "db/a", 1, "attached", "healthy", 2, ("mini01", "mini02"))
HEALING = VolumeRow("a", "db/a", 1, "attached", "degraded", 2, ("mini02",))
FAULTED = VolumeRow("b", "db/b", 1, "attached", "faulted", 2, ())


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[list[VolumeRow]]:
    """What Longhorn says at each look, the last one for ever."""
    answers: list[list[VolumeRow]] = []
    monkeypatch.setattr(longhorn_info.session, "connect", lambda params, ctx: nullcontext())
    monkeypatch.setattr(
        longhorn_info.volumes, "read", lambda client, namespace: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    monkeypatch.setattr(healing, "INTERVAL", 0.01)
    return answers


def ask(ctx: Context | None = None, **given: Any) -> dict[str, Any]:
    checked = ArgumentSpecValidator(longhorn_info.SPEC["argument_spec"]).validate({"nodes": ["mini02"], **given})
    assert not checked.error_messages
    return longhorn_info.run(checked.validated_parameters, ctx or Context())


def test_without_a_wait_a_healing_volume_is_refused_at_once(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING], [GOOD]]
    with pytest.raises(HomeopsError, match=r"only good replica on mini02\. Wait until") as refused:
        ask(require_safe=True)
    assert refused.value.param == "nodes"
    assert refused.value.facts["nodes"][0]["safe"] is False
    assert len(looks) == 1


def test_with_a_wait_the_node_goes_when_the_volume_has_healed(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING], [HEALING], [GOOD]]
    told: list[str] = []
    result = ask(Context(progress=told.append), require_safe=True, wait_timeout=30)
    assert result["nodes"] == [{"node": "mini02", "safe": True, "reasons": []}]
    assert any("volume a (db/a)" in line for line in told)


def test_who_only_looks_waits_for_nothing(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING], [GOOD]]
    assert ask(wait_timeout=30)["nodes"][0]["safe"] is False


def test_a_faulted_volume_is_not_waited_for(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING, FAULTED], [GOOD]]
    with pytest.raises(HomeopsError, match=r"volume b \(db/b\) is faulted.*does not heal by itself") as refused:
        ask(require_safe=True, wait_timeout=30)
    assert "volume a" not in str(refused.value)
    assert len(refused.value.facts["volumes"]) == 2


def test_a_wait_in_vain_names_the_volume_and_the_time(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING]]
    with pytest.raises(HomeopsError, match=r"volume a .*They have not healed in 1 s"):
        ask(require_safe=True, wait_timeout=1)


def test_check_mode_says_what_would_be_waited_for(looks: list[list[VolumeRow]]) -> None:
    looks += [[HEALING]]
    ctx = Context(check_mode=True)
    assert ask(ctx, require_safe=True, wait_timeout=1800)["nodes"][0]["safe"] is False
    assert ["1800 s to heal: volume a (db/a)" in text for text in ctx.warnings] == [True]
    with pytest.raises(HomeopsError):
        ask(Context(check_mode=True), require_safe=True)
    looks[:] = [[HEALING, FAULTED]]
    with pytest.raises(HomeopsError, match="faulted"):
        ask(Context(check_mode=True), require_safe=True, wait_timeout=1800)
