# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way from a repository to the files of an inventory, and what the checks say of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import engine
from ..model import shape
from ..model.schema import Path
from ..model.world import World
from ..repository.view import Repository
from . import cluster, network, platform, services
from .draft import Draft
from .text import files


@dataclass(frozen=True)
class Adopted:
    """What was made.

    :param files: text by path below the inventory.
    :param open: (key, question) of each key that a person has to fill in.
    :param defaults: (key, reason) of each value that is a default.
    :param report: what the checks say of the model as it stands.
    """

    files: dict[str, str]
    open: list[tuple[str, str]]
    defaults: list[tuple[str, str]]
    report: engine.Report


def derive(repository: Repository, name: str) -> Draft:
    """Return the model of a repository.

    :param name: name of the inventory, for a cluster that has none.
    """
    draft = Draft()
    cluster.fill(draft, repository, name)
    network.fill(draft, repository)
    platform.fill(draft, repository)
    services.fill(draft, repository)
    draft.settle()
    return draft


def adopt(repository: Repository, name: str) -> Adopted:
    """Return the files of an inventory."""
    draft = derive(repository, name)
    values = {subject: draft.values.get(subject) for subject in shape.MODEL.need}
    nodes = draft.at("nodes") or []
    groups = {"control_plane": [node["name"] for node in nodes], "router": ["udm"], "controller": ["localhost"]}
    report = engine.run_checks(World(values, groups))
    return Adopted(
        files=files(draft),
        open=[(engine.key_of(path), question) for path, question in _sorted(draft.open)],
        defaults=[(engine.key_of(path), reason) for path, reason in _sorted(draft.reasons)],
        report=report,
    )


def _sorted(found: dict[Path, str]) -> list[tuple[Path, str]]:
    """Return entries in the order of the model's subjects."""
    subjects = list(shape.MODEL.need)
    return sorted(found.items(), key=lambda item: (subjects.index(str(item[0][0])), engine.key_of(item[0])))
