# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Below HTTP, for every system alike: dial one address and ask for another name, and say why no answer came."""

from __future__ import annotations

import http.client
import socket
import ssl

#: How :func:`transport_text` begins where a name server has no answer.
UNRESOLVED = "the host name cannot be resolved"


class Https(http.client.HTTPSConnection):
    """HTTPS whose certificate may carry another name than the address that is dialled."""

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls, self._name = context, name

    def connect(self) -> None:
        """Connect, send small requests at once, and check the certificate against the wanted name."""
        raw = socket.create_connection((self.host, self.port), self.timeout)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(raw, server_hostname=self._name)
        except BaseException:
            raw.close()
            raise


def transport_text(error: Exception, timeout: float) -> str:
    """Say in words why there is no answer."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"{UNRESOLVED} ({error.strerror})"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected, ssl.SSLEOFError)):
        return "the connection was closed before the answer came"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
