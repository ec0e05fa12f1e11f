# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layer of a cluster is the first that is broken, what that means, and which repair would mend it.

Layers are judged in the order in which they need each other, from the answers of the modules that read them. The first
broken one ends it: what lies above it may only look broken. Nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..talos.health import CORE

#: The layers that Talos and the API server tell of, then those that need a cluster to ask.
BASE = ("talos", "disks", "services", "etcd", "api", "cni")
ABOVE = ("bgp", "dns", "storage", "flux", "identity")
LAYERS = (*BASE, *ABOVE)

#: Words that a person allows.
REPAIRS = ("config", "service", "etcd_member", "etcd_restore", "bgp", "flux", "outpost")
#: What Talos restarts for a client (siderolabs/talos v1.10 ``internal/app/machined/pkg/system``). Left out is etcd,
#: which is a layer of its own.
RESTARTABLE = ("cri", "kubelet", "trustd")
_BUSY = ("installing", "rebooting", "shutting down", "resetting", "upgrading")
_STUCK = ("failed", "stalled", "suspended")


@dataclass(frozen=True)
class Facts:
    """What was read; a system that could not be asked has a reason instead.

    :param nodes: names of the nodes that must stand.
    :param talos: answers of ``talos_info`` with status, services, etcd and volumes.
    :param objects: Nodes, DaemonSets and Deployments of the cluster.
    :param above: per layer above the API ``{"answer": ..., "reason": ...}``; a layer that is missing was not asked.
    """

    nodes: Sequence[str]
    talos: Sequence[Mapping[str, Any]]
    objects: Sequence[Mapping[str, Any]] | None = None
    objects_reason: str = ""
    above: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """One layer's verdict.

    :param state: ``ok``, ``broken``, ``absent`` (not installed), or ``unseen`` (not asked).
    :param what: what is wrong, in the system's words; :param meaning: what that means for the cluster.
    :param repair: the word that would mend it; empty when only a person can.
    :param target: what the repair acts on.
    """

    name: str
    state: str
    what: str = ""
    meaning: str = ""
    repair: str = ""
    target: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """All layers in order."""

    layers: Sequence[Layer]

    @property
    def first(self) -> Layer | None:
        """The first broken layer."""
        return next((layer for layer in self.layers if layer.state == "broken"), None)

    def facts(self, allowed: Sequence[str]) -> dict[str, Any]:
        """Return it as a module's result; ``repair`` is the word to act on now, empty when it is not allowed."""
        first = self.first
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "healthy": first is None,
            "first": asdict(first) if first else {},
            "repair": first.repair if first and first.repair in allowed else "",
            "table": self.table(),
            "summary": self.summary(allowed),
        }

    def table(self) -> str:
        """Return one line per layer."""
        marks = {"ok": "ok", "broken": "BROKEN", "absent": "not installed", "unseen": "not looked at"}
        lines = [f"{layer.name:<10}{marks[layer.state]:<15}{layer.what}".rstrip() for layer in self.layers]
        return "\n".join(lines)

    def summary(self, allowed: Sequence[str]) -> str:
        """Say in a few sentences what is broken, what it means, and what can be done."""
        first = self.first
        if first is None:
            return "No layer is broken."
        text = f"Layer {first.name} is broken: {first.what}. {first.meaning}."
        if not first.repair:
            return f"{text} No repair of this playbook mends it."
        if first.repair in allowed:
            return f"{text} The repair {first.repair} is allowed."
        return f"{text} -e repair={first.repair} would mend it; it is not allowed, so nothing was changed."


def diagnose(facts: Facts) -> Diagnosis:
    """Judge layer by layer; those after the first broken one are not looked at."""
    judges: Mapping[str, Callable[[Facts], Layer]] = {
        "talos": _talos,
        "disks": _disks,
        "services": _services,
        "etcd": _etcd,
        "api": _api,
        "cni": _cni,
        "bgp": lambda facts: _asked(facts, "bgp", _bgp),
        "dns": _dns,
        "storage": lambda facts: _asked(facts, "storage", _storage),
        "flux": lambda facts: _asked(facts, "flux", _flux),
        "identity": lambda facts: _asked(facts, "identity", _identity),
    }
    layers: list[Layer] = []
    broken = False
    for name in LAYERS:
        layer = Layer(name, "unseen") if broken else judges[name](facts)
        layers.append(layer)
        broken = broken or layer.state == "broken"
    return Diagnosis(layers)


def _ok(name: str, what: str = "") -> Layer:
    return Layer(name, "ok", what)


def _broken(name: str, what: str, meaning: str, repair: str = "", /, **target: Any) -> Layer:
    return Layer(name, "broken", what.rstrip("."), meaning, repair, target)


# -- Talos -------------------------------------------------------------------------------------------------------------
def _talos(facts: Facts) -> Layer:
    seen = {str(node["name"]): node for node in facts.talos}
    for name in facts.nodes:
        node = seen.get(name) or {"mode": "unreachable", "reason": "it was not asked"}
        if node["mode"] == "unreachable":
            meaning = "The machine is off, cut off from the network, or does not take the client certificate"
            return _broken("talos", f"{name} does not answer: {node['reason']}", meaning)
        if node["mode"] == "maintenance":
            meaning = "The node lost its machine config, or was reset, and waits for one"
            return _broken("talos", f"{name} is in maintenance", meaning, "config", node=name)
        if node.get("stage") in _BUSY:
            meaning = "Something else works on this node; look again when it has ended"
            return _broken("talos", f"{name} is {node['stage']}", meaning)
    return _ok("talos", f"{len(facts.nodes)} nodes answer")


def _disks(facts: Facts) -> Layer:
    for node in facts.talos:
        for volume in node.get("volumes") or []:
            if volume["phase"] in ("failed", "missing"):
                why = f": {volume['error']}" if volume["error"] else ""
                what = f"the volume {volume['id']} of {node['name']} is {volume['phase']}{why}"
                return _broken("disks", what, "A disk is gone or not as its volume needs it; look at the machine")
    return _ok("disks")


def _services(facts: Facts) -> Layer:
    for node in facts.talos:
        for service in node.get("services") or []:
            name, failed = service["id"], service["state"] == "Failed"
            if name not in CORE or name == "etcd" or not (failed or service["healthy"] is False):
                continue
            state = "failed" if failed else "not healthy"
            what = f"the service {name} of {node['name']} is {state}"
            if service.get("message"):
                what += f" ({service['message']})"
            if name in RESTARTABLE:
                meaning = "It may hang; a restart costs what runs on this node a moment"
                return _broken("services", what, meaning, "service", node=node["name"], service=name)
            return _broken("services", what, "Talos restarts this service only with the node")
    return _ok("services")


def _etcd(facts: Facts) -> Layer:
    planes = [node for node in facts.talos if (node.get("etcd") or {}).get("control_plane")]
    serving = [node for node in planes if node["etcd"]["running"] and node["etcd"].get("leader_id")]
    if not serving:
        reasons = "; ".join(f"{node['name']}: {node['etcd']['reason'] or 'no leader'}" for node in planes)
        meaning = (
            "etcd has lost its quorum, or was never bootstrapped, so nothing can be read or written. When its members "
            "cannot be brought back, only a snapshot can"
        )
        return _broken("etcd", f"no etcd has a leader ({reasons})", meaning, "etcd_restore")
    for node in planes:
        if not node["etcd"]["running"]:
            what = f"the etcd of {node['name']} does not run ({node['etcd']['reason']})"
            meaning = (
                f"{len(serving)} of {len(planes)} serve, so nothing is lost yet; the next one that goes may end it. "
                "The member is removed, its data are wiped, and the node joins anew"
            )
            return _broken("etcd", what, meaning, "etcd_member", member=node["name"], wipe=True)
    members = max((node["etcd"]["members"] for node in serving), key=len)
    for member in members:
        if member["hostname"] not in {str(node["name"]) for node in planes}:
            name = member["hostname"] or "a member that has never started"
            meaning = "It counts for the quorum and will never answer; it is only removed"
            return _broken(
                "etcd",
                f"{name} ({member['id']}) is a member and no node of the inventory",
                meaning,
                "etcd_member",
                member=member["hostname"],
                id=member["id"],
                wipe=False,
            )
        if member["learner"]:
            return _broken("etcd", f"{member['hostname']} is still a learner", "It has no vote until it has caught up")
    for node in serving:
        for alarm in node["etcd"]["alarms"]:
            meaning = "NOSPACE refuses writes until the database is compacted; CORRUPT means that members differ"
            return _broken("etcd", f"the alarm {alarm['alarm']} is raised for {alarm['member_id']}", meaning)
    return _ok("etcd", f"{len(serving)} members, leader found")


# -- Kubernetes --------------------------------------------------------------------------------------------------------
def _api(facts: Facts) -> Layer:
    if facts.objects is None:
        meaning = "etcd serves and the API server in front of it does not, or nobody holds the virtual address"
        return _broken("api", facts.objects_reason or "it was not asked", meaning)
    return _ok("api")


def _of(facts: Facts, kind: str) -> list[Mapping[str, Any]]:
    return [body for body in facts.objects or () if body.get("kind") == kind]


def _find(facts: Facts, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
    for body in _of(facts, kind):
        metadata = body["metadata"]
        if (metadata.get("namespace"), metadata["name"]) == (namespace, name):
            return body
    return None


def _cni(facts: Facts) -> Layer:
    again = "Pods get no network there; site.yml -t cni installs what is missing"
    cilium = _find(facts, "DaemonSet", "kube-system", "cilium")
    if cilium is None:
        return _broken("cni", "there is no DaemonSet kube-system/cilium", again)
    status = cilium.get("status") or {}
    ready, wanted = int(status.get("numberReady") or 0), int(status.get("desiredNumberScheduled") or 0)
    if ready < max(wanted, 1):
        return _broken("cni", f"{ready} of {wanted} agents of Cilium are ready", again)
    for node in _of(facts, "Node"):
        conditions = (node.get("status") or {}).get("conditions") or []
        found: Mapping[str, Any] = next((one for one in conditions if one.get("type") == "Ready"), {})
        if found.get("status") != "True":
            what = f"the node {node['metadata']['name']} is not Ready ({found.get('message') or 'it does not report'})"
            return _broken("cni", what, "Nothing new runs there, and what runs is moved away after some minutes")
    return _ok("cni", f"{ready} agents are ready")


def _dns(facts: Facts) -> Layer:
    for namespace, name in (("kube-system", "coredns"), ("external-dns", "external-dns")):
        body = _find(facts, "Deployment", namespace, name)
        wanted = int(((body or {}).get("spec") or {}).get("replicas") or 0)
        ready = int(((body or {}).get("status") or {}).get("availableReplicas") or 0)
        if body is not None and ready < min(wanted, 1):
            return _broken(
                "dns", f"no replica of {namespace}/{name} is available", "Names are not resolved or not kept"
            )
    return _ok("dns")


# -- above -------------------------------------------------------------------------------------------------------------
def _asked(facts: Facts, name: str, judge: Callable[[Mapping[str, Any]], Layer]) -> Layer:
    found = facts.above.get(name)
    if found is None:
        return Layer(name, "unseen")
    if found.get("absent"):
        return Layer(name, "absent")
    if found.get("answer") is None:
        return _broken(name, str(found.get("reason") or "it could not be asked"), "Its own API does not answer")
    return judge(found["answer"])


def _bgp(report: Mapping[str, Any]) -> Layer:
    wrong = [finding for finding in report.get("findings") or [] if finding["severity"] == "error"]
    if wrong:
        meaning = "Addresses of Services do not get to the router, so nobody outside reaches them"
        what = f"{wrong[0]['subject']}: {wrong[0]['text']}"
        return _broken("bgp", what if len(wrong) == 1 else f"{what} (and {len(wrong) - 1} more)", meaning, "bgp")
    return _ok("bgp", f"{len(report.get('routes') or [])} prefixes")


def _storage(answer: Mapping[str, Any]) -> Layer:
    if not answer.get("installed"):
        return Layer("storage", "absent")
    for volume in answer.get("volumes") or []:
        if volume["robustness"] == "faulted":
            meaning = "All its replicas have failed: salvage one in Longhorn, or restore its backup"
            return _broken("storage", f"the volume {volume['claim'] or volume['name']} is faulted", meaning)
    return _ok("storage", f"{len(answer.get('volumes') or [])} volumes")


def _flux(answer: Mapping[str, Any]) -> Layer:
    suspended = [item for item in answer.get("objects") or [] if item.get("suspended")]
    stuck = suspended + [item for item in answer.get("causes") or [] if item["state"] in _STUCK]
    if stuck:
        item = stuck[0]
        state = "suspended" if item.get("suspended") else item["state"]
        title = f"{item['kind']} {item['namespace']}/{item['name']}"
        why = str(item.get("text") or item.get("message") or "")
        what = f"{title} is {state}" + (f" ({why.splitlines()[0]})" if why and state != "suspended" else "")
        meaning = "The cluster does not follow Git there. It is resumed and asked to try again"
        target = {key: item[key] for key in ("kind", "namespace", "name")}
        return _broken("flux", what, meaning, "flux", **target)
    return _ok("flux", str(answer.get("summary") or ""))


def _identity(answer: Mapping[str, Any]) -> Layer:
    wrong = [finding for finding in answer.get("findings") or [] if finding["level"] == "error"]
    lost = [str(item["subject"]).removeprefix("provider ") for item in wrong if item["code"] == "no_outpost"]
    if lost:
        what = next(finding["text"] for finding in wrong if finding["code"] == "no_outpost")
        meaning = "Nobody can log in there; the provider is attached to the embedded outpost again"
        return _broken("identity", str(what), meaning, "outpost", providers=lost)
    if wrong:
        return _broken(
            "identity", str(wrong[0]["text"]), "Logins may fail; site.yml -t identity brings the model there"
        )
    return _ok("identity")
