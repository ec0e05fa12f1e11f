# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network policies from short rules: everything is denied, then what a component needs is let through.

A ``NetworkPolicy`` denies both directions of the whole namespace. The exceptions are one ``CiliumNetworkPolicy`` per
group of pods, because nodes and the API server are no pods and have no address that a ``NetworkPolicy`` could name: to
Cilium they are entities (Cilium 1.17 ``Documentation/security/policy/language``). DNS and the namespace itself are
always let through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import InputError
from .component import Component

_NAMESPACE = "k8s:io.kubernetes.pod.namespace"
_APP = "k8s:k8s-app"
#: What the API server is to its clients, and from where it calls webhooks: it runs on the nodes' own network.
_ENTITIES = {
    "api": (["kube-apiserver"], ["kube-apiserver", "host", "remote-node"]),
    "nodes": (["host", "remote-node"], ["host", "remote-node"]),
    "world": (["world"], ["world"]),
    "cluster": (["cluster"], ["cluster"]),
}

Body = dict[str, Any]


def policies(component: Component, model: Mapping[str, Any]) -> list[Body]:
    """Return the policies of a component; none when it declares no rules."""
    rules = component.network
    if not rules:
        return []
    found: list[Body] = []
    if rules.get("default_deny", True):
        found = [_default_deny(component.namespace), _own(component)]
    groups: dict[str, dict[str, list[Body]]] = {}
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule in rules.get(direction) or ():
            pods = json.dumps(rule.get("pods") or {}, sort_keys=True)
            group = groups.setdefault(pods, {})
            group.setdefault(direction, []).append(_rule(rule, direction, str(rule.get(key) or ""), component, model))
    for number, (pods, directions) in enumerate(groups.items()):
        name = component.name if not number else f"{component.name}-{number + 1}"
        found.append(cilium_policy(name, component.namespace, json.loads(pods), directions))
    return found


def cilium_policy(
    name: str, namespace: str, pods: Mapping[str, str], rules: Mapping[str, Any], *, adds_only: bool = False
) -> Body:
    """Return a ``CiliumNetworkPolicy``.

    :param pods: labels of the pods; empty for all of the namespace.
    :param rules: ``ingress`` and ``egress`` rules.
    :param adds_only: let through without denying the rest (``enableDefaultDeny``, Cilium 1.16 and later).
    """
    spec: Body = {"endpointSelector": {"matchLabels": dict(pods)} if pods else {}}
    if adds_only:
        spec["enableDefaultDeny"] = {"ingress": False, "egress": False}
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**spec, **{direction: list(found) for direction, found in rules.items()}},
    }


def in_namespaces(names: Iterable[str]) -> list[Body]:
    """Return endpoint selectors of whole namespaces."""
    return [{"matchLabels": {_NAMESPACE: name}} for name in names]


def _default_deny(namespace: str) -> Body:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def _own(component: Component) -> Body:
    """Return what every namespace needs: its own pods, and names."""
    own = in_namespaces([component.namespace])
    dns = {
        "toEndpoints": [{"matchLabels": {_NAMESPACE: "kube-system", _APP: "kube-dns"}}],
        "toPorts": [{"ports": [{"port": "53", "protocol": protocol} for protocol in ("UDP", "TCP")]}],
    }
    return cilium_policy(
        "own-namespace",
        component.namespace,
        {},
        {"ingress": [{"fromEndpoints": own}], "egress": [{"toEndpoints": own}, dns]},
    )


def _rule(rule: Mapping[str, Any], direction: str, peer: str, component: Component, model: Mapping[str, Any]) -> Body:
    way = "from" if direction == "ingress" else "to"
    if not peer:
        raise InputError(f"a rule of {component.name} for {direction} says no {way}", param="components")
    body: Body = {}
    if peer in _ENTITIES:
        body[f"{way}Entities"] = list(_ENTITIES[peer][direction == "ingress"])
    else:
        body[f"{way}Endpoints"] = in_namespaces([_namespace(peer, component, model)])
    if rule.get("ports"):
        protocol = rule.get("protocol", "TCP")
        body["toPorts"] = [{"ports": [{"port": str(port), "protocol": protocol} for port in rule["ports"]]}]
    return body


def _namespace(peer: str, component: Component, model: Mapping[str, Any]) -> str:
    """Return the namespace that a peer stands for; any other word is a namespace's name itself."""
    known = {
        "monitoring": model["monitoring"]["namespace"],
        "identity": model["identity"]["namespace"],
        "ingress-internal": "ingress-nginx-internal",
        "ingress-public": "ingress-nginx-public",
        "self": component.namespace,
    }
    return str(known.get(peer, peer))
