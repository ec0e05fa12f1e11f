# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labs of the site tests: one that is walked from cold to standing, step by step, and fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.lab import Lab


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """Return a maker of labs, each on the given net; all are stopped at the end."""
    made: list[Lab] = []

    def make(net: str) -> Lab:
        lab = Lab(net, Path(tmp_path_factory.mktemp("lab")))
        made.append(lab)
        lab.up()
        return lab

    yield make
    for lab in made:
        lab.down()
