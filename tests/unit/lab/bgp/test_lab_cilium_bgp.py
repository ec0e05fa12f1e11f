# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents and operator make of Cilium's BGP objects, case by case."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.bgp.plan import Peer
from lab.controllers.cilium.bgp_agent import TWO_POLICIES, Decision, View, decide
from lab.controllers.cilium.bgp_operator import merged, peer_condition, plan

Object = dict[str, Any]
ADDRESS = "172.29.51.11"
ANY = {"matchExpressions": [{"key": "somekey", "operator": "NotIn", "values": ["never-used-value"]}]}


def obj(name: str, spec: Object | None = None, **meta: Any) -> Object:
    """An object with a spec."""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z", **meta}} | (
        {"spec": spec} if spec is not None else {}
    )


def node(name: str = "mini01", **labels: str) -> Object:
    """A CiliumNode."""
    return obj(name, {"ipam": {"podCIDRs": ["10.244.0.0/24", "fd00:1::/64"]}}, labels={"os": "linux", **labels})


def service(
    name: str = "web", *, ips: tuple[str, ...] = ("172.29.52.100",), labels: Object | None = None, **spec: Any
) -> Object:
    """A LoadBalancer Service that has addresses."""
    body = {"type": "LoadBalancer", "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], **spec}
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}
    return {**obj(name, body, namespace="default", labels=labels or {"pool": "a"}), "status": status}


def policy(name: str = "p", **virtual: Any) -> Object:
    """A policy of the legacy kind with one neighbour."""
    neighbor = {"peerAddress": "172.29.51.1/32", "peerASN": 64513, **virtual.pop("neighbor", {})}
    router = {"localASN": 64512, "neighbors": [neighbor], **virtual}
    return obj(name, {"virtualRouters": [router]})


def modern(**view: Any) -> View:
    """A view with a node config, a peer config and an advertisement that join."""
    peer = {"name": "udm", "peerAddress": "172.29.51.1", "peerASN": 64513, "peerConfigRef": {"name": "udm"}}
    config = obj("mini01", {"bgpInstances": [{"name": "i", "localASN": 64512, "peers": [peer]}]})
    family = {"afi": "ipv4", "safi": "unicast", "advertisements": {"matchLabels": {"to": "udm"}}}
    entries = [
        {"advertisementType": "Service", "service": {"addresses": ["LoadBalancerIP"]}, "selector": ANY},
        {"advertisementType": "PodCIDR"},
    ]
    defaults: dict[str, Any] = {
        "node_configs": [config],
        "peer_configs": [obj("udm", {"families": [family]})],
        "advertisements": [obj("lb", {"advertisements": entries}, labels={"to": "udm"})],
        "services": [service()],
    }
    return View(**(defaults | view))


def run(view: View, annotations: dict[str, str] | None = None) -> Decision:
    """What mini01 decides."""
    return decide(node(), annotations or {}, ADDRESS, view)


def only_peer(decision: Decision) -> Peer:
    """The one peer of the one instance."""
    return decision.instances[0].peers[0]


# -- legacy ------------------------------------------------------------------------------------------------------------
def test_the_legacy_kind_announces_everything_to_everyone() -> None:
    decision = run(View(policies=[policy(serviceSelector=ANY, exportPodCIDR=True)], services=[service()]))
    peer = only_peer(decision)
    assert decision.mode == "legacy" and decision.instances[0].router_id == ADDRESS
    assert (peer.address, peer.local_address, peer.families) == ("172.29.51.1", ADDRESS, ("ipv4", "ipv6"))
    assert peer.prefixes() == ["10.244.0.0/24", "172.29.52.100/32", "fd00:1::/64"]
    assert (peer.hold_seconds, peer.keepalive_seconds, peer.restart_seconds) == (90, 30, 0)
    assert peer.connect_retry_seconds == 120


def test_the_timers_are_those_of_the_object() -> None:
    timers = {"holdTimeSeconds": 9, "keepAliveTimeSeconds": 3, "connectRetryTimeSeconds": 5}
    peers = [only_peer(run(View(policies=[policy(serviceSelector=ANY, neighbor=timers)])))]
    peers.append(only_peer(run(modern(peer_configs=[obj("udm", {"timers": timers})]))))
    for peer in peers:
        assert (peer.hold_seconds, peer.keepalive_seconds, peer.connect_retry_seconds) == (9, 3, 5)


def test_no_selector_is_no_service_and_an_empty_one_is_all() -> None:
    assert only_peer(run(View(policies=[policy()], services=[service()]))).prefixes() == []
    assert only_peer(run(View(policies=[policy(serviceSelector={})], services=[service()]))).prefixes()


def test_the_pseudo_labels_select() -> None:
    chosen = {"matchLabels": {"io.kubernetes.service.name": "web", "io.kubernetes.service.namespace": "default"}}
    view = View(policies=[policy(serviceSelector=chosen)], services=[service(), service("b", ips=("172.29.52.101",))])
    assert only_peer(run(view)).prefixes() == ["172.29.52.100/32"]


def test_families_of_the_legacy_kind_filter() -> None:
    neighbor = {"families": [{"afi": "ipv4", "safi": "unicast"}]}
    view = View(policies=[policy(exportPodCIDR=True, neighbor=neighbor)])
    assert only_peer(run(view)).prefixes() == ["10.244.0.0/24"]


def test_two_policies_are_no_session() -> None:
    decision = run(View(policies=[policy("a"), policy("b")]))
    assert decision.instances == [] and decision.problems == [TWO_POLICIES]


def test_a_policy_for_other_nodes_leaves_room_for_the_new_kinds() -> None:
    foreign = policy()
    foreign["spec"]["nodeSelector"] = {"matchLabels": {"os": "plan9"}}
    view = modern(policies=[foreign])
    assert run(view).mode == "v2"
    assert run(modern(policies=[policy()])).mode == "legacy"


def test_node_annotations_override_and_a_malformed_one_stops_the_node() -> None:
    key = "cilium.io/bgp-virtual-router.64512"
    instance = run(View(policies=[policy()]), {key: "router-id=10.0.0.2,local-port=1179"}).instances[0]
    assert (instance.router_id, instance.listen_port) == ("10.0.0.2", 1179)
    broken = run(View(policies=[policy()]), {key: "routerid"})
    assert broken.instances == [] and "failed to parse annotation" in broken.problems[0]


def test_attributes_by_pool_need_pools_with_cidr() -> None:
    entry = {"selectorType": "CiliumLoadBalancerIPPool", "communities": {"standard": ["64512:100"]}}
    wanted = policy(serviceSelector=ANY, neighbor={"advertisedPathAttributes": [entry]})
    pools = [obj("a", {"blocks": [{"cidr": "172.29.52.0/24"}]})]
    peer = only_peer(run(View(policies=[wanted], services=[service()], pools=pools)))
    assert peer.exports[0].communities == ("64512:100",)
    ranges = [obj("a", {"blocks": [{"start": "172.29.52.100", "stop": "172.29.52.199"}]})]
    decision = run(View(policies=[wanted], services=[service()], pools=ranges))
    assert only_peer(decision).exports[0].communities == () and "failed to parse IPAM pool CIDR" in decision.problems[0]


# -- the kinds that replace it -----------------------------------------------------------------------------------------
def test_the_join_is_by_labels() -> None:
    assert only_peer(run(modern())).prefixes() == ["10.244.0.0/24", "172.29.52.100/32"]
    unlabelled = modern()
    unlabelled.advertisements[0]["metadata"]["labels"] = {}
    assert only_peer(run(unlabelled)).prefixes() == []


@pytest.mark.parametrize(
    "families",
    [None, [], [{"afi": "ipv4", "safi": "unicast"}], [{"afi": "ipv4", "safi": "multicast", "advertisements": {}}]],
)
def test_without_families_or_their_selector_nothing_is_announced(families: list[Object] | None) -> None:
    peer = only_peer(run(modern(peer_configs=[obj("udm", {} if families is None else {"families": families})])))
    assert peer.prefixes() == []
    assert peer.families == (("ipv4",) if families and families[0]["safi"] == "unicast" else ("ipv4", "ipv6"))


def test_missing_references() -> None:
    dangling = run(modern(peer_configs=[]))
    assert dangling.instances[0].peers == () and "not found" in dangling.problems[0]
    view = modern()
    peer = view.node_configs[0]["spec"]["bgpInstances"][0]["peers"][0]
    del peer["peerConfigRef"]
    bare = only_peer(run(view))
    assert bare.exports == () and bare.families == ("ipv4", "ipv6")
    del peer["peerAddress"]
    assert run(view).instances[0].peers == ()


def test_an_instance_without_an_asn_does_not_run() -> None:
    view = modern()
    del view.node_configs[0]["spec"]["bgpInstances"][0]["localASN"]
    decision = run(view)
    assert decision.instances == [] and decision.problems == ["missing ASN in desired config"]


def test_a_service_entry_without_service_stops_all_services_of_the_instance() -> None:
    view = modern()
    view.advertisements[0]["spec"]["advertisements"].append({"advertisementType": "Service", "selector": ANY})
    decision = run(view)
    assert only_peer(decision).prefixes() == ["10.244.0.0/24"]
    assert decision.problems == ["advertisement has no service options"]


def test_attributes_add_up_and_local_preference_stays_inside() -> None:
    view = modern()
    communities = {"standard": ["64512:100", "4227858532"], "wellKnown": ["no-export"], "large": ["64512:1:2"]}
    entry = view.advertisements[0]["spec"]["advertisements"][0]
    entry["attributes"] = {"communities": communities, "localPreference": 99}
    exports = {export.prefixes: export for export in only_peer(run(view)).exports}
    mine = exports[("172.29.52.100/32",)]
    assert set(mine.communities) == {
        "64512:100",
        "65535:65281",
        f"{4227858532 >> 16}:{4227858532 & 65535}",
    }
    assert mine.large_communities == ("64512:1:2",) and mine.local_preference is None
    assert exports[("10.244.0.0/24",)].communities == ()


@pytest.mark.parametrize(
    ("data", "password", "problem"),
    [
        (None, "", "not found (will continue with empty password)"),
        ({"password": base64.b64encode(b"abc").decode()}, "abc", ""),
        ({"other": "eA=="}, None, "missing password key"),
        ({"password": ""}, None, "missing password key"),
    ],
)
def test_passwords(data: Object | None, password: str | None, problem: str) -> None:
    view = modern(secrets=[] if data is None else [{**obj("auth"), "data": data}])
    view.peer_configs[0]["spec"]["authSecretRef"] = "auth"
    decision = run(view)
    if password is None:
        assert decision.instances[0].peers == ()
    else:
        assert only_peer(decision).password == password
    assert any(problem in line for line in decision.problems) is bool(problem)


# -- services ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "announced"),
    [
        ({}, True),
        ({"loadBalancerClass": "io.cilium/bgp-control-plane"}, True),
        ({"loadBalancerClass": "io.cilium/l2-announcer"}, False),
        ({"type": "ClusterIP"}, False),
        ({"externalTrafficPolicy": "Local"}, False),
        ({"externalTrafficPolicy": "Local", "selector": {"app": "web"}}, True),
        ({"internalTrafficPolicy": "Local"}, True),
    ],
)
def test_which_services_are_announced(changes: Object, announced: bool) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pod = {**obj("web-1", {"nodeName": "mini01"}, namespace="default", labels={"app": "web"}), "status": ready}
    view = modern(services=[service(**changes)], pods=[pod])
    assert ("172.29.52.100/32" in only_peer(run(view)).prefixes()) is announced


def test_endpoint_slices_decide_over_pods() -> None:
    def slices(node_name: str, terminating: bool) -> list[Object]:
        labels = {"kubernetes.io/service-name": "web"}
        endpoint = {"nodeName": node_name, "conditions": {"terminating": terminating}}
        return [{**obj("web-1", namespace="default", labels=labels), "endpoints": [endpoint]}]

    local = service(externalTrafficPolicy="Local")
    for node_name, terminating, wanted in (("mini01", False, True), ("mini01", True, False), ("mini02", False, False)):
        view = modern(services=[local], slices=slices(node_name, terminating))
        assert ("172.29.52.100/32" in only_peer(run(view)).prefixes()) is wanted


def test_the_other_kinds_of_addresses() -> None:
    view = modern(services=[service(externalIPs=["192.0.2.1"])])
    addresses = view.advertisements[0]["spec"]["advertisements"][0]["service"]["addresses"]
    addresses[:] = ["ClusterIP", "ExternalIP"]
    assert only_peer(run(view)).prefixes() == ["10.244.0.0/24", "10.96.0.7/32", "192.0.2.1/32"]


# -- the operator ------------------------------------------------------------------------------------------------------
def cluster(name: str, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> Object:
    """A ClusterConfig with one peer."""
    peer = {"name": "udm", "peerConfigRef": {"name": "udm"}}
    body = {"bgpInstances": [{"name": "i", "localASN": 64512, "peers": [peer]}], **spec}
    return obj(name, body) | {"metadata": {**obj(name)["metadata"], "creationTimestamp": created}}


def statuses(conditions: list[Object]) -> dict[str, str]:
    """Status by the last part of the type."""
    return {c["type"].removeprefix("cilium.io/"): c["status"] for c in conditions}


def test_a_good_config_has_only_false_conditions_and_a_frightening_message() -> None:
    wanted = plan([cluster("a")], [], [], [obj("udm")], [node(), node("mini02")])
    assert set(wanted.specs) == {"mini01", "mini02"}
    assert set(statuses(wanted.conditions["a"]).values()) == {"False"}
    scary = next(c for c in wanted.conditions["a"] if c["type"].endswith("NoMatchingNode"))
    assert scary["message"] == "No node matches spec.nodeSelector"


def test_missing_peer_configs_and_nodes() -> None:
    wanted = plan([cluster("a", nodeSelector={"matchLabels": {"os": "plan9"}})], [], [], [], [node()])
    assert wanted.specs == {}
    assert statuses(wanted.conditions["a"]) == {
        "ConflictingClusterConfig": "False",
        "MissingPeerConfigs": "True",
        "NoMatchingNode": "True",
    }


def test_the_first_owner_keeps_a_node() -> None:
    first, second = cluster("a"), cluster("b", "2026-01-02T00:00:00Z")
    wanted = plan([first, second], [], [], [obj("udm")], [node()])
    assert wanted.specs["mini01"][0] is first
    assert statuses(wanted.conditions["b"])["ConflictingClusterConfig"] == "True"
    held = obj("mini01", ownerReferences=[{"uid": "uid-b", "controller": True}])
    wanted = plan([first, second], [held], [], [obj("udm")], [node()])
    assert wanted.specs["mini01"][0] is second
    messages = [c["message"] for c in wanted.conditions["a"] if c["status"] == "True"]
    assert messages == ["Selecting the same node(s) with ClusterConfig(s): [b]"]


def test_overrides_merge_by_name() -> None:
    override = obj(
        "mini01",
        {
            "bgpInstances": [
                {
                    "name": "i",
                    "routerID": "10.0.0.9",
                    "localPort": 1790,
                    "peers": [{"name": "udm", "localAddress": "10.0.0.1"}],
                },
                {"name": "unknown", "routerID": "10.0.0.8"},
            ]
        },
    )
    spec = plan([cluster("a")], [], [override], [obj("udm")], [node()]).specs["mini01"][1]
    instance = spec["bgpInstances"][0]
    assert len(spec["bgpInstances"]) == 1
    assert (instance["routerID"], instance["localPort"]) == ("10.0.0.9", 1790)
    assert instance["peers"][0]["localAddress"] == "10.0.0.1"


def test_conditions_are_sorted_stamped_and_keep_their_moment() -> None:
    config = obj("udm", {"authSecretRef": "x"}, generation=4)
    missing = merged(config, peer_condition(config, set()))
    assert missing[0]["status"] == "True" and missing[0]["message"] == 'Referenced Auth Secret "x" is missing'
    assert missing[0]["observedGeneration"] == 4
    config["status"] = {"conditions": [{**missing[0], "lastTransitionTime": "2020-01-01T00:00:00Z"}]}
    assert merged(config, peer_condition(config, set()))[0]["lastTransitionTime"] == "2020-01-01T00:00:00Z"
    assert merged(config, peer_condition(config, {"x"}))[0]["lastTransitionTime"] != "2020-01-01T00:00:00Z"
