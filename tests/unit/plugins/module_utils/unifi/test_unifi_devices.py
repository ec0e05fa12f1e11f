# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateway can do BGP, and how it is told that none can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.unifi import devices
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.errors import UnsupportedDevice

GATEWAY = {
    "model": "UDMPRO",
    "version": "4.3.9",
    "adopted": True,
    "udapi_caps": devices.BGP_CAPABILITY | 5,
    "udapi_version": {"bgp": 1},
}


class Console:
    """Answers with its devices."""

    door = SimpleNamespace(name="console:443")

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = list(found)

    def v1(self, method: str, path: str, body: Any = None, *, doing: str) -> list[dict[str, Any]]:
        assert (method, path, body) == ("GET", "/s/my%20site/stat/device", None)
        return self.found


def test_one_gateway_is_enough() -> None:
    devices.require_bgp(Console({"model": "USW", "adopted": True}, GATEWAY), "my site")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"adopted": False}, {"udapi_caps": 5}, {"udapi_caps": None}, {"udapi_version": {}}, {"udapi_caps": "all"}],
)
def test_a_gateway_that_lacks_something_is_named(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedDevice, match=r"UDMPRO with 4\.3\.9"):
        devices.require_bgp(Console({**GATEWAY, **changes}), "my site")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedDevice, match="no devices"):
        devices.require_bgp(Console(), "my site")  # type: ignore[arg-type]
