# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: how long they live, and when a key is replaced. Pure.

``expires`` of an API token is the server's business: it becomes now plus the tenant's default, 30 minutes on a fresh
server, with every write. A token that expires is not removed: it gets another key, and whoever holds the old one is
locked out. So nothing here converges on a time; a token for automation does not expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Intents that can be written; the server makes others itself.
INTENTS = ("api", "app_password")


@dataclass(frozen=True)
class Life:
    """How long a token has to live.

    :param seconds: left, negative when it has expired, None when it never does.
    """

    expires: bool
    seconds: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has expired: its key is another one by now, or will be at the next clean-up."""
        return self.seconds is not None and self.seconds <= 0

    def facts(self) -> dict[str, Any]:
        """Return it for a module's result."""
        return {"expiring": self.expires, "seconds_left": self.seconds, "expired": self.over}


def life(token: Mapping[str, Any], now: datetime) -> Life:
    """Return how long a token has to live; ``expires`` means nothing when ``expiring`` is false."""
    if not token.get("expiring"):
        return Life(False)
    try:
        end = datetime.fromisoformat(str(token.get("expires")).replace("Z", "+00:00"))
    except ValueError:
        return Life(True)
    if end.tzinfo is None:
        end = end.replace(tzinfo=UTC)
    return Life(True, int((end - now).total_seconds()))


def due(rotate: str, found: Life, within: int) -> bool:
    """Tell whether the key is to be replaced.

    :param rotate: ``never``, ``always``, or ``expiring``: when fewer than ``within`` seconds are left.
    """
    if rotate == "always":
        return True
    return rotate == "expiring" and found.seconds is not None and found.seconds < within
