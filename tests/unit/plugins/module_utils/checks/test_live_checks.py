# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks over facts of running systems, and over model and repository together: each fires alone, or not at all."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.checks.live import Live
from ansible_collections.homeops.cluster.plugins.module_utils.checks.registry import BOTH, LIVE, REGISTER, WAITING
from ansible_collections.homeops.cluster.plugins.module_utils.model.world import World
from ansible_collections.homeops.cluster.plugins.module_utils.repository import view
from tests.harness import gitops_base
from tests.harness.gitops_edits import write

ROOT = Path(__file__).resolve().parents[5]
SHARED = Path(os.environ.get("HOMEOPS_SHARED", ROOT.parent / "shared"))


def an(kind: str, name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    """A Kubernetes object."""
    labels = rest.pop("labels", {})
    meta: dict[str, Any] = {"name": name, "generation": 1, "labels": labels}
    if namespace:
        meta["namespace"] = namespace
    return {"kind": kind, "metadata": {**meta, **rest.pop("metadata", {})}, **rest}


def _ingress(host: str, **meta: Any) -> dict[str, Any]:
    return an("Ingress", host.partition(".")[0], "authentik", spec={"rules": [{"host": host}]}, metadata=meta)


def _right() -> dict[str, Any]:
    objects = [
        an(
            "Node",
            "mini01",
            "longhorn-system",
            spec={"disks": {"ssd": {"path": "/var/mnt/longhorn-ssd", "tags": ["ssd"]}}},
        ),
        an("StorageClass", "longhorn-ssd", parameters={"diskSelector": "ssd"}),
        an("Volume", "pvc-1", "longhorn-system", labels={"recurring-job-group.longhorn.io/database": "enabled"}),
        an("RecurringJob", "daily", "longhorn-system", spec={"groups": ["database"]}),
        an("Service", "wiki", "wiki", labels={"app": "wiki"}, spec={"ports": [{"name": "http", "port": 3000}]}),
        an(
            "ServiceMonitor",
            "wiki",
            "wiki",
            spec={"selector": {"matchLabels": {"app": "wiki"}}, "endpoints": [{"port": "http"}]},
        ),
        an(
            "PrometheusRule",
            "wiki",
            "wiki",
            spec={"groups": [{"rules": [{"alert": "Down", "expr": 'sum by (job) (wiki_up_total{job="x"}) == 0'}]}]},
        ),
        _ingress("wiki.k8s.home.geoffdavis.com"),
        an(
            "ExternalSecret",
            "bgp",
            "kube-system",
            spec={"data": [{"remoteRef": {"key": "BGP Authentication - home-ops", "property": "password"}}]},
        ),
        an(
            "Deployment",
            "wiki",
            "wiki",
            spec={
                "replicas": 2,
                "template": {
                    "spec": {
                        "containers": [
                            {"env": [{"valueFrom": {"secretKeyRef": {"name": "wiki-database", "key": "password"}}}]}
                        ]
                    }
                },
            },
            status={"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 2},
        ),
    ]
    return {
        "links": {"mini01": ["enp3s0f0", "lo"]},
        "routes": {"172.29.51.11": {"received": ["172.29.52.200/32"], "sent": ["172.29.0.0/18"]}},
        "versions": {
            "talos": "v1.10.5",
            "kubernetes": "v1.31.1",
            "talosctl": "v1.10.2",
            "kubectl": "v1.32.0",
            "oidc_issuer": "https://authentik.k8s.home.geoffdavis.com/application/o/kubernetes/",
        },
        "talos_services": {"mini01": dict.fromkeys(("apid", "etcd", "kubelet", "machined", "trustd"), "Running")},
        "reset_labels": ["STATE", "EPHEMERAL"],
        "objects": objects,
        "kinds": frozenset(item["kind"] for item in objects),
        "secrets": {"wiki/wiki-database": frozenset({"username", "password"})},
        "items": {"Automation": {}, "Private": {"Diary": ["notesPlain"]}},
        "token_vaults": ["Automation"],
        "tokens": {"home-ops-token": ("aa", "aa")},
        "providers": [
            {
                "pk": 1,
                "name": "wiki",
                "mode": "proxy",
                "external_host": "https://wiki.k8s.home.geoffdavis.com",
                "internal_host": "http://wiki.wiki.svc.cluster.local:3000",
                "authorization_flow": "a",
                "invalidation_flow": "i",
            }
        ],
        "applications": [{"slug": "kubernetes"}],
        "outposts": [{"name": "authentik Embedded Outpost", "pk": "o", "providers": [1]}],
        "flows": {"a": "authorization", "i": "invalidation"},
        "metrics": frozenset({"wiki_up_total"}),
    }


def _facts(home: dict[str, Any]) -> dict[str, Any]:
    facts = _right()
    titles = {item["title"]: ["password"] for item in home["secrets"]["items"].values()}
    facts["items"] = {**facts["items"], "Automation": titles}
    return facts


def _provider(**changes: Any) -> dict[str, Any]:
    return {"providers": [{**_right()["providers"][0], **changes}]}


def _with(kind: str, *path: Any, value: Any) -> dict[str, Any]:
    objects = _right()["objects"]
    inner: Any = next(item for item in objects if item["kind"] == kind)
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return {"objects": objects}


BROKEN: dict[str, dict[str, Any]] = {
    "NET011": {"links": {"mini01": ["eth0"]}},
    "BGP013": {"routes": {"172.29.51.11": {"received": ["172.29.52.200/32"], "sent": ["172.29.52.200/32"]}}},
    "TAL004": {"applications": [{"slug": "kubernetes-api"}]},
    "TAL010": {"versions": {"talos": "v1.10.5", "talosctl": "v1.8.0"}},
    "TAL011": {"reset_labels": ["STATE", "u-longhorn-ssd"]},
    "SEC001": {"secrets": {"wiki/wiki-database": frozenset({"username"})}},
    "SEC003": {"token_vaults": ["Private"]},
    "SEC005": {"tokens": {"home-ops-token": ("aa", "bb")}},
    "SEC006": _provider(internal_host="http://wikis.wiki.svc.cluster.local:3000"),
    "ING001": _provider(external_host="https://other.k8s.home.geoffdavis.com"),
    "IDP001": _provider(internal_host="http://wiki.wiki.svc.cluster.local:8080"),
    "IDP002": _provider(mode="forward_single"),
    "IDP003": _provider(invalidation_flow="a"),
    "IDP005": {"outposts": [{"name": "authentik embedded", "pk": "o", "providers": [1]}]},
    "STO002": _with("StorageClass", "parameters", value={"diskSelector": "nvme"}),
    "STO004": _with("RecurringJob", "spec", value={"groups": ["db"]}),
    "MON002": _with("ServiceMonitor", "spec", "endpoints", value=[{"port": "metrics"}]),
    "MON004": {"metrics": frozenset({"wiki_up"})},
    "BOO005": {
        "talos_services": {
            "mini01": {
                "apid": "Running",
                "etcd": "Failed",
                "kubelet": "Running",
                "machined": "Running",
                "trustd": "Running",
            }
        }
    },
    "BOO006": _with("Deployment", "status", value={"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 2}),
}


def judge(home: dict[str, Any], facts: dict[str, Any]) -> engine.Report:
    """The live checks alone, with the model beside them."""
    report = engine.run_checks(engine.Case(model=World(home), live=Live(**facts)))
    report.findings = [finding for finding in report.findings if finding.scope == LIVE]
    return report


def test_right_facts_fire_nothing(home: dict[str, Any]) -> None:
    report = judge(home, _facts(home))
    assert report.findings == []
    assert report.passed_over == []


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_fault_fires_its_check_alone(name: str, home: dict[str, Any]) -> None:
    found = judge(home, {**_facts(home), **BROKEN[name]}).findings
    assert {finding.id for finding in found} == {name}, [(finding.id, finding.summary) for finding in found]
    finding = found[0]
    assert finding.file is None and finding.object and finding.summary.endswith(".")
    assert finding.where.endswith("(running)")


def test_every_live_check_has_a_fault() -> None:
    assert {name for name, item in REGISTER.items() if LIVE in item.scopes} == set(BROKEN)
    assert not WAITING


@pytest.mark.skipif(not (SHARED / "reference" / "checks.json").is_file(), reason="the list of checks is not at hand")
def test_live_are_those_of_the_list() -> None:
    listed = json.loads((SHARED / "reference" / "checks.json").read_text(encoding="utf-8"))
    assert {entry["id"] for entry in listed if "live" in entry["scope"]} == set(BROKEN)


def test_what_is_not_known_is_passed_over_and_never_failed(home: dict[str, Any]) -> None:
    report = judge(home, {})
    assert report.findings == []
    # BOO006 looks at whatever workloads it is given.
    assert set(report.passed_over) == set(BROKEN) - {"BOO006"}
    for field in dataclasses.fields(Live):
        facts = _facts(home)
        # Which objects are known is what the kinds say.
        facts.pop(field.name if field.name != "objects" else "kinds")
        assert judge(home, facts).findings == []


def overlay(model: dict[str, Any], changes: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    """A copy of a model with values put at paths."""
    found = copy.deepcopy(model)
    for path, value in changes.items():
        inner: Any = found
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
    return found


def _both(home: dict[str, Any], tree: dict[str, str], folder: Path) -> list[engine.Finding]:
    write(tree, folder)
    case = engine.Case(model=World(home), repository=view.read(str(folder)))
    return engine.run_checks(case).findings


def test_model_and_repository_agree(home: dict[str, Any], tmp_path: Path) -> None:
    assert _both(home, gitops_base.files(), tmp_path) == []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("NET005", ("load_balancers", "pools", 0, "stop"), "172.29.52.198"),
        ("BGP016", ("nodes", 0, "address"), "172.29.51.14"),
        ("CIL001", ("versions", "cilium"), "1.17.5"),
        ("GIT011", ("versions", "longhorn"), "1.10.0"),
        ("GIT012", ("cluster", "name"), "other-ops"),
    ],
)
def test_model_and_repository_differ(
    name: str, path: tuple[Any, ...], value: str, home: dict[str, Any], tmp_path: Path
) -> None:
    found = _both(overlay(home, {path: value}), gitops_base.files(), tmp_path)
    assert {(finding.id, finding.scope) for finding in found} == {(name, BOTH)}, found
    assert found[0].file


def test_every_check_of_both_has_a_difference() -> None:
    assert {name for name, item in REGISTER.items() if BOTH in item.scopes} == {
        "NET005",
        "BGP016",
        "CIL001",
        "GIT011",
        "GIT012",
    }
