# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a UniFi console: TLS, a pinned certificate, one request at a time.

Consoles carry a self-signed certificate, so the way to know one is its SHA-256 fingerprint: it is compared before a
single byte is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import CertificateRefused, Unreachable


@dataclass(frozen=True)
class Door:
    """Where the console answers, and how it is recognised.

    :param fingerprint: SHA-256 of its certificate, 64 hex digits in lower case; nothing else is looked at then.
    """

    host: str
    port: int = 443
    validate_certs: bool = True
    ca_path: str = ""
    fingerprint: str = ""
    timeout: float = 10.0
    plain: bool = False

    @property
    def name(self) -> str:
        """``host:port`` for messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """One answer; header names in lower case, ``cookies`` as set by it (an empty value deletes)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)


class Connection:
    """A connection that is opened when it is needed and again when the console has closed it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._http: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close what is open."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request and read the whole answer.

        A request without side effects is sent once more when the kept connection turns out to be closed.

        :raises Unreachable: with ``sent`` telling whether it may have been carried out.
        """
        kept = self._http is not None
        try:
            return self._once(method, path, headers, body)
        except Unreachable as error:
            if not kept or (method != "GET" and error.sent):
                raise
        return self._once(method, path, headers, body)

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        link = self._open()
        sent = False
        try:
            link.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                link.putheader(name, value)
            if body is not None:
                link.putheader("Content-Length", str(len(body)))
            sent = True
            link.endheaders(body)
            answer = link.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error, sent) from error
        if answer.will_close:
            self.close()
        return Answer(
            answer.status,
            content,
            {name.lower(): value for name, value in answer.getheaders()},
            dict(_cookie(value) for value in answer.headers.get_all("Set-Cookie") or []),
        )

    def _open(self) -> http.client.HTTPConnection:
        if self._http is not None:
            return self._http
        door = self.door
        link: http.client.HTTPConnection
        if door.plain:
            link = http.client.HTTPConnection(door.host, door.port, timeout=door.timeout)
        else:
            link = http.client.HTTPSConnection(door.host, door.port, timeout=door.timeout, context=self._trust())
        try:
            link.connect()
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(
                "connecting to the UniFi console",
                target=door.name,
                answer=f"its certificate is not trusted ({error.verify_message})",
                remedy="Give its SHA-256 fingerprint (fingerprint), or the CA that signed it (ca_path)",
                param="fingerprint",
            ) from error
        except OSError as error:
            raise self._unreachable(error, sent=False) from error
        self._check_pin(link)
        self._http = link
        return link

    def _trust(self) -> ssl.SSLContext:
        door = self.door
        if door.fingerprint or not door.validate_certs:
            # Reading the machine's CAs costs more than the whole handshake, and none of them would be asked.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            return ssl.create_default_context(cafile=door.ca_path or None)
        except (OSError, ssl.SSLError) as error:
            raise CertificateRefused(
                "reading the console's CA", target=door.ca_path, answer=str(error), param="ca_path"
            ) from error

    def _check_pin(self, link: http.client.HTTPConnection) -> None:
        if self.door.plain or not self.door.fingerprint:
            return
        # What is no TLS socket has shown no certificate, and matches no pin.
        certificate = link.sock.getpeercert(binary_form=True) if isinstance(link.sock, ssl.SSLSocket) else None
        found = hashlib.sha256(certificate or b"").hexdigest()
        if found != self.door.fingerprint:
            link.close()
            raise CertificateRefused(
                "connecting to the UniFi console",
                target=self.door.name,
                answer=f"its certificate has the SHA-256 fingerprint {found}, not the pinned {self.door.fingerprint}",
                remedy="Nothing was sent. If the console was reset, read its new fingerprint on a trusted way first",
                param="fingerprint",
            )

    def _unreachable(self, error: Exception, sent: bool) -> Unreachable:
        words = str(error) or type(error).__name__
        if isinstance(error, TimeoutError | socket.timeout):
            words = f"no answer within {self.door.timeout:g} s"
        elif isinstance(error, ssl.SSLError):
            words = f"no TLS: {error.reason or words}"
        elif isinstance(error, OSError) and error.strerror:
            words = error.strerror
        found = Unreachable(
            "talking to the UniFi console",
            target=self.door.name,
            answer=words,
            remedy="Check that the address and the port are the console's and that this machine may reach it",
            param="host",
        )
        found.sent = sent
        return found


def _cookie(header: str) -> tuple[str, str]:
    """Return name and value of one Set-Cookie header."""
    name, _equals, value = header.partition(";")[0].strip().partition("=")
    return name, value


def normal_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hex digits, whatever colons, blanks and case it was written with.

    The output of ``openssl x509 -fingerprint -sha256`` is taken as it is: ``sha256 Fingerprint=AB:CD:...``.

    :raises ValueError: it is none.
    """
    digits = text.strip().lower().rpartition("=")[2].removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) != 64 or any(letter not in "0123456789abcdef" for letter in digits):
        raise ValueError("a SHA-256 fingerprint has 64 hex digits")
    return digits
