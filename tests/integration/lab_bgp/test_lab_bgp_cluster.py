# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's cluster and its router: both generations of Cilium's kinds, sessions, prefixes, ECMP, faults.

The tests of this module run in order and build on each other; the last one ends the lab.
"""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.process import processes_of
from tests.harness.bgp import BGP, CILIUM, Kubernetes, Router, until
from tests.harness.lab import Lab
from tests.integration.lab_bgp import documents

NODES = {"mini01": "172.29.51.11", "mini02": "172.29.51.12", "mini03": "172.29.51.13"}
SERVICES = "/api/v1/namespaces/default/services"


def all_accept(router: Router, prefixes: int) -> bool:
    """Whether every node's session is up with so many prefixes."""
    return router.accepted() == dict.fromkeys(NODES.values(), prefixes)


def hops(router: Router, prefix: str) -> list[str]:
    """The next hops over which the router balances a prefix."""
    return table(router).get(prefix, [])


def table(router: Router) -> dict[str, list[str]]:
    """The next hops over which the router balances each prefix."""
    return {
        prefix: sorted(p["nexthops"][0]["ip"] for p in paths if p.get("bestpath") or p.get("multipath"))
        for prefix, paths in router.routes().items()
    }


def whole(router: Router) -> dict[str, list[str]]:
    """The table once every address is balanced over all nodes; what is accepted is counted before that is chosen."""

    def look() -> dict[str, list[str]]:
        found = table(router)
        alone = [prefix for prefix in found if prefix.endswith("/32") and found[prefix] != sorted(NODES.values())]
        return {} if alone or not all(found.values()) else found

    return dict(until("every node has every address", look))


@pytest.fixture
def clear(lab: Lab) -> Iterator[None]:
    """Take all faults back afterwards."""
    yield
    lab.heal()


def test_the_minimal_set_reaches_every_route(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    assert router.upload(documents.router()).status == 201
    until("the text runs", lambda: len(router.peers()) == 3)
    began = time.monotonic()
    kubernetes.apply(documents.pool(), documents.pool("bgp-ingress", "172.29.52.200", "172.29.52.220"))
    kubernetes.ask("POST", SERVICES, documents.service("web"))
    kubernetes.ask("POST", SERVICES, documents.service("ingress", "bgp-ingress"))
    kubernetes.ask("POST", SERVICES, {**documents.service("private", "elsewhere")})
    kubernetes.apply(documents.advertisement(), documents.peer_config(), documents.cluster_config())
    until("three sessions with two addresses and a pod range each", lambda: all_accept(router, 3))
    print(f"cold until sessions and prefixes: {time.monotonic() - began:.1f} s")
    addresses = [
        kubernetes.ask("GET", f"{SERVICES}/{name}")["status"]["loadBalancer"]["ingress"][0]["ip"]
        for name in ("web", "ingress")
    ]
    found = whole(router)
    assert set(found) == {*(f"{a}/32" for a in addresses), "10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}
    for address in addresses:
        assert found[f"{address}/32"] == sorted(NODES.values())
    best = next(path for path in router.routes()[f"{addresses[0]}/32"] if path.get("bestpath"))
    assert best["locPrf"] == 200
    detail = router.show(f"show bgp ipv4 unicast {addresses[0]}/32 json")
    assert detail["paths"][0]["community"]["list"] == ["64512:100"]


def test_status_shows_daemons_and_sessions(lab: Lab) -> None:
    status = lab.status()
    assert status["bgp"]["bgpd"]["running"] and not status["bgp"]["problem"]
    assert {s["node"] for s in status["bgp"]["gobgpd"] if s["running"]} == set(NODES)
    assert {s["state"] for s in status["bgp"]["sessions"].values()} == {"Established"}
    text = lab.command("status").stdout
    assert "3 of 3 sessions, 9 prefixes accepted" in text and f"{lab.net}.51.1:8443" in text


def test_node_configs_tell_what_the_daemons_say(kubernetes: Kubernetes) -> None:
    def reported() -> bool:
        items = kubernetes.ask("GET", f"{CILIUM}/ciliumbgpnodeconfigs")["items"]
        peers = [p for i in items for b in (i.get("status") or {}).get("bgpInstances") or [] for p in b["peers"]]
        return len(peers) == 3 and all(
            p["peeringState"] == "established"
            and p["routeCount"] == [{"afi": "ipv4", "safi": "unicast", "received": 0, "advertised": 3}]
            and p["timers"] == {"appliedHoldTimeSeconds": 9, "appliedKeepaliveSeconds": 3}
            for p in peers
        )

    until("established with three routes each", reported)
    items = kubernetes.ask("GET", f"{CILIUM}/ciliumbgpnodeconfigs")["items"]
    assert {item["metadata"]["name"] for item in items} == set(NODES)
    assert all(item["metadata"]["ownerReferences"][0]["name"] == "home-ops" for item in items)


def test_a_lab_at_rest_writes_nothing(lab: Lab, kubernetes: Kubernetes) -> None:
    def versions() -> dict[str, str]:
        items = kubernetes.ask("GET", f"{CILIUM}/ciliumbgpnodeconfigs")["items"]
        return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}

    before = versions()
    time.sleep(3)
    assert versions() == before


def test_an_equal_upload_bounces_the_sessions(lab: Lab, router: Router) -> None:
    before = lab.status()
    since = {address: peer["peerUptimeEstablishedEpoch"] for address, peer in router.peers().items()}
    stored = router.ask("GET", BGP).body[0]
    assert router.ask("POST", BGP, stored).status == 200
    until("another bgpd", lambda: lab.status()["bgp"]["bgpd"]["restarts"] == before["bgp"]["bgpd"]["restarts"] + 1)
    until("everything is back", lambda: all_accept(router, 3))
    assert all(p["peerUptimeEstablishedEpoch"] > since[a] for a, p in router.peers().items())
    assert lab.status()["console"]["uploads"] == before["console"]["uploads"] + 1


def test_a_label_that_joins_nothing_leaves_sessions_without_routes(router: Router, kubernetes: Kubernetes) -> None:
    kubernetes.apply(documents.advertisement(labels={"homeops.io/advertise": "elsewhere"}))
    until("established, and nothing accepted", lambda: all_accept(router, 0))
    kubernetes.apply(documents.advertisement())
    until("the routes are back", lambda: all_accept(router, 3))


def test_a_service_loses_its_route_with_its_label(router: Router, kubernetes: Kubernetes) -> None:
    prefix = kubernetes.ask("GET", f"{SERVICES}/web")["status"]["loadBalancer"]["ingress"][0]["ip"] + "/32"
    kubernetes.merge(f"{SERVICES}/web", {"metadata": {"labels": {documents.POOL_LABEL: None}}})
    until("the route is withdrawn", lambda: prefix not in router.routes())
    kubernetes.merge(f"{SERVICES}/web", {"metadata": {"labels": {documents.POOL_LABEL: "bgp-default"}}})
    until("all routes are back", lambda: all_accept(router, 3))


def test_local_traffic_policy_announces_only_where_an_endpoint_is(router: Router, kubernetes: Kubernetes) -> None:
    web = f"{SERVICES}/web"
    prefix = kubernetes.ask("GET", web)["status"]["loadBalancer"]["ingress"][0]["ip"] + "/32"
    kubernetes.merge(web, {"spec": {"externalTrafficPolicy": "Local"}})
    until("no endpoint, no route", lambda: prefix not in router.routes())
    endpoints = [{"addresses": ["10.244.1.9"], "nodeName": "mini02", "conditions": {"ready": True}}]
    metadata = {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}}
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    body = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
    kubernetes.ask("POST", slices, {**body, "addressType": "IPv4", "endpoints": endpoints})
    until("one node has it", lambda: hops(router, prefix) == [NODES["mini02"]])
    kubernetes.ask("DELETE", f"{slices}/web-1")
    kubernetes.merge(web, {"spec": {"externalTrafficPolicy": "Cluster"}})
    until("every node has it", lambda: hops(router, prefix) == sorted(NODES.values()))


def test_a_missing_peer_config_makes_no_session(router: Router, kubernetes: Kubernetes) -> None:
    kubernetes.delete("CiliumBGPPeerConfig", "udm")
    path = f"{CILIUM}/ciliumbgpclusterconfigs/home-ops"

    def missing() -> bool:
        conditions = {c["type"]: c for c in kubernetes.ask("GET", path)["status"]["conditions"]}
        found = conditions["cilium.io/MissingPeerConfigs"]
        return found["status"] == "True" and found["message"].endswith("are missing: [udm]")

    until("the condition names it", missing)
    until("no session", lambda: not router.accepted())
    kubernetes.apply(documents.peer_config())
    until("everything is back", lambda: all_accept(router, 3))


def test_md5_needs_the_same_password_on_both_ends(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cilium-bgp-auth"}}
    data = {"password": base64.b64encode(b"s3cret-of-both").decode()}
    kubernetes.ask("POST", "/api/v1/namespaces/kube-system/secrets", {**secret, "data": data})
    kubernetes.apply(documents.peer_config(secret="cilium-bgp-auth"))
    until("one side only: nothing", lambda: not router.accepted())
    router.upload(documents.router(password="s3cret-of-both"))
    until("both sides", lambda: all_accept(router, 3))
    lab.console_fault(md5_mismatch=["mini02"])
    until("one node is out", lambda: set(router.accepted()) == {NODES["mini01"], NODES["mini03"]})
    peer = router.show(f"show bgp neighbors {NODES['mini02']} json")[NODES["mini02"]]
    assert peer["authenticationEnabled"] == 1
    lab.console_fault(md5_mismatch=[])
    until("all are back", lambda: all_accept(router, 3))
    router.upload(documents.router())
    until("the router has its text", lambda: lab.status()["console"]["pending"] == 0)
    kubernetes.apply(documents.peer_config())
    until("without a password again", lambda: all_accept(router, 3))


@pytest.mark.usefixtures("clear")
def test_a_killed_node_leaves_stale_routes(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    prefix = kubernetes.ask("GET", f"{SERVICES}/web")["status"]["loadBalancer"]["ingress"][0]["ip"] + "/32"
    lab.console_fault(node_killed=["mini03"])
    until("the session is lost", lambda: router.peers()[NODES["mini03"]]["peerState"] == "NSF passive")

    def stale() -> list[str]:
        return [path["peerId"] for path in router.routes()[prefix] if path.get("stale")]

    # The daemon goes through its routes after the session has fallen.
    assert until("a route is stale", stale) == [NODES["mini03"]]
    assert router.peers()[NODES["mini03"]]["pfxRcd"] == 3  # the counter still counts them
    lab.console_fault(node_killed=[])
    until("the node is back", lambda: all_accept(router, 3))
    until("nothing is stale", lambda: not any(p.get("stale") for p in router.routes()[prefix]))


def test_power_off_kills_the_speaker_and_power_on_brings_it_back(lab: Lab, router: Router) -> None:
    lab.command("fault", "mini02", "die")
    until("no speaker of it", lambda: {s["node"] for s in lab.status()["bgp"]["gobgpd"]} == {"mini01", "mini03"})
    until("no session with it", lambda: router.peers()[NODES["mini02"]]["state"] != "Established")
    lab.command("power", "on", "mini02")
    until("the node is back", lambda: all_accept(router, 3))


@pytest.mark.usefixtures("clear")
def test_session_down_after_a_change_heals_with_the_old_text(lab: Lab, router: Router) -> None:
    lab.console_fault(session_down_after_change=["mini01"])
    time.sleep(0.5)  # the fault alone takes nothing down
    assert all_accept(router, 3)
    router.upload(documents.router(group=" neighbor V4 advertisement-interval 1"))
    until("the other two are up", lambda: set(router.accepted()) == {NODES["mini02"], NODES["mini03"]})
    time.sleep(2)
    assert NODES["mini01"] not in router.accepted()
    router.upload(documents.router())
    until("the last good text", lambda: all_accept(router, 3))


@pytest.mark.usefixtures("clear")
@pytest.mark.parametrize(("name", "state"), [("session_down", ""), ("node_admin_down", "Idle")])
def test_a_session_that_is_down(lab: Lab, router: Router, name: str, state: str) -> None:
    until("all up", lambda: all_accept(router, 3))
    lab.console_fault(**{name: ["mini01"]})
    until("one session less", lambda: NODES["mini01"] not in router.accepted())
    if state:
        reason = router.show(f"show bgp neighbors {NODES['mini01']} json")[NODES["mini01"]]
        assert "Administrative Shutdown" in reason["lastErrorCodeSubcode"] + reason.get("lastNotificationReason", "")
    lab.console_fault(**{name: []})
    until("all up again", lambda: all_accept(router, 3))


@pytest.mark.usefixtures("clear")
def test_prefixes_that_are_refused_or_missing(lab: Lab, router: Router) -> None:
    until("all up", lambda: all_accept(router, 3))
    lab.console_fault(filtered=["mini01"], no_prefixes=["mini02"])
    until("one accepts nothing", lambda: router.accepted().get(NODES["mini02"]) == 0)
    command = f"show bgp ipv4 unicast neighbors {NODES['mini01']} filtered-routes json"
    until("the router refused it", lambda: "192.168.99.0/24" in router.show(command).get("receivedRoutes", {}))
    assert router.accepted()[NODES["mini01"]] == 3


@pytest.mark.usefixtures("clear")
def test_a_martian_next_hop_flaps(lab: Lab, router: Router) -> None:
    until("all up", lambda: all_accept(router, 3))
    lab.console_fault(martian_next_hop=["mini01"])
    until("the session falls", lambda: NODES["mini01"] not in router.accepted())
    assert router.show(f"show bgp neighbors {NODES['mini01']} json")[NODES["mini01"]]["lastErrorCodeSubcode"] == "0308"
    lab.console_fault(martian_next_hop=[])
    until("all up again", lambda: all_accept(router, 3))


def test_the_legacy_twin_wins_and_gives_the_same_routes(router: Router, kubernetes: Kubernetes) -> None:
    until("all up", lambda: all_accept(router, 3))
    before = whole(router)
    kubernetes.apply(documents.legacy_policy())

    def legacy() -> bool:
        items = kubernetes.ask("GET", f"{CILIUM}/ciliumbgpnodeconfigs")["items"]
        return all(not (i.get("status") or {}).get("bgpInstances") for i in items)

    until("the agents report no sessions of the other kind", legacy)
    until("all up", lambda: all_accept(router, 3))
    assert whole(router) == before


def test_two_policies_on_a_node_take_every_session_away(router: Router, kubernetes: Kubernetes) -> None:
    kubernetes.apply(documents.legacy_policy("second"))
    until("no session at all", lambda: not router.accepted())
    kubernetes.delete("CiliumBGPPeeringPolicy", "second")
    until("all up again", lambda: all_accept(router, 3))
    kubernetes.delete("CiliumBGPPeeringPolicy", "bgp-peering-policy")
    until("the other kind takes over", lambda: all_accept(router, 3))


def test_a_disabled_configuration_has_no_router(router: Router) -> None:
    router.upload(documents.router(), enabled=False)
    until("no router", lambda: router.show("show bgp summary json") == {})
    assert router.ask("GET", BGP).body[0]["frr_bgpd_config"] == documents.router()
    router.ask("DELETE", BGP, {})
    assert router.ask("GET", BGP).body == []


def test_a_killed_daemon_takes_every_speaker_along(lab: Lab) -> None:
    status = lab.status()
    speakers = [speaker["pid"] for speaker in status["bgp"]["gobgpd"]]
    assert len(speakers) == 3
    os.kill(status["pid"], signal.SIGKILL)
    owner = str(lab.directory.resolve())
    until("no process is left", lambda: not processes_of(owner))
    assert not any(runs(pid) for pid in speakers)


def runs(pid: int) -> bool:
    """Whether a process runs: an ended one may wait for somebody to ask how it ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
