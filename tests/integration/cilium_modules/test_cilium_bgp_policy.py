# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cilium_bgp_policy and cilium_bgp_info against an API server with Cilium's kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.cilium.store import Store
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import config
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from tests.harness.kube_server import KubeServer

Call = Callable[..., dict[str, Any]]

BASE = "/apis/cilium.io/v2alpha1"
NODES = ["mini01", "mini02", "mini03"]
MOVED = "homeops.cluster/bgp-api"
HOME: dict[str, Any] = {
    "name": "home-ops",
    "local_asn": 64512,
    "peers": [{"name": "udm", "address": "172.29.51.1", "asn": 64513}],
    "pools": ["bgp-default", "bgp-ingress"],
    "pod_cidr": True,
    "node_selector": {"matchLabels": {"kubernetes.io/os": "linux"}},
}
KUBECTL_POLICY = {
    "apiVersion": "cilium.io/v2alpha1",
    "kind": "CiliumBGPPeeringPolicy",
    "metadata": {"name": "bgp-peering-policy"},
    "spec": {
        "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
        "virtualRouters": [
            {
                "localASN": 64512,
                "exportPodCIDR": True,
                "serviceSelector": {
                    "matchExpressions": [
                        {"key": "io.cilium/lb-ipam-pool", "operator": "In", "values": ["bgp-default", "bgp-ingress"]}
                    ]
                },
                "serviceAdvertisements": ["LoadBalancerIP"],
                "neighbors": [
                    {"peerAddress": "172.29.51.1/32", "peerASN": 64513, "gracefulRestart": {"enabled": True}}
                ],
            }
        ],
    },
}


def names(api: Client, plural: str) -> list[str]:
    return sorted(item["metadata"]["name"] for item in api.list(f"{BASE}/{plural}")[0])


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {entry["kind"]: entry["action"] for entry in result["objects"]}


@pytest.mark.parametrize("schema", ["legacy", "v2"])
def test_created_then_unchanged_then_gone(call: Call, api: Client, schema: str) -> None:
    predicted = call("cilium_bgp_policy", api=schema, check=True, diff=True, **HOME)
    assert names(api, "ciliumbgpclusterconfigs") + names(api, "ciliumbgppeeringpolicies") == []
    made = call("cilium_bgp_policy", api=schema, diff=True, **HOME)
    assert made["changed"] and made["api"] == schema
    assert actions(made) == actions(predicted)
    assert {entry["action"] for entry in made["objects"]} == {"created"}
    assert [diff["before_header"] for diff in predicted["diff"]] == [diff["before_header"] for diff in made["diff"]]
    again = call("cilium_bgp_policy", api=schema, **HOME)
    assert not again["changed"]
    assert set(again["requests"]) == {"GET"}, "a run that changes nothing writes nothing"
    assert call("cilium_bgp_policy", name="home-ops", state="absent", check=True)["changed"]
    assert call("cilium_bgp_policy", name="home-ops", state="absent")["changed"]
    assert not call("cilium_bgp_policy", name="home-ops", state="absent")["changed"]
    assert names(api, "ciliumbgpclusterconfigs") + names(api, "ciliumbgppeeringpolicies") == []


def test_auto_takes_the_new_kinds_and_leaves_a_legacy_policy_legacy(call: Call, api: Client) -> None:
    assert call("cilium_bgp_policy", check=True, **HOME)["api"] == "v2"
    call("cilium_bgp_policy", api="legacy", **HOME)
    assert call("cilium_bgp_policy", **HOME)["api"] == "legacy"
    with pytest.raises(InputError, match="migrate: true"):
        call("cilium_bgp_policy", api="v2", **HOME)


def test_what_is_no_longer_wanted_goes(call: Call, api: Client) -> None:
    peers = [*HOME["peers"], {"name": "other", "address": "172.29.51.2", "asn": 64513, "port": 1179}]
    override = [{"node": "mini01", "router_id": "172.29.51.11"}]
    call("cilium_bgp_policy", **{**HOME, "peers": peers, "node_overrides": override})
    assert names(api, "ciliumbgppeerconfigs") == ["home-ops", "home-ops-port-1179"]
    assert names(api, "ciliumbgpnodeconfigoverrides") == ["mini01"]
    result = call("cilium_bgp_policy", **HOME)
    assert names(api, "ciliumbgppeerconfigs") == ["home-ops"]
    assert names(api, "ciliumbgpnodeconfigoverrides") == []
    assert result["summary"]["pruned"] == 2
    peers_left = api.get(f"{BASE}/ciliumbgpclusterconfigs/home-ops")["spec"]["bgpInstances"][0]["peers"]
    assert [peer["name"] for peer in peers_left] == ["udm"]


def test_a_second_policy_on_the_same_nodes_is_refused_before_anything_is_written(call: Call, api: Client) -> None:
    call("kube_apply", definition=KUBECTL_POLICY)
    for schema in ("legacy", "v2"):
        with pytest.raises(InputError) as caught:
            call("cilium_bgp_policy", api=schema, **HOME)
        assert "bgp-peering-policy" in str(caught.value) and "mini01, mini02, mini03" in str(caught.value)
    assert names(api, "ciliumbgpclusterconfigs") == names(api, "ciliumbgpadvertisements") == []
    ctx = Context()
    assert call("cilium_bgp_policy", api="v2", overlap="warn", ctx=ctx, **HOME)["changed"]
    assert any("the legacy policy wins" in text for text in ctx.warnings)


def test_peers_of_another_owner_are_told(call: Call, api: Client) -> None:
    call("cilium_bgp_policy", **HOME)
    other = {"name": "udm2", "peerASN": 65000, "peerAddress": "172.29.51.9", "peerConfigRef": {"name": "home-ops"}}
    body = {
        "apiVersion": "cilium.io/v2alpha1",
        "kind": "CiliumBGPClusterConfig",
        "metadata": {"name": "home-ops"},
        "spec": {"bgpInstances": [{"name": "instance-64512", "peers": [other]}]},
    }
    api.apply(f"{BASE}/ciliumbgpclusterconfigs/home-ops", body, manager="kubectl")
    ctx = Context()
    result = call("cilium_bgp_policy", ctx=ctx, **HOME)
    assert [(peer["peer"], peer["managers"]) for peer in result["foreign_peers"]] == [("udm2", ["kubectl"])]
    assert any("udm2" in text and "kubectl" in text for text in ctx.warnings)


@pytest.mark.parametrize(("state", "told"), [("missing", "BGP006"), ("empty", "BGP019")])
def test_a_password_that_is_not_there_is_refused(call: Call, api: Client, state: str, told: str) -> None:
    if state == "empty":
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bgp-empty"}, "data": {"password": ""}}
        call("kube_apply", definition=body, namespace="kube-system")
    with pytest.raises(InputError, match=told):
        call("cilium_bgp_policy", auth_secret=f"bgp-{state}", **HOME)
    assert names(api, "ciliumbgppeerconfigs") == []
    ctx = Context(check_mode=True)
    assert call("cilium_bgp_policy", auth_secret=f"bgp-{state}", ctx=ctx, **HOME)["changed"]
    assert any(told in text for text in ctx.warnings)


def test_ranges_of_pools_and_legacy_communities_do_not_go_together(call: Call, api: Client) -> None:
    pool = {
        "name": "bgp-default",
        "blocks": [{"start": "172.29.52.100", "stop": "172.29.52.103"}],
        "service_selector": {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-default"}},
    }
    call("cilium_lb_pool", pools=[pool])
    options = {**HOME, "communities": {"load_balancer": ["64512:100"]}}
    with pytest.raises(InputError, match=r"172\.29\.52\.100/30"):
        call("cilium_bgp_policy", api="legacy", **options)
    assert call("cilium_bgp_policy", api="v2", **options)["changed"]


def test_waits_for_every_session(call: Call, agents: Any) -> None:
    agents.state = "active"
    with pytest.raises(WaitTimeout, match="is active") as caught:
        call("cilium_bgp_policy", wait=True, wait_timeout=1, **HOME)
    assert {session["state"] for session in caught.value.facts["sessions"]} == {"active"}
    agents.state = "established"
    result = call("cilium_bgp_policy", wait=True, wait_timeout=20, **HOME)
    assert not result["changed"]
    assert sorted(session["node"] for session in result["sessions"]) == NODES


def test_a_selector_that_fits_no_node_is_refused(call: Call, api: Client) -> None:
    with pytest.raises(InputError, match="mini01, mini02, mini03") as caught:
        call("cilium_bgp_policy", **{**HOME, "node_selector": {"matchLabels": {"kubernetes.io/os": "plan9"}}})
    assert caught.value.param == "node_selector"
    assert names(api, "ciliumbgpclusterconfigs") == []


def test_a_wait_that_fails_tells_the_operators_words(call: Call, api: Client) -> None:
    call("cilium_bgp_policy", **HOME)
    entry = {"type": "cilium.io/MissingPeerConfigs", "reason": "MissingPeerConfigs", "observedGeneration": 1}
    said = {"status": "True", "message": "Referenced CiliumBGPPeerConfig(s) are missing: [x]"}
    done = {"status": "False", "message": "No node matches spec.nodeSelector", "type": "cilium.io/NoMatchingNode"}
    when = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    conditions = [{**entry, **said, **when}, {**entry, **done, **when}]
    path = f"{BASE}/ciliumbgpclusterconfigs/home-ops/status"
    api.request("PATCH", path, body={"status": {"conditions": conditions}}, media="application/merge-patch+json")
    with pytest.raises(WaitTimeout) as caught:
        call("cilium_bgp_policy", wait=True, wait_timeout=0, **HOME)
    told = "CiliumBGPClusterConfig home-ops: Referenced CiliumBGPPeerConfig(s) are missing: [x]"
    assert caught.value.facts["conditions"] == [told]


def test_legacy_says_that_it_has_no_status(call: Call, api: Client) -> None:
    ctx = Context()
    call("cilium_bgp_policy", api="legacy", wait=True, ctx=ctx, **HOME)
    assert any("no status" in text for text in ctx.warnings)


def labelled(api: Client) -> list[str]:
    return [node["metadata"]["name"] for node in api.list("/api/v1/nodes")[0] if MOVED in node["metadata"]["labels"]]


def migrate(call: Call, schema: str, **more: Any) -> dict[str, Any]:
    options = {**HOME, "settle_seconds": 0.1, "unproved_seconds": 0.1, "wait_timeout": 20, **more}
    return call("cilium_bgp_policy", api=schema, migrate=True, **options)


def test_there_and_back_without_a_node_that_no_policy_selects(call: Call, api: Client, agents: Any) -> None:
    call("cilium_bgp_policy", api="legacy", **HOME)
    predicted = call("cilium_bgp_policy", api="v2", migrate=True, check=True, diff=True, **HOME)
    assert names(api, "ciliumbgpclusterconfigs") == []
    agents.samples.clear()
    there = migrate(call, "v2")
    assert there["changed"] and there["steps"] == predicted["steps"] and actions(there) == actions(predicted)
    assert names(api, "ciliumbgppeeringpolicies") == labelled(api) == []
    assert names(api, "ciliumbgpclusterconfigs") == ["home-ops"]
    again = migrate(call, "v2")
    assert not again["changed"] and again["steps"] == [] and set(again["requests"]) == {"GET"}
    assert not call("cilium_bgp_policy", **HOME)["changed"]
    back = migrate(call, "legacy")
    assert back["changed"]
    assert names(api, "ciliumbgppeeringpolicies") == ["home-ops"]
    assert names(api, "ciliumbgpclusterconfigs") == names(api, "ciliumbgpadvertisements") == labelled(api) == []
    assert len(agents.samples) > 20
    assert set(agents.samples) == {frozenset(NODES)}


def test_a_migration_that_stops_goes_on_or_back(call: Call, api: Client, agents: Any) -> None:
    call("cilium_bgp_policy", api="legacy", **HOME)
    agents.state = "idle"
    with pytest.raises(HomeopsError) as caught:
        migrate(call, "v2", wait_timeout=1)
    assert "Run again to go on" in str(caught.value)
    assert caught.value.facts["steps_left"]
    assert labelled(api) == ["mini01"]
    with pytest.raises(InputError, match="migrate: true"):
        call("cilium_bgp_policy", **HOME)
    agents.state = "established"
    migrate(call, "legacy")
    assert labelled(api) == names(api, "ciliumbgpclusterconfigs") == []
    agents.state = "idle"
    with pytest.raises(HomeopsError):
        migrate(call, "v2", wait_timeout=1)
    agents.state = "established"
    migrate(call, "v2")
    assert labelled(api) == names(api, "ciliumbgppeeringpolicies") == []
    assert set(agents.samples) <= {frozenset(NODES), frozenset()}


def test_a_policy_of_kubectl_is_taken_over_under_its_own_name(call: Call, api: Client, agents: Any) -> None:
    api.request("POST", f"{BASE}/ciliumbgppeeringpolicies", {"fieldManager": "kubectl"}, KUBECTL_POLICY)
    agents.samples.clear()
    result = migrate(call, "v2", name="bgp-peering-policy")
    assert result["changed"]
    assert names(api, "ciliumbgppeeringpolicies") == labelled(api) == []
    assert set(agents.samples) == {frozenset(NODES)}


def test_nodes_that_would_be_left_over_stop_a_migration(call: Call, api: Client) -> None:
    call("cilium_bgp_policy", api="legacy", **HOME)
    fewer = {"matchLabels": {"kubernetes.io/hostname": "mini01"}}
    with pytest.raises(InputError, match="mini02, mini03"):
        call("cilium_bgp_policy", **{**HOME, "api": "v2", "migrate": True, "node_selector": fewer})


def test_a_cluster_that_is_not_there_yet(call: Call) -> None:
    result = call("cilium_bgp_policy", check=True, assume_absent=True, kubeconfig="/nonexistent", **HOME)
    assert result["changed"] and result["summary"] == {"created": 3}


def test_a_cluster_without_cilium(bare_server: KubeServer) -> None:
    from tests.integration.cilium_modules.conftest import caller

    call, ctx = caller(bare_server), Context(check_mode=True)
    predicted = call("cilium_bgp_policy", ctx=ctx, **HOME)
    assert predicted["summary"] == {"created": 3}
    assert any("serves no BGP kind" in text for text in ctx.warnings)
    pool = {"name": "p", "blocks": [{"start": "172.29.52.100"}], "service_selector": {}}
    assert call("cilium_lb_pool", check=True, pools=[pool])["summary"] == {"created": 1}
    assert not call("cilium_bgp_policy", name="home-ops", state="absent")["changed"]
    assert not call("cilium_lb_pool", pools=[{"name": "p"}], state="absent")["changed"]
    info = call("cilium_bgp_info")
    assert info["served"] == {"legacy": False, "new": "", "pools": ""} and info["policies"] == []
    with (
        Client(config.load(str(bare_server.directory / "kubeconfig"))) as api,
        pytest.raises(WaitTimeout, match="Does the operator of Cilium run"),
    ):
        Store(api, Context()).await_kinds(timeout=0.2)


def test_newer_cilium_serves_v2_only(newer_server: KubeServer) -> None:
    from tests.integration.cilium_modules.conftest import caller

    call = caller(newer_server)
    made = call("cilium_bgp_policy", **HOME)
    assert made["api_version"] == "cilium.io/v2"
    assert not call("cilium_bgp_policy", **HOME)["changed"]
    with pytest.raises(InputError, match="Use api: v2"):
        call("cilium_bgp_policy", api="legacy", **HOME)
    with Client(config.load(str(newer_server.directory / "kubeconfig"))) as api:
        assert api.get("/apis/cilium.io/v2/ciliumbgpclusterconfigs/home-ops")
    assert call("cilium_bgp_info")["served"] == {"legacy": False, "new": "cilium.io/v2", "pools": "cilium.io/v2"}


def service(name: str, address: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}},
    }


def give(api: Client, name: str, address: str) -> None:
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    path = f"/api/v1/namespaces/default/services/{name}/status"
    api.request("PATCH", path, body=status, media="application/merge-patch+json")


def test_info_follows_every_service(call: Call, api: Client, agents: Any) -> None:
    pool = {
        "name": "bgp-default",
        "blocks": [{"start": "172.29.52.100", "stop": "172.29.52.199"}],
        "service_selector": {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-default"}},
    }
    call("cilium_lb_pool", pools=[pool])
    call("cilium_bgp_policy", wait=True, **HOME)
    label = {"io.cilium/lb-ipam-pool": "bgp-default"}
    wanted = [service("web", labels=label), service("noted", annotations=label), service("other", labels={"a": "b"})]
    call("kube_apply", definition=wanted)
    give(api, "web", "172.29.52.100")
    give(api, "other", "172.29.52.101")
    info = call("cilium_bgp_info")
    assert not info["changed"]
    rows = {row["name"]: row for row in info["services"]}
    assert rows["web"]["advertised"] and rows["web"]["nodes"] == NODES and rows["web"]["pool"] == "bgp-default"
    assert rows["web"]["links"][0]["peer_address"] == "172.29.51.1"
    assert not rows["noted"]["advertised"] and "annotation" in rows["noted"]["broken"]
    assert not rows["other"]["advertised"] and "does not select its labels" in rows["other"]["broken"]
    assert {row["state"] for row in info["sessions"]} == {"established"}
    assert info["policies"][0]["effective_nodes"] == NODES
    assert [finding["row"] for finding in info["findings"]] == [21]
    assert (info["pools"][0]["total"], info["pools"][0]["used"]) == (100, 2)
