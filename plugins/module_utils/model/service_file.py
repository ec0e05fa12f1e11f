# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One more entry at the end of a list in a YAML file, every other line as it is. Pure.

A YAML library that writes files forgets comments, quotes and order. So the file is parsed only to learn where the list
ends; the entry's lines are put there, and the result is parsed again and compared before anybody writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError

try:
    import yaml
except ImportError:  # the import tests of ansible-test run without it
    yaml = None  # type: ignore[assignment]


def insert(text: str, variable: str, entry: Mapping[str, Any], path: str = "") -> str:
    """Return the file's text with ``entry`` as the last one of the list ``variable``.

    :param path: the file's name, for messages.
    :raises InputError: the list cannot be told, is not written as a block, or has an entry of that name.
    """
    node = _list(text, variable, path)
    known: list[Any] = _load(text, path).get(variable) or []
    if any(isinstance(item, Mapping) and item.get("name") == entry.get("name") for item in known):
        raise InputError(f"{variable} has an entry called {entry.get('name')}", target=path, param="entry")
    lines = text.splitlines()
    column = node.start_mark.column
    after = _last_line(node, lines) + 1
    made = rendered(entry, column)
    found = "\n".join([*lines[:after], *made, *lines[after:]]) + "\n"
    again = _load(found, path)
    if again.get(variable) != [*known, dict(entry)] or {**again, variable: None} != {
        **_load(text, path),
        variable: None,
    }:
        raise _refused(variable, path, "the entry would not be read back as it is")
    return found


def rendered(entry: Mapping[str, Any], column: int = 0) -> list[str]:
    """Return the lines of one entry, a key each."""
    found = []
    for number, (key, value) in enumerate(entry.items()):
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
        lead = "- " if number == 0 else "  "
        found.append(f"{' ' * column}{lead}{key}: {text.removesuffix(chr(10)).removesuffix(chr(10) + '...')}")
    return found


def _list(text: str, variable: str, path: str) -> Any:
    """Return the list's node.

    :raises InputError: it is not there, or not written as a block.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _refused(variable, path, f"it cannot be parsed ({str(error).splitlines()[0]})") from error
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for key, value in pairs if getattr(key, "value", None) == variable), None)
    if node is None:
        raise _refused(variable, path, f"it does not define {variable}")
    if not isinstance(node, yaml.SequenceNode):
        raise _refused(variable, path, "it is not written out as a list there")
    if node.flow_style or not node.value:
        raise _refused(variable, path, "the list is empty or stands in brackets; begin it with a first entry by hand")
    return node


def _last_line(node: Any, lines: list[str]) -> int:
    """Return the number of the last line that belongs to a node, without the comments and blank lines after it."""
    last = 0
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, yaml.ScalarNode) or getattr(one, "flow_style", False):
            end = one.end_mark.line
            # The end of a block scalar is the beginning of what follows it.
            last = max(last, end if one.end_mark.column else end - 1)
        elif isinstance(one, yaml.MappingNode):
            waiting += [part for pair in one.value for part in pair]
        else:
            waiting += one.value
    last = min(last, len(lines) - 1)
    while last > node.start_mark.line and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
        last -= 1
    return last


def _load(text: str, path: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _refused("the list", path, f"it cannot be parsed ({str(error).splitlines()[0]})") from error
    return found if isinstance(found, dict) else {}


def _refused(variable: str, path: str, why: str) -> InputError:
    return InputError(
        f"no entry can be added to {variable} without rewriting the file",
        target=path,
        answer=why,
        remedy="Add the entry by hand; nothing was written",
        param="path",
    )
