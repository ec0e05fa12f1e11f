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
from collections.abc import Mapping
from pathlib import Path

import yaml

PACKAGE = "ansible_collections.homeops.cluster.plugins"
ROOT = Path(__file__).resolve().parents[4]


#: Writes down all that Ansible gives a callback of a task: the arguments as the action left them, and the result.
CALLBACK = """
import json, os
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "everything"
    def told(self, result, **unused):
        with open(os.environ["TOLD"], "a") as file:
            print(json.dumps([result._task_fields, result._result], default=str), file=file)
    v2_runner_on_ok = v2_runner_on_failed = v2_runner_retry = v2_runner_item_on_ok = told
"""


def play(
    folder: Path,
    tasks: list[dict[str, object]],
    *arguments: str,
    inventory: str = "localhost,",
    env: Mapping[str, str] | None = None,
    **variables: object,
) -> tuple[int, str]:
    """Run tasks on localhost; return the status and all that was printed."""
    playbook = folder / "play.yml"
    content = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    playbook.write_text(yaml.safe_dump(content, sort_keys=False))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        **(env or {}),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory, str(playbook), *arguments],
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


def test_an_error_in_a_role_names_the_key_and_its_line(tmp_path: Path) -> None:
    """Not the role's variable, which is in no inventory."""
    (tmp_path / "secrets.yaml").write_text("cluster: {id: x}\n")
    status, shown = play(tmp_path, CREDENTIALS, inventory="inventories/home", env={"HOMEOPS_STATE_DIR": str(tmp_path)})
    assert status != 0
    flat = " ".join(shown.split())
    assert "parameter path, set from homeops_talos_secrets_file (inventories/home/group_vars/all/secrets.yml:" in flat
    assert ") in the inventory" in flat
    assert "talos_secrets_text" not in flat
    # From elsewhere, no line is told.
    status, shown = play(
        tmp_path,
        CREDENTIALS,
        "-e",
        f"homeops_talos_secrets_file={tmp_path}/secrets.yaml",
        inventory="inventories/home",
        env={"HOMEOPS_STATE_DIR": str(tmp_path)},
    )
    assert status != 0
    assert "parameter path, set from homeops_talos_secrets_file in the inventory" in " ".join(shown.split())


CREDENTIALS: list[dict[str, object]] = [
    {"ansible.builtin.include_role": {"name": "homeops.cluster.talos", "tasks_from": "credentials"}}
]


def test_of_a_bundle_that_is_given_as_text_errors_are_shown_and_secrets_are_not(tmp_path: Path) -> None:
    """Neither by the output at its loudest nor by what a callback gets, whether the run succeeds or fails."""
    (tmp_path / "callbacks").mkdir()
    (tmp_path / "callbacks" / "everything.py").write_text(CALLBACK)
    bundle = (ROOT / "tests" / "unit" / "fixtures" / "talos" / "secrets.yaml").read_text()
    content = yaml.safe_load(bundle)
    secrets = [content["cluster"]["secret"], *content["secrets"].values(), content["trustdinfo"]["token"]]
    secrets += [pair["key"] for pair in content["certs"].values()]
    environment = {
        "HOMEOPS_STATE_DIR": str(tmp_path / "state"),
        "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "everything",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1",
        "ANSIBLE_DEBUG": "1",
    }

    def run(text: str) -> tuple[int, str, str]:
        told = tmp_path / "told"
        told.unlink(missing_ok=True)
        given = {**environment, "TOLD": str(told), "HOMEOPS_TALOS_SECRETS": text}
        status, shown = play(tmp_path, CREDENTIALS, "-vvvvv", "--diff", inventory="inventories/home", env=given)
        return status, shown, told.read_text()

    status, shown, told = run(bundle)
    assert status == 0, shown
    assert '"secrets": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"' in told
    assert "output has been hidden" not in shown
    assert [secret for secret in secrets if secret in shown or secret in told] == []
    status, shown, told = run(bundle[: bundle.index("certs:")])
    assert status != 0
    flat = " ".join(shown.split())
    assert "secrets bundle is not usable (the given text): missing: certs.etcd.crt" in flat
    assert "parameter secrets, set from homeops_talos_secrets_text (inventories/home" in flat
    assert [secret for secret in secrets if secret in shown or secret in told] == []


def test_a_retry_has_the_arguments_again(tmp_path: Path) -> None:
    """What callbacks get is not masked then: the next attempt needs the secret."""
    bundle = (ROOT / "tests" / "unit" / "fixtures" / "talos" / "secrets.yaml").read_text()
    task: dict[str, object] = {
        "homeops.cluster.talos_secrets": {"secrets": "{{ text }}"},
        "register": "seen",
        "until": "seen.attempts == 2",
        "retries": 2,
        "delay": 0,
    }
    (tmp_path / "text.json").write_text(json.dumps({"text": bundle}))
    status, shown = play(tmp_path, [task], "-e", f"@{tmp_path}/text.json")
    assert status == 0, shown


def test_a_wrong_argument_is_told_with_what_is_wanted_and_where_it_is_set(tmp_path: Path) -> None:
    task: dict[str, object] = {
        "homeops.cluster.talos_info": {
            "nodes": [{"node": "127.0.0.1", "port": "{{ homeops_port }}"}],
            "timeout": "{{ wait }}",
        }
    }
    status, shown = play(tmp_path, [task], wait="soon", homeops_port="x")
    assert status != 0
    flat = " ".join(shown.replace("''", "'").split())
    assert "timeout is 'soon', and a whole number is wanted (parameter timeout, set by the variable wait)" in flat
    assert "(parameter port, set from homeops_port in the inventory)" in flat
    assert "Traceback" not in shown
    # A secret is no number, and is not shown for that.
    task = {"homeops.cluster.authentik_info": {"url": "https://x", "token": "{{ key }}", "wait_timeout": "{{ key }}"}}
    status, shown = play(tmp_path, [task], "-e", "key=canary-5e1f")
    assert status != 0
    assert "set by the variable key" in " ".join(shown.split())
    assert "canary-5e1f" not in shown


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
