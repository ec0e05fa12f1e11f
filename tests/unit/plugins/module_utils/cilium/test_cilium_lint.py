# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of what the API server accepts although it cannot work: the good object passes, one change is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import kinds, lint, render
from ansible_collections.homeops.cluster.plugins.module_utils.cilium.findings import Around, Finding
from tests.unit.plugins.module_utils.cilium.cilium_samples import parse

Body = dict[str, Any]
Change = Callable[[dict[str, Body]], Any]

NODES = {"mini01": {"kubernetes.io/os": "linux", "zone": "a"}, "mini02": {"kubernetes.io/os": "linux", "zone": "b"}}
POOL: Body = {
    "apiVersion": "cilium.io/v2alpha1",
    "kind": kinds.POOL,
    "metadata": {"name": "bgp-default"},
    "spec": {
        "blocks": [{"start": "172.29.52.100", "stop": "172.29.52.199"}],
        "serviceSelector": {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-default"}},
    },
}


def around(**changes: Any) -> Around:
    known: dict[str, Any] = {"nodes": NODES, "secrets": {"auth": "filled"}, "pools": [POOL], "services": []}
    return Around(**{**known, **changes})


def new_kinds() -> dict[str, Body]:
    """The new kinds by kind, with an override, all of it right."""
    intent = parse(auth_secret="auth", node_overrides=[{"node": "mini01", "router_id": "172.29.51.11"}])
    return {body["kind"]: body for body in render.v2(intent, "cilium.io/v2alpha1")}


def old_kind() -> dict[str, Body]:
    return {kinds.LEGACY: render.legacy(parse(auth_secret="auth", communities={"pods": ["64512:200"]}))}


def pools() -> dict[str, Body]:
    return {kinds.POOL: copy.deepcopy(POOL)}


def entry(objects: dict[str, Body], number: int = 0) -> Body:
    return objects[kinds.ADVERTISEMENT]["spec"]["advertisements"][number]


def instance(objects: dict[str, Body]) -> Body:
    return objects[kinds.CLUSTER]["spec"]["bgpInstances"][0]


def peer(objects: dict[str, Body]) -> Body:
    return instance(objects)["peers"][0]


def config(objects: dict[str, Body]) -> Body:
    return objects[kinds.PEER]["spec"]


def router(objects: dict[str, Body]) -> Body:
    return objects[kinds.LEGACY]["spec"]["virtualRouters"][0]


def neighbor(objects: dict[str, Body]) -> Body:
    return router(objects)["neighbors"][0]


def block(objects: dict[str, Body], **given: str) -> None:
    objects[kinds.POOL]["spec"]["blocks"] = [given]


def override(objects: dict[str, Body]) -> Body:
    return objects[kinds.OVERRIDE]["spec"]["bgpInstances"][0]


#: (row, objects to begin with, change, a field of the finding, a word of what to use)
ROWS: list[tuple[int, Callable[[], dict[str, Body]], Change, str, str]] = [
    (1, new_kinds, lambda o: config(o).pop("families"), "spec.families", "families"),
    (1, new_kinds, lambda o: config(o)["families"][0].pop("advertisements"), "advertisements", "labels"),
    (1, new_kinds, lambda o: o[kinds.ADVERTISEMENT]["metadata"].pop("labels"), "spec.families[0]", "what an Adv"),
    (
        *(
            1,
            new_kinds,
            lambda o: config(o)["families"][0].update(advertisements={"matchLabels": {"advertise": "bgp"}}),
        ),
        *("spec.families[0].advertisements", "homeops.cluster/bgp-policy"),
    ),
    (2, new_kinds, lambda o: o[kinds.ADVERTISEMENT]["metadata"].update(labels={"a": "b"}), "metadata.labels", "match"),
    (3, new_kinds, lambda o: entry(o).pop("selector"), "advertisements[0].selector", "a selector"),
    (3, new_kinds, lambda o: entry(o, 1).update(advertisementType="CiliumPodIPPool"), "[1].selector", "a selector"),
    (
        3,
        old_kind,
        lambda o: router(o).update(exportPodCIDR=False) or router(o).pop("serviceSelector"),
        "serviceSel",
        "In",
    ),
    (4, new_kinds, lambda o: entry(o).pop("service"), "advertisements[0].service", "LoadBalancerIP"),
    (5, new_kinds, lambda o: entry(o, 1).update(selector={"matchLabels": {"a": "b"}}), "[1].selector", "no selector"),
    (5, new_kinds, lambda o: entry(o, 1).update(service={"addresses": ["ClusterIP"]}), "[1].service", "no service"),
    (6, new_kinds, lambda o: o[kinds.ADVERTISEMENT]["spec"].update(advertisements=[]), "spec.adv", "one entry"),
    (6, old_kind, lambda o: router(o).update(serviceAdvertisements=[]), "serviceAdvertisements", "LoadBalancerIP"),
    (6, old_kind, lambda o: o[kinds.LEGACY].pop("spec"), "spec.virtualRouters", "one router"),
    (7, new_kinds, lambda o: peer(o).pop("peerConfigRef"), "peerConfigRef", "name of a"),
    (7, new_kinds, lambda o: peer(o).update(peerConfigRef={"name": "gone"}), "peerConfigRef.name", "home-ops"),
    (7, new_kinds, lambda o: peer(o)["peerConfigRef"].update(kind="Other"), "peerConfigRef.kind", kinds.PEER),
    (7, new_kinds, lambda o: peer(o)["peerConfigRef"].update(group="x.io"), "peerConfigRef.group", "cilium.io"),
    (8, new_kinds, lambda o: peer(o).pop("peerAddress"), "peerAddress", "router's address"),
    (8, new_kinds, lambda o: peer(o).update(peerAddress=" 172.29.51.1 "), "peerAddress", "172.29.51.1"),
    (8, new_kinds, lambda o: instance(o)["peers"].append({**peer(o), "name": "twin"}), "peerAddress", "one peer"),
    (8, new_kinds, lambda o: instance(o).update(peers=[]), "peers", "at least one"),
    (8, old_kind, lambda o: router(o)["neighbors"].append(dict(neighbor(o))), "peerAddress", "one neighbour"),
    (9, old_kind, lambda o: neighbor(o).update(peerAddress="172.29.51.1/24"), "peerAddress", "172.29.51.1/32"),
    (9, old_kind, lambda o: router(o).update(localASN=0), "localASN", "1 to"),
    (9, old_kind, lambda o: neighbor(o).update(peerASN=0), "peerASN", "AS number"),
    (9, new_kinds, lambda o: instance(o).pop("localASN"), "localASN", "1 to"),
    (10, new_kinds, lambda o: config(o).update(timers={"holdTimeSeconds": 9}), "keepAliveTimeSeconds", "3"),
    (10, old_kind, lambda o: neighbor(o).update(holdTimeSeconds=9, keepAliveTimeSeconds=10), "keepAlive", "3"),
    (
        11,
        new_kinds,
        lambda o: config(o)["families"].append({**config(o)["families"][0], "safi": "evpn"}),
        "[1]",
        "ipv4",
    ),
    (11, new_kinds, lambda o: config(o)["families"].append(config(o)["families"][0]), "families[1]", "once"),
    (
        *(12, old_kind, lambda o: o.update(second={**o[kinds.LEGACY], "metadata": {"name": "second"}})),
        *("nodeSelector", "share no node"),
    ),
    (12, old_kind, lambda o: o[kinds.LEGACY]["spec"]["virtualRouters"].append(router(o)), "localASN", "one router"),
    (
        *(12, new_kinds, lambda o: o.update(second={**o[kinds.CLUSTER], "metadata": {"name": "second"}})),
        *("nodeSelector", "share no node"),
    ),
    (12, new_kinds, lambda o: o.update(old_kind()), "nodeSelector", "share no node"),
    (18, new_kinds, lambda o: o[kinds.OVERRIDE]["metadata"].update(name="mini09"), "metadata.name", "mini01"),
    (18, new_kinds, lambda o: override(o).update(name="instance-1"), "bgpInstances[0].name", "instance-64512"),
    (18, new_kinds, lambda o: override(o).update(peers=[{"name": "nobody"}]), "peers[0].name", "udm"),
    (18, new_kinds, lambda o: override(o).update(localPort=99999), "localPort", "65535"),
    (19, new_kinds, lambda o: entry(o)["attributes"].update(localPreference=-1), "localPreference", "4294967295"),
    (19, new_kinds, lambda o: entry(o)["attributes"].update(localPreference=200), "localPreference", "no local"),
    (
        *(19, old_kind, lambda o: neighbor(o)["advertisedPathAttributes"][0].update(localPreference=200)),
        *("localPreference", "no local"),
    ),
    (15, pools, lambda o: block(o, start="172.29.52.9", stop="172.29.52.1"), "blocks[0]", "start: 172.29.52.1"),
    (15, pools, lambda o: block(o, stop="172.29.52.1"), "blocks[0]", "start"),
    (15, pools, lambda o: block(o, start="nonsense"), "blocks[0]", "start"),
    (15, pools, lambda o: block(o, start="172.29.52.1", stop="fd00::1"), "blocks[0]", "cidr"),
    (15, pools, block, "blocks[0]", "cidr"),
    (16, pools, lambda o: block(o, cidr="172.29.52.9/28"), "cidr", "172.29.52.0/28"),
    (16, pools, lambda o: block(o, cidr="172.29.52.0/28", start="172.29.52.1"), "blocks[0]", "either"),
    (17, pools, lambda o: o[kinds.POOL]["spec"]["blocks"].append({"start": "172.29.52.150"}), "blocks", "no address"),
    (17, pools, lambda o: o.update(second={**o[kinds.POOL], "metadata": {"name": "b"}}), "blocks", "no address"),
    (
        22,
        new_kinds,
        lambda o: o[kinds.CLUSTER]["metadata"].update(namespace="kube-system"),
        "namespace",
        "no namespace",
    ),
    (
        *(
            0,
            new_kinds,
            lambda o: entry(o)["selector"]["matchExpressions"].append({"key": "a b/", "operator": "Exists"}),
        ),
        *("selector.matchExpressions[1].key", "a key such as"),
    ),
    (
        *(0, new_kinds, lambda o: entry(o)["selector"]["matchExpressions"].append({"key": "a", "operator": "In"})),
        *("selector.matchExpressions[1].values", "at least one"),
    ),
]


@pytest.mark.parametrize("build", [new_kinds, old_kind, pools])
def test_what_is_right_has_no_fault(build: Callable[[], dict[str, Body]]) -> None:
    assert lint.lint(build().values(), around()) == []


@pytest.mark.parametrize(
    ("row", "build", "change", "field", "use"),
    ROWS,
    ids=[f"{number}-row{row[0]}-{row[3]}" for number, row in enumerate(ROWS)],
)
def test_each_row_is_found(
    row: int, build: Callable[[], dict[str, Body]], change: Change, field: str, use: str
) -> None:
    objects = build()
    change(objects)
    found = [one for one in lint.lint(objects.values(), around()) if one.row == row]
    assert any(field in one.field and use in one.use for one in found), [one.sentence() for one in found]


def rows(found: list[Finding]) -> list[tuple[int, str]]:
    return [(one.row, one.rule) for one in found]


def test_row_13_a_password_that_is_not_there() -> None:
    for objects in (new_kinds(), old_kind()):
        assert rows(lint.lint(objects.values(), around(secrets={"auth": "missing"}))) == [(13, "BGP006")]
        assert rows(lint.lint(objects.values(), around(secrets={"auth": "empty"}))) == [(13, "BGP019")]
        assert lint.lint(objects.values(), around(secrets=None)) == []


def test_row_14_attributes_of_pools_that_are_ranges() -> None:
    policy = [render.legacy(parse(communities={"load_balancer": ["64512:100"]}))]
    (found,) = lint.lint(policy, around())
    # 172.29.52.100 to .199 as networks, worked out by hand.
    wanted = "172.29.52.100/30, 172.29.52.104/29, 172.29.52.112/28, 172.29.52.128/26, 172.29.52.192/29"
    assert (found.row, wanted in found.use) == (14, True)
    cidr = {**POOL, "spec": {**POOL["spec"], "blocks": [{"cidr": "172.29.52.96/27"}]}}
    assert lint.lint(policy, around(pools=[cidr])) == []
    disabled = {**POOL, "spec": {**POOL["spec"], "disabled": True}}
    assert lint.lint(policy, around(pools=[disabled])) == []


def test_row_20_a_pool_that_nobody_announces() -> None:
    lonely = copy.deepcopy(POOL)
    lonely["metadata"]["name"] = lonely["spec"]["serviceSelector"]["matchLabels"]["io.cilium/lb-ipam-pool"] = (
        "bgp-default-ipv6"
    )
    for objects in (new_kinds(), old_kind()):
        found = lint.lint(objects.values(), around(pools=[POOL, lonely]))
        assert rows(found) == [(20, "BGP004")]
        assert "bgp-default-ipv6" in found[0].subject and found[0].severity == "warning"
    assert lint.lint([], around(pools=[lonely])) == [], "without a policy nothing is announced anyway"


def test_row_21_the_pool_as_an_annotation() -> None:
    meta = {"name": "web", "namespace": "apps", "annotations": {"io.cilium/lb-ipam-pool": "bgp-default"}}
    service = {"metadata": meta, "spec": {"type": "LoadBalancer"}}
    (found,) = lint.lint(new_kinds().values(), around(services=[service]))
    assert (found.row, found.rule, found.subject) == (21, "BGP005", "Service apps/web")
    labelled = {**service, "metadata": {**meta, "labels": {"io.cilium/lb-ipam-pool": "bgp-default"}}}
    assert lint.lint(new_kinds().values(), around(services=[labelled])) == []


def test_policies_on_different_nodes_do_not_meet() -> None:
    def on(zone: str, name: str) -> Body:
        return render.legacy(parse(name=name, communities={}, node_selector={"matchLabels": {"zone": zone}}))

    for known in (NODES, None):
        assert lint.lint([on("a", "one"), on("b", "two")], around(nodes=known)) == []
        (found,) = lint.lint([on("a", "one"), on("a", "two")], around(nodes=known))
        assert (found.row, found.subject, found.other) == (
            *(12, "CiliumBGPPeeringPolicy two", "CiliumBGPPeeringPolicy one"),
        )
    assert "mini01" in lint.lint([on("a", "one"), on("a", "two")], around())[0].reason


def home_lab(*entries: Body, families: list[Body] | None = None) -> list[Body]:
    """The shape of three policy files that a real API server took, and that cannot announce a route."""
    labels = {"metadata": {"name": "bgp-loadbalancer-advertisements"}}
    return [
        {
            "apiVersion": "cilium.io/v2alpha1",
            "kind": kinds.ADVERTISEMENT,
            **labels,
            "spec": {"advertisements": list(entries)},
        },
        {
            "apiVersion": "cilium.io/v2alpha1",
            "kind": kinds.PEER,
            "metadata": {"name": "unifi-peer"},
            "spec": {"gracefulRestart": {"enabled": True}, **({"families": families} if families else {})},
        },
    ]


def test_the_fixed_files_of_a_home_lab_announce_nothing() -> None:
    service = {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}}
    found = lint.lint(home_lab(service, {"advertisementType": "PodCIDR"}), around())
    assert {one.row for one in found} >= {1, 2, 3}


def test_a_sentence_has_field_value_reason_and_use() -> None:
    objects = new_kinds()
    config(objects)["families"] = []
    text = lint.lint(objects.values(), around())[0].sentence()
    for part in ("CiliumBGPPeerConfig home-ops", "spec.families", "announce nothing", "use families", "[BGP001]"):
        assert part in text
