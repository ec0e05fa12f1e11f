# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of CEL in which Talos' disk selectors are written, parsed, type-checked and evaluated.

``disk.<key>``, ``system_disk``, comparisons, ``&&``, ``||``, ``!``, ``in`` with a list, arithmetic, parentheses, size
units (``120u * GB``), ``glob(pattern, text)`` and the string methods ``startsWith``, ``endsWith`` and ``contains``.
What CEL would refuse raises :class:`CelInvalid`; what CEL knows and this module does not raises
:class:`CelUnsupported`, so that a caller can say that it does not judge.

Source: siderolabs/talos v1.10.5 ``pkg/machinery/cel/celenv`` (environment, units, glob) and the CEL specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: Fields of ``disk`` and their types (``api/resource/definitions/block`` ``DiskSpec``).
FIELDS: dict[str, str] = {
    **dict.fromkeys(("size", "io_size", "sector_size"), "uint"),
    **dict.fromkeys(("readonly", "rotational", "cdrom"), "bool"),
    **dict.fromkeys(("model", "serial", "modalias", "wwid", "uuid", "bus_path", "sub_system"), "string"),
    **dict.fromkeys(("transport", "dev_path", "pretty_size"), "string"),
    **dict.fromkeys(("secondary_disks", "symlinks"), "list"),
}

UNITS: dict[str, int] = {
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGTPE", start=1)},
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGTPE", start=1)},
}

_ZERO: dict[str, Any] = {"uint": 0, "bool": False, "string": "", "list": []}


class CelError(Exception):
    """An expression that cannot be judged."""


class CelInvalid(CelError):
    """CEL refuses the expression: syntax or types."""


class CelUnsupported(CelError):
    """CEL may take the expression; this subset does not hold it."""


@dataclass(frozen=True)
class Expression:
    """A checked expression of type bool."""

    text: str
    run: Callable[[Mapping[str, Any], bool], bool]

    def matches(self, disk: Mapping[str, Any], *, system_disk: bool = False) -> bool:
        """Evaluate for one disk.

        :param disk: the ``spec`` of a ``Disks.block.talos.dev`` resource; a missing key is its zero value.
        :param system_disk: whether it is the node's system disk.
        :raises CelInvalid: a number over- or underflows.
        """
        return self.run(disk, system_disk)


@dataclass(frozen=True)
class _Term:
    type: str
    run: Callable[[Mapping[str, Any], bool], Any]


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<triple>[rRbB]{0,2}(?:'{3}|"{3}))
    | (?P<string>[rR]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    | (?P<bytes>[bB][rR]?['"])
    | (?P<number>(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<op>&&|\|\||==|!=|<=|>=|[<>!+\-*/%()\[\],.?:{}])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def glob(pattern: str, text: str) -> bool:
    """Match as Talos does: only ``*`` is special (github.com/ryanuber/go-glob)."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def parse(text: str) -> Expression:
    """Return the checked expression.

    :raises CelInvalid: syntax error, unknown name, types that do not fit, or no bool.
    :raises CelUnsupported: outside the subset.
    """
    parser = _Parser(_tokens(text))
    term = parser.either()
    if parser.peek()[1] in ("?", "{"):
        raise CelUnsupported(f"the operator {parser.peek()[1]} is outside of what is judged here")
    if parser.peek()[0] != "end":
        raise CelInvalid(f"Syntax error: unexpected '{parser.peek()[1]}'")
    if term.type != "bool":
        raise CelInvalid(f"expression output type is {term.type}, expected bool")
    return Expression(text, term.run)


def _tokens(text: str) -> list[tuple[str, str]]:
    result: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise CelInvalid(f"Syntax error: token recognition error at: '{text[position:].strip()[:10]}'")
        if match.lastgroup in ("triple", "bytes"):
            raise CelUnsupported("triple-quoted and byte strings are outside of what is judged here")
        result.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return [*result, ("end", "<EOF>")]


class _Parser:
    """Recursive descent over the tokens; every method returns a checked term."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def peek(self) -> tuple[str, str]:
        """Return the next token without taking it."""
        return self.tokens[self.at]

    def take(self, *texts: str) -> str | None:
        """Take the next operator when it is one of ``texts``."""
        kind, text = self.peek()
        if kind in ("op", "name") and text in texts:
            self.at += 1
            return text
        return None

    def need(self, text: str) -> None:
        """Take an operator that must stand here."""
        if not self.take(text):
            raise CelInvalid(f"Syntax error: expected '{text}' before '{self.peek()[1]}'")

    def either(self) -> _Term:
        """``a || b``"""
        term = self.both()
        while self.take("||"):
            term = _logic("||", term, self.both())
        return term

    def both(self) -> _Term:
        """``a && b``"""
        term = self.relation()
        while self.take("&&"):
            term = _logic("&&", term, self.relation())
        return term

    def relation(self) -> _Term:
        """``a == b``, ``a in [b]``"""
        term = self.sum()
        while operator := self.take("==", "!=", "<=", ">=", "<", ">", "in"):
            term = _contained(term, self.sum()) if operator == "in" else _compare(operator, term, self.sum())
        return term

    def sum(self) -> _Term:
        """``a + b``"""
        term = self.product()
        while operator := self.take("+", "-"):
            term = _arithmetic(operator, term, self.product())
        return term

    def product(self) -> _Term:
        """``a * b``"""
        term = self.unary()
        while operator := self.take("*", "/", "%"):
            term = _arithmetic(operator, term, self.unary())
        return term

    def unary(self) -> _Term:
        """``!a``, ``-a``"""
        self.depth += 1
        if self.depth > 100:
            raise CelUnsupported("the expression is nested too deeply")
        try:
            if self.take("!"):
                term = self.unary()
                if term.type != "bool":
                    raise _no_overload("!_", term)
                return _Term("bool", lambda disk, system: not term.run(disk, system))
            if self.take("-"):
                term = self.unary()
                if term.type not in ("int", "double"):
                    raise _no_overload("-_", term)
                return _Term(term.type, lambda disk, system: -term.run(disk, system))
            return self.member()
        finally:
            self.depth -= 1

    def member(self) -> _Term:
        """``a.b``, ``a.f(b)``"""
        term = self.primary()
        while self.take("."):
            kind, name = self.peek()
            self.at += 1
            if kind != "name":
                raise CelInvalid(f"Syntax error: unexpected '{name}'")
            term = self.method(term, name) if self.take("(") else _field(term, name)
        if self.peek()[1] == "[":
            raise CelUnsupported("indexing is outside of what is judged here")
        return term

    def primary(self) -> _Term:
        """A literal, a name, a call, a list or a parenthesis."""
        kind, text = self.peek()
        self.at += 1
        if kind == "string":
            value = _unquote(text)
            return _Term("string", lambda *_: value)
        if kind == "number":
            return _number(text)
        if text == "(":
            term = self.either()
            if self.peek()[1] == "?":
                raise CelUnsupported("the operator ? is outside of what is judged here")
            self.need(")")
            return term
        if text == "[":
            return self.list()
        if text == "{":
            raise CelUnsupported("maps are outside of what is judged here")
        if kind == "name":
            return self.call(text) if self.take("(") else _name(text)
        raise CelInvalid(f"Syntax error: unexpected '{text}'")

    def arguments(self, end: str) -> list[_Term]:
        """The terms up to ``end``, which is taken."""
        terms: list[_Term] = []
        if self.take(end):
            return terms
        while True:
            terms.append(self.either())
            if self.take(end):
                return terms
            self.need(",")

    def list(self) -> _Term:
        """``[a, b]``"""
        items = self.arguments("]")
        if len({item.type for item in items}) > 1:
            raise CelUnsupported("lists of mixed types are outside of what is judged here")
        return _Term(
            f"list({items[0].type})" if items else "list",
            lambda disk, system: [item.run(disk, system) for item in items],
        )

    def call(self, name: str) -> _Term:
        """``glob(pattern, text)``"""
        if name != "glob":
            raise CelUnsupported(f"the function {name}() is outside of what is judged here")
        arguments = self.arguments(")")
        if [term.type for term in arguments] != ["string", "string"]:
            raise _no_overload("glob", *arguments)
        pattern, text = arguments
        return _Term("bool", lambda disk, system: glob(pattern.run(disk, system), text.run(disk, system)))

    def method(self, target: _Term, name: str) -> _Term:
        """``text.startsWith(prefix)``"""
        methods: dict[str, Callable[[str, str], bool]] = {
            "startsWith": str.startswith,
            "endsWith": str.endswith,
            "contains": str.__contains__,
        }
        if name not in methods:
            raise CelUnsupported(f"the method {name}() is outside of what is judged here")
        arguments = self.arguments(")")
        if target.type != "string" or [term.type for term in arguments] != ["string"]:
            raise _no_overload(name, target, *arguments)
        return _Term(
            "bool", lambda disk, system: methods[name](target.run(disk, system), arguments[0].run(disk, system))
        )


def _no_overload(operator: str, *terms: _Term) -> CelInvalid:
    return CelInvalid(f"found no matching overload for '{operator}' applied to '({', '.join(t.type for t in terms)})'")


def _unquote(text: str) -> str:
    if text[0] in "rR":
        return text[2:-1]

    def replace(match: re.Match[str]) -> str:
        body = match.group(1)
        if body[0] in "xXuU" and len(body) > 1:
            return chr(int(body[1:], 16))
        if body[0] in "01234567" and len(body) == 3:
            return chr(int(body, 8))
        if body in _ESCAPES:
            return _ESCAPES[body]
        if body in "\\?\"'`":
            return body
        raise CelInvalid(f"Syntax error: unknown escape \\{body}")

    return re.sub(r"\\([xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|[0-3][0-7]{2}|.)", replace, text[1:-1])


def _number(text: str) -> _Term:
    body, unsigned = text.rstrip("uU"), text[-1] in "uU"
    if "." in body or ("e" in body.lower() and not body.lower().startswith("0x")):
        if unsigned:
            raise CelInvalid(f"Syntax error: unexpected '{text}'")
        number = float(body)
        return _Term("double", lambda *_: number)
    value = int(body, 16) if body.lower().startswith("0x") else int(body)
    if value >= (2**64 if unsigned else 2**63):
        raise CelInvalid(f"Syntax error: invalid {'uint' if unsigned else 'int'} literal")
    return _Term("uint" if unsigned else "int", lambda *_: value)


def _name(name: str) -> _Term:
    if name in ("true", "false"):
        return _Term("bool", lambda *_: name == "true")
    if name == "system_disk":
        return _Term("bool", lambda _disk, system: system)
    if name == "disk":
        return _Term("disk", lambda disk, _system: disk)
    if name in UNITS:
        return _Term("uint", lambda *_: UNITS[name])
    if name in ("null", "has", "in"):
        raise CelUnsupported(f"{name} is outside of what is judged here")
    raise CelInvalid(f"undeclared reference to '{name}' (in container '')")


def _field(target: _Term, name: str) -> _Term:
    if target.type != "disk":
        raise CelInvalid(f"type '{target.type}' does not support field selection")
    if name not in FIELDS:
        raise CelInvalid(f"undefined field '{name}'")
    kind = FIELDS[name]
    default = _ZERO[kind]
    return _Term(
        "list(string)" if kind == "list" else kind,
        lambda disk, system: default if target.run(disk, system).get(name) is None else target.run(disk, system)[name],
    )


def _logic(operator: str, left: _Term, right: _Term) -> _Term:
    if left.type != "bool" or right.type != "bool":
        raise _no_overload(f"_{operator}_", left, right)
    if operator == "&&":
        return _Term("bool", lambda disk, system: left.run(disk, system) and right.run(disk, system))
    return _Term("bool", lambda disk, system: left.run(disk, system) or right.run(disk, system))


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _compare(operator: str, left: _Term, right: _Term) -> _Term:
    ordered = left.type in ("uint", "int", "double", "string", "bool")
    lists = left.type.startswith("list") and right.type.startswith("list") and "list" in (left.type, right.type)
    same = left.type == right.type or lists
    if not same or (operator not in ("==", "!=") and not ordered):
        raise _no_overload(f"_{operator}_", left, right)
    compare = _COMPARE[operator]
    return _Term("bool", lambda disk, system: compare(left.run(disk, system), right.run(disk, system)))


def _contained(left: _Term, right: _Term) -> _Term:
    if right.type not in (f"list({left.type})", "list"):
        raise _no_overload("@in", left, right)
    return _Term("bool", lambda disk, system: left.run(disk, system) in right.run(disk, system))


def _arithmetic(operator: str, left: _Term, right: _Term) -> _Term:
    kind = left.type
    allowed = {"+": ("uint", "int", "double", "string"), "%": ("uint", "int")}.get(operator, ("uint", "int", "double"))
    if kind != right.type or kind not in allowed:
        raise _no_overload(f"_{operator}_", left, right)

    def run(disk: Mapping[str, Any], system: bool) -> Any:
        return _calculate(operator, kind, left.run(disk, system), right.run(disk, system))

    return _Term(kind, run)


def _calculate(operator: str, kind: str, a: Any, b: Any) -> Any:
    if operator in "/%" and b == 0:
        raise CelInvalid("division by zero" if operator == "/" else "modulus by zero")
    if operator == "+":
        value = a + b
    elif operator == "-":
        value = a - b
    elif operator == "*":
        value = a * b
    elif kind == "double":
        value = a / b
    else:  # Go truncates towards zero
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        value = quotient if operator == "/" else a - quotient * b
    limits = {"uint": (0, 2**64), "int": (-(2**63), 2**63)}.get(kind)
    if limits and not limits[0] <= value < limits[1]:
        raise CelInvalid(f"{'unsigned ' if kind == 'uint' else ''}integer overflow")
    return value
