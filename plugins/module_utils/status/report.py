# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands and what does not: answers of the systems against what is wanted, as rows and findings.

Pure: the answers come from ``talos_info`` and ``kube_info``. A system that could not be asked is a finding, not a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: Version of the report's shape; a key may be added without a new one, none is renamed or removed.
SCHEMA = 1

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What the model says should run; empty strings are not compared."""

    nodes: tuple[str, ...]
    talos: str = ""
    kubernetes: str = ""
    workloads: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; ``severity`` is ``error`` or ``warning``."""

    severity: str
    subject: str
    text: str


def worst_of(findings: Iterable[Finding]) -> str:
    """Return the worst severity of findings, ``ok`` when there is none."""
    severities = {finding.severity for finding in findings}
    return "error" if "error" in severities else "warning" if severities else "ok"


@dataclass(frozen=True)
class NodeRow:
    """One node; every cell is what the system said, ``-`` where it said nothing."""

    name: str
    talos: str
    version: str
    config: str
    etcd: str
    kubernetes: str
    kubelet: str


@dataclass(frozen=True)
class WorkloadRow:
    """One workload that must run."""

    name: str
    ready: str
    version: str


@dataclass
class Report:
    """The whole answer."""

    nodes: list[NodeRow] = field(default_factory=list)
    workloads: list[WorkloadRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """``ok``, ``warning`` or ``error``."""
        return worst_of(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "schema": SCHEMA,
            "worst": self.worst,
            "nodes": [asdict(row) for row in self.nodes],
            "workloads": [asdict(row) for row in self.workloads],
            "findings": [asdict(finding) for finding in self.findings],
        }


def build(wanted: Wanted, talos: Sequence[Answer], kubernetes: Sequence[Answer] | None, reason: str = "") -> Report:
    """Return the report.

    :param talos: one answer per node, as ``talos_info`` returns them.
    :param kubernetes: the objects that ``kube_info`` found; None when the API could not be asked.
    :param reason: why the API could not be asked.
    """
    report = Report()
    answers = {str(answer.get("name")): answer for answer in talos}
    objects = list(kubernetes or [])
    listed = {_name(item): item for item in objects if item.get("kind") == "Node"}
    if kubernetes is None:
        report.findings.append(Finding("error", "Kubernetes API", reason or "could not be asked"))
    for name in wanted.nodes:
        report.nodes.append(
            _node(report, wanted, name, answers.get(name, {}), listed.get(name), kubernetes is not None)
        )
    split = members_fault(answers.values(), len(wanted.nodes))
    if split:
        report.findings.append(Finding("error", "etcd", split))
    if kubernetes is not None:
        for workload in wanted.workloads:
            row, found = workload_row(workload, objects)
            report.workloads.append(row)
            report.findings += found
    return report


def _node(report: Report, wanted: Wanted, name: str, answer: Answer, listed: Answer | None, api_asked: bool) -> NodeRow:
    mode = str(answer.get("mode", "unreachable"))
    faults = talos_faults(answer, wanted.talos)
    state, kubelet = listed_state(listed)
    if api_asked and mode == "configured":
        faults += listed_faults(listed, wanted.kubernetes)
    faults += etcd_faults(answer)
    report.findings += [Finding(severity, name, text) for severity, text in faults]
    config = str(answer.get("config") or "-").replace("_", " ")
    return NodeRow(name, stage_of(answer), str(answer.get("version") or "-"), config, etcd_role(answer), state, kubelet)


def stage_of(answer: Answer) -> str:
    """Return how a node stands: its stage and readiness, else ``maintenance`` or ``unreachable``."""
    mode = str(answer.get("mode", "unreachable"))
    if mode != "configured":
        return mode
    return f"{answer.get('stage', '-')}{', ready' if answer.get('ready') else ', not ready'}"


def talos_faults(answer: Answer, version: str = "") -> list[tuple[str, str]]:
    """Return what is wrong with a node by its own word, each with its severity; its etcd is judged elsewhere."""
    mode = str(answer.get("mode", "unreachable"))
    stage, ready = str(answer.get("stage", "-")), bool(answer.get("ready"))
    found = []
    if mode == "unreachable":
        found.append(("error", str(answer.get("reason") or "was not asked")))
    elif mode == "maintenance":
        found.append(("error", "is in maintenance: it has no machine config"))
    elif stage != "running" or not ready:
        unmet = ", ".join(f"{item['name']}: {item['reason']}" for item in answer.get("unmet", []))
        text = f"is in stage {stage}, {'ready' if ready else 'not ready'}{f' ({unmet})' if unmet else ''}"
        found.append(("error", text))
    runs = str(answer.get("version") or "-")
    if mode == "configured" and version and runs != version:
        found.append(("warning", f"runs Talos {runs}, wanted is {version}"))
    config = answer.get("config")
    if config in ("staged", "try"):
        meaning = "waits for a reboot" if config == "staged" else "is being tried and will be reverted"
        found.append(("warning", f"has a machine config that {meaning}"))
    if answer.get("time_synced") is False:
        found.append(("warning", "has no synchronised time"))
    return found


def listed_faults(listed: Answer | None, version: str = "") -> list[tuple[str, str]]:
    """Return what is wrong with a node as Kubernetes lists it (None: it does not), each with its severity."""
    if listed is None:
        return [("error", "is not listed by the Kubernetes API")]
    state, kubelet = listed_state(listed)
    found = []
    if state != "Ready":
        why = _ready_condition(listed).get("message", "no condition yet")
        found.append(("error", f"is {state} in Kubernetes: {why}"))
    if version and kubelet != version:
        found.append(("warning", f"runs kubelet {kubelet}, wanted is {version}"))
    return found


def etcd_faults(answer: Answer) -> list[tuple[str, str]]:
    """Return what is wrong with a node's etcd member, each with its severity."""
    role = etcd_role(answer)
    if role == "-":
        return []
    etcd = answer["etcd"]
    if role == "down":
        return [("error", f"etcd does not run: {etcd.get('reason') or 'no reason given'}")]
    found = [("error", f"etcd alarm {alarm['alarm']} on member {alarm['member_id']}") for alarm in etcd["alarms"]]
    if role == "learner":
        found.append(("error", "etcd member is a learner: it does not count for quorum"))
    return found


def etcd_role(answer: Answer) -> str:
    """Return ``leader``, ``voter``, ``learner`` or ``down``; ``-`` for a node of which that is not known."""
    etcd = answer.get("etcd") or {}
    if answer.get("mode") != "configured" or not etcd:
        return "-"
    if not etcd.get("running"):
        return "down"
    if not etcd.get("voter"):
        return "learner"
    return "leader" if etcd.get("leader") else "voter"


def members_fault(answers: Iterable[Answer], wanted: int) -> str:
    """Return what is wrong with the membership: all must see the same members, and as many as there are nodes."""
    views = {
        tuple(sorted(str(member["id"]) for member in answer["etcd"]["members"]))
        for answer in answers
        if (answer.get("etcd") or {}).get("running")
    }
    if len(views) > 1:
        return "the nodes do not agree about the members: the cluster is split"
    if views and len(next(iter(views))) != wanted:
        return f"has {len(next(iter(views)))} members, wanted are {wanted}"
    return ""


def listed_state(node: Answer | None) -> tuple[str, str]:
    """Return a node's state in Kubernetes and its kubelet's version."""
    if node is None:
        return "-", "-"
    state = {"True": "Ready", "False": "NotReady"}.get(str(_ready_condition(node).get("status")), "Unknown")
    if (node.get("spec") or {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    return state, str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or "-")


def _ready_condition(node: Answer) -> Answer:
    conditions = (node.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == "Ready"), {})


def workload_row(wanted: Mapping[str, str], objects: Sequence[Answer]) -> tuple[WorkloadRow, list[Finding]]:
    """Return how a workload stands, and what is wrong with it."""
    subject = f"{wanted['namespace']}/{wanted['name']}"
    match = next(
        (
            item
            for item in objects
            if item.get("kind") == wanted["kind"]
            and _name(item) == wanted["name"]
            and (item.get("metadata") or {}).get("namespace") == wanted["namespace"]
        ),
        None,
    )
    if match is None:
        return WorkloadRow(subject, "missing", "-"), [Finding("error", subject, f"{wanted['kind']} is missing")]
    found = []
    have, want = replicas(match)
    if have < want or not want:
        found.append(Finding("error", subject, f"{have} of {want} pods are ready"))
    containers = (((match.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or [{}]
    version = str(containers[0].get("image", "")).partition("@")[0].rpartition(":")[2] or "-"
    if wanted.get("version") and version.lstrip("v") != wanted["version"].lstrip("v"):
        found.append(Finding("warning", subject, f"runs {version}, wanted is {wanted['version']}"))
    return WorkloadRow(subject, f"{have}/{want}", version), found


def replicas(workload: Answer) -> tuple[int, int]:
    """Return how many pods of a DaemonSet, Deployment or StatefulSet are ready, and how many shall be."""
    status, spec = workload.get("status") or {}, workload.get("spec") or {}
    if workload.get("kind") == "DaemonSet":
        return int(status.get("numberReady", 0)), int(status.get("desiredNumberScheduled", 0))
    return int(status.get("readyReplicas", 0)), int(spec.get("replicas", 1))


def _name(item: Answer) -> str:
    return str((item.get("metadata") or {}).get("name"))
