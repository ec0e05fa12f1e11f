# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML exactly as Talos reads and writes it: Go's ``yaml.v3`` (indent 4), not PyYAML's YAML 1.1.

The two differ where it hurts: ``on`` and ``yes`` are strings here, ``0o755`` is a number, list dashes are indented by
four under their key, the second key of a list item by two. Text written by :func:`dump` equals Talos' comment-free form
byte for byte. Source: gopkg.in/yaml.v3 ``resolve.go``, ``encode.go``, ``sorter.go``, ``emitterc.go``.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

try:
    import yaml as yaml  # pylint: disable=useless-import-alias
    from yaml.nodes import (  # pylint: disable=useless-import-alias
        MappingNode as MappingNode,
        Node as Node,
        ScalarNode as ScalarNode,
        SequenceNode as SequenceNode,
    )

    _Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    YAML_ERROR: ImportError | None = None
except ImportError as missing:  # reported when it is used
    YAML_ERROR = missing
    _Base = object

from ..common.errors import InputError

PLAIN = "plain"
STR = "tag:yaml.org,2002:str"

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_OLD_BOOLS = frozenset(
    ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
)
_BASE60 = re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INT = re.compile(r"^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$")
_TIME = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d\d:\d\d)?)?$")


class Plain(str):
    """Text to be written as it is: an octal mode, a timestamp."""

    __slots__ = ()


def resolve(text: str) -> Any:
    """Return the value of an unquoted scalar: None, bool, int, float, :class:`Plain` for a timestamp, else ``text``."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    stamp = _timestamp(text)
    if stamp is not None:
        return stamp
    digits = text.replace("_", "") if text[0] != "." else text
    match = _INT.match(digits)
    if match:
        sign, body = match.groups()
        if re.match(r"^0[0-7]+$", body):
            number = int(body, 8)
        else:
            number = int(body, 0)
        number = -number if sign == "-" else number
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.match(digits):
        number_float = float(digits)
        if not math.isinf(number_float):
            return number_float
    return text


def _timestamp(text: str) -> Plain | None:
    """Return a date or time as Go writes it back (RFC 3339), None when ``text`` is none."""
    match = _TIME.match(text)
    if not match:
        return None
    year, month, day, mark, hour, minute, second, fraction, zone = match.groups()
    if mark and (mark == " ") == bool(zone):
        return None
    try:
        moment = datetime(  # noqa: DTZ001 - the zone is kept as text
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    rest = (fraction or "").rstrip("0").rstrip(".")
    return Plain(moment.isoformat() + rest + (zone or "Z"))


class _Loader(_Base):
    """Composes nodes; a scalar's tag only says whether it was written plain."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Tell plain scalars from quoted ones; :func:`resolve` does the rest when the type is known."""
        if kind is ScalarNode and implicit[0]:
            return PLAIN
        return str(super().resolve(kind, value, (False, True) if kind is ScalarNode else implicit))


def parse(text: str) -> Iterator[Node]:
    """Yield the root node of each document, ``None``-valued documents included.

    :raises yaml.YAMLError: the text is no YAML.
    :raises InputError: PyYAML is not installed.
    """
    if YAML_ERROR is not None:
        raise InputError(
            "the Python package PyYAML is missing", remedy="Install PyYAML for the Python which runs the task"
        ) from YAML_ERROR
    yield from yaml.compose_all(text, Loader=_Loader)


def to_node(value: Any) -> Node:
    """Return the node of a Python value, as if it had been written with every string quoted."""
    if isinstance(value, dict):
        return MappingNode("tag:yaml.org,2002:map", [(to_node(str(key)), to_node(item)) for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return SequenceNode("tag:yaml.org,2002:seq", [to_node(item) for item in value])
    if isinstance(value, Plain):
        return ScalarNode(PLAIN, str(value))
    if isinstance(value, str):
        return ScalarNode(STR, value, style='"')
    if value is None:
        return ScalarNode(PLAIN, "null")
    if isinstance(value, bool):
        return ScalarNode(PLAIN, "true" if value else "false")
    if isinstance(value, float):
        return ScalarNode(PLAIN, repr(value) if math.isfinite(value) else _float(value))
    if isinstance(value, (date, datetime)):
        return ScalarNode(PLAIN, value.isoformat())
    return ScalarNode(PLAIN, str(value))


def scalar(node: Node) -> Any:
    """Return the value of a scalar node."""
    return resolve(node.value) if node.tag == PLAIN else node.value


def free(node: Node) -> Any:
    """Return the value of any node as plain Python data; merge keys (``<<``) are folded in."""
    if isinstance(node, MappingNode):
        result: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag == PLAIN and key.value == "<<":
                for part in item.value if isinstance(item, SequenceNode) else [item]:
                    merged = free(part)
                    result.update({name: merged[name] for name in merged if name not in result})
        result.update({str(key.value): free(item) for key, item in node.value if (key.tag, key.value) != (PLAIN, "<<")})
        return result
    if isinstance(node, SequenceNode):
        return [free(item) for item in node.value]
    return scalar(node)


def has_timestamp(value: Any) -> bool:
    """Whether free data holds an unquoted date."""
    if isinstance(value, dict):
        return any(has_timestamp(item) for item in value.values())
    if isinstance(value, list):
        return any(has_timestamp(item) for item in value)
    return isinstance(value, Plain)


def _float(value: float) -> str:
    """Return a float as Go's ``strconv.FormatFloat(value, 'g', -1, 64)`` writes it."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    exact = f"{value:.17g}"
    for precision in range(1, 18):
        candidate = f"{value:.{precision - 1}e}"
        if float(candidate) == value:
            exact = candidate
            break
    mantissa, _e, exponent_text = exact.partition("e")
    exponent = int(exponent_text)
    if exponent < -4 or exponent >= 6:
        return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    digits = mantissa.replace(".", "").lstrip("-")
    return f"{value:.{max(0, len(digits) - 1 - exponent)}f}"


def key_order(left: str, right: str) -> int:
    """Compare two map keys as yaml.v3 sorts them: numbers inside keys count as numbers."""
    digits = False
    for i in range(min(len(left), len(right))):
        a, b = left[i], right[i]
        if a == b:
            digits = a.isdecimal()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            first = a.isalpha() if digits else b.isalpha()
            return -1 if first else 1
        start = 0
        if a == "0" or b == "0":
            j = i - 1
            while j >= 0 and left[j].isdecimal():
                if left[j] != "0":
                    start = 1
                    break
                j -= 1
        number_a, end_a = _run(left, i, start)
        number_b, end_b = _run(right, i, start)
        if number_a != number_b:
            return -1 if number_a < number_b else 1
        if end_a != end_b:
            return -1 if end_a < end_b else 1
        return -1 if a < b else 1
    return (len(left) > len(right)) - (len(left) < len(right))


def _run(text: str, start: int, number: int) -> tuple[int, int]:
    end = start
    while end < len(text) and text[end].isdecimal():
        number = number * 10 + ord(text[end]) - ord("0")
        end += 1
    return number, end


_by_key = functools.cmp_to_key(key_order)


def sorted_keys(mapping: dict[str, Any]) -> list[str]:
    """Return the keys of a free-form map in the order in which Talos writes them."""
    return sorted(mapping, key=_by_key)


class Ordered(dict[str, Any]):
    """A mapping whose keys are written in their own order (a struct); a plain ``dict`` is written sorted."""


def dump(value: Any) -> str:
    """Return one document as text, ending with a newline."""
    lines: list[str] = []
    _write(value, -1, False, lines, "")
    return "\n".join(lines) + "\n"


def _deeper(indent: int, in_item: bool) -> int:
    if indent < 0:
        return 0
    return indent + 2 if in_item else 4 * ((indent + 4) // 4)


def _write(value: Any, indent: int, in_item: bool, lines: list[str], head: str) -> None:
    """Append a value to ``lines``; ``head`` is what stands before it on its first line (``key:`` or ``-``)."""
    lead = f"{head} " if head else ""
    if isinstance(value, dict) and value:
        inner = _deeper(indent, in_item)
        pad = " " * inner
        first = in_item
        if head and not in_item:
            lines.append(head)
        for name in value if isinstance(value, Ordered) else sorted_keys(value):
            key = _key(name)
            _write(value[name], inner, False, lines, (lead + key if first else pad + key) + ":")
            first = False
    elif isinstance(value, (list, tuple)) and value:
        inner = _deeper(indent, in_item)
        pad = " " * inner
        first = in_item
        if head and not in_item:
            lines.append(head)
        for item in value:
            _write(item, inner, True, lines, lead + "-" if first else pad + "-")
            first = False
    else:
        inner = _deeper(indent, in_item) or 4
        lines.extend((lead + _scalar(value, inner, inner - max(indent, 0))).split("\n"))


def _key(name: str) -> str:
    text = _string(name, None, 0)
    return text if text else "''"


def _scalar(value: Any, indent: int, hint: int) -> str:
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        return _string(value, indent, hint)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    return str(value)


_BREAKS = "\r\n\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")


#: What libyaml does not print as it is; a tab it prints only inside of quotes.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


def _string(text: str, indent: int | None, hint: int) -> str:
    """Return a string scalar; ``indent`` is a block's (``hint`` relative to its parent), None for a key."""
    special = _UNPRINTABLE.search(text) is not None
    breaks = [match.start() for match in _BREAK.finditer(text)]
    space_break = any(i > 0 and text[i - 1] == " " for i in breaks)
    if "\n" in text and indent is not None and text[-1] != " " and not special and not space_break:
        return _block(text, indent, hint)
    if "\n" in text or (text == "" or not isinstance(resolve(text), str) or isinstance(resolve(text), Plain)):
        return _double(text)
    if text in _OLD_BOOLS or (_BASE60.match(text) and ":" in text):
        return _double(text)
    if special or "\t" in text or space_break or any(i + 1 < len(text) and text[i + 1] == " " for i in breaks):
        return _double(text)
    if breaks or text[0] == " " or text[-1] == " " or _indicators(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _indicators(text: str) -> bool:
    """Whether a plain scalar would be read as something else."""
    if text.startswith(("---", "...")) or text[0] in "#,[]{}&*!|>'\"%@`":
        return True
    if text[0] in "?:-" and (len(text) == 1 or text[1] in " \t"):
        return True
    return re.search(r":(?=[ \t]|$)|(?<=[ \t])#", text[1:] if text[0] == ":" else text) is not None


def _block(text: str, indent: int, hint: int) -> str:
    """Write a literal block.

    Go always writes the hint 4, which inside of a list item it cannot read back itself: the right number is written.
    """
    marks = str(hint) if text[0] in " \n" else ""
    if text[-1] not in _BREAKS:
        marks += "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        marks += "+"
    body = text[:-1] if text[-1] == "\n" else text
    pad = " " * indent
    return "|" + marks + "\n" + "\n".join(pad + line if line else "" for line in body.split("\n"))


_ESCAPES = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}  # fmt: skip


def _double(text: str) -> str:
    result = []
    for char in text:
        if not _UNPRINTABLE.match(char) and char not in _BREAKS and char not in '"\\\t':
            result.append(char)
        elif char in _ESCAPES:
            result.append("\\" + _ESCAPES[char])
        else:
            code = ord(char)
            result.append(
                f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
            )
    return '"' + "".join(result) + '"'
