# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase ``bgp`` against real routing daemons: one walk over one lab, each test begins where the last one ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.bgp import CILIUM, Kubernetes, Router, Vty, until
from tests.harness.bgp_lab import SERVICES, state_command
from tests.harness.lab import CHECKOUT, Lab

MODEL = CHECKOUT / "inventories" / "home" / "group_vars" / "all"
NODES = {"mini01": "172.29.51.11", "mini02": "172.29.51.12", "mini03": "172.29.51.13"}
#: Seconds after which a status is one of now: the lab's agents tell of their sessions ten times as often as real ones.
SETTLE = 1
Call = Callable[..., dict[str, Any]]


def service(name: str, pool: str, **metadata: Any) -> dict[str, Any]:
    labels = {"io.cilium/lb-ipam-pool": pool} if pool else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels, **metadata},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}},
    }


def address(kubernetes: Kubernetes, name: str) -> str:
    def look() -> str:
        ingress = (kubernetes.ask("GET", f"{SERVICES}/{name}")["status"].get("loadBalancer") or {}).get("ingress")
        return ingress[0]["ip"] if ingress else ""

    return str(until(f"{name} has an address", look))


def sources(router: Router, prefix: str) -> set[str]:
    """The neighbours over which the router balances a prefix now; stale routes do not count."""
    return {
        path["peerId"]
        for path in router.routes().get(prefix) or []
        if path.get("valid") and not path.get("stale") and (path.get("bestpath") or path.get("multipath"))
    }


def names(kubernetes: Kubernetes, plural: str) -> list[str]:
    return [item["metadata"]["name"] for item in kubernetes.ask("GET", f"{CILIUM}/{plural}")["items"]]


def test_from_nothing_to_accepted_routes(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    uploads = lab.status()["console"]["uploads"]
    kubernetes.ask("POST", SERVICES, service("web", "bgp-default"))
    kubernetes.ask("POST", SERVICES, service("ingress", "bgp-ingress"))
    # Another implementation's, which never gets an address here: nothing of it is to be proved.
    vpn = service("vpn", "")
    kubernetes.ask("POST", SERVICES, {**vpn, "spec": {**vpn["spec"], "loadBalancerClass": "tailscale"}})
    predicted = lab.play("-t", "bgp", "--check", "--diff")
    assert predicted.rc == 0, predicted.output[-3000:]
    assert names(kubernetes, "ciliumloadbalancerippools") == names(kubernetes, "ciliumbgpclusterconfigs") == []
    assert lab.status()["console"]["uploads"] == uploads
    run = lab.play("-t", "bgp", "--diff")
    assert run.rc == 0, run.output[-3000:]
    assert run.changed == predicted.changed
    for name, pool in (("web", range(100, 200)), ("ingress", range(200, 221))):
        given = address(kubernetes, name)
        assert int(given.rpartition(".")[2]) in pool
        assert sources(router, f"{given}/32") == set(NODES.values())
        assert any(f"{given}/32" in line and line.rstrip().endswith("ok") for line in run.output.splitlines())


def test_a_second_run_posts_nothing_and_resets_no_session(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    since = router.peers()
    uploads, writes = lab.status()["console"]["uploads"], lab.writes()
    run = lab.play("-t", "bgp")
    assert run.rc == 0, run.output[-3000:]
    assert run.changed == set()
    assert (lab.status()["console"]["uploads"], lab.writes()) == (uploads, writes)
    now = router.peers()
    assert now.keys() == since.keys()
    for peer, found in now.items():
        # bgpd works the time out anew at each look and rounds it; a bounce moves it by five seconds at least.
        assert abs(found["peerUptimeEstablishedEpoch"] - since[peer]["peerUptimeEstablishedEpoch"]) <= 1
        counts = ("connectionsEstablished", "connectionsDropped")
        assert [found[count] for count in counts] == [since[peer][count] for count in counts]


def test_the_status_names_the_first_broken_link(lab: Lab, kubernetes: Kubernetes, tmp_path: Path) -> None:
    noted = service("noted", "", annotations={"io.cilium/lb-ipam-pool": "bgp-default"})
    kubernetes.ask("POST", SERVICES, noted)
    file = tmp_path / "report.json"
    run = lab.play("-e", f"bgp_status_dest={file}", playbook="playbooks/bgp_status.yml")
    assert run.rc != 0
    assert "default/noted" in run.output and "Cilium reads the label" in run.output
    report = json.loads(file.read_text())
    assert report["worst"] == "error"
    rows = {row["name"]: row for row in report["routes"]}
    assert rows["default/web"]["broken"] == "" and rows["default/web"]["accepted"] == sorted(NODES)
    assert "annotation" in rows["default/noted"]["broken"]
    kubernetes.ask("DELETE", f"{SERVICES}/noted")
    again = lab.play("-e", f"bgp_status_dest={file}", playbook="playbooks/bgp_status.yml")
    assert again.rc == 0, again.output[-3000:]
    report = json.loads(file.read_text())
    # The platform, which makes the Services of the promised addresses, is not there.
    assert {finding["severity"] for finding in report["findings"]} == {"warning"}
    assert "ingress-nginx/ingress-nginx-controller" in {finding["subject"] for finding in report["findings"]}
    assert any("zebra" in note for note in report["notes"])
    # A Service that bears the name of a promise and has another address.
    kubernetes.ask("POST", SERVICES, service("mosquitto", "bgp-default"))
    address(kubernetes, "mosquitto")
    wrong = lab.play(playbook="playbooks/bgp_status.yml")
    assert wrong.rc != 0 and "homeops_load_balancers.pinned.mosquitto says 172.29.52.110" in wrong.output
    kubernetes.ask("DELETE", f"{SERVICES}/mosquitto")


def test_a_router_that_tells_nothing_is_no_proof(lab: Lab) -> None:
    lab.console_fault(ssh_unreachable=True)
    try:
        for arguments in ({"playbook": "playbooks/bgp_status.yml"}, {}):
            words = [] if arguments else ["-t", "bgp", "-e", "bgp_status_wait_timeout=1 udm_bgp_wait_timeout=2"]
            run = lab.play(*words, **arguments)
            assert run.rc != 0
            assert "No route to host" in run.output or "timed out" in run.output, run.output[-2000:]
    finally:
        lab.heal()
    # Nobody is to ask it: the preflight says so before anything is touched.
    nobody = ("-e", '{"bgp_status_state_command": []}')
    run = lab.play("-t", "bgp", *nobody)
    (failure,) = run.failures
    assert "LIV015 router homeops_router_state_command" in failure.msg
    assert not any("bgp" in result.tags and "Validating" not in result.task for result in run.results)
    # Where it has not looked, the phase has proved nothing and says so; whoever accepts that is told all the same.
    run = lab.play("-t", "bgp", *nobody, "-e", "preflight_live=false")
    assert run.rc != 0
    assert "NOTHING PAST THE TEXT" in run.output and "homeops_router_state_command" in run.output
    for accepted in (
        lab.play("-t", "bgp", *nobody, "-e", "bgp_status_require_state=false"),
        lab.play(*nobody, playbook="playbooks/bgp_status.yml"),
    ):
        assert accepted.rc == 0, accepted.output[-3000:]
        assert "NOTHING PAST THE TEXT" in accepted.output


class Watch(threading.Thread):
    """Looks at the router ten times a second.

    :ivar lowest: the least number of neighbours that a prefix had at a look.
    :ivar slowest: the longest time between two looks, in seconds.
    :ivar fault: what ended it before its time; what is not seen proves nothing.
    """

    RATE = 10

    def __init__(self, router: Router, prefixes: list[str]) -> None:
        super().__init__(daemon=True)
        self.vty, self.looks, self.seconds, self.slowest = Vty(router.directory), 0, 0.0, 0.0
        self.fault: Exception | None = None
        self.lowest = dict.fromkeys(prefixes, len(NODES))
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._look()
        except Exception as fault:  # noqa: BLE001 - told when the watch ends
            self.fault = fault

    def _look(self) -> None:
        started = before = time.monotonic()
        while not self.done.is_set():
            began = time.monotonic()
            self.slowest = max(self.slowest, began - before)
            before = began
            table = self.vty.show("show bgp ipv4 unicast json")["routes"]
            for prefix in self.lowest:
                alive = [path for path in table.get(prefix) or [] if path.get("valid")]
                self.lowest[prefix] = min(self.lowest[prefix], len(alive))
            self.looks += 1
            self.seconds = time.monotonic() - started
            self.done.wait(max(0.0, 1 / self.RATE - (time.monotonic() - began)))

    @property
    def rate(self) -> float:
        """Looks a second."""
        return self.looks / max(self.seconds, 0.001)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.done.set()
        self.join(30)
        self.vty.close()
        assert not self.is_alive(), "the watch hangs"
        assert self.fault is None, self.fault


def test_there_and_back_between_the_schemas_with_no_lost_route(
    lab: Lab, router: Router, kubernetes: Kubernetes, call: Call, options: dict[str, Any]
) -> None:
    # The legacy agent cannot put communities on addresses of pools that are ranges.
    wanted = {
        **options,
        "communities": {"pods": options["communities"]["pods"]},
        "settle_seconds": SETTLE,
        "wait": True,
    }
    # The router proves each node before the next one moves, as the role has it.
    wanted |= {
        "router_state_command": state_command(lab),
        "router_neighbors": [{"name": name, "address": address} for name, address in NODES.items()],
    }
    assert call("cilium_bgp_policy", **wanted)["changed"]
    prefixes = [f"{address(kubernetes, name)}/32" for name in ("web", "ingress")]
    pods = [entry["cidr"] for entry in call("cilium_bgp_info")["pods"]]
    assert len(pods) == len(NODES)
    for schema, there, gone in (
        ("legacy", "ciliumbgppeeringpolicies", "ciliumbgpclusterconfigs"),
        ("v2", "ciliumbgpclusterconfigs", "ciliumbgppeeringpolicies"),
    ):
        until("three paths", lambda: all(sources(router, one) == set(NODES.values()) for one in prefixes))
        with Watch(router, [*prefixes, *pods]) as watch:
            result = call("cilium_bgp_policy", **{**wanted, "api": schema, "migrate": True, "wait_timeout": 60})
            until("three paths", lambda: all(sources(router, one) == set(NODES.values()) for one in prefixes))
        assert result["changed"] and result["api"] == schema
        assert len(names(kubernetes, there)) == 1 and names(kubernetes, gone) == []
        # Ten looks a second, or an outage passes between two of them; a loaded machine may lose some of them.
        told = f"{schema}: {watch.looks} looks, {watch.rate:.1f} a second, at most {watch.slowest:.2f} s apart"
        print(f"{told}, fewest paths {watch.lowest}")
        assert watch.looks > 50 and watch.rate >= 0.7 * watch.RATE and watch.slowest < 2.0, told
        # One node at a time: the others carry every address meanwhile, and graceful restart keeps a node's own pods.
        assert min(watch.lowest[prefix] for prefix in prefixes) >= len(NODES) - 1, watch.lowest
        assert min(watch.lowest[prefix] for prefix in pods) >= 1, watch.lowest
        labels = [node["metadata"]["labels"] for node in kubernetes.ask("GET", "/api/v1/nodes")["items"]]
        assert not any("homeops.cluster/bgp-api" in found for found in labels)
    assert call("cilium_bgp_info")["findings"] == []


@pytest.mark.parametrize(("authentication", "password"), [(True, "canary-first"), (True, "canary-second"), (False, "")])
def test_the_password_of_the_sessions_changes_in_one_run(
    lab: Lab, router: Router, kubernetes: Kubernetes, tmp_path: Path, authentication: bool, password: str
) -> None:
    bgp = {**yaml.safe_load((MODEL / "bgp.yml").read_text(encoding="utf-8"))["homeops_bgp"]}
    bgp["authentication"] = authentication
    wanted = tmp_path / "model.yml"
    values = {"homeops_bgp": bgp, "cilium_bgp_settle_seconds": SETTLE}
    wanted.write_text(yaml.safe_dump(values), encoding="utf-8")
    uploads = lab.status()["console"]["uploads"]
    # The router comes first, and its sessions cannot come back before the cluster has the password as well.
    run = lab.play("-t", "bgp", "-e", f"@{wanted}", HOMEOPS_BGP_PASSWORD=password)
    assert run.rc == 0, run.output[-3000:]
    assert lab.status()["console"]["uploads"] == uploads + 1
    assert "canary" not in run.output
    for name in ("web", "ingress"):
        assert sources(router, f"{address(kubernetes, name)}/32") == set(NODES.values())
    told = router.show("show bgp neighbors json")
    assert {bool(told[node].get("authenticationEnabled")) for node in NODES.values()} == {authentication}
    # The preflight changes nothing, and has just said what it says.
    again = lab.play("-e", f"@{wanted}", playbook="playbooks/bgp.yml", HOMEOPS_BGP_PASSWORD=password)
    assert again.rc == 0 and again.changed == set(), again.output[-3000:]


def test_the_phase_mends_what_was_changed_by_hand(lab: Lab, router: Router, kubernetes: Kubernetes) -> None:
    kubernetes.merge(
        f"{CILIUM}/ciliumbgpadvertisements/home-ops", {"metadata": {"labels": {"homeops.cluster/bgp-policy": None}}}
    )
    until("nothing is accepted", lambda: set(router.accepted().values()) == {0})
    run = lab.play("-t", "bgp", "-e", f"cilium_bgp_settle_seconds={SETTLE}")
    assert run.rc == 0, run.output[-3000:]
    assert {task for _host, task in run.changed} == {"homeops.cluster.cilium_bgp : Announce to the router"}
    assert set(router.accepted().values()) == {3}
