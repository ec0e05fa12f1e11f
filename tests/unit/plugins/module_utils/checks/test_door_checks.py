# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what was seen at the doors of the systems: each fires alone on its fault, and on right facts none does."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.checks.doors import (
    Console,
    Credential,
    Doors,
    Items,
    Login,
    Name,
    Node,
    Proof,
    Trouble,
    Vip,
)
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import DOORS, ERROR, REGISTER, WARN
from ansible_collections.homeops.cluster.plugins.module_utils.model.world import World

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
APPLE = {"dev_path": "/dev/nvme0n1", "model": "APPLE SSD AP0128M", "size": 121 * 10**9, "transport": "nvme"}
USB = {"dev_path": "/dev/sda", "model": "Portable SSD T5", "size": 10**12, "transport": "usb"}
SECOND = {**USB, "dev_path": "/dev/sdb", "serial": "S2"}
NODES = [
    Node(
        name=f"mini0{number}",
        where=f"172.29.51.1{number}:50000",
        mode="maintenance",
        disks=[APPLE, USB],
        links={"enp3s0f0": {"type": "ether"}},
        ahead=0.0,
        synced=True,
    )
    for number in (1, 2, 3)
]
RUNNING = [
    replace(node, mode="configured", hostname=node.name, version="v1.10.2", system_disk="/dev/nvme0n1")
    for node in NODES
]
RECORDS = [
    {"name": "grafana.k8s.home.geoffdavis.com", "type": "A", "value": "172.29.52.200", "enabled": True},
    {"name": "longhorn.k8s.home.geoffdavis.com", "type": "A", "value": "172.29.52.9", "enabled": True},
    {
        "name": "external-dns-internal-a-longhorn.k8s.home.geoffdavis.com",
        "type": "TXT",
        "value": '"heritage=external-dns,external-dns/owner=home-ops-internal,external-dns/resource=ingress/x/y"',
        "enabled": True,
    },
    {"name": "printer.k8s.home.geoffdavis.com", "type": "A", "value": "172.29.51.77", "enabled": True},
]
RIGHT = Doors(
    now=NOW,
    nodes=NODES,
    vip=Vip("172.29.51.10"),
    credentials=[Credential("the client certificate of /x", "state_dir", "new", NOW + datetime.timedelta(days=200))],
    console=Console("172.29.51.1:443", records=RECORDS),
    names=[Name("github.com", "gitops")],
    items=Items("connect", rows=[{"name": "bgp", "title": "BGP", "state": "ok", "missing": [], "cause": ""}]),
    login=Login("https://authentik", True, None, "akadmin", True, [None, 100]),
    proof=Proof(command=True, required=True),
)
GONE = Trouble("Unreachable", "connection refused", "Switch it on")


def nodes(at: int, **changes: Any) -> dict[str, Any]:
    """The nodes in maintenance, one of them changed."""
    return {"nodes": [replace(node, **changes) if index == at else node for index, node in enumerate(NODES)]}


def running(at: int, **changes: Any) -> dict[str, Any]:
    """The running nodes, one of them changed."""
    return {"nodes": [replace(node, **changes) if index == at else node for index, node in enumerate(RUNNING)]}


def ends(days: float, **changes: Any) -> dict[str, Any]:
    """A credential with so many days left."""
    (one,) = RIGHT.credentials or ()
    return {"credentials": [replace(one, expires=NOW + datetime.timedelta(days=days), **changes)]}


@dataclass(frozen=True)
class Broken:
    """Facts with a fault: what is told, of what, and how gravely."""

    id: str
    facts: dict[str, Any]
    of: str
    key: str
    severity: str = ERROR
    told: str = ""

    def __str__(self) -> str:
        return f"{self.id}-{self.told or self.of}"


BROKEN = [
    Broken("LIV001", nodes(1, trouble=GONE), "node/mini02", "homeops_nodes[1].address", told="connection refused"),
    Broken("LIV001", nodes(2, trouble=Trouble("WrongCA", "another CA")), "node/mini03", "homeops_nodes[2].address"),
    Broken("LIV002", running(0, hostname="mini02"), "node/mini01", "homeops_nodes[0].address", told="itself mini02"),
    Broken("LIV002", running(0, hostname="nas"), "node/mini01", "homeops_nodes[0].address", WARN),
    Broken("LIV003", nodes(0, disks=[USB]), "node/mini01", "homeops_talos.install_disk_selector", told="no disks"),
    Broken(
        "LIV003",
        nodes(0, disks=[APPLE, {**APPLE, "dev_path": "/dev/nvme1n1"}, USB]),
        "node/mini01",
        "homeops_talos.install_disk_selector",
        told="2 disks match",
    ),
    Broken(
        "LIV003", running(0, system_disk="/dev/nvme9n1"), "node/mini01", "homeops_talos.install_disk_selector", WARN
    ),
    Broken("LIV004", nodes(0, disks=[APPLE]), "node/mini01", "homeops_talos.user_volumes[0].match", told="no disks"),
    Broken(
        "LIV004", nodes(0, disks=[APPLE, USB, SECOND]), "node/mini01", "homeops_talos.user_volumes[0].match", told="S2"
    ),
    Broken(
        "LIV004",
        nodes(2, discovered=[{"dev_path": "/dev/sda", "name": "vfat", "label": "SAMSUNG"}]),
        "node/mini03",
        "homeops_talos.user_volumes[0].match",
        told='it holds vfat "SAMSUNG" on the whole disk',
    ),
    Broken(
        "LIV004",
        running(2, discovered=[{"dev_path": "/dev/sda", "name": "vfat"}]),
        "node/mini03",
        "homeops_talos.user_volumes[0].match",
        WARN,
        told="it holds vfat",
    ),
    Broken("LIV004", running(0, disks=[APPLE]), "node/mini01", "homeops_talos.user_volumes[0].match", WARN),
    Broken("LIV005", running(1, ahead=-3600.0), "node/mini02", "homeops_nodes[1].address", told="3600 s behind"),
    Broken("LIV005", running(1, ahead=8.0), "node/mini02", "homeops_nodes[1].address", WARN, "8 s ahead of"),
    Broken("LIV005", nodes(1, synced=False), "node/mini02", "homeops_nodes[1].address", WARN, "not synchronised"),
    Broken("LIV006", {"vip": Vip("172.29.51.10", 22)}, "vip", "homeops_cluster.vip", told="port 22"),
    Broken(
        "LIV006",
        {"nodes": RUNNING, "vip": Vip("172.29.51.10", 6443, False, "another CA")},
        "vip",
        "homeops_cluster.vip",
    ),
    Broken("LIV007", ends(-1), "credentials", "homeops_state_dir", told="expired at 2026-02-28"),
    Broken("LIV007", ends(11), "credentials", "homeops_state_dir", WARN, "ends in 11 days"),
    Broken("LIV007", ends(90, trouble=Trouble("Unauthorized", "it is refused")), "credentials", "homeops_state_dir"),
    Broken("LIV008", running(2, version="v1.9.6"), "node/mini03", "homeops_versions.talos", WARN),
    Broken(
        "LIV009",
        {"console": Console("x", Trouble("LoginFailed", "HTTP 401"), RECORDS)},
        "console",
        "homeops_router_api_key",
    ),
    Broken(
        "LIV010",
        {"console": Console("x", records=[*RECORDS, {**RECORDS[3], "name": "hubble.k8s.home.geoffdavis.com"}])},
        "console",
        "homeops_services[5].name",
        WARN,
        "172.29.51.77",
    ),
    Broken(
        "LIV011",
        {"names": [Name("git.exmaple.org", "gitops", Trouble("NameError", "unknown"))]},
        "name/git.exmaple.org",
        "homeops_gitops",
    ),
    Broken("LIV012", {"items": Items("x", Trouble("WrongVault", "another vault"))}, "secrets", "homeops_secrets.vault"),
    Broken("LIV012", {"items": Items("x", GONE)}, "secrets", "homeops_secrets.vault", WARN),
    Broken(
        "LIV013",
        {
            "items": Items(
                "x",
                rows=[
                    {"name": "bgp", "title": "BGP", "state": "missing", "missing": ["password"], "cause": "No item."}
                ],
            )
        },
        "item/BGP",
        "homeops_secrets.items.bgp",
    ),
    Broken("LIV014", {"login": Login("x", True, Trouble("TokenRefused", "403"))}, "login", "homeops_authentik_token"),
    Broken(
        "LIV014", {"platform_first": True, "login": Login("x", True, GONE)}, "login", "homeops_authentik_token", WARN
    ),
    Broken(
        "LIV014", {"login": Login("x", True, Trouble("NotTrusted", "fake"))}, "login", "homeops_authentik_token", WARN
    ),
    Broken(
        "LIV014",
        {"login": Login("x", True, None, "bot", False)},
        "login",
        "homeops_authentik_token",
        WARN,
        "no superuser",
    ),
    Broken(
        "LIV014",
        {"login": Login("x", True, None, "a", True, [7200])},
        "login",
        "homeops_authentik_token",
        WARN,
        "2 hours",
    ),
    Broken("LIV015", {"proof": Proof(False, True)}, "router", "homeops_router_state_command", told="No command"),
    Broken("LIV015", {"proof": Proof(False, True, check=True)}, "router", "homeops_router_state_command", WARN),
]

#: Unusual facts that are no fault.
UNUSUAL: dict[str, dict[str, Any]] = {
    "a running cluster": {"nodes": RUNNING, "vip": Vip("172.29.51.10", 6443, True)},
    "a running cluster whose CA is not known": {"nodes": RUNNING, "vip": Vip("172.29.51.10", 6443)},
    "nodes of which the controller has no credentials yet": {
        **nodes(0, trouble=Trouble("WrongCA", "another CA")),
        "stranger": True,
    },
    "an interface's other name": nodes(0, links={"eno1": {"type": "ether", "altNames": ["enp3s0f0"]}}),
    "clocks a moment apart": running(0, ahead=-2.0),
    "a clock of which nothing is known": running(0, ahead=None, synced=None),
    "phase bgp without its proof, which is accepted": {"proof": Proof(command=False, required=False)},
    "Authentik that is not there yet": {"login": Login("x", False)},
    "nothing asked": {
        field.name: None
        for field in dataclasses.fields(Doors)
        if field.name not in ("now", "stranger", "platform_first")
    },
}


def judge(home: dict[str, Any], facts: dict[str, Any]) -> engine.Report:
    """The checks of doors alone, with the model beside them."""
    case = engine.Case(model=World(home), doors=replace(RIGHT, **facts))
    return engine.run_checks(case, scopes=(DOORS,))


def test_right_facts_fire_nothing(home: dict[str, Any]) -> None:
    report = judge(home, {})
    assert report.findings == []
    assert report.passed_over == []
    assert set(report.ran) == {name for name, item in REGISTER.items() if DOORS in item.scopes}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_fault_fires_its_check_alone(case: Broken, home: dict[str, Any]) -> None:
    found = judge(home, case.facts).findings
    assert [(one.id, one.object, one.key, one.severity) for one in found] == [
        (case.id, case.of, case.key, case.severity)
    ], found
    assert case.told in found[0].summary
    assert found[0].summary.endswith(".") and found[0].why
    assert found[0].where == f"{case.of} {case.key} (running)"


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_and_right_fires_nothing(name: str, home: dict[str, Any]) -> None:
    assert judge(home, UNUSUAL[name]).findings == []


def test_every_check_has_a_fault() -> None:
    assert {case.id for case in BROKEN} == {name for name, item in REGISTER.items() if DOORS in item.scopes}


def test_both_ways_out_of_a_phase_without_proof_are_told(home: dict[str, Any]) -> None:
    (found,) = judge(home, {"proof": Proof(False, True)}).findings
    assert "[ssh, -o, BatchMode=yes, root@172.29.51.1, vtysh]" in (found.use or "")
    assert "bgp_status_require_state: false" in (found.use or "")


def test_a_finding_about_one_node_can_be_set_aside(home: dict[str, Any]) -> None:
    case = engine.Case(model=World(home), doors=replace(RIGHT, **nodes(1, trouble=GONE)))
    override = engine.Override("LIV001", engine.IGNORE, "it is being repaired", "node/mini02")
    (found,) = engine.run_checks(case, scopes=(DOORS,), overrides=[override]).findings
    assert (found.severity, found.reason) == (engine.IGNORE, "it is being repaired")
