# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of a request's body: what they take, and the sentences with which the web framework refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import durations
from .errors import NO_BLANK, NO_EMPTY, NO_NULL, REQUIRED, Invalid, bad, dangling
from .store import is_uuid

if TYPE_CHECKING:
    from .calls import Call

_SLUG = re.compile(r"[-a-zA-Z0-9_]+\Z")
_URL = re.compile(
    r"https?://(?:[^\s/@]+@)?(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9._-]*))(?::\d{1,5})?(?:[/?#]\S*)?\Z"
)


@dataclass(frozen=True, kw_only=True)
class Field:
    """Any value.

    :param default: the model's default on creation; a callable is called.
    :param since: first release that knows the field; ``until``: first that does not know it any more.
    :param taken: sentence when another row of ``unique`` (a table) has the value.
    """

    required: bool = False
    null: bool = False
    default: Any = None
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()
    unique: str = ""
    taken: str = ""

    def known(self, call: Call) -> bool:
        """Whether the server's release has the field."""
        number = call.store.release.number
        return number >= self.since and (not self.until or number < self.until)

    def initial(self) -> Any:
        """Return the default of a new row."""
        return self.default() if callable(self.default) else self.default

    def clean(self, name: str, value: Any, call: Call, row: Mapping[str, Any] | None) -> Any:
        """Return the value to store.

        :raises Invalid: it is refused.
        """
        if value is None:
            if not self.null:
                raise Invalid(NO_NULL)
            return None
        value = self.take(value, call)
        if self.unique:
            for other in call.store.rows(self.unique):
                if other is not row and other.get(name) == value:
                    raise Invalid(self.taken)
        return value

    def take(self, value: Any, call: Call) -> Any:
        """Check a value that is there."""
        return value


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """Text; blanks around it are dropped."""

    default: Any = ""
    blank: bool = True
    longest: int = 0
    trim: bool = True

    def take(self, value: Any, call: Call) -> Any:
        """Check the text."""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise Invalid("Not a valid string.")
        value = str(value).strip() if self.trim else str(value)
        if not value and (self.required or not self.blank):
            raise Invalid(NO_BLANK)
        if self.longest and len(value) > self.longest:
            raise Invalid(f"Ensure this field has no more than {self.longest} characters.")
        return value


@dataclass(frozen=True, kw_only=True)
class Slug(Text):
    """A name for URLs."""

    def take(self, value: Any, call: Call) -> Any:
        """Check its characters."""
        value = super().take(value, call)
        if not _SLUG.match(value):
            raise Invalid("Enter a valid \u201cslug\u201d consisting of letters, numbers, underscores or hyphens.")
        return value


@dataclass(frozen=True, kw_only=True)
class Url(Text):
    """An http or https URL; the host needs no domain."""

    def take(self, value: Any, call: Call) -> Any:
        """Check its form."""
        value = super().take(value, call)
        if value and not _URL.match(value):
            raise Invalid("Enter a valid URL.")
        return value


@dataclass(frozen=True, kw_only=True)
class Duration(Text):
    """A duration of :mod:`.durations`."""

    def take(self, value: Any, call: Call) -> Any:
        """Check its form."""
        value = super().take(value, call)
        try:
            durations.parse(value)
        except ValueError:
            raise Invalid(f"{value} is not in the correct format of 'hours=3;minutes=1'.") from None
        return value


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """A boolean."""

    default: Any = False

    def take(self, value: Any, call: Call) -> Any:
        """Take the words of the web framework too."""
        if value in (True, "true", "True", "1", 1, "t", "on", "yes"):
            return True
        if value in (False, "false", "False", "0", 0, "f", "off", "no"):
            return False
        raise Invalid("Must be a valid boolean.")


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A whole number."""

    default: Any = 0

    def take(self, value: Any, call: Call) -> Any:
        """Check that it is one."""
        try:
            if isinstance(value, bool):
                raise ValueError
            return int(str(value))
        except ValueError:
            raise Invalid("A valid integer is required.") from None


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few words."""

    words: tuple[str, ...] = ()

    def take(self, value: Any, call: Call) -> Any:
        """Check that it is one of them."""
        if value not in self.words:
            raise Invalid(f'"{value}" is not a valid choice.')
        return value


@dataclass(frozen=True, kw_only=True)
class Json(Field):
    """An object."""

    default: Any = dict

    def take(self, value: Any, call: Call) -> Any:
        """Check that it is an object."""
        if not isinstance(value, dict):
            raise Invalid("Value must be a dictionary.")
        return value


@dataclass(frozen=True, kw_only=True)
class Ref(Field):
    """The key of a row of another table."""

    table: str = ""
    whole: bool = False
    """Keys are integers, else uuids."""

    def take(self, value: Any, call: Call) -> Any:
        """Check that the row is there."""
        return reference(self.table, value, call, whole=self.whole)


@dataclass(frozen=True, kw_only=True)
class Refs(Ref):
    """Keys of rows; doubles are dropped."""

    default: Any = list
    empty: bool = True

    def take(self, value: Any, call: Call) -> Any:
        """Check that all rows are there."""
        if isinstance(value, (str, Mapping)) or not isinstance(value, list):
            raise Invalid(f'Expected a list of items but got type "{type(value).__name__}".')
        if not value and not self.empty:
            raise Invalid(NO_EMPTY)
        return list(dict.fromkeys(reference(self.table, key, call, whole=self.whole) for key in value))


@dataclass(frozen=True, kw_only=True)
class Texts(Field):
    """A list of texts."""

    default: Any = list

    def take(self, value: Any, call: Call) -> Any:
        """Check the list."""
        if not isinstance(value, list):
            raise Invalid(f'Expected a list of items but got type "{type(value).__name__}".')
        return [str(item) for item in value]


@dataclass(frozen=True, kw_only=True)
class Items(Field):
    """A list of objects with fields of their own."""

    default: Any = list
    item: Mapping[str, Field] | None = None

    def take(self, value: Any, call: Call) -> Any:
        """Check every object."""
        if not isinstance(value, list):
            sentence = f'Expected a list of items but got type "{type(value).__name__}".'
            raise Invalid(detail={"non_field_errors": [sentence]})
        found, wrong = [], []
        for item in value:
            if not isinstance(item, Mapping):
                kind = type(item).__name__
                wrong.append({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
                continue
            values, errors = collect(self.item or {}, item, call, partial=False, row=None)
            found.append(values)
            wrong.append(errors)
        if any(wrong):
            raise Invalid(detail=wrong)
        return found


def reference(table: str, key: Any, call: Call, *, whole: bool) -> Any:
    """Return the key of a row that is there.

    :raises Invalid: it is not, or is no key.
    """
    if whole:
        if isinstance(key, bool) or not isinstance(key, (int, str)) or not str(key).isdigit():
            raise Invalid(f"Incorrect type. Expected pk value, received {type(key).__name__}.")
        key = int(key)
    elif isinstance(key, str) and not is_uuid(key):
        raise Invalid(f"\u201c{key}\u201d is not a valid UUID.")
    elif not isinstance(key, str):
        raise Invalid(f"Incorrect type. Expected pk value, received {type(key).__name__}.")
    if key not in call.store.tables[table]:
        raise Invalid(dangling(key))
    return key


Checks = Mapping[str, Callable[[Any], Any]]


def collect(
    schema: Mapping[str, Field],
    body: Mapping[str, Any],
    call: Call,
    *,
    partial: bool,
    row: Mapping[str, Any] | None,
    checks: Checks | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of a body, and what is wrong with it, by field.

    :param checks: further checks of fields, which return the value to keep.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for name, field in schema.items():
        if not field.known(call):
            continue
        if name not in body:
            if field.required and not partial:
                wrong[name] = [REQUIRED]
            continue
        try:
            value = field.clean(name, body[name], call, row)
            values[name] = checks[name](value) if checks and name in checks else value
        except Invalid as error:
            wrong[name] = error.detail
    return values, wrong


def clean(
    schema: Mapping[str, Field],
    body: Any,
    call: Call,
    *,
    partial: bool = False,
    row: Mapping[str, Any] | None = None,
    checks: Checks | None = None,
) -> dict[str, Any]:
    """Return the values of a body.

    :raises Refusal: 400 with everything that is wrong with its fields.
    """
    if not isinstance(body, Mapping):
        kind = type(body).__name__
        raise bad({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
    values, wrong = collect(schema, body, call, partial=partial, row=row, checks=checks)
    if wrong:
        raise bad(wrong)
    return values


def defaults(schema: Mapping[str, Field], call: Call) -> dict[str, Any]:
    """Return a new row's values before a body is applied; fields of other releases are left out."""
    return {name: field.initial() for name, field in schema.items() if field.known(call)}
