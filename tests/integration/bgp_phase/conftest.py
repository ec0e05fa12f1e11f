# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared lab before the phase bgp has run, and what the phase is asked with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.modules import cilium_bgp_info, cilium_bgp_policy
from tests.harness import bgp_lab as shared
from tests.harness.bgp import Kubernetes, Router
from tests.harness.bgp_lab import BgpLab
from tests.harness.lab import Lab

MODULES = {"cilium_bgp_policy": cilium_bgp_policy, "cilium_bgp_info": cilium_bgp_info}


@pytest.fixture(scope="module")
def lab(bgp_lab: BgpLab) -> Lab:
    return bgp_lab.before_the_phase()


@pytest.fixture(scope="module")
def router(lab: Lab) -> Router:
    return Router(lab.directory)


@pytest.fixture(scope="module")
def kubernetes(lab: Lab) -> Kubernetes:
    return Kubernetes(lab.controller / "kubeconfig")


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    """What the home's model says to ``cilium_bgp_policy``."""
    return shared.cluster_options()


@pytest.fixture
def call(lab: Lab) -> Callable[..., dict[str, Any]]:
    """Run a module against the lab's cluster."""

    def run(name: str, /, **params: Any) -> dict[str, Any]:
        return shared.call(MODULES[name], **params, kubeconfig=str(lab.controller / "kubeconfig"))

    return run
