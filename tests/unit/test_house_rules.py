# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the project keeps the rules of the house, and every rule can be broken."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tools import house_rules, role_readme
from tools.docs import roles

ROOT = Path(__file__).resolve().parents[2]


def project_files() -> list[str]:
    """What git has or would take; without git (an unpacked copy) everything outside folders of the tools."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        names = [name for name in answer.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not _ours(path.relative_to(ROOT))]
    return sorted(name for name in names if (ROOT / name).is_file() and not (ROOT / name).is_symlink())


def _ours(path: Path) -> bool:
    return (
        path.parts[0] in {".git", ".venv", ".lab", ".cache", ".ansible", "collections"} or "__pycache__" in path.parts
    )


def text_of(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_the_project_is_found() -> None:
    names = project_files()
    assert "galaxy.yml" in names
    assert "plugins/module_utils/common/errors.py" in names
    assert not [name for name in names if name.startswith(".venv/")]


@pytest.mark.parametrize("room", sorted({name.partition("/")[0] for name in project_files()}))
def test_every_file_keeps_the_rules(room: str) -> None:
    names = [name for name in project_files() if name.partition("/")[0] == room]
    broken = [fault for name in names for fault in house_rules.faults(name, text_of(name))]
    assert not broken, "\n" + "\n".join(broken)


def test_modules_and_twins_match() -> None:
    def folder(name: str) -> dict[str, str]:
        return {
            path.stem: path.read_text() for path in (ROOT / "plugins" / name).glob("*.py") if path.stem != "__init__"
        }

    broken = list(house_rules.twin_faults(folder("modules"), folder("action")))
    assert not broken, "\n" + "\n".join(broken)


def test_requirements_are_pinned() -> None:
    files = {path.name: path.read_text() for path in ROOT.glob("requirements*.txt")}
    assert len(files) == 3
    assert not list(house_rules.requirement_faults(files, (ROOT / "constraints.txt").read_text()))


@pytest.mark.parametrize(
    ("room", "files"),
    [
        ("plugins", ["requirements.txt"]),
        ("lab", ["requirements.txt", "requirements-lab.txt"]),
        ("tools", ["requirements.txt", "requirements-test.txt"]),
        ("tests", ["requirements.txt", "requirements-lab.txt", "requirements-test.txt"]),
        ("molecule", ["requirements.txt", "requirements-test.txt"]),
    ],
)
def test_what_is_imported_is_asked_for(room: str, files: list[str]) -> None:
    lines = [line for name in files for line in (ROOT / name).read_text().splitlines()]
    required = {line.partition("==")[0].lower() for line in lines if "==" in line}
    known = packages_distributions()
    broken = [
        fault
        for path in project_files()
        if path.startswith(f"{room}/") and path.endswith(".py")
        for fault in house_rules.import_faults(path, text_of(path), required, known)
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_an_import_can_be_unasked_for() -> None:
    known = {"yaml": ["PyYAML"], "requests": ["requests"]}
    text = "import json\nimport yaml\nfrom requests import get\nimport lab.state\n"
    assert [
        fault.partition(" is imported")[0] for fault in house_rules.import_faults("lab/x.py", text, {"pyyaml"}, known)
    ] == ["lab/x.py:3: requests"]
    assert list(house_rules.import_faults("lab/x.py", "import unheard_of\n", {"pyyaml"}, known))


def test_labs_of_different_folders_have_different_nets() -> None:
    rooms = ("tests/integration/", "tests/acceptance/", "bench/", "molecule/")
    assert not list(house_rules.net_faults({name: text_of(name) for name in project_files() if name.startswith(rooms)}))
    twice = {"a/one.py": "Lab('127.41')", "a/two.py": 'NET = "127.41"', "b/three.yml": 'NET: "127.41"'}
    assert [fault.partition(":")[0] for fault in house_rules.net_faults(twice)] == [
        "127.41 is the net of labs in a and in b"
    ]


def test_roles_say_what_they_take() -> None:
    broken = [fault for role in roles() for fault in role_readme.faults(role)]
    assert not broken, "\n" + "\n".join(broken)


def test_the_checkout_links_to_itself() -> None:
    link = ROOT / "collections" / "ansible_collections" / "homeops" / "cluster"
    assert os.readlink(link) == "../../.."
    assert link.resolve() == ROOT


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
    assert "make test" in (ROOT / "README.md").read_text()


HEADER = "# GNU General Public License v3.0+ (see LICENSE)\n"

#: Path, text, what the fault must name.
BAD = [
    ("plugins/modules/x.py", "import json\n", "licence header"),
    ("plugins/modules/x.py", HEADER + "import subprocess\n", "subprocess is imported"),
    ("plugins/module_utils/a/x.py", HEADER + "import os\nos.system('ls')\n", "os.system is called"),
    (
        "plugins/module_utils/a/x.py",
        HEADER + "def f(module):\n    module.run_command(['ls'])\n",
        "run_command is called",
    ),
    ("plugins/module_utils/a/x.py", HEADER + "start(['kubectl', 'get', 'nodes'])\n", "kubectl is given"),
    ("plugins/doc_fragments/x.py", HEADER + "class F:\n    DOCUMENTATION = 'a' + B\n", "is put together"),
    ("plugins/action/x.py", HEADER + "from lab import state\n", "plugins import lab"),
    ("plugins/action/x.py", HEADER + "from ansible_collections.homeops.cluster import x\n", "only relative imports"),
    ("lab/x.py", HEADER + "from ansible_collections.homeops.cluster.plugins import x\n", "the lab imports"),
    ("lab/x.py", HEADER + "import plugins.module_utils.talos\n", "the lab imports"),
    ("lab/x.py", HEADER + "x = 1\n" * 700, "701 lines"),
    ("roles/a/tasks/main.yml", "- name: A\n  ansible.builtin.command: ls\n", "starts a process"),
    ("roles/a/tasks/main.yml", "- block:\n    - name: A\n      shell: ls\n", "starts a process"),
    ("roles/a/handlers/main.yml", "- name: A\n  debug:\n    msg: x\n", "debug is not a full name"),
    ("roles/a/tasks/main.yml", "- name: A\n  a.b.c:\n    argv: [talosctl, version]\n", "talosctl is started"),
    ("roles/a/tasks/main.yml", "- name: A\n  a.b.c:\n    run: /usr/bin/helm install x\n", "helm is started"),
    ("roles/a/tasks/main.yml", "- name: A\n  a.b.c:\n    x: \"{{ lookup('pipe', 'ls') }}\"\n", "pipe lookup"),
    (
        "roles/a/tasks/main.yml",
        "- name: A\n  ansible.builtin.include_role:\n    name: b\n",
        "role b is not a full name",
    ),
    ("roles/a/tasks/main.yml", "- name: A\n  when: 'x' == y\n", "is not YAML"),
    ("roles/a/tasks/main.yml", "- name: A\n  local_action: a.b.c\n", "local_action hides"),
    ("playbooks/x.yml", "- hosts: all\n  roles: [talos]\n", "role talos is not a full name"),
    ("playbooks/x.yml", "- hosts: all\n  roles:\n    - role: talos\n", "role talos is not a full name"),
    ("site.yml", "- ansible.builtin.import_playbook: playbooks/x.yml\n", "is not a full name"),
    ("playbooks/x.yml", "- hosts: all\n  vars:\n    a: '{{ homeops_lab_net }}'\n", "may not know the lab"),
    ("plugins/lookup/x.py", HEADER + "ADDRESS = '127.29.51.11'\n", "may not know the lab"),
    ("docs/x.md", "see /wo" + "rk/main for it\n", "path of one machine"),
    ("lab/x.py", HEADER + "HOME = '/ro" + "ot/.kube'\n", "path of one machine"),
    ("Makefile", "INDEX = https://pypi" + ".org/simple\n", "package registry"),
    ("README.md", "TO" + "DO: write it\n", "say it in an issue"),
]


@pytest.mark.parametrize(("path", "text", "named"), BAD, ids=[f"{path}-{named}" for path, _text, named in BAD])
def test_a_rule_can_be_broken(path: str, text: str, named: str) -> None:
    assert [fault for fault in house_rules.faults(path, text) if named in fault]


GOOD = [
    ("plugins/modules/x.py", HEADER + "import json\nfrom ..module_utils.common import wait\n"),
    ("plugins/module_utils/frr/state_command.py", HEADER + "import subprocess\n"),
    ("plugins/module_utils/git/program.py", HEADER + "import subprocess\n"),
    ("plugins/module_utils/flux/x.py", HEADER + "NAMES = ['flux', 'helm']\n"),
    ("roles/a/tasks/main.yml", "- name: Install flux by itself\n  homeops.cluster.kube_apply:\n    namespace: flux\n"),
    ("playbooks/x.yml", "- hosts: all\n  roles: [homeops.cluster.talos]\n"),
    ("lab/x.py", HEADER + "import subprocess\nsubprocess.run(['kubectl', 'get'])\n"),
    ("docs/x.md", "the network/work is done; see the root of the tree; ~/work/x and $HOME/work\n"),
]


@pytest.mark.parametrize(("path", "text"), GOOD, ids=[path for path, _text in GOOD])
def test_a_rule_leaves_the_rest_alone(path: str, text: str) -> None:
    assert house_rules.faults(path, text) == []


def test_twins_can_be_missing_or_wrong() -> None:
    module = "DOCUMENTATION = ''\nEXAMPLES = ''\nRETURN = ''\nSPEC = {}\ndef run(params, ctx): ...\ndef main(): ...\n"
    twin = "class ActionModule(Twin):\n    face = {}\n"
    good = {"a_b": twin.format("a_b")}
    assert not list(house_rules.twin_faults({"a_b": module}, good))
    assert "no twin" in next(house_rules.twin_faults({"a_b": module}, {}))
    assert "no module" in next(house_rules.twin_faults({}, good))
    assert "another module's face" in next(house_rules.twin_faults({"a_b": module}, {"a_b": twin.format("c_d")}))
    assert "no RETURN" in next(house_rules.twin_faults({"a_b": module.replace("RETURN", "R")}, good))


def test_requirements_can_be_loose_or_contradicted() -> None:
    assert "no exact version" in next(house_rules.requirement_faults({"r.txt": "h2>=4\n"}, "h2==4.4.1\n"))
    assert "has 4.4.1" in next(house_rules.requirement_faults({"r.txt": "h2==4.3.0\n"}, "h2==4.4.1\n"))
    assert "has nothing" in next(house_rules.requirement_faults({"r.txt": "h2==4.3.0\n"}, ""))
    assert not list(house_rules.requirement_faults({"r.txt": "# why\nPyYAML==6.0.3\n"}, "pyyaml==6.0.3\n"))


SPEC = {"main": {"options": {"web_port": {"type": "int", "description": "Port."}}}}


@pytest.mark.parametrize(
    ("role", "named"),
    [
        (role_readme.Role("web"), "missing or empty"),
        (role_readme.Role("web", SPEC), "neither required nor in defaults"),
        (role_readme.Role("web", SPEC, {"web_port": 1, "web_host": ""}), "argument_specs does not know it"),
        (role_readme.Role("db", SPEC, {"web_port": 1}), "prefix"),
        (
            role_readme.Role("web", {"main": {"options": {"web_port": {"required": True}}}}, {"web_port": 1}),
            "gives it a value",
        ),
        (role_readme.Role("web", {"main": {"options": {"web_port": {"default": 2}}}}, {"web_port": 1}), "two defaults"),
        (
            role_readme.Role("web", {"main": {"options": {"web_port": {"type": "int"}}}}, {"web_port": 1}),
            "no description",
        ),
        (
            role_readme.Role("web", {"main": {"options": {"web_port": {"description": "x"}}}}, {"web_port": 1}),
            "no type",
        ),
    ],
)
def test_a_role_can_contradict_itself(role: role_readme.Role, named: str) -> None:
    assert [fault for fault in role_readme.faults(role) if named in fault]


def test_a_role_in_order_has_no_faults() -> None:
    assert not list(role_readme.faults(role_readme.Role("web", SPEC, {"web_port": 1})))
