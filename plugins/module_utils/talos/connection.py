# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node, which identity, and whether the node is configured or in maintenance.

A configured node proves itself with a certificate of the talosconfig's CA. A node in maintenance has a certificate it
made itself (siderolabs/talos v1.10 ``internal/app/maintenance``). The certificate decides, then the node's own stage
must confirm it. A connection without verification is never a second attempt after a refusal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..common.context import Context
from .client import DEFAULT_PORT, DEFAULT_TIMEOUT, TalosClient
from .errors import UNAVAILABLE, TalosError, WrongCA
from .identity import Identity, load_talosconfig
from .pki import signed_by
from .tls import ATTEMPT

#: Common name of the certificate in maintenance.
MAINTENANCE_NAME = "maintenance-service.talos.dev"

#: How often a node may change its certificate while we look at it.
CHANGES = 3


class NodeMode(StrEnum):
    """How a node can be spoken to."""

    CONFIGURED = "configured"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class Target:
    """One node as the module options give it; see :class:`.client.TalosClient` for the parameters."""

    node: str
    name: str = ""
    port: int = DEFAULT_PORT
    server_name: str | None = None
    spki_pin: str | None = None

    @property
    def label(self) -> str:
        """The node's name for people."""
        return self.name or self.node


def connect(
    target: Target, identity: Identity | None, timeout: float = DEFAULT_TIMEOUT
) -> tuple[TalosClient, NodeMode]:
    """Return an open connection and the mode of the node; the caller closes the connection (it is a context manager).

    1. With an identity: TLS verified against its CA, with its client certificate. It holds: configured.
    2. The node's certificate is of another CA (or there is no identity): connect without presenting anything, check the
       pin when given, and require the maintenance certificate name and stage ``maintenance``.
    3. All else is an error that says which certificate was seen.

    :raises TalosError: see ``errors.py``.
    """
    refusal = WrongCA(ATTEMPT, target=target.label)
    for _unused in range(CHANGES):
        if identity is not None:
            client = _client(target, identity, timeout)
            try:
                client.open()
                return client, NodeMode.CONFIGURED
            except WrongCA as error:
                refusal = error
                if error.peer is None or error.peer.common_name != MAINTENANCE_NAME:
                    if error.peer is not None and signed_by(error.peer.certificate, identity.ca):
                        continue  # it has changed its certificate between the refusal and our look at it
                    raise
        client = _client(target, None, timeout)
        try:
            if client.peer.common_name == MAINTENANCE_NAME:
                _require_maintenance(client)
                return client, NodeMode.MAINTENANCE
            refusal = _neither(client, identity)
        except BaseException:
            client.close()
            raise
        client.close()
        if identity is None:
            break
        # It has left maintenance between the two connections: ask it as a configured node.
    raise refusal


def _client(target: Target, identity: Identity | None, timeout: float) -> TalosClient:
    return TalosClient(
        target.node,
        identity=identity,
        port=target.port,
        server_name=target.server_name,
        spki_pin=target.spki_pin,
        timeout=timeout,
        name=target.name,
    )


def _neither(client: TalosClient, identity: Identity | None) -> WrongCA:
    remedy = "Use the talosconfig of the cluster to which this node belongs"
    error = WrongCA(
        ATTEMPT,
        target=client.target,
        answer=f"its certificate is of another CA and not that of a node in maintenance ({client.peer})",
        remedy=remedy if identity else "The node is configured: give the talosconfig of its cluster",
        param="talosconfig",
    )
    error.peer = client.peer
    return error


def _require_maintenance(client: TalosClient) -> None:
    """Accept an unverified node only when its stage says maintenance, too."""
    status = client.cosi_get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
    stage = str(status.spec.get("stage", "")) if status else "unknown"
    if stage != "maintenance":
        raise TalosError(
            ATTEMPT,
            code=UNAVAILABLE,
            target=client.target,
            answer=f"it presents a maintenance certificate but its stage is {stage or 'unknown'} ({client.peer})",
            remedy="Wait until the node has finished its change of state and try again",
            param="node",
        )


def target_of(params: Mapping[str, Any]) -> Target:
    """Return the node of a module's parameters (or of one item of ``nodes``)."""
    return Target(
        node=params["node"],
        name=params.get("name") or "",
        port=params.get("port") or DEFAULT_PORT,
        server_name=params.get("server_name"),
        spki_pin=params.get("spki_pin"),
    )


def identity_of(params: Mapping[str, Any], ctx: Context) -> Identity | None:
    """Return the identity of a module's parameters; None without ``talosconfig``.

    In check mode a talosconfig that does not exist yet is none: an earlier task of the same run would have written it.

    :raises InputError: the file is missing or unusable.
    """
    path = params.get("talosconfig")
    if not path:
        return None
    if ctx.check_mode and not os.path.exists(os.path.expanduser(path)):
        return None
    return load_talosconfig(path, params.get("context"), ctx.read_text)
