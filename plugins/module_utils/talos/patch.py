# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategic merge patches of machine configs, as Talos applies them.

Maps merge, scalars on the right win unless they are zero values, lists are appended except those that are keyed or
replaced, ``$patch: delete`` removes. Because lists append, a patch is not idempotent: patch a freshly generated config,
never the one that a node returns.

Source: siderolabs/talos v1.10.5 ``pkg/machinery/config/{merge,configpatcher}``, ``decoder/{delete,selector}.go``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from . import documents, goyaml, scalars
from .documents import ABSENT, ConfigError, Document, find
from .goyaml import Ordered, Plain
from .known_keys import Type, fields

T = TypeVar("T")

JSON6902 = "JSON6902 patches are not supported for multi-document machine configuration"


@dataclass(frozen=True)
class Deletion:
    """One ``$patch: delete``.

    :param identity: (apiVersion, kind, name) of the document.
    :param path: where; ``[0]`` is a position in a list, empty the whole document.
    :param key: what selects the list item.
    """

    identity: tuple[str, str, str]
    path: tuple[str, ...]
    key: str = ""
    value: str = ""


def apply(base: Sequence[Document], patches: Iterable[Any], *, param: str = "patches") -> list[Document]:
    """Return the documents with the patches applied in order; documents which only a patch has are appended.

    :param patches: mappings or YAML texts (of one or more documents).
    :raises ConfigError: a patch is refused; the message says which one.
    """
    result = [Document(document.kind, copy.deepcopy(document.body)) for document in base]
    loaded = [_named(number, param, load, given) for number, given in enumerate(patches, start=1)]
    for number, steps in enumerate(loaded, start=1):
        for step in steps:
            _named(number, param, _apply_step, result, step)
    return documents.ordered(result)


def _named(number: int, param: str, action: Callable[..., T], *arguments: Any) -> T:
    """Call ``action``; a refusal says which patch it was."""
    try:
        return action(*arguments)
    except ConfigError as error:
        # pylint: disable-next=bad-exception-cause
        raise ConfigError(error.text, target=f"patch {number}", param=param, remedy=error.remedy) from error


def _apply_step(result: list[Document], step: Document | Deletion) -> None:
    if isinstance(step, Deletion):
        _delete(result, step)
    else:
        _merge_document(result, step)


def load(given: Any) -> list[Document | Deletion]:
    """Return the steps of one patch: deletions in the v1alpha1 document first, then documents as they stand.

    :raises ConfigError: unknown keys, a JSON6902 patch, a wrong ``$patch``.
    """
    nodes = documents.load(given) if isinstance(given, str) else [goyaml.to_node(given)]
    steps: list[Document | Deletion] = []
    seen: set[tuple[str, str, str]] = set()
    for node in nodes:
        if isinstance(node, goyaml.SequenceNode):
            raise ConfigError(
                JSON6902, remedy="Write the patch as the part of the config that it changes (strategic merge)"
            )
        deletions: list[Deletion] = []
        emptied = _extract(None, node, (), node, deletions) or _is_empty(node)
        steps.extend(deletions)
        if emptied:
            continue
        document = documents.decode_node(node)
        if document.identity in seen:
            raise ConfigError("duplicate document {}/{}/{} is not allowed".format(*document.identity))
        seen.add(document.identity)
        steps.append(document)
    if not steps:
        raise ConfigError("config not found", remedy="Give the patch as the part of the config that it changes")
    legacy = [step for step in steps if isinstance(step, Deletion) and step.identity[1] == "v1alpha1"]
    config = [step for step in steps if isinstance(step, Document) and not step.kind]
    return [*legacy, *config, *(step for step in steps if step not in legacy and step not in config)]


def _is_empty(node: Any) -> bool:
    names = ("version", "kind", "name")
    return isinstance(node, goyaml.MappingNode) and all(
        isinstance(value, goyaml.ScalarNode) and key.value in names for key, value in node.value
    )


def _extract(parent: Any, node: Any, path: tuple[str, ...], root: Any, found: list[Deletion]) -> bool:
    """Collect the ``$patch: delete`` below a node and take them out; True when the node itself is to go."""
    if isinstance(node, goyaml.MappingNode):
        for key, value in node.value:
            if key.value == "$patch" and isinstance(value, goyaml.ScalarNode) and value.value == "delete":
                found.append(_deletion(parent, node, path, root))
                return True
        before = len(node.value)
        node.value[:] = [
            (key, value) for key, value in node.value if not _extract(node, value, (*path, key.value), root, found)
        ]
        return before > 0 and not node.value
    if isinstance(node, goyaml.SequenceNode):
        before = len(node.value)
        node.value[:] = [
            item for i, item in enumerate(node.value) if not _extract(node, item, (*path, f"[{i}]"), root, found)
        ]
        return before > 0 and not node.value
    return False


def _deletion(parent: Any, node: Any, path: tuple[str, ...], root: Any) -> Deletion:
    in_list = isinstance(parent, goyaml.SequenceNode)
    if not in_list and any(part.startswith("[") for part in path):
        raise ConfigError(f"cannot delete an inner key in '{'.'.join(path)}'")
    version, kind = find(root, "apiVersion"), find(root, "kind")
    for name, value in (("apiVersion", version), ("kind", kind)):
        if not path and not value:
            raise ConfigError(f"missing {name} in document for which $patch: delete is used")
    if bool(version) != bool(kind):
        raise ConfigError(f"kind and apiVersion must be both set for path {'.'.join(path)}")
    identity = (version, kind or "v1alpha1", find(root, "name"))
    if not in_list:
        return Deletion(identity, path)
    for key, value in node.value:
        if key.value != "$patch":
            return Deletion(identity, path, key.value, value.value if isinstance(value, goyaml.ScalarNode) else "")
    raise ConfigError(f"no key:val found in sequence node for path {'.'.join(path)}")


def _delete(result: list[Document], step: Deletion) -> None:
    target = next((document for document in result if document.identity == step.identity), None)
    label = f"{step.identity[0]}/{step.identity[1]}"
    if target is None:
        raise ConfigError(f"patch delete: there is no document {'/'.join(filter(None, step.identity))} to delete from")
    if not step.path:
        if not target.kind:
            raise ConfigError("can't delete the root of the legacy document")
        result.remove(target)
        return
    if not _delete_in(Type("struct", target.struct), target.body, step.path, step):
        path = ".".join(step.path)
        raise ConfigError(
            f"patch delete: path '{path}' in document '{label}': failed to delete path '{path}': lookup failed"
        )


def _delete_in(wanted: Type, value: Any, path: tuple[str, ...], step: Deletion) -> bool:
    head, rest = path[0], path[1:]
    if wanted.kind == "struct" and value is not None:
        field = fields(wanted.name).get(head)
        if field is None or (head in ("apiVersion", "kind") and "kind" in fields(wanted.name)):
            return False
        if not rest:
            value.pop(head, None)
            return True
        return head in value and _delete_in(field.type, value[head], rest, step)
    if wanted.kind == "map" and wanted.item is not None:
        if head not in value:
            return False
        if not rest:
            del value[head]
            return True
        return _delete_in(wanted.item, value[head], rest, step)
    if wanted.kind == "list" and wanted.item is not None and wanted.item.kind == "struct" and not rest:
        field = fields(wanted.item.name).get(step.key)
        if field is None or field.type.optional or field.type.kind != "string":
            return False
        for i, item in enumerate(value):
            if item is not None and item.get(step.key, "") == step.value:
                del value[i]
                return True
    return False


def _merge_document(result: list[Document], step: Document) -> None:
    target = next((document for document in result if document.identity == step.identity), None)
    if target is None:
        result.append(Document(step.kind, copy.deepcopy(step.body)))
    else:
        target.body = _merge_struct(target.struct, target.body, step.body, target.label)


def _merge_struct(struct: str, left: dict[str, Any], right: dict[str, Any], where: str) -> Ordered:
    result = Ordered()
    for name, field in fields(struct).items():
        value = _merge(field.type, left.get(name, ABSENT), right.get(name, ABSENT), field.replace, f"{where}.{name}")
        if value is not ABSENT and not (field.type.kind == "struct" and not field.type.optional and not value):
            result[name] = value
    return result


def _merge(wanted: Type, left: Any, right: Any, replace: bool, where: str) -> Any:
    if wanted.kind in ("bytesize", "cel"):  # these replace even with nothing
        return right
    if wanted.kind == "bool" and not wanted.optional:
        return right
    if wanted.kind == "struct" and not wanted.optional:
        return _merge_struct(wanted.name, left or {}, right or {}, where)
    if right is ABSENT or right is None:
        return left
    if left is ABSENT or left is None or replace:
        return copy.deepcopy(right)
    if wanted.kind == "struct":
        return _merge_struct(wanted.name, left, right, where)
    if wanted.kind == "object":
        return _merge_free(left, right, where)
    if wanted.kind == "list" and wanted.item is not None:
        return _merge_keyed(wanted, left, right, where) if wanted.key else [*left, *copy.deepcopy(right)]
    if wanted.kind == "map" and wanted.item is not None:
        merged = dict(left)
        for name, value in right.items():
            merged[name] = _merge(wanted.item, left.get(name, ABSENT), value, False, f"{where}.{name}")
            if merged[name] is ABSENT:
                merged[name] = value
        return merged
    if wanted.kind == "url" and wanted.optional:
        return _merge_url(left, right)
    if wanted.kind in ("certkey", "cert", "key", "base64", "bool"):
        return right
    return left if right == scalars.zero(wanted) else right


def _merge_keyed(wanted: Type, left: list[Any], right: list[Any], where: str) -> list[Any]:
    item_struct = wanted.inner.name
    result = list(left)
    for item in right:
        position = _position(wanted.key, result, item or {})
        if position is None:
            result.append(copy.deepcopy(item))
        else:
            result[position] = _merge_struct(item_struct, result[position], item, f"{where}.[{position}]")
    return result


def _position(key: str, items: list[Any], wanted: dict[str, Any]) -> int | None:
    if key == "interface" and not wanted.get("interface"):
        key = "deviceSelector"
        if key not in wanted or "physical" in wanted[key]:  # Go compares its pointer, which is never the same
            return None
    return next((i for i, item in enumerate(items) if item is not None and item.get(key) == wanted.get(key)), None)


def _merge_url(left: str, right: str) -> str:
    """Merge two URLs part by part, as Go's ``url.URL`` struct merges."""
    parts = [new or old for old, new in zip(urlsplit(left), urlsplit(right), strict=True)]
    return SplitResult(*parts).geturl()


def _merge_free(left: dict[str, Any], right: dict[str, Any], where: str) -> dict[str, Any]:
    result = dict(left)
    for name, value in right.items():
        old = result.get(name)
        if old is None:
            result[name] = copy.deepcopy(value)
            continue
        if _go_type(old) != _go_type(value):
            raise ConfigError(f"{where}.{name}: merge type mismatch left {_go_type(old)} right {_go_type(value)}")
        if isinstance(value, dict):
            result[name] = _merge_free(old, value, f"{where}.{name}")
        elif isinstance(value, list):
            result[name] = [*old, *copy.deepcopy(value)]
        elif isinstance(value, bool) or value:
            result[name] = value
    return result


def _go_type(value: Any) -> str:
    if value is None:
        return "<nil>"
    for kind, name in (
        (bool, "bool"),
        (int, "int"),
        (float, "float64"),
        (Plain, "time.Time"),
        (str, "string"),
        (list, "[]interface {}"),
    ):
        if isinstance(value, kind):
            return name
    return "map[string]interface {}"
