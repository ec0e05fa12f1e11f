# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address families: one switch of the model decides what every system is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dual_stack(networks: Mapping[str, Any]) -> bool:
    """Whether pods, services, pools and BGP carry IPv6 beside IPv4."""
    return bool(networks.get("ipv6_enabled"))


def both(networks: Mapping[str, Any], subject: str) -> list[str]:
    """Return the CIDRs of ``management``, ``pods`` or ``services``: IPv4 first, the default family of Services."""
    found = [str(networks[subject]["ipv4"])]
    if dual_stack(networks):
        found.append(str(networks[subject]["ipv6"]))
    return found
