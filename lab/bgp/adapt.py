# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's copy of the router's text.

At home router and nodes are different machines. Here they share one kernel, which would take the node's own address as
the source of the router's connections, so each neighbour gets ``update-source``; and ``timers connect 1``, because
nobody wants to watch a connect timer. Nothing else is touched, and the stored text stays as it was posted.
"""

from __future__ import annotations

import ipaddress
import re

from .addresses import ROUTER, ipv6_of

_NEIGHBOR = re.compile(r"^\s*nei(?:g(?:h(?:b(?:o(?:r)?)?)?)?)?\s+(\S+)\s+(\S+)(?:\s+(\S+))?", re.ASCII)


def daemon_text(stored: str, *, enabled: bool = True) -> str:
    """Return what bgpd is started with; a configuration that is not enabled has no router."""
    if not enabled:
        return "frr defaults traditional\n"
    lines: list[str] = []
    for line in stored.split("\n"):
        lines.append(line)
        lines += _additions(line)
    text = "\n".join(lines)
    return text if text.endswith("\n") else text + "\n"


def _additions(line: str) -> list[str]:
    """Return what must follow a line that declares a neighbour, or sets what we set."""
    match = _NEIGHBOR.match(line)
    if not match:
        return []
    address = _address(match.group(1))
    if address is None:
        return []
    word, value = match.group(2), match.group(3) or ""
    declares = _is(word, "remote-as", 3) or _is(word, "peer-group", 4)
    sets_timer = _is(word, "timers", 1) and _is(value, "connect", 1)
    source = ipv6_of(ROUTER) if address.version == 6 else ROUTER
    name = match.group(1)
    if declares:
        return [f" neighbor {name} update-source {source}", f" neighbor {name} timers connect 1"]
    return [f" neighbor {name} timers connect 1"] if sets_timer else []


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is(word: str, keyword: str, least: int) -> bool:
    """Tell whether ``word`` is the keyword or an abbreviation of at least so many letters (FRR takes unique ones)."""
    return len(word) >= least and keyword.startswith(word)
