# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Authentik server of a test's (or a bench's) own, in this process, on a free loopback port."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from lab.authentik.server import Listener, Server, fresh_token
from lab.authentik.store import Row
from lab.authentik.versions import CURRENT
from lab.scenario import AuthentikDelays, AuthentikFaults, AuthentikSettings

T = TypeVar("T")


class AuthentikServer:
    """One running server; use as a context manager.

    :param version: the release to be; :param page_size: the size of its pages, 0 for the product's.
    :param complete: False for the few default flows of the recorded server.
    :param context: for HTTPS.
    """

    def __init__(
        self,
        version: str = CURRENT,
        *,
        token: str = "",
        page_size: int = 0,
        complete: bool = True,
        host: str = "127.0.0.1",
        email: str = "",
        context: ssl.SSLContext | None = None,
        delays: AuthentikDelays | None = None,
    ) -> None:
        self.token = token or fresh_token()
        self.faults = AuthentikFaults()
        self.delays = delays or AuthentikDelays(blueprints=0.0, outpost=0.0)
        settings = AuthentikSettings(version=version, page_size=page_size)
        self.server = Server(self.token, self.faults, self.delays, settings, email=email, complete=complete)
        self._secure = context is not None
        self._listener = Listener(self.server, host, 0, context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> AuthentikServer:
        self.server.start()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listener.start(), self._loop).result(30)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._listener.stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http{'s' if self._secure else ''}://{self._listener.host}:{self._listener.port}"

    @property
    def requests(self) -> Counter[str]:
        """Requests so far by ``METHOD /path``."""
        return self.server.requests

    @property
    def api_requests(self) -> int:
        """How many of them went to the API."""
        return sum(count for key, count in self.requests.items() if "/api/v3/" in key)

    @property
    def writes(self) -> Counter[str]:
        """The requests that may have changed something."""
        return Counter({key: count for key, count in self.requests.items() if not key.startswith(("GET ", "HEAD "))})

    def do(self, work: Callable[[], T]) -> T:
        """Run ``work`` where the server runs, between two requests."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def forget(self) -> None:
        """Count requests anew."""
        self.do(self.requests.clear)

    def restart(self) -> None:
        """Start the server again over the same database."""
        self.do(self.server.start)

    def set_faults(self, **faults: Any) -> None:
        """Set fields of the lab's ``AuthentikFaults``; the others go back to nothing."""

        def work() -> None:
            for name, value in vars(AuthentikFaults(**faults)).items():
                setattr(self.faults, name, value)

        self.do(work)

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """Return copies of rows of the server's database (``providers``, ``applications``, ``outposts``, ...)."""
        return self.do(lambda: [dict(row) for row in self.server.store.rows(table, **wanted)])
