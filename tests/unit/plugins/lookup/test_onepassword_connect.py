# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup, as a play uses it, on a file of items; and the info module's twin on the same file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[4]
ITEMS = "items:\n  Database: {username: app, password: hidden-word}\n  Tunnel: {files: {a.json: hidden-file}}\n"


def play(folder: Path, tasks: list[dict[str, object]]) -> tuple[int, str]:
    book = folder / "play.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    env = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "-vvv",
        "-i",
        "localhost,",
        "-c",
        "local",
        str(book),
    ]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def lookup(*words: str, path: Path) -> str:
    arguments = ", ".join(
        [*(repr(word) if "=" not in word else word for word in words), "source='file'", f"path='{path}'"]
    )
    return f"lookup('homeops.cluster.onepassword_connect', {arguments})"


def test_values_arrive_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "items.yaml"
    file.write_text(ITEMS, encoding="utf-8")
    user, word, tunnel = (
        lookup("Database", "field='username'", path=file),
        lookup("Database", path=file),
        lookup("Tunnel", path=file),
    )
    declared = [{"title": "Database", "fields": ["username", "password"]}, {"title": "Tunnel", "document": True}]
    status, shown = play(
        tmp_path,
        [
            {
                "ansible.builtin.assert": {
                    "that": [f"{user} == 'app'", f"{word} | length == 11", f"{tunnel} | length == 11"],
                    "quiet": True,
                }
            },
            {
                "homeops.cluster.onepassword_item_info": {
                    "source": "file",
                    "path": str(file),
                    "items": declared,
                    "required": True,
                },
                "register": "found",
            },
            {"ansible.builtin.assert": {"that": ["found.complete", "found.report | length == 2"]}},
        ],
    )
    assert status == 0, shown[-3000:]
    assert "hidden-word" not in shown and "hidden-file" not in shown


def test_a_missing_item_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "items.yaml"
    file.write_text(ITEMS, encoding="utf-8")
    task: dict[str, object] = {"ansible.builtin.debug": {"msg": "{{ " + lookup("Nothing", path=file) + " }}"}}
    status, shown = play(tmp_path, [task])
    assert status != 0
    assert "Looking for the item 'Nothing'" in shown and "Traceback" not in shown
