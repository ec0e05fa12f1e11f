# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces of Markdown that the generated pages are made of."""

from __future__ import annotations

import json
from typing import Any

from antsibull_docs_parser.md import to_md
from antsibull_docs_parser.parser import Context, parse


def text(source: Any) -> str:
    """Return Ansible's documentation markup (``O(name)``, ``C(code)``, ``L(text,url)``) as one Markdown paragraph."""
    return to_md([*parse(" ".join(str(source).split()), Context())])


def paragraphs(source: Any) -> list[str]:
    """Return a description, one text or a list of them, as paragraphs."""
    return [text(item) for item in (source if isinstance(source, list) else [source])]


def code(value: Any) -> str:
    """Return a YAML value as inline code, in JSON's notation where that is needed to tell a text from a number."""
    return f"`{value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)}`"


def table(*cells: str) -> str:
    """Return one row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ").strip() for cell in cells) + " |"
