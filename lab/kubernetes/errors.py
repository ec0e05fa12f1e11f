# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals in the API's own words: every one is a ``Status`` object (apimachinery ``pkg/api/errors``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cause:
    """One entry of ``details.causes``; ``message`` is what follows ``field: `` in the Status message."""

    reason: str
    message: str
    field: str

    def text(self) -> str:
        """The part of the message which this cause adds."""
        return f"{self.field}: {self.message}"


class ApiError(Exception):
    """A request that is answered by a ``Status`` failure."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """The ``Status`` object, keys in the server's order."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


class PlainError(Exception):
    """A refusal that is plain text, as for an unknown path."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def qualified(name: str, group: str) -> str:
    """``plural.group`` or ``plural`` of the core group."""
    return f"{name}.{group}" if group else name


def _details(name: str, group: str, kind: str, **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = kind
    details.update(more)
    return details


def not_found(plural: str, group: str, name: str) -> ApiError:
    """404 for an object which does not exist."""
    return ApiError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(name, group, plural))


def path_not_found() -> PlainError:
    """404 for a path which is not served."""
    return PlainError(404, "404 page not found\n")


def resource_not_found() -> ApiError:
    """404 for a resource which its built-in group version does not have."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(plural: str, group: str, name: str) -> ApiError:
    """409 for a create of an existing name."""
    return ApiError(
        409, "AlreadyExists", f'{qualified(plural, group)} "{name}" already exists', _details(name, group, plural)
    )


def conflict(plural: str, group: str, name: str, why: str) -> ApiError:
    """409 for a write that came too late."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(name, group, plural))


def stale(plural: str, group: str, name: str) -> ApiError:
    """409 for a resourceVersion which is not the current one."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(plural, group, name, why)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def forbidden(plural: str, group: str, name: str, why: str, causes: list[Cause] | None = None) -> ApiError:
    """403 by admission."""
    details = _details(name, group, plural)
    if causes:
        details["causes"] = cause_list(causes)
    label = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return ApiError(403, "Forbidden", f"{label} is forbidden: {why}", details)


def cause_list(causes: list[Cause]) -> list[dict[str, str]]:
    """``details.causes``."""
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]


def invalid(kind: str, group: str, name: str, causes: list[Cause]) -> ApiError:
    """422 with all violations, in brackets when there are several."""
    texts = list(dict.fromkeys(cause.text() for cause in causes))
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    label = qualified(kind, group)
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details["causes"] = cause_list(causes)
    return ApiError(422, "Invalid", f'{label} "{name}" is invalid: {joined}', details)


def rejected_patch() -> ApiError:
    """422 for a JSON patch which cannot be applied; the server names neither path nor operation."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: list[str]) -> ApiError:
    """415 with the accepted types."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiError(415, "UnsupportedMediaType", message)


def internal(message: str) -> ApiError:
    """500 without a reason, as schema errors under apply have it."""
    return ApiError(500, "", message)


def expired(wanted: int, oldest: int) -> ApiError:
    """410 for a watch or a continue token from before the remembered past."""
    return ApiError(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def required(field: str, message: str = "") -> Cause:
    """A field that must be given."""
    return Cause("FieldValueRequired", f"Required value: {message}" if message else "Required value", field)


def invalid_value(field: str, shown: str, message: str) -> Cause:
    """A value that is refused; ``shown`` is the value as the server prints it."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {message}", field)


def forbidden_value(field: str, message: str) -> Cause:
    """A field that must not be set now."""
    return Cause("FieldValueForbidden", f"Forbidden: {message}", field)
