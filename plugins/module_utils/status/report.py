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
    _etcd_agrees(report, wanted, answers.values())
    if kubernetes is not None:
        for workload in wanted.workloads:
            report.workloads.append(_workload(report, workload, objects))
    return report


def _node(report: Report, wanted: Wanted, name: str, answer: Answer, listed: Answer | None, api_asked: bool) -> NodeRow:
    def found(severity: str, text: str) -> None:
        report.findings.append(Finding(severity, name, text))

    mode = str(answer.get("mode", "unreachable"))
    stage, ready = str(answer.get("stage", "-")), bool(answer.get("ready"))
    if mode == "unreachable":
        found("error", str(answer.get("reason") or "was not asked"))
    elif mode == "maintenance":
        found("error", "is in maintenance: it has no machine config")
    elif stage != "running" or not ready:
        unmet = ", ".join(f"{item['name']}: {item['reason']}" for item in answer.get("unmet", []))
        found("error", f"is in stage {stage}, {'ready' if ready else 'not ready'}{f' ({unmet})' if unmet else ''}")
    version = str(answer.get("version") or "-")
    if mode == "configured" and wanted.talos and version != wanted.talos:
        found("warning", f"runs Talos {version}, wanted is {wanted.talos}")
    config = str(answer.get("config") or "-")
    if config in ("staged", "try"):
        meaning = "waits for a reboot" if config == "staged" else "is being tried and will be reverted"
        found("warning", f"has a machine config that {meaning}")
    if answer.get("time_synced") is False:
        found("warning", "has no synchronised time")
    state, kubelet = _listed(listed)
    if api_asked and mode == "configured":
        if listed is None:
            found("error", "is not listed by the Kubernetes API")
        elif state != "Ready":
            found("error", f"is {state} in Kubernetes: {_ready_condition(listed).get('message', 'no condition yet')}")
        if listed is not None and wanted.kubernetes and kubelet != wanted.kubernetes:
            found("warning", f"runs kubelet {kubelet}, wanted is {wanted.kubernetes}")
    shown = mode if mode != "configured" else f"{stage}{', ready' if ready else ', not ready'}"
    return NodeRow(name, shown, version, config.replace("_", " "), _etcd(found, mode, answer), state, kubelet)


def _etcd(found: Any, mode: str, answer: Answer) -> str:
    etcd = answer.get("etcd") or {}
    if mode != "configured" or not etcd:
        return "-"
    if not etcd.get("running"):
        found("error", f"etcd does not run: {etcd.get('reason') or 'no reason given'}")
        return "down"
    for alarm in etcd.get("alarms", []):
        found("error", f"etcd alarm {alarm['alarm']} on member {alarm['member_id']}")
    if not etcd.get("voter"):
        found("error", "etcd member is a learner: it does not count for quorum")
        return "learner"
    return "leader" if etcd.get("leader") else "voter"


def _etcd_agrees(report: Report, wanted: Wanted, answers: Iterable[Answer]) -> None:
    """Every member must see the same members, and as many as there are nodes."""
    views = {
        tuple(sorted(str(member["id"]) for member in answer["etcd"]["members"]))
        for answer in answers
        if (answer.get("etcd") or {}).get("running")
    }
    if len(views) > 1:
        report.findings.append(
            Finding("error", "etcd", "the nodes do not agree about the members: the cluster is split")
        )
    elif views and len(next(iter(views))) != len(wanted.nodes):
        count = len(next(iter(views)))
        report.findings.append(Finding("error", "etcd", f"has {count} members, wanted are {len(wanted.nodes)}"))


def _listed(node: Answer | None) -> tuple[str, str]:
    if node is None:
        return "-", "-"
    state = {"True": "Ready", "False": "NotReady"}.get(str(_ready_condition(node).get("status")), "Unknown")
    if (node.get("spec") or {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    return state, str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or "-")


def _ready_condition(node: Answer) -> Answer:
    conditions = (node.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == "Ready"), {})


def _workload(report: Report, wanted: Mapping[str, str], objects: Sequence[Answer]) -> WorkloadRow:
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
        report.findings.append(Finding("error", subject, f"{wanted['kind']} is missing"))
        return WorkloadRow(subject, "missing", "-")
    status, spec = match.get("status") or {}, match.get("spec") or {}
    if wanted["kind"] == "DaemonSet":
        have, want = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    else:
        have, want = status.get("readyReplicas", 0), spec.get("replicas", 1)
    if have < want or not want:
        report.findings.append(Finding("error", subject, f"{have} of {want} pods are ready"))
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    version = str(containers[0].get("image", "")).partition("@")[0].rpartition(":")[2] or "-"
    if wanted.get("version") and version.lstrip("v") != wanted["version"].lstrip("v"):
        report.findings.append(Finding("warning", subject, f"runs {version}, wanted is {wanted['version']}"))
    return WorkloadRow(subject, f"{have}/{want}", version)


def _name(item: Answer) -> str:
    return str((item.get("metadata") or {}).get("name"))
