# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap, exactly once: what each control plane says of its etcd, and what follows from all answers together.

A second bootstrap on another empty control plane would split the cluster in two. So nothing is started unless every
control plane has been asked and none holds data. Order of a node's own checks: siderolabs/talos v1.10
``internal/app/machined/internal/server/v1alpha1`` (CRI up, control plane, time in sync, ``/var/lib/etcd`` empty).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .client import TalosClient
from .errors import UNIMPLEMENTED, TalosError

ETCD_DATA = "/var/lib/etcd"


class Standing(StrEnum):
    """What one control plane says."""

    MEMBERS = "its etcd has members"
    DATA = "its etcd has data but does not answer yet"
    EMPTY = "no etcd data"
    BOOTING = "still booting"
    MAINTENANCE = "in maintenance"
    WORKER = "not a control plane"
    UNREACHABLE = "unreachable"


class Act(StrEnum):
    """What is to be done."""

    NOTHING = "nothing"
    BOOTSTRAP = "bootstrap"
    WAIT = "wait"


@dataclass(frozen=True)
class Decision:
    """An act and why."""

    act: Act
    why: str


def decide(standings: Mapping[str, Standing], *, planned: bool = False) -> Decision:
    """Return what follows from the answers of all control planes.

    :param standings: by node name; must hold every control plane.
    :param planned: check mode: what a run would do whose earlier steps had configured and booted every node.
    """
    holders = [name for name, standing in standings.items() if standing in (Standing.MEMBERS, Standing.DATA)]
    if holders:
        return Decision(Act.NOTHING, f"etcd is bootstrapped already: {_told(standings, holders)}")
    ready = {Standing.EMPTY, Standing.BOOTING, Standing.MAINTENANCE} if planned else {Standing.EMPTY}
    open_questions = [name for name, standing in standings.items() if standing not in ready]
    if open_questions:
        return Decision(Act.WAIT, f"not every control plane can be asked: {_told(standings, open_questions)}")
    return Decision(Act.BOOTSTRAP, "no control plane has etcd data")


def _told(standings: Mapping[str, Standing], names: list[str]) -> str:
    return ", ".join(f"{name} {standings[name]}" for name in names)


def standing_of(client: TalosClient) -> Standing:
    """Ask a configured node.

    An etcd that does not answer proves nothing: it may be down while its data are there. So the data directory is
    looked at,
    and only once the container runtime is up, which needs the partition it lies on.
    """
    try:
        if client.etcd_members(query_local=True):
            return Standing.MEMBERS
    except TalosError as error:
        if error.code < 0:
            raise
        if error.code == UNIMPLEMENTED:
            return Standing.WORKER
    if not any(service.id == "cri" and service.state == "Running" for service in client.services()):
        return Standing.BOOTING
    return Standing.DATA if client.folder(ETCD_DATA) else Standing.EMPTY
