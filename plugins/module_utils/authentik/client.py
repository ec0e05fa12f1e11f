# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one Authentik server: one kept-alive connection, whole lists, patience for a server that is starting.

Only 502, 503 and broken connections are tried again; a 4xx is final (goauthentik/authentik ``internal/web/proxy.go``
says 503 with ``Retry-After`` while the core starts). A list ends when ``pagination.next``, a page number, is 0.
"""

from __future__ import annotations

import functools
import http.client
import json
import select
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..common.errors import InputError
from ..common.https import Https, transport_text
from .errors import AuthentikError, NotFound, NotTrusted, Refused, Starting, Unreachable, refusal
from .version import Version, parse

#: Where the API lives below the server's URL.
API = "/api/v3"
#: Objects per page: the most that a server gives without its settings being changed.
PAGE = 100
#: Tries per request.
_TRIES = 5
#: Longest pause (seconds) before the next try; a starting server asks for 5.
_PATIENCE = 10.0
#: A list that loses pages while it is read is read again, this many times.
_LISTS = 3


@dataclass(frozen=True)
class Connection:
    """Where the server is and how it is known.

    :param url: its root, ``https://authentik.example.org``.
    :param door: ``host:port`` to dial instead; Host, SNI and the name in the certificate stay the URL's.
    :param ca_file: PEM file of the CA to trust instead of the system's.
    """

    url: str
    token: str = ""
    door: str = ""
    ca_file: str = ""
    validate_certs: bool = True
    timeout: float = 30.0

    @functools.cached_property
    def parts(self) -> tuple[bool, str, int, str]:
        """``(tls, host, port, path)`` of the URL.

        :raises InputError: it is none.
        """
        try:
            found = urlsplit(self.url.strip())
            port = found.port
        except ValueError:
            found, port = urlsplit(""), None
        if found.scheme not in ("http", "https") or not found.hostname or found.username or found.query:
            raise InputError(
                "the url is not the address of an Authentik server",
                target=self.url.rpartition("@")[2],
                remedy="Give its root, such as https://authentik.example.org",
                param="url",
            )
        tls = found.scheme == "https"
        path = found.path.rstrip("/").removesuffix(API)
        return tls, found.hostname, port or (443 if tls else 80), path

    @functools.cached_property
    def dialled(self) -> tuple[str, int]:
        """Address and port to connect to.

        :raises InputError: the door is none.
        """
        _tls, host, port, _path = self.parts
        if not self.door:
            return host, port
        name, colon, number = self.door.strip().rpartition(":")
        if not colon or (number and not number.isdigit()) or (name.count(":") > 0 and not name.endswith("]")):
            name, number = self.door.strip(), ""
        name = name.removeprefix("[").removesuffix("]")
        if not name or "/" in name:
            raise InputError(
                "the door is not an address to connect to",
                target=self.door,
                remedy="Give host:port, such as 192.0.2.10:443",
                param="door",
            )
        return name, int(number or port)

    @property
    def root(self) -> str:
        """The normalised URL, for messages and for comparing."""
        tls, host, port, path = self.parts
        shown = f"[{host}]" if ":" in host else host
        standard = port == (443 if tls else 80)
        return f"http{'s' if tls else ''}://{shown}{'' if standard else f':{port}'}{path}"

    @property
    def target(self) -> str:
        """The server for messages."""
        return f"{self.root} (at {self.door})" if self.door else self.root


@dataclass(frozen=True)
class Answer:
    """One answer; header names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Client:
    """Speaks JSON to a server. Paths are those below ``/api/v3``, with their trailing slash.

    :param sleep: waits the given seconds; for tests.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        tell: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        #: Requests sent, per HTTP method.
        self.sent: dict[str, int] = {}
        #: Seconds spent waiting for the server: connections, answers and the pauses that it asked for.
        self.waited = 0.0
        self._tell = tell
        self._sleep = sleep
        self._link: http.client.HTTPConnection | None = None
        if connection.token and not _header_safe(connection.token):
            raise InputError(
                "the token has blanks, line ends or characters that no token has",
                remedy="Give the key alone, without Bearer and without a line end",
                param="token",
            )
        self._tls = self._trust() if connection.parts[0] else None
        self._address = connection.dialled

    def __enter__(self) -> Client:
        """Nothing is opened before the first request."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._link is not None:
            self._link.close()
            self._link = None

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(self.sent.values())

    @functools.cached_property
    def version(self) -> Version:
        """The server's release, asked once.

        :raises Unsupported: too old.
        """
        found = self.get("/admin/version/", doing="reading the version of the Authentik server")
        return parse(str((found or {}).get("version_current", "")), self.connection.target)

    # requests

    def get(self, path: str, *, doing: str = "", **query: Any) -> Any:
        """GET a JSON document."""
        return self.request("GET", path, query=query, doing=doing)

    def find(self, path: str, *, doing: str = "", **query: Any) -> Any:
        """GET a JSON document, None when the server has none."""
        try:
            return self.get(path, doing=doing, **query)
        except NotFound:
            return None

    def all(self, path: str, *, doing: str = "", **query: Any) -> list[Any]:
        """Return every object of a list, page by page; an answer that is a plain list is returned as it is.

        A page that vanishes while the list is read (somebody deletes objects) makes it be read again.
        """
        query = {"page_size": PAGE, **query}
        for attempt in range(1, _LISTS + 1):
            found: list[Any] = []
            page = 1
            while page:
                try:
                    answer = self.get(path, doing=doing, **query, **({"page": page} if page > 1 else {}))
                except NotFound:
                    if page == 1 or attempt == _LISTS:
                        raise
                    break
                if isinstance(answer, list):
                    return answer
                found += answer["results"]
                page = int(answer["pagination"]["next"])
            else:
                return found
        raise AssertionError("unreachable: the last try returns or raises")

    def post(self, path: str, body: Any = None, *, doing: str = "") -> Any:
        """POST a JSON document."""
        return self.request("POST", path, body={} if body is None else body, doing=doing)

    def patch(self, path: str, body: Any, *, doing: str = "") -> Any:
        """PATCH an object."""
        return self.request("PATCH", path, body=body, doing=doing)

    def put(self, path: str, body: Any, *, doing: str = "") -> Any:
        """PUT an object."""
        return self.request("PUT", path, body=body, doing=doing)

    def delete(self, path: str, *, doing: str = "") -> bool:
        """DELETE an object and tell whether it was there."""
        try:
            self.request("DELETE", path, doing=doing)
        except NotFound:
            return False
        return True

    def alive(self) -> tuple[bool, str]:
        """Ask the health check, once, and say what it answers.

        :raises Unreachable: nobody answers.
        :raises NotTrusted: somebody does, with a certificate that is not the server's, or not yet.
        """
        answer = self._ask("GET", f"{self.connection.parts[3]}/-/health/ready/", None, authenticated=False)
        if answer.status in (200, 204):
            return True, "ready"
        return False, f"/-/health/ready/ answers HTTP {answer.status}"

    def ready(self) -> tuple[bool, str]:
        """Ask the health check, once, and say what it answers; nothing is raised for a server that is not up.

        An ingress without its certificate shows one of its own making, so a server behind it is not up either.
        """
        try:
            return self.alive()
        except (Unreachable, NotTrusted) as error:
            return False, error.answer

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None, doing: str = ""
    ) -> Any:
        """Send a request and return the decoded answer, None for an empty one.

        :raises AuthentikError: of the class that fits.
        """
        doing = doing or f"{method} {path}"
        url = f"{self.connection.parts[3]}{API}{path}"
        if query:
            url += f"?{urlencode({key: _word(value) for key, value in query.items()})}"
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        repeated = False
        for attempt in range(1, _TRIES + 1):
            pause = min(0.2 * 2**attempt, _PATIENCE)
            try:
                answer = self._ask(method, url, content, doing=doing)
            except Unreachable as error:
                # What may have been carried out is only repeated when that does no harm.
                if attempt == _TRIES or (error.sent and method == "POST"):
                    raise
                self._tell(f"{error.answer}, next try in {pause:.0f} s")
            else:
                if answer.status < 300:
                    return self._decode(answer, doing)
                if method == "DELETE" and answer.status == 404 and repeated:
                    return None
                refused = refusal(doing, self.connection.target, answer.status, answer.body)
                if not isinstance(refused, Starting) or attempt == _TRIES:
                    raise self._explained(refused, repeated)
                pause = min(_seconds(answer.headers.get("retry-after", "")) or pause, _PATIENCE)
                self._tell(f"{refused.answer}, next try in {pause:.0f} s")
            repeated = True
            self.waited += pause
            self._sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _explained(self, refused: AuthentikError, repeated: bool) -> AuthentikError:
        if repeated and isinstance(refused, Refused) and "already exists" in refused.answer:
            refused.remedy = "An earlier try of this request may have been carried out; run again"
            refused.args = (refused.sentence(),)
        return refused

    def _decode(self, answer: Answer, doing: str) -> Any:
        if not answer.body.strip():
            return None
        try:
            return json.loads(answer.body)
        except ValueError:
            raise AuthentikError(
                doing,
                target=self.connection.target,
                answer=f"HTTP {answer.status} with a body that is no JSON",
                remedy="Is this address an Authentik server, and its root?",
                param="url",
            ) from None

    # the wire

    def _ask(
        self, method: str, url: str, content: bytes | None, *, doing: str = "", authenticated: bool = True
    ) -> Answer:
        """Send once; a read on a kept connection that has been closed meanwhile is sent again at once."""
        began = time.monotonic()
        try:
            kept = self._link is not None
            try:
                return self._once(method, url, content, doing, authenticated)
            except Unreachable as error:
                if not kept or (error.sent and method == "POST"):
                    raise
            return self._once(method, url, content, doing, authenticated)
        finally:
            self.waited += time.monotonic() - began

    def _once(self, method: str, url: str, content: bytes | None, doing: str, authenticated: bool) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": "homeops.cluster", "Host": self._host()}
        if authenticated and self.connection.token:
            headers["Authorization"] = f"Bearer {self.connection.token}"
        if content is not None:
            headers["Content-Type"] = "application/json"
        sent = False
        try:
            if self._link is not None and _left(self._link):
                self.close()
            if self._link is None:
                self._link = self._open()
                self._link.connect()
            sent = True
            self.sent[method] = self.sent.get(method, 0) + 1
            self._link.request(method, url, body=content, headers=headers)
            response = self._link.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._explain(error, sent, doing) from None
        if response.will_close:
            self.close()
        return Answer(response.status, body, {name.lower(): value for name, value in response.getheaders()})

    def _host(self) -> str:
        return self.connection.root.partition("://")[2].partition("/")[0]

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._address
        timeout = self.connection.timeout
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return Https(host, port, timeout, self._tls, self.connection.parts[1])

    def _trust(self) -> ssl.SSLContext:
        ca_file = self.connection.ca_file
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                "the CA file cannot be read",
                target=ca_file,
                answer=str(getattr(error, "strerror", None) or error),
                remedy="Give a PEM file with the CA's certificate",
                param="ca_file",
            ) from None
        if not self.connection.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _explain(self, error: Exception, sent: bool, doing: str) -> AuthentikError:
        doing = doing or "talking to the Authentik server"
        if isinstance(error, ssl.SSLCertVerificationError):
            wrong = "mismatch" in error.verify_message or "not valid for" in error.verify_message
            return NotTrusted(
                doing,
                target=self.connection.target,
                answer=f"its certificate is not for {self.connection.parts[1]}"
                if wrong
                else f"its certificate is not trusted ({error.verify_message})",
                remedy="Has the ingress got its certificate yet? A self-made CA is given with ca_file",
                param="ca_file",
            )
        found = Unreachable(
            doing,
            target=self.connection.target,
            answer=transport_text(error, self.connection.timeout),
            remedy="Check that the server runs and that this machine reaches the address",
            param="door" if self.connection.door else "url",
        )
        found.sent = sent
        return found


def _left(link: http.client.HTTPConnection) -> bool:
    """Tell whether the server has closed a kept connection: nothing else makes an idle one readable."""
    try:
        return bool(select.select([link.sock], [], [], 0)[0])
    except (OSError, TypeError, ValueError):
        return True


def segment(text: str) -> str:
    """Quote one path segment."""
    return quote(text, safe="")


def _word(value: Any) -> str:
    """Write a query value as the server reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header_safe(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _seconds(text: str) -> float:
    """Return the seconds of a Retry-After header; the server sends numbers only, 0 for anything else."""
    return float(text) if text.strip().isdigit() else 0.0
