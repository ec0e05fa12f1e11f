# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS over a socket in which a failed write does not hide what the other side had said before.

With ``ssl.SSLSocket`` a write to a connection that the node has closed spoils the session, and with it the alert or the
GOAWAY that lies unread in the receive buffer: the reason why the node hung up.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from ..common.wait import Deadline

_CHUNK = 65536


class TlsSocket:
    """One TLS client session. Errors are those of ``ssl`` and ``socket``; the raw socket's timeout holds for each step.

    :param server_hostname: name or address for SNI and, where the context verifies, for the certificate.
    """

    def __init__(self, context: ssl.SSLContext, raw: socket.socket, server_hostname: str | None = None) -> None:
        self._raw = raw
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def handshake(self, timeout: float) -> None:
        """Shake hands within so many seconds."""
        deadline = Deadline(timeout)
        while True:
            self._raw.settimeout(max(deadline.left, 0.001))
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                self._push()
                self._pull()
                continue
            except ssl.SSLError:
                # Our own alert, by which the node learns what we do not like.
                with contextlib.suppress(OSError):
                    self._push()
                raise
            self._push()
            return

    def settimeout(self, seconds: float) -> None:
        """Set the time for each following step."""
        self._raw.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        if data:
            self._session.write(data)
            self._push()

    def recv(self, size: int = _CHUNK) -> bytes:
        """Return what has come, at least one byte; nothing at the end, with or without a farewell."""
        while True:
            try:
                return self._session.read(size)
            except ssl.SSLWantReadError:
                self._push()
                self._pull()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def getpeercert(self) -> bytes:
        """Return the node's certificate, DER."""
        return self._session.getpeercert(binary_form=True) or b""

    def selected_alpn_protocol(self) -> str | None:
        """Return what both sides speak."""
        return self._session.selected_alpn_protocol()

    def close(self) -> None:
        """Close the socket."""
        self._raw.close()

    def _push(self) -> None:
        if self._outgoing.pending:  # a property, pylint: disable=using-constant-test
            self._raw.sendall(self._outgoing.read())

    def _pull(self) -> None:
        data = self._raw.recv(_CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
