# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as the server's parts hand it to each other, whoever has the socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """One request.

    :param target: path and query as they came; :param headers: names in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    secure: bool = False

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query; of equal names the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def host(self) -> str:
        """What the client called the server: ``X-Forwarded-Host`` before ``Host``."""
        return self.headers.get("x-forwarded-host") or self.headers.get("host", "")

    @property
    def scheme(self) -> str:
        """How the client reached it."""
        return self.headers.get("x-forwarded-proto") or ("https" if self.secure else "http")

    @property
    def root(self) -> str:
        """The server's URL as the client sees it, with a slash at its end."""
        return f"{self.scheme}://{self.host or 'localhost:9000'}/"


@dataclass
class Reply:
    """One answer. ``cut``: the connection is cut instead. ``upstream``: the answer is that of this URL."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    upstream: str = ""
    verify: bool = True
    """Whether the certificate of ``upstream`` is checked."""


def json_reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON answer; None is an empty body."""
    found = dict(headers or {})
    if body is None:
        return Reply(status, b"", found)
    return Reply(status, json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": "application/json", **found})


def text_reply(status: int, text: str, kind: str = "text/plain; charset=utf-8") -> Reply:
    """Return a text."""
    return Reply(status, text.encode(), {"Content-Type": kind})


def redirect(location: str, status: int = 302) -> Reply:
    """Return a redirect with the body that Go gives it."""
    body = f'<a href="{location.replace("&", "&amp;")}">Found</a>.\n\n'
    return Reply(status, body.encode(), {"Location": location, "Content-Type": "text/html; charset=utf-8"})
