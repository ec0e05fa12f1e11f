# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and etcd, from what the nodes say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import TIMEOUT, Answer
from ansible_collections.homeops.cluster.plugins.module_utils.overview.nodes import etcd, nodes

from .overview_samples import MEMBERS, NAMES, ago, ahead, facts, member, talos


def told(area: Any) -> list[tuple[str, str, str]]:
    return [(one.severity, one.subject, one.text) for one in area.findings]


def test_healthy_nodes_have_nothing_to_tell() -> None:
    area = nodes(facts(talos()))
    assert (area.state, area.findings, area.summary) == ("ok", [], "3 of 3 nodes ready")
    assert area.rows[0] == {
        "name": "mini01",
        "mode": "configured",
        "stage": "running, ready",
        "ready": True,
        "version": "v1.10.5",
        "config": "in sync",
        "model": "as declared",
        "drift": [],
        "pending_reboot": False,
        "time_synced": True,
        "certificate_expires": ahead(hours=20),
        "reason": "",
    }


def test_a_node_that_hangs_is_a_row_and_a_finding_and_the_others_are_whole() -> None:
    found = talos()
    found["talos:mini02"] = Answer("talos:mini02", TIMEOUT, None, 5.0, "no answer within 5 s", 5.0)
    area = nodes(facts(found))
    assert told(area) == [("critical", "mini02", "no answer within 5 s")]
    assert [row["stage"] for row in area.rows] == ["running, ready", "unreachable", "running, ready"]
    assert area.rows[1]["reason"] == "no answer within 5 s"
    assert area.summary == "2 of 3 nodes ready"
    assert told(etcd(facts(found))) == [
        ("critical", "mini02", "nobody knows its etcd member: no answer within 5 s"),
    ]


@pytest.mark.parametrize(
    ("spoiled", "severity", "text"),
    [
        ({"stage": "booting", "ready": False}, "critical", "is in stage booting, not ready"),
        ({"mode": "maintenance"}, "critical", "is in maintenance: it has no machine config"),
        ({"version": "v1.10.4"}, "warning", "runs Talos v1.10.4, wanted is v1.10.5"),
        ({"config": "staged"}, "warning", "has a machine config that waits for a reboot"),
        ({"config": "try"}, "warning", "has a machine config that is being tried and will be reverted"),
        ({"time_synced": False}, "warning", "has no synchronised time"),
        (
            {"drift": [f"v1alpha1.machine.{key}" for key in ("install", "network", "sysctls", "time")]},
            "warning",
            "differs from the model in v1alpha1.machine.install, v1alpha1.machine.network, v1alpha1.machine.sysctls "
            "and 1 more",
        ),
        (
            {"drift": None, "drift_reason": "the bundle lacks certs.os.crt"},
            "warning",
            "cannot be held against the model: the bundle lacks certs.os.crt",
        ),
        (
            {"certificates": {"server_expires": ago(minutes=1)}},
            "critical",
            f"the certificate of its API expired at {ago(minutes=1)}",
        ),
        (
            {"certificates": {"server_expires": ahead(minutes=30)}},
            "warning",
            f"the certificate of its API ends at {ahead(minutes=30)} and should have been renewed by now",
        ),
    ],
)
def test_what_is_wrong_with_a_node_is_told(spoiled: dict[str, Any], severity: str, text: str) -> None:
    assert told(nodes(facts(talos(mini02=spoiled)))) == [(severity, "mini02", text)]


def test_a_pending_reboot_is_in_the_row() -> None:
    area = nodes(facts(talos(mini03={"config": "staged"})))
    assert [row["pending_reboot"] for row in area.rows] == [False, False, True]


def test_only_the_nodes_that_are_asked_are_shown() -> None:
    area = nodes(facts(talos(mini01={"mode": "maintenance"}), shown=("mini02",)))
    assert [row["name"] for row in area.rows] == ["mini02"]
    assert area.state == "ok"


def test_a_healthy_etcd_has_a_leader_and_a_size() -> None:
    area = etcd(facts(talos()))
    assert (area.state, area.summary) == ("ok", "3 voters, leader mini01, 20.0 MiB")
    assert [row["role"] for row in area.rows] == ["leader", "voter", "voter"]
    (number,) = area.numbers
    assert (number.key, number.value, number.most) == ("etcd_db_size:etcd", 20971520, 2147483648)


def spoiled_member(**more: Any) -> dict[str, Any]:
    return {"etcd": member("mini02", **more)}


@pytest.mark.parametrize(
    ("spoiled", "severity", "text"),
    [
        (
            {"etcd": {"running": False, "reason": "connection refused", "control_plane": True, "members": []}},
            "critical",
            "etcd does not run: connection refused",
        ),
        (
            spoiled_member(alarms=[{"member_id": "2", "alarm": "NOSPACE"}]),
            "critical",
            "etcd alarm NOSPACE on member 2",
        ),
        (spoiled_member(voter=False), "critical", "etcd member is a learner: it does not count for quorum"),
        (
            spoiled_member(raft_applied_index=3000),
            "warning",
            "its etcd is 2000 entries behind: a slow disk or network",
        ),
    ],
)
def test_what_is_wrong_with_a_member_is_told(spoiled: dict[str, Any], severity: str, text: str) -> None:
    assert told(etcd(facts(talos(mini02=spoiled)))) == [(severity, "mini02", text)]


def test_a_lag_shows_against_the_newest_of_all_members() -> None:
    """A member that hears nothing has applied all that it knows of."""
    area = etcd(facts(talos(mini02=spoiled_member(raft_index=100, raft_applied_index=100))))
    assert [row["raft_lag"] for row in area.rows] == [0, 4900, 0]


def test_members_that_disagree_are_a_split_and_a_missing_one_is_missed() -> None:
    two = MEMBERS[:2]
    area = etcd(facts(talos(mini02=spoiled_member(members=two))))
    assert ("critical", "etcd", "the nodes do not agree about the members: the cluster is split") in told(area)
    area = etcd(facts(talos(**{name: {"etcd": member(name, members=two)} for name in NAMES})))
    assert told(area) == [("critical", "etcd", "has 2 members, wanted are 3")]


def test_no_leader_is_critical() -> None:
    area = etcd(facts(talos(**{name: {"etcd": member(name, leader_id="", leader=False)} for name in NAMES})))
    assert told(area) == [("critical", "etcd", "has no leader: nothing can be written")]


def test_a_full_database_is_told_before_it_is_read_only() -> None:
    area = etcd(facts(talos(mini01={"etcd": member("mini01", db_size=1932735283)})))
    assert told(area) == [("warning", "etcd", "its database fills 89 % of 2.0 GiB, then it is read-only")]


def test_workers_have_no_member_and_none_is_missed() -> None:
    worker = {"running": False, "control_plane": False, "reason": "not implemented", "members": [], "alarms": []}
    found = talos()
    found["talos:work01"] = {**found["talos:mini01"], "name": "work01", "etcd": worker}
    nodes_of = {**dict.fromkeys(NAMES, ""), "work01": ""}
    area = etcd(facts(found, nodes=nodes_of, shown=tuple(nodes_of)))
    assert area.state == "ok"
    assert [row["name"] for row in area.rows] == list(NAMES)
