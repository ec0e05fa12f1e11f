# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user volume and what is on its disk: as Talos decides it, and never a disk that somebody has to think about."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents, goyaml, hardware, volumes

TB, GB, MIB = 1000**4, 1000**3, 1024**2
DISK: dict[str, Any] = {
    "dev_path": "/dev/sda",
    "size": TB,
    "pretty_size": "1.0 TB",
    "sector_size": 512,
    "model": "Portable SSD T5",
    "serial": "S1",
    "transport": "usb",
}
OTHER: dict[str, Any] = {"dev_path": "/dev/nvme0n1", "size": 251 * GB, "model": "APPLE", "transport": "nvme"}
FULL = TB - 2 * MIB


def whole(name: str = "", path: str = "/dev/sda", **more: Any) -> dict[str, Any]:
    return {"dev_path": path, "type": "disk", "size": TB, "name": name, **more}


def part(index: int, size: int, label: str = "", name: str = "", parent: str = "/dev/sda", **more: Any) -> Any:
    return {
        "dev_path": f"{parent}{index}",
        "type": "partition",
        "parent": parent.removeprefix("/dev/"),
        "parent_dev_path": parent,
        "size": size,
        "name": name,
        "partition_label": label,
        "partition_index": index,
        **more,
    }


def judged(*discovered: Any, match: str = 'disk.model == "Portable SSD T5"', **changes: Any) -> hardware.Report:
    """The report of a config with one volume; ``changes`` are sizes and further keys of the document."""
    sizes = {key: changes.pop(key) for key in ("minSize", "maxSize", "grow") if key in changes}
    volume = {"kind": "UserVolumeConfig", "name": "longhorn-ssd", **changes}
    volume["provisioning"] = {"diskSelector": {"match": match}, **(sizes or {"maxSize": "1TB"})}
    config = documents.decode(goyaml.dump({"apiVersion": "v1alpha1", **volume}))
    return hardware.check_hardware(config, [OTHER, DISK], {}, discovered=discovered)


@pytest.mark.parametrize(
    ("discovered", "sizes"),
    [
        pytest.param([whole()], {}, id="blank"),
        pytest.param([whole()], {"minSize": "999GB"}, id="blank and large enough"),
        pytest.param([], {}, id="not probed"),
        pytest.param([whole("gpt")], {}, id="an empty table"),
        pytest.param([whole("gpt"), part(1, 200 * GB, "old")], {"minSize": "500GB", "maxSize": "700GB"}, id="room"),
        pytest.param([whole("gpt"), part(1, FULL, "u-longhorn-ssd", "xfs")], {}, id="our own"),
        pytest.param([whole("gpt"), part(1, FULL, "u-longhorn-ssd")], {}, id="our own, not formatted yet"),
        pytest.param([whole("gpt"), part(1, FULL, "u-longhorn-ssd", "xfs")], {"minSize": "900GB"}, id="own and full"),
        pytest.param([whole(), whole("xfs", "/dev/nvme0n1")], {}, id="what is on another disk"),
    ],
)
def test_disks_that_talos_takes(discovered: list[Any], sizes: dict[str, Any]) -> None:
    report = judged(*discovered, **sizes)
    assert report.findings == []
    assert report.chosen == {"longhorn-ssd": "/dev/sda"}


@pytest.mark.parametrize(
    ("discovered", "changes", "words"),
    [
        pytest.param(
            [whole("vfat", label="SAMSUNG")], {}, 'it holds vfat "SAMSUNG" on the whole disk', id="filesystem"
        ),
        pytest.param([whole("lvm2-pv")], {}, "it holds lvm2-pv on the whole disk", id="of an LVM"),
        pytest.param(
            [whole("gpt"), part(1, FULL, "Basic data partition", pretty_size="1.0 TB")],
            {},
            'a GPT table with /dev/sda1 (unknown content "Basic data partition", 1.0 TB), which leaves',
            id="as it is sold, with GPT",
        ),
        pytest.param(
            [whole("gpt"), part(1, 100 * MIB, "EFI", "vfat"), part(2, FULL - 100 * MIB, "EPHEMERAL", "xfs")],
            {},
            '/dev/sda1 (vfat "EFI", 105 MB), /dev/sda2 (xfs "EPHEMERAL", 1000 GB), which leaves',
            id="of an old cluster",
        ),
        pytest.param(
            [whole("gpt"), part(1, 600 * GB, "old")],
            {"minSize": "500GB", "grow": True},
            "which leaves 400 GB, too little for minSize 500GB",
            id="too little room",
        ),
        pytest.param(
            [whole("gpt", probed_size=TB - 67 * 512), part(1, TB - 10 * MIB, "u-other", "xfs")],
            {},
            "too little for any volume",
            id="another volume has it all",
        ),
        pytest.param([whole(), part(1, FULL)], {}, "Talos does not know its partition table", id="MBR"),
        pytest.param(
            [whole("gpt"), part(1, FULL, "u-longhorn-ssd", "ext4")],
            {},
            "mismatch: ext4 != xfs",
            id="another filesystem",
        ),
        pytest.param(
            [whole("gpt"), part(1, FULL, "u-longhorn-ssd", "luks")], {}, "mismatch: luks != xfs", id="encrypted before"
        ),
    ],
)
def test_disks_on_which_the_volume_would_fail(discovered: list[Any], changes: dict[str, Any], words: str) -> None:
    report = judged(*discovered, **changes)
    (message,) = report.errors
    assert message.startswith("UserVolumeConfig longhorn-ssd: /dev/sda")
    assert words in message
    assert "Portable SSD T5" in message and "serial S1" in message
    (remedy,) = report.remedies
    assert "/dev/sda" in remedy and "Nothing wipes it for you" in remedy and "BlockDeviceWipe" in remedy


def test_an_encrypted_volume_of_ours_is_known() -> None:
    provider = {"provider": "luks2", "keys": [{"slot": 0, "nodeID": {}}]}
    assert judged(whole("gpt"), part(1, FULL, "u-longhorn-ssd", "luks"), encryption=provider).findings == []
    assert "xfs != luks" in judged(whole("gpt"), part(1, FULL, "u-longhorn-ssd", "xfs"), encryption=provider).errors[0]


def test_a_blank_disk_needs_room_for_its_table_too() -> None:
    assert "beside its table" in judged(whole(), minSize="1TB").errors[0]
    assert judged(whole(), minSize="1TB", maxSize="2TB").errors
    assert "is more than" in judged(whole(), minSize="2TB").errors[0]


def test_a_volume_that_would_only_be_smaller_is_told() -> None:
    report = judged(whole("gpt"), part(1, 800 * GB, "old", "xfs"), maxSize="900GB")
    (message,) = report.warnings
    assert "no more than the 200 GB that are left" in message
    assert report.errors == [] and report.chosen == {"longhorn-ssd": "/dev/sda"}
    # without maxSize the volume takes what there is, and the whole disk was meant
    assert judged(whole("gpt"), part(1, 800 * GB, "old", "xfs"), minSize="1GB").warnings


def test_the_label_decides_before_the_selector_does() -> None:
    report = judged(whole("vfat"), whole("gpt", "/dev/sdb"), part(1, FULL, "u-longhorn-ssd", "xfs", "/dev/sdb"))
    assert report.errors == []
    assert "Talos takes /dev/sdb1" in report.warnings[0]


def test_the_states_of_volumes() -> None:
    config = documents.decode(
        goyaml.dump({"apiVersion": "v1alpha1", "kind": "UserVolumeConfig", "name": "a", "provisioning": {}})
    )
    assert volumes.wanted(config) == ["a"]
    found = volumes.states(["a", "b"], {"u-a": {"phase": "failed", "errorMessage": "no disks matched for volume"}})
    assert [str(one) for one in found] == ["u-a is failed: no disks matched for volume", "u-b is absent"]
