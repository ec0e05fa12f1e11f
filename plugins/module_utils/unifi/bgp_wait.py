# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a write: wait for the routes that must be there, or put the earlier configuration back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..frr import live
from ..frr.live import Asks, Live, Wanted
from ..frr.state_command import NoShell, StateUnavailable
from .bgp_config import BgpConfig, Stored
from .errors import UnifiError

#: Asked of a daemon whose sessions do not show that it was given another text.
_RUNNING = "show running-config"


@dataclass(frozen=True)
class Earlier:
    """The daemon before a write; ``running`` is the configuration that it ran, empty when it does not tell."""

    live: Live = field(default_factory=Live)
    running: str = field(default="", repr=False)


@dataclass(frozen=True)
class Seen:
    """What a wait ended with.

    :param in_force: whether the daemon was seen to run what was written.
    """

    live: Live = field(default_factory=Live)
    in_force: bool = False


class RolledBack(HomeopsError):
    """What was written did not work, and what was there before is back."""


@dataclass(frozen=True)
class Watch:
    """How to look at the running daemon, and for how long."""

    shell: Asks
    target: str
    timeout: float
    ctx: Context
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until(self, wanted: Wanted, what: str, *, since: Earlier | None = None) -> Seen:
        """Wait until nothing is missing and return the last look.

        After a write all may hold because the daemon has not been given the new text yet, however long the console
        takes. So the daemon has to show the new text as well; when it never does and nothing is missing, that is no
        failure, but nothing is proven either.

        :param since: the daemon before the write; None when nothing was written.
        :raises WaitTimeout: saying what is missing.
        :raises NoShell: nothing was written, and waiting cannot help, because there is no program to ask.
        """
        began, in_force = self.clock(), since is None
        told: StateUnavailable | None = None
        holding: Seen | None = None

        def look() -> Observation[Seen]:
            nonlocal told, holding, in_force
            told = holding = None
            try:
                seen = live.read(self.shell)
            except StateUnavailable as error:
                # Once something is written, a program that is away may be a router that is busy with the new text.
                if since is None and isinstance(error, NoShell):
                    raise
                told = error
                return Observation(False, error.answer)
            lacking = live.missing(seen, wanted)
            if lacking:
                return Observation(False, "; ".join(lacking))
            shown = in_force or (since is not None and live.restarted(seen, since.live, self.clock() - began))
            holding = Seen(seen, shown)
            if not shown and since is not None and since.running:
                # Asked behind the sessions, so what it says holds for the next look at them.
                in_force = running(self.shell) not in ("", since.running)
            return Observation(shown, "all holds, but the daemon does not show the new text yet", holding)

        try:
            found = wait_until(
                look,
                what=what,
                target=self.target,
                timeout=self.timeout,
                ctx=self.ctx,
                interval=0.5,
                remedy="Look at both ends: udm_bgp_info tells the router's faults, the agents of the cluster theirs",
                param="wait_timeout",
                sleep=self.sleep,
                clock=self.clock,
            )
        except WaitTimeout as error:
            if holding is not None:
                return holding
            if told is None:
                raise
            # What keeps us from knowing is the command, not the sessions.
            raise WaitTimeout(
                error.attempted, target=error.target, answer=error.answer, remedy=told.remedy, param=told.param
            ) from error
        return found or Seen()


def first_look(shell: Asks, stored: Stored) -> Earlier:
    """Look before anything is changed; a daemon that does not run because nothing is configured has no state.

    :raises StateUnavailable: there should be a daemon, so what a change does could not be seen.
    :raises NoShell: no daemon can ever be asked this way.
    """
    try:
        return Earlier(live.read(shell), running(shell))
    except NoShell:
        raise
    except StateUnavailable:
        if stored.document is None or not stored.enabled:
            return Earlier()
        raise


def running(shell: Asks) -> str:
    """Return the configuration that the daemon runs, with the passwords in it; empty when it does not tell."""
    try:
        return shell.text(_RUNNING)
    except StateUnavailable:
        return ""


def roll_back(
    store: BgpConfig, written: Stored, earlier: Stored, before: Live, watch: Watch, cause: WaitTimeout
) -> None:
    """Put the earlier configuration back, wait for what worked under it, and fail with both reports.

    :raises RolledBack: always, unless putting back fails too, which is told instead.
    """
    watch.ctx.progress("putting the earlier configuration back")
    reports = {"after_change": cause.answer, "after_rollback": ""}
    doing = "applying the router's BGP text"
    try:
        since = Earlier(live.read(watch.shell), running(watch.shell))
    except StateUnavailable:
        since = Earlier()
    try:
        store.put_back(written, earlier)
    except UnifiError as error:
        reports["after_rollback"] = str(error)
        raise HomeopsError(
            doing,
            target=watch.target,
            answer=f"{cause.answer}. The earlier configuration could not be put back: {error}",
            remedy="Put the backup back with udm_bgp_restore",
            facts={**cause.facts, "rolled_back": False, "reports": reports, "changed": True},
        ) from cause
    names = {key[0] for key in before.sessions}
    wanted = live.kept(before, names, before.routes)
    try:
        seen = watch.until(wanted, "what worked before", since=since)
        reports["after_rollback"] = "everything that worked before works again"
        if not seen.in_force:
            reports["after_rollback"] += ", but the daemon was not seen to take the earlier text"
    except WaitTimeout as error:
        reports["after_rollback"] = error.answer
    raise RolledBack(
        doing,
        target=watch.target,
        answer=f"{cause.answer}. The earlier configuration was put back: {reports['after_rollback']}",
        remedy="The new text is in the diff of a run with --check --diff",
        facts={**cause.facts, "rolled_back": True, "reports": reports, "changed": False},
    ) from cause
