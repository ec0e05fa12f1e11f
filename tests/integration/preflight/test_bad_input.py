# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input, as a user meets it: one clear sentence per error with its place, a failing exit code, nothing touched.

Only the preflight is run. A guard in every Python process of the run records and refuses each attempt to open a
connection, because the inventory is full of a real network's addresses.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
HOME = CHECKOUT / "inventories" / "home"
GUARD = """
import os, socket
_connect = socket.socket.connect
def _guarded(self, address, *rest):
    if self.family == socket.AF_UNIX:
        return _connect(self, address, *rest)
    with open(os.environ["GUARD_FILE"], "a", encoding="utf-8") as told:
        told.write(f"{address}\\n")
    raise OSError("this test allows no connections")
socket.socket.connect = socket.socket.connect_ex = _guarded
"""
#: The console of this inventory is not to be had from here.
SET_ASIDE = '{"preflight_ignore": [{"id": "LIV009", "reason": "no console here"}]}'
#: Stands in for the phases that would come next.
NEXT = """
- name: The next phase
  hosts: control_plane
  gather_facts: false
  tags: [talos]
  tasks:
    - name: Touch a system
      ansible.builtin.debug:
        msg: REACHED
"""


@dataclass(frozen=True)
class Ended:
    """One ended run."""

    rc: int
    output: str
    connections: str

    def report(self) -> str:
        """The report of the findings, from its first line to its last."""
        found = re.search(r"The model of the inventory has .*?nothing was changed\.", self.output, re.DOTALL)
        return found.group(0) if found else ""


Run = Callable[..., Ended]


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    """A copy of the home inventory that a test may spoil."""
    return Path(shutil.copytree(HOME, tmp_path / "site"))


@pytest.fixture(name="play")
def _play(tmp_path: Path) -> Run:
    """Run the preflight, and a stand-in for the next phase, on an inventory."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    book = tmp_path / "book.yml"
    preflight = "- name: Preflight\n  ansible.builtin.import_playbook: homeops.cluster.preflight\n"
    book.write_text(f"---\n{preflight}{NEXT}", encoding="utf-8")
    told = tmp_path / "connections"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "HOMEOPS_"))},
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "HOMEOPS_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(guard),
        "GUARD_FILE": str(told),
    }

    def run(inventory: Path, *options: str) -> Ended:
        # The systems of this inventory are real ones; that they are left alone without the switch is tested below.
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), str(book)]
        command += ["-e", "preflight_live=false", *options]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Ended(done.returncode, done.stdout + done.stderr, told.read_text() if told.exists() else "")

    return run


def spoil(site: Path, subject: str, old: str, new: str) -> str:
    """Replace a text of one subject's file, and return its place."""
    file = site / "group_vars" / "all" / f"{subject}.yml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")
    return f"{file}:{text[: text.index(old)].count(chr(10)) + 1}"


def assert_untouched(ended: Ended, tmp_path: Path) -> None:
    assert ended.rc != 0
    assert "REACHED" not in ended.output
    assert ended.connections == ""
    assert not (tmp_path / "state").exists()
    assert "Traceback" not in ended.output
    assert re.search(r"changed=0\b", ended.output)


def test_the_guard_sees_a_connection(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    environment = {"PYTHONPATH": str(tmp_path), "GUARD_FILE": str(tmp_path / "told"), "PATH": os.environ["PATH"]}
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=30)
    assert done.returncode != 0
    assert (tmp_path / "told").read_text() == "('127.0.0.1', 9)\n"


def test_the_home_inventory_passes(play: Run) -> None:
    ended = play(HOME)
    assert ended.rc == 0, ended.output
    assert "REACHED" in ended.output
    assert ended.connections == ""
    assert "WARNING" not in ended.output


@pytest.mark.parametrize(
    ("subject", "old", "new", "told"),
    [
        pytest.param(
            "networks", "10.244.0.0/16", "10.244.1.0/16",
            ["NET001 homeops_networks.pods.ipv4 ({place})", "10.244.1.0/16 has host bits set", "Use: 10.244.0.0/16"],
            id="a network with host bits",
        ),
        pytest.param(
            "networks", "10.244.0.0/16", "10.244.0.0/161",
            ["MOD003 homeops_networks.pods.ipv4 ({place})", "'10.244.0.0/161' is not an IPv4 network"],
            id="a network that is none",
        ),
        pytest.param(
            "nodes", "172.29.51.12", "172.29.51.11",
            ["MOD004 homeops_nodes[1].address ({place})", "172.29.51.11 is also that of homeops_nodes[0] (mini01)"],
            id="two nodes with one address",
        ),
        pytest.param(
            "nodes", "name: mini03", "name: mini02",
            ["MOD004 homeops_nodes[2].name", "The name mini02 is also that of homeops_nodes[1]"],
            id="two nodes with one name",
        ),
        pytest.param(
            "versions", "v1.10.5", "v1.99.0",
            ["MOD005 homeops_versions.talos ({place})", "v1.99.0 is a talos version that the collection does not know"],
            id="an unknown Talos version",
        ),
        pytest.param(
            "versions", "v1.31.1", "v1.34.0",
            ["MOD005 homeops_versions.kubernetes ({place})", "Talos v1.10.5 does not support Kubernetes v1.34.0"],
            id="a Kubernetes version that Talos does not support",
        ),
        pytest.param(
            "cluster", "  vip:", "  vipp:",
            ["MOD001 homeops_cluster.vipp ({place})", "Use: vip"],
            id="a misspelt key",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_sentence_with_its_place(
    site: Path, play: Run, tmp_path: Path, subject: str, old: str, new: str, told: list[str]
) -> None:
    place = spoil(site, subject, old, new)
    ended = play(site)
    assert_untouched(ended, tmp_path)
    report = ended.report()
    for text in told:
        assert text.format(place=place) in report


def test_all_errors_are_told_in_one_run(site: Path, play: Run, tmp_path: Path) -> None:
    places = [
        spoil(site, "networks", "10.244.0.0/16", "10.244.1.0/16"),
        spoil(site, "nodes", "172.29.51.12", "172.29.51.11"),
        spoil(site, "versions", "v1.31.1", "v1.41.1"),
    ]
    ended = play(site, "--check")
    assert_untouched(ended, tmp_path)
    report = ended.report()
    assert report.startswith("The model of the inventory has 3 errors.")
    assert all(place in report for place in places)


def test_a_value_of_the_command_line_is_named_by_its_key_alone(play: Run, tmp_path: Path) -> None:
    ended = play(
        HOME, "-e", '{"homeops_nodes": [{"name": "mini01", "address": "172.29.51.300", "role": "controlplane"}]}'
    )
    assert_untouched(ended, tmp_path)
    assert "MOD003 homeops_nodes[0].address (not set in a file of the inventory)" in ended.report()
    assert "nodes.yml" not in ended.report()


def test_a_phase_is_held_to_its_own_checks(site: Path, play: Run, tmp_path: Path) -> None:
    spoil(site, "identity", "outpost: embedded", "outpost: 3f1c2f7e-8f0e-4a56-b4d3-1d6b5a1c9e00")
    ended = play(site, "-t", "talos")
    assert ended.rc == 0, ended.output
    assert "REACHED" in ended.output
    ended = play(site, "-t", "identity")
    assert_untouched(ended, tmp_path)
    assert "IDP005" in ended.report()


def test_the_next_phase_is_behind_its_preflight(site: Path, play: Run, tmp_path: Path) -> None:
    spoil(site, "talos", "install_wipe: false", "install_wipe: true")
    ended = play(site, "-t", "talos")
    assert_untouched(ended, tmp_path)
    assert "TAL002" in ended.report()


def test_no_system_is_asked_while_the_model_is_wrong(site: Path, play: Run, tmp_path: Path) -> None:
    spoil(site, "nodes", "172.29.51.12", "172.29.51.11")
    ended = play(site, "-e", "preflight_live=true")
    assert_untouched(ended, tmp_path)
    assert "Look at the systems" not in ended.output


def test_the_home_inventory_is_told_at_once_that_phase_bgp_could_prove_nothing(play: Run, tmp_path: Path) -> None:
    lines = (HOME / "group_vars" / "router.yml").read_text(encoding="utf-8").splitlines()
    place = f"inventories/home/group_vars/router.yml:{lines.index('homeops_router_state_command: []') + 1}"
    ended = play(HOME, "-e", "preflight_live=true", "-t", "bgp")
    assert ended.rc != 0 and "REACHED" not in ended.output
    flat = " ".join(ended.output.split())
    assert f"LIV015 router homeops_router_state_command ({place})" in flat
    assert "[ssh, -o, BatchMode=yes, root@172.29.51.1, vtysh]" in flat and "bgp_status_require_state: false" in flat
    # Only the console was to be asked.
    assert set(ended.connections.splitlines()) <= {"('172.29.51.1', 443)"}
    # Who has accepted it is not told; who predicts is told and goes on.
    accepted = play(HOME, "-e", "preflight_live=true", "-t", "bgp", "-e", "bgp_status_require_state=false")
    assert "LIV009" in accepted.output and "LIV015" not in accepted.output
    predicted = play(HOME, "-e", "preflight_live=true", "-t", "bgp", "--check", "-e", SET_ASIDE)
    assert predicted.rc == 0, predicted.output
    assert f"[WARNING]: LIV015 router homeops_router_state_command ({place})" in " ".join(predicted.output.split())


def test_a_warning_is_shown_and_the_run_goes_on(site: Path, play: Run) -> None:
    place = spoil(site, "bgp", "maximum_paths: 3", "maximum_paths: 1")
    ended = play(site)
    assert ended.rc == 0, ended.output
    assert "REACHED" in ended.output
    flat = " ".join(ended.output.split())
    assert f"BGP017 homeops_bgp.maximum_paths ({place}): maximum_paths is 1, and there are 3 nodes." in flat


def test_a_check_can_be_set_aside_with_a_reason(site: Path, play: Run) -> None:
    spoil(site, "talos", "install_wipe: false", "install_wipe: true")
    accept = '{"preflight_ignore": [{"id": "TAL002", "reason": "one confirmed run"}]}'
    assert play(site, "-e", accept).rc == 0


def test_a_password_in_the_inventory_is_never_repeated(site: Path, play: Run, tmp_path: Path) -> None:
    canary = "canary-77b2e1"
    place = spoil(site, "bgp", "    asn: 64513", f"    asn: 64513\n    password: {canary}")
    ended = play(site, "-vvv")
    assert_untouched(ended, tmp_path)
    line = int(place.rpartition(":")[2]) + 1
    assert f"BGP007 homeops_bgp.router.password ({place.rpartition(':')[0]}:{line})" in ended.report()
    assert canary not in ended.output


def test_a_missing_subject_is_named_among_all_other_errors(site: Path, play: Run, tmp_path: Path) -> None:
    (site / "group_vars" / "all" / "bgp.yml").unlink()
    spoil(site, "nodes", "172.29.51.12", "172.29.51.11")
    ended = play(site)
    assert_untouched(ended, tmp_path)
    assert "MOD002 homeops_bgp (not set in a file of the inventory)" in ended.report()
    assert "MOD004 homeops_nodes[1].address" in ended.report()


def test_a_wrong_value_of_the_role_itself_is_named_with_its_variable(play: Run, tmp_path: Path) -> None:
    ended = play(HOME, "-e", '{"preflight_ignore": [{"id": "TAL002"}], "preflight_phases": ["nonsense"]}')
    assert_untouched(ended, tmp_path)
    flat = " ".join(ended.output.split())
    assert "(parameter phase, set by the variable preflight_phases)" in flat
    assert "(parameter reason, set by the variable preflight_ignore)" in flat
