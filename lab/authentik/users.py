# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users: the caller, service accounts, and the forms in which other objects show a user."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from typing import ClassVar

from .applications import groups_of
from .calls import Answer, Call
from .errors import REQUIRED, Invalid, bad, taken
from .fields import Field, Flag, Json, Text
from .filters import Filter, exact, icontains
from .resource import ListAction, Resource
from .store import Row, Store, new_uuid, num_pk, random_text, stamp

AVATAR = "data:image/svg+xml;base64,"
PERMISSIONS = [
    *("view_media_files", "unassign_role_permissions", "manage_media_files", "view_initialpermissions"),
    *("delete_initialpermissions", "add_initialpermissions", "assign_role_permissions", "change_initialpermissions"),
    *("edit_system_settings", "change_role", "add_role", "access_admin_interface", "view_role", "view_system_info"),
    *("delete_role", "view_system_settings"),
]


class Users(Resource):
    """``/core/users/``."""

    path, table, label, whole_keys = "core/users", "users", "User", True
    ordering, model, search = "username", "user", ("username", "name", "email", "uuid")
    schema: ClassVar[Mapping[str, Field]] = {
        "username": Text(required=True, longest=150, unique="users", taken=taken("User", "username")),
        "name": Text(required=True),
        "is_active": Flag(default=True),
        "email": Text(),
        "attributes": Json(),
        "path": Text(default="users"),
        "type": Text(default="internal"),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "username": exact("username"),
        "name": exact("name"),
        "email": exact("email"),
        "uuid": exact("uuid"),
        "path": exact("path"),
        "is_active": exact("is_active"),
        "type": exact("type"),
        "username__icontains": icontains("username"),
    }

    def make(self, values: Row, call: Call) -> Row:
        """Make a user with what belongs to one."""
        row = new_user(call.store, values["username"], values["name"])
        row.update(values)
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return a user."""
        return full(row, call)

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """The caller, and accounts for programs."""
        return {("GET", "me"): self._me, ("POST", "service_account"): self._service_account}

    def _me(self, call: Call) -> Answer:
        row = call.me
        groups = [g for g in call.store.rows("groups") if row["pk"] in g["users"]]
        return Answer(
            200,
            {
                "user": {
                    "pk": row["pk"],
                    "username": row["username"],
                    "name": row["name"],
                    "is_active": row["is_active"],
                    "is_superuser": call.superuser,
                    "groups": [{"name": group["name"], "pk": group["pk"]} for group in groups],
                    "roles": [],
                    "email": row["email"],
                    "avatar": AVATAR,
                    "uid": row["uid"],
                    "settings": {},
                    "type": row["type"],
                    "system_permissions": list(PERMISSIONS) if call.superuser else [],
                }
            },
        )

    def _service_account(self, call: Call) -> Answer:
        self.permit(call)
        body = call.body if isinstance(call.body, Mapping) else {}
        name = body.get("name")
        if not name:
            raise bad({"name": [REQUIRED]})
        identifier = f"service-account-{name}-password"
        group = bool(body.get("create_group"))
        double = call.store.find("users", username=name) or call.store.find("tokens", identifier=identifier)
        if double or (group and call.store.find("groups", name=name)):
            raise bad({"non_field_errors": ["A user/group with these details already exists"]})
        user = new_user(call.store, name, name, kind="service_account")
        expires = call.store.clock.now() + datetime.timedelta(days=360)
        token = {
            "pk": new_uuid(),
            "managed": None,
            "identifier": identifier,
            "intent": "app_password",
            "user": user["pk"],
            "description": "",
            "expires": body.get("expires") or stamp(expires),
            "expiring": bool(body.get("expiring", True)),
            "key": random_text(60),
        }
        call.store.tables["tokens"][token["pk"]] = token
        answer = {"username": name, "token": token["key"], "user_uid": user["uid"], "user_pk": user["pk"]}
        if group:
            from .groups import new_group

            answer["group_pk"] = new_group(call.store, name, [user["pk"]])["pk"]
        call.store.touch()
        return Answer(200, answer)


def new_user(store: Store, username: str, name: str, kind: str = "internal") -> Row:
    """Store a user."""
    now = stamp(store.clock.now())
    row = {
        "pk": store.serial("users"),
        "uuid": new_uuid(),
        "username": username,
        "name": name,
        "email": "",
        "is_active": True,
        "attributes": {},
        "path": "users" if kind == "internal" else "goauthentik.io/service-accounts",
        "type": kind,
        "last_login": None,
        "date_joined": now,
        "password_change_date": now,
        "last_updated": now,
    }
    row["uid"] = hashlib.sha256(str(row["uuid"]).encode()).hexdigest()
    store.tables["users"][row["pk"]] = row
    return row


def is_superuser(row: Row, call: Call) -> bool:
    """Whether a group makes the user a superuser."""
    return any(call.store.tables["groups"][key]["is_superuser"] for key in groups_of(row, call))


def full(row: Row, call: Call) -> Row:
    """Return a user as lists and tokens show one."""
    groups = [group for group in call.store.rows("groups") if row["pk"] in group["users"]]
    names = ("pk", "username", "name", "is_active", "last_login", "date_joined", "email", "attributes", "uid")
    more = ("path", "type", "uuid", "password_change_date", "last_updated")
    return {
        **{name: row[name] for name in (*names, *more)},
        "is_superuser": is_superuser(row, call),
        "groups": [group["pk"] for group in groups],
        "groups_obj": [group_head(group) for group in groups],
        "roles": [],
        "roles_obj": [],
        "avatar": AVATAR,
    }


def member(row: Row) -> Row:
    """Return a user as groups and bindings show one."""
    names = ("pk", "username", "name", "is_active", "last_login", "email", "attributes", "uid")
    return {name: row[name] for name in names}


def group_head(row: Row) -> Row:
    """Return a group as other objects show one."""
    names = ("pk", "name", "is_superuser", "attributes")
    return {**{name: row[name] for name in names}, "num_pk": num_pk(row["pk"])}


def known_intent(value: str) -> str:
    """Return an intent that may be written.

    :raises Invalid: for the others.
    """
    if value not in ("api", "app_password"):
        raise Invalid(f"Invalid intent {value}")
    return value
