# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the endpoints of one kind of object have in common: the verbs, their order of checks, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from . import fields, pages
from .calls import Answer, Call
from .errors import bad, forbidden, not_found
from .fields import Field
from .filters import Filter, apply
from .store import Row, new_uuid

Action = Callable[[Call, Row], Answer]
ListAction = Callable[[Call], Answer]


class Resource:
    """One kind of object below ``/api/v3/``.

    ``label`` is the class that a 404 names, ``key`` the field in the URL.
    """

    path: ClassVar[str] = ""
    table: ClassVar[str] = ""
    label: ClassVar[str] = ""
    key: ClassVar[str] = "pk"
    whole_keys: ClassVar[bool] = False
    verbs: ClassVar[frozenset[str]] = frozenset({"list", "create", "read", "update", "delete"})
    schema: ClassVar[Mapping[str, Field]] = {}
    filters: ClassVar[Mapping[str, Filter]] = {}
    search: ClassVar[tuple[str, ...]] = ("name",)
    ordering: ClassVar[str] = "name"
    app: ClassVar[str] = "authentik_core"
    model: ClassVar[str] = ""

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def listing(self, call: Call) -> Answer:
        """Answer one page."""
        self.permit(call)
        rows = apply(self.rows(call), call, self.filters, self.search, self.ordering)
        part, pagination = pages.cut(rows, call)
        shown = [self.show(row, call) for row in part]
        return Answer(200, pages.envelope(shown, pagination, call, groups=self.table == "groups"))

    def read(self, call: Call, key: str) -> Answer:
        """Answer one object."""
        return Answer(200, self.show(self.find(call, key), call))

    def create(self, call: Call) -> Answer:
        """Make an object."""
        self.permit(call)
        values = self.clean(call.body, call)
        row = self.make(values, call)
        call.store.touch()
        return Answer(201, self.show(row, call))

    def update(self, call: Call, key: str, *, partial: bool) -> Answer:
        """Change an object; fields that the body leaves out stay."""
        self.permit(call)
        row = self.find(call, key)
        values = self.clean(call.body, call, partial=partial, row=row)
        self.change(row, values, call)
        call.store.touch()
        return Answer(200, self.show(row, call))

    def delete(self, call: Call, key: str) -> Answer:
        """Delete an object."""
        self.permit(call)
        row = self.find(call, key)
        self.remove(row, call)
        call.store.touch()
        return Answer(204)

    def used_by(self, call: Call, row: Row) -> Answer:
        """Answer what would go or change with the object."""
        return Answer(200, self.users_of(row, call))

    # -- parts for subclasses ------------------------------------------------------------------------------------------
    def permit(self, call: Call) -> None:
        """Refuse callers without rights.

        :raises Refusal: 403.
        """
        if not call.superuser:
            raise forbidden()

    def rows(self, call: Call) -> Iterable[Row]:
        """Return the rows that the caller may see."""
        return list(call.store.tables[self.table].values())

    def find(self, call: Call, key: str) -> Row:
        """Return one row.

        :raises Refusal: 404.
        """
        self.permit(call)
        for row in self.rows(call):
            if str(row[self.key]) == key:
                return row
        raise not_found(self.label)

    def clean(self, body: Any, call: Call, *, partial: bool = False, row: Row | None = None) -> Row:
        """Return the values of a body; object-level checks come after those of the fields.

        :raises Refusal: 400.
        """
        checks = self.checks(body, call, row)
        values = fields.clean(self.schema, body, call, partial=partial, row=row, checks=checks)
        self.check(values, body, call, row)
        return values

    def checks(self, body: Any, call: Call, row: Row | None) -> fields.Checks:
        """Return further checks of fields."""
        return {}

    def check(self, values: Row, body: Any, call: Call, row: Row | None) -> None:
        """Check the object as a whole."""

    def new_key(self, call: Call) -> Any:
        """Return the key of a new row."""
        return call.store.serial(self.table) if self.whole_keys else new_uuid()

    def make(self, values: Row, call: Call) -> Row:
        """Store a new row."""
        row = {"pk": self.new_key(call), **fields.defaults(self.schema, call), **values}
        call.store.tables[self.table][row["pk"]] = row
        return row

    def change(self, row: Row, values: Row, call: Call) -> None:
        """Store changed values."""
        row.update(values)

    def remove(self, row: Row, call: Call) -> None:
        """Take a row out of its table."""
        call.store.tables[self.table].pop(row["pk"], None)

    def show(self, row: Row, call: Call) -> Row:
        """Return an object as the API shows it."""
        known = {name: row.get(name) for name, field in self.schema.items() if field.known(call)}
        return {"pk": row["pk"], **known}

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the entries of ``used_by/``."""
        return []

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Return ``(method, name)`` of what can be done with one object."""
        return {}

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """Return ``(method, name)`` of what can be done with the whole."""
        return {}

    def refuse(self, wrong: Row) -> None:
        """Refuse a body."""
        raise bad(wrong)


def use(app: str, model: str, key: Any, name: str, action: str) -> Row:
    """Return one entry of ``used_by/``."""
    return {"app": app, "model_name": model, "pk": str(key), "name": name, "action": action}
