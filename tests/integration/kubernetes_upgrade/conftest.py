# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One converged lab for everything here: a cluster with Kubernetes v1.31.1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.lab import CHECKOUT, Lab

#: The phases that make a cluster.
PHASES = "talos,kubernetes,cni"
VERSIONS = CHECKOUT / "inventories" / "home" / "group_vars" / "all" / "versions.yml"


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = Lab("127.56", tmp_path_factory.mktemp("kubernetes-upgrade"))
    running.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    try:
        first = running.play("-t", PHASES)
        assert first.rc == 0, first.output
        yield running
    finally:
        running.down()


def with_kubernetes(lab: Lab, version: str) -> Path:
    """The model with a version of Kubernetes, as a file for ``-e @``."""
    versions = yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))
    versions["homeops_versions"]["kubernetes"] = version
    path = lab.home / f"versions-{version}.yml"
    path.write_text(yaml.safe_dump(versions), encoding="utf-8")
    return path


def running_versions(lab: Lab) -> Path:
    """The model with the version of Kubernetes that the lab runs, whatever tests have brought it to."""
    return with_kubernetes(lab, lab.nodes()["mini01"]["kubernetes"]["kubelet"])


@pytest.fixture(scope="package")
def model(lab: Lab) -> Path:
    """The model with the next version of Kubernetes."""
    return with_kubernetes(lab, "v1.31.6")
