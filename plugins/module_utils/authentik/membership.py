# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing to an outpost that others write to as well.

The server knows no version and no condition of an update, and a list of providers is replaced as a whole: of two runs
that read, add theirs and write, the later write takes the earlier one's provider away, and the earlier run has long
looked and found everything right. So runs take turns. A group with a name of its own is the turn: names of groups are
unique, so creating it succeeds for one of all that try. It has no members and no rights, lives for the few requests of
one change, and a run that died while it had the turn is recognised by its group standing still.

Others (the server's own pages, Terraform) take no turns: after the write the outpost is read again, and what has been
lost is written again.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from . import outposts
from .client import Client
from .errors import AuthentikError, NoPermission, Refused, Unreachable
from .kinds import GROUP, OUTPOST
from .objects import Body, merge, same
from .outposts import Membership

#: Attribute of the group that is the turn.
MARK = "homeops.cluster/turn"
#: A turn is taken from a run whose group stands unchanged for so many seconds of our own clock: no clocks are compared.
ABANDONED = 60.0
#: Seconds within which a run that has the turn begins its write, far below ABANDONED.
_FRESH = 20.0
#: Writes of one change before it is given up.
_WRITES = 6


@dataclass
class Clock:
    """Time, as tests want it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Turn:
    """The right to change one outpost; a context manager.

    :raises AuthentikError: on entering, when the turn does not come within the timeout.
    """

    def __init__(self, client: Client, outpost: Mapping[str, Any], ctx: Context, clock: Clock, timeout: float) -> None:
        self._client, self._ctx, self._clock, self._timeout = client, ctx, clock, timeout
        self.name = f"homeops.cluster turn {outpost['pk']}"
        self._outpost = str(outpost["name"])
        self._mark = uuid.uuid4().hex
        self._key = ""
        self.since = 0.0

    def __enter__(self) -> Turn:
        began = self._clock.now()
        seen, seen_at = "", began
        while True:
            if self._take():
                return self
            holder, mark = self._holder()
            if mark == self._mark:
                # An earlier try of ours was carried out, only its answer was lost.
                self._key, self.since = holder, self._clock.now()
                return self
            if holder != seen:
                seen, seen_at = holder, self._clock.now()
            elif holder and self._clock.now() - seen_at >= ABANDONED:
                self._ctx.warn(
                    f"a run that died while it changed outpost {self._outpost} has left its turn; taken over"
                )
                # By its key: of two that see it abandoned, neither can take the turn that the other has just got.
                self._client.delete(f"{GROUP.path}{holder}/", doing="taking over an abandoned turn")
                continue
            if self._clock.now() - began >= self._timeout:
                raise AuthentikError(
                    f"waiting for the turn to change outpost {self._outpost}",
                    target=self._client.connection.target,
                    answer=f"another run has had it for {self._timeout:.0f} s (group '{self.name}')",
                    remedy="Does another run hang? Its group may be deleted when none is under way",
                )
            self._ctx.progress(f"waiting for another run that changes outpost {self._outpost}")
            self._clock.sleep(random.uniform(0.05, 0.25))

    def __exit__(self, *exc: object) -> None:
        if not self._key:
            return
        try:
            self._client.delete(f"{GROUP.path}{self._key}/", doing="giving the turn back")
        except AuthentikError as error:
            # The change itself is done, or has its own error to tell.
            self._ctx.warn(f"the turn at outpost {self._outpost} stays until the next change takes it over: {error}")

    def _take(self) -> bool:
        body = {"name": self.name, "attributes": {MARK: self._mark}}
        try:
            made = self._client.post(GROUP.path, body, doing=f"taking the turn to change outpost {self._outpost}")
        except Refused as error:
            if "name" not in error.fields:
                raise
            return False
        except Unreachable as error:
            if not error.sent:
                raise
            return False
        except NoPermission:
            # Whoever may not make groups goes without: reading again finds what a simultaneous write has taken away
            # as long as that write is over by then.
            self._ctx.warn("the token may not make groups, so runs that change one outpost at once cannot take turns")
            self.since = self._clock.now()
            return True
        self._key, self.since = str(made["pk"]), self._clock.now()
        return True

    def _holder(self) -> tuple[str, str]:
        """Return the key of the group that is the turn, and whose it is; empty when nobody has it."""
        found = self._client.all(GROUP.path, name=self.name, include_users=False, doing="looking who has the turn")
        for group in found:
            if group.get("name") == self.name:
                return str(group["pk"]), str((group.get("attributes") or {}).get(MARK, ""))
        return "", ""

    @property
    def stale(self) -> bool:
        """Whether so much time has passed that the turn may be another's soon."""
        return self._clock.now() - self.since > _FRESH

    def renew(self) -> None:
        """Take the turn anew."""
        self.__exit__()
        self._key = ""
        self.__enter__()


@dataclass(frozen=True)
class Wanted:
    """What an outpost shall be.

    :param fields: further fields to set.
    :param config: settings to merge.
    """

    membership: Membership = field(default_factory=Membership)
    config: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] | None = None

    def body(self, current: Mapping[str, Any]) -> Body:
        """Return the fields to send, empty when everything is as wanted; ``type`` goes with every write."""
        found: Body = {}
        if not self.membership.met(current["providers"]):
            found["providers"] = self.membership.of(current["providers"])
        if self.config:
            merged = merge(current.get("config") or {}, self.config)
            if merged != current.get("config"):
                found["config"] = merged
        for key, value in (self.fields or {}).items():
            if not same(OUTPOST, key, value, current.get(key)):
                found[key] = value
        return {"type": current["type"], **found} if found else {}


def change(
    client: Client,
    key: str,
    name: str,
    wanted: Wanted,
    ctx: Context,
    *,
    clock: Clock | None = None,
    timeout: float = 120.0,
) -> dict[str, Any]:
    """Bring one outpost to what is wanted, and return it as it is afterwards.

    :raises AuthentikError: others undo it again and again, or the turn does not come.
    :raises InputError: the outpost, as it is now, would be emptied.
    """
    clock = clock or Clock()
    path = f"{OUTPOST.path}{key}/"
    with Turn(client, {"pk": key, "name": name}, ctx, clock, timeout) as turn:
        current = client.get(path, doing=f"reading outpost {name}")
        for attempt in range(_WRITES):
            outposts.guard_empty(current, wanted.membership)
            body = wanted.body(current)
            if not body:
                return dict(current)
            if attempt:
                ctx.progress(f"another writer has changed outpost {name}; writing again")
                clock.sleep(random.uniform(0.05, 0.2) * 2**attempt)
                current = client.get(path, doing=f"reading outpost {name}")
            if turn.stale:
                turn.renew()
                current = client.get(path, doing=f"reading outpost {name}")
            body = wanted.body(current)
            if body:
                client.patch(path, body, doing=f"changing outpost {name}")
            current = client.get(path, doing=f"reading outpost {name} again")
        raise AuthentikError(
            f"changing outpost {name}",
            target=client.connection.target,
            answer=f"another writer has undone it {_WRITES} times",
            remedy="Find who else writes to this outpost (Terraform, a blueprint, a Job) and stop it",
        )
