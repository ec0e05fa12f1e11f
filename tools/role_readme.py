# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's README.md from ``meta/argument_specs.yml`` and ``defaults/main.yml``, and whether the two agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .markdown import code, paragraphs, table

NOTE = "<!-- Written by `make docs` from meta/argument_specs.yml and defaults/main.yml. -->"


@dataclass(frozen=True)
class Role:
    """What a role says about itself.

    :param name: its folder's name.
    :param specs: entry point -> its argument specification, as ``ansible-doc -t role`` reads it.
    :param defaults: variable -> value, unrendered.
    """

    name: str
    specs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first entry point's short description."""
        return str(next(iter(self.specs.values()), {}).get("short_description", "")).strip()


def load(folder: Path) -> Role:
    """Read a role's folder; a file that is missing counts as empty."""

    def mapping(name: str) -> Mapping[str, Any]:
        path = folder / name
        return (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}

    return Role(
        folder.name,
        mapping("meta/argument_specs.yml").get("argument_specs") or {},
        mapping("defaults/main.yml"),
    )


def options(role: Role) -> dict[str, Mapping[str, Any]]:
    """Return the options of every entry point, by name."""
    return {name: option for spec in role.specs.values() for name, option in (spec.get("options") or {}).items()}


def faults(role: Role) -> Iterator[str]:
    """Yield where defaults and argument specification disagree, a sentence each."""
    if not role.specs:
        yield f"roles/{role.name}: meta/argument_specs.yml is missing or empty"
        return
    known = options(role)
    for name in sorted({*role.defaults, *known}):
        if not name.lstrip("_").startswith((f"{role.name}_", "homeops_")):
            yield f"roles/{role.name}: {name} carries neither the role's name nor homeops_ as prefix"
    for name in role.defaults:
        if name not in known:
            yield f"roles/{role.name}: {name} has a default, but argument_specs does not know it"
    for name, option in known.items():
        if option.get("required"):
            if name in role.defaults:
                yield f"roles/{role.name}: {name} is required, yet defaults/main.yml gives it a value"
        elif name not in role.defaults:
            yield f"roles/{role.name}: {name} is neither required nor in defaults/main.yml"
        if "default" in option and name in role.defaults and option["default"] != role.defaults[name]:
            yield f"roles/{role.name}: {name} has two defaults: argument_specs and defaults/main.yml differ"
        if not option.get("description"):
            yield f"roles/{role.name}: {name} has no description"
        if not option.get("type"):
            yield f"roles/{role.name}: {name} has no type"


def page(role: Role) -> str:
    """Return README.md."""
    lines = [f"# {role.name}", "", NOTE, ""]
    for entry, spec in role.specs.items():
        if entry != "main":
            lines += [f"## Entry point `{entry}`", ""]
        for text in (spec.get("short_description"), spec.get("description")):
            lines += [*paragraphs(text), ""] if text else []
        rows = list(_rows(spec.get("options") or {}, role.defaults))
        if rows:
            lines += ["| variable | type | default | what it is |", "|---|---|---|---|", *rows, ""]
    lines += [
        "```yaml",
        "- hosts: all",
        "  gather_facts: false",
        "  roles:",
        f"    - homeops.cluster.{role.name}",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _rows(found: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any], parent: str = "") -> Iterator[str]:
    for name, option in found.items():
        kind = str(option.get("type", "str"))
        if option.get("elements"):
            kind += f" of {option['elements']}"
        if option.get("required"):
            default = "required"
        elif not parent and name in defaults:
            default = code(defaults[name])
        else:
            default = code(option["default"]) if "default" in option else ""
        text = " ".join(paragraphs(option.get("description", "")))
        if option.get("choices"):
            text += f" One of {', '.join(code(choice) for choice in option['choices'])}."
        yield table(f"`{parent}{name}`", kind, default, text)
        if option.get("options"):
            mark = "[]." if option.get("elements") else "."
            yield from _rows(option["options"], {}, f"{parent}{name}{mark}")
