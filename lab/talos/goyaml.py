# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as Go's ``yaml.v3`` writes it, with indent 4: what ``EncodeBytes`` of Talos' config package gives.

Lists are indented under their key, text with line breaks is a literal block, text that would read as something else
is double quoted, text that is no plain scalar for other reasons is single quoted.
"""

from __future__ import annotations

import re
from typing import Any

INDENT = 4
_OLD_BOOL = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"}
_WORDS = {"", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"}
_WORDS |= {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"}
_INT = re.compile(r"^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_BASE60 = re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$")
_TIME = re.compile(r"^\d{4}-\d\d?-\d\d?([Tt ]+\d\d?:\d\d:\d\d(\.\d*)?([ \t]*(Z|[-+]\d\d?(:?\d\d)?))?)?$")
_SPECIAL = re.compile(r"[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff\t]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\x07": "\\a", "\x08": "\\b"}
_ESCAPES |= {"\x0b": "\\v", "\x0c": "\\f", "\x1b": "\\e", "\x85": "\\N", "\xa0": "\\_", "\ufeff": "\\uFEFF"}


def is_string(text: str) -> bool:
    """Whether the plain scalar ``text`` reads as a string."""
    if text in _WORDS or _INT.match(text) or _FLOAT.match(text):
        return False
    return not _TIME.match(text)


def _double(text: str) -> str:
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif _SPECIAL.match(char):
            out.append(f"\\x{ord(char):02X}" if ord(char) < 256 else f"\\u{ord(char):04X}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def _plain_allowed(text: str) -> bool:
    if text[0] in " \n" or text[-1] in " \n" or text.startswith(("---", "...")):
        return False
    if text[0] in "#,[]{}&*!|>'\"%@`" or (text[0] in "-?:" and (len(text) == 1 or text[1] in " \n\t")):
        return False
    if "\t" in text or _SPECIAL.search(text):
        return False
    return not re.search(r":(\s|$)| #", text)


def string(text: str, column: int) -> str:
    """A string value; ``column`` is the indent of the lines of a literal block."""
    special = bool(_SPECIAL.search(text))
    if "\n" in text:
        if special or text.endswith(" ") or " \n" in text:
            return _double(text)
        hint = str(INDENT) if text[0] in " \n" else ""
        tail = "" if text.endswith("\n") else "-"
        if text.endswith("\n\n") or text == "\n":
            tail = "+"
        lines = (text[:-1] if text.endswith("\n") else text).split("\n")
        return f"|{hint}{tail}\n" + "\n".join(" " * column + line if line else "" for line in lines)
    if not is_string(text) or _BASE60.match(text) or text in _OLD_BOOL:
        return _double(text)
    if _plain_allowed(text):
        return text
    if "\t" in text or special:
        return _double(text)
    return "'" + text.replace("'", "''") + "'"


def scalar(value: Any, column: int) -> str:
    """Any scalar."""
    if value is None:
        return "null"
    if isinstance(value, Plain):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        return text[:-2] if text.endswith(".0") else text
    if isinstance(value, int):
        return str(value)
    return string(str(value), column)


class Plain(str):
    """A scalar that is written as it is: ``0o644``."""


def _below(indent: int) -> int:
    """The indent of what is nested: the next multiple, also from a list item's odd column."""
    return INDENT * ((indent + INDENT) // INDENT)


def _lines(value: Any, indent: int) -> list[str]:
    pad = " " * indent
    out: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            name = scalar(key, 0)
            if isinstance(item, (dict, list)) and item:
                out.append(f"{pad}{name}:")
                out.extend(_lines(item, _below(indent)))
            else:
                out.append(f"{pad}{name}: {_short(item, _below(indent))}")
    else:
        for item in value:
            if isinstance(item, (dict, list)) and item:
                inner = _lines(item, indent + 2)
                out.append(f"{pad}- {inner[0][indent + 2 :]}")
                out.extend(inner[1:])
            else:
                out.append(f"{pad}- {_short(item, _below(indent))}")
    return out


def _short(value: Any, column: int) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return scalar(value, column)


def dump(value: Any) -> str:
    """One document, with a trailing newline."""
    if isinstance(value, (dict, list)) and value:
        return "\n".join(_lines(value, 0)) + "\n"
    return _short(value, INDENT) + "\n"
