# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of the BGP tests: one without a cluster for the console, and the shared one with a bootstrap behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.bgp import programs
from tests.harness.bgp import Kubernetes, Router
from tests.harness.bgp_lab import BgpLab
from tests.harness.lab import CHECKOUT, Lab


@pytest.fixture(scope="session", autouse=True)
def daemons() -> None:
    """Skip where the daemons of the BGP network are not installed."""
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose nodes have no system: only its console and router are of interest."""
    lab = Lab("127.66", tmp_path_factory.mktemp("bare"))
    lab.up("--quiet", "--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def lab(bgp_lab: BgpLab) -> Lab:
    """The shared lab, in which ``site.yml`` has run up to the container network."""
    return bgp_lab.before_the_phase()


@pytest.fixture(scope="module")
def router(lab: Lab) -> Router:
    """Console and vtysh of the lab with a cluster."""
    return Router(lab.directory)


@pytest.fixture(scope="module")
def kubernetes(lab: Lab) -> Kubernetes:
    """The cluster's API."""
    return Kubernetes(lab.controller / "kubeconfig")
