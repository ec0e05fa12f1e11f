# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap and documentation in a repository: what tasks test, in which order they run, what pages name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from ...model.schema import nearest
from ...repository import limits
from ...repository.commands import Command
from ...repository.files import MARKDOWN
from ...repository.spot import Spot, dig, listing, string
from ...repository.view import Repository
from ..registry import ERROR, REPO, WARN, Breach, check

_PHASES = ("talos", "kubernetes", "gitops")
_RUN = "verified by running over the files of a real home-lab"
_NODES = re.compile(
    r"""get\s+(?:nodes?|no)\b[^|]*\|[^|]*?\bgrep\s+(?:-[a-zA-Z]+\s+)*["']?(?P<what>[A-Za-z0-9._-]+)["']?"""
)
_READY = re.compile(
    r"""\bgrep\s+(?:-[a-zA-Z]*c[a-zA-Z]*|-[a-zA-Z]+\s+-c|-q)\s+(?:-[a-zA-Z]+\s+)*(?P<what>["']?Ready["']?)(?=\s|\||\)|;|&|$)"""
)
_WHOLE_WORD = re.compile(r"grep\s+(?:-[a-zA-Z]+\s+)*-[a-zA-Z]*[wx]|\s-w\b|NotReady")
_COUNT = re.compile(r"""\bgrep\s+(?:-[a-zA-Z]+\s+)*-[a-zA-Z]*c[a-zA-Z]*\b.*?\|\|\s*echo\s+["']?0["']?""")
_TALOS_PODS = re.compile(
    r"get\s+(?:pods?|po)\b(?=[^|]*(?:-n\s*|--namespace[= ])kube-system)"
    r"[^|]*\|[^|]*grep\s+[^|]*\b(etcd|apid|trustd|machined|kubelet)\b"
)
_RUNNING = re.compile(r"""get\s+(?:pods?|po)\b[^|]*\|.*\bgrep\s+(?:-[a-zA-Z]+\s+)*["']?Running["']?""")
_RUNNING_SELECTOR = re.compile(r"get\s+(?:pods?|po)\b[^|]*--field-selector[= ]\S*status\.phase=Running")
_TASK = re.compile(
    r"(?:^|[\s;&|(`$])(?:go-)?task\s+(?P<name>[a-z][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.*-]+)*)(?=$|[\s;&|)`\"'.,])"
)
_SCRIPT = re.compile(
    r"(?:^|[\s`(\"'=])(?:\./)?(?P<path>(?:[A-Za-z0-9_.-]+/)+[A-Za-z0-9_.-]+\.(?:sh|py))(?=$|[\s`)\"',;:.])"
)
_LINK = re.compile(r"\[[^\[\]]*\]\((?P<path>[^)#?\s]+)")
#: Words that follow ``task`` in prose.
_PROSE = frozenset(
    (
        "is the a an to of in for and list that this which with can will must should runner runs run file files name "
        "names itself has does was or"
    ).split()
)


def _run(repository: Repository) -> Iterator[Command]:
    """Yield what is meant to be run: commands of tasks and scripts."""
    return (command for command in repository.commands if not command.documented)


@check(
    "BOO001",
    ERROR,
    "bootstrap",
    _PHASES,
    rule="A test whether a phase is done can be true.",
    why="A test that is never true repeats the phase on every run, one that is always true skips it.",
    broken="nodes searched for home-ops, when they are called mini01 to mini03",
    right="etcd members == nodes, and the API answers",
    ground=_RUN,
    scope=REPO,
)
def predicates(repository: Repository) -> Iterator[Breach]:
    """Names that are looked for in the list of nodes are compared with those of talconfig.yaml."""
    names = [string(node.get("hostname")) for _document, _path, node in repository.talos.nodes()]
    if not names or not all(names):
        return
    for command in _run(repository):
        match = _NODES.search(command.text)
        what = match.group("what") if match else ""
        if not what or re.fullmatch(
            r"(?i)(?:not)?ready|control-plane|worker|master|v\d.*|schedulingdisabled|none|roles?", what
        ):
            continue
        addresses = [string(node.get("ipAddress")) for _document, _path, node in repository.talos.nodes()]
        if not any(what in name for name in [*names, *addresses]):
            text = f"{what} is looked for in the list of nodes, which are {', '.join(names)}: that is never true."
            yield Breach(command.spot, text, nearest(what, names) or names[0])


@check(
    "BOO002",
    ERROR,
    "bootstrap",
    _PHASES,
    rule="Ready is asked of the condition, not of a line that holds the word.",
    why="NotReady holds it too: three nodes that are down count as three that are up.",
    broken="kubectl get nodes | grep -c Ready",
    right='status.conditions[type=Ready].status == "True" of each node',
    ground="verified by running: satisfied by three NotReady nodes",
    scope=REPO,
)
def ready_word(repository: Repository) -> Iterator[Breach]:
    """A search for the whole word, or one that leaves NotReady out, is right."""
    for command in _run(repository):
        for part in re.split(r"&&|;|\n", command.text):
            if _READY.search(part) and re.search(r"\bget\b|\bnodes?\b", part) and not _WHOLE_WORD.search(part):
                text = "Lines that hold Ready are counted, and NotReady holds it too."
                yield Breach(command.spot, text, "kubectl wait --for=condition=Ready")
                break


@check(
    "BOO003",
    ERROR,
    "bootstrap",
    _PHASES,
    rule="A counter is one number.",
    why="grep -c prints 0 and fails, so the other side of || prints a second 0: the comparison breaks the script.",
    broken="n=$(cmd | grep -c X || echo 0)",
    right="n=$(cmd | grep -c X || true)",
    ground="verified by running: prints 0 twice",
    scope=REPO,
)
def one_number(repository: Repository) -> Iterator[Breach]:
    """Looked for in tasks and scripts."""
    for command in _run(repository):
        if _COUNT.search(command.text):
            yield Breach(command.spot, "grep -c prints 0 itself, and then || echo 0 prints another.", "|| true")


@check(
    "BOO004",
    ERROR,
    "bootstrap",
    _PHASES,
    rule="Phases run in their order, each once.",
    why="Dependencies of a task run at the same time: Kubernetes is bootstrapped while Talos is still being installed.",
    broken="deps: [phase-talos, phase-kubernetes, phase-cni]",
    right="cmds: [{task: phase-talos}, {task: phase-kubernetes}, {task: phase-cni}]",
    ground="taskfile.dev documentation (dependencies run concurrently); go-task/task#1946, #1952",
    scope=REPO,
)
def phases(repository: Repository) -> Iterator[Breach]:
    """Judged are two or more dependencies whose names say phase, step or stage, or begin with a number."""
    for task in repository.tasks:
        names = [string(entry) or string(dig(entry, "task")) for entry in listing(dig(task.value, "deps"))]
        ordered = [
            name for name in names if re.search(r"(?:^|[:_-])(?:phase|step|stage)(?:[:_-]|\d|$)|(?:^|:)\d", name)
        ]
        if len(ordered) > 1:
            text = f"{', '.join(ordered)} are dependencies of {task.name}, so they run at the same time."
            yield Breach(task.at("deps"), text, f"cmds: [{', '.join(f'{{task: {name}}}' for name in ordered)}]")


@check(
    "BOO005",
    WARN,
    "bootstrap",
    _PHASES,
    rule="Talos' services are asked of Talos.",
    why="etcd, apid, trustd and kubelet are no pods: the test finds nothing, whatever their state.",
    broken="kubectl get pods -n kube-system | grep etcd",
    right="the ServiceList of Talos' API",
    ground="siderolabs/talos v1.10.5 internal/app/machined/pkg/system/services/etcd.go",
    scope=REPO,
)
def talos_services(repository: Repository) -> Iterator[Breach]:
    """Looked for in tasks and scripts."""
    for command in _run(repository):
        match = _TALOS_PODS.search(command.text)
        if match:
            text = f"{match.group(1)} is looked for among the pods, and Talos runs it as a service."
            yield Breach(command.spot, text, f"talosctl service {match.group(1)}")


@check(
    "BOO006",
    WARN,
    "bootstrap",
    _PHASES,
    rule="Readiness is tested per workload, never by one Running pod in a namespace.",
    why="One pod of three runs, or an old one still does: the next phase starts before its ground is there.",
    broken="kubectl get pods -n cert-manager | grep Running",
    right="Deployments and DaemonSets: observedGeneration current, updated == ready == desired",
    ground="read in a real home-lab",
    scope=REPO,
)
def running_pod(repository: Repository) -> Iterator[Breach]:
    """Looked for in tasks and scripts."""
    for command in _run(repository):
        negated = re.search(r"grep\s+(?:-[a-zA-Z]*v[a-zA-Z]*)", command.text)
        if (_RUNNING.search(command.text) and not negated) or _RUNNING_SELECTOR.search(command.text):
            yield Breach(command.spot, "One Running pod counts as ready.", "kubectl rollout status of each workload")


@check(
    "BOO007",
    ERROR,
    "docs",
    _PHASES,
    rule="Commands and files that documentation and tasks name exist.",
    why="Whoever follows the page at night, with the cluster down, stops at its first command.",
    broken="`task talos:apply-config` without such a task; ./scripts/fix.sh that is not there",
    right="every named command and file exists",
    ground=_RUN,
    scope=REPO,
)
def named_things(repository: Repository) -> Iterator[Breach]:
    """Tasks, scripts, and links to files of the repository."""
    tasks = {task.name for task in repository.tasks}
    wild = [re.compile(re.escape(name).replace(r"\*", ".*")) for name in tasks if "*" in name]
    names = tasks | {name.removesuffix(":default") for name in tasks}
    for command in repository.commands:
        # Words of prose never stand in a fenced block or a task, so only what a shell would run is looked at.
        for match in _TASK.finditer(command.text) if tasks else ():
            name = match.group("name").rstrip(".:")
            if name in names or name in _PROSE or any(item.fullmatch(name) for item in wild) or "*" in name:
                continue
            if _relative(repository, command, name, names):
                continue
            yield Breach(command.spot, f"There is no task {name}.", nearest(name, names))
        yield from _scripts(repository, command.spot, command.text)
    for task in repository.tasks:
        for path, name in _called(task.value):
            prefix = task.name.rpartition(":")[0]
            if name and "{{" not in name and not _exists(name, prefix, names, wild):
                yield Breach(task.at(*path), f"There is no task {name}.", nearest(name, names))
    for file in repository.files.of(MARKDOWN):
        for number, whole in enumerate(file.lines, start=1):
            line = whole[: limits.LINE]
            for match in _LINK.finditer(line):
                link = match.group("path").strip("<>")
                if re.match(r"[a-z][a-z0-9+.-]*:|/|#|\{|\$", link):
                    continue
                target = posixpath.normpath(posixpath.join(file.folder, link))
                if target.startswith("..") or target in repository.files.files or target in repository.files.folders:
                    continue
                yield Breach(Spot(file.path, number), f"There is no file {target}.", _near_file(repository, target))
            for match in re.finditer(r"`([^`]+)`", line):
                yield from _scripts(repository, Spot(file.path, number), match.group(1))
                for inner in _TASK.finditer(match.group(1)) if tasks and match.group(1).startswith("task ") else ():
                    name = inner.group("name")
                    if name not in names and name not in _PROSE and "*" not in name:
                        yield Breach(Spot(file.path, number), f"There is no task {name}.", nearest(name, names))


def _relative(repository: Repository, command: Command, name: str, names: set[str]) -> bool:
    """Whether a task of the Taskfile that the command stands in has this name."""
    return any(
        task.document.file == command.spot.file and task.name.endswith(f":{name}") for task in repository.tasks
    ) or any(other.endswith(f":{name}") for other in names)


def _exists(name: str, prefix: str, names: set[str], wild: list[re.Pattern[str]]) -> bool:
    if name.startswith(":"):
        return name[1:] in names
    full = f"{prefix}:{name}" if prefix else name
    return name in names or full in names or any(item.fullmatch(name) or item.fullmatch(full) for item in wild)


def _called(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield path and name of the tasks that a task calls or depends on."""
    for key in ("cmds", "deps"):
        for index, entry in enumerate(listing(dig(value, key))):
            if isinstance(entry, dict) and string(entry.get("task")):
                yield (key, index, "task"), string(entry.get("task"))
            elif key == "deps" and isinstance(entry, str):
                yield (key, index), entry


def _scripts(repository: Repository, spot: Spot, text: str) -> Iterator[Breach]:
    for match in _SCRIPT.finditer(text):
        path = posixpath.normpath(match.group("path"))
        near = posixpath.normpath(posixpath.join(posixpath.dirname(spot.file), path))
        if "://" in text[: match.start() + 1] or path.startswith(
            ("..", "usr/", "etc/", "tmp/", "opt/", "var/", "bin/")
        ):
            continue
        if text[max(match.start() - 1, 0) : match.start() + 1].strip("`\"'(= ").startswith("/"):
            continue
        known = repository.files.files
        # Only a path whose first directory is one of the repository can be meant to be a file of it.
        if path in known or near in known or path.partition("/")[0] not in repository.files.folders:
            continue
        yield Breach(spot, f"There is no file {path}.", _near_file(repository, path))


def _near_file(repository: Repository, path: str) -> str | None:
    name = posixpath.basename(path)
    same = [item for item in sorted(repository.files.files) if posixpath.basename(item) == name]
    return same[0] if same else None
