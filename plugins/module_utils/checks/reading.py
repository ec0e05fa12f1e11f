# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reader of a repository could not read: a report over half of a repository must say so."""

from __future__ import annotations

from collections.abc import Iterator

from ..repository.spot import Fault
from ..repository.view import Repository
from .registry import ERROR, EVERY, REPO, WARN, Breach, check


@check(
    "REP001",
    ERROR,
    "repository",
    EVERY,
    rule="Every file that is meant to be read can be read.",
    why="Flux builds nothing at all from a directory with one file that it cannot read.",
    broken="a manifest with a tab as indentation, or a key that stands twice",
    right="YAML in UTF-8, every key once",
    ground="verified by running: kustomize and sigs.k8s.io/yaml refuse the same files",
    scope=REPO,
)
def unreadable(repository: Repository) -> Iterator[Breach]:
    """Files of YAML, and scripts and documentation that are not UTF-8. Resources that a kustomization names and that
    are not there are reported here as well: the build stops at them in the same way."""
    for fault in repository.faults:
        if fault.grave:
            yield Breach(fault.spot, _sentence(fault))
    for built in repository.graph.builds:
        for fault in built.faults:
            if fault.grave:
                yield Breach(fault.spot, _sentence(fault))


@check(
    "REP002",
    WARN,
    "repository",
    EVERY,
    rule="The whole repository is looked at.",
    why="What is passed over is not judged, so this report says nothing about it.",
    broken="a YAML file of 50 MB, a link that leads out of the repository",
    right="files of a size that people read, links inside of the repository",
    ground="the limits of the collection's own reader (plugins/module_utils/repository/limits.py)",
    scope=REPO,
)
def passed_over(repository: Repository) -> Iterator[Breach]:
    """Links to directories are not followed, because they can lead in a circle."""
    for fault in repository.faults:
        if not fault.grave:
            yield Breach(fault.spot, _sentence(fault))
    for built in repository.graph.builds:
        for fault in built.faults:
            if not fault.grave:
                yield Breach(fault.spot, _sentence(fault))


def _sentence(fault: Fault) -> str:
    """Return a fault as a sentence that can stand after its file."""
    text = fault.text[:1].upper() + fault.text[1:]
    return text if text.endswith(".") else f"{text}."
