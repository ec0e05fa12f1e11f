# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests from wherever they come, as plain objects that remember their source."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError
from .yaml_documents import documents

#: Files of a directory that are read.
SUFFIXES = (".yaml", ".yml", ".json")
#: Metadata that only the server writes (apimachinery ``ObjectMeta``); an export carries them, an apply must not.
SERVER_METADATA = frozenset(
    ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "managedFields", "selfLink")
)


@dataclass(frozen=True)
class Manifest:
    """One object as the user wrote it.

    :param body: apiVersion, kind, metadata.name and the rest.
    :param source: ``file.yaml:12`` or ``definition, item 3``.
    """

    body: dict[str, Any]
    source: str

    @property
    def api_version(self) -> str:
        """``apps/v1``."""
        return str(self.body["apiVersion"])

    @property
    def group(self) -> str:
        """``apps``; ``""`` for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        """``Deployment``."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """``metadata.namespace`` as written, ``""`` when not."""
        return str(self.body["metadata"].get("namespace") or "")


def from_definition(definition: Any, what: str = "definition") -> list[Manifest]:
    """Read inline manifests: one object, a list of them, or YAML text of any number of documents.

    :raises InputError: naming the item.
    """
    if definition is None:
        return []
    if isinstance(definition, str):
        return from_text(definition, what)
    if isinstance(definition, Mapping):
        return list(_objects(definition, what))
    if isinstance(definition, list):
        found: list[Manifest] = []
        for number, item in enumerate(definition, 1):
            place = f"{what}, item {number}"
            if isinstance(item, str):
                found += from_text(item, place)
            elif isinstance(item, list):
                found += from_definition(item, place)
            else:
                found += _objects(item, place)
        return found
    raise InputError(
        f"{what} must be an object, a list of objects or YAML text", answer=f"it is {type(definition).__name__}"
    )


def from_text(text: str, source: str) -> list[Manifest]:
    """Read YAML or JSON text of any number of documents."""
    found: list[Manifest] = []
    for line, value in documents(text, source):
        place = f"{source}:{line}"
        for item in value if isinstance(value, list) else [value]:
            found += _objects(item, place)
    return found


def from_path(path: str) -> list[Manifest]:
    """Read a file, or every ``.yaml``, ``.yml`` and ``.json`` file below a directory, in the order of their paths.

    :raises InputError: missing, unreadable, or a directory without manifests.
    """
    if os.path.isdir(path):
        found: list[Manifest] = []
        names = _files_below(path)
        for name in names:
            found += from_path(name)
        if not names:
            raise InputError(
                "the directory holds no manifests", target=path, answer="no " + ", ".join(SUFFIXES), param="src"
            )
        return found
    try:
        with open(path, encoding="utf-8") as file:
            return from_text(file.read(), path)
    except OSError as error:
        raise InputError("the manifest cannot be read", target=path, answer=error.strerror or "", param="src") from None
    except UnicodeDecodeError:
        raise InputError("the manifest is not UTF-8 text", target=path, param="src") from None


def _files_below(folder: str) -> list[str]:
    """Return the manifest files below a directory, sorted by path; what starts with a dot is passed over."""
    found = []
    for at, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [os.path.join(at, name) for name in files if name.endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(found)


def _objects(value: Any, source: str) -> Iterable[Manifest]:
    """Check one document; a ``List`` yields its items."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise InputError("the manifest is not an object", target=source, answer=f"it is {type(value).__name__}")
    kind, api_version = value.get("kind"), value.get("apiVersion")
    for key, given in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(given, str) or not given:
            raise InputError(f"the manifest has no {key}", target=source, answer=_known(value))
    if str(kind).endswith("List") and isinstance(value.get("items"), list):
        own = {"apiVersion": api_version, "kind": str(kind).removesuffix("List")}
        for number, item in enumerate(value["items"], 1):
            whole = {**own, **item} if isinstance(item, Mapping) and kind != "List" else item
            yield from _objects(whole, f"{source}, item {number}")
        return
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        wants = (
            "generateName cannot be applied" if isinstance(metadata, Mapping) and metadata.get("generateName") else ""
        )
        raise InputError(f"the {kind} has no metadata.name", target=source, answer=wants)
    yield Manifest(normalised(_plain(value, source, ())), source)


def _known(value: Mapping[Any, Any]) -> str:
    return "its keys are " + ", ".join(sorted(str(key) for key in value)[:8])


def _plain(value: Any, source: str, path: tuple[str, ...]) -> Any:
    """Copy a value, letting only JSON's types through."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item, source, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, source, (*path, str(number))) for number, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise InputError(
        f"the manifest holds a value that JSON does not have at {'.'.join(path)}",
        target=source,
        answer=f"a {type(value).__name__}",
        remedy="Quote it so that it stays text",
    )


def normalised(body: dict[str, Any]) -> dict[str, Any]:
    """Return the object as it is sent.

    - Metadata that only the server writes is dropped, as an export of a live object carries it.
    - A Secret's ``stringData`` moves into ``data``: under server-side apply the server records ``stringData`` as owned
      while the values live in ``data``, so a key that is removed later would never be deleted
      (kubernetes/kubernetes issue 70281; Flux ``pkg/ssa`` does the same).
    """
    result = dict(body)
    result["metadata"] = {key: value for key, value in body["metadata"].items() if key not in SERVER_METADATA}
    if body.get("kind") == "Secret" and body.get("apiVersion") == "v1" and isinstance(body.get("stringData"), Mapping):
        given = body["stringData"]
        data = dict(body.get("data") or {})
        for key, text in given.items():
            data[key] = base64.b64encode(str(text if text is not None else "").encode()).decode()
        del result["stringData"]
        result["data"] = data
    return result


def refuse_duplicates(named: Iterable[tuple[tuple[str, ...], Manifest]]) -> None:
    """Refuse two manifests of one object: which of them would win is chance.

    :param named: identity (group, kind, namespace, name) and manifest.
    :raises InputError: naming both sources.
    """
    seen: dict[tuple[str, ...], Manifest] = {}
    for identity, manifest in named:
        first = seen.setdefault(identity, manifest)
        if first is not manifest:
            _group, kind, namespace, name = identity
            raise InputError(
                f"{kind} {namespace + '/' if namespace else ''}{name} is defined twice",
                answer=f"in {first.source} and in {manifest.source}",
                remedy="Remove one of them",
            )
