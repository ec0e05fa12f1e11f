# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What 1Password Connect refuses, told in sentences, and what can be wrong with an item.

Statuses and texts are those of Connect's API description (1Password/connect ``docs/openapi/spec.yaml``): every error is
``{"status": N, "message": "..."}``. A token that knows its vaults gets 403 for all others, and an empty list of vaults.
"""

from __future__ import annotations

import json

from ..common.errors import HomeopsError


class OnePasswordError(HomeopsError):
    """1Password refused, could not be asked, or has something else than what was asked for.

    :cvar status: the HTTP status, 0 when there was no answer.
    """

    status: int = 0


class Unreachable(OnePasswordError):
    """No answer within the time that was given."""


class TokenRefused(OnePasswordError):
    """The token is none that this server knows (401)."""


class WrongVault(OnePasswordError):
    """The token is good, and the vault is not in its scope (403, or a list without it)."""


class NotFound(OnePasswordError):
    """There is no such vault, item or file (404)."""


class TooLarge(OnePasswordError):
    """The file is too large to be sent inside an item (413)."""


class RateLimited(OnePasswordError):
    """Too many requests (429), and no better within the time that was given."""


class NotSynced(OnePasswordError):
    """What was written did not become visible within the time that was given."""


class SourceAbsent(OnePasswordError):
    """The file of the bootstrap source does not exist."""


class ItemMissing(OnePasswordError):
    """No item of this title is in the vault."""


class ItemAmbiguous(OnePasswordError):
    """Several items of one vault have the title."""


class FieldMissing(OnePasswordError):
    """The item has no such field or file, or the field is empty."""


class FieldAmbiguous(OnePasswordError):
    """Several fields of the item fit."""


def words_of(body: bytes) -> str:
    """Return the message of an error body, or what the body looks like."""
    try:
        document = json.loads(body)
    except ValueError:
        text = " ".join(body.decode("utf-8", "replace").split())
        return "an HTML page" if text[:1] == "<" else f"'{text[:120]}'" if text else "an empty body"
    if isinstance(document, dict) and document.get("message"):
        return str(document["message"])
    return "a body without a message"


def refusal(attempted: str, target: str, status: int, body: bytes) -> OnePasswordError:
    """Return the error for an answer of 400 and above."""
    kind: type[OnePasswordError] = OnePasswordError
    remedy, param = "", ""
    if status == 401:
        kind, param = TokenRefused, "token"
        remedy = "Give the token of this Connect server; one of another server, or a revoked one, is refused like this"
    elif status == 403:
        kind, param = WrongVault, "token"
        remedy = "The token is of another vault: make one for this vault, and store it in its item"
    elif status == 404:
        kind = NotFound
    elif status == 413:
        kind = TooLarge
    elif status == 429:
        kind, remedy = RateLimited, "Wait some minutes; items that do not exist count as well"
    elif status >= 500:
        remedy = "Look at the pods of Connect: connect-sync must be able to reach 1password.com"
    error = kind(attempted, target=target, answer=f"HTTP {status}, {words_of(body)}", remedy=remedy, param=param)
    error.status = status
    return error
