# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reset takes and what it refuses, and where an upgrade may go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos import reset_plan, upgrade_plan
from ansible_collections.homeops.cluster.plugins.module_utils.talos.reset_plan import Machine, Request, Volume
from ansible_collections.homeops.cluster.plugins.module_utils.talos.upgrade_plan import Running

MACHINE = Machine("mini02", "5f0c4a3e-0000-4000-8000-000000000002", "C07XK0AAJYVX")
VOLUMES = [
    Volume("EPHEMERAL", "/dev/nvme0n1", "C0700002AP256M", 10),
    Volume("STATE", "/dev/nvme0n1", "C0700002AP256M", 1),
    Volume("u-longhorn-ssd", "/dev/sda", "1234567A0002", 100),
]
RIGHT = Request("mini02", "mini02", "C07XK0AAJYVX")
STAKE = {"longhorn": "3 replicas of Longhorn in /var/lib/longhorn"}


def refusals(request: Request, machine: Machine = MACHINE, stake: dict[str, str] | None = None) -> str:
    return "; ".join(reset_plan.plan(request, machine, VOLUMES, stake or {}).refusals)


def test_the_right_node_loses_its_state_and_keeps_the_rest() -> None:
    found = reset_plan.plan(RIGHT, MACHINE, VOLUMES, {})
    assert (found.labels, found.refusals) == (("STATE",), ())
    assert [volume.label for volume in found.kept] == ["EPHEMERAL", "u-longhorn-ssd"]
    assert not refusals(replace(RIGHT, hardware_id=MACHINE.uuid.upper()))


@pytest.mark.parametrize(
    ("request_", "machine", "text"),
    [
        (replace(RIGHT, confirm=""), MACHINE, "confirm is empty: name it twice"),
        (replace(RIGHT, confirm="mini01"), MACHINE, "confirm says 'mini01'"),
        (replace(RIGHT, hardware_id=""), MACHINE, "serial C07XK0AAJYVX"),
        (replace(RIGHT, hardware_id="C07XXXXXXXXX"), MACHINE, "is not this machine's"),
        (RIGHT, replace(MACHINE, hostname="mini03"), "calls itself mini03, not mini02"),
        (replace(RIGHT, wipe=["STATE", "META"]), MACHINE, "META is none of STATE, EPHEMERAL"),
        (replace(RIGHT, wipe=["EFI"]), MACHINE, "EFI is none of"),
        (replace(RIGHT, wipe=[]), MACHINE, "that would be the whole system disk"),
        (replace(RIGHT, wipe=["u-longhorn-ssd"]), MACHINE, "name it in user_volumes with the serial number"),
        (replace(RIGHT, user_volumes={"longhorn-ssd": "other"}), MACHINE, "serial number 1234567A0002, and other is"),
        (replace(RIGHT, user_volumes={"longhorn-ssd": ""}), MACHINE, "and none is named"),
        (replace(RIGHT, user_volumes={"media": "x"}), MACHINE, "no user volume media; it has longhorn-ssd"),
    ],
)
def test_what_is_refused(request_: Request, machine: Machine, text: str) -> None:
    assert text in refusals(request_, machine)


def test_a_user_volume_goes_only_with_its_disks_serial() -> None:
    found = reset_plan.plan(replace(RIGHT, user_volumes={"longhorn-ssd": "1234567A0002"}), MACHINE, VOLUMES, {})
    assert (found.labels, found.refusals) == (("STATE", "u-longhorn-ssd"), ())


def test_what_lies_on_ephemeral_must_be_given_up_by_name() -> None:
    both = replace(RIGHT, wipe=["STATE", "EPHEMERAL"])
    assert "say accept_loss: [longhorn] to lose it" in refusals(both, stake=STAKE)
    assert not refusals(replace(both, accept_loss=["longhorn"]), stake=STAKE)
    assert not refusals(RIGHT, stake=STAKE)
    assert not refusals(both)


def test_what_is_at_stake() -> None:
    assert reset_plan.at_stake({"/var/lib/longhorn/replicas": ["a", "b"], "/var/local": ["."]}) == {
        "longhorn": "2 replicas of Longhorn in /var/lib/longhorn"
    }
    assert "pv1" in reset_plan.at_stake({"/var/local": [".", "pv1"]})["local"]
    assert reset_plan.at_stake({}) == {}


words = st.lists(st.sampled_from(["STATE", "EPHEMERAL", "META", "EFI", "BOOT", "u-longhorn-ssd", ""]), max_size=4)


@given(
    words,
    st.dictionaries(st.sampled_from(["longhorn-ssd", "media"]), st.sampled_from(["1234567A0002", ""])),
    st.booleans(),
)
def test_whatever_is_asked_for_only_named_partitions_go(wipe: list[str], users: dict[str, str], lost: bool) -> None:
    """Without a refusal the labels are never empty, never META, and a user volume only by its disk's serial."""
    asked = replace(RIGHT, wipe=wipe, user_volumes=users, accept_loss=["longhorn"] if lost else [])
    found = reset_plan.plan(asked, MACHINE, VOLUMES, STAKE)
    if found.refusals:
        return
    assert found.labels
    assert set(found.labels) <= {"STATE", "EPHEMERAL", "u-longhorn-ssd"}
    assert ("u-longhorn-ssd" in found.labels) == (users.get("longhorn-ssd") == "1234567A0002")
    assert "EPHEMERAL" not in found.labels or lost


ID, OTHER = "ced7" * 16, "0123" * 16


def image(version: str, schematic: str = ID) -> str:
    return f"factory.talos.dev/installer/{schematic}:{version}"


def test_installer_references_are_taken_apart() -> None:
    found = upgrade_plan.image(image("v1.10.9"))
    assert found and (found.version, found.schematic) == ("v1.10.9", ID)
    plain = upgrade_plan.image("ghcr.io/siderolabs/installer:v1.10.9")
    assert plain and plain.schematic == ""
    assert upgrade_plan.image("registry.example.org:5000/installer:v1.10.9")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "factory.talos.dev/installer/x",
        "https://factory.talos.dev/image/x/v1.10.9/metal-amd64.raw.xz",
        "a b:v1.10.9",
    ],
)
def test_what_is_no_reference(reference: str) -> None:
    assert upgrade_plan.image(reference) is None


@pytest.mark.parametrize(
    ("running", "wanted", "schematic", "needed", "refusal"),
    [
        ("v1.10.5", "v1.10.9", ID, True, ""),
        ("v1.10.5", "v1.11.0", ID, True, ""),
        ("v1.10.5", "v1.10.5", ID, False, ""),
        ("v1.10.5", "v1.10.5", OTHER, True, ""),
        ("v1.10.5", "v1.12.0", ID, True, "more than one minor release"),
        ("v1.10.5", "v2.0.0", ID, True, "more than one minor release"),
        ("v1.10.5", "v1.10.4", ID, True, "is older than the running"),
        ("v1.10.5", "v1.9.9", ID, True, "is older than the running"),
        ("unknown", "v1.10.9", ID, True, "cannot be compared"),
    ],
)
def test_where_an_upgrade_may_go(running: str, wanted: str, schematic: str, needed: bool, refusal: str) -> None:
    target = upgrade_plan.image(image(wanted, schematic))
    assert target
    found = upgrade_plan.plan(Running(running, ID), target)
    assert found.needed is needed
    assert (refusal in found.refusal) if refusal else not found.refusal
    assert bool(found.why) is needed
