# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building a Kustomization's objects from the files of a source.

Where the program ``kustomize`` is found it does the work. Else what a plain tree uses is built here: resources (files
and directories), patches of maps with a target, namespace, labels, commonLabels and commonAnnotations; anything else is
an error that names it.
Texts: sigs.k8s.io/kustomize ``api/internal/accumulator`` and ``api/internal/target``, fluxcd/pkg ``kustomize``.
"""

from __future__ import annotations

import asyncio
import copy
import posixpath
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ... import yaml_text

Object = dict[str, Any]
Files = Mapping[str, bytes]

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_KNOWN = (
    *("apiVersion", "kind", "metadata", "resources", "patches"),
    *("namespace", "labels", "commonLabels", "commonAnnotations"),
)
CLUSTER_SCOPED = frozenset(
    {
        *("APIService", "CSIDriver", "CSINode", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"),
        *("IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass"),
        *("RuntimeClass", "StorageClass", "ValidatingWebhookConfiguration", "VolumeAttachment"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "FlowSchema", "CertificateSigningRequest"),
    }
)
"""Kinds that kustomize knows to have no namespace; it takes every other kind for one that has."""


class BuildError(Exception):
    """The tree cannot be built; the message is kustomize's."""


async def build(files: Files, path: str) -> list[Object]:
    """Return the objects of the directory ``path``.

    :raises BuildError: for a tree that kustomize would refuse, or that uses what is not built here.
    """
    program = shutil.which("kustomize")
    return await _run(program, files, path) if program else build_plain(files, path)


async def _run(program: str, files: Files, path: str) -> list[Object]:
    """Let the real program build it, from a copy of the files."""
    root = normal(path)
    with tempfile.TemporaryDirectory(prefix="kustomization-") as directory:
        for name, content in files.items():
            target = Path(directory, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if not any(posixpath.join(root, name) in files for name in _NAMES):
            listed = {"resources": [posixpath.relpath(name, root or ".") for name in manifests(files, root)]}
            Path(directory, root, _NAMES[0]).write_text(yaml_text.dump(listed), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(program, "build", "--load-restrictor=LoadRestrictionsNone", str(Path(directory, root))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
    if process.returncode:
        raise BuildError(error.decode(errors="replace").strip().removeprefix("Error: "))
    return parse(out, "kustomize build")


def build_plain(files: Files, path: str) -> list[Object]:
    """Return the objects of a plain tree (see the module); the same errors."""
    root = normal(path)
    if any(posixpath.join(root, name) in files for name in _NAMES):
        found = _directory(files, root, ())
    else:
        found = [body for name in manifests(files, root) for body in _file(files, name)]
    _refuse_twins(found)
    return found


def has_directory(files: Files, path: str) -> bool:
    """Tell whether any file lies below ``path``."""
    root = normal(path)
    return not root or any(name.startswith(f"{root}/") for name in files)


def normal(path: str) -> str:
    """Return a path as the files are keyed: ``./apps/x/`` is ``apps/x``, and the root is empty."""
    clean = posixpath.normpath(path.lstrip("/") or ".")
    return "" if clean == "." else clean


def manifests(files: Files, root: str) -> list[str]:
    """Return the YAML files below a directory without a kustomization, as Flux lists them."""
    below = f"{root}/" if root else ""
    return sorted(
        name for name in files if name.startswith(below) and name.endswith((".yaml", ".yml")) and "/." not in f"/{name}"
    )


def _directory(files: Files, root: str, above: tuple[str, ...]) -> list[Object]:
    if root in above:
        raise BuildError(f"accumulating resources: cycle detected: candidate root '/{root}' contains visited root")
    present = [name for name in _NAMES if posixpath.join(root, name) in files]
    if not present:
        raise BuildError(
            f"accumulating resources: unable to find one of 'kustomization.yaml', 'kustomization.yml' or "
            f"'Kustomization' in directory '/{root}'"
        )
    if len(present) > 1:
        raise BuildError(f"Found multiple kustomization files under: /{root}")
    spec = _kustomization(files, posixpath.join(root, present[0]))
    found: list[Object] = []
    for entry in spec.get("resources") or []:
        target = posixpath.normpath(posixpath.join(root or ".", str(entry)))
        if target in files:
            found += _file(files, target)
        elif not target.startswith("..") and has_directory(files, target):
            found += _directory(files, target, (*above, root))
        else:
            raise BuildError(
                f"accumulating resources: accumulation err='accumulating resources from '{entry}': open /{target}: "
                f"no such file or directory'"
            )
    _refuse_twins(found)
    for patch in spec.get("patches") or []:
        found = _patched(found, patch)
    return [_transformed(body, spec) for body in found]


def _patched(found: list[Object], entry: Object) -> list[Object]:
    """Apply a patch to every object that its target selects; kind and name are the target's, never the patch's.

    Selectors are anchored regular expressions (``api/types/selector.go``); the patch is merged by
    ``api/resource/resource.go`` ``ApplySmPatch``.
    """
    target, text = entry.get("target"), entry.get("patch")
    if not target or not isinstance(text, str) or set(target) - {"kind", "name", "namespace"}:
        raise BuildError("the lab builds inline patches with a target of kind, name and namespace only")
    try:
        patch = yaml_text.load(text.encode())
    except yaml.YAMLError:
        patch = None
    if not isinstance(patch, dict) or not patch.get("kind") or not (patch.get("metadata") or {}).get("name"):
        raise BuildError(f"unable to parse SM or JSON patch from [{text}]")
    more = {key: value for key, value in patch.items() if key not in ("apiVersion", "kind", "metadata")}
    more["metadata"] = {key: value for key, value in patch["metadata"].items() if key not in ("name", "namespace")}
    return [_merged(body, more) if _selected(body, target) else body for body in found]


def _selected(body: Object, target: Object) -> bool:
    meta = body["metadata"]
    has = {"kind": body["kind"], "name": meta["name"], "namespace": meta.get("namespace", "")}
    return all(re.fullmatch(str(pattern), has[key]) for key, pattern in target.items())


def _merged(body: Object, patch: Object) -> Object:
    merged = dict(body)
    for key, value in patch.items():
        if isinstance(value, list) or str(key).startswith("$"):
            raise BuildError(f"the lab does not merge {key!r} of a patch without the program kustomize")
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key) or {}, value) if isinstance(value, dict) else value
    return merged


def _kustomization(files: Files, name: str) -> Object:
    try:
        spec = yaml_text.load(files[name]) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"invalid Kustomization: yaml: {' '.join(str(error).split())}") from error
    if not isinstance(spec, dict):
        raise BuildError("invalid Kustomization: json: cannot unmarshal into Go value of type types.Kustomization")
    for key in spec:
        if key not in _KNOWN:
            raise BuildError(f"{name}: the lab does not build {key!r} without the program kustomize")
    return spec


def _file(files: Files, name: str) -> list[Object]:
    return parse(files[name], name)


def parse(content: bytes, name: str) -> list[Object]:
    """Return the objects of YAML text; lists are taken apart."""
    found: list[Object] = []
    try:
        for body in yaml_text.load_all(content):
            if not body:
                continue
            items = body.get("items") if isinstance(body, dict) and str(body.get("kind", "")).endswith("List") else None
            found += items if isinstance(items, list) else [body]
    except yaml.YAMLError as error:
        raise BuildError(f"MalformedYAMLError: yaml: {' '.join(str(error).split())} in File: {name}") from error
    for body in found:
        if not isinstance(body, dict) or not body.get("kind"):
            raise BuildError(f"missing Resource metadata: kind in File: {name}")
        if not isinstance(body.get("metadata"), dict) or not body["metadata"].get("name"):
            raise BuildError(f"missing metadata.name in object {{{body.get('apiVersion')} {body['kind']}}}")
    return found


def _transformed(body: Object, spec: Object) -> Object:
    body = copy.deepcopy(body)
    meta = body["metadata"]
    namespace = spec.get("namespace")
    if namespace and body["kind"] == "Namespace":
        pass
    elif namespace and body["kind"] not in CLUSTER_SCOPED:
        meta["namespace"] = namespace
    if namespace and body["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        for subject in body.get("subjects") or []:
            if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
                subject["namespace"] = namespace
    pairs = dict(spec.get("commonLabels") or {})
    for entry in spec.get("labels") or []:
        if entry.get("includeSelectors") or entry.get("includeTemplates") or entry.get("fields"):
            raise BuildError("the lab does not build labels with selectors without the program kustomize")
        pairs |= entry.get("pairs") or {}
    if pairs:
        meta["labels"] = {**(meta.get("labels") or {}), **pairs}
    if notes := spec.get("commonAnnotations"):
        meta["annotations"] = {**(meta.get("annotations") or {}), **notes}
    return body


def _refuse_twins(found: list[Object]) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for body in found:
        meta, api = body["metadata"], str(body.get("apiVersion", ""))
        group, _slash, version = api.rpartition("/")
        key = (group, body["kind"], meta.get("namespace", ""), meta["name"])
        if key in seen:
            place = f"{meta['name']}.{meta.get('namespace') or '[noNs]'}"
            name = f"{body['kind']}.{version}.{group or '[noGrp]'}/{place}"
            raise BuildError(f"may not add resource with an already registered id: {name}")
        seen.add(key)
