# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request's document made fit for storage: typed, unknown fields dealt with, defaults filled in."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import yaml

from . import decode, defaults, structural, validation
from .call import Call
from .errors import ApiError, Cause, bad_request, invalid, invalid_value

Object = dict[str, Any]


def document(call: Call) -> Object:
    """The body of a create or update.

    :raises ApiError: 400 for anything that is not an object of the resource's kind, 415 for an unknown media type.
    """
    resource = call.resource
    try:
        obj, complaints = decode.body(call.body, call.content_type)
    except yaml.YAMLError as error:
        why = decode.yaml_error(error)
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): {why} ({_shown(call.body)})"
        ) from error
    except ValueError as error:
        why = decode.json_error(error, call.body)
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get version/kind; "
            f"json parse error: {why} ({_shown(call.body)})"
        ) from error
    if not isinstance(obj, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get version/kind; "
            "json parse error: json: cannot unmarshal array into Go value of type struct "
            '{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } '
            f"({_shown(call.body)})"
        )
    _note(call, complaints)
    return obj


def _note(call: Call, complaints: list[str]) -> None:
    if not complaints:
        return
    if call.validation == "Strict":
        raise bad_request(
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  "
            + "\n  ".join(complaints)
        )
    if call.validation == "Warn":
        call.warnings.extend(complaints)


def apply_document(call: Call) -> Object:
    """The body of a server-side apply.

    :raises ApiError: 400 for what is no object.
    """
    complaints: list[str]
    if call.body[:1] == b"{":
        try:
            obj, complaints = json.loads(call.body), []
        except ValueError:
            obj, complaints = _yaml(call.body)
    else:
        obj, complaints = _yaml(call.body)
    if not isinstance(obj, dict):
        raise bad_request(
            "error decoding YAML: error unmarshaling JSON: json: "
            "cannot unmarshal into Go value of type map[string]interface {}"
        )
    _note(call, complaints)
    return obj


def _yaml(body: bytes) -> tuple[Any, list[str]]:
    try:
        return decode.load_yaml(body)
    except yaml.YAMLError as error:
        why = decode.yaml_error(error)
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: {why}") from error


def check_type(call: Call, obj: Object, known: Container[tuple[str, str, str]]) -> None:
    """Kind and version of the body against the path.

    :param known: group, version and kind of all built-in types.

    :raises ApiError: 400, or 422 for another kind in a custom resource.
    """
    resource = call.resource
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if resource.custom:
        if not kind:
            text = json.dumps(obj, separators=(",", ":"))
            raise bad_request(
                f"the object provided is unrecognized (must be of type {resource.kind}): Object 'Kind' is missing in "
                f"'{text}' ({_shown(call.body)})"
            )
        if version != call.api_version:
            raise bad_request(
                f"the API version in the data ({version or ''}) does not match the expected API version "
                f"({call.api_version})"
            )
        if kind != resource.kind:
            cause = invalid_value("kind", json.dumps(kind), f"must be {resource.kind}")
            raise invalid(str(kind), resource.group, str((obj.get("metadata") or {}).get("name", "")), [cause])
        return
    kind, version = kind or resource.kind, version or call.api_version
    if (kind, version) == (resource.kind, call.api_version):
        return
    group, _slash, number = str(version).rpartition("/")
    if (group, number, kind) not in known:
        why = f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:110"'
    elif version != call.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({call.api_version})"
        )
    else:
        own = resource.group.split(".")[0] or "core"
        why = f"converting ({number}.{kind}) to ({own}.{resource.kind}): unknown conversion"
    raise bad_request(f'{kind} in version "{number}" cannot be handled as a {resource.kind}: {why}')


def _shown(body: bytes) -> str:
    """A body as the server shows it: text when it may be an object, else its bytes."""
    if not body:
        return "<empty>"
    return body.decode("utf-8", "replace") if body.startswith(b"{") else body.hex()


def typed(call: Call, obj: Object, patch: Object | None = None, strategic: bool = False) -> Object:
    """A copy of the object without kind and apiVersion, typed and with versioned defaults.

    :param patch: what the server shows of a patch when its result cannot be typed: the patched object of a JSON or
        merge patch, the patch itself of a strategic one. Without it the object is a request's body.
    :raises ApiError: 400 for a body, 422 for a patch.
    """
    resource = call.resource
    node = resource.nodes[call.version]
    unknown: list[str] = []
    meta = obj.get("metadata")
    if meta is not None and not isinstance(meta, dict):
        raise decode.not_handled(
            resource.kind,
            call.version,
            "json: cannot unmarshal string into Go struct field .metadata of type v1.ObjectMeta",
        )
    meta = dict(meta or {})
    managed = meta.pop("managedFields", None)
    rest = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    try:
        if resource.custom:
            found: list[str] = []
            new_meta = decode.builtin(meta, node.fields["metadata"], found)
            out = structural.prune(rest, node, "", unknown)
            unknown.extend("metadata." + path for path in found)
            structural.default(out, node)
            unknown.sort()
        else:
            out = decode.builtin({"metadata": meta, **rest}, node, unknown)
            new_meta = out.setdefault("metadata", {})
    except decode.WrongType as error:
        if strategic and patch is not None:
            raise _bad_patch(json.dumps(_go(patch)), f"unrecognized type: {error.wanted}") from error
        raise decode.not_handled(resource.kind, call.version, str(error)) from error
    new_meta.pop("creationTimestamp", None)
    for name in ("labels", "annotations"):
        if name in new_meta and not new_meta[name]:
            del new_meta[name]
    new_meta.pop("selfLink", None)
    if managed is not None:
        new_meta["managedFields"] = managed
    out["metadata"] = new_meta
    if unknown:
        _unknown(call, unknown, patch, strategic)
    if not resource.custom:
        if resource.id == "secrets":
            why = validation.bad_base64(out)
            if why:
                raise decode.not_handled("Secret", call.version, why)
        defaults.versioned(resource.id, out)
    return out


def _unknown(call: Call, unknown: list[str], patch: Object | None, strategic: bool) -> None:
    if call.validation == "Ignore":
        return
    texts = [f'unknown field "{path}"' for path in unknown]
    if call.validation != "Strict":
        call.warnings.extend(texts)
        return
    why = "strict decoding error: " + ", ".join(texts)
    if patch is None:
        raise decode.not_handled(call.resource.kind, call.version, why)
    if strategic:
        shown = json.dumps(_go(patch))
    else:
        text = json.dumps(patch, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        shown = json.dumps(text, ensure_ascii=False)
    raise _bad_patch(shown, why)


def _bad_patch(shown: str, why: str) -> ApiError:
    return invalid("", "", "", [Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", "patch")])


def _go(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{_go(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def violations(call: Call, obj: Object, old: Object | None) -> None:
    """All checks of a finished object.

    :raises ApiError: 422.
    """
    resource = call.resource
    causes = validation.metadata(obj, resource.id, resource.custom)
    if resource.custom:
        _plain_finalizers(call, obj, old)
    if old is not None:
        causes.extend(validation.changed_metadata(old, obj))
    if resource.custom:
        raw = resource.nodes[call.version].raw
        if call.subresource == "status":
            kind = (raw.get("properties") or {}).get("status")
            if kind is not None and "status" in obj:
                found: list[Cause] = []
                structural.validate(obj["status"], kind, "status", "", found)
                causes.extend(_relative(found))
        else:
            structural.validate(_body(obj), _without_meta(raw), "", "", causes)
    elif call.subresource != "status":
        if old is None:
            causes.extend(validation.create(resource.id, obj))
        else:
            causes.extend(validation.update(resource.id, old, obj))
    if causes:
        raise invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), causes)


def _plain_finalizers(call: Call, obj: Object, old: Object | None) -> None:
    before = (old or {}).get("metadata", {}).get("finalizers") or ()
    for name in obj["metadata"].get("finalizers") or ():
        if "/" not in name and name not in before and name not in ("orphan", "foregroundDeletion"):
            call.warnings.append(
                f'metadata.finalizers: "{name}": prefer a domain-qualified finalizer name to avoid accidental '
                "conflicts with other finalizer writers"
            )


def _relative(causes: list[Cause]) -> list[Cause]:
    """The status schema is checked on its own, so the paths inside its texts start below status."""
    return [Cause(c.reason, c.message.replace(": .", ": ", 1), c.field) for c in causes]


def _body(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key != "metadata"}


def _without_meta(raw: Object) -> Object:
    """The root schema without what the server itself vouches for."""
    needed = [name for name in raw.get("required") or () if name not in ("metadata", "kind", "apiVersion")]
    return {**raw, "required": needed, "type": "object"}


def unsupported(accepted: list[str]) -> ApiError:
    """415 of a patch."""
    from .errors import unsupported_media_type

    return unsupported_media_type(accepted)
