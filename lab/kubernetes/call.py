# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request after routing, and its reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .resources import Resource


@dataclass
class Call:
    """One request to a resource."""

    resource: Resource
    version: str
    namespace: str
    name: str
    subresource: str
    query: dict[str, str]
    content_type: str = ""
    body: bytes = b""
    user_agent: str = ""
    accept: str = ""
    user: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def api_version(self) -> str:
        """The request's group version."""
        return self.resource.api_version(self.version)

    @property
    def manager(self) -> str:
        """The field manager: the parameter, else the user agent's first word."""
        return self.query.get("fieldManager") or self.user_agent.split("/", 1)[0][:128] or "unknown"

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be stored."""
        return "dryRun" in self.query

    @property
    def validation(self) -> str:
        """``Strict``, ``Warn`` or ``Ignore``."""
        return self.query.get("fieldValidation") or "Warn"


@dataclass
class Reply:
    """An answer: JSON text (or plain text) and its status."""

    status: int
    text: str
    content_type: str = "application/json"


def now() -> str:
    """The current time as the API prints it, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
