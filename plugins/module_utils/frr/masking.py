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
_COMMENT = re.compile(r"[\s!#]*[!#][\s!#]*")
_NEIGHBOUR = re.compile(r"^(?P<head>\s*(?:no\s+)?n[eighbor]*\s+\S+\s+passw?o?r?d?\s+)(?P<secret>\S.*?)(?P<end>\s*)$")


def line(raw: str) -> str:
    """Return a line with its secret, if it has one, replaced so that a change of it still shows as a change.

    A comment is read like a command: who takes a line out by a ``!`` leaves its password in the text. Words of a
    sentence behind "password" are hidden with it, which costs less.
    """
    mark = _COMMENT.match(raw)
    head = mark.group() if mark else ""
    body = raw[len(head) :]
    found = _NEIGHBOUR.match(body) or _SECRET.search(body)
    if found is None or " description " in body[: found.start("secret")]:
        return raw
    return f"{head}{body[: found.start('secret')]}{diff.mask(found['secret'])}{found['end']}"


def text(raw: str) -> str:
    """Return a whole text with its secrets replaced; line ends stay."""
    return "".join(line(item) for item in re.findall(r"[^\n]*\n|[^\n]+\Z", raw))
