# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab in which everything up to the container network stands, and External Secrets is installed as Flux would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import charts
from tests.harness.bgp import Kubernetes
from tests.harness.lab import Lab

FAST = (
    "name: secrets-phase\ndelays:\n  talos: {install: 0.1, reboot: 0.1, services: 0.1}\n"
    "  kubernetes: {rollout: 0.1}\n  onepassword: {sync: 0.2, retry: 0.5}\n"
)
SPACE = "external-secrets-system"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = Path(tmp_path_factory.mktemp("secrets"))
    scenario = directory / "scenario.yml"
    scenario.write_text(FAST, encoding="utf-8")
    running = Lab("127.88", directory)
    running.up("--quiet", "--scenario", str(scenario))
    try:
        run = running.play("-t", "preflight,talos,kubernetes,cni")
        assert run.rc == 0, run.output[-3000:]
        yield running
    finally:
        running.down()


@pytest.fixture(scope="module")
def kubernetes(lab: Lab) -> Kubernetes:
    found = Kubernetes(lab.controller / "kubeconfig")
    install(found)
    return found


def install(kubernetes: Kubernetes) -> None:
    """Create what the helm-controller would of the chart: kinds, accounts and Deployments."""
    version = "0.20.4"
    space: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    kubernetes.ask("POST", "/api/v1/namespaces", space)
    plurals = {
        "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "ServiceAccount": f"/api/v1/namespaces/{SPACE}/serviceaccounts",
        "Deployment": f"/apis/apps/v1/namespaces/{SPACE}/deployments",
    }
    for body in charts.render("external-secrets", version, "external-secrets", SPACE, {}):
        if body["kind"] in plurals:
            kubernetes.ask("POST", plurals[body["kind"]], body)
