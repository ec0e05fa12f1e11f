# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to Talos nodes, to the VIP, and to the files with which both are opened."""

from __future__ import annotations

import datetime
import functools
import os
import socket
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from ..checks.doors import Credential, Node, Trouble, Vip
from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..talos import config_source, pki
from ..talos.client import Resource, TalosClient
from ..talos.connection import NodeMode, Target, connect
from ..talos.errors import ClientCertificateExpired, TalosError
from ..talos.identity import Identity, load_talosconfig
from ..talos.secrets import SecretsBundle
from ..talos.talosconfig import ADMIN
from .together import ask_all

#: Seconds between two tries at a node that is on its way, and between two of its clock.
_PAUSE = 0.5
#: Seconds that a node may take to ask its time server.
_CLOCK = 3.0
#: Seconds for a connection to an address that is probably nobody's.
_KNOCK = 1.0
#: Where a machine that has the VIP by mistake might answer: Talos itself, SSH, the web.
_OTHERS = (50000, 22, 443, 80)
#: How long the identity that is made for one look is valid.
_MOMENT = datetime.timedelta(hours=1)


def trouble_of(error: HomeopsError) -> Trouble:
    """Return an error as a fact."""
    return Trouble(type(error).__name__, (error.answer or error.attempted).strip(), error.remedy.rstrip("."))


def bundle_of(path: str | None, ctx: Context) -> SecretsBundle | None:
    """Return the secrets bundle of a file, None when it is not there or unusable: the phase that reads it tells."""
    if not path or not os.path.exists(os.path.expanduser(path)):
        return None
    try:
        return config_source.bundle_of({"secrets_file": path}, ctx)
    except HomeopsError:
        return None


def credentials(
    path: str | None, bundle: Callable[[], SecretsBundle | None], renewed: Collection[str], ctx: Context
) -> tuple[Identity | None, list[Credential]]:
    """Return as whom nodes are asked, and what is to be told of the talosconfig.

    Without a usable talosconfig a client certificate is made of the bundle, for this look only.

    :param renewed: ``talosconfig`` in it when the run writes it anew: then nothing about it is told.
    """
    now = datetime.datetime.now(datetime.UTC)
    told: list[Credential] = []
    renew = "phase talos writes a new one from the secrets bundle"
    if path and os.path.exists(os.path.expanduser(path)):
        what = f"the client certificate of {path}"
        try:
            identity = load_talosconfig(path, None, ctx.read_text)
            if "talosconfig" not in renewed:
                told.append(Credential(what, "state_dir", renew, identity.expires))
            identity.check(now)
            return identity, told
        except ClientCertificateExpired:
            pass
        except HomeopsError as error:
            if "talosconfig" not in renewed:
                fault = Trouble(type(error).__name__, str(error), "")
                told.append(Credential(what, "state_dir", renew, trouble=fault))
    made = bundle()
    if made is None:
        return None, told
    issued = pki.admin_certificate(made.os, ADMIN, now, _MOMENT)
    return Identity(made.os.crt, issued.crt, issued.key, source="the secrets bundle"), told


def patience_of(talosconfig: str | None, first: float, later: float, ctx: Context) -> float:
    """Return for how many seconds a node that does not answer is asked again.

    With a talosconfig an earlier run has reached the nodes, so that one of them may be booting. Without, a wrong
    address is the likely cause. A check run changes nothing that would be worth the wait.

    :param first: while there is no talosconfig.
    :param later: as soon as there is one.
    """
    reached = bool(talosconfig) and os.path.exists(os.path.expanduser(talosconfig or ""))
    return later if reached and not ctx.check_mode else first


def look(target: Target, identity: Identity | None, timeout: float, patience: float, ctx: Context) -> Node:
    """Return what a node shows of itself; one that is on its way is asked again for ``patience`` seconds."""
    where = f"{target.node}:{target.port}"
    seen: list[Node] = []

    def once() -> Observation[Node]:
        try:
            seen.append(_look(target, where, identity, timeout))
            return Observation(True, "")
        except HomeopsError as error:
            trouble = trouble_of(error)
            seen.append(Node(target.label, where, trouble=trouble))
            coming = isinstance(error, TalosError) and error.transient and not error.permanent
            return Observation(not coming, trouble.text)

    began = time.monotonic()
    try:
        wait_until(once, what=target.label, target=where, timeout=patience, ctx=ctx, interval=_PAUSE)
    except WaitTimeout:
        waited = f"also not after a wait of {time.monotonic() - began:.0f} s"
        if (trouble := seen[-1].trouble) is not None:
            return replace(seen[-1], trouble=replace(trouble, text=f"{trouble.text}, {waited}"))
    return seen[-1]


def _look(target: Target, where: str, identity: Identity | None, timeout: float) -> Node:
    client, mode = connect(target, identity, timeout)
    with client:
        status = client.cosi_get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
        hostname = client.cosi_get("network", "HostnameStatuses.net.talos.dev", "hostname")
        clock = client.cosi_get("runtime", "TimeStatuses.v1alpha1.talos.dev", "node")
        system = client.cosi_get("runtime", "SystemDisks.block.talos.dev", "system-disk")
        configured = mode is NodeMode.CONFIGURED
        return Node(
            name=target.label,
            where=where,
            mode=mode.value,
            hostname=str(hostname.spec.get("hostname", "")) if hostname else "",
            version=client.version().tag if configured else "",
            disks=[item.spec for item in client.cosi_list("runtime", "Disks.block.talos.dev")],
            links={item.id: item.spec for item in client.cosi_list("network", "LinkStatuses.net.talos.dev")},
            system_disk=str(system.spec.get("devPath") or "") if system else "",
            discovered=[item.spec for item in client.cosi_list("runtime", "DiscoveredVolumes.block.talos.dev")],
            synced=bool(clock.spec.get("synced") or clock.spec.get("syncDisabled")) if clock else None,
            ahead=_ahead(client) if configured else _newer(status, hostname, clock),
        )


def _ahead(client: TalosClient) -> float | None:
    """Return by how many seconds the node's clock is ahead; None when it cannot reach its time server."""
    kept, client.timeout = client.timeout, min(client.timeout, _CLOCK)
    before = time.time()
    try:
        there = client.local_time()
    except TalosError:
        return None
    finally:
        client.timeout = kept
    after = time.time()
    return there - after if there > after else min(0.0, there - before)


def _newer(*resources: Resource | None) -> float | None:
    """Return by how many seconds the newest of the resources is from the future."""
    newest = max((one.updated for one in resources if one is not None), default=0.0)
    return max(0.0, newest - time.time()) if newest else None


def knock(host: str, port: int, bundle: Callable[[], SecretsBundle | None], name: str) -> Vip:
    """Return who answers at the VIP.

    :param port: of the Kubernetes API; the other ports are tried only when nobody answers there.
    :param name: what the API's certificate must carry.
    """
    if _accepts(host, port):
        made = bundle()
        ours, answer = _certified(host, port, made.k8s.crt, name) if made else (None, "")
        return Vip(host, port, ours, answer)
    knocks = {other: functools.partial(_accepts, host, other) for other in _OTHERS}
    answers = ask_all(knocks, 2 * _KNOCK)
    return Vip(host, next((other for other in _OTHERS if answers[other] is True), 0))


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _KNOCK).close()
    except OSError:
        return False
    return True


def _certified(host: str, port: int, authority: bytes, name: str) -> tuple[bool | None, str]:
    """Tell whether a TLS server has a certificate of this CA for this name, None when there was no TLS at all."""
    context = ssl.create_default_context(cadata=authority.decode("ascii", "replace"))
    try:
        with socket.create_connection((host, port), _KNOCK) as raw, context.wrap_socket(raw, server_hostname=name):
            return True, ""
    except ssl.SSLCertVerificationError as error:
        return False, f"its certificate is not of the cluster's CA ({error.verify_message})"
    except (OSError, ssl.SSLError):
        return None, ""
