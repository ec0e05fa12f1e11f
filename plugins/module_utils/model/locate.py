# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a value of the model is written: file and line, found in the inventory sources of the run.

Ansible tells a task only values. The files are read once more, as YAML nodes that know their lines, in the order in
which Ansible lets one definition win over another. A variable whose text does not agree with the value of the run came
from elsewhere (``-e``, a play): then nothing is told rather than something wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    import yaml
    from yaml.constructor import SafeConstructor
    from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
except ImportError:  # the import tests of ansible-test run without it; model_check says so at use
    yaml = None  # type: ignore[assignment]

from .schema import Path

#: Whether the library that this needs is there.
AVAILABLE = yaml is not None

#: What Ansible takes for a file of variables (its ``YAML_FILENAME_EXTENSIONS``, and no extension at all).
_EXTENSIONS = ("", ".yml", ".yaml", ".json")
#: Nodes looked at when a variable's text is compared with its value; beyond it they count as equal.
_PATIENCE = 50_000
_TEMPLATED = re.compile(r"\{\{|\{%")
#: A template that is one variable, with or without filters.
_REFERENCE = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*)\s*(?:\|[^{}]*)?\}\}\s*")


@dataclass(frozen=True)
class Place:
    """A line of a file; the file is named from the current directory when it lies in it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Definition:
    """A variable as one file defines it."""

    file: str
    name: Node
    value: Node


class Locator:
    """Finds the places of the values that one host sees.

    :param sources: the inventory sources of the run (``ansible_inventory_sources``): files or directories; others have
        no lines and are passed over.
    :param host: the host whose variables they are.
    :param groups: the inventory's groups with their hosts (``groups``).
    :param templated: whether the values have been templated: then a template agrees with anything. Before, with itself.
    """

    def __init__(
        self,
        sources: Iterable[str] = (),
        host: str = "localhost",
        groups: Mapping[str, Sequence[str]] | None = None,
        *,
        templated: bool = True,
    ) -> None:
        self._templated = templated
        self._definitions: dict[str, Definition] = {}
        self._agreed: dict[str, bool] = {}
        for definition in _definitions(list(sources), host, groups or {}):
            self._definitions[definition.name.value] = definition

    def variable_of(self, whole: str, subject: str) -> str | None:
        """Return the variable to which ``whole.<subject>`` refers, or None when no file says so."""
        definition = self._definitions.get(whole)
        node = child(definition.value, subject) if definition else None
        reference = _REFERENCE.fullmatch(node[1].value) if node and isinstance(node[1], ScalarNode) else None
        return reference.group(1) if reference else None

    def find(self, variable: str, path: Path, value: Any) -> Place | None:
        """Return the place of ``variable``'s element at ``path``, of the nearest element around it when it has none.

        :param value: the whole value of the variable in this run.
        """
        definition = self._definitions.get(variable)
        if definition is None or not self._agrees(variable, definition, value):
            return None
        name, node = definition.name, definition.value
        for part in path:
            found = child(node, part)
            if found is None:
                break
            name, node = found
        return Place(_shown(definition.file), name.start_mark.line + 1)

    def _agrees(self, variable: str, definition: Definition, value: Any) -> bool:
        if variable not in self._agreed:
            self._agreed[variable] = _Comparison(self._templated).equal(definition.value, value)
        return self._agreed[variable]


class _Comparison:
    """Compares YAML nodes with the values of a run; a template of a templated value, or a tag, agrees with anything."""

    def __init__(self, templated: bool) -> None:
        self._templated = templated
        self._left = _PATIENCE
        self._constructor = SafeConstructor()

    def equal(self, node: Node, value: Any) -> bool:
        self._left -= 1
        if self._left <= 0:
            return True
        if isinstance(node, MappingNode):
            return self._equal_map(node, value)
        if isinstance(node, SequenceNode):
            if not isinstance(value, (list, tuple)) or len(value) != len(node.value):
                return False
            return all(self.equal(item, other) for item, other in zip(node.value, value, strict=True))
        if not node.tag.startswith("tag:yaml.org,2002:"):
            return True
        if _TEMPLATED.search(node.value):
            return self._templated or node.value == value
        try:
            return bool(self._constructor.construct_object(node) == value)
        except (yaml.YAMLError, ValueError):
            return True

    def _equal_map(self, node: MappingNode, value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        if any(key.tag == "tag:yaml.org,2002:merge" for key, item in node.value):
            return True
        written = {key.value: item for key, item in node.value if isinstance(key, ScalarNode)}
        given = {str(key): item for key, item in value.items()}
        return written.keys() == given.keys() and all(self.equal(item, given[key]) for key, item in written.items())


def child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """Return (the node that names the element, the element); the last of equal keys wins, as in Ansible."""
    if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, MappingNode):
        for key, item in reversed(node.value):
            if isinstance(key, ScalarNode) and key.value == str(part):
                return key, item
    return None


def _definitions(sources: list[str], host: str, groups: Mapping[str, Sequence[str]]) -> Iterator[Definition]:
    """Yield the variables that ``host`` sees, a later one winning over an earlier one."""
    of_host = [name for name, hosts in groups.items() if name not in ("all", "ungrouped") and host in hosts]
    # A parent group has at least the hosts of each of its children, and the child's variables win.
    ordered = ["all", *sorted(of_host, key=lambda name: (-len(groups[name]), name))]
    bases = [
        (source if os.path.isdir(source) else os.path.dirname(source) or ".")
        for source in sources
        if os.path.exists(source)
    ]
    inventories = [inventory for source in sources for inventory in _inventory_files(source)]
    for group in ordered:
        for file in inventories:
            yield from _inline(file, "vars", group)
        for base in bases:
            yield from _of_folder(os.path.join(base, "group_vars"), group)
    for base in bases:
        yield from _of_folder(os.path.join(base, "host_vars"), host)


def _inventory_files(source: str) -> list[str]:
    if os.path.isfile(source):
        return [source] if source.endswith((".yml", ".yaml")) else []
    if not os.path.isdir(source):
        return []
    return [os.path.join(source, name) for name in sorted(os.listdir(source)) if name.endswith((".yml", ".yaml"))]


def _of_folder(folder: str, name: str) -> Iterator[Definition]:
    """Yield the definitions of ``folder/name`` (a directory, then files of that name)."""
    for path in [os.path.join(folder, name + extension) for extension in _EXTENSIONS]:
        for file in _variable_files(path):
            root = _compose(file)
            if isinstance(root, MappingNode):
                yield from (Definition(file, key, value) for key, value in root.value if isinstance(key, ScalarNode))


def _variable_files(path: str, depth: int = 0) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    # A link to a directory above would go on for ever.
    elif os.path.isdir(path) and depth < 10:
        for name in sorted(os.listdir(path)):
            inner = os.path.join(path, name)
            if name.startswith(".") or name.endswith(("~", ".retry", ".orig", ".bak")):
                continue
            if os.path.isdir(inner) or os.path.splitext(name)[1] in _EXTENSIONS:
                yield from _variable_files(inner, depth + 1)


def _inline(file: str, word: str, group: str) -> Iterator[Definition]:
    """Yield the ``vars`` of a group that stand in a YAML inventory file itself."""
    waiting: list[tuple[Node, int]] = [(root, 0)] if (root := _compose(file)) else []
    while waiting:
        node, depth = waiting.pop()
        for key, value in node.value if isinstance(node, MappingNode) and depth < 20 else []:
            if not isinstance(value, MappingNode):
                continue
            if isinstance(key, ScalarNode) and key.value == group:
                found = child(value, word)
                pairs = found[1].value if found and isinstance(found[1], MappingNode) else []
                yield from (Definition(file, name, item) for name, item in pairs if isinstance(name, ScalarNode))
            children = child(value, "children")
            if children:
                waiting.append((children[1], depth + 1))


def _compose(file: str) -> Node | None:
    """Return a file's nodes; None for a file that is no YAML (Ansible itself has told about it, or it is encrypted)."""
    try:
        with open(file, "rb") as stream:
            return yaml.compose(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeError, yaml.YAMLError, RecursionError):
        return None


def _shown(file: str) -> str:
    """Return a file's name for people: where it really is, from the current directory when it lies below."""
    real, here = os.path.realpath(file), os.path.realpath(os.curdir)
    return os.path.relpath(real, here) if real.startswith(here + os.sep) else real
