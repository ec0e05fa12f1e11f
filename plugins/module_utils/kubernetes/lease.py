# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock that every operator of a cluster sees: one Lease, held by one operation at a time.

A file lock knows the processes of one machine only. A Lease (``coordination.k8s.io/v1``) lies in the cluster itself, so
two operators on two machines meet there. It ends by itself: whoever holds it says for how long, and renews it before
each step. The holder's name tells its machine and process too, so that a run that was killed is replaced at once by the
next one from the same machine.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError
from ..common.wait import Observation, wait_until
from .client import Client, segment
from .errors import Conflict, NotFound

#: What says on the object what the holder does.
PURPOSE = "homeops.cluster/purpose"
#: Seconds by which two clocks may differ.
SLACK = 5
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    :param who: ``user@host``.
    :param place: names the machine and its process table; processes of other places cannot be judged.
    :param process: ``<pid>.<start>``: a process, told apart from a later one with the same number.
    """

    who: str
    place: str
    process: str

    @property
    def text(self) -> str:
        """The holder as the Lease has it."""
        return f"{self.who}/{self.place}/{self.process}"


@dataclass(frozen=True)
class Lease:
    """One Lease as it was read; an unheld one has an empty ``holder``."""

    holder: str = ""
    purpose: str = ""
    seconds: int = 0
    renewed: datetime | None = None
    taken: str = ""
    transitions: int = 0

    @property
    def ends(self) -> datetime | None:
        """When it ends unless it is renewed."""
        return self.renewed + timedelta(seconds=self.seconds) if self.renewed else None


@dataclass(frozen=True)
class Verdict:
    """Whether the lease may be had.

    :param mine: it is held already.
    :param text: who has it and until when; or from whom it is taken, and why.
    """

    free: bool
    mine: bool = False
    text: str = ""


def parse(found: Mapping[str, Any] | None) -> Lease:
    """Read a Lease object."""
    if found is None:
        return Lease()
    spec = found.get("spec") or {}
    notes = (found.get("metadata") or {}).get("annotations") or {}
    return Lease(
        str(spec.get("holderIdentity") or ""),
        str(notes.get(PURPOSE) or ""),
        int(spec.get("leaseDurationSeconds") or 0),
        _time(spec.get("renewTime")),
        str(spec.get("acquireTime") or ""),
        int(spec.get("leaseTransitions") or 0),
    )


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def judge(lease: Lease, me: Holder, now: datetime, alive: Callable[[str], bool], take_over: str = "") -> Verdict:
    """Judge whether ``me`` may have the lease.

    :param alive: whether a process of this place still runs.
    :param take_over: a holder whose lease may be ended by force.
    """
    if not lease.holder:
        return Verdict(True)
    if lease.holder == me.text:
        return Verdict(True, mine=True)
    who, place, process = [*lease.holder.split("/", 2), "", ""][:3]
    doing = f" for {lease.purpose}" if lease.purpose else ""
    if lease.ends is None or now > lease.ends + timedelta(seconds=SLACK):
        ended = f"{lease.ends:%H:%M:%S} UTC" if lease.ends else "an unknown time"
        return Verdict(True, text=f"the lock of {who}{doing} has ended at {ended} and is taken over")
    if place == me.place and process and not alive(process):
        return Verdict(True, text=f"the run of {who}{doing} has died (process {process}), its lock is taken over")
    if take_over and take_over == lease.holder:
        return Verdict(True, text=f"the lock of {who}{doing} is taken over because it was named")
    left = int((lease.ends - now).total_seconds())
    return Verdict(False, text=f"{who} holds it{doing} for {max(left, 0)} s more (holder {lease.holder})")


def body(name: str, namespace: str, lease: Lease, version: str = "") -> dict[str, Any]:
    """Return the object that says so."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if lease.purpose:
        metadata["annotations"] = {PURPOSE: lease.purpose}
    if version:
        metadata["resourceVersion"] = version
    spec: dict[str, Any] = {"leaseTransitions": lease.transitions}
    if lease.holder and lease.renewed:
        spec |= {
            "holderIdentity": lease.holder,
            "leaseDurationSeconds": lease.seconds,
            "acquireTime": lease.taken,
            "renewTime": lease.renewed.strftime(_FORM),
        }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


# -- this process ------------------------------------------------------------------------------------------------------
def holder(process: int) -> Holder:
    """Return this operator as a holder.

    :param process: id of the process with which the operation ends.
    """
    host = socket.gethostname()
    parts = [host, _read("/proc/sys/kernel/random/boot_id"), _link("/proc/self/ns/pid")]
    place = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    return Holder(f"{getpass.getuser()}@{host}", place, f"{process}.{_start(process)}")


def alive(process: str) -> bool:
    """Whether a process of this machine still runs."""
    number, _dot, start = process.partition(".")
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return _start(int(number)) == start


def _start(process: int) -> str:
    """Return when a process was started, in ticks since the boot; 0 where the system does not tell."""
    # Field 22 of proc(5) stat; the name in field 2 may hold anything, so count from the bracket that closes it.
    fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else "0"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


# -- at the API --------------------------------------------------------------------------------------------------------
@dataclass
class Lock:
    """One Lease at the API."""

    client: Client
    name: str
    namespace: str
    ctx: Context

    @property
    def _path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{segment(self.namespace)}/leases"

    def read(self) -> tuple[Lease, str]:
        """Return the lease and its resource version, empty when there is none."""
        try:
            found = self.client.get(f"{self._path}/{segment(self.name)}", attempted=f"reading lease {self.name}")
        except NotFound:
            return Lease(), ""
        return parse(found), str(found["metadata"].get("resourceVersion") or "")

    def hold(self, me: Holder, purpose: str, seconds: int, *, take_over: str, timeout: float) -> str:
        """Have the lease for some seconds from now; return what was taken over, empty when it was free.

        :param timeout: seconds to wait for somebody else's end.
        :raises HomeopsError: somebody else holds it.
        """

        def look() -> Observation[str]:
            lease, version = self.read()
            now = datetime.now(UTC)
            verdict = judge(lease, me, now, alive, take_over)
            if not verdict.free:
                return Observation(False, verdict.text)
            if self.ctx.check_mode:
                return Observation(True, "free", verdict.text)
            mine = Lease(
                me.text,
                purpose,
                seconds,
                now,
                lease.taken if verdict.mine else now.strftime(_FORM),
                lease.transitions + (not verdict.mine and bool(version)),
            )
            try:
                self._write(mine, version)
            except Conflict:
                return Observation(False, "somebody else is just taking it")
            return Observation(True, "held", verdict.text)

        return self._until(look, timeout)

    def release(self, me: Holder) -> bool:
        """Give the lease back; False when it is not ours."""
        lease, version = self.read()
        if lease.holder != me.text:
            return False
        if not self.ctx.check_mode:
            try:
                self._write(Lease(transitions=lease.transitions), version)
            except Conflict:
                return False
        return True

    def _write(self, lease: Lease, version: str) -> None:
        method, path = ("PUT", f"{self._path}/{segment(self.name)}") if version else ("POST", self._path)
        content = body(self.name, self.namespace, lease, version)
        self.client.request(method, path, body=content, attempted=f"writing lease {self.name}")

    def _until(self, look: Callable[[], Observation[str]], timeout: float) -> str:
        # Two who take it at once: the one that comes second looks again, whatever the patience.
        for _unused in range(3):
            seen = look()
            if seen.done:
                return seen.value or ""
            if "just taking" not in seen.state:
                break
        if timeout > 0:
            return (
                wait_until(
                    look,
                    what="the lock of the cluster's operations",
                    target=f"lease {self.namespace}/{self.name}",
                    timeout=timeout,
                    ctx=self.ctx,
                    interval=1.0,
                    remedy="Wait for the other operator",
                )
                or ""
            )
        raise HomeopsError(
            "taking the lock of the cluster's operations",
            target=f"lease {self.namespace}/{self.name}",
            answer=seen.state,
            remedy="Two operations must not meet: wait for the other one; it ends by itself when its operator is gone. "
            "Nothing was sent",
            param="take_over",
        )
