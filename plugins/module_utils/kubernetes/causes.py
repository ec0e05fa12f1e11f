# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a workload does not get ready: what the kubelets and the scheduler say in the status of its pods.

A Job or a rollout only counts its pods; the reason is one level below (core/v1 ``PodStatus``, kubernetes
``pkg/kubelet/images/types.go`` and ``pkg/kubelet/kubelet_pods.go`` for the reasons of containers that wait).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .client import Client, segment
from .errors import KubernetesError

Body = Mapping[str, Any]

#: Kinds that have pods of their own.
WORKLOADS = frozenset(("Job", "DaemonSet", "Deployment", "StatefulSet", "ReplicaSet"))
#: Pods that are looked at; their number is no measure of anything.
PODS = 50
#: Different reasons that are told, and characters of each.
TOLD, LENGTH = 3, 300
#: What every container says while nothing is wrong.
_ON_ITS_WAY = frozenset(("ContainerCreating", "PodInitializing"))
_REMEDIES = {
    "ErrImagePull": "Check the name and the tag of the image, and that the nodes reach its registry",
    "CreateContainerConfigError": "Create the Secret or ConfigMap that it names, or correct the name",
    "Unschedulable": "Make room on the nodes, or correct what the pod asks of its node",
}
_REMEDIES |= dict.fromkeys(("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"), _REMEDIES["ErrImagePull"])


@dataclass(frozen=True)
class Trouble:
    """Why one pod is not ready.

    :param reason: one word, ``"ImagePullBackOff"``.
    :param text: a sentence that begins with that word.
    """

    reason: str
    text: str


def troubles(pods: Iterable[Body]) -> list[tuple[str, Trouble]]:
    """Return the different reasons with the name of the first pod that tells each, oldest pod first, at most three.

    A pod that ended well or is ready says nothing, nor does one whose containers are on their way.
    """
    found: dict[str, tuple[str, Trouble]] = {}
    for pod in sorted(pods, key=lambda one: str(one["metadata"].get("creationTimestamp") or "")):
        for trouble in _of_pod(pod.get("status") or {}):
            found.setdefault(trouble.text, (str(pod["metadata"].get("name")), trouble))
    return list(found.values())[:TOLD]


def _of_pod(status: Body) -> Iterator[Trouble]:
    conditions = {str(item.get("type")): item for item in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        yield _trouble(scheduled)
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        if container.get("ready"):
            continue
        state, before = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting and not (waiting.get("reason") in _ON_ITS_WAY and not waiting.get("message")):
            yield _trouble(waiting)
        for end in (ended, before):
            if end.get("exitCode"):
                yield _trouble(end, f"{end.get('reason') or 'Error'} (exit code {end['exitCode']})")
    if not containers and status.get("phase") == "Failed":
        yield _trouble(status)


def _trouble(body: Body, head: str = "") -> Trouble:
    """Put reason and message together; of a long message, which is the end of a log, the end is kept."""
    reason = str(body.get("reason") or "Unknown")
    message = " ".join(str(body.get("message") or "").split())
    if len(message) > LENGTH:
        message = "..." + message[-LENGTH:]
    return Trouble(reason, (head or reason) + (f": {message}" if message else ""))


def selector(body: Body) -> str:
    """Return the label selector of a workload as the API takes it in a query."""
    wanted = (body.get("spec") or {}).get("selector") or {}
    parts = [f"{key}={value}" for key, value in sorted((wanted.get("matchLabels") or {}).items())]
    for rule in wanted.get("matchExpressions") or []:
        key, operator, values = rule.get("key"), rule.get("operator"), ",".join(rule.get("values") or [])
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": f"{key}"}
        parts.append(words.get(str(operator), f"!{key}"))
    return ",".join(parts)


def explain(client: Client, body: Body) -> tuple[str, str]:
    """Ask once for the pods of a workload and return what they say, and what to do; both may be empty.

    :param body: the live object, a kind of ``WORKLOADS``.
    """
    meta, labels = body["metadata"], selector(body)
    if not labels:
        return "", ""
    namespace, name, kind = str(meta.get("namespace") or ""), str(meta["name"]), str(body["kind"])
    path = f"/api/v1/namespaces/{segment(namespace)}/pods"
    try:
        page = client.get(
            path, {"labelSelector": labels, "limit": PODS}, attempted=f"reading the pods of {kind} {name}"
        )
    except KubernetesError:
        return "", ""  # the caller has an error to tell already
    found = troubles(page.get("items") or [])
    where = f"kubectl -n {namespace} describe {kind.lower()} {name}"
    if not found:
        return "", f"See what holds it up ({where}), or give it more time"
    text = "; ".join(f"pod {pod}: {trouble.text}" for pod, trouble in found)
    logs = f"kubectl -n {namespace} logs {kind.lower()}/{name}"
    remedies = [_REMEDIES[trouble.reason] for _pod, trouble in found if trouble.reason in _REMEDIES]
    return text, remedies[0] if remedies else f"Correct what its containers say; their logs tell more ({logs})"
