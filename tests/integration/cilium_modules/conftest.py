# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes APIs with Cilium's kinds, and a small stand-in for its operator and agents."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.cilium import selectors
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import config
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import KubernetesError, NotFound
from ansible_collections.homeops.cluster.plugins.modules import (
    cilium_bgp_info,
    cilium_bgp_policy,
    cilium_lb_pool,
    kube_apply,
)
from lab.controllers.cilium.crds import definitions
from tests.harness.kube_server import KubeServer

MODULES = {
    "cilium_bgp_policy": cilium_bgp_policy,
    "cilium_lb_pool": cilium_lb_pool,
    "cilium_bgp_info": cilium_bgp_info,
    "kube_apply": kube_apply,
}
RULES = ("mutually_exclusive", "required_one_of", "required_if")
NODES = ("mini01", "mini02", "mini03")
GROUP = "/apis/cilium.io"
Call = Callable[..., dict[str, Any]]


def newer(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the kinds as 1.19 has them: no legacy one, and v2 beside v2alpha1."""
    result = []
    for crd in found:
        names = crd["spec"]["names"]["kind"]
        if names == "CiliumBGPPeeringPolicy":
            continue
        if "BGP" in names or names == "CiliumLoadBalancerIPPool":
            old = crd["spec"]["versions"][0]
            crd = copy.deepcopy(crd)
            crd["spec"]["versions"] = [{**old, "name": "v2"}, {**copy.deepcopy(old), "storage": False}]
        result.append(crd)
    return result


def prepare(api: Client, crds: list[dict[str, Any]]) -> None:
    """Register the kinds and the nodes."""
    for crd in crds:
        body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **crd}
        api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=body)
    for node in NODES:
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": node}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": labels}}
        api.request("POST", "/api/v1/nodes", body=body)


def _server(directory: Path, crds: list[dict[str, Any]]) -> Iterator[KubeServer]:
    with KubeServer(directory, "emulator") as running:
        with Client(config.load(running.kubeconfig())) as api:
            prepare(api, crds)
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    yield from _server(tmp_path_factory.mktemp("cilium-1.17"), definitions())


@pytest.fixture(scope="session")
def newer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    yield from _server(tmp_path_factory.mktemp("cilium-1.19"), newer(definitions()))


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    yield from _server(tmp_path_factory.mktemp("no-cilium"), [])


PLURALS = (
    "ciliumbgppeeringpolicies",
    "ciliumbgpclusterconfigs",
    "ciliumbgppeerconfigs",
    "ciliumbgpadvertisements",
    "ciliumbgpnodeconfigoverrides",
    "ciliumbgpnodeconfigs",
    "ciliumloadbalancerippools",
)


@pytest.fixture
def api(server: KubeServer) -> Iterator[Client]:
    with Client(config.load(str(server.directory / "kubeconfig"))) as client:
        yield client
        clean(client, "v2alpha1")


def clean(client: Client, version: str) -> None:
    """Take everything of a test away."""
    for plural in PLURALS:
        try:
            items, _version = client.list(f"{GROUP}/{version}/{plural}")
        except NotFound:
            continue
        for item in items:
            client.delete(f"{GROUP}/{version}/{plural}/{item['metadata']['name']}")
    for service in client.list("/api/v1/services")[0]:
        if service["metadata"]["name"] != "kubernetes":
            meta = service["metadata"]
            client.delete(f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}")
    for node in client.list("/api/v1/nodes")[0]:
        patch = {"metadata": {"labels": {"homeops.cluster/bgp-api": None}}}
        path = f"/api/v1/nodes/{node['metadata']['name']}"
        client.request("PATCH", path, body=patch, media="application/merge-patch+json")


@pytest.fixture
def call(server: KubeServer) -> Call:
    return caller(server)


def caller(server: KubeServer) -> Call:
    """Run a module as its twin does: arguments checked against its spec, then ``run``."""

    def run(
        module_name: str, /, *, check: bool = False, diff: bool = False, ctx: Context | None = None, **params: Any
    ) -> Any:
        module = MODULES[module_name]
        params.setdefault("kubeconfig", str(server.directory / "kubeconfig"))
        rules = {key: module.SPEC[key] for key in RULES if key in module.SPEC}
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"], **rules).validate(params)
        assert not checked.error_messages, checked.error_messages
        return module.run(checked.validated_parameters, ctx or Context(check_mode=check, diff_mode=diff))

    return run


def _fits(body: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether the policy selects a node with these labels."""
    return selectors.matches(body["spec"].get("nodeSelector"), labels, absent=True)


class Agents(threading.Thread):
    """Operator and agents: NodeConfigs with sessions that stand, unless a legacy policy selects the node.

    :cvar samples: per look, which nodes some policy selected.
    """

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.client = Client(config.load(url))
        self.stop = threading.Event()
        self.samples: list[frozenset[str]] = []
        self.state = "established"

    def run(self) -> None:
        while not self.stop.wait(0.03):
            try:
                self.look()
            except KubernetesError as error:
                if error.code not in (404, 409):
                    raise

    def look(self) -> None:
        base = f"{GROUP}/v2alpha1"
        policies = self.client.list(f"{base}/ciliumbgppeeringpolicies")[0]
        clusters = self.client.list(f"{base}/ciliumbgpclusterconfigs")[0]
        # Nodes last: a label that comes meanwhile is seen with the policies of before, never the other way round.
        nodes = self.client.list("/api/v1/nodes")[0]
        have = {item["metadata"]["name"]: item for item in self.client.list(f"{base}/ciliumbgpnodeconfigs")[0]}
        served = set()
        for node in nodes:
            name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
            legacy = [body for body in policies if _fits(body, labels)]
            chosen = [body for body in clusters if _fits(body, labels)]
            if legacy or chosen:
                served.add(name)
            if not chosen:
                if name in have:
                    self.client.delete(f"{base}/ciliumbgpnodeconfigs/{name}")
                continue
            self.node_config(base, name, chosen[0], have.get(name), bool(legacy))
        self.samples.append(frozenset(served))

    def node_config(
        self, base: str, name: str, cluster: dict[str, Any], there: dict[str, Any] | None, ruled: bool
    ) -> None:
        body: dict[str, Any] = {
            "apiVersion": "cilium.io/v2alpha1",
            "kind": "CiliumBGPNodeConfig",
            "metadata": {"name": name},
            "spec": {"bgpInstances": cluster["spec"]["bgpInstances"]},
        }
        self.client.apply(f"{base}/ciliumbgpnodeconfigs/{name}", body, manager="operator", force=True)
        status = {"bgpInstances": [] if ruled else [self.instance(item) for item in body["spec"]["bgpInstances"]]}
        if there is None or there.get("status") != status:
            path = f"{base}/ciliumbgpnodeconfigs/{name}/status"
            self.client.request("PATCH", path, body={"status": status}, media="application/merge-patch+json")

    def instance(self, wanted: dict[str, Any]) -> dict[str, Any]:
        count = {"afi": "ipv4", "safi": "unicast", "received": 0, "advertised": 1}
        return {
            "name": wanted["name"],
            "localASN": wanted["localASN"],
            "peers": [
                {
                    "name": peer["name"],
                    "peerAddress": peer["peerAddress"],
                    "peerASN": peer["peerASN"],
                    "peeringState": self.state,
                    "routeCount": [count],
                }
                for peer in wanted["peers"]
            ],
        }


@pytest.fixture
def agents(server: KubeServer, api: Client) -> Iterator[Agents]:
    thread = Agents(str(server.directory / "kubeconfig"))
    thread.start()
    yield thread
    thread.stop.set()
    thread.join()
    thread.client.close()
