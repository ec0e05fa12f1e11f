# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs that tests of several folders share.

One on which everything stands: the status first, then backup, restore and recovery. One for the way of addresses to the
router: the phase ``bgp`` from nothing, the router's modules, what the console held before, and the lab's own daemons.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.bgp import programs
from tests.harness.bgp_lab import BgpLab
from tests.harness.lab import CHECKOUT, Lab


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab on which everything stands; each test leaves it so."""
    running = Lab("127.53", tmp_path_factory.mktemp("standing"))
    running.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    try:
        first = running.play()
        assert first.rc == 0, first.output
        print(f"the lab stands after {first.seconds:.0f} s")
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def bgp_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BgpLab]:
    """A lab with routing daemons, which each file that uses it has brought to where it begins."""
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)
    shared = BgpLab(lambda: tmp_path_factory.mktemp("bgp"))
    try:
        yield shared
    finally:
        shared.down()
