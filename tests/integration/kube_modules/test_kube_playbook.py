# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as a user runs them: in playbooks, with templates and files, and as module processes; no secret shows."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from tests.harness.kube_server import KubeServer

CHECKOUT = Path(__file__).resolve().parents[3]
CANARY = "canary-7f3a"
TEMPLATE = """\
{% for number in range(count) %}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ prefix }}-{{ number }}
  namespace: {{ target }}
  labels: {{ {'a': 'b'} | to_json }}
data:
  text: |
    {{ greeting }} {{ number }}
{% include 'tail.j2' %}

{% endfor %}
"""
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  vars:
    greeting: hello
  tasks:
    - name: From templates and files
      homeops.cluster.kube_apply:
        kubeconfig: {kubeconfig}
        template: many.yaml.j2
        template_vars:
          count: 3
          prefix: made
          target: {namespace}
        src: [tree, single.yaml]
        namespace: {namespace}
        definition:
          apiVersion: v1
          kind: Secret
          metadata:
            name: hidden
          stringData:
            password: "{{{{ lookup('env', 'CANARY') }}}}"
      register: applied
    - name: Tell
      ansible.builtin.debug:
        msg: "{{{{ applied.summary | to_json }}}} {{{{ applied.requests | to_json }}}}"
    - name: Wait
      homeops.cluster.kube_wait:
        kubeconfig: {kubeconfig}
        targets:
          - kind: Namespace
            name: {namespace}
    - name: Read
      homeops.cluster.kube_info:
        kubeconfig: {kubeconfig}
        kind: Secret
        namespace: {namespace}
"""


@pytest.fixture
def project(tmp_path: Path, server: KubeServer, namespace: str) -> Path:
    for folder in ("templates", "files/tree/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "templates/many.yaml.j2").write_text(TEMPLATE)
    (tmp_path / "templates/tail.j2").write_text("  tail: included {{ prefix }}")
    for path, name in (("tree/deep/a.yml", "a"), ("tree/b.json", "b"), ("single.yaml", "c")):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": "y"}}
        (tmp_path / "files" / path).write_text(json.dumps(body))
    kubeconfig = server.directory / "kubeconfig"
    (tmp_path / "play.yml").write_text(PLAYBOOK.format(kubeconfig=kubeconfig, namespace=namespace))
    return tmp_path


def play(project: Path, *arguments: str) -> str:
    environ = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "CANARY": CANARY,
    }
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", "localhost,", "-c", "local", str(project / "play.yml"), *arguments]
    answer = subprocess.run(command, env=environ, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    text = answer.stdout + answer.stderr
    assert answer.returncode == 0, text
    for secret in (CANARY, base64.b64encode(CANARY.encode()).decode()):
        assert secret not in text
    return text


def test_a_playbook_predicts_applies_and_then_has_nothing_to_do(project: Path, api: Client, namespace: str) -> None:
    predicted = play(project, "--check", "--diff", "-vvv")
    assert '"created": 7' in predicted.replace("\\", "") and "password: <masked" in predicted
    assert not api.list(f"/api/v1/namespaces/{namespace}/secrets")[0]
    first = play(project, "--diff", "-vvv").replace("\\", "")
    assert '{"created": 7}' in first and "changed=1" in first
    assert api.get(f"/api/v1/namespaces/{namespace}/configmaps/made-2")["data"] == {
        "text": "hello 2\n",
        "tail": "included made",
    }
    again = play(project, "-vvv").replace("\\", "")
    assert '{"unchanged": 7} {"GET": ' in again and "changed=0" in again
    assert not {"PATCH", "DRYRUN"} & set(again.split('"'))


def test_a_kubeconfig_may_be_encrypted_by_ansible_vault(project: Path, server: KubeServer, namespace: str) -> None:
    password, kubeconfig = project / "password", project / "kubeconfig"
    password.write_text("p\n")
    plain = (server.directory / "kubeconfig").read_bytes()
    vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(b"p"))])
    kubeconfig.write_bytes(vault.encrypt(plain))
    (project / "play.yml").write_text(PLAYBOOK.format(kubeconfig=kubeconfig, namespace=namespace))
    assert "changed=1" in play(project, "--vault-password-file", str(password))
    with pytest.raises(AssertionError) as caught:
        play(project)
    assert "Check its permissions, and the vault password" in " ".join(str(caught.value).split())


def test_a_broken_template_is_told_with_file_and_line(project: Path) -> None:
    (project / "templates/many.yaml.j2").write_text("kind: A\nkind: B\n")
    with pytest.raises(AssertionError) as caught:
        play(project)
    assert "many.yaml.j2:2): the key 'kind' stands twice" in " ".join(str(caught.value).split())


def test_the_module_process_does_the_same_and_hides_its_input(server: KubeServer, namespace: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "stringData": {"a": CANARY},
    }
    arguments: dict[str, Any] = {"kubeconfig": str(server.directory / "kubeconfig"), "definition": secret}
    code = (
        "import ansible.module_utils.basic as basic; basic._ANSIBLE_PROFILE = 'legacy'\n"
        "from ansible_collections.homeops.cluster.plugins.modules import kube_apply; kube_apply.main()"
    )
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT / "collections")}

    def run() -> dict[str, Any]:
        given = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_diff": True}})
        answer = subprocess.run(
            [sys.executable, "-c", code], input=given, env=environ, capture_output=True, text=True, check=False
        )
        assert CANARY not in answer.stdout + answer.stderr
        assert base64.b64encode(CANARY.encode()).decode() not in answer.stdout
        return json.loads(answer.stdout)

    assert run()["summary"] == {"created": 1}
    assert run()["changed"] is False
    arguments["definition"] = {**secret, "bogus": 1}
    failed = run()
    assert failed["failed"] and "bogus" in failed["msg"]
