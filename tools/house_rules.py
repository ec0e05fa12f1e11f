# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the house, each a pure function from a file's text to the sentences it breaks.

``tests/unit/test_house_rules.py`` holds every file of the project against them, and every rule against a bad sample.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

#: Programs which the collection replaces; it starts none of them.
TOOLS = ("talosctl", "talhelper", "kubectl", "helm", "flux", "kustomize", "cilium", "op", "jq", "yq", "task")
#: Those whose name is nothing but a program's.
PROGRAMS = ("talosctl", "talhelper", "kubectl", "helm", "kustomize", "jq", "yq")
#: Modules which start a program; short names and all full ones.
PROCESS_MODULES = ("command", "shell", "raw", "script", "expect")
#: Import names of the project itself.
ROOMS = ("ansible_collections", "bench", "lab", "plugins", "tests", "tools")
#: A file longer than this holds more than one idea.
LONGEST = 600
#: Keywords of a task or block which are not its module (ansible-core 2.19, ``ansible-doc -t keyword -l``).
KEYWORDS = frozenset(
    {
        "action",
        "always",
        "any_errors_fatal",
        "args",
        "async",
        "become",
        "become_exe",
        "become_flags",
        "become_method",
        "become_user",
        "block",
        "changed_when",
        "check_mode",
        "collections",
        "connection",
        "debugger",
        "delay",
        "delegate_facts",
        "delegate_to",
        "diff",
        "environment",
        "fact_path",
        "failed_when",
        "force_handlers",
        "gather_facts",
        "gather_subset",
        "gather_timeout",
        "handlers",
        "hosts",
        "ignore_errors",
        "ignore_unreachable",
        "listen",
        "local_action",
        "loop",
        "loop_control",
        "max_fail_percentage",
        "module_defaults",
        "name",
        "no_log",
        "notify",
        "order",
        "poll",
        "port",
        "post_tasks",
        "pre_tasks",
        "register",
        "remote_user",
        "rescue",
        "retries",
        "roles",
        "run_once",
        "serial",
        "strategy",
        "tags",
        "tasks",
        "throttle",
        "timeout",
        "until",
        "vars",
        "vars_files",
        "vars_prompt",
        "when",
    }
)
_CALLS = re.compile(r"^(os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*|fork\w*)|asyncio\.create_subprocess_\w+)$")
#: The files of the plugins which start a program: one that the user names in an option, and git.
_STARTS = ("plugins/module_utils/frr/state_command.py", "plugins/module_utils/git/program.py")
_HEADER = "GNU General Public License v3.0+"
# Put together from pieces, so that this file does not break its own rule.
_PATHS = ("wo" + "rk", "ro" + "ot", "tmp/ju" + "dge")
_REGISTRIES = (
    "pypi" + ".org",
    "files.python" + "hosted",
    "registry.npm" + "js",
    "proxy.gol" + "ang.org",
    "sum.gol" + "ang.org",
    "deb.deb" + "ian.org",
)
_MACHINE = re.compile(
    r"(?<![\w.$}~-])/(?:" + "|".join(_PATHS) + r")(?:/|\b(?!-))|" + "|".join(re.escape(host) for host in _REGISTRIES)
)
_NOTES = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
_LAB = re.compile(r"\bHOMEOPS_LAB\w*|\bhomeops_lab\w*|\b127\.29\.|\bpython -m lab\b")


def python_faults(path: str, text: str) -> Iterator[str]:
    """Yield what a Python file of the project breaks."""
    if text.strip() and _HEADER not in "\n".join(text.splitlines()[:20]):
        yield f"{path}: the licence header is missing from its first 20 lines"
    tree = ast.parse(text)
    room = PurePosixPath(path).parts[0]
    for name, line in _imports(tree):
        top = name.split(".")[0]
        if room == "plugins" and top in ("lab", "tools", "tests", "bench", "ansible_collections"):
            yield f"{path}:{line}: plugins import {name}: only relative imports, and nothing of the lab"
        if room == "lab" and (top == "ansible_collections" or "plugins" in name.split(".")):
            yield f"{path}:{line}: the lab imports {name}: its agreement with the collection must mean something"
        if room == "plugins" and top in ("subprocess", "pty", "pexpect", "sh") and path not in _STARTS:
            yield f"{path}:{line}: plugins start no process, yet {name} is imported"
    if room != "plugins":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
                    yield f"{path}:{node.lineno}: {target.id} is put together: Ansible's tools read one plain text"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if _CALLS.match(called) or called.endswith(".run_command"):
                yield f"{path}:{node.lineno}: plugins start no process, yet {called} is called"
            for argument in node.args:
                if isinstance(argument, (ast.List, ast.Tuple)) and argument.elts:
                    first = argument.elts[0]
                    if isinstance(first, ast.Constant) and first.value in PROGRAMS and len(argument.elts) > 1:
                        yield f"{path}:{node.lineno}: {first.value} is given as a program to {called}"


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield absolute imports: dotted name, line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node.lineno


def play_faults(path: str, text: str) -> Iterator[str]:
    """Yield what a playbook or a role's task file breaks: processes, command-line tools, short names."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"{path} is not YAML: {' '.join(str(error).split())}"
        return
    for task in _tasks(found):
        name = task.get("name", "a task without a name")
        for module in [key for key in task if key not in KEYWORDS and not key.startswith("with_")]:
            if module.rpartition(".")[2] in PROCESS_MODULES:
                yield f"{path}: {name}: {module} starts a process"
            if module.count(".") < 2:
                yield f"{path}: {name}: {module} is not a full name"
            yield from _reference_faults(path, module, task[module])
        for key in ("action", "local_action"):
            if key in task:
                yield f"{path}: {name}: {key} hides which module runs"
        for words in _strings({key: value for key, value in task.items() if key != "name"}):
            first = words.split()[0] if words.split() else ""
            if PurePosixPath(first).name in TOOLS and len(words.split()) > 1 and not first.endswith("."):
                yield f"{path}: {name}: {first} is started: {words[:60]!r}"
            if re.search(r"(lookup|query)\(\s*['\"](ansible\.builtin\.)?pipe['\"]", words):
                yield f"{path}: {name}: the pipe lookup starts a process"
        for role in task.get("roles") or ():
            yield from _reference_faults(path, "role", role if isinstance(role, dict) else {"name": role})


def _reference_faults(path: str, module: str, value: Any) -> Iterator[str]:
    """Yield roles and playbooks which are called by a short name."""
    kind = module.rpartition(".")[2]
    if kind in ("import_role", "include_role", "role") and isinstance(value, dict):
        called = str(value.get("role") or value.get("name"))
        if called.count(".") < 2:
            yield f"{path}: role {called} is not a full name"
    if kind == "import_playbook" and isinstance(value, str) and value.count(".") < 2:
        yield f"{path}: playbook {value} is not a full name"


def _tasks(found: Any) -> Iterator[dict[str, Any]]:
    """Yield every play, task and block of a file, nested ones too; a block's children are not repeated in it."""
    for item in found or ():
        if not isinstance(item, dict):
            continue
        inner = [
            key for key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always") if key in item
        ]
        yield {key: value for key, value in item.items() if key not in inner}
        for key in inner:
            yield from _tasks(item[key])


def _strings(found: Any) -> Iterator[str]:
    """Yield every text in a structure; a list of texts also joined, as it would be run."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for value in found.values():
            yield from _strings(value)
    elif isinstance(found, list):
        if found and all(isinstance(item, str) for item in found):
            yield " ".join(found)
        for item in found:
            yield from _strings(item)


def text_faults(path: str, text: str) -> Iterator[str]:
    """Yield what any text of the project breaks: this machine's paths, registries, notes to self, length."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _MACHINE.search(line)
        if found:
            yield f"{path}:{number}: {found[0]} is a path of one machine, or a package registry"
        found = _NOTES.search(line)
        if found:
            yield f"{path}:{number}: {found[0]}: say it in an issue"
    room = PurePosixPath(path)
    written = "fixtures" not in room.parts
    if written and room.suffix in (".py", ".yml", ".yaml", ".sh", ".j2") and len(text.splitlines()) > LONGEST:
        yield f"{path}: {len(text.splitlines())} lines: split it"
    if room.parts[0] in ("plugins", "roles", "playbooks") and room.suffix != ".md":
        for number, line in enumerate(text.splitlines(), 1):
            found = _LAB.search(line)
            if found:
                yield f"{path}:{number}: {found[0]}: what runs at home may not know the lab"


#: The first half of a test lab's addresses, as code writes it.
_NET = re.compile(r"""["'](127\.[1-9]\d{0,2})["']""")


def net_faults(files: Mapping[str, str]) -> Iterator[str]:
    """Stages run side by side, so a lab's net belongs to one folder of tests.

    :param files: path -> text of everything that starts labs.
    """
    owners: dict[str, set[str]] = {}
    for path, text in files.items():
        for net in _NET.findall(text):
            owners.setdefault(net, set()).add(str(PurePosixPath(path).parent))
    for net, folders in sorted(owners.items()):
        if len(folders) > 1:
            yield f"{net} is the net of labs in {' and in '.join(sorted(folders))}: take another one for one of them"


def twin_faults(modules: dict[str, str], actions: dict[str, str]) -> Iterator[str]:
    """Yield modules without a controller-side twin and twins without a module; name -> text of the file."""
    for name in sorted(set(modules) - set(actions)):
        yield f"plugins/modules/{name}.py has no twin: plugins/action/{name}.py"
    for name in sorted(set(actions) - set(modules)):
        yield f"plugins/action/{name}.py has no module: plugins/modules/{name}.py"
    for name in sorted(set(actions) & set(modules)):
        if not re.search(rf"^ {{4}}face\b.*= {name}$", actions[name], re.M):
            yield f"plugins/action/{name}.py shows another module's face"
        for word in ("SPEC", "run", "main", "DOCUMENTATION", "EXAMPLES", "RETURN"):
            if not re.search(rf"^(def {word}\(|{word}\b.*=)", modules[name], re.M):
                yield f"plugins/modules/{name}.py has no {word}"


def requirement_faults(files: dict[str, str], constraints: str) -> Iterator[str]:
    """Yield requirements without an exact version and those which ``constraints.txt`` pins otherwise."""
    pinned = dict(line.lower().split("==") for line in constraints.splitlines() if "==" in line)
    for path, text in files.items():
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            name, _equals, version = line.lower().partition("==")
            if not version:
                yield f"{path}: {line} names no exact version"
            elif pinned.get(name) != version:
                yield f"{path}: {line}, but constraints.txt has {pinned.get(name, 'nothing')}: run `make constraints`"


def import_faults(
    path: str, text: str, required: Collection[str], distributions: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Yield third-party imports whose distribution is not asked for.

    :param required: names of distributions in lower case.
    :param distributions: import name -> distributions, as ``importlib.metadata.packages_distributions`` tells.
    """
    for name, line in _imports(ast.parse(text)):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in ROOMS:
            continue
        if not {found.lower() for found in distributions.get(top, ())} & set(required):
            yield f"{path}:{line}: {name} is imported, but no requirement brings it"


#: Files whose YAML is plays and tasks.
_PLAYS = re.compile(r"(site\.yml|playbooks/.*\.yml|roles/[^/]+/(tasks|handlers)/.*\.yml)$")
#: Which rule holds for which file: predicate on the path, rule.
RULES: tuple[tuple[Callable[[str], bool], Callable[[str, str], Iterator[str]]], ...] = (
    (lambda path: path.endswith(".py"), python_faults),
    (lambda path: bool(_PLAYS.match(path)), play_faults),
    (lambda path: path != "LICENSE", text_faults),
)


def faults(path: str, text: str) -> list[str]:
    """Return what one file, path relative to the checkout, breaks."""
    return [fault for holds, rule in RULES if holds(path) for fault in rule(path, text)]
