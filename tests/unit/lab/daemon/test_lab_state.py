# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's directory and net."""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path

import pytest

from lab.state import LabError, LabState, door_address, lab_net


def test_the_directory_is_private_and_goes_as_a_whole(tmp_path: Path) -> None:
    state = LabState(tmp_path / "lab")
    assert not state.exists()
    state.create()
    state.write(state.record, "{}")
    for path, mode in ((state.root, 0o700), (state.logs, 0o700), (state.record, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert state.exists()
    state.remove()
    assert not state.root.exists()


def test_a_directory_with_other_things_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    state = LabState(tmp_path)
    with pytest.raises(LabError, match="is not empty and is not a lab's directory"):
        state.create()
    state.remove()
    assert (tmp_path / "thesis.txt").exists()


def test_the_directory_comes_from_the_environment_or_the_checkout(tmp_path: Path) -> None:
    assert LabState.from_environment({"HOMEOPS_LAB_DIR": str(tmp_path / "x")}).root == tmp_path / "x"
    assert LabState.from_environment({}).root.name == ".lab"
    assert (LabState.from_environment({}).root.parent / "galaxy.yml").exists()


def test_a_lock_is_held_by_one_and_survives_the_removal_of_its_directory(tmp_path: Path) -> None:
    state, order = LabState(tmp_path / "lab"), []

    def second() -> None:
        with state.lock("l"):
            order.append("second")

    with state.lock("l"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.15)
        order.append("first")
        state.remove()
    thread.join(60)
    assert order == ["first", "second"]
    assert state.exists()


def test_a_lock_that_is_held_is_an_error_after_the_timeout(tmp_path: Path) -> None:
    state = LabState(tmp_path / "lab")
    with state.lock("l"), pytest.raises(LabError, match="Another process has held"), state.lock("l", timeout=0.1):
        pass


@pytest.mark.parametrize("net", ["10.0", "127", "127.256", "127.1.2", "127.-1", "localhost"])
def test_a_net_that_is_not_loopback_is_refused(net: str) -> None:
    with pytest.raises(LabError, match="HOMEOPS_LAB_NET must be 127"):
        lab_net({"HOMEOPS_LAB_NET": net})


def test_addresses_of_the_home_become_addresses_of_the_net() -> None:
    assert lab_net({}) == "127.29"
    assert door_address("172.29.51.10", lab_net({"HOMEOPS_LAB_NET": "127.61"})) == "127.61.51.10"
    assert door_address("10.172.29.1", "127.61") == "10.172.29.1"
