# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows, and the blueprints that bring them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Answer, Call
from .errors import taken
from .fields import Choice, Field, Flag, Json, Slug, Text
from .filters import Filter, exact, iexact
from .resource import Action, ListAction, Resource, use
from .store import Row, new_uuid, stamp

DESIGNATIONS = (
    "authentication",
    "authorization",
    "invalidation",
    "enrollment",
    "unenrollment",
    "recovery",
    "stage_configuration",
)
AUTHENTICATION = (
    "none",
    "require_authenticated",
    "require_unauthenticated",
    "require_superuser",
    "require_redirect",
    "require_outpost",
)


class Flows(Resource):
    """``/flows/instances/``."""

    path, table, label, key = "flows/instances", "flows", "Flow", "slug"
    app, model, ordering, search = "authentik_flows", "flow", "slug", ("name", "slug", "designation", "title")
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True),
        "slug": Slug(required=True, longest=50, unique="flows", taken=taken("Flow", "slug")),
        "title": Text(required=True),
        "designation": Choice(required=True, words=DESIGNATIONS),
        "background": Text(),
        "policy_engine_mode": Choice(default="any", words=("any", "all")),
        "compatibility_mode": Flag(),
        "layout": Choice(
            default="stacked",
            words=("stacked", "content_left", "content_right", "sidebar_left", "sidebar_right"),
        ),
        "denied_action": Choice(default="message_continue", words=("message_continue", "message", "continue")),
        "authentication": Choice(default="none", words=AUTHENTICATION),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "slug": exact("slug"),
        "designation": exact("designation"),
        "name": exact("name"),
        "flow_uuid": exact("pk"),
        "denied_action": exact("denied_action"),
        "authentication": exact("authentication"),
    }

    def make(self, values: Row, call: Call) -> Row:
        """Add what belongs to a flow besides its fields."""
        row = super().make(values, call)
        row.setdefault("policybindingmodel_ptr_id", new_uuid())
        row.setdefault("stages", [])
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return the flow with what follows from its fields."""
        shown = {
            **super().show(row, call),
            "policybindingmodel_ptr_id": row["policybindingmodel_ptr_id"],
            "background_url": row["background"] or "/static/dist/assets/images/flow_background.jpg",
            "stages": row["stages"],
            "policies": [
                b["pk"] for b in call.store.rows("bindings", target=row["policybindingmodel_ptr_id"]) if b["policy"]
            ],
            "cache_count": 0,
            "export_url": f"/api/v3/flows/instances/{row['slug']}/export/",
        }
        if call.store.release.since(2025, 12):
            shown["background_themed_urls"] = None
        else:
            shown["background"] = shown.pop("background_url")
        return shown

    def remove(self, row: Row, call: Call) -> None:
        """Take the providers which authorise through the flow with it."""
        super().remove(row, call)
        from .providers import drop

        for provider in call.store.rows("providers"):
            if row["pk"] in (provider.get("authorization_flow"), provider.get("invalidation_flow")):
                drop(provider, call)
            elif provider.get("authentication_flow") == row["pk"]:
                provider["authentication_flow"] = None

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the providers that use the flow."""
        found = []
        for provider in call.store.rows("providers"):
            if row["pk"] in (provider.get("authorization_flow"), provider.get("invalidation_flow")):
                found.append(use("authentik_core", "provider", provider["pk"], provider["name"], "cascade"))
            elif provider.get("authentication_flow") == row["pk"]:
                found.append(use("authentik_core", "provider", provider["pk"], provider["name"], "set_null"))
        return found


class Blueprints(Resource):
    """``/managed/blueprints/``."""

    path, table, label = "managed/blueprints", "blueprints", "BlueprintInstance"
    app, model = "authentik_blueprints", "blueprintinstance"
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True),
        "path": Text(),
        "context": Json(),
        "enabled": Flag(default=True),
        "content": Text(trim=False),
    }
    filters: ClassVar[Mapping[str, Filter]] = {"name": exact("name"), "path": iexact("path")}

    def make(self, values: Row, call: Call) -> Row:
        """Add what a run leaves."""
        row = super().make(values, call)
        row.update(last_applied=stamp(call.store.clock.now()), last_applied_hash="", status="unknown")
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return the instance with its last run."""
        more = {"last_applied": row["last_applied"], "last_applied_hash": row["last_applied_hash"]}
        return {**super().show(row, call), **more, "status": row["status"], "managed_models": [], "metadata": {}}

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Apply."""
        return {("POST", "apply"): self._apply}

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """What could be added."""
        return {("GET", "available"): lambda call: Answer(200, [])}

    def _apply(self, call: Call, row: Row) -> Answer:
        row.update(last_applied=stamp(call.store.clock.now()), status="successful")
        return Answer(200, self.show(row, call))


def flow_by_pk(call: Call, key: Any) -> Row | None:
    """Return a flow."""
    return call.store.tables["flows"].get(key)
