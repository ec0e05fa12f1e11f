# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of the tests' own, and a cluster that the collection's Talos client brought up in one."""

from __future__ import annotations

import datetime
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.talos import (
    identity,
    kubeconfig,
    machine_config,
    secrets,
    talosconfig,
)
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.errors import TalosError
from tests.harness.kube_server import BACKENDS, has_real
from tests.harness.lab import CHECKOUT, Lab

FAST = str(CHECKOUT / "lab" / "scenarios" / "fast.yml")
NODES = {1: "mini01", 2: "mini02", 3: "mini03"}
PATCH: dict[str, Any] = {
    "machine": {
        "network": {"interfaces": [{"interface": "enp3s0f0", "dhcp": True, "vip": {"ip": "172.29.51.10"}}]},
        "install": {"diskSelector": {"model": "APPLE*"}},
    },
    "cluster": {
        "allowSchedulingOnControlPlanes": True,
        "network": {"cni": {"name": "none"}},
        "proxy": {"disabled": True},
    },
}


def eventually(check: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
    """Wait until ``check`` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


class Cluster:
    """A lab and its cluster: Talos by the collection's client, Kubernetes by plain HTTPS."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        now = datetime.datetime.now(datetime.UTC)
        self.bundle = secrets.generate(now)
        self.identity = identity.parse_talosconfig(talosconfig.talosconfig_text("t", self.bundle, [], [], now))
        self.context: ssl.SSLContext

    def node(self, number: int, *, maintenance: bool = False) -> TalosClient:
        """Return a client of one node."""
        client_identity = None if maintenance else self.identity
        listen = f"{self.lab.net}.51.{10 + number}"
        return TalosClient(listen, identity=client_identity, server_name=f"172.29.51.{10 + number}")

    def config(self, number: int, *patches: Any) -> bytes:
        """Return one node's machine config."""
        hostname = {"machine": {"network": {"hostname": NODES[number]}}}
        given = machine_config.ConfigInput(
            secrets=self.bundle.as_dict(),
            cluster_name="home-ops",
            endpoint="https://172.29.51.10:6443",
            talos_version="v1.10.5",
            kubernetes_version="v1.31.1",
            patches=[PATCH, hostname, *patches],
        )
        return machine_config.render(given).encode()

    def install(self) -> None:
        """Configure all nodes out of maintenance and wait for their configured API."""
        for number in NODES:
            with self.node(number, maintenance=True) as client:
                client.apply_configuration(self.config(number), "AUTO")
        eventually(
            lambda: all(n["installed"] and n["stage"] == "booting" for n in self.lab.status()["nodes"]), "the installs"
        )

    def bootstrap(self) -> None:
        """Bootstrap on the first node and wait until every node's API server answers."""

        def accepted() -> bool:
            try:
                with self.node(1) as client:
                    client.bootstrap()
            except TalosError as error:  # the listener and the container runtime come back at their own pace
                if "not available yet" in str(error) or "refused" in str(error):
                    return False
                raise
            return True

        eventually(accepted, "the bootstrap")
        eventually(lambda: all(d["open"] for d in self.doors().values()), "the opening of all doors")
        with self.node(1) as client:
            text = kubeconfig.unpack(client.kubeconfig())
        config = yaml.safe_load(text)
        self.context = context_of(config, self.lab.directory)

    def doors(self) -> dict[str, Any]:
        """Return the doors by name."""
        return {door["name"]: door for door in self.lab.status()["kubernetes"]["doors"]}

    def call(self, method: str, path: str, body: Any = None, *, address: int = 10, **headers: str) -> tuple[int, Any]:
        """Send one request to the Kubernetes API at ``<net>.51.<address>`` and return status and answer."""
        request = urllib.request.Request(
            f"https://{self.lab.net}.51.{address}:6443{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "a-test", **headers},
        )
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def get(self, path: str) -> Any:
        """Return an object or a list; fails on an error."""
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer

    def create(self, path: str, body: Any) -> Any:
        """Create an object; fails on an error."""
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer

    def ready(self, node: str) -> dict[str, str]:
        """Return a Node's Ready condition."""
        conditions = self.get(f"/api/v1/nodes/{node}")["status"].get("conditions") or []
        return next((c for c in conditions if c["type"] == "Ready"), {"status": "", "message": ""})


def context_of(config: Any, directory: Path) -> ssl.SSLContext:
    """Return the TLS context of an admin kubeconfig, without checking names: a test knocks on many doors."""
    import base64

    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    context.check_hostname = False
    pair = directory.parent / "admin.pem"
    with os.fdopen(os.open(pair, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(base64.b64decode(user["client-certificate-data"]))
        file.write(base64.b64decode(user["client-key-data"]))
    context.load_cert_chain(pair)
    return context


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[[str], Lab]]:
    """Return labs that are gone after the test."""
    labs: list[Lab] = []

    def make(net: str) -> Lab:
        directory = tmp_path / f"lab{len(labs)}"
        directory.mkdir()
        labs.append(Lab(net, directory))
        return labs[-1]

    yield make
    for lab in labs:
        lab.command("down", check=False)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            name, marks=pytest.mark.skipif(name == "envtest" and not has_real(), reason="no kube-apiserver found")
        )
        for name in BACKENDS
    ],
)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A bootstrapped cluster without a CNI, on each Kubernetes backend that is there."""
    lab = Lab("127.61", tmp_path_factory.mktemp(request.param))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEOPS_LAB_KUBE", request.param)
        one = Cluster(lab)
        try:
            lab.up("--scenario", FAST)
            one.install()
            one.bootstrap()
            yield one
        finally:
            lab.command("down", check=False)
