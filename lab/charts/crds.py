# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CustomResourceDefinitions in short: full names and conditions, schemas only where something depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
FREE_LIST: Schema = {"type": "array", "items": FREE}
READY = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
AGE = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]


def fields(properties: Mapping[str, Schema], required: tuple[str, ...] = (), **more: Any) -> Schema:
    """Return the schema of an object with exactly these fields."""
    found: Schema = {"type": "object", "properties": dict(properties), **more}
    return found | ({"required": list(required)} if required else {})


def one_of(*values: str, default: str | None = None) -> Schema:
    """Return the schema of a text with a few possible values."""
    found: Schema = {"type": "string", "enum": list(values)}
    return found | ({} if default is None else {"default": default})


# Nobody changes FREE.
def crd(  # pylint: disable=dangerous-default-value
    group: str,
    kind: str,
    plural: str,
    *,
    version: str = "v1",
    short: tuple[str, ...] = (),
    spec: Schema | None = FREE,
    status: Schema | None = FREE,
    root: Mapping[str, Schema] | None = None,
    scope: str = "Namespaced",
    columns: list[dict[str, Any]] | None = None,
    categories: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    singular: str = "",
) -> dict[str, Any]:
    """Return a definition with one served version.

    :param spec: its schema, None for a kind whose fields lie elsewhere; :param root: further fields beside ``spec``.
    """
    properties: Schema = {"apiVersion": TEXT, "kind": TEXT, "metadata": {"type": "object"}, **(root or {})}
    properties |= {key: schema for key, schema in (("spec", spec), ("status", status)) if schema is not None}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "subresources": {"status": {}} if status is not None else {},
        "additionalPrinterColumns": columns or AGE,
    }
    names: dict[str, Any] = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": singular or kind.lower(),
    }
    if short:
        names["shortNames"] = list(short)
    if categories:
        names["categories"] = list(categories)
    meta: dict[str, Any] = {"name": f"{plural}.{group}"}
    meta |= {k: dict(v) for k, v in (("labels", labels), ("annotations", annotations)) if v}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": {"group": group, "names": names, "scope": scope, "versions": [served]},
    }
