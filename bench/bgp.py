# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long phase ``bgp`` takes until the router has every address, and how long the same daemons need by hand.

Both begin with a router and a cluster that know nothing of BGP nor of pools, and end when the router's own table has
each Service's address over every node. By hand means: the very text and objects that the phase makes, given to the
console and to the Kubernetes API at once by plain requests, nothing checked or proved. The phase is a whole
``ansible-playbook`` run, its start-up and the preflight included.

Measured twice: with nodes that only dial, as Cilium does, and with nodes that accept the router's connection too, which
the lab's tests use to save time.

    python bench/bgp.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.harness.bgp import BGP, CILIUM, Kubernetes, Router, until
from tests.harness.lab import Lab

NODES = {"172.29.51.11", "172.29.51.12", "172.29.51.13"}
SERVICES = {"172.29.52.201": "bgp-ingress", "172.29.52.200": "bgp-ingress", "172.29.52.110": "bgp-default"}
KINDS = (
    "ciliumloadbalancerippools",
    "ciliumbgpadvertisements",
    "ciliumbgppeerconfigs",
    "ciliumbgpclusterconfigs",
    "ciliumbgppeeringpolicies",
)
#: What the project promises, times the daemons' own time.
BOUND = 1.5
SERVER_MADE = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


def accepted(router: Router) -> bool:
    """Whether the router reaches every address over every node."""
    table = router.routes()
    for address in SERVICES:
        used = [path for path in table.get(f"{address}/32", []) if path.get("bestpath") or path.get("multipath")]
        if {hop["ip"] for path in used for hop in path["nexthops"]} != NODES:
            return False
    return True


def clear(router: Router, kubernetes: Kubernetes) -> None:
    """Take every trace of BGP away and wait until the router has no route."""
    for kind in KINDS:
        for item in kubernetes.ask("GET", f"{CILIUM}/{kind}")["items"]:
            kubernetes.ask("DELETE", f"{CILIUM}/{kind}/{item['metadata']['name']}")
    router.ask("DELETE", BGP)
    until("a router without routes", lambda: not router.routes())
    time.sleep(2)


def objects(kubernetes: Kubernetes) -> list[tuple[str, dict[str, Any]]]:
    """The cluster's BGP objects as they would be written by hand: ``(collection, object)``."""
    found = []
    for kind in KINDS:
        answer = kubernetes.ask("GET", f"{CILIUM}/{kind}")
        for item in answer["items"]:
            metadata = {key: value for key, value in item["metadata"].items() if key not in SERVER_MADE}
            body = {key: value for key, value in item.items() if key != "status"} | {"metadata": metadata}
            found.append((kind, body | {"apiVersion": answer["apiVersion"], "kind": item["kind"]}))
    return found


def clock(router: Router, act: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds until the router had everything, and until ``act`` had returned."""
    began = time.monotonic()
    reached: list[float] = []

    def look() -> None:
        until("every address at the router", lambda: accepted(router), timeout=60)
        reached.append(time.monotonic() - began)

    watcher = threading.Thread(target=look)
    watcher.start()
    act()
    ended = time.monotonic() - began
    watcher.join()
    if not reached:
        raise SystemExit("The router never had every address.")
    return reached[0], ended


def measure(rounds: int, nodes_listen: bool) -> dict[str, list[float]]:
    """Return seconds per round and way.

    :param nodes_listen: whether the nodes accept connections, or only dial.
    """
    taken: dict[str, list[float]] = {"by hand": [], "phase bgp": [], "phase bgp, whole run": [], "phase bgp, again": []}
    with tempfile.TemporaryDirectory(prefix="homeops-bench-") as directory:
        scenario = Path(directory) / "scenario.yml"
        scenario.write_text(f"name: bench\nbgp: {{nodes_listen: {str(nodes_listen).lower()}}}\n", encoding="utf-8")
        lab = Lab("127.82", Path(directory))
        lab.up("--scenario", str(scenario))
        try:
            # Without what Flux brings: its ingress controllers would have the addresses that are asked for below.
            first = lab.play("-t", "talos,kubernetes,cni,bgp")
            if first.rc:
                raise SystemExit(f"The bootstrap failed:\n{first.output}")
            router, kubernetes = Router(lab.directory), Kubernetes(lab.controller / "kubeconfig")
            for number, (address, pool) in enumerate(SERVICES.items()):
                metadata = {
                    "name": f"s{number}",
                    "labels": {"io.cilium/lb-ipam-pool": pool},
                    "annotations": {"lbipam.cilium.io/ips": address},
                }
                spec = {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 80}]}
                body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
                kubernetes.ask("POST", "/api/v1/namespaces/default/services", body)
            until("the first routes", lambda: accepted(router), timeout=60)
            text, policy = router.ask("GET", BGP).body[0]["frr_bgpd_config"], objects(kubernetes)

            def by_hand() -> None:
                router.upload(text)
                for kind, body in policy:
                    kubernetes.ask("POST", f"{CILIUM}/{kind}", body)

            def by_phase(*arguments: str) -> None:
                run = lab.play("-t", "bgp", *arguments)
                if run.rc:
                    raise SystemExit(f"The phase failed:\n{run.output}")

            for number in range(rounds):
                clear(router, kubernetes)
                taken["by hand"].append(clock(router, by_hand)[0])
                clear(router, kubernetes)
                reached, ended = clock(router, by_phase)
                taken["phase bgp"].append(reached)
                taken["phase bgp, whole run"].append(ended)
                taken["phase bgp, again"].append(clock(router, by_phase)[1])
                print(f"round {number + 1} of {rounds} done", file=sys.stderr)
        finally:
            lab.down()
    return taken


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    kinds = ((False, "nodes that dial, as Cilium does"), (True, "nodes that listen too"))
    reached = [report(title, measure(rounds, nodes_listen)) for nodes_listen, title in kinds]
    # The promise is about nodes as Cilium's are.
    sys.exit(0 if reached[0] else 1)


def report(title: str, taken: dict[str, list[float]]) -> bool:
    """Print one table, whose ratios are to the daemons by hand; return whether the promise was kept."""
    peer = statistics.median(taken["by hand"])
    print(f"{title:34} {'median s':>9} {'min':>7} {'max':>7} {'x by hand':>10}")
    for kind, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{kind:34} {middle:9.1f} {min(seconds):7.1f} {max(seconds):7.1f} {middle / peer:10.2f}")
    ratio = statistics.median(taken["phase bgp"]) / peer
    print(f"promised: at most {BOUND} x by hand; {'reached' if ratio <= BOUND else 'missed'}\n")
    return ratio <= BOUND


if __name__ == "__main__":
    main()
