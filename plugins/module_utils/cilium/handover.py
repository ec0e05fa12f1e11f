# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node goes from one schema to the other, and is back before the next one goes.

Its session falls meanwhile (Cease 6/3), so two nodes on their way are two paths less. Under the new kinds Cilium tells
when a session stands again. Under the legacy kind it tells nothing: there only the router can, and where nobody may ask
it, the node gets the time that its dialling takes at the worst.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..common.context import Context
from ..common.wait import Observation, wait_until
from ..frr import live
from ..frr.live import Asks, Live
from ..frr.state_command import NoShell, StateUnavailable
from . import kinds, migrate, sessions
from .intent import Intent, Timers
from .store import Store

T = TypeVar("T")

_INTERVAL = 1.0
#: Seconds that GoBGP rests before a new neighbour's first dial, at most (5 to 10 measured).
FIRST_DIAL = 10.0
#: Seconds after which a session that was not seen to fall is taken as one that stayed.
_STAYED = 10.0


def unproved_rest(timers: Timers) -> float:
    """Return the seconds after which a node that nobody can ask has dialled, one refused dial included.

    GoBGP draws the wait after a refused dial from one to two times the connect retry time.
    """
    return FIRST_DIAL + 2 * timers.connect_retry


@dataclass(frozen=True)
class Router:
    """The router's daemon as a witness.

    :param addresses: address by node, as the router knows it.
    """

    shell: Asks
    addresses: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic

    def down(self, nodes: Iterable[str]) -> tuple[Live | None, list[str]]:
        """Return a look, and which of the nodes have no session at the router, as sentences without their end."""
        try:
            seen = live.read(self.shell)
        except NoShell:
            raise
        except StateUnavailable as error:
            return None, [error.answer]
        up = {key[0] for key, session in seen.sessions.items() if session.established}
        return seen, [
            f"the router has no session with {node} ({self.addresses.get(node, 'whose address is not known')})"
            for node in nodes
            if self.addresses.get(node) not in up
        ]

    def lacking(self, node: str, before: Live, began: float) -> list[str]:
        """Return what a node has not brought back of what it had, empty when all is there again."""
        seen, found = self.down([node])
        if seen is None or found:
            return found
        address, elapsed = self.addresses[node], self.clock() - began
        found = live.missing(seen, live.kept(before, [address], before.routes))
        fresh = any(one.up_seconds <= elapsed for key, one in seen.sessions.items() if key[0] == address)
        if not found and not fresh and elapsed < _STAYED:
            return [f"the session with {address} is still the one of before"]
        return found


class Handover:
    """Watches the nodes of a migration.

    :param timeout: seconds for each wait; :param settle: rest after a node that was seen to be back.
    :param unproved: rest after a node of which nobody tells anything; None = as its timers ask.
    """

    def __init__(
        self,
        store: Store,
        intent: Intent,
        ctx: Context,
        *,
        routes: int,
        timeout: float,
        settle: float,
        unproved: float | None,
        router: Router | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._store, self._intent, self._ctx, self._routes, self._timeout = store, intent, ctx, routes, timeout
        self._settle, self._router, self._sleep = settle, router, sleep
        self._unproved = unproved_rest(intent.timers) if unproved is None else unproved
        self._before, self._began = Live(), 0.0

    def ordered(self, steps: list[migrate.Step]) -> list[migrate.Step]:
        """Return the steps with the nodes in front that have no session: their move takes no path away."""
        if self._router is None:
            return steps
        moves = [step for step in steps if step.hands_over]
        waiting = iter(sorted(moves, key=lambda step: not self._router_down(step.node)))
        return [next(waiting) if step.hands_over else step for step in steps]

    def _router_down(self, node: str) -> bool:
        return self._router is not None and bool(self._router.down([node])[1])

    def begin(self, node: str, nodes: Iterable[str]) -> None:
        """Have every other node stand at the router before this one leaves it.

        :raises WaitTimeout: one of them does not, so moving this one would take a second path away.
        """
        if self._router is None:
            return
        router, others = self._router, [other for other in nodes if other != node]

        def look() -> Observation[Live]:
            seen, down = router.down(others)
            return Observation(seen is not None and not down, "; ".join(down), seen)

        found = self._wait(look, f"the other nodes to stand at the router before {node} moves", "")
        self._before, self._began = found or Live(), router.clock()

    def end(self, step: migrate.Step) -> None:
        """Wait until the node of a step is back.

        :raises WaitTimeout: it is not, and no further node moves.
        """
        node, moving_on = step.node, step.do is migrate.Do.LABEL
        schema = "new kinds" if moving_on else "legacy policy"

        def look() -> Observation[None]:
            configs = self._store.read(kinds.NODE)[kinds.NODE]
            if moving_on:
                left = sessions.missing(configs, self._intent, [node], self._routes)
                return Observation(not left, "; ".join(left))
            there = [one for one in sessions.sessions(configs) if one.node == node]
            return Observation(not there, f"{node}: the new kinds still have {len(there)} sessions")

        back = (
            "Every node is selected by one policy as things stand. Run again to go on, or with "
            f"api: {'legacy' if moving_on else 'v2'} to go back; look at the agent's log on this node first"
        )
        self._wait(look, f"node {node} to be taken over by the {schema}", back)
        if self._router is not None:
            router = self._router

            def proved() -> Observation[None]:
                left = router.lacking(node, self._before, self._began)
                return Observation(not left, "; ".join(left))

            self._wait(proved, f"node {node} to be back at the router under the {schema}", back)
        rest = self._settle
        if self._router is None and not moving_on:
            rest = max(rest, self._unproved)
            self._ctx.warn(
                f"nobody tells whether {node} has its session under the legacy policy: without router_state_command "
                f"the next node moves after {rest:.0f} s in any case"
            )
        if rest:
            self._ctx.progress(f"{node} has moved; {rest:.0f} s until the next")
            self._sleep(rest)

    def _wait(self, look: Callable[[], Observation[T]], what: str, remedy: str) -> T | None:
        return wait_until(
            look,
            what=what,
            target=f"{kinds.CLUSTER} {self._intent.name}",
            timeout=self._timeout,
            ctx=self._ctx,
            interval=_INTERVAL,
            sleep=self._sleep,
            remedy=remedy
            or "Mend the session that is down (udm_bgp_info, the agent's log) and run again, or go back to the other "
            "schema: the node that is down moves first then",
        )
