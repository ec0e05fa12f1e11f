# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Answer, Call
from .errors import not_found, taken
from .fields import Field, Flag, Json, Ref, Refs, Text
from .filters import Filter, exact
from .resource import Action, Resource, use
from .store import Row, Store, new_uuid, num_pk
from .users import group_head, member

SUPERUSERS = "authentik Admins"


class Groups(Resource):
    """``/core/groups/``."""

    path, table, label, model = "core/groups", "groups", "Group", "group"
    search = ("name", "is_superuser")
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True, unique="groups", taken=taken("Group", "name")),
        "is_superuser": Flag(),
        "parent": Ref(null=True, table="groups", until=(2025, 12)),
        "parents": Refs(table="groups", since=(2025, 12)),
        "users": Refs(table="users", whole=True),
        "attributes": Json(),
        "roles": Refs(table="policies"),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": exact("name"),
        "is_superuser": exact("is_superuser"),
        "members_by_pk": exact("users"),
        "members_by_username": lambda row, text, call: any(
            call.store.tables["users"][key]["username"] == text
            for key in row["users"]
            if key in call.store.tables["users"]
        ),
    }

    def make(self, values: Row, call: Call) -> Row:
        """Keep one form of the parents."""
        row = super().make(values, call)
        row["parents"] = row.get("parents") or [key for key in [row.get("parent")] if key]
        return row

    def change(self, row: Row, values: Row, call: Call) -> None:
        """Keep one form of the parents."""
        super().change(row, values, call)
        if "parent" in values:
            row["parents"] = [key for key in [values["parent"]] if key]

    def remove(self, row: Row, call: Call) -> None:
        """Take its bindings with it."""
        super().remove(row, call)
        for other in call.store.rows("groups"):
            other["parents"] = [key for key in other["parents"] if key != row["pk"]]
        for binding in call.store.rows("bindings", group=row["pk"]):
            call.store.tables["bindings"].pop(binding["pk"])

    def show(self, row: Row, call: Call) -> Row:
        """Return the group; the query says which neighbours are spelled out."""
        users, groups = call.store.tables["users"], call.store.tables["groups"]
        children = [group for group in groups.values() if row["pk"] in group["parents"]]
        shown = {
            **super().show(row, call),
            "num_pk": num_pk(row["pk"]),
            "users_obj": [member(users[key]) for key in row["users"]] if call.flag("include_users", True) else None,
            "roles_obj": [],
        }
        if call.store.release.since(2025, 8):
            shown["children"] = [group["pk"] for group in children]
            shown["children_obj"] = [group_head(g) for g in children] if call.flag("include_children") else None
        if call.store.release.since(2025, 12):
            parents = [group_head(groups[key]) for key in row["parents"]]
            shown["parents_obj"] = parents if call.flag("include_parents") else None
            shown["inherited_roles_obj"] = [] if call.flag("include_inherited_roles") else None
        else:
            shown["parent"] = row["parents"][0] if row["parents"] else None
            shown["parent_name"] = groups[row["parents"][0]]["name"] if row["parents"] else None
        return shown

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Members."""
        return {("POST", "add_user"): self._add, ("POST", "remove_user"): self._remove}

    def _add(self, call: Call, row: Row) -> Answer:
        key = self._member(call)
        if key not in row["users"]:
            row["users"].append(key)
        return Answer(204)

    def _remove(self, call: Call, row: Row) -> Answer:
        key = self._member(call)
        row["users"] = [user for user in row["users"] if user != key]
        return Answer(204)

    def _member(self, call: Call) -> Any:
        key = call.body.get("pk") if isinstance(call.body, Mapping) else None
        if key not in call.store.tables["users"]:
            raise not_found("User")
        call.store.touch()
        return key

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the bindings that go with it."""
        return [
            use("authentik_policies", "policybinding", binding["pk"], f"Binding #{binding['order']}", "cascade")
            for binding in call.store.rows("bindings", group=row["pk"])
        ]


def new_group(store: Store, name: str, users: list[int], *, superuser: bool = False) -> Row:
    """Store a group."""
    row: Row = {
        "pk": new_uuid(),
        "name": name,
        "is_superuser": superuser,
        "parents": [],
        "users": users,
        "attributes": {},
        "roles": [],
    }
    store.tables["groups"][row["pk"]] = row
    return row
