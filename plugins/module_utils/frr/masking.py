# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords out of what people get to see: they stand in clear text in FRR's configuration."""

from __future__ import annotations

import re

from ..common import diff

#: A keyword that a secret follows, in full or shortened as FRR takes it, with what may stand between.
_SECRET = re.compile(
    r"""(?P<head>(?<![^\s])(?:
        passw[ord]*(?:\s+8)? | authentication-k[ey]* | key-st[ring]* | md5 | secret
    )\s+)(?P<secret>\S.*?)(?P<end>\s*)$""",
    re.VERBOSE,
)
_NEIGHBOUR = re.compile(r"^(?P<head>\s*(?:no\s+)?n[eighbor]*\s+\S+\s+passw?o?r?d?\s+)(?P<secret>\S.*?)(?P<end>\s*)$")


def line(raw: str) -> str:
    """Return a line with its secret, if it has one, replaced so that a change of it still shows as a change."""
    if raw.lstrip()[:1] in ("!", "#"):
        return raw
    found = _NEIGHBOUR.match(raw) or _SECRET.search(raw)
    if found is None or " description " in raw[: found.start("secret")]:
        return raw
    return f"{raw[: found.start('secret')]}{diff.mask(found['secret'])}{found['end']}"


def text(raw: str) -> str:
    """Return a whole text with its secrets replaced; line ends stay."""
    return "".join(line(item) for item in re.findall(r"[^\n]*\n|[^\n]+\Z", raw))


def secrets(raw: str) -> set[str]:
    """Return the secrets of a text, so that they can be kept out of other messages too."""
    found = set()
    for item in raw.splitlines():
        match = _NEIGHBOUR.match(item) or _SECRET.search(item)
        if match is not None and item.lstrip()[:1] not in ("!", "#"):
            found.add(match["secret"])
    return found
