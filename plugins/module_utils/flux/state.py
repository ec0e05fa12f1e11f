# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one of Flux's objects stands: told from the object alone. No I/O.

"Ready" is a condition about one generation: an object whose controller has not looked at the present one is not ready,
whatever it says (fluxcd/pkg ``apis/meta`` ``conditions.go``, fluxcd/flux2 v2.4.0 ``cmd/flux/readiness.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Body = Mapping[str, Any]

KUSTOMIZATION, HELM_RELEASE = "Kustomization", "HelmRelease"
GIT_REPOSITORY, HELM_REPOSITORY, HELM_CHART = "GitRepository", "HelmRepository", "HelmChart"
#: The kinds that are read, with their group.
GROUPS = {
    GIT_REPOSITORY: "source.toolkit.fluxcd.io",
    HELM_REPOSITORY: "source.toolkit.fluxcd.io",
    HELM_CHART: "source.toolkit.fluxcd.io",
    KUSTOMIZATION: "kustomize.toolkit.fluxcd.io",
    HELM_RELEASE: "helm.toolkit.fluxcd.io",
}
#: Carried by whatever a Kustomization has applied.
_OWNER = "kustomize.toolkit.fluxcd.io"
#: Reasons of an object that does nothing but wait for another one.
_WAITS = frozenset(("DependencyNotReady", "SourceNotReady"))
#: Reasons that only another commit can cure.
_WRONG = frozenset(("BuildFailed",))


@dataclass(frozen=True, order=True)
class Ref:
    """Which object."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """``Kustomization flux-system/apps``."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Row:
    """One object as it stands.

    :param state: ``ready``, ``progressing``, ``waiting`` (for another object), ``failed`` (and will be tried again),
        ``stalled`` (and will not), ``suspended`` or ``unseen`` (its controller has not looked at it).
    :param revision: what it has applied, or holds.
    :param attempted: what it has tried last.
    :param needs: the objects that must be ready before it is looked at.
    :param owner: the Kustomization that has applied it.
    """

    ref: Ref
    ready: bool
    suspended: bool
    state: str
    revision: str
    attempted: str
    reason: str
    message: str
    needs: tuple[Ref, ...] = ()
    owner: Ref | None = None
    handled: str = ""
    applied: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def why(self) -> str:
        """What it says of itself, on one line."""
        if self.state == "suspended":
            return "it is suspended" + (f" ({self.message})" if self.message and not self.ready else "")
        text = ": ".join(part for part in (self.reason, " ".join(self.message.split())) if part)
        return text or "its controller has not looked at it yet"

    def facts(self, blocked_by: str = "") -> dict[str, Any]:
        """Return the row for a module's result."""
        return {
            **asdict(self.ref),
            "ready": self.ready,
            "suspended": self.suspended,
            "state": self.state,
            "revision": self.revision,
            "reason": self.reason,
            "message": self.message,
            "depends_on": [str(need) for need in self.needs],
            "blocked_by": blocked_by,
        }


def of(body: Body) -> Ref:
    """Return which object a body is."""
    meta = body["metadata"]
    return Ref(str(body["kind"]), str(meta.get("namespace") or ""), str(meta["name"]))


def conditions(body: Body) -> dict[str, Mapping[str, Any]]:
    """Return the conditions by type."""
    found = (body.get("status") or {}).get("conditions") or []
    return {str(item.get("type")): item for item in found}


def judge(body: Body) -> Row:
    """Tell how an object stands."""
    spec, status, ref = body.get("spec") or {}, body.get("status") or {}, of(body)
    known = conditions(body)
    said = known.get("Ready") or {}
    suspended = spec.get("suspend") is True
    ready = said.get("status") == "True" and _current(body, said)
    if ref.kind == HELM_REPOSITORY and spec.get("type") == "oci":
        ready = True  # nothing is fetched before a chart is, so no controller ever says so
    return Row(
        ref=ref,
        ready=ready,
        suspended=suspended,
        state="suspended" if suspended else "ready" if ready else _state(body, said, known),
        revision=_revision(ref.kind, status),
        attempted=str(status.get("lastAttemptedRevision") or _revision(ref.kind, status)),
        reason=str(said.get("reason") or ""),
        message=_message(said, known),
        needs=tuple(needs(body)),
        owner=_owner(body),
        handled=str(status.get("lastHandledReconcileAt") or ""),
        applied=tuple(applied(body)) if ref.kind == KUSTOMIZATION else (),
    )


def _message(said: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what an object says of itself; of one at work that is in the condition Reconciling."""
    working = known.get("Reconciling") or {}
    if said.get("status") == "Unknown" and working.get("status") == "True":
        return str(working.get("message") or "")
    return str(said.get("message") or "")


def applied(body: Body) -> list[tuple[str, str, str, str]]:
    """Return what a Kustomization has applied: apiVersion, kind, namespace and name of each object.

    The inventory's form is that of cli-utils ``pkg/object/objmetadata.go``: ``namespace_name_group_kind``, a colon of
    the name written as two underscores.
    """
    found = []
    for entry in ((body.get("status") or {}).get("inventory") or {}).get("entries") or []:
        namespace, _mark, rest = str(entry["id"]).partition("_")
        name, group, kind = rest.rsplit("_", 2)
        version = f"{group}/{entry['v']}" if group else str(entry["v"])
        found.append((version, kind, namespace, name.replace("__", ":")))
    return found


def _current(body: Body, said: Mapping[str, Any]) -> bool:
    generation = body["metadata"].get("generation")
    seen = [(body.get("status") or {}).get("observedGeneration"), said.get("observedGeneration")]
    return generation is None or all(value is None or value == generation for value in seen)


def _state(body: Body, said: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    if (known.get("Stalled") or {}).get("status") == "True":
        return "stalled"
    if not said:
        return "unseen"
    if said.get("status") == "False" and said.get("observedGeneration") in (None, body["metadata"].get("generation")):
        return "waiting" if said.get("reason") in _WAITS else "failed"
    return "progressing"


def _revision(kind: str, status: Mapping[str, Any]) -> str:
    if kind == KUSTOMIZATION:
        return str(status.get("lastAppliedRevision") or "")
    if kind == HELM_RELEASE:
        deployed = [item for item in status.get("history") or [] if item.get("status") == "deployed"]
        return str(deployed[0].get("chartVersion") or "") if deployed else ""
    return str((status.get("artifact") or {}).get("revision") or "")


def _owner(body: Body) -> Ref | None:
    labels = body["metadata"].get("labels") or {}
    name, namespace = labels.get(f"{_OWNER}/name"), labels.get(f"{_OWNER}/namespace")
    owner = Ref(KUSTOMIZATION, str(namespace), str(name))
    # The root applies itself.
    return owner if name and namespace and owner != of(body) else None


def needs(body: Body) -> list[Ref]:
    """Return what must be ready before the object is looked at: what it depends on, and where it comes from."""
    spec, ref = body.get("spec") or {}, of(body)
    found = [
        Ref(ref.kind, str(entry.get("namespace") or ref.namespace), str(entry["name"]))
        for entry in spec.get("dependsOn") or []
    ]
    if ref.kind == HELM_RELEASE:
        chart = ((spec.get("chart") or {}).get("spec") or {}).get("sourceRef") or {}
        if chart:
            place = str(chart.get("namespace") or ref.namespace)
            found.append(Ref(HELM_CHART, place, f"{ref.namespace}-{ref.name}"))
        elif spec.get("chartRef"):
            found.append(_source(spec["chartRef"], ref.namespace))
    elif spec.get("sourceRef"):
        found.append(_source(spec["sourceRef"], ref.namespace))
    return found


def _source(reference: Mapping[str, Any], namespace: str) -> Ref:
    return Ref(str(reference["kind"]), str(reference.get("namespace") or namespace), str(reference["name"]))


def only_a_commit_helps(row: Row) -> bool:
    """Tell whether waiting is in vain: the object was tried as it is in Git and will not be tried differently."""
    return row.state == "stalled" or (row.state == "suspended" and not row.ready) or row.reason in _WRONG
