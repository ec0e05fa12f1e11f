# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``/scale`` subresource of workloads and of custom resources that declare one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from . import decode, patch
from .call import Call, Reply
from .errors import bad_request, invalid, invalid_value, not_found, resource_not_found, stale
from .printers import selector
from .schema import Node
from .strategic import strategic
from .writing import JSON_PATCH, Writes

Object = dict[str, Any]
_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _get(obj: Object, path: str) -> Any:
    value: Any = obj
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _set(obj: Object, path: str, new: Any) -> Object:
    head, _dot, rest = path.strip(".").partition(".")
    if not rest:
        return {**obj, head: new}
    return {**obj, head: _set(obj.get(head) or {}, rest, new)}


def _paths(call: Call) -> tuple[str, str, str]:
    """JSON paths of spec replicas, status replicas and the selector."""
    if not call.resource.custom:
        return ".spec.replicas", ".status.replicas", ".spec.selector"
    declared = call.resource.scale.get(call.version)
    if declared is None:
        raise resource_not_found()
    return declared["specReplicasPath"], declared["statusReplicasPath"], declared.get("labelSelectorPath", "")


def view(call: Call, obj: Object) -> Object:
    """The object as ``autoscaling/v1 Scale``."""
    wanted, current, chosen = _paths(call)
    meta = obj["metadata"]
    shown = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    replicas = _get(obj, wanted)
    status: Object = {"replicas": _get(obj, current) or 0}
    picked = _get(obj, chosen) if chosen else None
    if isinstance(picked, dict):
        status["selector"] = selector(picked)
    elif picked:
        status["selector"] = picked
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": spec, "status": status}


def serve(writes: Writes, call: Call, method: str) -> Reply:
    """GET, PUT and PATCH of ``/scale``.

    :raises ApiError: as for the object itself.
    """
    resource = call.resource
    live = writes.store.get(resource.id, call.namespace, call.name)
    if live is None:
        raise not_found(resource.plural, resource.group, call.name)
    current = view(call, live.obj)
    if method == "GET":
        return Reply(200, _dumps(current))
    if method == "PUT":
        wanted, _complaints = decode.body(call.body, call.content_type)
    else:
        document = json.loads(call.body)
        if call.content_type.startswith(JSON_PATCH):
            wanted = patch.json_patch(current, document)
        elif "strategic" in call.content_type:
            wanted = strategic(current, document, Node("any"))
        else:
            wanted = patch.merge_patch(current, document)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string into Go struct field '
            "ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        cause = invalid_value("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise invalid("Scale", "autoscaling", call.name, [cause])
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    if version and version != live.obj["metadata"]["resourceVersion"]:
        raise stale(resource.plural, resource.group, call.name)
    change = _set({}, _paths(call)[0], replicas)
    body = json.dumps(change).encode()
    inner = replace(call, body=body, content_type="application/merge-patch+json")
    entry, _created = writes.patch(inner)
    return Reply(200, _dumps(view(call, entry.obj)))
