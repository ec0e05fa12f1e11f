# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of the BGP tests: one without a cluster for the console, one with the whole bootstrap behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bgp import programs
from tests.harness.bgp import Kubernetes, Router
from tests.harness.lab import CHECKOUT, Lab


@pytest.fixture(scope="session", autouse=True)
def daemons() -> None:
    """Skip where the daemons of the BGP network are not installed."""
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)


def start(net: str, directory: Path) -> Lab:
    """Start a lab with short delays."""
    lab = Lab(net, directory)
    lab.up("--quiet", "--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    return lab


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose nodes have no system: only its console and router are of interest."""
    lab = start("127.66", tmp_path_factory.mktemp("bare"))
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in which ``site.yml`` has run up to the container network."""
    lab = start("127.65", tmp_path_factory.mktemp("cluster"))
    run = lab.play("-t", "preflight,talos,kubernetes,cni")
    assert run.rc == 0, run.output[-3000:]
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def router(lab: Lab) -> Router:
    """Console and vtysh of the lab with a cluster."""
    return Router(lab.directory)


@pytest.fixture(scope="module")
def kubernetes(lab: Lab) -> Kubernetes:
    """The cluster's API."""
    return Kubernetes(lab.controller / "kubeconfig")
