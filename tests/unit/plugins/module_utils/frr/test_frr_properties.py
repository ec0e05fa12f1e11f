# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of the FRR editor over texts of any shape; the real programs judge its results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.frr import edit, lint, text
from ansible_collections.homeops.cluster.plugins.module_utils.frr.desired import Desired
from ansible_collections.homeops.cluster.plugins.module_utils.frr.view import view
from tests.unit.plugins.module_utils.frr import frr_samples as samples

COMMANDS = st.sampled_from(
    [
        *("router bgp 1", "neighbor 10.0.0.1 remote-as 2", "address-family ipv4", "route-map A permit 1"),
        *("match ip address prefix-list", "interface eth0", "ip address 1.1.1.1/8", "! x", "\ufeff"),
        *("exit end quit exit-address-family ip no n exi bgp neighbor router set".split()),
    ]
)
ANY = st.one_of(
    st.text(),
    st.binary().map(lambda raw: raw.decode("latin-1")),
    st.lists(st.tuples(COMMANDS, st.sampled_from(["\n", "\r\n", "\r", " ", "\x0b", "\u00a0"]))).map(
        lambda parts: "".join(word + end for word, end in parts)
    ),
)


@given(ANY)
def test_reading_and_writing_any_text_changes_nothing(raw: str) -> None:
    assert text.render(text.parse(raw)) == raw
    lint.lint(text.parse(raw))


def is_subsequence(parts: Iterable[str], whole: Iterable[str]) -> bool:
    rest = iter(whole)
    return all(part in rest for part in parts)


def lines_of(raw: str) -> list[str]:
    return [line.rstrip("\r\n") for line in text.split(raw)]


steps = st.lists(
    st.tuples(st.sampled_from(["present", "present", "absent"]), samples.declarations()), min_size=1, max_size=4
)


def contexts(raw: str, wanted: Iterable[str]) -> list[tuple[str, object]]:
    """Where the foreign lines act, in order; comments act nowhere."""
    names = set(wanted)
    return [
        (line.raw.rstrip("\r\n"), line.context)
        for line in text.parse(raw)
        if line.words and line.raw.rstrip("\r\n") in names
    ]


def take(kind: str, raw: str, desired: Desired) -> str:
    return edit.apply(raw, desired) if kind == "present" else edit.remove(raw, desired)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.samples(), steps)
def test_foreign_lines_stay_and_a_second_time_changes_nothing(sample: samples.Sample, taken: list) -> None:
    raw, exact = sample.text, False
    marked = [line for line in sample.foreign if not line.strip().startswith(("exit", "quit"))]
    before = contexts(raw, marked)
    for kind, desired in taken:
        raw = take(kind, raw, desired)
        exact = exact or (kind == "present" and desired.exact)
        assert take(kind, raw, desired) == raw
        assert is_subsequence(sample.foreign, lines_of(raw))
        if not exact:
            assert is_subsequence([line for line in sample.peers if line], lines_of(raw))
        after = contexts(raw, marked)
        assert is_subsequence(before, after)
        if "\r\n" in sample.text:
            assert all(line.endswith("\r\n") for line in text.split(raw)[:-1])


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(samples.samples(), samples.declarations())
def test_what_is_declared_is_what_the_text_says(sample: samples.Sample, desired: Desired) -> None:
    raw = edit.apply(sample.text, desired)
    lines = text.parse(raw)
    router = view(lines).routers[str(desired.asn)]
    assert not router.premature
    for peer in desired.peers:
        assert router.peers[peer.key].group == (peer.group or None)
        assert router.peers[peer.key].is_group == peer.is_group
        assert router.peers[peer.key].password == bool(peer.password)
    if desired.exact:
        assert set(router.peers) == {peer.key for peer in desired.peers}
        assert set(router.ranges) == set(desired.ranges)
    ours = edit.ours(lines, desired)
    faults = [fault for fault in lint.lint(lines) if fault.line in ours and fault.severity == "error"]
    assert not faults


@pytest.mark.skipif(not samples.VTYSH, reason="vtysh is not installed")
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(samples.samples(), steps)
def test_the_result_always_passes_vtysh(tmp_path: Path, sample: samples.Sample, taken: list) -> None:
    raw = sample.text
    assert samples.vtysh_faults(raw, tmp_path) == ""
    for kind, desired in taken:
        raw = take(kind, raw, desired)
    assert samples.vtysh_faults(raw, tmp_path) == ""


@pytest.mark.skipif(not samples.BGPD, reason="bgpd is not installed")
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(samples.samples(), steps)
def test_the_result_always_passes_bgpd(tmp_path: Path, sample: samples.Sample, taken: list) -> None:
    raw = sample.text
    assert samples.bgpd_faults(raw, tmp_path) == []
    for kind, desired in taken:
        raw = take(kind, raw, desired)
    assert samples.bgpd_faults(raw, tmp_path) == []
