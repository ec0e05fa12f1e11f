# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Talos twins as Ansible starts them: vaulted bundles, no secrets in the output, errors that name the inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

PACKAGE = "ansible_collections.homeops.cluster.plugins"
ROOT = Path(__file__).resolve().parents[4]


def play(folder: Path, tasks: list[dict[str, object]], *arguments: str, **variables: object) -> tuple[int, str]:
    """Run tasks on localhost; return the status and all that was printed."""
    playbook = folder / "play.yml"
    content = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    playbook.write_text(yaml.safe_dump(content, sort_keys=False))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_vaulted_bundle(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    task: dict[str, object] = {"homeops.cluster.talos_secrets": {"path": "{{ homeops_secrets_file }}"}}
    again = {**task, "register": "second"}
    expect = {"ansible.builtin.assert": {"that": ["not second.changed", "second.authorities | length == 4"]}}
    status, shown = play(tmp_path, [task, again, expect], "-vvv", homeops_secrets_file=str(path))
    assert status == 0, shown
    text = path.read_text()
    bundle = yaml.safe_load(text)
    for secret in (bundle["cluster"]["secret"], bundle["trustdinfo"]["token"], bundle["certs"]["os"]["key"]):
        assert secret not in shown
    # The owner encrypts the file; the next run reads it all the same.
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    vault = Path(sys.executable).with_name("ansible-vault")
    subprocess.run([str(vault), "encrypt", "--vault-password-file", str(password), str(path)], check=True, timeout=60)
    assert path.read_text().startswith("$ANSIBLE_VAULT")
    arguments = ("--vault-password-file", str(password))
    status, shown = play(tmp_path, [again, expect], *arguments, homeops_secrets_file=str(path))
    assert status == 0, shown
    # Without the password it is an error, not a new cluster.
    status, shown = play(tmp_path, [task], homeops_secrets_file=str(path))
    assert status != 0
    assert "vault" in shown
    assert path.read_text().startswith("$ANSIBLE_VAULT")


def test_errors_name_the_inventory_expression(tmp_path: Path) -> None:
    broken = tmp_path / "secrets.yaml"
    broken.write_text("cluster: {id: x}\n")
    task: dict[str, object] = {"homeops.cluster.talos_secrets": {"path": "{{ homeops_secrets_file }}"}}
    status, shown = play(tmp_path, [task], homeops_secrets_file=str(broken))
    assert status != 0
    assert "missing: cluster.secret" in shown
    assert "parameter path, set from homeops_secrets_file in the inventory" in shown
    assert "Traceback" not in shown


NODE = {"name": "mini01", "node": "127.0.0.1", "port": 9}


def test_info_of_a_node_that_is_off(tmp_path: Path) -> None:
    """Nothing listens on that port of loopback."""
    task: dict[str, object] = {
        "homeops.cluster.talos_info": {"nodes": [NODE], "gather": ["status"], "timeout": 2},
        "register": "seen",
    }
    that = ["seen.nodes[0].mode == 'unreachable'", "'connection refused' in seen.nodes[0].reason"]
    status, shown = play(tmp_path, [task, {"ansible.builtin.assert": {"that": that}}])
    assert status == 0, shown


def test_the_module_process_answers_alike() -> None:
    arguments = {"ANSIBLE_MODULE_ARGS": {"nodes": [NODE], "gather": ["status"], "timeout": 2}}
    done = subprocess.run(
        [sys.executable, "-m", f"{PACKAGE}.modules.talos_info", json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    node = json.loads(done.stdout)["nodes"][0]
    assert node["mode"] == "unreachable"
    assert "mini01 (127.0.0.1:9) failed: connection refused" in node["reason"]
