# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces of Markdown that the generated pages are made of."""

from __future__ import annotations

import json
import re
from typing import Any

#: Ansible's documentation markup: a macro of capitals around an argument in which `)` may be escaped.
_MACRO = re.compile(r"\b(RV|[BCEILMOPRUV])\(((?:[^)\\]|\\.)*)\)")


def text(source: Any) -> str:
    """Return Ansible's documentation markup (``O(name)``, ``C(code)``, ``L(text,url)``) as one Markdown paragraph."""
    return _MACRO.sub(_macro, " ".join(str(source).split()))


def _macro(found: re.Match[str]) -> str:
    kind, argument = found[1], re.sub(r"\\(.)", r"\1", found[2])
    if kind == "L":
        words, _comma, target = argument.rpartition(",")
        return f"[{words.strip()}]({target.strip()})"
    if kind == "R":
        return argument.rpartition(",")[0].strip()
    if kind in ("B", "I"):
        return f"**{argument}**" if kind == "B" else f"*{argument}*"
    if kind == "U":
        return f"<{argument}>"
    if kind in ("O", "RV"):
        # O(namespace.collection.name#type:option=value): whose option it is stands in the sentence around it.
        argument = argument.rpartition("#")[2].partition(":")[2] if "#" in argument else argument
    if kind == "P":
        argument = argument.partition("#")[0]
    return f"`{argument}`"


def paragraphs(source: Any) -> list[str]:
    """Return a description, one text or a list of them, as paragraphs."""
    return [text(item) for item in (source if isinstance(source, list) else [source])]


def code(value: Any) -> str:
    """Return a YAML value as inline code, in JSON's notation where that is needed to tell a text from a number."""
    return f"`{value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)}`"


def table(*cells: str) -> str:
    """Return one row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ").strip() for cell in cells) + " |"
