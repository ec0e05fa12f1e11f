# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``cilium install`` and Helm's ``--set`` language.

Sources: cilium/cilium-cli ``internal/cli/cmd/install.go`` (flags), helm/helm ``pkg/strvals`` (values).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_VALUED = {
    "version": "version",
    "set": "set",
    "set-string": "set-string",
    "set-file": "set-file",
    "values": "values",
    "f": "values",
    "namespace": "namespace",
    "n": "namespace",
    "repository": "",
    "chart-directory": "",
    "datapath-mode": "",
    "nodes-without-cilium": "",
    "helm-release-name": "release",
    "wait-duration": "",
    "history-max": "",
    "context": "",
    "kubeconfig": "",
    "as": "",
    "as-group": "",
}
_SWITCHES = {"wait", "dry-run", "dry-run-helm-values", "list-versions", "help", "h"}


class FlagError(Exception):
    """The command line is wrong; the message is what the CLI prints."""


@dataclass
class InstallFlags:
    """What an install was asked for; ``values`` are the settings in the order in which they apply."""

    version: str = ""
    namespace: str = "kube-system"
    release: str = "cilium"
    wait: bool = False
    dry_run: bool = False
    files: list[str] = field(default_factory=list)
    settings: list[tuple[str, bool]] = field(default_factory=list)
    """``key=value`` texts, and whether they are strings for certain (``--set-string``)."""


def parse(arguments: list[str]) -> InstallFlags:
    """Parse ``install …`` (without the program's name).

    :raises FlagError: for anything that the CLI does not know.
    """
    if not arguments or arguments[0] != "install":
        raise FlagError(f'unknown command "{arguments[0] if arguments else ""}" for "cilium"')
    flags, rest = InstallFlags(), list(arguments[1:])
    while rest:
        word = rest.pop(0)
        match = re.fullmatch(r"--?([A-Za-z][\w-]*)(?:=(.*))?", word, re.DOTALL)
        if not match:
            raise FlagError(f'unknown command "{word}" for "cilium install"')
        name, value = match.groups()
        if name in _SWITCHES:
            _switch(flags, name, value)
            continue
        if name not in _VALUED:
            raise FlagError(f"unknown flag: --{name}")
        if value is None:
            if not rest:
                raise FlagError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        _take(flags, _VALUED[name], value)
    return flags


def _switch(flags: InstallFlags, name: str, value: str | None) -> None:
    on = (value or "true") not in ("false", "0", "f")
    if name == "wait":
        flags.wait = on
    elif name in ("dry-run", "dry-run-helm-values", "list-versions", "help", "h"):
        flags.dry_run = flags.dry_run or on


def _take(flags: InstallFlags, name: str, value: str) -> None:
    if name == "version":
        flags.version = value.removeprefix("v")
    elif name == "namespace":
        flags.namespace = value
    elif name == "release":
        flags.release = value
    elif name == "values":
        flags.files += value.split(",")
    elif name in ("set", "set-string"):
        flags.settings.append((value, name == "set-string"))
    elif name == "set-file":
        raise FlagError("the lab's cilium does not read --set-file; use --set or --values")


def apply_setting(values: dict[str, Any], text: str, *, string: bool = False) -> None:
    """Apply one ``--set`` text, ``a.b=1,c[0]=x,d={p,q}``, to ``values`` in place.

    :param string: ``--set-string``: every value stays text.
    :raises FlagError: when the text is not of that form.
    """
    for part in _split(text, ","):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise FlagError(f'failed parsing --set data: key "{part}" has no value')
        _put(values, _keys(key), _value(value, string))


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that is neither escaped nor inside braces; the escapes stay for values."""
    parts, depth, current, escaped = [], 0, "", False
    for char in text:
        if escaped:
            current += char if char in f"{separator}\\" else "\\" + char
            escaped = False
            continue
        if char == "\\":
            escaped = True
            continue
        depth += (char == "{") - (char == "}")
        if char == separator and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


def _keys(text: str) -> list[str | int]:
    keys: list[str | int] = []
    for part in re.split(r"(?<!\\)\.", text):
        name, *indexes = re.split(r"[\[\]]+", part.replace("\\.", ".").rstrip("]"))
        keys.append(name)
        try:
            keys += [int(index) for index in indexes if index]
        except ValueError as error:
            raise FlagError(f"failed parsing --set data: error parsing index: {part}") from error
    return keys


def _value(text: str, string: bool) -> Any:
    if text.startswith("{") and text.endswith("}"):
        inner = text[1:-1]
        return [_value(item.strip(), string) for item in inner.split(",")] if inner else []
    if text == "[]":
        return []
    if string:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text == "null":
        return None
    if re.fullmatch(r"0|-?[1-9]\d*", text):
        return int(text)
    return text


def _put(target: Any, keys: list[str | int], value: Any) -> None:
    key, *rest = keys
    if isinstance(key, int):
        while len(target) <= key:
            target.append(None)
    if not rest:
        if value is None and isinstance(target, dict):
            target.pop(key, None)
        else:
            target[key] = value
        return
    empty: Any = [] if isinstance(rest[0], int) else {}
    current = target[key] if isinstance(key, int) else target.get(key)
    if not isinstance(current, type(empty)):
        target[key] = current = empty
    _put(current, rest, value)


def merge_values(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Merge a values file over others, as Helm does: maps merge, everything else is replaced, null removes."""
    result = dict(base)
    for key, value in other.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge_values(result[key], value)
        else:
            result[key] = value
    return result
