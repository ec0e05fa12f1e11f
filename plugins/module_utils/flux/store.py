# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading Flux's objects, asking for a reconciliation, and waiting, through this collection's Kubernetes client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..common.context import Context
from ..common.errors import InputError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..kubernetes.client import Client
from ..kubernetes.discovery import Discovery, Resource
from ..kubernetes.errors import KubernetesError, NotFound, Unreachable
from ..kubernetes.live import whole
from ..kubernetes.wait import Target, Waiter
from .errors import FluxError
from .graph import Chain
from .reconcile import Request
from .report import Report
from .state import GROUPS, KUSTOMIZATION, Ref

_PLURALS = {
    "GitRepository": "gitrepositories",
    "HelmRepository": "helmrepositories",
    "HelmChart": "helmcharts",
    "Kustomization": "kustomizations",
    "HelmRelease": "helmreleases",
}
_MERGE = "application/merge-patch+json"
#: So many causes are looked into.
_LOOKED_AT = 3


class Store:
    """What one API server holds of Flux."""

    def __init__(self, client: Client, ctx: Context) -> None:
        self.client, self.ctx = client, ctx
        self._kinds: dict[str, Resource] = {}

    @property
    def server(self) -> str:
        """Its address, for messages."""
        return self.client.connection.server

    def kinds(self) -> dict[str, Resource]:
        """Return the kinds that are served, by name."""
        if KUSTOMIZATION not in self._kinds:
            discovery = Discovery(self.client)
            found = {kind: discovery.search(f"{_PLURALS[kind]}.{group}") for kind, group in GROUPS.items()}
            self._kinds = {kind: resource for kind, resource in found.items() if resource is not None}
        return self._kinds

    def read(self) -> list[dict[str, Any]]:
        """Return all objects of Flux, by one request for each kind."""

        def ask(resource: Resource) -> list[dict[str, Any]]:
            try:
                items, _version = self.client.list(resource.path(), attempted=f"reading the {resource.plural}")
            except NotFound:
                return []
            return [whole(item, resource) for item in items]

        return [body for items in self.client.map(ask, self.kinds().values()) for body in items]

    def require(self) -> None:
        """Refuse a cluster without Flux.

        :raises FluxError: its kinds are not served.
        """
        if KUSTOMIZATION not in self.kinds():
            raise FluxError(
                "finding Flux",
                target=self.server,
                answer="the API does not serve its kinds",
                remedy="Install it with the role flux",
            )

    def annotate(self, request: Request) -> None:
        """Write the annotations of a request."""
        resource = self.kinds()[request.ref.kind]
        self.client.request(
            "PATCH",
            resource.path(request.ref.namespace, request.ref.name),
            {"fieldManager": "homeops"},
            {"metadata": {"annotations": request.annotations}},
            media=_MERGE,
            attempted=f"asking for a reconciliation of {request.ref}",
        )

    def wait(
        self,
        look: Any,
        *,
        what: str,
        timeout: float,
        interval: float,
    ) -> Report:
        """Wait until ``look(report)`` returns an empty text; it says what is missing.

        :raises FluxError: naming the first broken object and what it waits for, at the deadline or as soon as no
            waiting can help.
        """
        last: list[Report] = []

        def once() -> Observation[Report]:
            try:
                report, missing = look()
            except Unreachable as error:
                return Observation(False, f"the API is not reachable: {error.answer}")
            except KubernetesError as error:
                if not error.passing:
                    raise
                return Observation(False, error.answer)
            last[:] = [report]
            if not missing:
                return Observation(True, "", report)
            if report.hopeless():
                raise self.broken(what, report, report.hopeless()[0])
            return Observation(False, missing)

        try:
            wait_until(once, what=what, target=self.server, timeout=timeout, ctx=self.ctx, interval=interval)
        except WaitTimeout as error:
            if not last or not last[0].causes:
                raise
            raise self.broken(what, last[0], last[0].causes[0], after=timeout) from error
        return last[0]

    def broken(self, what: str, report: Report, chain: Chain, after: float = 0) -> FluxError:
        """Return the error that names the first broken object and its root cause."""
        report = self.detailed(report)
        chain = next((found for found in report.causes if found.root.ref == chain.root.ref), chain)
        root = chain.root
        remedies = {
            "suspended": f"Resume it: set spec.suspend of {root.ref} to false, in Git where it comes from there",
            "stalled": "Correct it in Git, or reset its retries with flux_reconcile and reset=true",
        }
        remedy = remedies.get(root.state, "Correct what it says and run the same command again: it goes on from there")
        late = f"after {after:.0f} s {report.counts}; " if after else f"{report.counts}; "
        self.ctx.show(report.table())
        facts = {key: value for key, value in report.facts().items() if key in ("ready", "summary", "causes")}
        return FluxError(f"waiting for {what}", target=self.server, answer=f"{late}{chain}", remedy=remedy, facts=facts)

    def detailed(self, report: Report) -> Report:
        """Return the report with what is not ready of that which the first causes have applied."""
        causes = [self._detailed(chain) for chain in report.causes[:_LOOKED_AT]]
        return replace(report, causes=[*causes, *report.causes[_LOOKED_AT:]])

    def _detailed(self, chain: Chain) -> Chain:
        root = chain.root
        if chain.missing is not None or root.suspended or root.ready or not root.applied:
            return chain
        waiter = Waiter(self.client, Discovery(self.client))
        targets = [
            Target(kind=kind, name=name, namespace=namespace, api_version=version)
            for version, kind, namespace, name in root.applied
            if kind not in GROUPS
        ]
        try:
            looks = waiter.look(targets)
        except (KubernetesError, InputError):
            return chain
        texts = [
            f"{look['kind']} {look['namespace'] + '/' if look['namespace'] else ''}{look['name']}: {look['state']}"
            for look in looks
            if not look["ready"]
        ]
        more = f"; and {len(texts) - 3} more" if len(texts) > 3 else ""
        return replace(chain, detail="; ".join(texts[:3]) + more)


def select(report: Report, targets: Iterable[Mapping[str, Any]]) -> list[Ref]:
    """Return the references that module parameters name.

    :raises InputError: for a kind that is none of Flux's.
    """
    found: list[Ref] = []
    for target in targets:
        kind = next((known for known in GROUPS if known.lower() == str(target["kind"]).lower()), "")
        if not kind:
            answer = f"known are {', '.join(GROUPS)}"
            raise InputError(f"{target['kind']} is none of Flux's kinds", answer=answer, param="targets")
        namespace = str(target.get("namespace") or "flux-system")
        if target.get("name"):
            found.append(Ref(kind, namespace, str(target["name"])))
            continue
        found += sorted(
            ref
            for ref in report.graph.rows
            if ref.kind == kind and (not target.get("namespace") or ref.namespace == target["namespace"])
        )
    return list(dict.fromkeys(found))
