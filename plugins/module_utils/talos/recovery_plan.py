# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring etcd: what each control plane says of its etcd, and what a restore may do then.

A restored etcd is a new cluster of one member; the others join it only with an empty data directory. So data of an
older etcd must be gone everywhere first, and it is wiped only where it is named. As long as any etcd serves there is
nothing to restore: its data are newer than any snapshot.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .bootstrap import Standing


class Act(StrEnum):
    """What is to be done."""

    RESTORE = "restore"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """An act, why, and whose EPHEMERAL is wiped before it.

    :param watched: it follows from data of an etcd that does not serve, and one that is starting looks the same: only
        time tells it from one that is lost.
    """

    act: Act
    why: str
    wipe: tuple[str, ...] = ()
    watched: bool = False


def decide(standings: Mapping[str, Standing], wipe: Collection[str], *, planned: bool = False) -> Decision:
    """Return what follows from the answers of all control planes.

    :param standings: by node name; must hold every control plane.
    :param wipe: nodes whose etcd data, with all else on EPHEMERAL, may be lost.
    :param planned: check mode: what a run would do whose earlier steps had configured and booted every node.
    """

    def are(*kinds: Standing) -> list[str]:
        return [name for name, standing in standings.items() if standing in kinds]

    if unknown := sorted(set(wipe) - set(standings)):
        return Decision(Act.REFUSE, f"{', '.join(unknown)} is none of {', '.join(standings)}")
    if serving := are(Standing.MEMBERS):
        why = f"etcd serves on {', '.join(serving)}: what it holds is newer than a snapshot, and would be lost"
        return Decision(Act.REFUSE, why)
    if workers := are(Standing.WORKER):
        return Decision(Act.REFUSE, f"{', '.join(workers)} cannot hold etcd: not a control plane")
    away = are(Standing.UNREACHABLE) if planned else are(Standing.UNREACHABLE, Standing.BOOTING)
    if away:
        told = ", ".join(f"{name} {standings[name]}" for name in away)
        return Decision(Act.WAIT, f"not every control plane can be asked: {told}")
    bare = [] if planned else are(Standing.MAINTENANCE)
    if bare:
        return Decision(Act.REFUSE, f"{', '.join(bare)} in maintenance: there is no machine config to start etcd from")
    data = are(Standing.DATA)
    if kept := [name for name in data if name not in wipe]:
        why = f"{', '.join(kept)} has data of an etcd that does not serve, and is not named to be wiped"
        return Decision(Act.REFUSE, why, watched=True)
    why = "no control plane's etcd serves" if data else "no control plane has etcd data"
    return Decision(Act.RESTORE, why, tuple(data), watched=bool(data))
