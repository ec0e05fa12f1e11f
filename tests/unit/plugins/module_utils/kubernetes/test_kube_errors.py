# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the API and of the network, as sentences. The texts are those of kube-apiserver 1.33."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import errors


def status(code: int, reason: str, message: str, causes: list[dict[str, str]] | None = None) -> bytes:
    details = {"causes": causes} if causes else {}
    body = {
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }
    return json.dumps(body).encode()


def tell(code: int, body: bytes) -> errors.KubernetesError:
    return errors.from_response("applying ConfigMap d/c", "https://k:6443", code, body)


CONFLICT = [{"reason": "FieldManagerConflict", "message": 'conflict with "m1"', "field": ".spec.size"}]
TERMINATING = [{"reason": "NamespaceTerminating", "message": "", "field": "metadata.namespace"}]
CASES: list[tuple[int, bytes, type[errors.KubernetesError], list[str]]] = [
    (401, status(401, "Unauthorized", "Unauthorized"), errors.Unauthorized, ["credentials", "401"]),
    (
        403,
        status(403, "Forbidden", 'configmaps is forbidden: User "x" cannot list'),
        errors.Forbidden,
        ["cannot list", "roles"],
    ),
    (
        403,
        status(
            403, "Forbidden", "unable to create new content in namespace d because it is being terminated", TERMINATING
        ),
        errors.Forbidden,
        ["being terminated", "Wait until the namespace is gone"],
    ),
    (404, status(404, "NotFound", 'namespaces "nope" not found'), errors.NotFound, ["Create the namespace nope first"]),
    (404, b"404 page not found\n", errors.NotFound, ["does not serve", "CustomResourceDefinition"]),
    (
        409,
        status(409, "Conflict", 'Apply failed with 1 conflict: conflict with "m1": .spec.size', CONFLICT),
        errors.Conflict,
        ['.spec.size is owned by "m1"', "force: true"],
    ),
    (
        500,
        status(
            500,
            "",
            "failed to create typed patch object (/s; example.com/v1, Kind=Widget): "
            ".spec.bogus: field not declared in schema",
        ),
        errors.Invalid,
        [".spec.bogus: field not declared in schema", "Correct the manifest"],
    ),
    (
        400,
        status(
            400,
            "BadRequest",
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.bogus"',
        ),
        errors.Invalid,
        ['failed: unknown field "spec.bogus"'],
    ),
    (
        422,
        status(422, "Invalid", 'Widget.example.com "c" is invalid: spec.size: Invalid value: 99'),
        errors.Invalid,
        ["Invalid value: 99"],
    ),
    (429, status(429, "TooManyRequests", "too many"), errors.KubernetesError, ["overloaded"]),
    (503, b"not ready", errors.KubernetesError, ["not ready", "/readyz"]),
    (500, b"<html>gateway</html>", errors.KubernetesError, ["HTTP 500", "gateway"]),
]


@pytest.mark.parametrize(("code", "body", "kind", "told"), CASES)
def test_each_refusal_has_its_class_and_says_what_to_do(
    code: int, body: bytes, kind: type[errors.KubernetesError], told: list[str]
) -> None:
    error = tell(code, body)
    # The very class: a parent would tell less.
    assert error.__class__ is kind and error.code == code
    for text in (*told, "ConfigMap d/c", "https://k:6443"):
        assert text in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("message", "pairs"),
    [
        ('Apply failed with 1 conflict: conflict with "m1": .spec.size', [('"m1"', ".spec.size")]),
        (
            'Apply failed with 1 conflict: conflict with "upd" using example.com/v1: .spec.size',
            [('"upd" using example.com/v1', ".spec.size")],
        ),
        (
            'Apply failed with 1 conflict: conflict with "m" with subresource "status" using v1: .status.x',
            [('"m" with subresource "status" using v1', ".status.x")],
        ),
        (
            'Apply failed with 3 conflicts: conflicts with "m1":\n- .spec.size\n- .spec.ports[port=80].name\n'
            'conflicts with "m2":\n- .spec.size',
            [('"m1"', ".spec.size"), ('"m1"', ".spec.ports[port=80].name"), ('"m2"', ".spec.size")],
        ),
    ],
)
def test_conflicts_are_read_as_manager_and_field(message: str, pairs: list[Any]) -> None:
    assert errors.conflicts(message) == pairs
