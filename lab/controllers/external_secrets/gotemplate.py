# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subset of Go templates (engine v2) that ExternalSecrets of a home need: values, a pipe of functions, printf.

``{{ .name }}``, ``{{ index . "a-name" }}``, ``{{ .name | trim | b64enc }}``, ``{{ printf "%s:%s" .a .b }}``; texts of
errors are those of Go's ``text/template``.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable, Mapping

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "b64dec": lambda text: base64.b64decode(text).decode(),
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "lower": str.lower,
    "quote": lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "toString": str,
    "trim": str.strip,
    "upper": str.upper,
}


class TemplateError(ValueError):
    """The template cannot be carried out."""


def render(text: str, values: Mapping[str, str], key: str) -> str:
    """Return a template's text.

    :raises TemplateError: an unknown function or value.
    """
    return _ACTION.sub(lambda found: _pipeline(found[1], values, key), text)


def _pipeline(text: str, values: Mapping[str, str], key: str) -> str:
    stages = [stage.strip() for stage in text.split("|")]
    result: str | None = None
    for stage in stages:
        words = shlex.split(stage, posix=False)
        result = _call(words, result, values, key)
    return result or ""


def _call(words: list[str], piped: str | None, values: Mapping[str, str], key: str) -> str:
    if not words:
        raise TemplateError(f"unable to execute template at key {key}: missing value for command")
    head = words[0]
    if head.startswith((".", '"')):
        return _value(head, values, key)
    if head == "index" and len(words) == 3 and words[1] == ".":
        return _named(words[2].strip('"'), values, key)
    if head == "printf":
        arguments = [_value(word, values, key) for word in words[2:]] + ([piped] if piped is not None else [])
        return words[1].strip('"').replace("%v", "%s") % tuple(arguments)
    if head not in _FUNCTIONS:
        raise TemplateError(f'unable to parse template at key {key}: template: {key}:1: function "{head}" not defined')
    argument = piped if len(words) == 1 else _value(words[1], values, key)
    if argument is None:
        raise TemplateError(f"unable to execute template at key {key}: wrong number of args for {head}")
    try:
        return _FUNCTIONS[head](argument)
    except ValueError as error:
        raise TemplateError(f"unable to execute template at key {key}: error calling {head}: {error}") from error


def _value(word: str, values: Mapping[str, str], key: str) -> str:
    if word.startswith('"'):
        return word.strip('"')
    return _named(word.removeprefix("."), values, key)


def _named(name: str, values: Mapping[str, str], key: str) -> str:
    if name not in values:
        raise TemplateError(
            f"unable to execute template at key {key}: template: {key}:1: map has no entry for key {name!r}"
        )
    return values[name]
