# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Authentik server answers when it refuses, told in sentences.

A refusal is ``{"detail": "..."}`` or a tree of fields: lists of sentences, objects, objects of objects (a transactional
create nests them by part). All of it is flattened, because the first sentence is rarely the one that matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..common.errors import HomeopsError

#: Sentences about the request as a whole come under this name.
_WHOLE = ("non_field_errors", "detail", "__all__")


class AuthentikError(HomeopsError):
    """The server refused, or could not be asked.

    :cvar status: the HTTP status, 0 when there was no answer.
    :cvar fields: sentences per field; ``""`` is the request as a whole.
    """

    status: int = 0
    fields: Mapping[str, tuple[str, ...]] = {}


class Unreachable(AuthentikError):
    """No connection, or it broke before the whole answer was there.

    :cvar sent: whether the request may have been carried out all the same.
    """

    sent: bool = False


class NotTrusted(AuthentikError):
    """The certificate is not signed by a trusted CA or is for another name."""


class Starting(AuthentikError):
    """502 or 503: the server is there, its core is not (yet)."""


class TokenRefused(AuthentikError):
    """The token is unknown, has expired or was rotated, or its user is inactive: the server answers 403, never 401."""


class NoPermission(AuthentikError):
    """The token is good, its user may not do this."""


class NotFound(AuthentikError):
    """The server has no such object."""


class Refused(AuthentikError):
    """400: the server does not accept the values; it is never sent again."""


class Unsupported(AuthentikError):
    """The server's version is one that this collection does not speak to."""


def flatten(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield ``(field, sentence)`` for every sentence in an error body, ``app.slug`` for a nested field."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flatten(value, path if key in _WHOLE else (*path, str(key)))
    elif isinstance(tree, list):
        for value in tree:
            yield from flatten(value, path)
    elif tree not in (None, ""):
        yield ".".join(path), str(tree)


def describe(status: int, body: bytes) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the sentences per field and all of them on one line."""
    try:
        tree = json.loads(body)
    except ValueError:
        text = " ".join(body.decode("utf-8", "replace").split())
        kind = "an HTML page" if text[:1] == "<" else f"'{text[:120]}'" if text else "an empty body"
        return {}, f"HTTP {status} with {kind}"
    fields: dict[str, tuple[str, ...]] = {}
    for field, sentence in flatten(tree):
        fields[field] = (*fields.get(field, ()), sentence)
    told = "; ".join((f"{name}: " if name else "") + " ".join(texts) for name, texts in fields.items())
    return fields, f"HTTP {status}{f', {told}' if told else ''}"


def refusal(attempted: str, target: str, status: int, body: bytes) -> AuthentikError:
    """Return the error for an answer that is none of the good ones."""
    fields, words = describe(status, body)
    detail = " ".join(fields.get("", ()))
    kind: type[AuthentikError] = AuthentikError
    remedy, param = "", ""
    if status in (401, 403) and ("oken" in detail or "credentials" in detail):
        kind, param = TokenRefused, "token"
        remedy = (
            "The token is wrong, or it has expired: a token that expires gets another key then. Make one with "
            "expiring: false (module authentik_token) and store its key"
        )
    elif status in (401, 403):
        kind = NoPermission
        remedy = (
            "Give the token's user this right, or use the token of a superuser; a list of nothing visible is 403 too"
        )
    elif status == 404 and fields:
        kind = NotFound
    elif status == 404:
        remedy, param = "Is this address an Authentik server, and its root?", "url"
    elif status in (502, 503):
        kind = Starting
        remedy = "The server is starting or its core is down; look at the Deployment of the server and its database"
    elif status == 400:
        kind = Refused
    elif status in (301, 302, 307, 308):
        remedy, param = "Give the address to which it redirects: nothing is followed with a token", "url"
    elif status >= 500:
        remedy = "Look at the log of the server"
    error = kind(attempted, target=target, answer=words, remedy=remedy, param=param)
    error.status, error.fields = status, fields
    return error
