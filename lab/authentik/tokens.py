# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens. An API token's expiry cannot be set: it is always now and the tenant's duration; every write renews it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from . import durations
from .calls import Answer, Call
from .errors import REQUIRED, Invalid, bad, taken
from .fields import Checks, Choice, Field, Flag, Ref, Slug, Text
from .filters import Filter, exact
from .resource import Action, Resource
from .store import Row, Store, new_uuid, random_text, stamp
from .users import full, known_intent

INTENTS = ("verification", "api", "recovery", "app_password")


class Tokens(Resource):
    """``/core/tokens/``; the key is never part of the object."""

    path, table, label, key = "core/tokens", "tokens", "Token", "identifier"
    ordering, model = "identifier", "token"
    search = ("identifier", "intent", "description")
    schema: ClassVar[Mapping[str, Field]] = {
        "managed": Text(null=True, default=None),
        "identifier": Slug(required=True, longest=255, unique="tokens", taken=taken("Token", "identifier")),
        "intent": Choice(default="api", words=INTENTS),
        "user": Ref(table="users", whole=True),
        "description": Text(),
        "expires": Field(null=True),
        "expiring": Flag(default=True),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "identifier": exact("identifier"),
        "intent": exact("intent"),
        "user__username": exact(lambda row, call: call.store.tables["users"][row["user"]]["username"]),
        "description": exact("description"),
        "expires": exact("expires"),
        "expiring": exact("expiring"),
        "managed": exact("managed"),
    }

    def permit(self, call: Call) -> None:
        """Everybody has tokens of their own."""

    def rows(self, call: Call) -> list[Row]:
        """Return the tokens that the caller owns; all for a superuser."""
        rows = call.store.tables["tokens"].values()
        return [row for row in rows if call.superuser or row["user"] == call.me["pk"]]

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """The owner stays, and only two intents can be written."""

        def user(value: int) -> int:
            if row is not None and row["user"] != value:
                raise Invalid("User cannot be changed")
            return value

        def expires(value: Any) -> Any:
            if value is not None and moment(value) is None:
                form = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
                raise Invalid(f"Datetime has wrong format. Use one of these formats instead: {form}.")
            return value

        return {"user": user, "intent": known_intent, "expires": expires}

    def check(self, values: Row, body: Any, call: Call, row: Row | None) -> None:
        """Take a missing intent for ``api``, on PATCH too, and set the expiry of an API token."""
        values.setdefault("intent", "api")
        values.setdefault("user", row["user"] if row else call.me["pk"])
        if values["intent"] == "api" or (row is None and not values.get("expires")):
            values["expires"] = stamp(default_expiry(call.store))
        elif values.get("expires"):
            longest = call.store.tables["users"][values["user"]]["attributes"].get(
                "goauthentik.io/user/token-maximum-lifetime"
            )
            limit = call.store.clock.now() + durations.parse(longest) if longest else None
            asked = moment(values["expires"])
            if limit and asked and asked > limit:
                raise bad({"expires": [f"Token expires exceeds maximum lifetime ({limit} UTC)."]})

    def make(self, values: Row, call: Call) -> Row:
        """Give it a key."""
        row = super().make(values, call)
        row["key"] = random_text(int(call.store.settings["default_token_length"]))
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return the token with its owner, without its key."""
        owner = call.store.tables["users"].get(row["user"])
        return {**super().show(row, call), "user_obj": full(owner, call) if owner else None}

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Read and set the key."""
        return {("GET", "view_key"): self._view, ("POST", "set_key"): self._set}

    def _view(self, call: Call, row: Row) -> Answer:
        call.store.event("secret_view", secret=row["identifier"])
        return Answer(200, {"key": row["key"]})

    def _set(self, call: Call, row: Row) -> Answer:
        body = call.body if isinstance(call.body, Mapping) else {}
        if not body.get("key"):
            raise bad({"key": [REQUIRED]})
        row["key"] = str(body["key"])
        call.store.event("model_updated", token=row["identifier"])
        call.store.touch()
        return Answer(204)


def default_expiry(store: Store) -> datetime.datetime:
    """Return now and the tenant's duration."""
    return store.clock.now() + durations.parse(store.settings["default_token_duration"])


def moment(text: Any) -> datetime.datetime | None:
    """Return a time of the API, None for anything else."""
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def expired(row: Row, store: Store) -> bool:
    """Whether a token has ended."""
    until = moment(row["expires"])
    return bool(row["expiring"] and until is not None and until <= store.clock.now())


def clean_up(store: Store) -> None:
    """Do what the worker does with ended tokens: API tokens get another key and more time, the others go."""
    for row in store.rows("tokens"):
        if not expired(row, store):
            continue
        if row["intent"] == "api":
            row["key"] = random_text(int(store.settings["default_token_length"]))
            row["expires"] = stamp(default_expiry(store))
            store.event("secret_rotate", secret=row["identifier"])
        else:
            store.tables["tokens"].pop(row["pk"])


def add_token(store: Store, identifier: str, key: str, user: int, *, expiring: bool) -> Row:
    """Store an API token with a given key."""
    row = {
        "pk": new_uuid(),
        "managed": None,
        "identifier": identifier,
        "intent": "api",
        "user": user,
        "description": "",
        "expires": stamp(default_expiry(store)),
        "expiring": expiring,
        "key": key,
    }
    store.tables["tokens"][row["pk"]] = row
    return row
