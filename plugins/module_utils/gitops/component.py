# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the declaration of a component says, ``component.yml.j2`` rendered and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import InputError
from ..model import leaves
from ..model.schema import Free, Keys, ListOf, examine

_RULE = Keys(
    may={
        "from": leaves.text("a peer"),
        "to": leaves.text("a peer"),
        "ports": ListOf(leaves.number(1, 65535, "a port")),
        "protocol": leaves.one_of("TCP", "UDP"),
        "pods": Keys(rest=leaves.text("a label's value")),
    }
)
_NAMESPACE = Keys(
    need={"name": leaves.name(), "pod_security": leaves.one_of("restricted", "baseline", "privileged")},
)
_SCHEMA = Keys(
    need={"title": leaves.text("a title")},
    may={
        "when": leaves.boolean(),
        "tree": leaves.one_of("infrastructure", "apps"),
        "kustomization": leaves.name(),
        "timeout": leaves.duration(),
        "retry": leaves.duration(),
        "depends_on": ListOf(leaves.name()),
        "namespace": _NAMESPACE,
        "in_namespace": leaves.name(),
        "stateful": leaves.boolean(),
        "source": Keys(need={"name": leaves.name(), "url": leaves.text("a URL")}),
        "release": Keys(
            need={"chart": leaves.name(), "version": leaves.text("a version")},
            may={
                "name": leaves.name(),
                "timeout": leaves.duration(),
                "interval": leaves.duration(),
                "crds": leaves.one_of("Create", "CreateReplace", "Skip"),
            },
        ),
        "secrets": ListOf(leaves.name()),
        "network": Keys(
            may={
                "default_deny": leaves.boolean(),
                "ingress": ListOf(_RULE),
                "egress": ListOf(_RULE),
            }
        ),
        "ready": ListOf(Keys(need={"kind": leaves.text("a kind"), "name": leaves.text("a name")}, rest=Free())),
    },
)


@dataclass(frozen=True)
class Component:
    """One component of the tree.

    :param name: its folder's name.
    :param title: what it is, in the words of an owner.
    :param tree: ``infrastructure`` or ``apps``.
    :param kustomization: name of its Flux Kustomization without the tree.
    :param timeout: how long Flux waits for it; ``retry`` after a failure.
    :param depends_on: components, by name, that must be Ready first.
    :param namespace: where its objects live.
    :param pod_security: the level of the namespace that it owns; empty when another component owns it.
    :param stateful: its namespace holds data, so it is never pruned, and leaves the tree only when it is named.
    :param source: Helm repository, ``{name, url}``.
    :param release: ``{name, chart, version, timeout, interval, crds}``.
    :param secrets: names of the ExternalSecrets in its namespace.
    :param network: rules, see ``network.py``.
    :param ready: objects that tell that it works, as ``kube_wait`` takes them.
    """

    name: str
    title: str
    tree: str = "infrastructure"
    kustomization: str = ""
    timeout: str = "10m"
    retry: str = "2m"
    depends_on: tuple[str, ...] = ()
    namespace: str = ""
    pod_security: str = ""
    stateful: bool = False
    source: Mapping[str, str] = field(default_factory=dict)
    release: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    ready: tuple[Mapping[str, Any], ...] = ()

    @property
    def path(self) -> str:
        """Its folder in the repository."""
        return f"{self.tree}/{self.name}"

    @property
    def flux_name(self) -> str:
        """The name of its Kustomization."""
        return f"{self.tree}-{self.kustomization or self.name}"


def parse(name: str, declared: Any, source: str) -> Component | None:
    """Return the component; None when its own condition (``when``) leaves it out.

    :raises InputError: naming every mistake of the declaration.
    """
    clean, problems = examine(declared, _SCHEMA)
    if problems:
        told = "; ".join(
            f"{'.'.join(map(str, problem.path)) or 'the document'}: {problem.text}" for problem in problems
        )
        raise InputError("the declaration of a component is wrong", target=source, answer=told)
    if not clean.get("when", True):
        return None
    owned = clean.get("namespace") or {}
    if owned and clean.get("in_namespace"):
        raise InputError("a component either owns a namespace or lives in another's", target=source)
    if clean.get("stateful") and not owned:
        raise InputError("only a component that owns a namespace can say that it holds data (stateful)", target=source)
    release = dict(clean.get("release") or {})
    if release and not clean.get("source"):
        raise InputError("a release needs a source", target=source)
    return Component(
        name=name,
        title=clean["title"],
        tree=clean.get("tree", "infrastructure"),
        kustomization=clean.get("kustomization", ""),
        timeout=clean.get("timeout", "10m"),
        retry=clean.get("retry", "2m"),
        depends_on=tuple(dict.fromkeys(clean.get("depends_on") or ())),
        namespace=owned.get("name") or clean.get("in_namespace", ""),
        pod_security=owned.get("pod_security", ""),
        stateful=clean.get("stateful", False),
        source=clean.get("source") or {},
        release={**release, "name": release.get("name", name)} if release else {},
        secrets=tuple(clean.get("secrets") or ()),
        network=clean.get("network") or {},
        ready=tuple(clean.get("ready") or ()),
    )
