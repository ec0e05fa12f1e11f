# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown pages of modules and other plugins, from what ``ansible-doc --json`` says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .markdown import code, paragraphs, table, text

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = "homeops.cluster"
NOTE = "<!-- Written by `make docs` from the plugin's own documentation. -->"
#: Kinds of plugins which document themselves: folder below plugins/ and ansible-doc's type -> folder below docs/.
KINDS = {
    "module": "modules",
    "filter": "filters",
    "lookup": "lookups",
    "inventory": "inventories",
    "callback": "callbacks",
}


def folder_of(kind: str) -> Path:
    """Return the folder which holds plugins of ``kind``."""
    return ROOT / "plugins" / ("modules" if kind == "module" else kind)


def names(kind: str) -> list[str]:
    """Return the plugins of a kind: those whose file documents itself (a filter's file may hold several)."""
    found = set()
    for path in folder_of(kind).glob("*"):
        if path.suffix in (".py", ".yml", ".yaml") and path.stem != "__init__" and "DOCUMENTATION" in path.read_text():
            found.add(path.stem)
    return sorted(found)


def ask(kind: str, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Return ansible-doc's answer by plugin name, without the collection's; RuntimeError when one is refused."""
    if not wanted:
        return {}
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--json", "-t", kind]
    answer = subprocess.run(
        [*command, *(f"{COLLECTION}.{name}" for name in wanted)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = json.loads(answer.stdout or "{}")
    documented = {name.rpartition(".")[2]: doc for name, doc in found.items() if "error" not in doc}
    missing = sorted(set(wanted) - set(documented))
    if answer.returncode or missing:
        raise RuntimeError(
            f"ansible-doc -t {kind} does not show {', '.join(missing) or 'them'}: {answer.stderr.strip()}"
        )
    return documented


def page(name: str, kind: str, found: Mapping[str, Any]) -> str:
    """Return the page of one plugin."""
    doc = found["doc"]
    lines = [f"# {COLLECTION}.{name}", "", NOTE, "", text(doc["short_description"]), ""]
    for paragraph in paragraphs(doc.get("description", [])):
        lines += [f"- {paragraph}"]
    rows = list(_options(doc.get("options") or {}))
    if rows:
        lines += ["", "## Options", "", "| option | type | default | what it is |", "|---|---|---|---|", *rows]
    attributes = doc.get("attributes") or {}
    if attributes:
        lines += ["", "## Attributes", "", "| attribute | support | |", "|---|---|---|"]
        for key, value in attributes.items():
            told = " ".join([*paragraphs(value.get("description", "")), *paragraphs(value.get("details", ""))])
            lines.append(table(key, str(value.get("support", "")), told))
    if doc.get("notes"):
        lines += ["", "## Notes", "", *(f"- {note}" for note in paragraphs(doc["notes"]))]
    if found.get("examples"):
        lines += ["", "## Examples", "", "```yaml", str(found["examples"]).strip("\n"), "```"]
    rows = list(_values(found.get("return") or {}))
    if rows:
        title = "Return values" if kind == "module" else "Value"
        lines += ["", f"## {title}", "", "| key | type | returned | what it is |", "|---|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _options(found: Mapping[str, Mapping[str, Any]], parent: str = "") -> Iterator[str]:
    for name, option in sorted(found.items(), key=lambda pair: (not pair[1].get("required"), pair[0])):
        kind = str(option.get("type", "str"))
        if option.get("elements"):
            kind += f" of {option['elements']}"
        default = "required" if option.get("required") else code(option["default"]) if "default" in option else ""
        told = " ".join(paragraphs(option.get("description", "")))
        choices = option.get("choices")
        if choices:
            told += f" One of {', '.join(code(choice) for choice in choices)}."
        yield table(f"`{parent}{name}`", kind, default, told)
        if option.get("suboptions"):
            yield from _options(option["suboptions"], f"{parent}{name}{'[].' if option.get('elements') else '.'}")


def _values(found: Mapping[str, Mapping[str, Any]], parent: str = "") -> Iterator[str]:
    for name, value in found.items():
        kind = str(value.get("type", ""))
        if value.get("elements"):
            kind += f" of {value['elements']}"
        told = " ".join(paragraphs(value.get("description", "")))
        yield table(f"`{parent}{name}`", kind, text(value.get("returned", "")), told)
        if value.get("contains"):
            yield from _values(value["contains"], f"{parent}{name}{'[].' if value.get('elements') else '.'}")
