# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of single values that a model holds; each raises ``Reject`` with words that end "<value> is ..."."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

try:
    import netaddr
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    netaddr = None

from .schema import Leaf, Reject, kind_of, nearest

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")
_VERSION = re.compile(r"v?\d+\.\d+(?:\.\d+)*(?:[-+][0-9A-Za-z.+-]+)?")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+")
_SIZE = re.compile(r"\d+(?:\.\d+)?(?:[KMGTP]i?)?B?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_COMMUNITY = re.compile(r"(\d{1,5}):(\d{1,5})")


def _text(value: Any, wanted: str) -> str:
    if not isinstance(value, str):
        raise Reject(f"{_a(kind_of(value))}, not {wanted}")
    if not value.strip():
        raise Reject(f"empty, needed is {wanted}")
    return value


def _a(word: str) -> str:
    return word if word == "null" else f"a {word}"


def text(wanted: str = "text", claim: str = "") -> Leaf:
    """Any text that is not empty."""

    def accept(value: Any) -> None:
        _text(value, wanted)

    return Leaf(accept, claim)


def pattern(expression: str, wanted: str, claim: str = "") -> Leaf:
    """Text that matches a regular expression as a whole."""
    compiled = re.compile(expression)

    def accept(value: Any) -> None:
        if not compiled.fullmatch(_text(value, wanted)):
            raise Reject(f"not {wanted}")

    return Leaf(accept, claim)


def one_of(*choices: str) -> Leaf:
    """One of a few words."""

    def accept(value: Any) -> None:
        wanted = f"one of {', '.join(choices)}"
        if _text(value, wanted) not in choices:
            raise Reject(f"not {wanted}", nearest(value, choices))

    return Leaf(accept)


def boolean() -> Leaf:
    """True or false."""

    def accept(value: Any) -> None:
        if not isinstance(value, bool):
            raise Reject(f"{_a(kind_of(value))}, not true or false")

    return Leaf(accept)


def number(least: int, most: int, what: str = "a whole number") -> Leaf:
    """A whole number within limits."""

    def accept(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            use = value.strip() if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()) else None
            raise Reject(f"{_a(kind_of(value))}, not {what}", use)
        if not least <= value <= most:
            raise Reject(f"not {what} from {least} to {most}")

    return Leaf(accept)


def cidr(version: int) -> Leaf:
    """A network with its prefix length; whether host bits are set is another question."""
    sample = "10.244.0.0/16" if version == 4 else "fd00:1:2:3::/64"

    def accept(value: Any) -> None:
        wanted = f"an IPv{version} network such as {sample}"
        if not re.fullmatch(r"[0-9A-Fa-f:.]+/[0-9]{1,3}", _text(value, wanted)):
            raise Reject(f"not {wanted}")
        network = _parsed(netaddr.IPNetwork, value, wanted)
        if network.version != version:
            raise Reject(f"an IPv{network.version} network, not {wanted}")

    return Leaf(accept)


def address(*versions: int, claim: str = "") -> Leaf:
    """One IP address without a prefix length; of one of the given versions, of any when none is given."""
    versions = versions or (4, 6)

    def accept(value: Any) -> None:
        wanted = f"an IPv{versions[0]} address" if len(versions) == 1 else "an IP address"
        if "/" in _text(value, wanted):
            raise Reject(f"a network, not {wanted}", value.partition("/")[0])
        if not re.fullmatch(r"[0-9A-Fa-f:.]+", value):
            raise Reject(f"not {wanted}")
        parsed = _parsed(netaddr.IPAddress, value, wanted)
        if parsed.version not in versions:
            raise Reject(f"an IPv{parsed.version} address, not {wanted}")

    return Leaf(accept, claim)


def _parsed(kind: Callable[[str], Any], value: str, wanted: str) -> Any:
    try:
        return kind(value)
    except (netaddr.AddrFormatError, ValueError) as error:
        raise Reject(f"not {wanted}") from error


def san() -> Leaf:
    """An address or a host name, as a certificate can carry it."""
    plain = address()

    def accept(value: Any) -> None:
        name = _text(value, "an address or a host name")
        if not _HOST.fullmatch(name.lower()) and not _NAME.fullmatch(name):
            try:
                plain.accept(value)
            except Reject as reject:
                raise Reject("neither an address nor a host name") from reject

    return Leaf(accept)


def name() -> Leaf:
    """A name that Kubernetes and DNS take as one label."""
    return pattern(_NAME.pattern, "a name of lower-case letters, digits and dashes (at most 63)")


def object_name() -> Leaf:
    """A name that Kubernetes takes for most objects: several labels with dots between them."""
    return pattern(
        r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", "a name of lower-case letters, digits, dashes and dots"
    )


def host() -> Leaf:
    """A full host or zone name."""
    return pattern(_HOST.pattern, "a host name with at least one dot")


def version() -> Leaf:
    """An exact version. A number with a fraction has lost its end (1.20 is read as 1.2), so it must be quoted."""

    def accept(value: Any) -> None:
        if isinstance(value, float):
            raise Reject(
                "a number with a fraction: YAML drops trailing zeros of it, so a version must be quoted", f'"{value}"'
            )
        _text(value, "a version such as v1.2.3")

    return Leaf(accept)


def exact_version(value: str) -> bool:
    """Whether a text names one version and not a range or a moving tag."""
    return bool(_VERSION.fullmatch(value))


def duration() -> Leaf:
    """A duration as Go writes it."""
    return pattern(_DURATION.pattern, "a duration such as 10m or 30s")


def moment(claim: str = "") -> Leaf:
    """A moment that is the same one everywhere (RFC 3339); without a zone each reader would add his own."""

    def accept(value: Any) -> None:
        wanted = 'a moment with its time zone such as "2026-11-28T03:00:00Z", in quotes'
        match = _MOMENT.fullmatch(_text(value, wanted))
        try:
            datetime.datetime.fromisoformat("".join(match.groups()).replace("Z", "+00:00") if match else "")
        except ValueError as error:
            raise Reject(f"not {wanted}") from error

    return Leaf(accept, claim)


def size() -> Leaf:
    """An amount of storage."""
    return pattern(_SIZE.pattern, "an amount such as 20Gi or 1TB")


def community() -> Leaf:
    """A standard BGP community, two numbers up to 65535."""

    def accept(value: Any) -> None:
        wanted = 'a standard community such as "64512:100"'
        if isinstance(value, int) and not isinstance(value, bool):
            # YAML 1.1 reads digits and colons as a number in base 60.
            raise Reject(f"a number: unquoted, YAML reads a community as a sexagesimal number; needed is {wanted}")
        parts = _COMMUNITY.fullmatch(_text(value, wanted))
        if not parts or any(int(part) > 65535 for part in parts.groups()):
            raise Reject(f"not {wanted}")

    return Leaf(accept)
