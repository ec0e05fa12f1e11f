# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scalar types of machine configs: how Go decodes and writes durations, sizes, certificates and the like."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from . import goyaml
from .goyaml import Ordered, Plain
from .known_keys import ENUMS, Type


class _Absent:
    """Go's zero value: the key is not there."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()


class Mismatch(Exception):
    """A value has another type than its key takes.

    :param wanted: the type's name, or a whole sentence when it contains a blank.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted

    def text(self, node: Any) -> str:
        """Return the finding; the value itself is not repeated, it may be a secret."""
        if " " in self.wanted:
            return self.wanted
        return f"cannot unmarshal {_tag(node)} into {self.wanted}"


def _tag(node: Any) -> str:
    if isinstance(node, goyaml.MappingNode):
        return "!!map"
    if isinstance(node, goyaml.SequenceNode):
        return "!!seq"
    value = goyaml.scalar(node)
    for kind, tag in ((bool, "!!bool"), (int, "!!int"), (float, "!!float"), (Plain, "!!timestamp")):
        if isinstance(value, kind):
            return tag
    return "!!str"


_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def parse_duration(text: str) -> int:
    """Return nanoseconds for a Go duration (``1h30m``, ``10s``).

    :raises ValueError: it is none.
    """
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-") if text[:1] in "+-" else text
    if body == "0":
        return 0
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * sum(
        round(float(number) * _NS[unit]) if "." in number else int(number) * _NS[unit] for number, unit in parts
    )


def format_duration(value: int) -> str:
    """Return nanoseconds as Go writes a duration: ``1h0m0s``, ``1.5s``, ``200ms``."""
    if value == 0:
        return "0s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if value >= size:
                return f"{sign}{_decimal(value, size)}{unit}"
    minutes, rest = divmod(value, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    fraction = str(rest).zfill(len(str(size)) - 1).rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


_SIZES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtpe", start=1):
    _SIZES.update({_letter: 1000**_power, f"{_letter}b": 1000**_power})
    _SIZES.update({f"{_letter}i": 1024**_power, f"{_letter}ib": 1024**_power})


def parse_bytes(text: str) -> int:
    """Return bytes for a size as people write it: ``1TB``, ``50GiB``, ``1048576`` (github.com/dustin/go-humanize).

    :raises ValueError: it is no size.
    """
    match = re.fullmatch(r"([0-9.,]+)\s*([a-zA-Z]*)", text.strip())
    if not match:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    number, unit = match.group(1).replace(",", ""), match.group(2).lower()
    if unit not in _SIZES:
        raise ValueError(f"unhandled size name: {unit}")
    return int(float(number) * _SIZES[unit])


def format_bytes(value: int) -> str:
    """Return bytes as go-humanize writes them: ``1.0 TB``, ``42 MB``."""
    if value < 10:
        return f"{value} B"
    power = 0
    while power < 6 and value >= 1000 ** (power + 1):
        power += 1
    number = int(value / 1000**power * 10 + 0.5) / 10
    return f"{number:.1f} {_unit(power)}" if number < 10 else f"{number:.0f} {_unit(power)}"


def _unit(power: int) -> str:
    return ("B", "kB", "MB", "GB", "TB", "PB", "EB")[power]


def _text(node: Any) -> str:
    if not isinstance(node, goyaml.ScalarNode):
        raise Mismatch("string")
    return str(node.value)


def _bool(node: Any) -> bool:
    value = goyaml.scalar(node) if isinstance(node, goyaml.ScalarNode) else None
    if isinstance(value, bool):
        return value
    if value in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"):
        return True
    if value in ("n", "N", "no", "No", "NO", "off", "Off", "OFF"):
        return False
    raise Mismatch("bool")


def _int(node: Any) -> int:
    value = goyaml.scalar(node) if isinstance(node, goyaml.ScalarNode) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Mismatch("int")
    return value


def _uint(node: Any) -> int:
    value = _int(node)
    if value < 0:
        raise Mismatch("uint")
    return value


def _duration(node: Any) -> str:
    try:
        return format_duration(parse_duration(_text(node)))
    except ValueError as error:
        raise Mismatch("time.Duration") from error


def _base64(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+/=\r\n]*", text):
        raise Mismatch("the value is no base64 text (illegal base64 data)")
    try:
        return base64.b64encode(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)).decode()
    except (binascii.Error, ValueError) as error:
        raise Mismatch("the value is no base64 text (illegal base64 data)") from error


def _pem(*names: str) -> Callable[[Any], Ordered]:
    def decode_pem(node: Any) -> Ordered:
        if not isinstance(node, goyaml.MappingNode):
            raise Mismatch("x509.PEMEncodedCertificateAndKey")
        given = {str(key.value): _text(value) for key, value in node.value}
        return Ordered(
            (name, "******" if given.get(name) == "******" and name == "key" else _base64(given.get(name) or ""))
            for name in names
        )

    return decode_pem


def _size_match(node: Any) -> str:
    text = _text(node).strip()
    match = re.match(r"(>=|<=|>|<|==)?\s*(.*)$", text)
    try:
        parse_bytes(match.group(2) if match else text)
    except ValueError as error:
        raise Mismatch(f"failed to parse disk size {text}: {error}") from error
    return text


def _sized(node: Any) -> str:
    text = _text(node)
    try:
        parse_bytes(text or "0")
    except ValueError as error:
        raise Mismatch(str(error)) from error
    return text


def _disk_size(node: Any) -> int:
    return parse_bytes(_sized(node))


def _port_range(node: Any) -> Any:
    value = goyaml.scalar(node) if isinstance(node, goyaml.ScalarNode) else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536:
        return value
    match = re.fullmatch(r"(\d+)-(\d+)", _text(node))
    if not match or max(int(match.group(1)), int(match.group(2))) > 65535:
        raise Mismatch(f'invalid port range: "{_text(node)}"')
    low, high = int(match.group(1)), int(match.group(2))
    return low if low == high else f"{low}-{high}"


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "base64": lambda node: _base64(_text(node)),
    "bool": _bool,
    "bytesize": _sized,
    "cert": _pem("crt"),
    "certkey": _pem("crt", "key"),
    "disksize": _disk_size,
    "duration": _duration,
    "int": _int,
    "key": _pem("key"),
    "mode": _uint,
    "portrange": _port_range,
    "sizematch": _size_match,
    "uint": _uint,
}

_ZEROS: dict[str, Any] = {
    "bool": False,
    "int": 0,
    "uint": 0,
    "disksize": 0,
    "mode": 0,
    "portrange": 0,
    "duration": "0s",
}


def zero(wanted: Type) -> Any:
    """Return the zero value of a scalar type."""
    if wanted.kind in ENUMS:
        return ENUMS[wanted.kind][0]
    return _ZEROS.get(wanted.kind, "")


def decode(wanted: Type, node: Any) -> Any:
    """Return the value of a scalar, ABSENT for a zero value which Go cannot tell from absent.

    :raises Mismatch: the node has another type.
    """
    decoder: Callable[[Any], Any] = _DECODERS.get(wanted.kind, _text)
    value = decoder(node)
    if wanted.kind in ENUMS and (value not in ENUMS[wanted.kind] or "(" in value):
        raise Mismatch(f"{value} does not belong to the known values ({', '.join(filter(None, ENUMS[wanted.kind]))})")
    return ABSENT if value == zero(wanted) and not wanted.optional else value


def encode(wanted: Type, value: Any) -> Any:
    """Return a scalar as it is written."""
    if wanted.kind == "mode":
        return Plain(f"0o{value:o}")
    if wanted.kind == "disksize" and value % 1000 == 0 and parse_bytes(format_bytes(value)) == value:
        return format_bytes(value)
    return value
