# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole bootstrap on a real kube-apiserver with etcd, when envtest's order finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import kube_server
from tests.harness.bgp import Kubernetes
from tests.harness.lab import CHECKOUT, Lab

pytestmark = pytest.mark.skipif(
    not kube_server.has_real(), reason="no kube-apiserver and etcd are found (TEST_ASSET_*, KUBEBUILDER_ASSETS, PATH)"
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("HOMEOPS_LAB_KUBE", "envtest")
    running = Lab("127.46", tmp_path)
    running.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    yield running
    running.down()


def test_from_bare_nodes_to_services_behind_a_login_and_then_nothing_to_do(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    cold = lab.play()
    assert cold.rc == 0, cold.output
    again = lab.play()
    assert again.rc == 0, again.output
    assert again.changed == set()
    version = Kubernetes(lab.controller / "kubeconfig").ask("GET", "/version")["gitVersion"]
    with capsys.disabled():
        print(f"\nnote: the whole bootstrap stands on kube-apiserver {version}: {json.dumps(sorted(lab.nodes()))}")
