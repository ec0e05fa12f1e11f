# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an object ready? Told from the object alone, with what is missing. No I/O.

The rollout rules are those of ``kubectl rollout status`` (kubectl 1.33 ``pkg/polymorphichelpers/rollout_status.go``),
the rules for other kinds those of kstatus (sigs.k8s.io/cli-utils ``pkg/kstatus/status/core.go``), except that kinds
known to report ``Ready`` are not ready before they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .order import builtin

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Readiness:
    """One look at one object.

    :param ready: nothing is missing.
    :param state: what is missing, or what was reached.
    :param failed: it will not get ready by waiting.
    """

    ready: bool
    state: str
    failed: bool = False


_READY = Readiness(True, "ready")


def _status(body: Body) -> Mapping[str, Any]:
    return body.get("status") or {}


def _spec(body: Body) -> Mapping[str, Any]:
    return body.get("spec") or {}


def conditions(body: Body) -> dict[str, Mapping[str, Any]]:
    """Return the conditions by type; right after a create the API may answer ``conditions: null``."""
    return {str(item.get("type")): item for item in _status(body).get("conditions") or [] if isinstance(item, Mapping)}


def condition(body: Body, kind: str, status: str = "True") -> Readiness:
    """Whether condition ``kind`` has ``status``, for the generation that is wanted now."""
    found = conditions(body).get(kind)
    if found is None:
        return Readiness(False, f"no condition {kind} yet")
    generation = body["metadata"].get("generation")
    seen = found.get("observedGeneration") or _status(body).get("observedGeneration")
    if generation and seen and int(seen) < int(generation):
        return Readiness(False, f"condition {kind} is still about an earlier generation")
    if str(found.get("status")) == status:
        return Readiness(True, f"{kind} is {status}")
    because = ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))
    return Readiness(False, f"{kind} is {found.get('status')}" + (f" ({because[:200]})" if because else ""))


def _observed(body: Body) -> Readiness | None:
    """None when the controller has seen the current generation."""
    generation, seen = body["metadata"].get("generation") or 0, _status(body).get("observedGeneration") or 0
    return None if int(seen) >= int(generation) else Readiness(False, "not seen by its controller yet")


def _deployment(body: Body) -> Readiness:
    status, wanted = _status(body), _spec(body).get("replicas", 1)
    progressing = conditions(body).get("Progressing") or {}
    if (unseen := _observed(body)) is not None:
        return unseen
    late = " (ProgressDeadlineExceeded)" if progressing.get("reason") == "ProgressDeadlineExceeded" else ""
    updated, available = status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0
    if updated < wanted:
        return Readiness(False, f"{updated} of {wanted} replicas updated{late}")
    if (status.get("replicas") or 0) > updated:
        return Readiness(False, f"{(status.get('replicas') or 0) - updated} old replicas still run{late}")
    if available < wanted:
        return Readiness(False, f"{available} of {wanted} replicas available{late}")
    return Readiness(True, f"{available} of {wanted} replicas available")


def _daemon_set(body: Body) -> Readiness:
    status = _status(body)
    if (unseen := _observed(body)) is not None:
        return unseen
    wanted = status.get("desiredNumberScheduled")
    if wanted is None:
        return Readiness(False, "not scheduled yet")
    if (_spec(body).get("updateStrategy") or {}).get("type") != "OnDelete":
        updated = status.get("updatedNumberScheduled") or 0
        if updated < wanted:
            return Readiness(False, f"{updated} of {wanted} pods updated")
    available = status.get("numberAvailable") or 0
    return Readiness(available >= wanted, f"{available} of {wanted} pods available")


def _stateful_set(body: Body) -> Readiness:
    status, spec = _status(body), _spec(body)
    if (unseen := _observed(body)) is not None:
        return unseen
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas") or 0
    if ready < wanted:
        return Readiness(False, f"{ready} of {wanted} replicas ready")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return Readiness(True, f"{ready} of {wanted} replicas ready")
    rolled = wanted - int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = status.get("updatedReplicas") or 0
    if updated < rolled:
        return Readiness(False, f"{updated} of {rolled} replicas updated")
    return Readiness(True, f"{ready} of {wanted} replicas ready")


def _replica_set(body: Body) -> Readiness:
    if (unseen := _observed(body)) is not None:
        return unseen
    wanted, ready = _spec(body).get("replicas", 1), _status(body).get("availableReplicas") or 0
    return Readiness(ready >= wanted, f"{ready} of {wanted} replicas available")


def _job(body: Body) -> Readiness:
    known = conditions(body)
    for kind in ("Failed", "FailureTarget"):
        if str((known.get(kind) or {}).get("status")) == "True":
            because = known[kind].get("message") or known[kind].get("reason") or ""
            return Readiness(False, f"failed: {because}", failed=True)
    if str((known.get("Complete") or {}).get("status")) == "True":
        return Readiness(True, "complete")
    if _spec(body).get("suspend"):
        return Readiness(True, "suspended, as wanted")
    status = _status(body)
    wanted = _spec(body).get("completions", 1)
    return Readiness(
        False, f"{status.get('succeeded') or 0} of {wanted} completions, {status.get('active') or 0} pods active"
    )


def _pod(body: Body) -> Readiness:
    phase = _status(body).get("phase")
    if phase == "Succeeded":
        return Readiness(True, "succeeded")
    if phase == "Failed":
        return Readiness(
            False, f"failed: {_status(body).get('reason') or 'its containers ended with an error'}", failed=True
        )
    return condition(body, "Ready") if conditions(body) else Readiness(False, f"phase {phase or 'unknown'}")


def _service(body: Body) -> Readiness:
    if _spec(body).get("type") != "LoadBalancer":
        return _READY
    given = (_status(body).get("loadBalancer") or {}).get("ingress") or []
    if not given:
        return Readiness(False, "no load-balancer address yet")
    return Readiness(True, "address " + ", ".join(str(entry.get("ip") or entry.get("hostname")) for entry in given))


def _phase(*wanted: str) -> Callable[[Body], Readiness]:
    def look(body: Body) -> Readiness:
        phase = str(_status(body).get("phase") or "unknown")
        return Readiness(phase in wanted, f"phase {phase}")

    return look


def _crd(body: Body) -> Readiness:
    names = conditions(body).get("NamesAccepted") or {}
    if str(names.get("status")) == "False":
        return Readiness(
            False, f"its names are not accepted: {names.get('message') or names.get('reason')}", failed=True
        )
    return condition(body, "Established")


_RULES: dict[tuple[str, str], Callable[[Body], Readiness]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "Namespace"): _phase("Active"),
    ("", "PersistentVolumeClaim"): _phase("Bound"),
    ("", "PersistentVolume"): _phase("Available", "Bound"),
    ("", "Node"): lambda body: condition(body, "Ready"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("apiregistration.k8s.io", "APIService"): lambda body: condition(body, "Available"),
}

#: Custom kinds whose controllers always report Ready: without the condition they were not looked at yet.
_REPORT_READY: dict[str, frozenset[str]] = {
    "external-secrets.io": frozenset(
        ("ExternalSecret", "SecretStore", "ClusterSecretStore", "ClusterExternalSecret", "PushSecret")
    ),
    "cert-manager.io": frozenset(("Certificate", "Issuer", "ClusterIssuer")),
    "kustomize.toolkit.fluxcd.io": frozenset(("Kustomization",)),
    "helm.toolkit.fluxcd.io": frozenset(("HelmRelease",)),
    "source.toolkit.fluxcd.io": frozenset(("GitRepository", "HelmChart", "Bucket", "OCIRepository")),
    "postgresql.cnpg.io": frozenset(("Cluster",)),
}


def readiness(body: Body) -> Readiness:
    """Tell whether an object is ready, by the rule of its kind; kinds without a notion of ready are ready at once."""
    group, kind = str(body["apiVersion"]).rpartition("/")[0], str(body["kind"])
    if body["metadata"].get("deletionTimestamp"):
        return Readiness(False, "is being deleted")
    rule = _RULES.get((group, kind))
    if rule is not None:
        return rule(body)
    if builtin(group):
        return _READY
    return _custom(body, group, kind)


def _custom(body: Body, group: str, kind: str) -> Readiness:
    """Judge a custom resource by its Ready condition and observedGeneration, where it has them."""
    if _spec(body).get("suspend") is True and group.endswith(".fluxcd.io"):
        return Readiness(True, "suspended, as wanted")
    if kind in _REPORT_READY.get(group, ()) or "Ready" in conditions(body):
        stalled = conditions(body).get("Stalled") or {}
        found = condition(body, "Ready")
        if not found.ready and str(stalled.get("status")) == "True":
            return Readiness(False, f"stalled: {stalled.get('message') or stalled.get('reason')}")
        return found
    if "observedGeneration" in _status(body) and (unseen := _observed(body)) is not None:
        return unseen
    return _READY
