# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a write: wait for the routes that must be there, or put the earlier configuration back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..frr import live
from ..frr.live import Asks, Live, Wanted
from ..frr.state_command import NoShell, StateUnavailable
from .bgp_config import BgpConfig, Stored
from .errors import UnifiError

#: Seconds for which everything must hold when no session is seen to restart: the console may apply a text late.
SETTLE = 10.0


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

    def until(self, wanted: Wanted, what: str, *, restarted: bool = False, timeout: float | None = None) -> Live:
        """Wait until nothing is missing and return the last look.

        :param restarted: the daemon is about to restart, so what holds right now may be its former self.
        :raises WaitTimeout: saying what is missing.
        :raises NoShell: waiting cannot help, because there is no program to ask.
        """
        began = self.clock()

        def look() -> Observation[Live]:
            try:
                seen = live.read(self.shell)
            except NoShell:
                raise
            except StateUnavailable as error:
                return Observation(False, error.answer)
            lacking = live.missing(seen, wanted)
            if lacking:
                return Observation(False, "; ".join(lacking))
            elapsed = self.clock() - began
            if restarted and wanted.sessions and elapsed < SETTLE and not live.bounced_since(seen, elapsed):
                return Observation(False, "everything holds, but the daemon has not restarted yet")
            return Observation(True, "all there", seen)

        found = wait_until(
            look,
            what=what,
            target=self.target,
            timeout=self.timeout if timeout is None else timeout,
            ctx=self.ctx,
            interval=0.5,
            remedy="Look at both ends: udm_bgp_info tells the router's faults, the agents of the cluster theirs",
            sleep=self.sleep,
            clock=self.clock,
        )
        return found or Live()


def first_look(shell: Asks, stored: Stored) -> Live:
    """Look before anything is changed; a daemon that does not run because nothing is configured has no state.

    :raises StateUnavailable: there should be a daemon, so what a change does could not be seen.
    :raises NoShell: no daemon can ever be asked this way.
    """
    try:
        return live.read(shell)
    except NoShell:
        raise
    except StateUnavailable:
        if stored.document is None or not stored.enabled:
            return Live()
        raise


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
        watch.until(wanted, "what worked before", restarted=True)
        reports["after_rollback"] = "everything that worked before works again"
    except WaitTimeout as error:
        reports["after_rollback"] = error.answer
    raise RolledBack(
        doing,
        target=watch.target,
        answer=f"{cause.answer}. The earlier configuration was put back: {reports['after_rollback']}",
        remedy="The new text is in the diff of a run with --check --diff",
        facts={**cause.facts, "rolled_back": True, "reports": reports, "changed": False},
    ) from cause
