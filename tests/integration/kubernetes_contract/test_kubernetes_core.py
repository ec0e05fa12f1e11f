# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of kubernetes.core work against the emulator as against a cluster, and change nothing twice.

``TEST_ASSET_ANSIBLE_PLAYBOOK`` names an ``ansible-playbook`` whose Python has ``kubernetes`` and whose collections have
kubernetes.core (PyPI ``ansible`` carries it); the project itself does not need it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAYBOOK = os.environ.get("TEST_ASSET_ANSIBLE_PLAYBOOK", "")
pytestmark = pytest.mark.skipif(not PLAYBOOK, reason="TEST_ASSET_ANSIBLE_PLAYBOOK is not set")

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "maximum": 10}}}
    },
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}


def config(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kc"}, "data": {"a": "b"}}


def deployment(image: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "kc"}, "spec": spec}


def gadget(size: int) -> dict[str, Any]:
    meta = {"name": "g", "namespace": "kc"}
    return {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": meta, "spec": {"size": size}}


SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kc"}}
APPLY = {"apply": True}
SSA = {"apply": True, "server_side_apply": {"field_manager": "ansible"}}
ESTABLISHED = {"wait": True, "wait_condition": {"type": "Established", "status": "True"}}
REFERENCE = {"api_version": "apps/v1", "kind": "Deployment", "name": "d", "namespace": "kc"}
PATCHED = {"api_version": "v1", "kind": "ConfigMap", "name": "client", "namespace": "kc"}
# name, module, arguments, keywords of the task, changed
TASKS: list[tuple[str, str, dict[str, Any], dict[str, Any], bool]] = [
    ("namespace", "k8s", {"definition": SPACE}, {}, True),
    ("definition", "k8s", {"definition": DEFINITION, **ESTABLISHED}, {}, True),
    ("apply", "k8s", {"definition": config("client"), **APPLY}, {}, True),
    ("apply again", "k8s", {"definition": config("client"), **APPLY}, {}, False),
    ("server-side apply", "k8s", {"definition": config("server"), **SSA}, {}, True),
    ("server-side apply again", "k8s", {"definition": config("server"), **SSA}, {}, False),
    ("deployment", "k8s", {"definition": deployment("nginx:1")}, {}, True),
    ("deployment again", "k8s", {"definition": deployment("nginx:1")}, {}, False),
    ("prediction", "k8s", {"definition": deployment("nginx:2")}, {"check_mode": True, "diff": True}, True),
    ("scale", "k8s_scale", {**REFERENCE, "replicas": 3, "wait": False}, {}, True),
    ("info", "k8s_info", REFERENCE, {}, False),
    ("patch", "k8s_json_patch", {**PATCHED, "patch": [{"op": "add", "path": "/data/z", "value": "q"}]}, {}, True),
    ("gadget", "k8s", {"definition": gadget(3), "validate": {"fail_on_error": True}}, {}, True),
    ("gadget again", "k8s", {"definition": gadget(3)}, {}, False),
    ("gadget patched", "k8s", {"definition": gadget(6), "state": "patched"}, {}, True),
    ("namespace gone", "k8s", {"definition": SPACE, "state": "absent", "wait": True, "wait_timeout": 20}, {}, True),
    ("definition gone", "k8s", {"definition": DEFINITION, "state": "absent", "wait": True}, {}, True),
]


def test_the_acceptance_list(emulated: Any, tmp_path: Path) -> None:
    tasks = [
        {"name": name, f"kubernetes.core.{module}": {**arguments, "kubeconfig": emulated.server.kubeconfig()}, **more}
        for name, module, arguments, more, _changed in TASKS
    ]
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl",
        "ANSIBLE_PYTHON_INTERPRETER": str(Path(PLAYBOOK).parent / "python"),
    }
    command = [PLAYBOOK, "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    results = {}
    for line in done.stdout.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("_event") in ("v2_runner_on_ok", "v2_runner_on_failed"):
            results[event["task"]["name"]] = event["hosts"]["localhost"]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert {name: results[name]["changed"] for name, *_rest in TASKS} == {name: task[-1] for name, *task in TASKS}
    assert results["info"]["resources"][0]["spec"]["replicas"] == 3
    before, after = results["prediction"]["diff"]["before"], results["prediction"]["diff"]["after"]
    assert (before["metadata"]["generation"], after["metadata"]["generation"]) == (1, 2)
    warning = "Could not find schema for object kind Gadget with API version example.org/v1"
    assert any(warning in text for text in results["gadget"].get("warnings", []))
