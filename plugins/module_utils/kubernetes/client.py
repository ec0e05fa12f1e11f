# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one API server: one kept-alive connection per thread, bounded threads, typed errors.

Plain ``http.client``: 200 server-side applies from 8 threads take as long with it as with urllib3 (0.2 s, the server is
the limit), it needs a third less CPU on our side and nothing to import.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ..common.https import Https
from .config import Connection
from .errors import KubernetesError, NotTrusted, Unreachable, from_response
from .transport import explain, tls_context

T = TypeVar("T")
R = TypeVar("R")

#: Server-side apply's media type; the body may be JSON, which is YAML.
APPLY = "application/apply-patch+yaml"
#: Objects per page of a list.
PAGE = 500
#: Tries per request when the connection breaks or the server asks to come back later. Every request sent here may be
#: repeated: reads, applies, and deletes that carry the uid.
_TRIES = 4
#: Longest pause (seconds) that a Retry-After is granted.
_PATIENCE = 5.0


class Client:
    """One API server. Thread-safe; use as a context manager.

    :param timeout: seconds for one request.
    :param concurrency: how many requests may be under way at once.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: float = 30,
        concurrency: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        self.timeout = timeout
        self.concurrency = max(1, concurrency)
        self._tls = tls_context(connection) if connection.server.startswith("https") else None
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._sleep = sleep
        #: Requests sent, per method; a dry run counts as ``DRYRUN``.
        self.sent: dict[str, int] = {}

    def __enter__(self) -> Client:
        """Nothing is opened before the first request."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Stop the threads and close every connection."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        with self._lock:
            for link in self._open:
                link.close()
            self._open.clear()
        self._local = threading.local()

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Run ``work`` on every item, at most ``concurrency`` at a time, answers in the order of the items."""
        todo = list(items)
        if len(todo) <= 1 or self.concurrency == 1:
            return map(work, todo)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="kubernetes")
        return self._pool.map(work, todo)

    # requests

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, attempted: str = "", accept: str = "") -> Any:
        """GET a JSON document."""
        return self.request("GET", path, query, attempted=attempted, accept=accept)

    def peer_expires(self) -> datetime | None:
        """Return the end of validity of the server's certificate on this thread's open connection, None without one."""
        link: http.client.HTTPConnection | None = getattr(self._local, "link", None)
        found = link.sock.getpeercert() if link is not None and isinstance(link.sock, ssl.SSLSocket) else None
        if not found:
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)

    def list(
        self, path: str, *, labels: str = "", fields: str = "", attempted: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """Return all items of a collection, page by page, and the list's resourceVersion.

        Items of built-in kinds come without apiVersion and kind; the caller knows them.
        """
        query: dict[str, Any] = {"limit": PAGE}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        items: list[dict[str, Any]] = []
        while True:
            page = self.get(path, query, attempted=attempted or f"listing {path}")
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion") or "")
            query["continue"] = metadata["continue"]

    def apply(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        attempted: str = "",
        on_warning: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Server-side apply one object, strictly validated; with ``dry_run`` nothing is stored."""
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        if force:
            query["force"] = "true"
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", path, query, body, media=APPLY, attempted=attempted, on_warning=on_warning)

    def delete(
        self, path: str, *, uid: str = "", propagation: str = "Background", dry_run: bool = False, attempted: str = ""
    ) -> Any:
        """Delete one object, only if it is still the one with this ``uid``."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        query = {"dryRun": "All"} if dry_run else {}
        return self.request("DELETE", path, query, body, attempted=attempted)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        media: str = "application/json",
        accept: str = "",
        attempted: str = "",
        on_warning: Callable[[str], None] | None = None,
        plain: bool = False,
    ) -> Any:
        """Send one request and return the decoded JSON answer.

        :param path: absolute path below the server's URL, already quoted.
        :param plain: return the answer's text, as ``/readyz`` gives one.
        :raises KubernetesError: of the class that fits.
        """
        attempted = attempted or f"{method} {path}"
        url = self.connection.path + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept or "application/json", "User-Agent": "homeops.cluster"}
        if self.connection.token:
            headers["Authorization"] = f"Bearer {self.connection.token}"
        payload = None
        if body is not None:
            payload = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = media
        for attempt in range(1, _TRIES + 1):
            try:
                response, data = self._once(method, url, payload, headers, attempted, "dryRun" in (query or {}))
            except Unreachable as error:
                if not error.again:
                    raise
                if attempt == _TRIES:
                    raise self._refusal(attempted) or error from None
                self._sleep(0.1 * 2**attempt if attempt > 1 else 0)
                continue
            if response.status < 400:
                if on_warning:
                    for text in warnings_of(response.headers.get_all("Warning") or []):
                        on_warning(text)
                return data.decode("utf-8", "replace") if plain else self._decode(data, attempted)
            refusal = from_response(
                attempted, self.connection.server, response.status, data, _seconds(response.headers.get("Retry-After"))
            )
            if response.status not in (429, 503) or refusal.retry_after is None or attempt == _TRIES:
                raise refusal
            self._sleep(min(refusal.retry_after, _PATIENCE))
        raise AssertionError("unreachable: the last try returns or raises")

    def _decode(self, data: bytes, attempted: str) -> Any:
        try:
            return json.loads(data)
        except ValueError:
            raise KubernetesError(
                attempted,
                target=self.connection.server,
                answer="the answer is not JSON",
                remedy="Is this address really a Kubernetes API?",
                param="kubeconfig",
            ) from None

    def _once(
        self, method: str, url: str, payload: bytes | None, headers: Mapping[str, str], attempted: str, dry: bool
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send once, on this thread's connection."""
        link: http.client.HTTPConnection | None = getattr(self._local, "link", None)
        fresh = link is None or link.sock is None
        try:
            if link is None:
                link = self._local.link = self._new_link()
            with self._lock:
                key = "DRYRUN" if dry else method
                self.sent[key] = self.sent.get(key, 0) + 1
            link.request(method, url, body=payload, headers=dict(headers))
            response = link.getresponse()
            return response, response.read()
        except (OSError, http.client.HTTPException) as error:
            if link is not None:
                link.close()
            raise explain(error, self.connection, self.timeout, attempted, fresh=fresh) from None

    def _new_link(self) -> http.client.HTTPConnection:
        target = self.connection
        link: http.client.HTTPConnection
        if self._tls is not None:
            link = Https(target.host, target.port, self.timeout, self._tls, target.server_name or target.host)
        else:
            link = http.client.HTTPConnection(target.host, target.port, timeout=self.timeout)
        with self._lock:
            self._open.append(link)
        return link

    def _refusal(self, attempted: str) -> KubernetesError | None:
        """Find out whether connections break because the server refuses our certificate.

        In TLS 1.3 that refusal comes after the handshake, and a request that is sent meanwhile makes the kernel forget
        it. So connect once more, send nothing, and listen.
        """
        if self._tls is None or self.connection.certificate is None:
            return None
        target = self.connection
        probe = Https(target.host, target.port, 1.0, self._tls, target.server_name or target.host)
        try:
            probe.connect()
            if probe.sock.recv(1):
                return None
            return NotTrusted(
                attempted,
                target=target.server,
                answer="the server closes the connection right after the TLS handshake, as those do that refuse the "
                f"client certificate of the {target.source}",
                remedy="Fetch the kubeconfig of this cluster again",
                param="kubeconfig",
            )
        except ssl.SSLError as error:
            found = explain(error, target, self.timeout, attempted, fresh=True)
            return found if isinstance(found, NotTrusted) else None
        except OSError:
            return None
        finally:
            probe.close()


def _seconds(header: str | None) -> float | None:
    """Read a Retry-After in seconds; the API server never sends the date form."""
    return float(header) if header and header.strip().isdigit() else None


def warnings_of(headers: Iterable[str]) -> list[str]:
    r"""Return the texts of ``Warning: 299 - "text"`` headers (RFC 7234 5.5), ``\"`` unescaped."""
    texts = []
    for header in headers:
        parts = header.split(" ", 2)
        if len(parts) == 3 and len(parts[2]) >= 2 and parts[2].startswith('"'):
            texts.append(parts[2].strip()[1:-1].replace('\\"', '"').replace("\\\\", "\\"))
    return texts


def segment(text: str) -> str:
    """Quote one path segment: names such as ``system:node`` keep their colon, a slash cannot leave its segment."""
    return quote(text, safe=":")
