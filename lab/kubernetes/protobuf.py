# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protobuf request bodies of the kinds which kubectl's generators and helm send in that form.

The envelope is ``k8s\\0`` and a ``runtime.Unknown`` message; field numbers are those of Kubernetes 1.33's
``generated.proto`` files. Answers are always JSON, which these clients list in ``Accept``.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from .errors import unsupported_media_type

_MAGIC = b"k8s\x00"

# Field table: number -> (name, kind). Kinds: str, bytes, int, bool, time, quantity, intstr, map:str, map:bytes,
# map:quantity, another table's name; a leading * marks a repeated field.
Table = dict[int, tuple[str, str]]
TABLES: dict[str, Table] = {
    "ObjectMeta": {
        1: ("name", "str"), 2: ("generateName", "str"), 3: ("namespace", "str"), 5: ("uid", "str"),
        6: ("resourceVersion", "str"), 7: ("generation", "int"), 8: ("creationTimestamp", "time"),
        9: ("deletionTimestamp", "time"), 10: ("deletionGracePeriodSeconds", "int"), 11: ("labels", "map:str"),
        12: ("annotations", "map:str"), 13: ("ownerReferences", "*OwnerReference"), 14: ("finalizers", "*str"),
    },
    "OwnerReference": {
        1: ("kind", "str"), 3: ("name", "str"), 4: ("uid", "str"), 5: ("apiVersion", "str"),
        6: ("controller", "bool"), 7: ("blockOwnerDeletion", "bool"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec")},
    "NamespaceSpec": {1: ("finalizers", "*str")},
    "Secret": {
        1: ("metadata", "ObjectMeta"), 2: ("data", "map:bytes"), 3: ("type", "str"), 4: ("stringData", "map:str"),
        5: ("immutable", "bool"),
    },
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"), 2: ("data", "map:str"), 3: ("binaryData", "map:bytes"),
        4: ("immutable", "bool"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "bool")},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec")},
    "DeploymentSpec": {
        1: ("replicas", "int"), 2: ("selector", "LabelSelector"), 3: ("template", "PodTemplateSpec"),
        4: ("strategy", "DeploymentStrategy"), 5: ("minReadySeconds", "int"), 6: ("revisionHistoryLimit", "int"),
        7: ("paused", "bool"), 9: ("progressDeadlineSeconds", "int"),
    },
    "DeploymentStrategy": {1: ("type", "str"), 2: ("rollingUpdate", "RollingUpdateDeployment")},
    "RollingUpdateDeployment": {1: ("maxUnavailable", "intstr"), 2: ("maxSurge", "intstr")},
    "LabelSelector": {1: ("matchLabels", "map:str"), 2: ("matchExpressions", "*LabelSelectorRequirement")},
    "LabelSelectorRequirement": {1: ("key", "str"), 2: ("operator", "str"), 3: ("values", "*str")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "Pod": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {
        2: ("containers", "*Container"), 3: ("restartPolicy", "str"), 4: ("terminationGracePeriodSeconds", "int"),
        6: ("dnsPolicy", "str"), 7: ("nodeSelector", "map:str"), 8: ("serviceAccountName", "str"),
        10: ("nodeName", "str"), 11: ("hostNetwork", "bool"), 14: ("securityContext", "Empty"),
        20: ("initContainers", "*Container"), 22: ("tolerations", "*Toleration"),
    },
    "Empty": {},
    "Toleration": {
        1: ("key", "str"), 2: ("operator", "str"), 3: ("value", "str"), 4: ("effect", "str"),
        5: ("tolerationSeconds", "int"),
    },
    "Container": {
        1: ("name", "str"), 2: ("image", "str"), 3: ("command", "*str"), 4: ("args", "*str"),
        5: ("workingDir", "str"), 6: ("ports", "*ContainerPort"), 7: ("env", "*EnvVar"),
        8: ("resources", "ResourceRequirements"), 9: ("volumeMounts", "*VolumeMount"),
        14: ("imagePullPolicy", "str"), 16: ("stdin", "bool"), 17: ("stdinOnce", "bool"), 18: ("tty", "bool"),
    },
    "ContainerPort": {
        1: ("name", "str"), 2: ("hostPort", "int"), 3: ("containerPort", "int"), 4: ("protocol", "str"),
        5: ("hostIP", "str"),
    },
    "EnvVar": {1: ("name", "str"), 2: ("value", "str")},
    "ResourceRequirements": {1: ("limits", "map:quantity"), 2: ("requests", "map:quantity")},
    "VolumeMount": {1: ("name", "str"), 2: ("readOnly", "bool"), 3: ("mountPath", "str"), 4: ("subPath", "str")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec")},
    "ServiceSpec": {
        1: ("ports", "*ServicePort"), 2: ("selector", "map:str"), 3: ("clusterIP", "str"), 4: ("type", "str"),
        10: ("externalName", "str"),
    },
    "ServicePort": {
        1: ("name", "str"), 2: ("protocol", "str"), 3: ("port", "int"), 4: ("targetPort", "intstr"),
        5: ("nodePort", "int"),
    },
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "SelfSubjectAccessReviewSpec")},
    "SelfSubjectAccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"), 2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "str"), 2: ("verb", "str"), 3: ("group", "str"), 4: ("version", "str"),
        5: ("resource", "str"), 6: ("subresource", "str"), 7: ("name", "str"),
    },
    "NonResourceAttributes": {1: ("path", "str"), 2: ("verb", "str")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"), 2: ("preconditions", "Preconditions"), 3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "str"), 5: ("dryRun", "*str"),
    },
    "Preconditions": {1: ("uid", "str"), 2: ("resourceVersion", "str")},
}  # fmt: skip


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> list[tuple[int, int, Any]]:
    """``(number, wire type, value)`` of one message."""
    at, out = 0, []
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        value: Any
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            value = data[at : at + size]
            if len(value) != size:
                raise ValueError("truncated message")
            at += size
        elif wire == 1:
            value, at = data[at : at + 8], at + 8
        elif wire == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        out.append((tag >> 3, wire, value))
    return out


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _time(data: bytes) -> str | None:
    parts = {number: value for number, _wire, value in _fields(data)}
    if not parts.get(1):
        return None
    stamp = datetime.fromtimestamp(_signed(parts[1]), tz=UTC)
    return stamp.strftime("%Y-%m-%dT%H:%M:%SZ")


def _int_or_string(data: bytes) -> Any:
    parts = {number: value for number, _wire, value in _fields(data)}
    if parts.get(1, 0) == 1:
        return parts.get(3, b"").decode()
    return _signed(parts.get(2, 0))


def _entry(kind: str, data: bytes) -> tuple[str, Any]:
    parts = {number: value for number, _wire, value in _fields(data)}
    value = parts.get(2, b"")
    shown: Any
    if kind == "bytes":
        shown = base64.b64encode(value).decode()
    elif kind == "quantity":
        shown = {number: text for number, _wire, text in _fields(value)}.get(1, b"").decode()
    else:
        shown = value.decode()
    return parts.get(1, b"").decode(), shown


def _value(kind: str, raw: Any) -> Any:
    if kind == "str":
        return raw.decode()
    if kind == "int":
        return _signed(raw)
    if kind == "bool":
        return bool(raw)
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    if kind == "time":
        return _time(raw)
    if kind == "intstr":
        return _int_or_string(raw)
    return message(kind, raw)


def message(kind: str, data: bytes) -> dict[str, Any]:
    """One message as the JSON object which means the same; empty strings are absent values."""
    table = TABLES[kind]
    out: dict[str, Any] = {}
    for number, _wire, raw in _fields(data):
        if number not in table:
            continue
        name, what = table[number]
        if what.startswith("map:"):
            key, value = _entry(what[4:], raw)
            out.setdefault(name, {})[key] = value
        elif what.startswith("*"):
            out.setdefault(name, []).append(_value(what[1:], raw))
        else:
            value = _value(what, raw)
            if value not in ("", None) and not (value == 0 and what == "int" and name == "generation"):
                out[name] = value
    return out


def decode(data: bytes) -> dict[str, Any]:
    """The object of an enveloped body.

    :raises ApiError: 415 for a kind without a table here.
    """
    try:
        if not data.startswith(_MAGIC):
            raise ValueError("no envelope")
        parts = {number: value for number, _wire, value in _fields(data[4:])}
        meta = {number: value.decode() for number, _wire, value in _fields(parts.get(1, b""))}
        kind = meta.get(2, "")
        obj = message(kind, parts.get(2, b""))
    except (KeyError, ValueError, IndexError) as error:
        raise unsupported_media_type(["application/json", "application/yaml"]) from error
    return {"kind": kind, "apiVersion": meta.get(1, ""), **obj}
