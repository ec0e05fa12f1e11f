# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web doors of a whole lab: they open with the ingress controller in its cluster, and Authentik with its server.

The tests of this file share one cluster and run in order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import web
from tests.harness.lab import Lab
from tests.harness.web import ADDRESS, CLASS, IDENTITY, LOGIN, fetch
from tests.integration.lab.conftest import FAST, Cluster, eventually

TOKEN = "the-token-of-the-first-start"
KINDS = {
    "Deployment": ("apps/v1", "/apis/apps/v1", "deployments"),
    "Service": ("v1", "/api/v1", "services"),
    "Secret": ("v1", "/api/v1", "secrets"),
    "Ingress": ("networking.k8s.io/v1", "/apis/networking.k8s.io/v1", "ingresses"),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    lab = Lab("127.95", tmp_path_factory.mktemp("lab"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEOPS_LAB_KUBE", "emulator")
        one = Cluster(lab)
        try:
            lab.up("--scenario", FAST)
            one.install()
            one.bootstrap()
            yield one
        finally:
            lab.command("down", check=False)


def create(cluster: Cluster, *objects: dict[str, Any]) -> None:
    """Create objects of the harness in a real cluster; its nodes have no CNI, so pods are on the host's network."""
    for obj in objects:
        if obj["kind"] not in KINDS:
            continue
        version, root, plural = KINDS[obj["kind"]]
        body = {"apiVersion": version, **obj}
        body.pop("status", None)
        if obj["kind"] == "Deployment":
            template = body["spec"]["template"]
            template["spec"].update(hostNetwork=True, tolerations=[{"operator": "Exists"}])
            body["spec"]["selector"] = {"matchLabels": template["metadata"]["labels"]}
        cluster.create(f"{root}/namespaces/{obj['metadata']['namespace']}/{plural}", body)


def record(cluster: Cluster) -> dict[str, Any]:
    return dict(json.loads((cluster.lab.directory / "authentik.json").read_text(encoding="utf-8")))


def test_nothing_listens_before_there_is_an_ingress_controller(cluster: Cluster) -> None:
    assert cluster.lab.status()["web"]["doors"] == []
    with pytest.raises(ConnectionRefusedError):
        fetch(cluster.lab.net, LOGIN)


def test_the_door_opens_with_the_controllers_address(cluster: Cluster) -> None:
    for name in ("ingress-nginx-internal", IDENTITY):
        cluster.create("/api/v1/namespaces", {"metadata": {"name": name}})
    class_body = {"metadata": {"name": CLASS}, "spec": {"controller": f"k8s.io/{CLASS}"}}
    cluster.create("/apis/networking.k8s.io/v1/ingressclasses", class_body)
    create(cluster, *web.controller())
    status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
    path = "/api/v1/namespaces/ingress-nginx-internal/services/ingress/status"
    cluster.call("PATCH", path, status, **{"Content-Type": "application/merge-patch+json"})
    eventually(lambda: cluster.lab.status()["web"]["doors"], "the opening of the door")
    assert fetch(cluster.lab.net, LOGIN).status == 404


def test_authentik_starts_with_its_deployment(cluster: Cluster) -> None:
    env = [{"name": "AUTHENTIK_BOOTSTRAP_TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}}]
    secret = {"kind": "Secret", "metadata": web.meta("token", IDENTITY), "stringData": {"token": TOKEN}}
    pair, trust = web.certificate(IDENTITY, "authentik-tls", LOGIN)
    create(cluster, secret, pair, web.ingress(IDENTITY, "authentik", LOGIN, "authentik-server", 80))
    eventually(lambda: fetch(cluster.lab.net, LOGIN).status == 503, "the answer without a backend")
    objects = web.authentik()
    for obj in objects:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["spec"]["containers"][0]["env"] = env
    create(cluster, *objects)
    eventually(lambda: fetch(cluster.lab.net, LOGIN, "/-/health/ready/", trust=trust).status == 200, "the start")
    me = fetch(cluster.lab.net, LOGIN, "/api/v3/core/users/me/", trust=trust, token=TOKEN)
    assert json.loads(me.text)["user"]["username"] == "akadmin"
    found = record(cluster)
    assert (found["token"], found["door"]) == (TOKEN, f"{cluster.lab.net}.52.200:8443")
    assert os.stat(cluster.lab.directory / "authentik.json").st_mode & 0o777 == 0o600

    def flows() -> Any:
        page = fetch(cluster.lab.net, LOGIN, "/api/v3/flows/instances/", token=TOKEN)
        return json.loads(page.text)["results"]

    eventually(flows, "the blueprints of the worker")
    page = fetch(cluster.lab.net, LOGIN, "/api/v3/outposts/instances/", token=TOKEN)
    assert json.loads(page.text)["results"][0]["config"]["kubernetes_namespace"] == IDENTITY


def test_faults_and_requests_are_shown(cluster: Cluster) -> None:
    cluster.lab.command("fault", "authentik", json.dumps({"starting": 1}))
    path = "/api/v3/core/users/me/"
    statuses = [fetch(cluster.lab.net, LOGIN, path, token=TOKEN).status for _unused in range(2)]
    assert statuses == [503, 200]
    status = cluster.lab.status()["web"]
    assert status["authentik"]["requests"][f"GET {path}"] >= 3
    assert status["hosts"] == [LOGIN]
    shown = cluster.lab.command("status").stdout
    assert f"{ADDRESS}:443" in shown
    assert "authentik-server:80" in shown
    assert TOKEN not in shown + cluster.lab.command("status", "--json").stdout
    refused = cluster.lab.command("fault", "authentik", "starting", "soon", check=False)
    assert (refused.returncode, "whole number" in refused.stderr) == (1, True)


def test_a_door_closes_with_its_controller(cluster: Cluster) -> None:
    path = "/apis/apps/v1/namespaces/ingress-nginx-internal/deployments/ingress"
    cluster.call("PATCH", path, {"spec": {"replicas": 0}}, **{"Content-Type": "application/merge-patch+json"})
    eventually(lambda: not cluster.lab.status()["web"]["doors"], "the closing of the door")
    assert cluster.lab.status()["web"]["authentik"]["running"]
