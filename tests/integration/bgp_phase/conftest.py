# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab in which everything up to the container network stands, and what the phase bgp is asked with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.model import bgp
from ansible_collections.homeops.cluster.plugins.modules import cilium_bgp_info, cilium_bgp_policy
from lab.bgp import programs
from tests.harness.bgp import Kubernetes, Router
from tests.harness.lab import CHECKOUT, Lab

FAST = (
    "name: bgp-phase\ndelays:\n  talos: {install: 0.1, reboot: 0.1, services: 0.1}\n  bgp: {apply: 0.05, status: 0.5}\n"
)
MODEL = CHECKOUT / "inventories" / "home" / "group_vars" / "all"
MODULES = {"cilium_bgp_policy": cilium_bgp_policy, "cilium_bgp_info": cilium_bgp_info}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)
    directory = Path(tmp_path_factory.mktemp("bgp"))
    scenario = directory / "scenario.yml"
    scenario.write_text(FAST, encoding="utf-8")
    running = Lab("127.92", directory)
    running.up("--quiet", "--scenario", str(scenario))
    try:
        run = running.play("-t", "preflight,talos,kubernetes,cni")
        assert run.rc == 0, run.output[-3000:]
        yield running
    finally:
        running.down()


@pytest.fixture(scope="module")
def router(lab: Lab) -> Router:
    return Router(lab.directory)


@pytest.fixture(scope="module")
def kubernetes(lab: Lab) -> Kubernetes:
    return Kubernetes(lab.controller / "kubeconfig")


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    """What the home's model says to ``cilium_bgp_policy``."""
    model: dict[str, Any] = {}
    for path in sorted(MODEL.glob("*.yml")):
        for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            model[key.removeprefix("homeops_")] = value
    return bgp.policy(model)


@pytest.fixture
def call(lab: Lab) -> Callable[..., dict[str, Any]]:
    """Run a module against the lab's cluster."""

    def run(name: str, /, **params: Any) -> dict[str, Any]:
        module = MODULES[name]
        params["kubeconfig"] = str(lab.controller / "kubeconfig")
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(params)
        assert not checked.error_messages, checked.error_messages
        return module.run(checked.validated_parameters, Context())

    return run
