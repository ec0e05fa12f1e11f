# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the server keeps: tables of rows, the tenant's settings, and its clock."""

from __future__ import annotations

import datetime
import secrets
import string
import time
import uuid
from collections.abc import Iterator
from typing import Any

from .versions import Release

Row = dict[str, Any]
TABLES = (
    "flows",
    "mappings",
    "providers",
    "applications",
    "outposts",
    "connections",
    "tokens",
    "users",
    "groups",
    "policies",
    "bindings",
    "certificates",
    "blueprints",
)
_LETTERS = string.ascii_letters + string.digits


class Clock:
    """The server's time; ``offset`` seconds away from the machine's."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> datetime.datetime:
        """Return the time."""
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.offset)


class Store:
    """The database.

    :param namespace: where the server believes to run; ``default`` outside a cluster.
    """

    def __init__(self, release: Release | None = None, namespace: str = "default", log_level: str = "warning") -> None:
        self.release = release or Release()
        self.namespace, self.log_level = namespace, log_level
        self.clock = Clock()
        self.tables: dict[str, dict[Any, Row]] = {name: {} for name in TABLES}
        self.settings: Row = {
            "avatars": "gravatar,initials",
            "default_user_change_name": True,
            "default_user_change_email": False,
            "default_user_change_username": False,
            "event_retention": "days=365",
            "reputation_lower_limit": -5,
            "reputation_upper_limit": 5,
            "footer_links": [],
            "gdpr_compliance": True,
            "impersonation": True,
            "impersonation_require_reason": True,
            "default_token_duration": "minutes=30",
            "default_token_length": 60,
            "pagination_default_page_size": 20,
            "pagination_max_page_size": 100,
        }
        self.events: list[Row] = []
        self.written: list[float] = []
        """When each write happened, by the machine's monotonic clock: from then on an outpost is on its way to it."""
        self._serials: dict[str, int] = {}

    def __getattr__(self, name: str) -> dict[Any, Row]:
        """Return a table by its name."""
        try:
            return self.__dict__["tables"][name]
        except KeyError:
            raise AttributeError(name) from None

    def serial(self, table: str) -> int:
        """Return the next integer key of a table; keys of deleted rows are not used again."""
        self._serials[table] = self._serials.get(table, 0) + 1
        return self._serials[table]

    def touch(self) -> None:
        """Note a write."""
        self.written.append(time.monotonic())

    def find(self, table: str, **wanted: Any) -> Row | None:
        """Return the first row with these values."""
        return next(self.rows(table, **wanted), None)

    def rows(self, table: str, **wanted: Any) -> Iterator[Row]:
        """Yield the rows with these values."""
        for row in list(self.tables[table].values()):
            if all(row.get(key) == value for key, value in wanted.items()):
                yield row

    def event(self, action: str, **context: Any) -> None:
        """Log an event."""
        self.events.append({"action": action, "created": stamp(self.clock.now()), "context": context})


def new_uuid() -> str:
    """Return a random uuid as text."""
    return str(uuid.uuid4())


def random_text(length: int) -> str:
    """Return a secret of letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _unused in range(length))


def stamp(moment: datetime.datetime) -> str:
    """Return a time as the API shows it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_uuid(value: Any) -> bool:
    """Whether a text is a uuid."""
    try:
        uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def num_pk(key: str) -> int:
    """Return a group's numeric key: the first five digits of its uuid as a number."""
    return int(str(uuid.UUID(key).int)[:5])
