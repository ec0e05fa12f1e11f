# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab in which the phase bgp has run once, and the router's modules as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from lab.bgp import programs
from tests.harness.bgp import Router
from tests.harness.lab import Lab

SCENARIO = """name: udm-bgp
delays:
  talos: {install: 0.1, reboot: 0.1, services: 0.1}
  bgp: {apply: 0.05, status: 0.5}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)
    directory = Path(tmp_path_factory.mktemp("udm"))
    scenario = directory / "scenario.yml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    running = Lab("127.67", directory)
    running.up("--quiet", "--scenario", str(scenario))
    try:
        run = running.play("-t", "preflight,talos,kubernetes,cni,bgp")
        assert run.rc == 0, run.output[-3000:]
        yield running
    finally:
        running.down()


@pytest.fixture
def router(lab: Lab) -> Iterator[Router]:
    """The lab's router, its faults taken back afterwards."""
    lab.command("fault", "--clear")
    yield Router(lab.directory)
    lab.command("fault", "--clear")


@pytest.fixture
def call(router: Router) -> Callable[..., dict[str, Any]]:
    """Return a runner of a module's ``run`` against the lab's console, with the API key unless told otherwise."""

    def run(module: Any, ctx: Context | None = None, **given: Any) -> dict[str, Any]:
        record = router.record
        door = {key: record[key] for key in ("host", "port", "api_key", "fingerprint")}
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate({**door, **given})
        assert not checked.error_messages, checked.error_messages
        return module.run(checked.validated_parameters, ctx or Context(diff_mode=True))

    return run
