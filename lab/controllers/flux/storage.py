# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a HelmRelease wants and what Helm holds: charts, values, and the stored revisions."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from ... import charts, yaml_text
from ...charts.parts import merged
from ..api import CONFIG_MAPS, SECRETS, Api, Object
from ..cilium.release import secret, unpack
from . import kustomize

if TYPE_CHECKING:
    from .base import Plant


class ValuesError(Exception):
    """Values that cannot be put together."""


@dataclass(frozen=True)
class Revision:
    """One stored revision of a release.

    :param stored: the Secret; :param body: the release inside.
    """

    number: int
    status: str
    stored: Object
    body: Object

    @property
    def chart(self) -> str:
        """``name@version`` of its chart."""
        metadata = self.body["chart"]["metadata"]
        return f"{metadata['name']}@{metadata['version']}"

    @property
    def version(self) -> str:
        """Version of its chart."""
        return str(self.body["chart"]["metadata"]["version"])

    @property
    def digest(self) -> str:
        """Digest of its values."""
        return digest(self.body.get("config") or {})

    @property
    def manifests(self) -> list[Object]:
        """Its objects."""
        return [body for body in yaml_text.load_all(self.body.get("manifest") or "") if body]


def digest(values: Object) -> str:
    """Return the digest of values, whatever the order of their keys."""
    return f"sha256:{hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()}"


async def revisions(api: Api, namespace: str, name: str) -> list[Revision]:
    """Return the stored revisions of a release, oldest first."""
    query = {"labelSelector": f"owner=helm,name={name}"}
    answer = await api.request("GET", SECRETS.path(namespace), query=query)
    found = []
    for stored in answer.get("items") or []:
        body = unpack(stored)
        status = str(stored["metadata"]["labels"].get("status"))
        found.append(Revision(int(body["version"]), status, stored, body))
    return sorted(found, key=lambda revision: revision.number)


async def store(
    api: Api, namespace: str, name: str, chart: str, version: str, values: Object, objects: list[Object], number: int
) -> None:
    """Store a revision that is on its way.

    :raises ApiError: among others when the namespace does not exist.
    """
    status = "pending-install" if number == 1 else "pending-upgrade"
    made = secret(
        *(name, namespace, version, values, objects), chart=chart, revision=number, status=status, description=""
    )
    await api.ensure(SECRETS, made, "helm-controller")


async def settle(api: Api, namespace: str, name: str, number: int, status: str, description: str, history: int) -> None:
    """Give a revision its last status; the one before is superseded, and what is too old goes."""
    known = await revisions(api, namespace, name)
    for revision in known:
        word = revision.status
        if revision.number == number:
            word = status
        elif status == "deployed" and revision.status == "deployed":
            word = "superseded"
        if word == revision.status:
            continue
        chart = revision.body["chart"]["metadata"]
        made = secret(
            *(name, namespace, chart["version"], revision.body.get("config") or {}, revision.manifests),
            chart=chart["name"],
            revision=revision.number,
            status=word,
            description=description if revision.number == number else "Upgrade complete",
        )
        await api.ensure(SECRETS, made, "helm-controller")
    for revision in known[: max(0, len(known) - history)] if history else []:
        if revision.number != number:
            await api.delete(SECRETS, revision.stored)


async def values_of(api: Api, release: Object) -> Object:
    """Return the values of a HelmRelease: those of its sources first, its own over them.

    :raises ValuesError: for a source that is missing or is no YAML.
    """
    namespace = release["metadata"]["namespace"]
    found: Object = {}
    for source in release["spec"].get("valuesFrom") or []:
        is_secret = source["kind"] == "Secret"
        kind, key = SECRETS if is_secret else CONFIG_MAPS, source.get("valuesKey") or "values.yaml"
        place = (
            f"could not resolve {source['kind']} chart values reference '{namespace}/{source['name']}' with key '{key}'"
        )
        obj = await api.get(kind.path(namespace, source["name"]))
        data = (obj or {}).get("data") or {}
        if key not in data:
            if source.get("optional"):
                continue
            why = f'{kind.plural} "{source["name"]}" not found' if obj is None else f"missing key '{key}'"
            raise ValuesError(f"{place}: {why}")
        text = base64.b64decode(data[key]).decode() if is_secret else data[key]
        if source.get("targetPath"):
            found = merged(found, _at(source["targetPath"], text))
            continue
        try:
            more = yaml_text.load(text) or {}
        except yaml.YAMLError as error:
            raise ValuesError(f"unable to read values from key '{key}': {' '.join(str(error).split())}") from error
        found = merged(found, more)
    return merged(found, copy.deepcopy(release["spec"].get("values") or {}))


def _at(path: str, value: str) -> Object:
    *above, last = path.split(".")
    body: Object = {last: value}
    for key in reversed(above):
        body = {key: body}
    return body


def render(plant: Plant, chart: Object, source: Object | None, release: str, namespace: str, values: Object) -> Any:
    """Return ``(name, version, objects)`` of the release.

    :param chart: the HelmChart; :param source: its source.
    :raises ChartError: when the chart refuses its values or cannot be rendered here.
    """
    spec, version = chart["spec"], str(chart["status"]["artifact"]["revision"])
    if spec["sourceRef"]["kind"] != "GitRepository":
        name = spec["chart"]
        return name, version, charts.render(name, version, release, namespace, values)
    assert source is not None
    meta = source["metadata"]
    files = plant.artifacts.get((meta["namespace"], meta["name"], source["status"]["artifact"]["revision"])) or {}
    root = kustomize.normal(spec["chart"])
    name = str((yaml_text.load(files.get(f"{root}/Chart.yaml", b"")) or {}).get("name"))
    objects: list[Object] = []
    for path in kustomize.manifests(files, f"{root}/templates"):
        if b"{{" in files[path]:
            raise charts.ChartError(f"{path}: the lab renders no templates; only plain manifests of a chart in Git")
        objects += kustomize.parse(files[path], path)
    for body in objects:
        if body["kind"] not in kustomize.CLUSTER_SCOPED:
            body["metadata"].setdefault("namespace", namespace)
    return name, version, objects
