# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine configs that a node holds: the stored one and the one it runs with.

Both are resources (``MachineConfigs`` ``persistent`` and ``v1alpha1``). They hold several documents, so that they are
compared whole and by meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common.errors import HomeopsError
from . import apply_plan, documents
from .apply_plan import Observed
from .client import MACHINE_CONFIG, TalosClient
from .connection import NodeMode
from .documents import ConfigError, Document


def read_config(client: TalosClient, which: str) -> list[Document]:
    """Return a machine config the node holds, [] when it has none.

    :param which: ``persistent`` or ``v1alpha1`` (the active one).
    :raises HomeopsError: it cannot be understood.
    """
    found = client.cosi_get("config", MACHINE_CONFIG, which)
    return _decoded(client.target, found.raw if found else b"")


def _decoded(target: str, raw: bytes) -> list[Document]:
    if not raw:
        return []
    try:
        return documents.decode(raw.decode())
    except (ConfigError, UnicodeDecodeError) as error:
        raise HomeopsError(
            "reading the node's machine config",
            target=target,
            answer=error.text if isinstance(error, ConfigError) else str(error),
            remedy="The node was configured by another Talos version than 1.10; it is not touched",
        ) from error


@dataclass(frozen=True)
class Held:
    """A node's machine configs as it holds them, not looked into yet.

    :param stored: the active one when the node shows no stored one.
    :param tried: the active one is newer than the stored one, and different.
    :param complete: the node shows both.
    """

    stored: bytes = b""
    active: bytes = b""
    tried: bool = False
    complete: bool = False

    def __repr__(self) -> str:
        """Show nothing: they are full of secrets."""
        return "Held(...)"

    def observed(self, target: str, stage: str = "") -> Observed:
        """Return them decoded, for a plan.

        :raises HomeopsError: one cannot be understood.
        """
        running = _decoded(target, self.active)
        stored = running if self.stored == self.active else _decoded(target, self.stored)
        return Observed(NodeMode.CONFIGURED, stored, running, stage, tried=self.tried)


def held(client: TalosClient, mode: NodeMode) -> Held:
    """Return a node's machine configs; in maintenance it has none."""
    if mode is NodeMode.MAINTENANCE:
        return Held()
    active = client.cosi_get("config", MACHINE_CONFIG, "v1alpha1")
    persistent = client.cosi_get("config", MACHINE_CONFIG, "persistent")
    complete = bool(active and persistent)
    persistent = persistent or active
    # Only a TRY changes the active config and leaves the stored one as it is.
    tried = bool(active and persistent and active.raw != persistent.raw and active.updated > persistent.updated)
    return Held(persistent.raw if persistent else b"", active.raw if active else b"", tried, complete)


def config_state(client: TalosClient) -> str:
    """Return how a configured node's active config relates to its stored one.

    ``in_sync``; ``staged``: the stored one waits for a reboot; ``try``: the active one is tried; ``unknown``: the node
    does not show both.

    :raises HomeopsError: one cannot be understood, and it is not the other.
    """
    found = held(client, NodeMode.CONFIGURED)
    if not found.complete:
        return "unknown"
    if found.stored == found.active:
        return "in_sync"
    return apply_plan.relation(found.observed(client.target))
