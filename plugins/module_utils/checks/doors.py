# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen at the doors of the systems that a run is about to use: facts only, read by ``probes``, judged by
``door_systems`` and ``door_services``.

What is None was not asked, because no phase of the run needs it, and is not judged. A system that is not there yet, and
that this very run would make, is no fault; whoever asks says so by ``there`` or by leaving the fact out.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trouble:
    """Why a system did not answer as it should.

    :param kind: class of the error, ``Unreachable`` or ``WrongCA``.
    :param text: what happened, a whole sentence without secrets.
    :param remedy: what to do about it, without a full stop.
    """

    kind: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Node:
    """One node.

    :param where: where it was asked, ``172.29.51.11:50000``.
    :param mode: ``configured`` or ``maintenance``; empty when there is trouble.
    :param disks: the ``spec`` of each disk.
    :param links: the ``spec`` of each network link by its name.
    :param system_disk: device path of the disk with Talos; empty while there is none.
    :param discovered: the ``spec`` of each discovered volume: what is on the disks.
    :param ahead: seconds by which its clock is ahead of the controller's, negative behind, None when it is not known.
    :param synced: whether it says that its clock is synchronised.
    """

    name: str
    where: str
    mode: str = ""
    trouble: Trouble | None = None
    hostname: str = ""
    version: str = ""
    disks: Sequence[Mapping[str, Any]] = ()
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    system_disk: str = ""
    discovered: Sequence[Mapping[str, Any]] = ()
    ahead: float | None = None
    synced: bool | None = None


@dataclass(frozen=True)
class Vip:
    """Who answers at the address that moves between the control plane nodes.

    :param port: the first port at which somebody answers, 0 for none.
    :param ours: whether that is the API of the cluster that the controller's kubeconfig knows; None when unknown.
    """

    where: str
    port: int = 0
    ours: bool | None = None
    answer: str = ""


@dataclass(frozen=True)
class Credential:
    """Something that opens a door, and that may have an end.

    :param what: for people, ``the client certificate of /x/talosconfig``.
    :param variable: the inventory's variable that says where it is.
    :param expires: None when it has no end, or none that can be seen.
    :param renew: what makes a new one.
    """

    what: str
    variable: str
    renew: str
    expires: datetime.datetime | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Console:
    """The router's console.

    :param records: its DNS records (``name``, ``type``, ``value``, ``enabled``), None when they were not asked for.
    """

    where: str
    trouble: Trouble | None = None
    records: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Proof:
    """How phase bgp is to prove at its end that the router has every route; nothing is asked for it.

    :param command: whether there is a command that reaches the router's vtysh.
    :param required: whether the phase fails without that proof.
    :param check: whether the run only predicts, so that the phase fails of no proof.
    """

    command: bool
    required: bool
    check: bool = False


@dataclass(frozen=True)
class Name:
    """A host name that the controller needs."""

    host: str
    variable: str
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Items:
    """The source of the secrets.

    :param rows: per declared item ``name``, ``title``, ``state``, ``missing`` fields, and ``cause``.
    """

    where: str
    trouble: Trouble | None = None
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Login:
    """Authentik.

    :param there: whether it answers; before the platform is there it does not, which is no fault.
    :param lives: seconds that each API token of the caller has left; None for one without an end.
    """

    where: str
    there: bool = False
    trouble: Trouble | None = None
    user: str = ""
    superuser: bool = True
    lives: Sequence[int | None] = ()


@dataclass(frozen=True)
class Doors:
    """Everything that was seen.

    :param now: when.
    :param stranger: the controller has no credentials of the cluster yet and cannot tell its nodes from others, and the
        run will have them.
    :param platform_first: the run brings the platform up before it uses it, so what is starting may refuse for a while.
    """

    now: datetime.datetime
    stranger: bool = False
    platform_first: bool = False
    nodes: Sequence[Node] | None = None
    vip: Vip | None = None
    credentials: Sequence[Credential] | None = None
    console: Console | None = None
    names: Sequence[Name] | None = None
    items: Items | None = None
    login: Login | None = None
    proof: Proof | None = None
