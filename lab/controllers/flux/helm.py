# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helm-controller: charts, installs, upgrades, and what follows when one of them fails."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from ...charts import ChartError
from ..api import CRDS, DEPLOYMENTS, NAMESPACES, SECRETS, ApiError, Object
from ..base import key_of, timestamp
from . import kustomize, plan, storage
from .base import (
    FINALIZER,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_RELEASES,
    FluxController,
    condition,
    duration,
    ready,
    requested,
    seconds,
    true,
)
from .kstatus import helm_ready
from .objects import ApplyError, NoKind, Objects, named
from .source import chart_ready

MANAGER = "helm-controller"
GROUP = "helm.toolkit.fluxcd.io"


class Wait(Exception):
    """Something that the release needs is not there: the reason, and the message."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass
class Wanted:
    """What a turn works towards."""

    name: str
    namespace: str
    chart: str
    version: str
    values: Object
    objects: list[Object]

    @property
    def digest(self) -> str:
        """Digest of the values."""
        return storage.digest(self.values)

    def label(self, number: int = 0) -> str:
        """Return ``ns/name.v1 with chart name@version`` as the messages write it."""
        place = f"{self.namespace}/{self.name}" + (f".v{number}" if number else "")
        return f"{place} with chart {self.chart}@{self.version}"


class HelmController(FluxController):
    """Reconciles HelmReleases."""

    deployment = MANAGER
    kind = HELM_RELEASES
    watches = (DEPLOYMENTS, HELM_RELEASES, HELM_CHARTS, GIT_REPOSITORIES)
    workers = 32

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.objects = Objects(world)
        self._blocked: set[tuple[str, str]] = set()

    def _chart_key(self, obj: Object) -> tuple[str, str]:
        namespace, name = key_of(obj)
        if reference := obj["spec"].get("chartRef"):
            return reference.get("namespace") or namespace, reference["name"]
        source = obj["spec"]["chart"]["spec"]["sourceRef"]
        return source.get("namespace") or namespace, f"{namespace}-{name}"

    def token(self, obj: Object) -> Any:
        """The chart's artifact, and what it depends on, are reasons for a look."""
        chart = self.mirror(HELM_CHARTS).get(*self._chart_key(obj))
        status = (chart or {}).get("status") or {}
        state = condition(chart or {}, "Ready")
        known = ((status.get("artifact") or {}).get("revision"), state.get("status"), state.get("message"))
        base = (*super().token(obj), known, status.get("observedGeneration"))
        if key_of(obj) not in self._blocked:
            return base
        return (*base, plan.dependency_missing(obj, self.mirror(HELM_RELEASES).get, "", "helmreleases"))

    async def one(self, obj: Object) -> float:
        """Do one turn and write how it went."""
        spec, meta = obj["spec"], obj["metadata"]
        if meta.get("deletionTimestamp"):
            await self._finalize(obj)
            return seconds("10m")
        await self.add_finalizer(obj)
        self._blocked.discard(key_of(obj))
        interval = seconds(spec.get("interval"), 600.0)
        if spec.get("suspend"):
            return interval
        retry = self.world.delays.flux.retry
        try:
            wanted = await self._wanted(obj)
        except Wait as error:
            self._blocked.add(key_of(obj))
            await self.report(obj, [ready(False, error.reason, str(error))], ("Reconciling",))
            return retry
        return interval if await self._act(obj, wanted) else retry

    async def _wanted(self, obj: Object) -> Wanted:
        """Return what is to be released; raises :class:`Wait`."""
        spec, (namespace, name) = obj["spec"], key_of(obj)
        if missing := plan.dependency_missing(obj, self.mirror(HELM_RELEASES).get, "", "helmreleases"):
            raise Wait("DependencyNotReady", missing)
        key = self._chart_key(obj)
        if "chart" in spec:
            await self._have_chart(obj, key)
        chart = self.mirror(HELM_CHARTS).get(*key)
        if chart is not None and "chart" in spec and not _same_chart(chart, spec["chart"]["spec"]):
            chart = await self.api.get(HELM_CHARTS.path(*key))
        if why := chart_ready(chart, "/".join(key)):
            raise Wait("SourceNotReady", why)
        assert chart is not None
        try:
            values = await storage.values_of(self.api, obj)
        except storage.ValuesError as error:
            raise Wait("ValuesError", str(error)) from error
        release = spec.get("releaseName") or "-".join(n for n in (spec.get("targetNamespace"), name) if n)
        target = spec.get("targetNamespace") or namespace
        source = self.mirror(GIT_REPOSITORIES).get(chart["metadata"]["namespace"], chart["spec"]["sourceRef"]["name"])
        wanted = Wanted(release, target, chart["spec"]["chart"], chart["status"]["artifact"]["revision"], values, [])
        try:
            made = storage.render(self.plant, chart, source, release, target, values)
            wanted.chart, wanted.version, wanted.objects = made
        except (ChartError, kustomize.BuildError) as error:
            wanted.objects = [{"kind": "", "error": str(error)}]
        return wanted

    async def _have_chart(self, obj: Object, key: tuple[str, str]) -> None:
        """Make the HelmChart, or bring it to what the release says."""
        spec, (namespace, name) = obj["spec"]["chart"]["spec"], key_of(obj)
        reference = spec["sourceRef"]
        wanted = {
            "chart": spec["chart"],
            "version": spec.get("version", "*"),
            "sourceRef": {"kind": reference.get("kind", "HelmRepository"), "name": reference["name"]},
            "interval": spec.get("interval") or obj["spec"]["interval"],
            "reconcileStrategy": spec.get("reconcileStrategy", "ChartVersion"),
        }
        known = self.mirror(HELM_CHARTS).get(*key)
        if known is None or any(known["spec"].get(k) != v for k, v in wanted.items()):
            labels = {f"{GROUP}/name": name, f"{GROUP}/namespace": namespace}
            meta = {"namespace": key[0], "name": key[1], "labels": labels}
            await self.api.ensure(HELM_CHARTS, {"metadata": meta, "spec": wanted}, MANAGER)
        place = "/".join(key)
        if (obj.get("status") or {}).get("helmChart") != place:
            await self.report(obj, [], helmChart=place)

    # -- actions ---------------------------------------------------------------------------------------------------
    async def _act(self, obj: Object, wanted: Wanted) -> bool:
        """Install, upgrade or leave the release as it is; False asks for another turn soon."""
        status = obj.get("status") or {}
        generation = obj["metadata"].get("generation", 1)
        known = await storage.revisions(self.api, wanted.namespace, wanted.name)
        last = known[-1] if known else None
        attempted = (
            status.get("lastAttemptedGeneration"),
            status.get("lastAttemptedRevision"),
            status.get("lastAttemptedConfigDigest"),
        )
        fresh = attempted != (generation, wanted.version, wanted.digest)
        reset = str((obj["metadata"].get("annotations") or {}).get("reconcile.fluxcd.io/resetAt") or "")
        if fresh or (reset and reset == requested(obj) and status.get("lastHandledResetAt") != reset):
            counters = {"failures": None, "installFailures": None, "upgradeFailures": None}
            more = {"lastHandledResetAt": reset} if reset else {}
            await self.report(obj, [], ("Stalled",), **counters, **more)
            status = obj.get("status") or {}
        history = (status.get("history") or [{}])[0]
        managed = history.get("name") == wanted.name and last is not None and history.get("version") == last.number
        same = last is not None and (last.version, last.digest) == (wanted.version, wanted.digest)
        if last is not None and last.status == "deployed" and managed and same:
            await self._succeeded(obj, wanted, last.number, last.number == 1)
            return True
        install = last is None or last.status == "uninstalled"
        action = "install" if install else "upgrade"
        if not self._may_try(obj, action):
            return True
        return await self._release(obj, wanted, action, (last.number if last else 0) + 1, known)

    def _may_try(self, obj: Object, action: str) -> bool:
        """Tell whether retries are left; a release without any is Stalled already."""
        return condition(obj, "Stalled").get("status") != "True"

    async def _release(
        self, obj: Object, wanted: Wanted, action: str, number: int, known: list[storage.Revision]
    ) -> bool:
        spec = obj["spec"]
        limit = seconds((spec.get(action) or {}).get("timeout") or spec.get("timeout"), 300.0)
        await self.report(
            obj,
            [
                ready(None, "Progressing", f"Running '{action}' action with timeout of {duration(limit)}"),
                true("Reconciling", "Progressing", f"Running '{action}' action with timeout of {duration(limit)}"),
            ],
            lastAttemptedGeneration=obj["metadata"].get("generation", 1),
            lastAttemptedRevision=wanted.version,
            lastAttemptedConfigDigest=wanted.digest,
            lastAttemptedReleaseAction=action,
        )
        stored = False
        try:
            if (spec.get(action) or {}).get("createNamespace"):
                await self.api.ensure(NAMESPACES, {"metadata": {"name": wanted.namespace}}, MANAGER)
            await self._check(obj, wanted)
            await storage.store(
                *(self.api, wanted.namespace, wanted.name, wanted.chart, wanted.version, wanted.values),
                *(wanted.objects, number),
            )
            stored = True
            await self._apply(wanted, known, (spec.get(action) or {}).get("crds"), action)
            if not (spec.get(action) or {}).get("disableWait"):
                await self._wait(wanted.objects, limit)
        except (ChartError, ApiError) as error:
            why = f"create: failed to create: {error}" if isinstance(error, ApiError) and not stored else str(error)
            if stored:
                text = f'Release "{wanted.name}" failed: {error}'
                await storage.settle(self.api, wanted.namespace, wanted.name, number, "failed", text, 0)
            return await self._failed(obj, wanted, action, why, number if stored else 0, known)
        text = f"{action.capitalize()} complete"
        history = spec.get("maxHistory", 5)
        await storage.settle(self.api, wanted.namespace, wanted.name, number, "deployed", text, history)
        await self._succeeded(obj, wanted, number, action == "install")
        return True

    async def _check(self, obj: Object, wanted: Wanted) -> None:
        """Fail before anything is created: a refused chart, a fault, kinds that are not there."""
        if wanted.objects and "error" in wanted.objects[0]:
            raise ChartError(wanted.objects[0]["error"])
        if fault := self.world.fault_for("HelmRelease", obj):
            raise ChartError(fault.message)
        brings = {body["spec"]["names"]["kind"] for body in wanted.objects if body["kind"] == CRDS.kind}
        lines = []
        for body in wanted.objects:
            if body["kind"] in brings:
                continue
            try:
                await self.objects.resource(body)
            except NoKind as error:
                meta = body["metadata"]
                place = f'name: "{meta["name"]}" namespace: "{meta.get("namespace", "")}" from ""'
                lines.append(f"resource mapping not found for {place}: {error}\nensure CRDs are installed first")
        if lines:
            text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
            raise ChartError(f"unable to build kubernetes objects from release manifest: {text}")

    async def _apply(self, wanted: Wanted, known: list[storage.Revision], crds: str | None, action: str) -> None:
        crds = crds or ("Create" if action == "install" else "Skip")
        definitions = [body for body in wanted.objects if body["kind"] == CRDS.kind]
        rest = [body for body in wanted.objects if body["kind"] != CRDS.kind]
        try:
            for body in definitions:
                there = await self.api.get(CRDS.path("", body["metadata"]["name"])) is not None
                if crds == "CreateReplace" or (crds == "Create" and not there):
                    await self.objects.apply(body, MANAGER)
            await self._wait(definitions if crds != "Skip" else [], 30.0)
            for stage in plan.stages(rest):
                await self.objects.apply_all(stage, MANAGER)
        except ApplyError as error:
            raise ChartError(error.why) from error
        deployed = next((revision for revision in reversed(known) if revision.status == "deployed"), None)
        if deployed is not None:
            gone = plan.stale(plan.inventory(deployed.manifests), plan.inventory(wanted.objects))
            for body in [body for body in gone if body["kind"] != CRDS.kind]:
                await self.objects.delete(body)

    async def _wait(self, objects: list[Object], limit: float) -> None:
        """Wait as Helm does."""
        started, left = time.monotonic(), list(objects)
        while left:
            states = []
            for body in left:
                live = await self.objects.get(body)
                if live is None or not helm_ready(live):
                    states.append(body)
            left = states
            if left and time.monotonic() - started > limit:
                names = ", ".join(f"{named(body)} not ready" for body in left[:3])
                raise ChartError(f"context deadline exceeded ({names})" if names else "context deadline exceeded")
            if left:
                await asyncio.sleep(self.world.delays.flux.health)

    # -- outcomes --------------------------------------------------------------------------------------------------
    async def _succeeded(self, obj: Object, wanted: Wanted, number: int, installed: bool) -> None:
        word = "install" if installed else "upgrade"
        reason = f"{word.capitalize()}Succeeded"
        text = f"Helm {word} succeeded for release {wanted.label(number)}"
        known = condition(obj, "Released")
        if known.get("status") == "True" and f".v{number} " in known.get("message", ""):
            reason, text = known["reason"], known["message"]  # a rollback's success stays told as one
        status = obj.get("status") or {}
        await self.report(
            obj,
            [ready(True, reason, text), true("Released", reason, text)],
            ("Reconciling", "Stalled", "Remediated"),
            observedGeneration=obj["metadata"].get("generation", 1),
            history=self._history(status.get("history") or [], wanted, number, "deployed"),
            storageNamespace=obj["spec"].get("storageNamespace") or obj["metadata"]["namespace"],
            failures=None,
            installFailures=None,
            upgradeFailures=None,
        )

    @staticmethod
    def _history(known: list[Object], wanted: Wanted, number: int, status: str) -> list[Object]:
        """Return the snapshots of the releases, newest first."""
        rest = [dict(item) for item in known if item.get("version") != number]
        for item in rest:
            if status == "deployed" and item.get("status") == "deployed":
                item["status"] = "superseded"
        mine = next((dict(item) for item in known if item.get("version") == number), {})
        first = mine.get("firstDeployed") or timestamp()
        new = {
            "name": wanted.name,
            "namespace": wanted.namespace,
            "version": number,
            "chartName": wanted.chart,
            "chartVersion": wanted.version,
            "configDigest": wanted.digest,
            "digest": wanted.digest,
            "status": status,
            "firstDeployed": first,
            "lastDeployed": mine.get("lastDeployed") or first,
        }
        return [new, *rest][:5]

    async def _failed(
        self, obj: Object, wanted: Wanted, action: str, why: str, number: int, known: list[storage.Revision]
    ) -> bool:
        """Count the failure, take it back where the spec says so, and stall when no retry is left."""
        status, spec = obj.get("status") or {}, obj["spec"]
        counter = f"{action}Failures"
        failures = int(status.get(counter) or 0) + 1
        reason = f"{action.capitalize()}Failed"
        text = f"Helm {action} failed for release {wanted.label()}: {why}"
        rules = (spec.get(action) or {}).get("remediation") or {}
        retries = int(rules.get("retries") or 0)
        left = retries < 0 or failures <= retries
        conditions = [ready(False, reason, text), {**ready(False, reason, text), "type": "Released"}]
        last_too = rules.get("remediateLastFailure", action == "upgrade" and retries != 0)
        if (left or last_too) and number:
            conditions += await self._remediate(obj, wanted, action, rules, number, known)
        drop: tuple[str, ...] = ()
        if not left:
            stalled = f"Failed to {action} after {failures} attempt(s)"
            conditions.append(true("Stalled", "RetriesExceeded", stalled))
            conditions[0] = ready(False, "RetriesExceeded" if retries else reason, text)
            drop = ("Reconciling",)
        snapshots = status.get("history") or []
        if number:
            snapshots = self._history(snapshots, wanted, number, "failed")
        await self.report(obj, conditions, drop, failures=failures, **{counter: failures}, history=snapshots)
        return not left

    async def _remediate(
        self, obj: Object, wanted: Wanted, action: str, rules: Object, number: int, known: list[storage.Revision]
    ) -> list[Object]:
        """Uninstall what an install left, or go back to the revision before an upgrade."""
        target = next((r for r in reversed(known) if r.status in ("deployed", "superseded")), None)
        if action == "install" or rules.get("strategy") == "uninstall" or target is None:
            await self._uninstall(wanted.namespace, wanted.name)
            text = f"Helm uninstall remediation for release {wanted.label(number)} succeeded"
            return [true("Remediated", "UninstallSucceeded", text)]
        try:
            for stage in plan.stages(b for b in target.manifests if b["kind"] != CRDS.kind):
                await self.objects.apply_all(stage, MANAGER)
        except ApplyError as error:
            place = f"{wanted.namespace}/{wanted.name}.v{target.number}"
            text = f"Helm rollback to previous release {place} failed: {error.why}"
            return [{**ready(False, "RollbackFailed", text), "type": "Remediated"}]
        chart = target.body["chart"]["metadata"]
        values = target.body.get("config") or {}
        await storage.store(
            *(self.api, wanted.namespace, wanted.name, chart["name"], chart["version"], values),
            *(target.manifests, number + 1),
        )
        done = f"Rollback to {target.number}"
        await storage.settle(self.api, wanted.namespace, wanted.name, number + 1, "deployed", done, 0)
        place = f"{wanted.namespace}/{wanted.name}.v{target.number} with chart {target.chart}"
        text = f"Helm rollback to previous release {place} succeeded"
        return [true("Remediated", "RollbackSucceeded", text)]

    async def _uninstall(self, namespace: str, name: str) -> None:
        known = await storage.revisions(self.api, namespace, name)
        if known:
            for body in reversed(known[-1].manifests):
                if body["kind"] != CRDS.kind:
                    await self.objects.delete(body)
        for revision in known:
            await self.api.delete(SECRETS, revision.stored)

    async def _finalize(self, obj: Object) -> None:
        """Uninstall the release, take its chart away and let the object go."""
        if FINALIZER not in (obj["metadata"].get("finalizers") or []):
            return
        snapshot = ((obj.get("status") or {}).get("history") or [None])[0]
        if snapshot and not obj["spec"].get("suspend"):
            await self._uninstall(snapshot["namespace"], snapshot["name"])
        if "chart" in obj["spec"]:
            chart = self.mirror(HELM_CHARTS).get(*self._chart_key(obj))
            if chart is not None:
                await self.api.delete(HELM_CHARTS, chart)
        await self.drop_finalizer(obj)


def _same_chart(chart: Object, spec: Object) -> bool:
    return bool(chart["spec"]["chart"] == spec["chart"] and chart["spec"].get("version") == spec.get("version", "*"))
