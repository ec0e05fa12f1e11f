# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the releases of Authentik do differently, so that no other file asks for a version.

Sampled from ``schema.yml`` of the tags of goauthentik/authentik between 2024.8 and 2026.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import Unsupported

#: Oldest release line that is spoken to, and the newest whose schema was read.
OLDEST = (2024, 8)
NEWEST = (2026, 2)

_FORM = re.compile(r"(\d{4})\.(\d{1,2})(?:\.(\d+))?")


@dataclass(frozen=True, order=True)
class Version:
    """A release; suffixes such as ``-rc1`` do not count."""

    year: int
    month: int
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.year}.{self.month}.{self.patch}"

    @property
    def line(self) -> tuple[int, int]:
        """The release line, ``(2025, 12)``."""
        return self.year, self.month

    @property
    def invalidation_flow(self) -> bool:
        """Providers have an ``invalidation_flow``, and need it."""
        return self.line >= (2024, 10)

    @property
    def redirect_uri_objects(self) -> bool:
        """``redirect_uris`` is a list of ``{matching_mode, url}``; before, one text with an URL per line."""
        if self.line == (2024, 8):
            return self.patch >= 5
        if self.line == (2024, 10):
            return self.patch >= 3
        return self.line > (2024, 10)

    @property
    def transactional_bindings(self) -> bool:
        """A transactional create takes ``policy_bindings``."""
        return self.line >= (2024, 12)

    @property
    def group_parents(self) -> bool:
        """Groups have ``parents``; before, one ``parent``."""
        return self.line >= (2025, 12)

    @property
    def icon_writable(self) -> bool:
        """``meta_icon`` of an application can be written as an ordinary field."""
        return self.line >= (2025, 12)

    @property
    def untested(self) -> bool:
        """Newer than every schema that was read."""
        return self.line > NEWEST


def parse(text: str, target: str = "") -> Version:
    """Return the version of ``version_current``.

    :raises Unsupported: too old, or no version.
    """
    found = _FORM.match(text)
    if not found:
        raise Unsupported(
            "reading the version of the Authentik server",
            target=target,
            answer=f"it calls itself '{text[:40]}'",
            remedy="Is this address an Authentik server?",
            param="url",
        )
    version = Version(int(found[1]), int(found[2]), int(found[3] or 0))
    if version.line < OLDEST:
        raise Unsupported(
            "checking the version of the Authentik server",
            target=target,
            answer=f"it is {version}, and what is older than {OLDEST[0]}.{OLDEST[1]} has other fields",
            remedy="Upgrade it, one release line after the other",
        )
    return version
