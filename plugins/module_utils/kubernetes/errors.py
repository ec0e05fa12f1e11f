# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between this machine and a Kubernetes API, told in sentences.

Every refusal of the server is a ``Status`` object (k8s.io/apimachinery ``pkg/apis/meta/v1/types.go``); its ``reason``
and ``details.causes`` decide what the user is told to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import HomeopsError

#: One conflict in the message of a failed apply: manager and field, or manager and a list of fields.
_CONFLICT = re.compile(
    r'conflicts? with (?P<manager>"[^"]+"(?: with subresource "[^"]+")?(?: using \S+)?):'
    r"(?P<fields>(?: \S.*|(?:\n- .*)+))"
)


@dataclass(frozen=True)
class Cause:
    """One entry of ``details.causes``: a machine-readable reason, a text and the field it is about."""

    reason: str
    message: str
    field: str


class KubernetesError(HomeopsError):
    """The API answered with an error, or could not be asked.

    :cvar code: the HTTP status, 0 when there was no answer.
    :cvar reason: the ``reason`` of the Status, ``""`` when there was none.
    :cvar causes: the causes of the Status.
    :cvar is_status: whether the body was a Status object; a plain-text 404 means that the path itself is unknown.
    """

    code: int = 0
    reason: str = ""
    causes: tuple[Cause, ...] = ()
    is_status: bool = False
    message: str = ""
    retry_after: float | None = None

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a moment later: the server is busy, or starting."""
        return self.code in (429, 500, 502, 503, 504)


class Unreachable(KubernetesError):
    """No connection, or it broke before the whole answer was there.

    :cvar again: a second try may cure it.
    """

    again: bool = False

    @property
    def passing(self) -> bool:
        """It may come back."""
        return True


class NotTrusted(KubernetesError):
    """The server's certificate does not stand up to the kubeconfig's CA or name."""


class Unauthorized(KubernetesError):
    """401: the credentials are not accepted."""


class Forbidden(KubernetesError):
    """403: the credentials are known, the action is not allowed (or refused by admission)."""


class NotFound(KubernetesError):
    """404: the object, or its namespace, or its whole kind does not exist."""


class Conflict(KubernetesError):
    """409: another field manager, a newer version, or an object that exists already."""


class Invalid(KubernetesError):
    """400, 422 and the 500 of a failed typed patch: the object itself is wrong."""


class PartialFailure(KubernetesError):
    """Some objects of one call failed; ``facts`` holds the result of each."""

    def sentence(self) -> str:
        """Return the text as it is: it is made of whole sentences already."""
        return self.attempted


def conflicts(message: str) -> list[tuple[str, str]]:
    """Return ``(manager, field)`` pairs from the message of a failed apply.

    Source of the text: structured-merge-diff v4 ``merge/conflict.go`` and apimachinery ``pkg/util/managedfields``.
    """
    found = []
    for match in _CONFLICT.finditer(message):
        fields = match["fields"]
        names = [fields.strip()] if not fields.startswith("\n") else [line[2:] for line in fields.strip().split("\n")]
        found += [(match["manager"], name.strip()) for name in names]
    return found


def parse_status(body: bytes) -> Mapping[str, Any] | None:
    """Return the Status object of an error body, None when it is something else."""
    try:
        status = json.loads(body)
    except ValueError:
        return None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return status
    return None


def from_response(
    attempted: str, target: str, code: int, body: bytes, retry_after: float | None = None
) -> KubernetesError:
    """Turn an answer with an error code into the exception that tells it.

    :param attempted: gerund phrase, ``"applying ConfigMap default/a"``.
    :param target: the API's URL.
    :param body: the body as received.
    """
    status = parse_status(body)
    text = body.decode("utf-8", "replace").strip()[:500]
    details: Mapping[str, Any] = (status or {}).get("details") or {}
    message = str((status or {}).get("message") or text or f"HTTP {code}")
    reason = str((status or {}).get("reason") or "")
    causes = tuple(
        Cause(str(item.get("reason") or ""), str(item.get("message") or ""), str(item.get("field") or ""))
        for item in details.get("causes") or []
    )
    kind, answer, remedy = _explain(code, reason, message, causes, status is not None)
    answer = " ".join(answer.split())
    error = kind(attempted, target=target, answer=answer, remedy=remedy, param="kubeconfig" if code == 401 else "")
    error.code, error.reason, error.causes = code, reason, causes
    error.is_status, error.message, error.retry_after = status is not None, message, retry_after
    return error


def _explain(
    code: int, reason: str, message: str, causes: tuple[Cause, ...], is_status: bool
) -> tuple[type[KubernetesError], str, str]:
    """Return the exception class, the answer and the remedy for one refusal."""
    if code == 401:
        return (
            Unauthorized,
            "the API does not accept the credentials of the kubeconfig (401 Unauthorized)",
            "Fetch a fresh kubeconfig, or check that it belongs to this cluster",
        )
    if code == 403 and any(cause.reason == "NamespaceTerminating" for cause in causes):
        return Forbidden, message, "Wait until the namespace is gone, then run again"
    if code == 403:
        return Forbidden, message, "Use credentials whose roles allow this, or have them granted"
    if code == 404 and not is_status:
        return NotFound, "the API does not serve this path", "Is the CustomResourceDefinition installed?"
    if code == 404:
        missing = re.match(r'namespaces "([^"]+)" not found', message)
        return (
            NotFound,
            message,
            f"Create the namespace {missing[1]} first, or put it into the same call" if missing else "",
        )
    if code == 409 and any(cause.reason == "FieldManagerConflict" for cause in causes):
        owned = conflicts(message) or [(cause.message.removeprefix("conflict with "), cause.field) for cause in causes]
        told = "; ".join(f"{field} is owned by {manager}" for manager, field in owned)
        return Conflict, told, "Set force: true to take these fields over, or leave them out of the manifest"
    if code == 409 and reason == "Conflict":
        return Conflict, message, "Somebody changed the object meanwhile; run again"
    if code == 409:
        return Conflict, message, ""
    if code == 500 and "failed to create typed patch object" in message:
        field = message.rpartition("): ")[2]
        return Invalid, field, "Correct the manifest: the field does not fit the schema of its kind"
    fixed = [cause.field for cause in causes if cause.message.endswith("field is immutable")]
    if code == 422 and fixed and len(fixed) == len(causes):
        # The server prints the whole value, of a pod template thousands of characters in Go's notation.
        return (
            Invalid,
            f"{message.partition(' is invalid: ')[0]}: field is immutable: {', '.join(fixed)}",
            "Keep the value that the object was made with, or delete the object first",
        )
    if code in (400, 422):
        return Invalid, _strict(message), "Correct the manifest"
    if code == 415:
        return Invalid, message, ""
    if code == 429:
        return KubernetesError, "the API is overloaded (429 Too Many Requests)", "Run again later or lower concurrency"
    if code == 503:
        return (
            KubernetesError,
            f"the API is not ready (503): {message}",
            "Wait until /readyz answers 200, then run again",
        )
    return KubernetesError, f"HTTP {code}: {message}", ""


def _strict(message: str) -> str:
    """Shorten the decoder's preamble to what the user can act on."""
    head, found, rest = message.partition("strict decoding error: ")
    if found:
        return rest
    head, found, rest = message.partition(" cannot be handled as a ")
    return f"{head.strip()}: {rest.partition(': ')[2]}" if found else message.strip()
