# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kustomize-controller: builds what a source holds, applies it, prunes what is gone and waits for the rest."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

from ..api import CONFIG_MAPS, DEPLOYMENTS, SECRETS, Object
from ..base import key_of
from . import kustomize, plan
from .base import (
    FINALIZER,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    FluxController,
    duration,
    ready,
    seconds,
    true,
)
from .kstatus import CURRENT, kstatus
from .objects import ApplyError, NoKind, Objects
from .substitute import SubstituteError, check_names, substitute

MANAGER = "kustomize-controller"
NOT_BUILT = ("images", "patches", "components", "namePrefix", "nameSuffix", "decryption", "kubeConfig")


class Failure(Exception):
    """A turn that did not succeed: the reason, and the message."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class KustomizeController(FluxController):
    """Reconciles Kustomizations."""

    deployment = MANAGER
    kind = KUSTOMIZATIONS
    watches = (DEPLOYMENTS, KUSTOMIZATIONS, GIT_REPOSITORIES)
    workers = 32

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.objects = Objects(world)
        self._blocked: set[tuple[str, str]] = set()

    def token(self, obj: Object) -> Any:
        """A new revision is a reason for a look, and for one that waits each step of what it depends on."""
        base = (*super().token(obj), (self._artifact(obj) or {}).get("revision"))
        if key_of(obj) not in self._blocked:
            return base
        revision = (self._artifact(obj) or {}).get("revision", "")
        return (*base, plan.dependency_missing(obj, self.mirror(KUSTOMIZATIONS).get, revision))

    def _source(self, obj: Object) -> Object | None:
        reference = obj["spec"]["sourceRef"]
        if reference["kind"] != "GitRepository":
            return None
        namespace = reference.get("namespace") or obj["metadata"]["namespace"]
        return self.mirror(GIT_REPOSITORIES).get(namespace, reference["name"])

    def _artifact(self, obj: Object) -> Object | None:
        return ((self._source(obj) or {}).get("status") or {}).get("artifact")

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
        retry = min(seconds(spec.get("retryInterval"), interval), self.world.delays.flux.retry)
        generation = meta.get("generation", 1)
        try:
            revision, message = await self._turn(obj)
        except Failure as error:
            conditions = [ready(False, error.reason, str(error))]
            drop: tuple[str, ...] = ("Reconciling",)
            if error.reason == "HealthCheckFailed":
                conditions.append({**ready(False, error.reason, str(error)), "type": "Healthy"})
            if error.reason not in ("ArtifactFailed", "DependencyNotReady"):
                conditions.append(true("Reconciling", "ProgressingWithRetry", str(error)))
                drop = ()
            attempted = (self._artifact(obj) or {}).get("revision")
            more = {"lastAttemptedRevision": attempted} if attempted else {}
            await self.report(obj, conditions, drop, **more)
            if error.reason == "DependencyNotReady":
                self._blocked.add(key_of(obj))
            return retry
        await self.report(
            obj,
            [ready(True, "ReconciliationSucceeded", message)],
            ("Reconciling",),
            observedGeneration=generation,
            lastAppliedRevision=revision,
            lastAttemptedRevision=revision,
        )
        return interval

    async def _turn(self, obj: Object) -> tuple[str, str]:
        """Carry out one turn; return the revision and the message of a success."""
        spec, meta = obj["spec"], obj["metadata"]
        source, artifact = self._source(obj), self._artifact(obj)
        if source is None:
            name = spec["sourceRef"]["name"]
            text = f'{spec["sourceRef"]["kind"].lower()}.source.toolkit.fluxcd.io "{name}" not found'
            raise Failure("ArtifactFailed", f"Source '{spec['sourceRef']['kind']}/{name}' not found: {text}")
        files = self.plant.artifacts.get((*key_of(source), (artifact or {}).get("revision", "")))
        if artifact is None or files is None:
            raise Failure("ArtifactFailed", "Source artifact not found, retrying in 30s")
        revision = artifact["revision"]
        if missing := plan.dependency_missing(obj, self.mirror(KUSTOMIZATIONS).get, revision):
            raise Failure("DependencyNotReady", missing)
        limit = seconds(spec.get("timeout"), max(30.0, seconds(spec.get("interval"), 600.0) - 30.0))
        await self._progress(obj, f"Fetching manifests for revision {revision} with a timeout of {duration(limit)}")
        objects = await self._build(obj, files)
        applied = await self._apply(objects)
        before = ((obj.get("status") or {}).get("inventory") or {}).get("entries") or []
        entries = plan.inventory(applied)
        await self.report(obj, [], inventory={"entries": entries})
        if spec.get("prune"):
            await self._prune(plan.stale(before, entries), meta)
        await self._health(obj, applied, revision, limit)
        return revision, f"Applied revision: {revision}"

    async def _progress(self, obj: Object, text: str) -> None:
        """Say what goes on."""
        await self.report(
            obj,
            [ready(None, "Progressing", "Reconciliation in progress"), true("Reconciling", "Progressing", text)],
        )

    # -- build -----------------------------------------------------------------------------------------------------
    async def _build(self, obj: Object, files: kustomize.Files) -> list[Object]:
        spec, meta = obj["spec"], obj["metadata"]
        path = spec.get("path") or "./"
        if not kustomize.has_directory(files, path):
            place = f"/tmp/kustomization-{meta['uid'][:8]}/{kustomize.normal(path)}"
            raise Failure("ArtifactFailed", f"kustomization path not found: stat {place}: no such file or directory")
        for key in NOT_BUILT:
            if spec.get(key):
                raise Failure("BuildFailed", f"kustomize build failed: the lab does not build spec.{key}")
        try:
            objects = await kustomize.build(files, path)
        except kustomize.BuildError as error:
            raise Failure("BuildFailed", f"kustomize build failed: {error}") from error
        if target := spec.get("targetNamespace"):
            for body in objects:
                if body["kind"] not in kustomize.CLUSTER_SCOPED:
                    body["metadata"]["namespace"] = target
        if spec.get("postBuild"):
            objects = await self._substitute(obj, objects)
        common = spec.get("commonMetadata") or {}
        for body in objects:
            for key in ("labels", "annotations"):
                if common.get(key):
                    body["metadata"][key] = {**(body["metadata"].get(key) or {}), **common[key]}
        return [plan.owned(body, meta["namespace"], meta["name"]) for body in objects]

    async def _substitute(self, obj: Object, objects: list[Object]) -> list[Object]:
        found: list[Object] = []
        name, build = obj["metadata"]["name"], obj["spec"]["postBuild"]
        try:
            variables: dict[str, str] = {}
            for source in build.get("substituteFrom") or []:
                variables |= await self._variables(obj["metadata"]["namespace"], source)
            variables |= {key: str(value) for key, value in (build.get("substitute") or {}).items()}
            check_names(variables)
            for body in objects:
                name = body["metadata"]["name"]
                found.append(substitute(body, variables))
        except SubstituteError as error:
            raise Failure("BuildFailed", f"post build failed for '{name}': {error}") from error
        return found

    async def _variables(self, namespace: str, source: Object) -> dict[str, str]:
        secret = source["kind"] == "Secret"
        kind = SECRETS if secret else CONFIG_MAPS
        found = await self.api.get(kind.path(namespace, source["name"]))
        if found is None:
            if source.get("optional"):
                return {}
            text = f'{kind.plural} "{source["name"]}" not found'
            raise SubstituteError(f"substitute from '{source['kind']}/{source['name']}' error: {text}")
        data = found.get("data") or {}
        clear = {k: base64.b64decode(v).decode() if secret else v for k, v in data.items()}
        return {key: value.replace("\n", "") for key, value in clear.items()}

    # -- apply and prune -------------------------------------------------------------------------------------------
    async def _apply(self, objects: list[Object]) -> list[Object]:
        """Apply stage by stage and return all objects as they are now."""
        applied: list[Object] = []
        for stage in plan.stages(objects):
            wanted = []
            for body in stage:
                switches = plan.marks(body)
                rule = switches.get(plan.SSA, "")
                if rule == "Ignore" or switches.get(plan.RECONCILE) == "disabled":
                    continue
                if rule == "IfNotPresent" and await self._live(body) is not None:
                    applied.append(body)
                    continue
                wanted.append(body)
            try:
                done = await self.objects.apply_all(wanted, MANAGER)
            except ApplyError as error:
                raise Failure("ReconciliationFailed", str(error)) from error
            if stage[0]["kind"] in ("CustomResourceDefinition", "Namespace"):
                await self._wait(done, 30.0, "ReconciliationFailed")
            applied += done
        return applied

    async def _live(self, body: Object) -> Object | None:
        try:
            return await self.objects.get(body)
        except NoKind:
            return None

    async def _prune(self, gone: list[Object], meta: Object) -> None:
        """Delete what is no longer there, unless it says otherwise or belongs to somebody else by now."""
        for body in reversed(gone):
            live = await self._live(body)
            if live is None:
                continue
            switches = plan.marks(live)
            if plan.PRUNE in switches and switches[plan.PRUNE] == "disabled":
                continue
            if switches.get(f"{plan.GROUP}/name") != meta["name"]:
                continue
            await self.objects.delete(live)

    async def _finalize(self, obj: Object) -> None:
        """Prune everything and let the object go."""
        if FINALIZER not in (obj["metadata"].get("finalizers") or []):
            return
        entries = ((obj.get("status") or {}).get("inventory") or {}).get("entries") or []
        if obj["spec"].get("prune") and not obj["spec"].get("suspend"):
            await self._prune([plan.of_entry(item) for item in entries], obj["metadata"])
        await self.drop_finalizer(obj)

    # -- health ----------------------------------------------------------------------------------------------------
    async def _health(self, obj: Object, applied: list[Object], revision: str, limit: float) -> None:
        """Wait for every applied object, or for those that the spec lists."""
        spec = obj["spec"]
        own = (KUSTOMIZATIONS.kind, *key_of(obj))
        if spec.get("wait"):
            wanted = [o for o in applied if (o["kind"], *key_of(o)) != own]
        else:
            wanted = [_listed(check) for check in spec.get("healthChecks") or []]
        if not wanted:
            await self.report(obj, [], ("Healthy",))
            return
        started = time.monotonic()
        if any(kstatus(body) != CURRENT for body in wanted):
            text = f"Running health checks for revision {revision} with a timeout of {duration(limit)}"
            was = (obj.get("status") or {}).get("conditions") or []
            healthy = [c for c in was if c["type"] == "Healthy" and c["status"] == "True"]
            more = [] if healthy else [{**ready(None, "Progressing", text), "type": "Healthy"}]
            await self.report(obj, [true("Reconciling", "Progressing", text), *more])
        await self._wait(wanted, limit, "HealthCheckFailed", lambda: self._superseded(obj, revision))
        passed = duration(round(time.monotonic() - started, 3))
        await self.report(obj, [true("Healthy", "Succeeded", f"Health check passed in {passed}")])

    def _superseded(self, obj: Object, revision: str) -> bool:
        """Tell whether a newer revision is there.

        The real controller 1.4 goes on with its check until the timeout before it looks at the new revision; nobody
        learns anything by waiting ten minutes for that in a lab.
        """
        return bool((self._artifact(obj) or {}).get("revision") != revision)

    async def _wait(
        self, wanted: list[Object], limit: float, reason: str, superseded: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until all are current; one that failed for good ends it."""
        started = time.monotonic()
        left = wanted
        while True:
            states = [(body, await self._state(body)) for body in left]
            failed, waiting = plan.verdict(states)
            spent = time.monotonic() - started
            text = f"health check failed after {duration(round(spent, 3))}: "
            if failed:
                raise Failure(reason, f"{text}failed early due to stalled resources: [{', '.join(failed)}]")
            if not waiting:
                return
            if spent > limit or superseded():
                raise Failure(reason, f"{text}timeout waiting for: [{', '.join(waiting)}]")
            left = [body for body, state in states if state != CURRENT]
            await asyncio.sleep(self.world.delays.flux.health)

    async def _state(self, body: Object) -> str:
        try:
            live = await self.objects.get(body)
        except NoKind:
            return "NotFound"
        return "NotFound" if live is None else kstatus(live)


def _listed(check: Object) -> Object:
    meta = {"name": check["name"], **({"namespace": check["namespace"]} if check.get("namespace") else {})}
    return {"apiVersion": check.get("apiVersion", ""), "kind": check["kind"], "metadata": meta}
