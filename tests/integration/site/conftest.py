# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs for whole runs: one that the tests of this folder walk together, and one for each that needs its own.

The walk is made in the order of the files: the bootstrap, what wrong credentials do to the cluster that stands then,
and a look through everything that all these runs have told. Each test leaves the cluster as it found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.lab import LOUD, Lab, Run


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


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab of the walk."""
    lab = Lab("127.71", Path(tmp_path_factory.mktemp("walk")))
    lab.up()
    yield lab
    lab.down()


@pytest.fixture(scope="session")
def predicted(walked: Lab) -> Run:
    """A check run against bare nodes."""
    return walked.play("--check", *LOUD)


@pytest.fixture(scope="session")
def after_prediction(walked: Lab, predicted: Run) -> tuple[dict[str, str], list[Path]]:
    """What the check run left: the stage of each node, and the controller's files."""
    files = list(walked.controller.iterdir()) if walked.controller.exists() else []
    return {name: node["stage"] for name, node in walked.nodes().items()}, files


@pytest.fixture(scope="session")
def cold(walked: Lab, after_prediction: tuple[dict[str, str], list[Path]]) -> Run:
    """The first real run."""
    return walked.play(*LOUD)
