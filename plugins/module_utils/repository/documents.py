# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML documents of a file, with the line of every value, within the limits of ``limits``.

The reader is the one of the Kubernetes manifests (its types, its refusal of a key that stands twice); what is added is
that nothing in a file can make it run long: nesting is measured before it is followed, and what aliases stand for is
counted before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

try:
    import yaml
except ImportError:  # the import tests of ansible-test run without it; who reads a repository says so at use
    yaml = None  # type: ignore[assignment]

from ..kubernetes import yaml_documents
from ..model import locate
from ..model.schema import Path
from . import limits
from .files import File
from .spot import Fault, Spot, key_text

#: A head of a line that may nest deeper than the limit: blanks, list dashes and question marks.
_DEEP_HEAD = re.compile(rf"^[ \-?]{{{limits.DEPTH},}}", re.M)
_FLOW = re.compile(r"[\[{\]}]")
_MERGE = "tag:yaml.org,2002:merge"


class Refused(ValueError):
    """A document is not taken."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, eq=False)
class Document:
    """One document.

    :param value: plain data: maps with text keys, lists, texts, numbers, booleans, None.
    """

    file: str
    value: Any
    node: Any = field(repr=False)

    def line(self, path: Path = ()) -> int:
        """Return the line of the element at a path, of the nearest one around it when it has none."""
        node, line = self.node, self.node.start_mark.line + 1
        for part in path:
            found = locate.child(node, part)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line

    def spot(self, path: Path = (), title: str = "") -> Spot:
        """Return the place of the element at a path."""
        return Spot(self.file, self.line(path), key_text(path), title)


@dataclass
class Budget:
    """What may still be read of a repository."""

    values: int = limits.ALL_VALUES


def read(file: File, budget: Budget, faults: list[Fault]) -> list[Document]:
    """Return the documents of a file that are not empty; what is wrong with it is added to ``faults``."""
    found: list[Document] = []
    try:
        for node in _nodes(file.text or ""):
            if len(found) >= limits.DOCUMENTS:
                raise Refused(f"only the first {limits.DOCUMENTS} documents are read", node.start_mark.line + 1)
            value = _Builder(budget).build(node)
            if value is not None:
                found.append(Document(file.path, value, node))
    except Refused as refused:
        faults.append(Fault(Spot(file.path, refused.line), str(refused)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
        faults.append(Fault(Spot(file.path, mark.line + 1 if mark else 0), f"is no YAML: {problem}"))
    return found


def _nodes(text: str) -> Iterator[Any]:
    """Yield the node of each document.

    :raises Refused: it nests too deeply.
    """
    if _suspicious(text):
        _measure(text)
    loader = yaml_documents.reader(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _suspicious(text: str) -> bool:
    """Whether a text may nest deeper than the limit; never wrong when it says no."""
    if _DEEP_HEAD.search(text):
        return True
    depth = deepest = 0
    for match in _FLOW.finditer(text):
        depth = depth + 1 if match.group() in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest >= limits.DEPTH


def _measure(text: str) -> None:
    """Follow the events only, which costs no recursion, and stop at the limit."""
    depth = 0
    loader = yaml_documents.reader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                depth += 1
                if depth > limits.DEPTH:
                    mark = event.start_mark
                    raise Refused(f"nests deeper than {limits.DEPTH} levels", mark.line + 1 if mark else 0)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                depth -= 1
    finally:
        loader.dispose()


class _Builder:
    """Makes plain data of nodes; an aliased node is made once and counted as often as it is used."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._made: dict[int, tuple[Any, int, int]] = {}
        self._open: set[int] = set()

    def build(self, node: Any) -> Any:
        value, size, _depth = self._of(node)
        self._budget.values -= size
        return value

    def _of(self, node: Any) -> tuple[Any, int, int]:
        """Return (value, number of values in it, depth)."""
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return yaml_documents.scalar(node), 1, 0
        known = self._made.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise Refused("an anchor holds itself", line)
        self._open.add(id(node))
        made = self._map(node) if isinstance(node, yaml.MappingNode) else self._list(node)
        self._open.discard(id(node))
        _value, size, depth = made
        if size > limits.VALUES:
            raise Refused(f"stands for more than {limits.VALUES} values", line)
        if size > self._budget.values:
            raise Refused(f"the repository has more than {limits.ALL_VALUES} values", line)
        if depth > limits.DEPTH:
            raise Refused(f"nests deeper than {limits.DEPTH} levels", line)
        self._made[id(node)] = made
        return made

    def _list(self, node: Any) -> tuple[list[Any], int, int]:
        items, size, depth = [], 1, 0
        for inner in node.value:
            value, count, below = self._of(inner)
            items.append(value)
            size, depth = size + count, max(depth, below)
            self._within(size, inner)
        return items, size, depth + 1

    def _map(self, node: Any) -> tuple[dict[str, Any], int, int]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        size, depth = 1, 0
        for key, inner in node.value:
            value, count, below = self._of(inner)
            size, depth = size + count, max(depth, below)
            self._within(size, inner)
            if key.tag == _MERGE:
                for part in reversed(value if isinstance(value, list) else [value]):
                    merged.update(part if isinstance(part, dict) else {})
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise Refused("a key is a map or a list", key.start_mark.line + 1)
            if key.value in own:
                raise Refused(f"the key {key.value!r} stands twice", key.start_mark.line + 1)
            own[key.value] = value
        return {**merged, **own}, size, depth + 1

    def _within(self, size: int, node: Any) -> None:
        if size > limits.VALUES:
            raise Refused(f"stands for more than {limits.VALUES} values", node.start_mark.line + 1)
