# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's copy differs from the stored text by added lines only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lab.bgp.adapt import daemon_text


def without_additions(text: str) -> list[str]:
    """The lines that were there before; what is added is easily told from the words of :data:`WORDS`."""
    lines = text.removesuffix("\n").split("\n")
    return [line for line in lines if not line.endswith(" timers connect 1") and "update-source" not in line]


def test_each_way_to_declare_a_neighbour_is_followed_by_its_source() -> None:
    text = "\n".join(
        [
            "router bgp 64513",
            " neighbor V4 peer-group",
            " neighbor V4 remote-as 64512",
            " neighbor 172.29.51.11 peer-group V4",
            "  neigh 172.29.51.12 remote 64512",
            " neighbor fd47:25e1:2f96:51::13 remote-as 64512",
        ]
    )
    lines = daemon_text(text).splitlines()
    assert "V4 update-source" not in daemon_text(text)
    assert lines[4:6] == [
        " neighbor 172.29.51.11 update-source 172.29.51.1",
        " neighbor 172.29.51.11 timers connect 1",
    ]
    assert lines[7] == " neighbor 172.29.51.12 update-source 172.29.51.1"
    assert lines[10] == " neighbor fd47:25e1:2f96:51::13 update-source fd47:25e1:2f96:51::1"


def test_a_later_connect_timer_does_not_win() -> None:
    text = "router bgp 1\n neighbor 172.29.51.11 remote-as 2\n neighbor 172.29.51.11 timers connect 120\n"
    assert daemon_text(text).splitlines()[-1] == " neighbor 172.29.51.11 timers connect 1"
    assert daemon_text(" neighbor 172.29.51.11 timers 3 9\n") == " neighbor 172.29.51.11 timers 3 9\n"


def test_what_is_disabled_has_no_router() -> None:
    assert "router bgp" not in daemon_text("router bgp 64513\n", enabled=False)


WORDS = st.sampled_from(["neighbor", "172.29.51.11", "V4", "remote-as", "64512", "!", "activate", "fd47::2", "x\r"])
LINES = st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=12).map("\n".join)


@given(LINES)
def test_nothing_that_was_posted_is_lost_or_changed(text: str) -> None:
    assert without_additions(daemon_text(text)) == without_additions(text)


@pytest.mark.skipif(not shutil.which("vtysh"), reason="vtysh (Debian package frr) is not installed")
def test_frr_takes_every_added_line(tmp_path: Path) -> None:
    text = (
        "router bgp 64513\n neighbor V4 peer-group\n neighbor V4 remote-as 64512\n"
        " neighbor 172.29.51.11 peer-group V4\n address-family ipv4 unicast\n  neighbor V4 activate\n"
        " exit-address-family\n neighbor 172.29.51.12 remote-as 64512\n"
    )
    config = tmp_path / "bgpd.conf"
    config.write_text(daemon_text(text))
    (tmp_path / "vtysh.conf").touch()
    command = ["vtysh", "--config_dir", str(tmp_path), "--vty_socket", str(tmp_path), "-C", "-f", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
