# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""1Password Connect over REST: vaults, items, files; one connection, retries where they are right, a deadline on all.

What is repeated, and until when (``Connection.patience``):

- 429, and a server that does not answer or answers with 5xx, for reads: until the patience ends.
- 401 and 403 once: Connect before 1.7.2 answers its very first request with 401, and 403 comes now and then
  (1Password/connect issue 82).
- Writes only after 429, which says that nothing was done.

After a write an item is visible only when Connect has synchronised; :meth:`Client.settle` reads until it is.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from ..common.errors import InputError
from ..common.wait import Deadline
from .errors import NotFound, NotSynced, OnePasswordError, Unreachable, WrongVault, refusal

#: Seconds between two tries.
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: The longest Retry-After that is waited for.
_LONGEST_PAUSE = 60.0

Body = dict[str, Any]


@dataclass(frozen=True)
class Connection:
    """Where Connect answers.

    :param url: ``http://host:8080``, with or without ``/v1``.
    :param timeout: seconds for one request.
    :param patience: seconds for one question with all its tries.
    """

    url: str
    token: str = field(repr=False)
    timeout: float = 30
    patience: float = 30
    validate_certs: bool = True
    ca_path: str = ""


def equals(name: str, value: str) -> str:
    """Return a filter; quotes and backslashes inside the value are escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name} eq "{escaped}"'


class Client:
    """One Connect server; use as a context manager.

    :param tell: called with a line when a pause is made.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        tell: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(connection.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                "the URL of Connect is none", answer=repr(connection.url), remedy="Write http://host:8080", param="url"
            )
        self.connection = connection
        self.sent: dict[str, int] = {}
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._root = parts.path.rstrip("/").removesuffix("/v1")
        self._tell, self._sleep, self._clock = tell, sleep, clock
        self._link: http.client.HTTPConnection | None = None

    @property
    def name(self) -> str:
        """``host:port`` for messages."""
        return f"{self._host}:{self._port}"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._link is not None:
            self._link.close()
            self._link = None

    # -- what there is -------------------------------------------------------------------------------------------------
    def vaults(self, name: str = "") -> list[Body]:
        """Return the vaults in the token's scope, or those of one name."""
        query = {"filter": equals("name", name)} if name else {}
        return list(self.ask("GET", "/vaults", query, doing="listing the vaults"))

    def vault(self, name: str) -> Body:
        """Return the one vault of a name, or with this id.

        :raises WrongVault: it is not in the token's scope, or does not exist: Connect makes no difference.
        """
        found = [one for one in self.vaults(name) if one.get("name") == name]
        if not found:
            seen = self.vaults()
            found = [one for one in seen if one.get("id") == name]
            if not found:
                told = ", ".join(sorted(str(one.get("name")) for one in seen)) or "none"
                raise WrongVault(
                    f"looking for the vault {name}",
                    target=self.name,
                    answer=f"it is not in the token's scope; the token sees {told}",
                    remedy="The token is of another vault, or the vault has another name: make a token for this vault",
                    param="token",
                )
        if len(found) > 1:
            raise OnePasswordError(
                f"looking for the vault {name}",
                target=self.name,
                answer=f"{len(found)} vaults have this name: {', '.join(str(one['id']) for one in found)}",
                remedy="Give the id instead of the name",
                param="vault",
            )
        return found[0]

    def items(self, vault: str, title: str = "") -> list[Body]:
        """Return the items of a vault without their fields, or those of one exact title.

        :param vault: its id.
        """
        query = {"filter": equals("title", title)} if title else {}
        doing = f"looking for the item {title!r}" if title else "listing the items"
        found = self.ask("GET", f"/vaults/{quote(vault)}/items", query, doing=doing)
        return [one for one in found if not title or one.get("title") == title]

    def item(self, vault: str, item: str) -> Body:
        """Return one item with its fields, by id."""
        return dict(self.ask("GET", f"/vaults/{quote(vault)}/items/{quote(item)}", doing=f"reading the item {item}"))

    def file(self, vault: str, item: str, file: str) -> bytes:
        """Return a file's content; of any size, because it is not asked for inline."""
        path = f"/vaults/{quote(vault)}/items/{quote(item)}/files/{quote(file)}/content"
        return self._tried("GET", path, {}, None, f"reading the file {file} of the item {item}")

    # -- what shall be -------------------------------------------------------------------------------------------------
    def create(self, vault: str, body: Mapping[str, Any]) -> Body:
        """Create an item and return it."""
        doing = f"creating the item {body.get('title')!r}"
        return dict(self.ask("POST", f"/vaults/{quote(vault)}/items", {}, body, doing=doing))

    def patch(self, vault: str, item: str, operations: list[Body]) -> Body:
        """Change parts of an item (``op``, ``path``, ``value``) and return it."""
        path = f"/vaults/{quote(vault)}/items/{quote(item)}"
        return dict(self.ask("PATCH", path, {}, operations, doing=f"changing the item {item}"))

    def replace(self, vault: str, item: str, body: Mapping[str, Any]) -> Body:
        """Replace a whole item and return it."""
        path = f"/vaults/{quote(vault)}/items/{quote(item)}"
        return dict(self.ask("PUT", path, {}, body, doing=f"replacing the item {item}"))

    def settle(self, vault: str, item: str, version: int, title: str) -> Body:
        """Read an item until the version that was written is visible.

        :raises NotSynced: it is not within the patience.
        """
        deadline = Deadline(self.connection.patience, self._clock)
        while True:
            try:
                found = self.item(vault, item)
                if int(found.get("version") or 0) >= version and any(
                    one["id"] == item for one in self.items(vault, title)
                ):
                    return found
                seen = f"version {found.get('version')} is visible"
            except NotFound:
                seen = "it is not visible yet"
            if deadline.passed:
                raise NotSynced(
                    f"waiting for version {version} of the item {title!r} to be visible",
                    target=self.name,
                    answer=f"after {deadline.elapsed:.0f} s {seen}",
                    remedy="Look at connect-sync: it must be able to reach 1password.com",
                )
            self._sleep(0.2)

    # -- the wire ------------------------------------------------------------------------------------------------------
    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, *, doing: str
    ) -> Any:
        """Send one request below ``/v1`` and return the JSON document of the answer.

        :raises OnePasswordError: one of its kinds.
        """
        content = self._tried(method, path, query or {}, body, doing)
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise OnePasswordError(
                doing,
                target=self.name,
                answer="the answer is no JSON",
                remedy="Is this address really that of 1Password Connect?",
                param="url",
            ) from None

    def _tried(self, method: str, path: str, query: Mapping[str, str], body: Any, doing: str) -> bytes:
        deadline = Deadline(self.connection.patience, self._clock)
        refused: set[int] = set()
        tries = 0
        while True:
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            error: OnePasswordError
            try:
                status, content, wait = self._once(method, path, query, body, doing, deadline.left)
            except Unreachable as found:
                error, again = found, method == "GET"
            else:
                if status < 400:
                    return content
                error = refusal(doing, self.name, status, content)
                again = status == 429 or (method == "GET" and status >= 500)
                if status in (401, 403) and status not in refused:
                    refused.add(status)
                    again = True
                pause = max(pause, wait) if status == 429 else pause
            if not again or pause > deadline.left:
                raise error
            if pause >= 1 or tries == 1:
                self._tell(f"{error.answer}; next try in {pause:.0f} s")
            self._sleep(pause)
            tries += 1

    def _once(
        self, method: str, path: str, query: Mapping[str, str], body: Any, doing: str, left: float
    ) -> tuple[int, bytes, float]:
        url = f"{self._root}/v1{path}" + (
            "?" + "&".join(f"{key}={quote(value)}" for key, value in query.items()) if query else ""
        )
        headers = {
            "Authorization": f"Bearer {self.connection.token}",
            "Accept": "application/json, application/octet-stream",
            "User-Agent": "homeops.cluster",
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        limit = max(0.1, min(self.connection.timeout, left or self.connection.timeout))
        self.sent[method] = self.sent.get(method, 0) + 1
        try:
            link = self._opened(limit)
            link.request(method, url, body=content, headers=headers)
            answer = link.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error, doing, limit) from None
        if answer.will_close:
            self.close()
        return answer.status, found, _seconds(answer.headers.get("Retry-After", ""))

    def _opened(self, limit: float) -> http.client.HTTPConnection:
        link = self._link
        if link is None:
            if self._secure:
                link = http.client.HTTPSConnection(self._host, self._port, timeout=limit, context=self._trust())
            else:
                link = http.client.HTTPConnection(self._host, self._port, timeout=limit)
            self._link = link
        link.timeout = limit
        if link.sock is not None:
            link.sock.settimeout(limit)
        return link

    def _trust(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.connection.ca_path or None)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                "the CA of Connect cannot be read", target=self.connection.ca_path, answer=str(error), param="ca_path"
            ) from None
        if not self.connection.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _unreachable(self, error: Exception, doing: str, limit: float) -> Unreachable:
        words = str(error) or type(error).__name__
        if isinstance(error, TimeoutError | socket.timeout):
            words = f"no answer within {limit:g} s"
        elif isinstance(error, ssl.SSLError):
            words = f"no TLS: {getattr(error, 'verify_message', '') or error.reason or words}"
        elif isinstance(error, OSError) and error.strerror:
            words = error.strerror
        return Unreachable(
            doing,
            target=self.name,
            answer=words,
            remedy="Does Connect run (Deployment onepassword-connect), and may this machine reach it?",
            param="url",
        )


def _seconds(text: str) -> float:
    """Return the seconds of a Retry-After header; 0 for none."""
    return min(float(text), _LONGEST_PAUSE) if text.strip().isdigit() else 0.0
