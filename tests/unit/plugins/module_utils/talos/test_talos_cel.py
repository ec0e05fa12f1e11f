# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CEL disk selectors: what they match, what is refused, and that no text makes the judge crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos import cel

T5: dict[str, Any] = {
    "dev_path": "/dev/sda",
    "size": 10**12,
    "model": "Portable SSD T5",
    "serial": "S1",
    "transport": "usb",
    "symlinks": ["/dev/disk/by-id/usb-T5"],
}
APPLE: dict[str, Any] = {"dev_path": "/dev/nvme0n1", "size": 251000193024, "model": "APPLE SSD", "transport": "nvme"}


@pytest.mark.parametrize(
    ("text", "t5", "apple"),
    [
        ('disk.model == "Portable SSD T5"', True, False),
        ("disk.model != 'Portable SSD T5'", False, True),
        ("disk.size > 120u * GB", True, True),
        ("disk.size >= 1u * TB && disk.size <= 1u*TB", True, False),
        ("disk.size < 240u * GiB", False, True),
        ("glob('APPLE*', disk.model) || glob('*T5', disk.model)", True, True),
        ("glob('sd[a-z]', 'sda')", False, False),
        ("!system_disk", True, False),
        ("system_disk && !disk.rotational", False, True),
        ("disk.transport in ['nvme', 'mmc']", False, True),
        ("'/dev/disk/by-id/usb-T5' in disk.symlinks", True, False),
        ("!(disk.readonly || disk.cdrom) && (disk.transport == 'usb')", True, False),
        ("disk.wwid == ''", True, True),
        ("disk.model.startsWith('Portable') && disk.model.contains('SSD') && disk.model.endsWith('T5')", True, False),
        ("disk.size / 2u + 1u - 1u > 400u * GB", True, False),
        ("disk.size % 10u == 0u", True, False),
        ("7 / -2 == -3 && 7 % -2 == 1 && -7 % 2 == -1", True, True),
        ("'\\x41\\u0042\\103' == 'ABC' && r'\\n' != '\\n'", True, True),
        ("0x10u == 16u && 1e3 == 1000.0", True, True),
        ("true || 1u / 0u == 1u", True, True),
    ],
)
def test_matches(text: str, t5: bool, apple: bool) -> None:
    expression = cel.parse(text)
    assert expression.matches(T5) is t5
    assert expression.matches(APPLE, system_disk=True) is apple


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("disk.size > 120", "'_>_' applied to '(uint, int)'"),
        ("disk.modell == ''", "undefined field 'modell'"),
        ("disks.model == ''", "undeclared reference to 'disks'"),
        ("disk.model", "expression output type is string, expected bool"),
        ("disk.model = 'x'", "token recognition error"),
        ("(disk.rotational", "expected ')'"),
        ("disk.rotational disk.cdrom", "unexpected 'disk'"),
        ("!disk.model", "'!_' applied to '(string)'"),
        ("glob(disk.model)", "'glob' applied to '(string)'"),
        ("disk.size + 1 > 0u", "'_+_' applied to '(uint, int)'"),
        ("", "unexpected '<EOF>'"),
        ("disk.model in ['a', 'b'] && disk.size in ['a']", "'@in' applied to '(uint, list(string))'"),
        ("99999999999999999999u == 0u", "invalid uint literal"),
    ],
)
def test_what_cel_refuses(text: str, words: str) -> None:
    with pytest.raises(cel.CelInvalid) as refusal:
        cel.parse(text)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "disk.model.matches('^A.*')",
        "size(disk.symlinks) > 0",
        "disk.rotational ? true : false",
        "disk.symlinks.exists(s, s == 'x')",
        "disk.symlinks[0] == 'x'",
        "has(disk.model)",
        "'''x''' == 'x'",
        "{'a': 1} == {'a': 1}",
    ],
)
def test_what_is_not_judged_says_so(text: str) -> None:
    with pytest.raises(cel.CelUnsupported):
        cel.parse(text)


def test_overflow_is_an_error_of_cel() -> None:
    with pytest.raises(cel.CelInvalid, match="overflow"):
        cel.parse("disk.size - 2u * TB > 0u").matches(T5)
    with pytest.raises(cel.CelInvalid, match="division by zero"):
        cel.parse("disk.size / 0u > 0u").matches(T5)


WORDS = "disk . model size == != && || ! ( ) 'x' 1u 2 GB in [ ] , glob system_disk true + * < ? - / rotational".split()


@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
@example("!" * 500 + "true")
@example("(" * 500)
def test_any_words_are_judged_or_refused(text: str) -> None:
    try:
        expression = cel.parse(text)
        assert expression.matches(T5) in (True, False)
    except cel.CelError:
        return


@given(st.text(max_size=60))
def test_any_text_is_judged_or_refused(text: str) -> None:
    try:
        cel.parse(text)
    except cel.CelError:
        return


TERMS = st.recursive(
    st.sampled_from(["true", "false", "system_disk", "disk.rotational", "disk.size > 1u * TB", "disk.model == 'x'"]),
    lambda inner: st.one_of(
        inner.map(lambda a: f"!({a})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) && ({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) || ({pair[1]})"),
    ),
    max_leaves=12,
)


@given(TERMS, TERMS, st.booleans())
def test_de_morgan(a: str, b: str, system: bool) -> None:
    left = cel.parse(f"!(({a}) && ({b}))")
    right = cel.parse(f"!({a}) || !({b})")
    assert left.matches(T5, system_disk=system) is right.matches(T5, system_disk=system)


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=8))
def test_glob_is_a_subsequence_of_its_parts(pattern: str, text: str) -> None:
    assert cel.glob("*", text)
    assert cel.glob(text, text)
    if cel.glob(pattern, text):
        rest = text
        for part in pattern.split("*"):
            assert part in rest
            rest = rest[rest.index(part) + len(part) :]
