# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications, and the call that makes an application with its provider."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from . import pages
from .calls import Answer, Call
from .errors import REQUIRED, Invalid, Refusal, bad, detail, taken
from .fields import Checks, Choice, Field, Flag, Ref, Refs, Slug, Text
from .filters import Filter, apply, exact
from .providers import MODELS, typed
from .resource import Action, Resource
from .store import Row

if TYPE_CHECKING:
    from .providers import Providers

RESERVED = ("authorize", "token", "device", "userinfo", "introspect", "revoke")


class Applications(Resource):
    """``/core/applications/``."""

    path, table, label, key = "core/applications", "applications", "Application", "slug"
    model, search = "application", ("name", "slug", "meta_launch_url", "meta_description", "meta_publisher", "group")
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True),
        "slug": Slug(required=True, unique="applications", taken=taken("Application", "slug")),
        "provider": Ref(
            null=True, table="providers", whole=True, unique="applications", taken=taken("Application", "provider")
        ),
        "backchannel_providers": Refs(table="providers", whole=True),
        "open_in_new_tab": Flag(),
        "meta_launch_url": Text(),
        "meta_icon": Text(since=(2025, 12)),
        "meta_description": Text(),
        "meta_publisher": Text(),
        "policy_engine_mode": Choice(default="any", words=("any", "all")),
        "group": Text(),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        name: exact(name) for name in ("name", "slug", "group", "meta_launch_url", "meta_description", "meta_publisher")
    }

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], list[str]] = {}
        """What was shown to a user on a page, which the server keeps for a day."""

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """Some slugs would hide the provider's own paths."""

        def free(value: str) -> str:
            if value in RESERVED:
                raise Invalid(f"The slug '{value}' is reserved and cannot be used for applications.")
            return value

        return {"slug": free}

    def listing(self, call: Call) -> Answer:
        """Answer everything to a superuser who asks for it, else only what the caller may open."""
        if call.superuser and call.flag("superuser_full_list"):
            return super().listing(call)
        rows = apply(self.rows(call), call, self.filters, self.search, self.ordering)
        part, pagination = pages.cut(rows, call)
        key = (call.me["pk"], pages.number_of(call))
        if call.query.get("search") or not self._seen.get(key):
            part = [row for row in part if may_open(row, call.me, call)]
            if not call.query.get("search"):
                self._seen[key] = [row["pk"] for row in part]
        else:
            table = call.store.tables["applications"]
            part = [table[pk] for pk in self._seen[key] if pk in table]
        if call.flag("only_with_launch_url"):
            part = [row for row in part if launch_url(row, call)]
        return Answer(200, pages.envelope([self.show(row, call) for row in part], pagination, call))

    def make(self, values: Row, call: Call) -> Row:
        """A new application makes the lists that were kept void."""
        self._seen.clear()
        return super().make(values, call)

    def remove(self, row: Row, call: Call) -> None:
        """Take its bindings with it; the provider stays."""
        super().remove(row, call)
        for binding in call.store.rows("bindings", target=row["pk"]):
            call.store.tables["bindings"].pop(binding["pk"])

    def show(self, row: Row, call: Call) -> Row:
        """Return the application with its providers."""
        providers = call.store.tables["providers"]
        provider = providers.get(row["provider"])
        shown = {
            **super().show(row, call),
            "provider_obj": typed(provider, call) if provider else None,
            "backchannel_providers_obj": [typed(providers[key], call) for key in row["backchannel_providers"]],
            "launch_url": launch_url(row, call),
        }
        if call.store.release.since(2025, 12):
            shown["meta_icon_url"] = row.get("meta_icon") or None
            shown["meta_icon_themed_urls"] = None
        else:
            shown["meta_icon"] = None
        return shown

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Whether somebody may open it."""
        return {("GET", "check_access"): self._access}

    def _access(self, call: Call, row: Row) -> Answer:
        user = call.me
        if "for_user" in call.query:
            found = call.store.tables["users"].get(int(call.query["for_user"] or 0))
            if found is None:
                raise bad({"for_user": "User not found"})
            user = found
        return Answer(200, {"passing": may_open(row, user, call), "messages": [], "log_messages": []})


def launch_url(row: Row, call: Call) -> str | None:
    """Return where the application opens: its own URL, else its provider's."""
    provider = call.store.tables["providers"].get(row["provider"])
    if row["meta_launch_url"]:
        return str(row["meta_launch_url"])
    if provider is None:
        return None
    if provider["type"] == "proxy":
        return str(provider["external_host"])
    if provider.get("redirect_uris"):
        parts = urlsplit(provider["redirect_uris"][0]["url"])
        return parts._replace(path="").geturl()
    return None


def may_open(row: Row, user: Row, call: Call) -> bool:
    """Run the application's bindings for a user: nobody is kept out when there are none."""
    results = []
    for binding in call.store.rows("bindings", target=row["pk"], enabled=True):
        if binding["group"]:
            passed = binding["group"] in groups_of(user, call)
        elif binding["user"]:
            passed = binding["user"] == user["pk"]
        else:
            passed = True
        results.append(passed != binding["negate"])
    if not results:
        return True
    return all(results) if row["policy_engine_mode"] == "all" else any(results)


def groups_of(user: Row, call: Call) -> set[str]:
    """Return a user's groups, those above them included."""
    groups = call.store.tables["groups"]
    found: set[str] = set()
    queue = [group["pk"] for group in groups.values() if user["pk"] in group["users"]]
    while queue:
        key = queue.pop()
        if key not in found:
            found.add(key)
            queue += [parent for parent in groups[key]["parents"] if parent in groups]
    return found


class Transactional:
    """``PUT /core/transactional/applications/``: creates, all or nothing."""

    path = "core/transactional/applications"

    def __init__(self, applications: Applications, providers: Mapping[str, Providers], bindings: Resource) -> None:
        self.applications, self.providers, self.bindings = applications, providers, bindings

    def put(self, call: Call) -> Answer:
        """Make application, provider and bindings."""
        if not call.superuser:
            raise detail(403, "You do not have permission to perform this action.")
        body = call.body if isinstance(call.body, Mapping) else {}
        wrong: Row = {name: [REQUIRED] for name in ("app", "provider_model", "provider") if name not in body}
        if "app" in body:
            self._try(lambda: self.applications.clean(body["app"], call), wrong, "app")
        model = str(body.get("provider_model"))
        if "provider_model" in body and model not in MODELS:
            wrong["provider_model"] = [f'"{model}" is not a valid choice.']
        if wrong:
            raise bad(wrong)
        given = body["provider"]
        if not isinstance(given, Mapping) or "name" not in given:
            raise Refusal(500, {"detail": "Internal server error", "code": "KeyError"})
        endpoint = self.providers[MODELS[model]]
        before = {name: copy.deepcopy(table) for name, table in call.store.tables.items()}
        try:
            self._try(lambda: endpoint.make(endpoint.clean(given, call), call), wrong, "provider")
            if wrong:
                raise bad(wrong)
            provider = call.store.find("providers", name=given["name"])
            assert provider is not None
            values = self.applications.clean({**body["app"], "provider": provider["pk"]}, call)
            application = self.applications.make(values, call)
            if call.store.release.since(2024, 12):
                for binding in body.get("policy_bindings") or []:
                    made = {**binding, "target": application["pk"]}
                    self._try(
                        lambda made=made: self.bindings.make(self.bindings.clean(made, call), call),
                        wrong,
                        "policy_bindings",
                    )
                if wrong:
                    raise bad(wrong)
        except Refusal:
            for name, table in before.items():
                call.store.tables[name].clear()
                call.store.tables[name].update(table)
            raise
        call.store.touch()
        return Answer(200, {"applied": True, "logs": []})

    @staticmethod
    def _try(step: Any, wrong: Row, part: str) -> None:
        try:
            step()
        except Refusal as error:
            wrong[part] = error.body
