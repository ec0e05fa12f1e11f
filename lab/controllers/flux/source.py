# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source-controller: what Git and chart repositories hold, as artifacts with a revision."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

from ... import yaml_text
from ...charts import CATALOGUE
from ...git.repository import GitError
from ..api import DEPLOYMENTS, SECRETS, Object
from ..base import key_of, timestamp
from . import kustomize
from .base import (
    FINALIZER,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_REPOSITORIES,
    NAMESPACE,
    FluxController,
    condition,
    is_current,
    ready,
    seconds,
    true,
)

_FAILED = ("FetchFailed", "StorageOperationFailed", "BuildFailed", "Reconciling", "Stalled")
_HOST = f"http://source-controller.{NAMESPACE}.svc.cluster.local./"


class SourceFailed(Exception):
    """A source that cannot be fetched: the reason, and the message."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class _Sources(FluxController):
    """What the three kinds of sources share."""

    deployment = "source-controller"

    async def one(self, obj: Object) -> float:
        """Fetch, and tell what came."""
        spec = obj.get("spec") or {}
        if obj["metadata"].get("deletionTimestamp"):
            if FINALIZER in (obj["metadata"].get("finalizers") or []):
                await self.drop_finalizer(obj)
            return seconds("10m")
        await self.add_finalizer(obj)
        if spec.get("suspend"):
            return seconds("10m")
        generation = obj["metadata"].get("generation", 1)
        try:
            message, artifact, reason = await self.fetch(obj)
        except SourceFailed as error:
            failed = true(self.failure, error.reason, str(error))
            await self.report(obj, [ready(False, error.reason, str(error)), failed], ("Reconciling",))
            return self.world.delays.flux.retry
        fine = [ready(True, reason, message)]
        more: dict[str, Any] = {}
        if artifact:
            fine.append(true("ArtifactInStorage", reason, message))
            more = {"artifact": artifact, "url": artifact["url"].rpartition("/")[0] + "/latest.tar.gz"}
        await self.report(obj, fine, _FAILED, observedGeneration=generation, **more)
        return self.again(spec)

    failure = "FetchFailed"

    def again(self, spec: Object) -> float:
        """Return the seconds until the next look."""
        return seconds(spec.get("interval"), 60.0)

    async def fetch(self, obj: Object) -> tuple[str, Object, str]:
        """Return message, artifact and reason of a success.

        :raises SourceFailed: for everything else.
        """
        raise NotImplementedError

    def artifact(self, obj: Object, revision: str, file: str, data: bytes) -> Object:
        """Return an artifact; the time stays while its revision does."""
        namespace, name = key_of(obj)
        path = f"{self.kind.kind.lower()}/{namespace}/{name}/{file}"
        known = (obj.get("status") or {}).get("artifact") or {}
        same = known.get("revision") == revision
        return {
            "path": path,
            "url": _HOST + path,
            "revision": revision,
            "digest": known["digest"] if same else f"sha256:{hashlib.sha256(data).hexdigest()}",
            "lastUpdateTime": known["lastUpdateTime"] if same else timestamp(),
            "size": known["size"] if same else len(data),
        }


class GitSource(_Sources):
    """GitRepositories; every URL leads to the lab's own server."""

    kind = GIT_REPOSITORIES
    watches = (DEPLOYMENTS, GIT_REPOSITORIES)

    def again(self, spec: Object) -> float:
        """A branch is looked at more often than its interval says."""
        return min(super().again(spec), self.world.delays.flux.poll)

    async def fetch(self, obj: Object) -> tuple[str, Object, str]:
        """Resolve the reference and store the files of the commit."""
        namespace, name = key_of(obj)
        spec = obj["spec"]
        url = spec["url"]
        refusal = self.plant.git.refusal(await self._token(obj))
        if refusal:
            raise SourceFailed("GitOperationFailed", self._text(url, refusal))
        repository = self.plant.git.repositories.of_url(url)
        if repository is None or not repository.exists:
            raise SourceFailed("GitOperationFailed", self._text(url, "repository not found"))
        reference = spec.get("ref") or {}
        place, word = self._place(reference)
        commit = reference.get("commit") or repository.tip(place)
        if not commit:
            text = f'couldn\'t find remote ref "{place}"'
            if not any((repository.path / "refs" / "heads").rglob("*")):
                text = "remote repository is empty"
            raise SourceFailed("GitOperationFailed", self._text(url, text))
        revision = f"{word}@sha1:{commit}"
        key = (namespace, name, revision)
        data = b""
        if key not in self.plant.artifacts:
            try:
                files, data = await repository.files(commit)
            except GitError as error:
                raise SourceFailed("GitOperationFailed", self._text(url, str(error))) from error
            for old in [k for k in self.plant.artifacts if k[:2] == key[:2]]:
                del self.plant.artifacts[old]
            self.plant.artifacts[key] = files
        artifact = self.artifact(obj, revision, f"{commit}.tar.gz", data)
        return f"stored artifact for revision '{revision}'", artifact, "Succeeded"

    @staticmethod
    def _place(reference: Object) -> tuple[str, str]:
        """Return the reference to resolve and the word that a revision begins with."""
        if reference.get("name"):
            return reference["name"], reference["name"]
        if reference.get("tag"):
            return f"refs/tags/{reference['tag']}", reference["tag"]
        branch = reference.get("branch") or "master"
        return f"refs/heads/{branch}", branch

    @staticmethod
    def _text(url: str, why: str) -> str:
        if why.startswith("dial"):
            why = f'Get "{url}/info/refs?service=git-upload-pack": {why}'
        return f"failed to checkout and determine revision: unable to clone '{url}': {why}"

    async def _token(self, obj: Object) -> str | None:
        """Return the password of the source's Secret; None when it names none."""
        name = ((obj["spec"].get("secretRef")) or {}).get("name")
        if not name:
            return None
        namespace = obj["metadata"]["namespace"]
        secret = await self.api.get(SECRETS.path(namespace, name))
        if secret is None:
            text = f"failed to get secret '{namespace}/{name}': secrets \"{name}\" not found"
            raise SourceFailed("AuthenticationFailed", text)
        data = secret.get("data") or {}
        return base64.b64decode(data.get("password") or data.get("bearerToken") or "").decode()


class HelmSource(_Sources):
    """HelmRepositories; the lab's catalogue of charts stands for every one of them."""

    kind = HELM_REPOSITORIES
    watches = (DEPLOYMENTS, HELM_REPOSITORIES)

    async def one(self, obj: Object) -> float:
        """A repository of type ``oci`` is static: nothing is fetched and no status is written."""
        if obj["spec"].get("type") == "oci":
            return seconds("10m")
        wait = await super().one(obj)
        return min(wait, self.world.delays.flux.retry) if self.plant.faults.charts_unreachable else wait

    def token(self, obj: Object) -> Any:
        """A fault that comes or goes is a reason to look again."""
        down = obj["metadata"]["name"] in self.plant.faults.charts_unreachable
        return (*super().token(obj), down)

    async def fetch(self, obj: Object) -> tuple[str, Object, str]:
        """Fetch the index."""
        name, url = obj["metadata"]["name"], obj["spec"]["url"].rstrip("/")
        if name in self.plant.faults.charts_unreachable:
            host = urlsplit(url).hostname
            raise SourceFailed(
                "IndexationFailed",
                f"failed to fetch Helm repository index: failed to cache index to temporary file: Get "
                f'"{url}/index.yaml": dial tcp: lookup {host}: no such host',
            )
        digest = hashlib.sha256(url.encode()).hexdigest()
        artifact = self.artifact(obj, f"sha256:{digest}", f"index-{digest}.yaml", url.encode())
        return f"stored artifact: revision 'sha256:{digest}'", artifact, "Succeeded"


class ChartSource(_Sources):
    """HelmCharts: of the catalogue, or of a directory in a Git source."""

    kind = HELM_CHARTS
    watches = (DEPLOYMENTS, HELM_CHARTS, HELM_REPOSITORIES, GIT_REPOSITORIES)
    failure = "BuildFailed"

    def _source(self, obj: Object) -> Object | None:
        reference = obj["spec"]["sourceRef"]
        kind = GIT_REPOSITORIES if reference["kind"] == "GitRepository" else HELM_REPOSITORIES
        return self.mirror(kind).get(obj["metadata"]["namespace"], reference["name"])

    def token(self, obj: Object) -> Any:
        """A new artifact of the source is a reason to look again."""
        source = self._source(obj) or {}
        artifact = (source.get("status") or {}).get("artifact") or {}
        return (*super().token(obj), artifact.get("revision"))

    async def fetch(self, obj: Object) -> tuple[str, Object, str]:
        """Pull or package the chart."""
        spec, source = obj["spec"], self._source(obj)
        reference = spec["sourceRef"]
        if source is None:
            kind = "gitrepositories" if reference["kind"] == "GitRepository" else "helmrepositories"
            name = reference["name"]
            text = f'failed to get source: {kind}.source.toolkit.fluxcd.io "{name}" not found'
            raise SourceFailed("SourceUnavailable", text)
        artifact = (source.get("status") or {}).get("artifact")
        if not artifact and not (source["spec"].get("type") == "oci"):
            raise SourceFailed("NoSourceArtifact", "no artifact available for " + "/".join(_place(reference)))
        started = time.monotonic()
        chart, version = spec["chart"], str(spec.get("version") or "*")
        if reference["kind"] == "GitRepository":
            return self._packaged(obj, source, chart)
        if chart not in CATALOGUE:
            raise SourceFailed(
                "InvalidChartReference",
                f"invalid chart reference: failed to get chart version for remote reference: no '{chart}' chart with "
                f"version matching '{version}' found",
            )
        await self.sleep(started)
        made = self.artifact(obj, version, f"{chart}-{version}.tgz", f"{chart} {version}".encode())
        return f"pulled '{chart}' chart with version '{version}'", made, "ChartPullSucceeded"

    async def sleep(self, started: float) -> None:
        """Take the declared time of a download."""
        await asyncio.sleep(max(0.0, self.world.delays.flux.chart - (time.monotonic() - started)))

    def _packaged(self, obj: Object, source: Object, path: str) -> tuple[str, Object, str]:
        namespace, name = key_of(source)
        files = self.plant.artifacts.get((namespace, name, source["status"]["artifact"]["revision"]))
        root = kustomize.normal(path)
        if files is None or f"{root}/Chart.yaml" not in files:
            raise SourceFailed(
                "InvalidChartReference", f"chart path '{path}' has no Chart.yaml in the source's artifact"
            )
        metadata = yaml_text.load(files[f"{root}/Chart.yaml"]) or {}
        chart, version = metadata.get("name", ""), str(metadata.get("version", ""))
        made = self.artifact(obj, version, f"{chart}-{version}.tgz", repr(sorted(files)).encode())
        return f"packaged '{chart}' chart with version '{version}'", made, "ChartPackageSucceeded"


def _place(reference: Object) -> tuple[str, str]:
    return reference["kind"], reference["name"]


def chart_ready(chart: Object | None, name: str) -> str:
    """Return why a HelmChart cannot be used yet; empty when it can."""
    if chart is None:
        return f"HelmChart '{name}' is not ready: not found"
    if is_current(chart):
        return ""
    known = condition(chart, "Ready")
    seen = (chart.get("status") or {}).get("observedGeneration", -1)
    why = (
        known.get("message")
        if known.get("status") == "False"
        else "latest generation of object has not been reconciled"
    )
    return f"HelmChart '{name}' is not ready: {why or f'observed generation {seen}'}"
