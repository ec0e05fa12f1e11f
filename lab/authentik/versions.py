# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases, sampled from ``schema.yml`` of the tags 2024.8 to 2025.12."""

from __future__ import annotations

from dataclasses import dataclass

CURRENT = "2025.12.4"
Number = tuple[int, ...]


@dataclass(frozen=True)
class Release:
    """One release of the server."""

    text: str = CURRENT

    @property
    def number(self) -> Number:
        """``(2025, 12, 4)``."""
        return tuple(int(part) for part in self.text.split("."))

    def since(self, *number: int) -> bool:
        """Whether this release is the given one or a later one."""
        return self.number >= number

    @property
    def redirect_uris_are_text(self) -> bool:
        """One redirect URI per line of a text, before they became a list of objects in two lines of releases."""
        return self.number < (2024, 8, 5) or (2024, 10, 0) <= self.number < (2024, 10, 3)

    @property
    def health_status(self) -> int:
        """What a healthy server answers to its checks."""
        return 200 if self.since(2024, 8) else 204
