# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects are left over from earlier runs of the same owner. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError

#: Label that marks whose an object is.
LABEL = "homeops.cluster/owner"

#: A label value (apimachinery ``util/validation`` IsValidLabelValue), not empty here.
_VALUE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Owner:
    """Whose objects a run applies, and of which kinds it removes what is no longer wanted.

    :param name: the label's value.
    :param kinds: allowlist; ``Kind`` or ``group/version/Kind``, ``v1/ConfigMap``.
    :param label: the label's key.
    """

    name: str
    kinds: tuple[str, ...]
    label: str = LABEL

    @property
    def labels(self) -> dict[str, str]:
        """The label to put on every applied object."""
        return {self.label: self.name}

    @property
    def selector(self) -> str:
        """The label selector that finds this owner's objects."""
        return f"{self.label}={self.name}"


def parse(options: Mapping[str, Any] | None) -> Owner | None:
    """Read the module's ``prune`` option.

    :raises InputError: no owner, not a label value, no kinds.
    """
    if not options:
        return None
    owner, kinds = str(options.get("owner") or ""), tuple(str(kind) for kind in options.get("kinds") or ())
    if not _VALUE.fullmatch(owner):
        raise InputError(
            "the option prune.owner must be a label value",
            answer=f"{owner!r} is not",
            remedy="Use letters, digits, - _ .",
            param="prune",
        )
    if not kinds:
        raise InputError(
            "the option prune.kinds must name at least one kind: only those are ever removed", param="prune"
        )
    return Owner(owner, kinds, str(options.get("label") or LABEL))


def split_kind(text: str) -> tuple[str, str]:
    """Split ``apps/v1/Deployment`` into apiVersion and kind; the apiVersion is empty when not written."""
    api_version, _slash, kind = text.rpartition("/")
    return api_version, kind


def leftovers(
    found: Iterable[Mapping[str, Any]], wanted: Iterable[tuple[str, str, str, str]], owner: Owner
) -> list[Mapping[str, Any]]:
    """Return the objects to delete.

    Kept: what is wanted, what is being deleted already, what carries another owner, and what a controller made with its
    owner's labels copied (an EndpointSlice has its Service's), which goes with its owner.

    :param found: live objects with apiVersion and kind.
    :param wanted: (group, kind, namespace, name) of everything that was applied.
    """
    keep = set(wanted)
    return [
        body
        for body in found
        if identity(body) not in keep
        and (body["metadata"].get("labels") or {}).get(owner.label) == owner.name
        and not body["metadata"].get("deletionTimestamp")
        and not body["metadata"].get("ownerReferences")
    ]


def identity(body: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return (group, kind, namespace, name); the version does not matter, it is one object in all of them."""
    metadata = body["metadata"]
    return (
        str(body["apiVersion"]).rpartition("/")[0],
        str(body["kind"]),
        str(metadata.get("namespace") or ""),
        str(metadata["name"]),
    )
