# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Image Factory names schematics as the real one does, by ids that it has published."""

from __future__ import annotations

from typing import Any

import pytest

from lab.factory.schematics import SchematicError, canonical, identifier

IDS: dict[str, dict[str, Any]] = {
    "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba": {},
    "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c": {
        "customization": {"extraKernelArgs": ["noapic", "nolapic"]}
    },
    "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f": {
        "customization": {"meta": [{"key": 10, "value": "foo"}]}
    },
    "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9": {
        "overlay": {"image": "siderolabs/sbc-raspberrypi", "name": "rpi_generic"}
    },
    "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6": {
        "customization": {"secureboot": {"includeWellKnownCertificates": True}}
    },
    "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea": {
        "customization": {"diskImage": {"sectorSize": 4096}}
    },
    "104c23dfe7c5bfeff6a4cc7e166d8b3bba0f371760592c7677c90c822bb1d109": {
        "customization": {
            "systemExtensions": {"officialExtensions": ["siderolabs/tailscale"]},
            "extraKernelArgs": ["net.ifnames=0"],
        }
    },
}


@pytest.mark.parametrize("known", IDS, ids=lambda known: known[:8])
def test_published_ids_come_out(known: str) -> None:
    assert identifier(canonical(IDS[known])) == known


@pytest.mark.parametrize("body", [[], "text", {"customisation": {}}, {"customization": {"extensions": []}}])
def test_what_is_no_schematic_is_refused(body: Any) -> None:
    with pytest.raises(SchematicError, match="failed to unmarshal schematic"):
        canonical(body)
