# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands of the Makefile get of the shell's environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def seen(**environment: str) -> dict[str, str]:
    """The environment that a recipe of the Makefile sees when the shell has this one beside its own."""
    command = ["make", "--no-print-directory", "--eval", "shown: ; @env -0", "shown"]
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return dict(entry.split("=", 1) for entry in answer.stdout.split("\0") if "=" in entry)


def test_what_is_compiled_is_kept() -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in seen(PYTHONDONTWRITEBYTECODE="1")


def test_another_python_s_modules_are_not_taken() -> None:
    environment = seen(PYTHONPATH="/nowhere", PYTHONHOME="/nowhere", VIRTUAL_ENV="/nowhere")
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} & set(environment)
    assert environment["PATH"].split(":")[0] == str(ROOT / ".venv" / "bin")
    assert environment["ANSIBLE_CONFIG"] == str(ROOT / "ansible.cfg")


def test_a_home_is_found_where_there_is_none() -> None:
    assert seen(HOME="")["HOME"] == str(ROOT / ".cache" / "home")
