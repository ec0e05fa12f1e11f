# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node may go without a volume losing its last good copy."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.longhorn import replicas


def volume(name: str, state: str = "attached", robustness: str = "healthy") -> dict[str, Any]:
    claim = {"namespace": "db", "pvcName": name}
    return {
        "metadata": {"name": name},
        "spec": {"size": "1073741824", "numberOfReplicas": 2},
        "status": {"state": state, "robustness": robustness, "kubernetesStatus": claim},
    }


def replica(of: str, node: str, failed: str = "", healthy: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{of}-{node}"},
        "spec": {"volumeName": of, "nodeID": node, "failedAt": failed, "healthyAt": healthy},
    }


@pytest.mark.parametrize(
    ("volumes", "copies", "node", "reason"),
    [
        ([volume("a")], [replica("a", "mini01"), replica("a", "mini02")], "mini01", ""),
        ([volume("a")], [replica("a", "mini01")], "mini01", "volume a (db/a) has its only good replica on mini01"),
        (
            [volume("a")],
            [replica("a", "mini01"), replica("a", "mini02", failed="x")],
            "mini01",
            "its only good replica",
        ),
        (
            [volume("a")],
            [replica("a", "mini01"), replica("a", "mini02", healthy="")],
            "mini01",
            "its only good replica",
        ),
        ([volume("a", "detached", "unknown")], [replica("a", "mini01")], "mini01", "its only good replica"),
        ([volume("a", "detached", "unknown")], [replica("a", "mini02")], "mini01", ""),
        ([volume("a", robustness="degraded")], [replica("a", "mini02")], "mini01", "is degraded: 1 of 2 replicas"),
        ([volume("a", robustness="faulted")], [], "mini01", "is faulted: 0 of 2 replicas"),
        ([], [], "mini01", ""),
    ],
)
def test_a_node_may_go_when_every_volume_keeps_a_copy(
    volumes: list[dict[str, Any]], copies: list[dict[str, Any]], node: str, reason: str
) -> None:
    verdict = replicas.judge(replicas.rows(volumes, copies), node)
    assert verdict.safe is (not reason)
    assert reason in "; ".join(verdict.reasons)
