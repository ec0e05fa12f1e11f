# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of CEL that volume selectors use: comparisons, logic, ``glob()``, units and unsigned numbers.

``disk.model == "Portable SSD T5" && !system_disk``, ``disk.size > 120u * GB``. The expression is rewritten to a Python
syntax tree of which only a handful of node types are evaluated.
"""

from __future__ import annotations

import ast
import fnmatch
import operator
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|&&|\|\||!=|==|<=|>=|\d+u?|[A-Za-z_][\w.]*|\S)""")
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50, "EiB": 2**60}
_UNITS |= {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}
_COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
}
_BINARY = {ast.Mult: operator.mul, ast.Add: operator.add, ast.Sub: operator.sub, ast.Div: operator.floordiv}
_WORDS = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}


class CelError(ValueError):
    """An expression outside of what is understood."""


def parse(expression: str) -> ast.expr:
    """The syntax tree.

    :raises CelError: when it cannot be read.
    """
    text = ""
    for token in _TOKEN.findall(expression):
        text += _WORDS.get(token, token[:-1] if re.fullmatch(r"\d+u", token) else token) + " "
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise CelError(f"Syntax error in {expression!r}") from error


FIELDS: dict[str, type] = {
    **dict.fromkeys(("size", "io_size", "sector_size"), int),
    **dict.fromkeys(("readonly", "cdrom", "rotational"), bool),
    **dict.fromkeys(("dev_path", "model", "serial", "modalias", "wwid", "uuid", "bus_path", "sub_system"), str),
    **dict.fromkeys(("transport", "pretty_size"), str),
    **dict.fromkeys(("secondary_disks", "symlinks"), list),
}
"""The fields of ``disk`` in an expression (``Disks`` resources' YAML keys)."""
_CEL_NAMES = {int: "uint", bool: "bool", str: "string", list: "list(string)"}


def problem(expression: str) -> str:
    """What cel-go would say of an expression for disks, empty when it is a good boolean one."""
    try:
        tree = parse(expression)
    except CelError:
        return _pointed(
            expression,
            len(expression) + 1,
            "Syntax error: mismatched input '<EOF>' expecting {'[', '{', "
            "'(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
            "IDENTIFIER}",
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "disk":
            if node.attr not in FIELDS:
                column = expression.find("." + node.attr) + 1
                return _pointed(expression, column, f"undefined field '{node.attr}'")
        elif isinstance(node, ast.Name) and node.id not in ("disk", "system_disk", "glob", *_UNITS):
            column = expression.find(node.id) + 1
            return _pointed(expression, column, f"undeclared reference to '{node.id}' (in container '')")
    if isinstance(tree, ast.Attribute) and FIELDS[tree.attr] is not bool:
        return f"expression output type is {_CEL_NAMES[FIELDS[tree.attr]]}, expected bool"
    if isinstance(tree, ast.Constant) and not isinstance(tree.value, bool):
        return f"expression output type is {'string' if isinstance(tree.value, str) else 'int'}, expected bool"
    return ""


def _pointed(expression: str, column: int, text: str) -> str:
    return f"ERROR: <input>:1:{column}: {text}\n | {expression}\n | {'.' * (column - 1)}^"


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a tree.

    :raises CelError: for unknown names and constructs.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in _UNITS:
            return _UNITS[node.id]
        if node.id in names:
            return names[node.id]
        raise CelError(f"undeclared reference to '{node.id}'")
    if isinstance(node, ast.Attribute):
        holder = evaluate(node.value, names)
        if isinstance(holder, Mapping) and node.attr in holder:
            return holder[node.attr]
        raise CelError(f"undefined field '{node.attr}'")
    if isinstance(node, ast.BoolOp):
        values = [bool(evaluate(value, names)) for value in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not evaluate(node.operand, names)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        compare: Any = _COMPARE.get(type(node.ops[0]))
        if compare is not None:
            return compare(evaluate(node.left, names), evaluate(node.comparators[0], names))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        binary: Any = _BINARY[type(node.op)]
        return binary(evaluate(node.left, names), evaluate(node.right, names))
    if isinstance(node, ast.List):
        return [evaluate(item, names) for item in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "glob":
        pattern, value = (evaluate(argument, names) for argument in node.args)
        return fnmatch.fnmatchcase(str(value), str(pattern))
    raise CelError("found no matching overload")


def matches(expression: str, names: Mapping[str, Any]) -> bool:
    """Whether the expression holds; one that cannot be evaluated matches nothing."""
    try:
        return bool(evaluate(parse(expression), names))
    except (CelError, TypeError, ValueError):
        return False
