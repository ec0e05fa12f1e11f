# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would have Flux apply no more, and of that what must never go unasked: pure, over path -> text.

Every Kustomization of the tree prunes, so whatever leaves the tree leaves the cluster. Two things are worth more than
the commit: Flux itself, and the objects that data goes with.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

try:
    import yaml

    _Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
except ImportError:  # ansible-test imports without third-party packages
    yaml = None  # type: ignore[assignment]

from ..gitops.flux_objects import COMPONENTS, PRUNE
from ..gitops.seal import Owner, owner
from .errors import GitRefused

_LIST = "kustomization.yaml"
_DOING = "writing the tree"
_FLUX = ("kustomize.toolkit.fluxcd.io", "Kustomization")
_NAMESPACE = ("", "Namespace")
#: Whose deletion deletes volumes; a Namespace does when its component says that it holds data.
_DATA = (("", "PersistentVolumeClaim"), ("postgresql.cnpg.io", "Cluster"))
#: Most files are told apart without being parsed.
_TELLING = re.compile(r"\bkind[\"']?:\s*[\"']?(?:Namespace|PersistentVolumeClaim|Cluster|Kustomization)\b")


@dataclass(frozen=True)
class _Object:
    """An object of a file: whose it is, and whether Flux would leave it in the cluster."""

    path: str
    body: Mapping[str, Any]
    sealed: bool

    @property
    def kind(self) -> tuple[str, str]:
        return str(self.body.get("apiVersion", "")).rpartition("/")[0], str(self.body["kind"])

    @property
    def name(self) -> tuple[str, str]:
        meta = self.body["metadata"]
        return str(meta.get("namespace") or ""), str(meta.get("name"))

    @property
    def kept(self) -> bool:
        """Whether Flux leaves it in the cluster; it reads its switches from labels and annotations."""
        meta = self.body["metadata"]
        return any((meta.get(key) or {}).get(PRUNE) == "disabled" for key in ("labels", "annotations"))

    @property
    def component(self) -> str:
        """Its folder's name, which is the component's."""
        return posixpath.basename(posixpath.dirname(self.path)) or self.path

    @property
    def holds_data(self) -> bool:
        """Nobody has told of a foreign Namespace what it holds, so it is taken to hold data."""
        return self.kind in _DATA or (self.kind == _NAMESPACE and (self.kept or not self.sealed))

    def __str__(self) -> str:
        name = "/".join(part for part in self.name if part)
        return f"{self.kind[1]} {name} of {self.component}{'' if self.kept else ' (which Flux would delete)'}"


def judge(wanted: Mapping[str, str], present: Mapping[str, str], remove: Collection[str] = ()) -> None:
    """Refuse a commit that takes Flux, or the owners of data whose component is not named, out of the tree.

    :param wanted: the tree as it would be; files of the branch that are not ours stay beside it.
    :param present: the files of the branch that may be of it.
    :param remove: names of components that may go.
    :raises GitRefused: naming them.
    """
    gone, lost = _lost(wanted, present)
    _judge_flux(gone, wanted, present)
    unasked = [each for each in lost if each.holds_data and each.component not in remove]
    if unasked:
        # What the call names already stays named: the sentence is to be copied.
        names = ",".join(sorted({*remove, *(each.component for each in unasked)}))
        theirs = (
            "" if all(each.sealed for each in unasked) else ", homeops_gitops.extra_resources for files of your own"
        )
        raise GitRefused(
            _DOING,
            answer=f"the tree would lose what data goes with: {'; '.join(sorted(map(str, unasked)))}",
            remedy=(
                "Bring it back into the inventory (homeops_gitops.components, homeops_storage.postgresql, "
                f"homeops_identity.namespace{theirs}), or name what is to go in the call: -e gitops_remove={names}"
            ),
        )


def _judge_flux(gone: Collection[str], wanted: Mapping[str, str], present: Mapping[str, str]) -> None:
    """Refuse to have Flux prune its own controllers.

    :raises GitRefused: the install manifest would be applied no more.
    """
    manifests = sorted(path for path in gone if path.endswith(f"/{COMPONENTS}"))
    folder, manifest = posixpath.split(COMPONENTS)
    for path, text in wanted.items():
        if path.endswith(f"/{folder}/{_LIST}") and manifest in _listed(text):
            there = posixpath.join(posixpath.dirname(path), manifest)
            if there in wanted or (there in present and owner(present[there]) is not Owner.OURS):
                return
    if manifests:
        raise GitRefused(
            _DOING,
            answer=(
                f"{manifests[0]} would be applied no more, and Flux would prune itself: controllers, kinds and the "
                "namespace flux-system, with everything that they keep running"
            ),
            remedy=(
                "Pin the manifest for this run too (homeops_flux_manifest_sha256), in the inventory and not in one "
                "call; where flux bootstrap has written the file, leave it with gitops_flux_components_kept: true"
            ),
        )


def _lost(wanted: Mapping[str, str], present: Mapping[str, str]) -> tuple[set[str], list[_Object]]:
    """Return the files and the telling objects that Flux would apply no more.

    A file is out when it is removed, when it was edited and is left without being listed, when the list that it stood
    in names it no more, when the cluster's folder gets its first list and is not named there (``flux bootstrap`` makes
    none, and Flux then takes whatever lies below), and when the Flux Kustomization of its folder is out.
    """
    gone = {path for path, text in present.items() if path not in wanted and owner(text) is not Owner.FOREIGN}
    for path, text in wanted.items():
        if posixpath.basename(path) == _LIST and present.get(path, text) != text:
            for entry in _listed(present[path]) - _listed(text):
                gone |= _below(posixpath.join(posixpath.dirname(path), entry), wanted, present)
        elif path.endswith(f"/{_LIST}") and path not in present and _root(path) in wanted:
            folder = posixpath.dirname(path)
            named = [_below(posixpath.join(folder, entry), wanted, present) for entry in _listed(text)]
            gone |= _below(folder, wanted, present).difference(*named)
    changed = {path for path, text in wanted.items() if present.get(path, text) != text}
    there: set[tuple[tuple[str, str], str, str]] | None = None
    lost: list[_Object] = []
    left, seen = [*sorted(changed), *sorted(gone)], changed | gone
    while left:
        path = left.pop()
        for each in _objects(path, present[path]):
            if there is None:
                there = {(one.kind, *one.name) for at, text in wanted.items() for one in _objects(at, text)}
            space, name = each.name
            # A foreign file may leave the namespace to its kustomization.
            if any(kind == each.kind and other == name and space in ("", at) for kind, at, other in there):
                continue
            lost.append(each)
            if each.kind == _FLUX:
                folder = str((each.body.get("spec") or {}).get("path") or "")
                more = _below(folder.lstrip("/"), wanted, present) - seen if folder.strip("./") else set()
                gone |= more
                seen |= more
                left += sorted(more)
    return gone, lost


def _root(path: str) -> str:
    """Return where Flux' own list is when a list is that of the cluster's folder."""
    return posixpath.join(posixpath.dirname(path), posixpath.dirname(COMPONENTS), _LIST)


def _below(path: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> set[str]:
    """Return the files of the branch at a path or below it that are not ours to have."""
    at = posixpath.normpath(path)
    return {found for found in present if (found == at or found.startswith(f"{at}/")) and found not in wanted}


def _objects(path: str, text: str) -> Iterator[_Object]:
    # The install manifest is judged as a whole, and is the largest file by far.
    if path.endswith(f"/{COMPONENTS}") or not _TELLING.search(text):
        return
    sealed = owner(text) is Owner.OURS
    for body in _documents(text):
        if isinstance(body, dict) and body.get("kind") and isinstance(body.get("metadata"), dict):
            found = _Object(path, body, sealed)
            if found.kind in (*_DATA, _NAMESPACE, _FLUX):
                yield found


def _listed(text: str) -> set[str]:
    """Return what a ``kustomization.yaml`` names."""
    found: set[str] = set()
    for body in _documents(text):
        if isinstance(body, dict):
            for key in ("resources", "bases", "components"):
                found |= {str(entry) for entry in body.get(key) or ()}
    return found


def _documents(text: str) -> list[Any]:
    """Return the documents of a text; none of one that is no YAML, because Flux applies nothing of it either."""
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError:
        return []
