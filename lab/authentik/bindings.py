# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy bindings: who may open an application. Equal ones are not told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Call
from .errors import Invalid, bad, dangling
from .fields import Field, Flag, Number, Ref
from .filters import Filter, among, exact, isnull, key
from .resource import Resource
from .store import Row, is_uuid
from .users import group_head, member

WHO = ("group", "policy", "user")


class Target(Field):
    """The key of an application or a flow, or of what is behind a flow."""

    def take(self, value: Any, call: Call) -> Any:
        """Check that it is there."""
        if not is_uuid(value):
            raise Invalid(f"\u201c{value}\u201d is not a valid UUID.")
        tables = call.store.tables
        if value in tables["applications"] or value in tables["flows"]:
            return value
        if call.store.find("flows", policybindingmodel_ptr_id=value) is None:
            raise Invalid(dangling(value))
        return value


class Bindings(Resource):
    """``/policies/bindings/``."""

    path, table, label, ordering = "policies/bindings", "bindings", "PolicyBinding", "order,pk"
    app, model, search = "authentik_policies", "policybinding", ()
    schema: ClassVar[Mapping[str, Field]] = {
        "policy": Ref(null=True, table="policies"),
        "group": Ref(null=True, table="groups"),
        "user": Ref(null=True, table="users", whole=True),
        "target": Target(required=True),
        "negate": Flag(),
        "enabled": Flag(default=True),
        "order": Number(required=True),
        "timeout": Number(default=30),
        "failure_result": Flag(),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "target": key("target"),
        "target_in": among("target"),
        "policy": key("policy"),
        "policy__isnull": isnull("policy"),
        "enabled": exact("enabled"),
        "order": exact("order"),
        "timeout": exact("timeout"),
    }

    def check(self, values: Row, body: Any, call: Call, row: Row | None) -> None:
        """Exactly one of policy, group and user; the body alone is looked at."""
        count = sum(bool(values.get(name)) for name in WHO)
        names = ", ".join(f"'{name}'" for name in WHO)
        if count > 1:
            raise bad({"non_field_errors": [f"Only one of {names} can be set."]})
        if not count:
            raise bad({"non_field_errors": [f"One of {names} must be set."]})

    def show(self, row: Row, call: Call) -> Row:
        """Return the binding with whom it lets in."""
        group = call.store.tables["groups"].get(row["group"])
        user = call.store.tables["users"].get(row["user"])
        return {
            **super().show(row, call),
            "policy_obj": None,
            "group_obj": group_head(group) if group else None,
            "user_obj": member(user) if user else None,
        }
