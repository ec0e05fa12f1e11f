# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine config against disks and links: the right disk, exactly one, never the system's for a volume."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents, goyaml, hardware

DISKS: list[dict[str, Any]] = [
    {
        "dev_path": "/dev/nvme0n1",
        "size": 251000193024,
        "pretty_size": "251 GB",
        "model": "APPLE SSD AP0256M",
        "serial": "C07",
        "wwid": "nvme.106b",
        "transport": "nvme",
        "bus_path": "/pci0000:00/nvme",
    },
    {
        "dev_path": "/dev/sda",
        "size": 10**12,
        "pretty_size": "1.0 TB",
        "model": "Portable SSD T5",
        "serial": "T5-1",
        "transport": "usb",
        "symlinks": ["/dev/disk/by-id/usb-T5"],
    },
    {"dev_path": "/dev/sr0", "size": 0, "model": "DVD", "transport": "sata", "cdrom": True, "readonly": True},
    {"dev_path": "/dev/loop0", "size": 1000, "readonly": True},
]
LINKS: dict[str, Any] = {
    "enp3s0f0": {"type": "ether", "kind": "", "hardwareAddr": "38:f9:d3:00:51:01", "busPath": "0000:03:00.0"},
    "lo": {"type": "loopback"},
    "cilium_host": {"type": "ether", "kind": "veth"},
}


def config(install: Any = None, interfaces: Any = None, *volumes: dict[str, Any]) -> list[documents.Document]:
    machine: dict[str, Any] = {"install": install or {"wipe": False}, "network": {"interfaces": interfaces or []}}
    texts = [goyaml.dump({"version": "v1alpha1", "machine": machine})]
    texts += [goyaml.dump({"apiVersion": "v1alpha1", **volume}) for volume in volumes]
    return documents.decode("---\n".join(texts))


def volume(match: str, kind: str = "UserVolumeConfig", name: str = "longhorn-ssd", **sizes: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "provisioning": {"diskSelector": {"match": match}, **sizes}}


def check(*arguments: Any, system: str = "") -> hardware.Report:
    return hardware.check_hardware(config(*arguments), DISKS, LINKS, system_disk=system)


def test_the_minis() -> None:
    report = check(
        {"diskSelector": {"model": "APPLE*"}},
        [{"interface": "enp3s0f0", "dhcp": True}],
        volume('disk.model == "Portable SSD T5"', maxSize="1TB"),
    )
    assert report.findings == []
    assert report.chosen == {"install": "/dev/nvme0n1", "longhorn-ssd": "/dev/sda"}


@pytest.mark.parametrize(
    "selector",
    [
        {"type": "nvme"},
        {"size": "< 300GB"},
        {"size": "251000193024"},
        {"serial": "C0*"},
        {"wwid": "nvme.*"},
        {"busPath": "/pci*/nvme"},
        {"model": "APPLE*", "type": "ssd", "size": ">= 200GB"},
    ],
)
def test_selectors_of_one_disk(selector: dict[str, Any]) -> None:
    report = check({"diskSelector": selector})
    # the loop device below 300 GB has no transport, so it is none of a selector's
    assert (report.errors, report.chosen) == ([], {"install": "/dev/nvme0n1"})


def test_a_wrong_selector_lists_what_is_there() -> None:
    (message,) = check({"diskSelector": {"model": "SAMSUNG*"}}).errors
    # the expression's form is Talos' own: v1alpha1_provider.go DiskMatchExpression
    expression = 'glob("SAMSUNG*", disk.model) && disk.transport != "" && !disk.readonly && !disk.cdrom'
    assert f"no disks matched the expression: {expression}" in message
    assert "/dev/nvme0n1 (APPLE SSD AP0256M, 251 GB, nvme, serial C07)" in message
    assert "/dev/sr0" not in message


def test_two_disks_for_one_selector() -> None:
    (message,) = check({"diskSelector": {"type": "ssd"}}).errors
    assert "2 disks match" in message
    assert "/dev/sda" in message


@pytest.mark.parametrize(
    ("install", "words"),
    [
        ({"disk": "/dev/sdz"}, "there is no disk /dev/sdz"),
        ({"diskSelector": {"name": "/dev/sda"}}, "selector on name is not supported"),
        ({"diskSelector": {"type": "floppy"}}, 'unsupported disk type "floppy"'),
        ({"disk": "/dev/sr0"}, "there is no disk /dev/sr0"),
    ],
)
def test_install_disks_that_are_refused(install: dict[str, Any], words: str) -> None:
    assert words in "; ".join(check(install).errors)


def test_a_symlink_names_a_disk() -> None:
    assert check({"disk": "/dev/disk/by-id/usb-T5"}).chosen == {"install": "/dev/sda"}


def test_a_user_volume_is_never_on_the_disk_of_talos() -> None:
    wanted = volume("disk.transport == 'nvme'", maxSize="1GB")
    (before,) = check({"diskSelector": {"model": "APPLE*"}}, [], wanted).errors
    (after,) = check(None, [], wanted, system="/dev/nvme0n1").errors
    assert "the disk of Talos itself" in before
    assert "the disk of Talos itself" in after
    # EPHEMERAL's place is that disk
    assert check(None, [], volume("system_disk", "VolumeConfig", "EPHEMERAL"), system="/dev/nvme0n1").errors == []


def test_volumes_that_are_refused() -> None:
    assert "no disks matched" in check(None, [], volume("disk.model == 'x'", maxSize="1GB")).errors[0]
    assert "2 disks match" in check(None, [], volume("disk.size > 1u * GB", maxSize="1GB")).errors[0]
    assert "minSize 2TB is more" in check(None, [], volume("disk.transport == 'usb'", minSize="2TB")).errors[0]
    assert "disk selector is invalid" in check(None, [], volume("disk.foo == 1", maxSize="1GB")).errors[0]


def test_what_cannot_be_judged_is_a_warning() -> None:
    report = check(None, [], volume("disk.model.matches('T5')", maxSize="1GB"))
    assert report.errors == []
    assert "is not judged" in report.warnings[0]


def test_another_disk_than_the_installed_one_is_a_warning() -> None:
    report = check({"diskSelector": {"model": "APPLE*"}}, system="/dev/sda")
    assert report.errors == []
    assert "only on a new install" in report.warnings[0]


@pytest.mark.parametrize(
    "interface",
    [
        {"interface": "enp3s0f0"},
        {"interface": "lo"},
        {"interface": "bond0", "bond": {"interfaces": ["enp3s0f0"], "mode": "802.3ad"}},
        {"interface": "wg0", "wireguard": {}},
        {"interface": "gone", "ignore": True},
        {"deviceSelector": {"hardwareAddr": "38:F9:d3:*"}},
        {"deviceSelector": {"busPath": "0000:03*", "physical": True}},
    ],
)
def test_interfaces_that_are_there(interface: dict[str, Any]) -> None:
    assert check(None, [interface]).errors == []


@pytest.mark.parametrize(
    "interface",
    [
        {"interface": "eth0"},
        {"deviceSelector": {"driver": "igb"}},
        {"deviceSelector": {"physical": False, "busPath": "0*"}},
    ],
)
def test_interfaces_that_are_not_there(interface: dict[str, Any]) -> None:
    (message,) = check(None, [interface]).errors
    assert "the node has enp3s0f0 (38:f9:d3:00:51:01)" in message


DISK = st.fixed_dictionaries(
    {
        "dev_path": st.sampled_from([f"/dev/sd{letter}" for letter in "abcdef"]),
        "model": st.sampled_from(["A", "AB", "B", ""]),
        "size": st.integers(0, 2**40),
        "transport": st.sampled_from(["nvme", "usb", ""]),
        "readonly": st.booleans(),
        "cdrom": st.booleans(),
        "rotational": st.booleans(),
    }
)


@given(
    st.lists(DISK, max_size=5, unique_by=lambda disk: disk["dev_path"]),
    st.fixed_dictionaries(
        {}, optional={"model": st.sampled_from(["A", "A*", "*"]), "type": st.sampled_from(["nvme", "hdd"])}
    ),
)
def test_a_chosen_disk_is_the_only_usable_match(disks: list[dict[str, Any]], selector: dict[str, str]) -> None:
    report = hardware.check_hardware(config({"diskSelector": selector}), disks, {})
    assert bool(report.errors) != bool(report.chosen)
    if report.chosen:
        (disk,) = [one for one in disks if one["dev_path"] == report.chosen["install"]]
        assert disk["transport"] and not disk["readonly"] and not disk["cdrom"]
        assert selector.get("type") != "hdd" or disk["rotational"]
