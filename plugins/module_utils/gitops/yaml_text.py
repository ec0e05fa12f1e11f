# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML for people: keys in the order of their writer, long texts as blocks, one document after the other."""

from __future__ import annotations

import functools
import json
import textwrap
from collections.abc import Iterable
from typing import Any

try:
    import yaml

    _Base: Any = yaml.SafeDumper
except ImportError:  # ansible-test imports without third-party packages
    yaml = None  # type: ignore[assignment]
    _Base = object


class _Dumper(_Base):
    """Lists indented below their key, as Flux' own documents are."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Never indent a list by nothing."""
        del indentless
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value out wherever it stands."""
        del data
        return True


def _text(dumper: Any, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


if yaml is not None:
    _Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Return one value as YAML."""
    # Most objects are the same at the next rendering; JSON tells whether they are.
    return _dumped(json.dumps(value))


@functools.lru_cache(maxsize=1024)
def _dumped(text: str) -> str:
    dumped = yaml.dump(
        json.loads(text), Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=120
    )
    return str(dumped)


def documents(values: Iterable[Any]) -> str:
    """Return values as documents of one file."""
    return "".join(f"---\n{dump(value)}" for value in values)


def block(value: Any, spaces: int) -> str:
    """Return a map or list to be put right behind a key and its colon: on lines of its own, or `` []`` when empty.

    :param spaces: indentation of the lines.
    """
    if value in ([], {}):
        return f" {json.dumps(value)}"
    return "\n" + textwrap.indent(dump(value).rstrip("\n"), " " * spaces)


def quoted(value: Any) -> str:
    """Return a scalar so that YAML reads the same text, whatever stands in it."""
    return json.dumps(str(value), ensure_ascii=False)
