# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up: what it does once, what it says when a Debian package is missing, what a second call costs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

#: Answers as an interpreter of the given version would; `-m venv` makes a folder with itself in it.
PYTHON = """#!/bin/sh
case "$*" in
*version_info*'< (3'*) exit {new_enough} ;;
*version_info*) echo {version} ;;
*ensurepip*) exit {no_ensurepip} ;;
-V) echo "Python {version}" ;;
"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip"*) echo "$*" >>pip.log ;;
esac
"""


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    # It may be a link to the machine's own program, which root would write through.
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def interpreter(folder: Path, name: str, version: str = "3.11", *, new: bool = True, ensurepip: bool = True) -> None:
    program(folder, name, PYTHON.format(version=version, new_enough=int(not new), no_ensurepip=int(not ensurepip)))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but set-up, and ``bin`` as the only place of programs."""
    (tmp_path / "tools").mkdir()
    shutil.copy2(ROOT / "tools" / "setup.sh", tmp_path / "tools" / "setup.sh")
    for name in ("requirements.txt", "requirements-lab.txt", "requirements-test.txt", "constraints.txt"):
        (tmp_path / name).write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "cat", "cp", "dirname", "env", "flock", "mkdir", "rm", "sh", "sha256sum", "tail", "id", "git"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return tmp_path


def setup(checkout: Path, part: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", str(checkout / "tools" / "setup.sh"), part],
        env={"PATH": str(checkout / "bin"), "HOME": "", "HOMEOPS_LAB_BGP": "off", **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_the_second_call_does_nothing(checkout: Path) -> None:
    interpreter(checkout / "bin", "python3.11")
    first = setup(checkout)
    assert first.returncode == 0, first.stderr
    assert "virtual environment" in first.stdout
    log = (checkout / "pip.log").read_text()
    assert "requirements-lab.txt" in log
    assert "requirements-test.txt" not in log
    second = setup(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert (checkout / "pip.log").read_text() == log


def test_a_changed_requirement_is_installed(checkout: Path) -> None:
    interpreter(checkout / "bin", "python3.11")
    assert setup(checkout).returncode == 0
    before = (checkout / "pip.log").read_text()
    (checkout / "requirements-lab.txt").write_text("aiohttp==3.14.5\n")
    again = setup(checkout)
    assert "pip install" in again.stdout
    assert "virtual environment" not in again.stdout
    assert (checkout / "pip.log").read_text() != before


def test_the_test_tools_come_on_top(checkout: Path) -> None:
    interpreter(checkout / "bin", "python3.11")
    assert setup(checkout, "test").returncode == 0
    log = (checkout / "pip.log").read_text()
    assert log.index("requirements-lab.txt") < log.index("requirements-test.txt") < log.index("pip==24.2")


def test_a_shim_without_a_version_behind_it_is_passed_over(checkout: Path) -> None:
    program(checkout / "bin", "python3.11", "#!/bin/sh\necho no such version >&2\nexit 127\n")
    interpreter(checkout / "bin", "python3", new=False)
    interpreter(checkout / "bin", "python3.13", "3.13")
    assert "Python 3.13" in setup(checkout).stdout


def test_the_python_that_is_named_is_taken_or_refused(checkout: Path) -> None:
    interpreter(checkout / "bin", "python3.11")
    interpreter(checkout / "bin", "mine", "3.12")
    interpreter(checkout / "bin", "old", "3.9", new=False)
    assert "Python 3.12" in setup(checkout, PYTHON="mine").stdout
    refused = setup(checkout, PYTHON="old")
    assert refused.returncode == 1
    assert refused.stderr == "setup: PYTHON=old is not a Python 3.11 or newer.\n"


def test_a_missing_package_is_installed_from_debian(checkout: Path) -> None:
    interpreter(checkout / "bin", "python3.11", ensurepip=False)
    program(checkout / "bin", "id", "#!/bin/sh\necho 0\n")
    program(checkout / "bin", "apt-get", '#!/bin/sh\necho "$*" >>apt.log\n')
    done = setup(checkout)
    assert done.returncode == 0, done.stderr
    assert (checkout / "apt.log").read_text().split()[-2:] == ["install", "python3.11-venv"]


@pytest.mark.parametrize(
    ("user", "programs", "why"),
    [
        ("0", {"apt-get": "echo 'E: no network'; exit 100"}, "apt-get failed: E: no network"),
        ("1000", {"apt-get": "exit 0"}, "there is no sudo"),
        ("1000", {"apt-get": "exit 0", "sudo": "exit 1"}, "sudo is refused"),
        ("1000", {}, "install it with 'apt-get install python3.11-venv'"),
    ],
)
def test_a_package_that_cannot_be_installed_is_named_in_one_sentence(
    checkout: Path, user: str, programs: dict[str, str], why: str
) -> None:
    interpreter(checkout / "bin", "python3.11", ensurepip=False)
    program(checkout / "bin", "id", f"#!/bin/sh\necho {user}\n")
    for name, text in programs.items():
        program(checkout / "bin", name, f"#!/bin/sh\n{text}\n")
    refused = setup(checkout)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "python3.11-venv" in refused.stderr
    assert why in refused.stderr
    assert not (checkout / ".venv").exists()


def test_a_virtual_environment_that_was_moved_is_made_again(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    interpreter(checkout / "bin", "python3.11")
    assert setup(checkout).returncode == 0
    elsewhere = tmp_path_factory.mktemp("moved") / "checkout"
    shutil.copytree(checkout, elsewhere, symlinks=True)
    assert "ready" in setup(elsewhere).stdout
