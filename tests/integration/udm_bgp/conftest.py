# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared lab in which the phase bgp has run, and the router's modules as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from tests.harness import bgp_lab as shared
from tests.harness.bgp import Router
from tests.harness.bgp_lab import BgpLab
from tests.harness.lab import Lab


@pytest.fixture(scope="module")
def lab(bgp_lab: BgpLab) -> Lab:
    return bgp_lab.after_the_phase()


@pytest.fixture
def router(lab: Lab) -> Iterator[Router]:
    """The lab's router, its faults taken back afterwards."""
    lab.heal()
    yield Router(lab.directory)
    lab.heal()


@pytest.fixture
def call(router: Router) -> Callable[..., dict[str, Any]]:
    """Return a runner of a module's ``run`` against the lab's console, with the API key unless told otherwise."""

    def run(module: Any, ctx: Context | None = None, **given: Any) -> dict[str, Any]:
        return shared.call(module, ctx or Context(diff_mode=True), **{**shared.door(router), **given})

    return run
