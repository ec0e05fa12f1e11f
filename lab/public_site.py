# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of the public internet at its door: HTTPS with a certificate that carries its real name."""

from __future__ import annotations

import ssl

from aiohttp import web

from .authority import Authority
from .doors import address_error
from .state import LabState


class PublicSite:
    """One listener.

    :param file: what its certificate and key are called below the lab's directory.
    :param name: the site's real name; :param host: where it listens.
    :param authority: signs its certificate.
    """

    def __init__(self, state: LabState, file: str, name: str, host: str, port: int, authority: Authority) -> None:
        self.state, self.file, self.name = state, file, name
        self.host, self.port, self.authority = host, port, authority
        self._runner: web.AppRunner | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    async def start(self, app: web.Application) -> None:
        """Listen; raises :class:`LabError` when the address is taken."""
        issued = self.authority.issue([self.name, self.host], common_name=self.name)
        crt, key = self.state.root / f"{self.file}.crt", self.state.root / f"{self.file}.key"
        self.state.write(crt, issued.certificate.decode())
        self.state.write(key, issued.key.decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port, ssl_context=context).start()
        except OSError as error:
            raise address_error(error, self.host, self.port) from error

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
