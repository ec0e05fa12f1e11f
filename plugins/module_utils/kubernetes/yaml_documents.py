# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as Kubernetes reads it: the values of JSON, nothing silently lost.

As in kubectl (``sigs.k8s.io/yaml``), times stay text, ``12:30`` is no number, keys are text, ``0o644`` is octal, and
text that begins like JSON is read as JSON. Deliberately unlike kubectl, what PyYAML writes unquoted because to it it
is text (``1e3``, ``7e10`` as the head of a git hash, ``y``) stays text, since manifests are often rendered with
``to_yaml``; and a key that stands twice is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

try:
    import yaml

    _Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
except ImportError:  # ansible-test imports without third-party packages
    yaml = None  # type: ignore[assignment]
    _Base = object

from ..common.errors import InputError


class _Loader(_Base):
    """The safe loader with JSON's types."""


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    """Build a mapping with string keys, refusing a key that stands twice."""
    loader.flatten_mapping(node)
    built: dict[str, Any] = {}
    own = {id(key) for key, value in node.value}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a string", key_node.start_mark)
        key = key_node.value
        if key in built and id(key_node) in own and not getattr(node, "merged", False):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        built[key] = loader.construct_object(value_node, deep=True)
    return built


def _merging_mapping(loader: Any, node: Any) -> dict[str, Any]:
    """Tell mappings with a merge key (``<<``) apart: there a second key of the same name is an override."""
    node.merged = any(getattr(key, "tag", "") == "tag:yaml.org,2002:merge" for key, value in node.value)
    return _mapping(loader, node)


if yaml is not None:
    #: JSON's scalars in YAML 1.1 spelling, without times and sexagesimals.
    _INT = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$")
    _FLOAT = re.compile(r"^(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?$")
    _Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("bool", "null", "merge")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    _Loader.add_constructor("tag:yaml.org,2002:map", _merging_mapping)
    _Loader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: _integer(node.value))
    _Loader.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: float(node.value))
    for _tag in ("binary", "timestamp", "set", "omap", "pairs"):
        _Loader.yaml_constructors.pop(f"tag:yaml.org,2002:{_tag}", None)


def _integer(text: str) -> int:
    """Read an integer of YAML 1.1 (``0644`` is octal) or 1.2 (``0o644``)."""
    text = text.replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits[:1] == "0" and digits[1:2].isdigit():
        digits = f"0o{digits[1:]}"
    return sign * int(digits, 0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a name that stands twice (the YAML reader then tells the line)."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("a name stands twice")
    return built


def _refused(name: str) -> Any:
    """Refuse ``NaN`` and ``Infinity``, which JSON does not have."""
    raise ValueError(name)


def documents(text: str, source: str) -> Iterator[tuple[int, Any]]:
    """Yield ``(line, value)`` for every document of a text that is not empty; lines count from 1.

    :param source: the file's name, for messages.
    :raises InputError: not YAML, naming file and line.
    """
    if yaml is None:
        raise InputError("the Python package PyYAML is missing", remedy="Install it: pip install PyYAML")
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield 1, json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
        except ValueError:
            pass  # YAML's flow style begins alike
        else:
            return
    loader = None
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            value = loader.construct_document(node)
            if value is not None:
                yield node.start_mark.line + 1, value
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
        raise InputError("the manifest is not valid YAML", target=place, answer=str(problem)) from None
    finally:
        if loader is not None:
            loader.dispose()


def reader(text: str) -> Any:
    """Return the loader of a text, for who wants nodes with their lines; it is to be disposed of."""
    return _Loader(text)


def scalar(node: Any) -> Any:
    """Return the value of one scalar node; a tag that Kubernetes does not know leaves the text."""
    kind = node.tag.rpartition(":")[2] if node.tag.startswith("tag:yaml.org,2002:") else "str"
    try:
        if kind == "int":
            return _integer(node.value)
        if kind == "float":
            return float(node.value)
    except ValueError:
        return node.value
    if kind == "bool":
        return node.value.lower() in ("yes", "true", "on")
    return None if kind == "null" else node.value
