# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping: quickly, twice, side by side, and with everything killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import process
from tests.harness.lab import CHECKOUT, Lab

INVENTORY = CHECKOUT / "inventories" / "lab" / "00-start-lab.py"
MakeLab = Callable[[str], Lab]


def owned(lab: Lab) -> list[int]:
    return process.processes_of(str(lab.directory.resolve()))


def listens(address: str, port: int = 50000) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def nothing_left(lab: Lab) -> bool:
    deadline = time.monotonic() + 5
    while (owned(lab) or listens(f"{lab.net}.51.11")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not owned(lab) and not listens(f"{lab.net}.51.11") and not lab.directory.exists()


def test_up_says_how_long_it_took_and_down_leaves_nothing(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    shown = lab.command("up").stdout
    assert re.match(r"The lab is up after \d+\.\d s\.\n", shown)
    for number in (1, 2, 3):
        assert listens(f"127.62.51.{10 + number}")
        assert f"127.62.51.{10 + number}:50000" in shown
        assert not listens(f"127.62.51.{10 + number}", 6443)
    assert "maintenance" in shown
    for path in [lab.directory, *lab.directory.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert lab.command("down").stdout == "The lab is stopped.\n"
    assert nothing_left(lab)
    assert "No lab runs" in lab.command("down").stdout


def test_a_second_up_says_that_it_runs_and_if_needed_does_not(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    pid = lab.status()["pid"]
    assert f"already running (pid {pid})" in lab.command("up").stdout
    assert "already running" not in lab.command("up", "--if-needed").stdout
    assert lab.command("up", "--if-needed", "--quiet").stdout == ""
    assert lab.status()["pid"] == pid


def test_status_without_a_lab(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    done = lab.command("status", check=False)
    assert (done.returncode, "No lab runs" in done.stdout) == (3, True)
    assert json.loads(lab.command("status", "--json", check=False).stdout)["running"] is False
    done = lab.command("fault", "mini01", "die", check=False)
    assert done.returncode == 1
    assert "No lab runs" in done.stderr


def test_a_killed_daemon_leaves_no_child_and_up_starts_afresh(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    pid = lab.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while owned(lab) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert owned(lab) == []
    assert lab.command("status", check=False).returncode == 3
    lab.up()
    assert lab.status()["pid"] != pid
    os.kill(lab.status()["pid"], signal.SIGKILL)
    assert lab.command("down").stdout == "The lab is stopped.\n"
    assert nothing_left(lab)


@pytest.mark.parametrize("after", [0.0, 0.1, 0.25, 0.5])
def test_a_killed_launcher_leaves_nothing_that_down_does_not_find(make_lab: MakeLab, after: float) -> None:
    lab = make_lab("127.62")
    launcher = subprocess.Popen(
        [sys.executable, "-m", "lab", "up"], cwd=CHECKOUT, env=lab.env(), stdout=subprocess.DEVNULL
    )
    time.sleep(after)
    launcher.kill()
    launcher.wait()
    lab.command("down")
    time.sleep(0.3)
    assert nothing_left(lab)


def test_a_daemon_that_hangs_is_ended(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    os.kill(lab.status()["pid"], signal.SIGSTOP)
    lab.command("down")
    assert nothing_left(lab)


def test_processes_of_nobody_and_of_other_labs_survive(make_lab: MakeLab) -> None:
    first, second = make_lab("127.62"), make_lab("127.63")
    first.up()
    second.up()
    # A user's shell has the lab's variables and is still no process of the lab.
    bystander = subprocess.Popen(["sleep", "60"], env=first.env())
    try:
        pid = second.status()["pid"]
        assert listens("127.63.51.11")
        first.down()
        assert nothing_left(first)
        assert bystander.poll() is None
        assert second.status()["pid"] == pid
        assert listens("127.63.51.11")
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("port", [50000, 6443])
def test_an_address_in_use_is_one_sentence(make_lab: MakeLab, port: int) -> None:
    lab = make_lab("127.62")
    with socket.socket() as taken:
        taken.bind(("127.62.51.12", port))
        taken.listen(1)
        done = lab.command("up", check=False)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"127.62.51.12:{port} is already in use" in done.stderr
    assert "HOMEOPS_LAB_NET" in done.stderr
    assert owned(lab) == []


def test_another_net_for_a_lab_that_runs_is_refused(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    environment = {**lab.env(), "HOMEOPS_LAB_NET": "127.63"}
    done = subprocess.run(
        [sys.executable, "-m", "lab", "up"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "runs on 127.62, not on 127.63" in done.stderr


def test_a_wrong_scenario_starts_nothing(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab("127.62")
    scenario = tmp_path / "s.yml"
    scenario.write_text("delays: {talos: {instal: 1}}")
    done = lab.command("up", "--scenario", str(scenario), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("lab: the scenario")
    assert "did you mean 'install'?" in done.stderr
    assert not lab.directory.exists()


def test_a_scenario_is_changed_at_run_time(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    lab.command("fault", "delays.talos.install", "7.5")
    status = json.loads(lab.command("status", "--json").stdout)
    assert status["delays"]["talos"]["install"] == 7.5
    assert status["delays"]["cold_run"]["talos.install"] == 7.5
    lab.command("fault", "mini02", "missing_disks", '["sda"]')
    assert lab.status()["faults"]["nodes"] == {"mini02": {"missing_disks": ["sda"]}}
    refused = lab.command("fault", "mini02", "missing_disk", "sda", check=False)
    assert "did you mean 'missing_disks'?" in refused.stderr
    assert "must be a list" in lab.command("fault", "mini02", "missing_disks", "sda", check=False).stderr
    assert "There is no node 'mini09'" in lab.command("fault", "mini09", "die", check=False).stderr
    lab.command("fault", "--clear")
    assert json.loads(lab.command("fault", "--list").stdout)["nodes"] == {}


def test_power(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    lab.up()
    lab.command("fault", "mini02", "die")
    assert not listens("127.62.51.12")
    assert lab.nodes()["mini02"]["powered"] is False
    assert lab.command("power", "on", "mini02").stdout == "mini02 is on (maintenance).\n"
    assert listens("127.62.51.12")


def test_the_inventory_starts_the_lab_once_and_says_where_it_is(make_lab: MakeLab) -> None:
    lab = make_lab("127.62")
    assert os.access(INVENTORY, os.X_OK)

    def run(**extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(INVENTORY), "--list"],
            env=lab.env(**extra),
            capture_output=True,
            text=True,
            check=False,
        )

    places = {"homeops_lab_net": "127.62", "homeops_lab_dir": str(lab.directory)}

    def told(doors: dict[str, str]) -> str:
        hosts = {name: {"ansible_host": address} for name, address in doors.items()}
        return json.dumps({"all": {"hosts": list(hosts), "vars": places}, "_meta": {"hostvars": hosts}}) + "\n"

    assert (run(HOMEOPS_LAB_AUTOSTART="0").stdout, lab.directory.exists()) == (told({}), False)
    # As plain values, which are what the templates of group_vars give where no lab runs.
    doors = told({f"mini{number:02d}": f"127.62.51.{10 + number}" for number in (1, 2, 3)})
    assert run().stdout == doors
    pid = lab.status()["pid"]
    started = time.monotonic()
    again = run()
    print(f"the inventory took {1000 * (time.monotonic() - started):.0f} ms with a running lab")
    assert (again.returncode, again.stdout, again.stderr) == (0, doors, "")
    assert lab.status()["pid"] == pid
    refused = run(HOMEOPS_LAB_NET="127.63")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "runs on 127.62" in refused.stderr


def test_a_lab_that_cannot_start_ends_the_run_with_its_own_sentence(make_lab: MakeLab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lab = make_lab("127.62")
    run = lab.play(HOMEOPS_LAB_DIR=str(tmp_path / "file" / "lab"))
    assert run.rc != 0
    assert run.results == [], "the run went on without the lab"
    assert f"The lab's directory {tmp_path}/file/lab cannot be written: Not a directory." in run.output


def test_a_daemon_whose_directory_was_removed_while_it_started_does_not_make_it_again(make_lab: MakeLab) -> None:
    """What `down` cannot see: a daemon between the launcher's fork and its own first line."""
    lab = make_lab("127.62")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "serve"],
        cwd=CHECKOUT,
        env=lab.env(**{process.OWNER: str(lab.directory.resolve())}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "was taken down while it was starting" in done.stderr
    assert not lab.directory.exists()
