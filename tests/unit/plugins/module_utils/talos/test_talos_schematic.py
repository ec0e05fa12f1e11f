# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schematic ids against ids which the Image Factory gave, and what is refused about images and extensions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import schematic

HOME = "ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1"


def extensions(*names: str) -> dict[str, Any]:
    return {"customization": {"systemExtensions": {"officialExtensions": [f"siderolabs/{name}" for name in names]}}}


def arguments(*names: str) -> dict[str, Any]:
    return {"customization": {"extraKernelArgs": list(names)}}


# Ids known from siderolabs/image-factory's tests and documentation and from the home-lab's factory.
VECTORS: list[tuple[dict[str, Any], str]] = [
    ({}, "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"),
    (arguments("noapic", "nolapic"), "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c"),
    (arguments("hihi", "hehe"), "ff5083b14ccb03821ea738d712ac08a82b44d2693013622059edaae286665239"),
    (
        {"customization": {"meta": [{"key": 10, "value": "foo"}]}},
        "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
    ),
    (
        {"overlay": {"image": "siderolabs/sbc-raspberrypi", "name": "rpi_generic"}},
        "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
    ),
    (
        {"customization": {"secureboot": {"includeWellKnownCertificates": True}}},
        "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
    ),
    (
        {"customization": {"diskImage": {"sectorSize": 4096}}},
        "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
    ),
    (extensions("drbd", "zfs"), "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612"),
    (
        {
            "customization": {
                "extraKernelArgs": ["net.ifnames=0"],
                "systemExtensions": {"officialExtensions": ["siderolabs/tailscale"]},
            }
        },
        "104c23dfe7c5bfeff6a4cc7e166d8b3bba0f371760592c7677c90c822bb1d109",
    ),
    (extensions("iscsi-tools", "ext-lldpd", "usb-modem-drivers", "thunderbolt"), HOME),
    (
        extensions("iscsi-tools", "lldpd", "usb-modem-drivers", "thunderbolt"),
        "046889043a3a6b4df4d2b999d8cf2b9ac013aae7cbda98f8b53b99ac226cf0f3",
    ),
    (arguments("hehe", "hihi"), "d2ab927ff24fabd39ea9d9b9309b099a3a4e9ca05c917714211c0fe5485475bd"),
]


@pytest.mark.parametrize(("content", "expected"), VECTORS)
def test_known_ids(content: dict[str, Any], expected: str) -> None:
    assert schematic.schematic(content).id == expected


def test_the_options_make_the_same_schematic_as_the_whole_one() -> None:
    made = schematic.from_extensions(["siderolabs/tailscale"], ["net.ifnames=0"])
    assert made.id == VECTORS[8][1]
    assert schematic.from_extensions().id == schematic.EMPTY_ID


@given(st.permutations(["siderolabs/drbd", "siderolabs/zfs", "siderolabs/lldpd"]))
def test_an_order_is_found_again_by_its_id(names: list[str]) -> None:
    wanted = schematic.from_extensions(names).id
    given_order = ["siderolabs/drbd", "siderolabs/zfs", "siderolabs/lldpd"]
    assert schematic.same_in_other_order(wanted, given_order, []) == ", ".join(names)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"customization\.extensions"):
        schematic.schematic({"customization": {"extensions": []}})


def test_installer_reference() -> None:
    assert schematic.installer(HOME, "1.10.5") == f"factory.talos.dev/installer/{HOME}:v1.10.5"
    assert schematic.schematic_of(schematic.installer(HOME, "v1.10.5", secureboot=True)) == HOME


@pytest.mark.parametrize(
    ("reference", "proper"),
    [
        (
            f"https://factory.talos.dev/image/{HOME}/v1.10.5/metal-amd64.tar.gz",
            f"factory.talos.dev/installer/{HOME}:v1.10.5",
        ),
        (
            f"https://factory.talos.dev/image/{HOME}/v1.10.5/metal-amd64-secureboot.iso",
            f"factory.talos.dev/installer-secureboot/{HOME}:v1.10.5",
        ),
        ("ghcr.io/siderolabs/talos:v1.10.5", "ghcr.io/siderolabs/installer:v1.10.5"),
        ("ghcr.io/siderolabs/installer", "ghcr.io/siderolabs/installer:v1.10.5"),
        ("ghcr.io/siderolabs/installer:v1.9.0", "ghcr.io/siderolabs/installer:v1.10.5"),
        ("https://ghcr.io/siderolabs/installer:v1.10.5", "without https://"),
    ],
)
def test_what_is_no_installer_is_refused_with_the_right_value(reference: str, proper: str) -> None:
    with pytest.raises(InputError) as refusal:
        schematic.check_installer(reference, "v1.10.5")
    assert proper in str(refusal.value)


@pytest.mark.parametrize(
    "reference",
    [
        f"factory.talos.dev/installer/{HOME}:v1.10.5",
        f"factory.talos.dev/metal-installer-secureboot/{HOME}:v1.10.5",
        "ghcr.io/siderolabs/installer:v1.10.5",
        "registry.example.org:5000/my/installer:custom",
        "ghcr.io/siderolabs/installer@sha256:" + "0" * 64,
    ],
)
def test_installers_are_taken(reference: str) -> None:
    schematic.check_installer(reference, "v1.10.5")


def test_a_service_name_is_no_extension_name() -> None:
    assert schematic.check_extensions(["siderolabs/iscsi-tools", "siderolabs/lldpd"]) == []
    (problem,) = schematic.check_extensions(["siderolabs/ext-lldpd"])
    assert "write siderolabs/lldpd" in problem


def test_extension_names_against_the_factorys_list() -> None:
    (problem,) = schematic.check_extensions(["siderolabs/iscsi-tool"], ["siderolabs/iscsi-tools", "siderolabs/zfs"])
    assert "did you mean siderolabs/iscsi-tools" in problem
    assert schematic.check_extensions(["lldpd"]) == ["lldpd has no owner: write siderolabs/lldpd"]
    assert schematic.check_extensions(["a/b", "a/b"]) == ["a/b is listed twice"]
