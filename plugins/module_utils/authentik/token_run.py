# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``authentik_token``."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..common.context import Context
from ..common.diff import mask
from ..common.errors import InputError
from . import kinds, outposts, tokens, writer
from .client import Client, segment
from .objects import Body, Change, plan, removal
from .references import References

#: Characters of a key that is made here; the server's own have 60.
_LENGTH = 60


@dataclass
class _Work:
    """One token: what it is to be, and what is to be done to its key."""

    identifier: str
    change: Change
    observed: Mapping[str, Any] | None
    key: str = ""
    rotated: bool = False
    before: str = ""


class TokenRun:
    """Brings tokens to what is wanted."""

    def __init__(self, client: Client, ctx: Context) -> None:
        self._client, self._ctx = client, ctx
        self._names = References(client)
        self._outposts: list[dict[str, Any]] | None = None

    def present(self, items: Sequence[Mapping[str, Any]], *, rotate: str, within: int, keys: bool) -> dict[str, Any]:
        """Have the tokens.

        :param keys: return the keys.
        """
        now = datetime.now(UTC)
        work = [self._plan(item, rotate, within, now, f"tokens[{index}]") for index, item in enumerate(items)]
        changes: list[Change] = []
        for one in work:
            changes.append(one.change)
            if one.key:
                changes.append(self._key_change(one))
        if not self._ctx.check_mode:
            for one in work:
                self._write(one)
        found = [self._facts(one, now, keys) for one in work]
        return writer.result(self._client, changes, self._ctx, self._names.labels(), tokens=found)

    def absent(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Have none of these tokens.

        :raises InputError: an outpost's token, which the outpost needs and the server makes.
        """
        going = []
        for index, item in enumerate(items):
            if item.get("outpost"):
                raise InputError(
                    f"tokens[{index}]: the token of outpost {item['outpost']} goes with the outpost only",
                    remedy="Replace its key with rotate: always",
                    param="tokens",
                )
            found = self._read(str(item["identifier"]))
            if found is not None:
                going.append(removal(kinds.TOKEN, found, ("intent", "description", "expiring")))
        return writer.carry_out(self._client, going, self._ctx)

    def _read(self, identifier: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._client.find(
            f"{kinds.TOKEN.path}{segment(identifier)}/", doing=f"reading token {identifier}"
        )
        return found

    def _plan(self, item: Mapping[str, Any], rotate: str, within: int, now: datetime, where: str) -> _Work:
        if item.get("outpost"):
            work = self._of_outpost(str(item["outpost"]), where)
        else:
            identifier = str(item["identifier"])
            observed = self._read(identifier)
            body: Body = {"identifier": identifier, "intent": item["intent"], "expiring": item["expiring"]}
            if item.get("description") is not None:
                body["description"] = item["description"]
            if item.get("user"):
                body["user"] = self._names.key("user", str(item["user"]), f"{where}.user")
                if observed is not None and observed.get("user") != body["user"]:
                    raise InputError(
                        f"{where}: token {identifier} is another user's, and that cannot be changed",
                        remedy="Remove it first, or choose another identifier",
                        param="tokens",
                    )
            work = _Work(identifier, plan(kinds.TOKEN, body, observed), observed)
        if work.observed is not None:
            self._plan_key(work, str(item.get("key") or ""), rotate, within, now)
        elif item.get("key"):
            work.key = str(item["key"])
        return work

    def _plan_key(self, work: _Work, given: str, rotate: str, within: int, now: datetime) -> None:
        left = tokens.life(work.observed or {}, now)
        if left.over:
            self._ctx.warn(f"token {work.identifier} has expired; the server gives it another key")
        if given:
            work.before = self._view(work.identifier)
            work.key = given if work.before != given else ""
        elif tokens.due(rotate, left, within):
            work.key, work.rotated = new_key(), True
        elif left.seconds is not None and left.seconds < within:
            self._ctx.warn(
                f"token {work.identifier} expires in {left.seconds // 60} min, its key becomes another one then"
            )

    def _of_outpost(self, name: str, where: str) -> _Work:
        if self._outposts is None:
            self._outposts = self._client.all(kinds.OUTPOST.path, doing="reading the outposts")
        found = outposts.find(self._outposts, name)
        if found is None:
            if self._ctx.check_mode:
                return _Work("", Change(kinds.TOKEN, "none", f"of outpost {name}"), None)
            raise outposts.missing(self._outposts, name, f"{where}.outpost")
        identifier = str(found["token_identifier"])
        observed = self._read(identifier)
        if observed is None:
            raise InputError(
                f"{where}: outpost {name} has no token {identifier}",
                remedy="Save the outpost once; the server makes its token then",
                param="tokens",
            )
        return _Work(identifier, Change(kinds.TOKEN, "none", identifier, key=identifier), observed)

    def _view(self, identifier: str) -> str:
        found = self._client.get(
            f"{kinds.TOKEN.path}{segment(identifier)}/view_key/", doing=f"reading the key of token {identifier}"
        )
        return str(found["key"])

    def _key_change(self, one: _Work) -> Change:
        before = {"key": mask(one.before) if one.before else "(another)"} if one.observed is not None else None
        return Change(
            kinds.TOKEN, "patch" if before else "create", f"{one.identifier} (key)", {}, before, {"key": mask(one.key)}
        )

    def _write(self, one: _Work) -> None:
        answer = writer.write(self._client, one.change)
        if answer:
            one.observed = answer
        if one.key:
            self._client.post(
                f"{kinds.TOKEN.path}{segment(one.identifier)}/set_key/",
                {"key": one.key},
                doing=f"replacing the key of token {one.identifier}",
            )

    def _facts(self, one: _Work, now: datetime, keys: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"identifier": one.identifier, "rotated": one.rotated}
        if one.observed is not None:
            found.update(tokens.life(one.observed, now).facts())
        there = one.observed is not None and not (self._ctx.check_mode and one.change.action == "create")
        if keys and there:
            if one.key and not self._ctx.check_mode:
                found["key"] = one.key
            elif not one.key:
                found["key"] = one.before or self._view(one.identifier)
        return found


def new_key() -> str:
    """Return a key such as the server makes."""
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _number in range(_LENGTH))
