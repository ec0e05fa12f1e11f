# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom resources against their structural schema: prune, default, validate (apiextensions ``pkg/apiserver``).

The texts of violations are those of kube-openapi's validator.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlparse

from .errors import Cause, invalid_value, required
from .schema import ANY, Node


def prune(value: dict[str, Any], node: Node, path: str, unknown: list[str]) -> dict[str, Any]:
    """A copy without unknown fields, whose paths go to ``unknown``."""
    out: dict[str, Any] = {}
    keep_all = node.preserve
    for name, child in value.items():
        kind = node.fields.get(name)
        if kind is None:
            kind = node.elem
            if kind is None:
                if keep_all:
                    out[name] = child
                else:
                    unknown.append(f"{path}.{name}" if path else name)
                continue
        place = f"{path}.{name}" if path else name
        out[name] = _prune_any(child, kind, place, unknown)
    return out


def _prune_any(value: Any, node: Node, path: str, unknown: list[str]) -> Any:
    if node.kind == "object" and isinstance(value, dict):
        return prune(value, node, path, unknown)
    if node.kind == "list" and isinstance(value, list) and node.elem is not None:
        return [_prune_any(item, node.elem, f"{path}[{index}]", unknown) for index, item in enumerate(value)]
    return value


def default(value: dict[str, Any], node: Node) -> None:
    """Fill in defaults in place; nulls that the schema does not allow give way to the default or disappear."""
    for name, kind in node.fields.items():
        raw = kind.raw
        if name in value and value[name] is None and not raw.get("nullable"):
            if kind.raw or kind is not ANY:
                del value[name]
        if name not in value and "default" in raw:
            value[name] = json.loads(json.dumps(raw["default"]))
        child = value.get(name)
        if child is not None:
            _default_any(child, kind)
    if node.elem is not None and node.elem.raw:
        for name, child in list(value.items()):
            if name not in node.fields:
                if child is None and "default" in node.elem.raw and not node.elem.raw.get("nullable"):
                    value[name] = child = json.loads(json.dumps(node.elem.raw["default"]))
                _default_any(child, node.elem)


def _default_any(value: Any, node: Node) -> None:
    if node.kind == "object" and isinstance(value, dict):
        default(value, node)
    elif node.kind == "list" and isinstance(value, list) and node.elem is not None:
        for item in value:
            _default_any(item, node.elem)


def validate(value: Any, raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    """Collect violations; ``path`` is the field of the cause, ``shown`` the path inside the text."""
    if value is None:
        if not raw.get("nullable") and raw.get("type"):
            causes.append(_type(path, shown, raw["type"], "null"))
        return
    if raw.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            causes.append(_type(path, shown, "integer,string", _kind(value)))
            return
    else:
        wanted = raw.get("type")
        if wanted and not _is(value, wanted):
            causes.append(_type(path, shown, wanted, _kind(value)))
    choices = raw.get("enum")
    if choices is not None and not any(value == choice and type(value) is type(choice) for choice in choices):
        supported = ", ".join(json.dumps(choice) for choice in choices)
        causes.append(
            Cause("FieldValueNotSupported", f"Unsupported value: {_go(value)}: supported values: {supported}", path)
        )
    if isinstance(value, str):
        _string(value, raw, path, shown, causes)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _number(value, raw, path, shown, causes)
    elif isinstance(value, list):
        _array(value, raw, path, shown, causes)
    elif isinstance(value, dict):
        _object(value, raw, path, shown, causes)
    _combined(value, raw, path, shown, causes)


def _type(path: str, shown: str, wanted: str, found: str) -> Cause:
    text = f'Invalid value: "{found}": {shown} in body must be of type {wanted}: "{found}"'
    return Cause("FieldValueTypeInvalid", text, path)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _is(value: Any, wanted: str) -> bool:
    found = _kind(value)
    if wanted == found:
        return True
    if wanted == "number":
        return found == "integer"
    return wanted == "integer" and found == "number" and float(value).is_integer()


def _go(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False)


def _string(value: str, raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    """Length, pattern and format; the first violation is the only one told, as in go-openapi."""
    limit = raw.get("maxLength")
    if limit is not None and len(value) > limit:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", path))
        return
    least = raw.get("minLength")
    if least is not None and len(value) < least:
        causes.append(invalid_value(path, _go(value), f"{shown} in body should be at least {least} chars long"))
        return
    pattern = raw.get("pattern")
    if pattern and not _pattern(pattern).search(value):
        causes.append(invalid_value(path, _go(value), f"{shown} in body should match '{pattern}'"))
        return
    form = raw.get("format")
    check = _FORMATS.get(form or "")
    if check and not check(value):
        text = f"Invalid value: {_go(value)}: {shown} in body must be of type {form}: {_go(value)}"
        causes.append(Cause("FieldValueTypeInvalid", text, path))


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    replaced = text.replace("\\z", "\\Z")
    for name, chars in (("alpha", "a-zA-Z"), ("digit", "0-9"), ("alnum", "a-zA-Z0-9"), ("space", "\\s")):
        replaced = replaced.replace(f"[:{name}:]", chars)
    try:
        return re.compile(replaced)
    except re.error:
        return re.compile("")


def _number(value: float, raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    high, low, step = raw.get("maximum"), raw.get("minimum"), raw.get("multipleOf")
    if high is not None:
        strict = raw.get("exclusiveMaximum") is True
        if value > high or (strict and value == high):
            words = "less than" if strict else "less than or equal to"
            causes.append(invalid_value(path, _go(value), f"{shown} in body should be {words} {_num(high)}"))
    if low is not None:
        strict = raw.get("exclusiveMinimum") is True
        if value < low or (strict and value == low):
            words = "greater than" if strict else "greater than or equal to"
            causes.append(invalid_value(path, _go(value), f"{shown} in body should be {words} {_num(low)}"))
    if step and abs(value / step - round(value / step)) > 1e-9:
        causes.append(invalid_value(path, _go(value), f"{shown} in body should be a multiple of {_num(step)}"))
    form = raw.get("format")
    if form == "int32" and isinstance(value, int) and not -(2**31) <= value < 2**31:
        causes.append(invalid_value(path, _go(value), f"{shown} in body must be of type int32: {_go(value)}"))


def _num(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _array(value: list[Any], raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    most, least = raw.get("maxItems"), raw.get("minItems")
    if most is not None and len(value) > most:
        causes.append(Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path))
    if least is not None and len(value) < least:
        causes.append(invalid_value(path, str(len(value)), f"{shown} in body should have at least {least} items"))
    items = raw.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            validate(item, items, f"{path}[{index}]", f"{shown}[{index}]", causes)
    kind = raw.get("x-kubernetes-list-type")
    if kind == "set":
        seen: list[Any] = []
        for index, item in enumerate(value):
            if item in seen:
                causes.append(Cause("FieldValueDuplicate", f"Duplicate value: {_go(item)}", f"{path}[{index}]"))
            seen.append(item)
    elif kind == "map":
        keys = raw.get("x-kubernetes-list-map-keys") or ()
        known: list[dict[str, Any]] = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                continue
            identity = {key: item.get(key) for key in sorted(keys) if key in item}
            if identity in known:
                shown_key = ", ".join(f"{json.dumps(k)}:{_go(v)}" for k, v in identity.items())
                text = "Duplicate value: map[string]interface {}{" + shown_key + "}"
                causes.append(Cause("FieldValueDuplicate", text, f"{path}[{index}]"))
            known.append(identity)


def _object(value: dict[str, Any], raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    prefix, inner = (f"{path}." if path else ""), (f"{shown}." if shown else "")
    for name in raw.get("required") or ():
        if name not in value:
            causes.append(required(prefix + name))
    properties = raw.get("properties") or {}
    extra = raw.get("additionalProperties")
    for name in value:
        kind = properties.get(name)
        if kind is None and isinstance(extra, dict):
            kind = extra
        if kind is not None:
            validate(value[name], kind, prefix + name, inner + name, causes)
    most, least = raw.get("maxProperties"), raw.get("minProperties")
    if most is not None and len(value) > most:
        causes.append(Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path))
    if least is not None and len(value) < least:
        causes.append(invalid_value(path, str(len(value)), f"{shown} in body should have at least {least} properties"))


def _combined(value: Any, raw: dict[str, Any], path: str, shown: str, causes: list[Cause]) -> None:
    def fits(branch: dict[str, Any]) -> bool:
        found: list[Cause] = []
        validate(value, branch, path, shown, found)
        return not found

    if raw.get("x-kubernetes-int-or-string"):
        return
    if raw.get("anyOf") and not any(fits(branch) for branch in raw["anyOf"]):
        causes.append(_composed(path, shown, value, "must validate at least one schema (anyOf)"))
    if raw.get("oneOf") and sum(fits(branch) for branch in raw["oneOf"]) != 1:
        causes.append(_composed(path, shown, value, "must validate one and only one schema (oneOf)"))
    for branch in raw.get("allOf") or ():
        validate(value, branch, path, shown, causes)
    if raw.get("not") and fits(raw["not"]):
        causes.append(_composed(path, shown, value, "must not validate the schema (not)"))


def _composed(path: str, shown: str, value: Any, words: str) -> Cause:
    text = _go(value) if not isinstance(value, (dict, list)) else '""'
    return Cause("FieldValueInvalid", f'Invalid value: {text}: "{shown}" {words}', path)


def _address(version: int) -> Any:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


def _cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _date_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return "T" in text


def _byte(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def _uri(text: str) -> bool:
    return bool(urlparse(text).scheme)


_FORMATS = {
    "ipv4": _address(4),
    "ipv6": _address(6),
    "ip": lambda text: _address(4)(text) or _address(6)(text),
    "cidr": _cidr,
    "date-time": _date_time,
    "date": lambda text: bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)),
    "byte": _byte,
    "uri": _uri,
    "uuid": lambda text: bool(re.fullmatch(r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", text)),
    "email": lambda text: bool(re.fullmatch(r"[^@\s]+@[^@\s]+", text)),
    "hostname": lambda text: bool(re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?", text)),
    "mac": lambda text: bool(re.fullmatch(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", text)),
    "duration": lambda text: bool(re.fullmatch(r"[-+]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0", text)),
}
