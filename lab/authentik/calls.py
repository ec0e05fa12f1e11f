# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to the API, as its parts need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .store import Row, Store


@dataclass
class Call:
    """One request.

    :param user: the caller's row; :param root: URL of the server as the caller reached it, with a slash at its end.
    :param superuser: whether the caller has every right.
    :param outpost: the outpost whose token the caller has, if it is one's.
    """

    store: Store
    method: str = "GET"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    user: Row | None = None
    superuser: bool = True
    outpost: Row | None = None
    root: str = "http://localhost:9000/"

    @property
    def me(self) -> Row:
        """The caller."""
        assert self.user is not None
        return self.user

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean of the query."""
        value = self.query.get(name)
        return default if value is None else value.lower() in ("true", "1", "yes", "on")


@dataclass
class Answer:
    """What is sent back; ``body`` None is an empty body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
