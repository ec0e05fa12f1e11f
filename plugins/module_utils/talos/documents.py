# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine config documents: decoded by type as Talos decodes them, encoded in Talos' comment-free form.

A decoded body is a mapping that holds exactly what Go would hold as non-zero: a key is missing when its Go value is the
zero value (``""``, 0, a nil pointer, list or map), and present when it is not - so ``udev: {}`` and no ``udev`` differ
here as they do for the node, and plain equality of two bodies is Go's ``DeepEqual``.

Source: siderolabs/talos v1.10.5 ``pkg/machinery/config/configloader/internal/decoder`` and ``.../container``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError
from . import goyaml, redaction, scalars
from .goyaml import Ordered
from .known_keys import KINDS, Type, fields

ABSENT = scalars.ABSENT


class ConfigError(InputError):
    """The text is no machine config which Talos would take.

    :param text: the finding in Talos' own words (without secrets).
    """

    def __init__(self, text: str, *, param: str = "", target: str = "", remedy: str = "") -> None:
        self.text = text
        super().__init__("the machine config is refused", target=target, answer=text, param=param, remedy=remedy)


@dataclass
class Document:
    """One document of a machine config.

    :param kind: ``""`` for the v1alpha1 document.
    :param body: the decoded content (see the module's text), ``apiVersion`` and ``kind`` included where Talos has them.
    """

    kind: str
    body: Ordered

    @property
    def struct(self) -> str:
        """The name of the struct in ``known_keys``."""
        return KINDS[self.kind]

    @property
    def name(self) -> str:
        """The document's name; empty when its kind has none."""
        return str(self.body.get("name", "")) if self.kind else ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """(apiVersion, kind, name): what a patch is matched on."""
        return str(self.body.get("apiVersion", "")) if self.kind else "", self.kind or "v1alpha1", self.name

    @property
    def label(self) -> str:
        """The document's name for people."""
        return " ".join(part for part in (self.kind or "v1alpha1", self.name) if part)

    def encoded(self) -> Ordered:
        """Return the content as Talos writes it: defaults filled in, empty values left out, keys in order."""
        return encode_struct(self.struct, self.body)


def decode(text: str, *, param: str = "") -> list[Document]:
    """Return the documents of a machine config, the v1alpha1 document first.

    :raises ConfigError: broken YAML, an unknown kind or key, a wrong value type, the same document twice.
    """
    found: list[Document] = []
    try:
        for node in load(text):
            found.append(decode_node(node))
            if sum(1 for other in found if other.identity == found[-1].identity) > 1:
                raise ConfigError("duplicate document {}/{}/{} is not allowed".format(*found[-1].identity))
        if not found:
            raise ConfigError("config not found")
    except ConfigError as error:
        raise ConfigError(error.text, param=param) from error  # pylint: disable=bad-exception-cause
    return ordered(found)


def ordered(documents: Iterable[Document]) -> list[Document]:
    """Return the documents as Talos orders them: v1alpha1 first, the others as they came."""
    return sorted(documents, key=lambda document: bool(document.kind))


def load(text: str) -> list[Any]:
    """Return the root nodes of the documents; empty documents (only comments) are left out."""
    try:
        nodes = [node for node in goyaml.parse(text) if node is not None]
    except goyaml.yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"decode error: yaml: {where}{getattr(error, 'problem', None) or error}") from error
    return [node for node in nodes if not (isinstance(node, goyaml.ScalarNode) and goyaml.scalar(node) is None)]


def find(node: Any, key: str) -> str:
    """Return the text of a top-level key, empty when it is missing or no scalar."""
    if not isinstance(node, goyaml.MappingNode):
        raise ConfigError("expected a mapping node")
    for name, value in node.value:
        if name.value == key:
            return str(value.value) if isinstance(value, goyaml.ScalarNode) else ""
    return ""


def kind_of(node: Any) -> str:
    """Return the kind of a document (``""`` for v1alpha1).

    :raises ConfigError: ``missing kind`` or ``"X" "v1alpha1": not registered``.
    """
    kind, version = find(node, "kind"), find(node, "apiVersion")
    if {name.value for name, _value in node.value} & {"machine", "cluster", "debug", "persist"}:
        version = "v1alpha1"
    if not kind and version == "v1alpha1":
        return ""
    if not kind:
        raise ConfigError("missing kind")
    if kind not in KINDS or version != "v1alpha1":
        raise ConfigError(f'"{kind}" "{version}": not registered')
    return kind


def decode_node(node: Any) -> Document:
    """Return one document.

    :raises ConfigError: with Talos' own text.
    """
    kind = kind_of(node)
    problems: list[str] = []
    body = _struct(KINDS[kind], node, problems)
    if problems:
        raise ConfigError(
            f"error decoding {kind} to {KINDS[kind]}: yaml: unmarshal errors:\n  " + "\n  ".join(problems)
        )
    unknown = unknown_keys(Type("struct", KINDS[kind]), node)
    if unknown is not None:
        # A misspelt key is what this is mostly about, so its name does not tell whether it holds a secret.
        hidden = redaction.texts_masked(unknown)
        raise ConfigError(f"unknown keys found during decoding:\n{goyaml.dump(hidden)}")
    return Document(kind, body)


def unknown_keys(wanted: Type, node: Any) -> Any:
    """Return the part of a node that Talos does not know, None when it knows all."""
    if wanted.kind == "object":
        return None
    unknown: dict[str, Any] = {}
    if isinstance(node, goyaml.MappingNode):
        known = _known(wanted)
        if known is None and wanted.kind != "map":
            return None
        for key, value in node.value:
            inner = wanted.item if known is None else known.get(key.value)
            found = goyaml.free(value) if inner is None else unknown_keys(inner, value)
            if found is not None or inner is None:
                unknown[str(key.value)] = found
    elif isinstance(node, goyaml.SequenceNode) and wanted.item is not None:
        return [item for item in (unknown_keys(wanted.item, child) for child in node.value) if item is not None] or None
    return unknown or None


def _known(wanted: Type) -> dict[str, Type] | None:
    if wanted.kind == "struct":
        return {name: field.type for name, field in fields(wanted.name).items()}
    text = Type("string")
    return {"certkey": {"crt": text, "key": text}, "cert": {"crt": text}, "key": {"key": text}}.get(wanted.kind)


def _struct(struct: str, node: Any, problems: list[str]) -> Ordered:
    known = fields(struct)
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1 if key.start_mark else 0
        if key.value in seen:
            problems.append(f'line {line}: mapping key "{key.value}" already defined at line {seen[key.value]}')
        seen[key.value] = line
        if key.value in known:
            decoded = _value(known[key.value].type, value, problems)
            if decoded is not ABSENT:
                found[key.value] = decoded
    if struct == "ClusterInlineManifest" and "contents" in found:  # as its UnmarshalYAML does
        found["contents"] = found["contents"].lstrip("\t\n\v\f\r")
    return Ordered((name, found[name]) for name in known if name in found)


def _value(wanted: Type, node: Any, problems: list[str]) -> Any:
    """Return the decoded value, ABSENT for Go's zero value."""
    if isinstance(node, goyaml.ScalarNode) and goyaml.scalar(node) is None:
        return ABSENT
    try:
        if wanted.kind in ("struct", "map", "object"):
            if not isinstance(node, goyaml.MappingNode):
                raise scalars.Mismatch(wanted.name or wanted.kind)
            if wanted.kind == "struct":
                body = _struct(wanted.name, node, problems)
                return body if body or wanted.optional else ABSENT
            if wanted.kind == "object":
                return _object(node)
            return {str(key.value): _item(wanted.inner, value, problems) for key, value in node.value}
        if wanted.kind == "list":
            if not isinstance(node, goyaml.SequenceNode):
                raise scalars.Mismatch("list")
            return [_item(wanted.inner, child, problems) for child in node.value]
        return scalars.decode(wanted, node)
    except scalars.Mismatch as error:
        line = node.start_mark.line + 1 if node.start_mark else 0
        problems.append(f"line {line}: {error.text(node)}")
        return ABSENT


def _object(node: Any) -> Any:
    found = goyaml.free(node)
    if goyaml.has_timestamp(found):
        raise scalars.Mismatch("a date stands unquoted in a free-form mapping, on which Talos 1.10 fails: quote it")
    return found or ABSENT


def _item(wanted: Type, node: Any, problems: list[str]) -> Any:
    decoded = _value(wanted, node, problems)
    return zero(wanted) if decoded is ABSENT else decoded


def zero(wanted: Type) -> Any:
    """Return the decoded form of a type's zero value where it cannot be left out (a list item, a map value)."""
    if wanted.optional:
        return None
    if wanted.kind == "struct":
        return Ordered()
    if wanted.kind == "list":
        return []
    return {} if wanted.kind in ("map", "object") else scalars.zero(wanted)


def is_empty(wanted: Type, value: Any) -> bool:
    """Whether Go's ``omitempty`` leaves the value out."""
    if value is ABSENT:
        return True
    if wanted.optional:
        return value is None
    if wanted.kind == "struct":
        known = fields(wanted.name)
        return all(is_empty(known[name].type, item) for name, item in value.items())
    return not value or value == scalars.zero(wanted)


def encode_struct(struct: str, body: dict[str, Any]) -> Ordered:
    """Return a decoded struct as it is written."""
    result = Ordered()
    for name, field in fields(struct).items():
        value = body.get(name, ABSENT)
        if field.omit_empty and is_empty(field.type, value):
            continue
        result[name] = _encode(field.type, zero(field.type) if value is ABSENT else value)
    return result


def _encode(wanted: Type, value: Any) -> Any:
    if value is None:
        return None
    if wanted.kind == "struct":
        return encode_struct(wanted.name, value)
    if wanted.kind == "list":
        return [_encode(wanted.inner, item) for item in value]
    if wanted.kind == "map":
        return {name: _encode(wanted.inner, item) for name, item in value.items()}
    if wanted.kind == "object":
        return value
    return scalars.encode(wanted, value)


def encode(documents: Iterable[Document]) -> str:
    """Return a machine config as text: Talos' comment-free form, documents separated by ``---``."""
    return "---\n".join(goyaml.dump(document.encoded()) for document in ordered(documents))


def v1alpha1(documents: Iterable[Document]) -> Document | None:
    """Return the v1alpha1 document."""
    return next((document for document in documents if not document.kind), None)


def same(left: Iterable[Document], right: Iterable[Document]) -> bool:
    """Whether two machine configs say the same: comments, order of keys and of documents, and empty values aside."""

    def by_identity(documents: Iterable[Document]) -> list[Ordered]:
        return [document.encoded() for document in sorted(documents, key=lambda one: one.identity)]

    return by_identity(left) == by_identity(right)
