# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key of the inventory a task's argument comes from, for the end of an error message.

A task of a role names the role's variable (``talos_node``), whose default names what a person writes
(``ansible_host``). The texts of the variables are followed as they are written, before templating: no expression is
evaluated, so no secret is read and no lookup runs. It is asked only when a task has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, TemplateError, nodes

#: Where a chain ends: the model's keys, and what Ansible itself reads of a host of the inventory.
_MODEL = "homeops_"
_HOST_KEYS = frozenset({"ansible_connection", "ansible_host", "ansible_port", "ansible_user"})
#: How far variables are followed; the roles' chains have one or two.
_HOPS = 6
#: Every registered result has both.
_RESULT = frozenset({"changed", "failed"})


@dataclass(frozen=True)
class Key:
    """Something that a person can set.

    :param kind: ``inventory``, ``environment`` (a variable of the process) or ``variable`` (of a role or a play).
    :param path: the parts below the variable, as far as the expression names them.
    :param own: whether it is the host's own; another host's may be written elsewhere.
    """

    kind: str
    name: str
    path: tuple[str | int, ...] = ()
    own: bool = True

    def __str__(self) -> str:
        return self.name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)


def keys_of(
    expression: Any, variables: Mapping[str, Any], loop_variables: Iterable[str] = (), *, part: str = ""
) -> list[Key]:
    """Return what sets an expression: keys of the inventory when there are any, otherwise the nearest names.

    :param expression: the argument as the task has it, untemplated; texts in lists and maps count as well.
    :param variables: the task's variables, untemplated.
    :param loop_variables: names that only the task itself gives a value.
    :param part: the key that is asked about, where an expression writes down a map.
    """
    trail = _Trail(variables, frozenset(loop_variables), part)
    found = trail.of(expression, _HOPS) or trail.empty
    for kind in ("inventory", "environment", "variable"):
        chosen = [key for key in found if key.kind == kind]
        if chosen:
            return list(dict.fromkeys(chosen))
    return []


def sentence(keys: Iterable[Key], place: Callable[[Key], str] = lambda key: "") -> str:
    """Return where a value is set, to follow the parameter's name: ``set from homeops_x in the inventory``.

    :param place: says in which line of which file a key of the inventory stands, or nothing.
    """
    listed = list(keys)
    names = ", ".join(f"{key}{f' ({where})' if (where := place(key)) else ''}" for key in listed)
    if not listed:
        return ""
    if listed[0].kind == "inventory":
        return f"set from {names} in the inventory"
    many = "s" if len(listed) > 1 else ""
    return (
        f"set from the environment variable{many} {names}"
        if listed[0].kind == "environment"
        else f"set by the variable{many} {names}"
    )


class _Trail:
    """One walk from an expression to what a person has written.

    :ivar empty: variables met on the way that hold nothing: they set a value only when nothing else does.
    """

    def __init__(self, variables: Mapping[str, Any], skipped: frozenset[str], part: str) -> None:
        self._variables = variables
        self._skipped = skipped
        self._part = part
        self.empty: list[Key] = []

    def of(self, value: Any, hops: int) -> list[Key]:
        """Return the keys that an untemplated value names."""
        if isinstance(value, Mapping):
            return [key for item in value.values() for key in self.of(item, hops)]
        if isinstance(value, (list, tuple)):
            return [key for item in value for key in self.of(item, hops)]
        if not isinstance(value, str) or "{{" not in value:
            return []
        try:
            # The roles' own filters need not be known for this: parsing asks for none.
            tree = Environment(autoescape=True).parse(str(value))
        except TemplateError:
            return []
        return self._children(tree, hops)

    def _children(self, node: nodes.Node, hops: int) -> list[Key]:
        return [key for child in node.iter_child_nodes() for key in self._node(child, hops)]

    def _node(self, node: nodes.Node | None, hops: int) -> list[Key]:
        if isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem)):
            return self._reference(node, hops)
        if isinstance(node, nodes.CondExpr):
            # What decides is not what is given.
            return self._node(node.expr1, hops) + self._node(node.expr2, hops)
        if isinstance(node, nodes.Or):
            return self._node(node.left, hops) or self._node(node.right, hops)
        if isinstance(node, nodes.Filter):
            kept = self._node(node.node, hops)
            if node.name in ("default", "d") and node.args:
                return kept or self._node(node.args[0], hops)
            return kept
        if isinstance(node, nodes.Call):
            return self._call(node, hops)
        if isinstance(node, nodes.Dict):
            asked = [
                pair.value for pair in node.items if isinstance(pair.key, nodes.Const) and pair.key.value == self._part
            ]
            return self._node(asked[0], hops) if asked else self._children(node, hops)
        return self._children(node, hops) if node is not None else []

    def _call(self, node: nodes.Call, hops: int) -> list[Key]:
        if isinstance(node.node, nodes.Getattr):  # a method: of what it is called counts
            return self._node(node.node.node, hops)
        constants = [item.value for item in node.args if isinstance(item, nodes.Const)]
        if isinstance(node.node, nodes.Name) and constants[:1] in (["ansible.builtin.env"], ["env"]):
            return [Key("environment", str(name)) for name in constants[1:2]]
        return [key for item in node.args for key in self._node(item, hops)]

    def _reference(self, node: nodes.Expr, hops: int) -> list[Key]:
        root, path = _path_of(node)
        if not isinstance(root, nodes.Name):
            return self._node(root, hops)
        name, own = root.name, root.name != "hostvars"
        if name == "groups":
            return [Key("inventory", f"the group {path[0]}")] if path and isinstance(path[0], str) else []
        if not own:
            # Another host's variable; which host it is, is in the part before.
            name, path = str(path[1]) if len(path) > 1 else "", path[2:]
        if name.startswith(_MODEL) or name in _HOST_KEYS:
            return [Key("inventory", name, path, own)]
        raw = self._variables.get(name)
        if name not in self._variables or name in self._skipped or not hops or name.startswith("ansible_"):
            return []
        if isinstance(raw, Mapping) and raw.keys() >= _RESULT:
            return []
        if raw is None or (isinstance(raw, (str, list, dict)) and not raw):
            self.empty.append(Key("variable", name, path))
            return []
        return self.of(raw, hops - 1) or [Key("variable", name, path)]


def _path_of(node: nodes.Node) -> tuple[nodes.Node, tuple[str | int, ...]]:
    """Return the innermost node of ``a.b[0]['c']`` and the parts behind it, up to the first that is no constant."""
    parts: list[str | int | None] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        else:
            parts.append(node.arg.value if isinstance(node.arg, nodes.Const) else None)
        node = node.node
    parts.reverse()
    if isinstance(node, nodes.Name) and node.name == "hostvars":
        # The host may be an expression; what is asked of it stands behind.
        parts[:1] = [""]
    known = parts[: parts.index(None)] if None in parts else parts
    return node, tuple(part for part in known if part is not None)
