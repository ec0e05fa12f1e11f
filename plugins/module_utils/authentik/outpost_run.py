# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``authentik_outpost``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import health, kinds, membership, outposts, writer
from .client import Client
from .objects import Body, Change, plan, removal
from .outposts import Membership
from .references import References


class OutpostRun:
    """Brings outposts to what is wanted.

    :param providers: those that an earlier step would make, in a prediction; ``outposts`` likewise.
    """

    def __init__(
        self,
        client: Client,
        ctx: Context,
        *,
        allow_empty: bool,
        providers: Sequence[str] = (),
        outposts: Sequence[str] = (),
    ) -> None:
        self._client, self._ctx, self._allow_empty = client, ctx, allow_empty
        self._coming_providers, self._coming_outposts = set(providers), set(outposts)
        self._names = References(client)
        self._providers: list[dict[str, Any]] | None = None

    def present(self, items: Sequence[Mapping[str, Any]], *, wait: float | None = None) -> dict[str, Any]:
        """Have the outposts; with ``wait``, connected within so many seconds."""
        seen = self._client.all(kinds.OUTPOST.path, doing="reading the outposts")
        work = []
        for index, item in enumerate(items):
            where = f"outposts[{index}]"
            found = outposts.find(seen, str(item["name"]))
            if found is None and item["name"] in self._coming_outposts:
                continue
            if found is None and item["name"] == outposts.ALIAS:
                raise outposts.missing(seen, str(item["name"]), f"{where}.name")
            work.append((item, found, self._wanted(item, found, where)))
        changes = [self._plan(item, found, wanted) for item, found, wanted in work]
        facts = []
        for change, (_item, found, wanted) in zip(changes, work, strict=True):
            now = found
            if change.changed and not self._ctx.check_mode:
                now = self._write(change, found, wanted)
            if now is not None:
                facts.append(now)
        if wait is not None and not self._ctx.check_mode:
            health.wait_connected(self._client, facts, wait, self._ctx)
        labels = {item["pk"]: str(item["name"]) for item in self._providers or ()}
        return writer.result(
            self._client,
            changes,
            self._ctx,
            {**labels, **self._names.labels()},
            outposts=[
                {
                    "name": outpost["name"],
                    "type": outpost["type"],
                    "providers": [entry["name"] for entry in outpost.get("providers_obj") or ()],
                    "token_identifier": outpost.get("token_identifier"),
                    "embedded": outposts.is_embedded(outpost),
                }
                for outpost in facts
            ],
        )

    def absent(self, names: Sequence[str], *, allowed: bool) -> dict[str, Any]:
        """Have none of these outposts.

        :raises InputError: the embedded one, without ``allowed``.
        """
        seen = self._client.all(kinds.OUTPOST.path, doing="reading the outposts")
        going = [found for name in names if (found := outposts.find(seen, name)) is not None]
        for outpost in going:
            outposts.guard_removal(outpost, allowed=allowed)
        changes = [removal(kinds.OUTPOST, outpost, ("type", "providers", "config")) for outpost in going]
        return writer.carry_out(self._client, changes, self._ctx)

    def _wanted(self, item: Mapping[str, Any], found: Mapping[str, Any] | None, where: str) -> membership.Wanted:
        embedded = found is not None and outposts.is_embedded(found)
        if found is not None and found.get("type") != item["type"]:
            raise InputError(
                f"{where}: outpost {found['name']} is of type {found.get('type')}, and that cannot be changed",
                remedy="Remove it first, or give the new one another name",
                param="outposts",
            )
        place = Membership(allow_empty=self._allow_empty)
        if item.get("providers") is not None:
            keys = frozenset(self._provider(name, str(item["type"]), where) for name in item["providers"])
            way = item["membership"]
            place = Membership(
                attach=frozenset() if way == "detach" else keys,
                detach=keys if way == "detach" else frozenset(),
                exact=way == "exact",
                allow_empty=self._allow_empty,
            )
        config = outposts.config(item["config"], where, embedded=embedded) if item.get("config") else None
        fields: Body = {}
        if item.get("service_connection") is not None:
            name = item["service_connection"]
            fields["service_connection"] = (
                self._names.key("service connection", name, f"{where}.service_connection") if name else None
            )
        return membership.Wanted(place, config, fields)

    def _provider(self, name: str, kind: str, where: str) -> Any:
        """Return the key of a provider that an outpost of this type can serve."""
        if self._providers is None:
            self._providers = self._client.all("/providers/all/", doing="reading the providers")
        found = next((item for item in self._providers if item["name"] == name), None)
        if found is None and name in self._coming_providers:
            return name
        if found is None:
            known = sorted(str(item["name"]) for item in self._providers)
            raise InputError(
                f"{where}.providers: the server has no provider called {name}",
                remedy=f"There are {', '.join(known) or 'none'}",
                param="outposts",
            )
        has = kinds.type_of(str(found.get("meta_model_name", "")))
        if has != kind:
            raise InputError(
                f"{where}.providers: {name} is of type {has or found.get('verbose_name')}, and an outpost of type "
                f"{kind} does not serve it",
                param="outposts",
            )
        return found["pk"]

    def _plan(self, item: Mapping[str, Any], found: Mapping[str, Any] | None, wanted: membership.Wanted) -> Change:
        if found is not None:
            outposts.guard_empty(found, wanted.membership)
            body = wanted.body(found)
            return plan(kinds.OUTPOST, body or {"type": found["type"]}, found)
        providers = wanted.membership.of(())
        if not providers:
            raise InputError(
                f"outpost {item['name']} is not there, and the server makes none without providers",
                remedy="Give its first provider",
                param="outposts",
            )
        # The server gives its defaults only to those that ask for them, and a proxy crashes without authentik_host.
        base = self._client.get("/outposts/instances/default_settings/", doing="reading the default settings")
        body = {
            "name": str(item["name"]),
            "type": item["type"],
            "providers": providers,
            "config": {**base["config"], **(wanted.config or {})},
            **(wanted.fields or {}),
        }
        return plan(kinds.OUTPOST, body, None)

    def _write(self, change: Change, found: Mapping[str, Any] | None, wanted: membership.Wanted) -> Mapping[str, Any]:
        if found is None:
            made: Mapping[str, Any] = writer.write(self._client, change)
            return made
        return membership.change(self._client, str(found["pk"]), str(found["name"]), wanted, self._ctx)
