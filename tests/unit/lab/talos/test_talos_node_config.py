# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine configs in the node: encoding, diffs, durations, selectors. Expected texts come from the real talosctl."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from lab.talos import cel, diff, documents, durations, goyaml, hardware, immediate, schema, validation
from lab.talos.spec import Disk, default_disks, schematic_id

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=30)
# yaml.v3 gives a block that starts with white space a hint which is wrong inside of lists; the node does as it does.
TEXT = TEXT.filter(lambda text: "\n" not in text or text[0] not in " \n\t")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda k: "\n" not in k), inner, max_size=4)
    ),
    max_leaves=12,
)


def _construct(node: yaml.Node) -> Any:
    return schema.Decoder().free(node)


@given(VALUES)
def test_what_is_written_reads_back(value: Any) -> None:
    node = yaml.compose(goyaml.dump(value), Loader=yaml.SafeLoader)
    assert _construct(node) == value


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_a_diff_turns_one_text_into_the_other(left: list[str], right: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (left, right))
    text = diff.unified(before, after)
    assert (text == "") == (before == after)
    result, position = [], 0
    for line in text.splitlines()[2:]:
        head = re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)", line)
        if head:
            start = int(head[1]) - 1
            result += left[position:start]
            position = start
        elif line[0] == "+":
            result.append(line[1:])
        else:
            assert left[position] == line[1:]
            if line[0] == " ":
                result.append(line[1:])
            position += 1
    assert result + left[position:] == right


def test_a_large_difference_is_quick() -> None:
    before = "".join(f"line {n}\n" for n in range(50))
    manifest = "".join(f"manifest {n}\n" for n in range(4000))
    text = diff.unified(before, before + manifest)
    assert text.startswith("--- a\n+++ b\n@@ -48,3 +48,4003 @@\n line 47\n")
    assert text.count("\n+manifest ") == 4000


@given(st.integers(0, 10**15))
def test_durations_read_back(nanos: int) -> None:
    assert round(durations.parse_go(durations.format_go(nanos / 1e9)) * 1e9) == pytest.approx(nanos, abs=1000)


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1m0s"), (90, "1m30s"), (3600, "1h0m0s"), (1.5, "1.5s"), (0.2, "200ms"), (0, "0s")]
)
def test_go_durations(seconds: float, text: str) -> None:
    assert durations.format_go(seconds) == text


# The right sides are what `talosctl machineconfig patch` v1.10.5 printed.
@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("null", 'k: "null"'),
        ("5", 'k: "5"'),
        ("2020-01-01", 'k: "2020-01-01"'),
        ("y", 'k: "y"'),
        ("- dash", "k: '- dash'"),
        ("plain # comment", "k: 'plain # comment'"),
        ("a: b", "k: 'a: b'"),
        ("a:b", "k: a:b"),
        ("12:30:45", 'k: "12:30:45"'),
        ("0o7", 'k: "0o7"'),
        ("", 'k: ""'),
    ],
)
def test_scalars(value: str, line: str) -> None:
    assert goyaml.dump({"k": value}) == line + "\n"


def test_the_absent_and_the_empty() -> None:
    """A pointer to nothing is not nothing, a zero scalar is."""
    base = documents.parse(b"machine: {type: worker, token: a}\ncluster: {}\n")
    for text, needs in (
        (b"machine: {type: worker, token: a, udev: {}}\ncluster: {}\n", True),
        (b"machine: {type: worker, token: a, env: {}}\ncluster: {}\n", True),
        (b"machine: {type: worker, token: a, install: {disk: /dev/sda}}\ncluster: {id: x}\n", False),
        (b"version: ''\nmachine: {type: worker, token: a}\ncluster: {}\n", False),
        (b"machine: {type: worker, token: b}\ncluster: {}\n", True),
    ):
        assert bool(immediate.obstacle(base, documents.parse(text))) is needs, text


def test_only_the_rebooting_part_is_in_the_refusal() -> None:
    base = documents.parse(b"machine: {type: worker, token: a}\ncluster: {}\n")
    new = documents.parse(b"machine: {type: worker, token: a, sysctls: {x: y}, env: {A: b}}\ncluster: {id: q}\n")
    text = immediate.obstacle(base, new)
    assert "+    env:" in text
    assert "sysctls" not in text
    assert "id:" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "config not found"),
        (b"apiVersion: v1alpha1\nkind: Foo\n", '"Foo" "v1alpha1": not registered'),
        (b"apiVersion: v2\n", "missing kind"),
        (b"machine: {bogus: 1}\n", "unknown keys found during decoding:\nmachine:\n    bogus: 1\n"),
        (
            b"machine:\n  install:\n    wipe: abc\n",
            "error decoding  to *v1alpha1.Config: yaml: unmarshal errors:\n"
            "  line 3: cannot unmarshal !!str `abc` into bool",
        ),
        (b"machine: {}\n---\nmachine: {}\n", "duplicate document /v1alpha1/ is not allowed"),
    ],
)
def test_decode_errors(text: bytes, message: str) -> None:
    with pytest.raises(documents.ConfigError) as caught:
        documents.parse(text)
    assert str(caught.value) == message


def test_several_errors_are_one_list(talos_config: Any) -> None:
    data = talos_config(cluster__id=None, cluster__secret=None, machine__ca=None, persist=False)
    with pytest.raises(validation.Invalid) as caught:
        validation.validate(documents.parse(data), installed=False)
    assert str(caught.value) == (
        "5 errors occurred:\n\t* cluster discovery service requires .cluster.id\n"
        "\t* cluster discovery service requires .cluster.secret\n"
        "\t* issuing CA or some accepted CAs are required (.machine.ca, machine.acceptedCAs)\n"
        "\t* issuing CA is required (.machine.ca)\n\t* .persist should be enabled\n\n"
    )


def test_selectors() -> None:
    disks = default_disks()
    assert [disk.name for disk in hardware.select(disks, {"model": "APPLE*"})] == ["nvme0n1"]
    assert [disk.name for disk in hardware.select(disks, {"size": ">= 500GB"})] == ["sda"]
    assert [disk.name for disk in hardware.select(disks, {"type": "ssd"})] == ["nvme0n1", "sda"]
    assert not hardware.select([Disk("sr0", 1, "CD", "sata", cdrom=True)], {})
    expression = 'disk.transport == "usb" && disk.size > 120u * GB && !system_disk'
    names = {"disk": {"transport": "usb", "size": 10**12}, "system_disk": False}
    assert cel.matches(expression, names)
    assert not cel.matches(expression, {**names, "system_disk": True})
    # as talosctl v1.10.5 validate prints it
    assert (
        cel.problem("disk.modell == 1") == "ERROR: <input>:1:5: undefined field 'modell'\n | disk.modell == 1\n | ....^"
    )


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("ghcr.io/siderolabs/installer:v1.10.5", "v1.10.5"),
        (f"factory.talos.dev/installer/{'a' * 64}:v1.10.6", "v1.10.6"),
        (f"factory.talos.dev/metal-installer-secureboot/{'a' * 64}:v1.11.0", "v1.11.0"),
    ],
)
def test_installer_references(reference: str, version: str) -> None:
    assert hardware.read_image(reference).version == version


@pytest.mark.parametrize(
    "reference", ["https://factory.talos.dev/image/x/metal.tar.gz", "ghcr.io/siderolabs/talos:v1.10.5", "installer"]
)
def test_no_installer(reference: str) -> None:
    with pytest.raises(hardware.ImageError):
        hardware.read_image(reference)


def test_schematic_ids() -> None:
    """The Image Factory's published ids."""
    assert schematic_id([]) == "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
    extensions = ["siderolabs/drbd", "siderolabs/zfs"]
    assert schematic_id(extensions) == "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612"
