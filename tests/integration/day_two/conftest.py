# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One converged lab for all of day two: a cluster with Kubernetes v1.31.1 and Talos v1.10.5 at first.

Each file leaves the faults and delays as they were; what it has upgraded stays, so the next one asks for the versions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness import longhorn
from tests.harness.lab import CHECKOUT, Lab
from tests.harness.operator import Operator

#: The phases that make a cluster.
PHASES = "talos,kubernetes,cni"
VERSIONS = CHECKOUT / "inventories" / "home" / "group_vars" / "all" / "versions.yml"


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = Lab("127.56", tmp_path_factory.mktemp("day-two"))
    running.up("--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
    try:
        first = running.play("-t", PHASES)
        assert first.rc == 0, first.output
        yield running
    finally:
        running.down()


@pytest.fixture(scope="package")
def storage(lab: Lab) -> Operator:
    """Somebody at work on the cluster, which has Longhorn from now on; who wants a volume makes it."""
    working = Operator(lab)
    longhorn.install(working)
    return working


@contextlib.contextmanager
def delays(lab: Lab, **seconds: float) -> Iterator[None]:
    """Other delays of the lab for a while, each by its path with ``__`` for the dots."""
    paths = {name.replace("__", "."): value for name, value in seconds.items()}
    known = lab.status()["delays"]
    before = {path: known[path.partition(".")[0]][path.partition(".")[2]] for path in paths}
    try:
        for path, value in paths.items():
            lab.fault(f"delays.{path}", str(value))
        yield
    finally:
        for path, value in before.items():
            lab.fault(f"delays.{path}", str(value))


def snapshots(lab: Lab) -> set[Path]:
    """The snapshots of etcd that were kept so far."""
    return set(Path(lab.controller, "backup").glob("etcd-home-ops-*.snapshot"))


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
