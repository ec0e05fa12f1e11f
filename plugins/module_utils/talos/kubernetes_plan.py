# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which component of which node gets the next Kubernetes version, in which order, and whether it may. Pure.

The order is that of ``talosctl upgrade-k8s`` (siderolabs/talos v1.10 ``pkg/cluster/kubernetes/talos_managed.go``): one
component after the other over all nodes, the API servers first and the kubelets last. The skew rules are those of
https://kubernetes.io/releases/version-skew-policy/ and hold at every point of the way, not only at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
PROXY = "kube-proxy"
KUBELET = "kubelet"
#: Component -> path of its image in the machine config, in the order of an upgrade.
COMPONENTS: dict[str, tuple[str, ...]] = {
    API_SERVER: ("cluster", "apiServer", "image"),
    CONTROLLER_MANAGER: ("cluster", "controllerManager", "image"),
    SCHEDULER: ("cluster", "scheduler", "image"),
    PROXY: ("cluster", "proxy", "image"),
    KUBELET: ("machine", "kubelet", "image"),
}
#: Those that run as static pods of a control plane.
STATIC_PODS = (API_SERVER, CONTROLLER_MANAGER, SCHEDULER)
#: Talos minor -> first and last Kubernetes minor (siderolabs/talos pkg/machinery/compatibility).
SUPPORTED = {(1, 9): (27, 32), (1, 10): (28, 33), (1, 11): (29, 34), (1, 12): (30, 35)}
#: Minor releases by which a component may be behind the API servers.
BEHIND = {CONTROLLER_MANAGER: 1, SCHEDULER: 1, PROXY: 3, KUBELET: 3}

_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.]+)?$")
#: Registry and name, tag, and what builders of kubelets append to the tag (``-fat``).
_IMAGE = re.compile(r"^(?P<name>[^@]+?):(?P<tag>v\d+\.\d+\.\d+)(?P<suffix>-[0-9A-Za-z.-]+)?(?:@sha256:[0-9a-f]{64})?$")


@dataclass(frozen=True, order=True)
class Version:
    """A Kubernetes version."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"


@dataclass(frozen=True)
class NodeState:
    """What one node has and runs.

    :param configured: component -> image in the stored machine config; a component that is not used is not in it.
    :param running: component -> version that runs; None while nothing of it runs or it is not known.
    :param talos: version of Talos, ``v1.10.5``.
    :param problem: why the node cannot be judged or touched; empty when it can.
    """

    name: str
    configured: Mapping[str, str] = field(default_factory=dict)
    running: Mapping[str, Version | None] = field(default_factory=dict)
    talos: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Step:
    """One component of one node.

    :param image: what the machine config is to say.
    :param edit: whether it says something else now; False when only what runs has to follow.
    """

    component: str
    node: str
    before: str
    image: str
    edit: bool

    @property
    def text(self) -> str:
        """The step for people."""
        after = tag(self.image)
        return f"{self.component} on {self.node}: {self.before or 'nothing'} -> {after}"


@dataclass(frozen=True)
class Plan:
    """The way to a version.

    :param refusals: why it must not be gone, one sentence each; empty when it may.
    :param notes: what the caller should know.
    """

    steps: tuple[Step, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parse(text: str) -> Version | None:
    """Return a version, None when the text is none."""
    found = _VERSION.match(text.strip())
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def tag(image: str) -> str:
    """Return an image's version without what is appended to it; empty when it has none."""
    found = _IMAGE.match(image)
    return found["tag"] if found else ""


def retagged(image: str, target: Version) -> str:
    """Return the image with another version; registry, name and appendix stay, a digest goes.

    :raises ValueError: the image has no version.
    """
    found = _IMAGE.match(image)
    if not found:
        raise ValueError(image)
    return f"{found['name']}:{target}{found['suffix'] or ''}"


def plan(target: Version, nodes: Sequence[NodeState]) -> Plan:
    """Return the way of all nodes to ``target``.

    :param nodes: every node of the cluster, in the order in which they are to go.
    """
    refusals = [f"{node.name}: {node.problem}" for node in nodes if node.problem]
    if not nodes:
        refusals.append("no node is named")
    if refusals:
        return Plan(refusals=tuple(refusals))
    refusals += _unreadable(nodes)
    refusals += _jump(target, nodes)
    refusals += _talos(target, nodes)
    if refusals:
        return Plan(refusals=tuple(dict.fromkeys(refusals)))
    steps = tuple(_steps(target, nodes))
    broken = violations(nodes)
    if broken:
        return Plan(refusals=tuple(f"the versions that run do not fit each other: {text}" for text in broken))
    # The way must be safe at every point: whoever stops half-way must be able to stay there.
    state = list(nodes)
    for step in steps:
        state = after(state, step)
        broken = violations(state)
        if broken:
            return Plan(refusals=tuple(f"{step.text} would leave {text}" for text in broken))
    return Plan(steps, notes=tuple(_notes(target, nodes)))


def _steps(target: Version, nodes: Sequence[NodeState]) -> Iterator[Step]:
    for component in COMPONENTS:
        for node in nodes:
            if component not in node.configured:
                continue
            image = node.configured[component]
            wanted = retagged(image, target)
            running = node.running.get(component)
            edit = image != wanted
            # kube-proxy is one DaemonSet for all, which a cluster may have replaced by something else.
            behind = running != target if component != PROXY else running is not None and running != target
            if edit or behind:
                yield Step(component, node.name, str(running) if running else tag(image), wanted, edit)


def after(nodes: Sequence[NodeState], step: Step) -> list[NodeState]:
    """Return the nodes as they are once a step is done."""
    version = parse(tag(step.image))
    return [
        replace(
            node,
            configured={**node.configured, step.component: step.image},
            running={**node.running, step.component: version},
        )
        if node.name == step.node
        else node
        for node in nodes
    ]


def violations(nodes: Sequence[NodeState]) -> list[str]:
    """Return what of the skew rules does not hold, one phrase each."""
    servers = [version for node in nodes if (version := node.running.get(API_SERVER))]
    if not servers:
        return []
    oldest, newest = min(servers), max(servers)
    found = []
    if newest.minor - oldest.minor > 1:
        found.append(f"API servers of {oldest} and {newest}: more than one minor release apart")
    for node in nodes:
        for component, behind in BEHIND.items():
            version = node.running.get(component)
            if version is None:
                continue
            if version.minor > oldest.minor:
                found.append(f"{component} {version} on {node.name} newer than the API server {oldest}")
            elif newest.minor - version.minor > behind:
                found.append(
                    f"{component} {version} on {node.name} more than {behind} minor release{'s' * (behind > 1)} "
                    f"behind the API server {newest}"
                )
    return found


def _unreadable(nodes: Sequence[NodeState]) -> Iterator[str]:
    for node in nodes:
        for component, image in node.configured.items():
            if not tag(image):
                yield f"{node.name}: the image of {component} has no version: {image or '(none)'}"


def _jump(target: Version, nodes: Sequence[NodeState]) -> Iterator[str]:
    for node in nodes:
        for component, version in node.running.items():
            if version is None:
                continue
            told = f"{component} of {node.name} runs {version}"
            if version.major != target.major or (component == API_SERVER and target.minor - version.minor > 1):
                yield f"{told}, and {target} is more than one minor release further: go by each one between them"
            elif version.minor > target.minor:
                yield (
                    f"{told}, which is newer than {target} by a minor release: Kubernetes does not go back, "
                    "because the older one may not read what the newer one has written"
                )


def _talos(target: Version, nodes: Sequence[NodeState]) -> Iterator[str]:
    for node in nodes:
        found = parse(node.talos)
        bounds = SUPPORTED.get((found.major, found.minor)) if found else None
        if found and bounds and not bounds[0] <= target.minor <= bounds[1]:
            yield (
                f"{node.name} runs Talos {node.talos}, which supports Kubernetes v1.{bounds[0]} to v1.{bounds[1]}, "
                f"not {target}"
            )


def _notes(target: Version, nodes: Sequence[NodeState]) -> Iterator[str]:
    newer = sorted({version for node in nodes for version in node.running.values() if version and version > target})
    if newer:
        yield f"this goes back from {newer[-1]} to {target} within one minor release"
    known = {(found.major, found.minor) for node in nodes if (found := parse(node.talos))}
    for major, minor in sorted(known - set(SUPPORTED)):
        yield f"which Kubernetes Talos {major}.{minor} supports is not known here"
