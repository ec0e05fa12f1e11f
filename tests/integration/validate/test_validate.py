# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validating and adopting a repository, as a user does it: exit codes, reports, no connection, no harm to the checkout.

A guard in every Python process of a run records and refuses each attempt to open a connection.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import gitops_base, gitops_large
from tests.harness.gitops_edits import changed, write
from tests.harness.gitops_faults import BROKEN

CHECKOUT = Path(__file__).resolve().parents[3]
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
#: What nobody can tell from the repository of the tests: file of the inventory, the open line, the answer.
ANSWERS = (
    ("dns", "# acme_email:", "acme_email: admin@example.net"),
    ("networks", "# vlan:", "vlan: 51"),
    ("networks", "# vlan:", "vlan: 52"),
    ("talos", "# install_disk_selector:", "install_disk_selector: {model: APPLE*}"),
    ("talos", "# max_size:", "max_size: 1TB"),
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(name="play")
def _play(tmp_path: Path) -> Run:
    """Run a playbook in an empty folder, without any inventory unless one is given."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    here = tmp_path / "here"
    here.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "HOMEOPS_"))},
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "collections"),
        "ANSIBLE_CALLBACKS_ENABLED": "homeops.cluster.preflight_findings",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "HOMEOPS_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(guard),
        "GUARD_FILE": str(tmp_path / "connections"),
    }

    def run(book: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), f"homeops.cluster.{book}", *options]
        done = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert not (tmp_path / "connections").exists()
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


def digest(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_right_repository_ends_with_0(play: Run, tmp_path: Path) -> None:
    write(gitops_base.files(), tmp_path / "repository")
    done = play("validate", "-e", f"path={tmp_path / 'repository'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no errors, no warnings in" in done.stdout


def test_thirty_faults_end_with_2_and_stand_in_every_report(play: Run, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(gitops_large.seeded(150), repository)
    before = digest(repository)
    forms = ("text", "json", "sarif", "html")
    options = [part for form in forms for part in ("-e", f"validate_{form}={tmp_path}/out/report.{form}")]
    done = play("validate", "-e", f"path={repository}", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "fail_on is error." in " ".join((done.stdout + done.stderr).split())
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert sorted({(entry["id"], entry["file"]) for entry in found["findings"]}) == gitops_large.expected()
    for form in forms:
        text = (tmp_path / "out" / f"report.{form}").read_text(encoding="utf-8")
        assert all(name in text for name, _file in gitops_large.expected())
    assert digest(repository) == before
    again = play("validate", "-e", f"path={repository}", "-e", "fail_on=never", *options)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "changed=0" in again.stdout


def test_a_warning_ends_with_0_unless_it_is_asked_to_fail(play: Run, tmp_path: Path) -> None:
    fault = next(item for item in BROKEN if item.id == "BGP017")
    write(changed(fault.changes), tmp_path / "repository")
    done = play("validate", "-e", f"path={tmp_path / 'repository'}")
    assert done.returncode == 0 and "BGP017 router/frr.conf" in done.stdout
    assert play("validate", "-e", f"path={tmp_path / 'repository'}", "-e", "fail_on=warn").returncode == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "Say which checkout is to be judged"),
        (["-e", "path=/nowhere/at/all"], "There is no directory /nowhere/at/all"),
        (["-e", "path=.", "-e", "fail_on=sometimes"], "fail_on is error, warn or never"),
    ],
    ids=["no path", "no folder", "no severity"],
)
def test_wrong_input_is_one_clear_sentence(play: Run, options: list[str], told: str) -> None:
    done = play("validate", *options)
    assert done.returncode == 2
    assert told in " ".join((done.stdout + done.stderr).split())


def test_an_adopted_inventory_passes_the_preflight_once_its_open_keys_are_filled_in(play: Run, tmp_path: Path) -> None:
    repository, house = tmp_path / "repository", tmp_path / "here" / "inventories" / "house"
    write(gitops_base.files(), repository)
    before = digest(repository)
    done = play("adopt", "-e", f"path={repository}", "-e", "name=house")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "homeops_networks.management.vlan: The VLAN of the nodes." in done.stdout
    assert digest(repository) == before

    done = play("preflight", "-i", str(house), "-e", "preflight_live=false")
    assert done.returncode == 2
    assert f"The model of the inventory has {len(ANSWERS)} errors." in done.stdout + done.stderr

    for subject, line, answer in ANSWERS:
        file = house / "group_vars" / "all" / f"{subject}.yml"
        text = file.read_text(encoding="utf-8")
        assert line in text
        file.write_text(text.replace(line, answer, 1), encoding="utf-8")
    done = play("preflight", "-i", str(house), "-e", "preflight_live=false")
    assert done.returncode == 0, done.stdout + done.stderr

    kept = digest(house)
    again = play("adopt", "-e", f"path={repository}", "-e", "name=house")
    assert again.returncode == 2
    assert "nothing of it is overwritten" in " ".join((again.stdout + again.stderr).split())
    assert digest(house) == kept


def test_warnings_of_the_preflight_stand_at_the_end_of_the_run(play: Run, tmp_path: Path) -> None:
    house = Path(shutil.copytree(CHECKOUT / "inventories" / "home", tmp_path / "house"))
    assert "PREFLIGHT WARNINGS" not in play("preflight", "-i", str(house), "-e", "preflight_live=false").stdout
    file = house / "group_vars" / "all" / "bgp.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("maximum_paths: 3", "maximum_paths: 1"), encoding="utf-8")
    done = play("preflight", "-i", str(house), "-e", "preflight_live=false")
    assert done.returncode == 0, done.stdout + done.stderr
    recap, end = done.stdout.index("PLAY RECAP"), done.stdout.index("PREFLIGHT WARNINGS")
    assert recap < end < done.stdout.index("BGP017 homeops_bgp.maximum_paths", end)
