#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare declared 1Password items with what is there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: onepassword_item_info
short_description: Compare declared 1Password items with what is there
version_added: 0.1.0
description:
  - Tells of each declared item whether it is there, with every field that is named, once each, and not empty.
  - Returns names and causes, never a value. Items are read one by one and each once.
options:
  items:
    description: The items.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A short name for reports.
        type: str
      title:
        description: Its exact title.
        type: str
        required: true
      fields:
        description: Labels of the fields that it must have.
        type: list
        elements: str
        default: []
      document:
        description: The item is a file.
        type: bool
        default: false
      generate:
        description: Recipes by field, for what M(homeops.cluster.onepassword_item) could make; only told here.
        type: dict
        default: {}
  required:
    description: Fail when something is missing or ambiguous, naming all of it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.onepassword
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Tell what is missing
  homeops.cluster.onepassword_item_info:
    url: "{{ connect_url }}"
    token: "{{ connect_token }}"
    vault: Automation
    items:
      - title: Cloudflare API Token
        fields: [token]
      - title: tunnel.json
        document: true
"""

RETURN = r"""
report:
  description: One entry per declared item.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The short name.
      type: str
    title:
      description: The title.
      type: str
    state:
      description: ok, missing, field missing or ambiguous.
      type: str
    missing:
      description: Fields that are not there.
      type: list
      elements: str
    would_generate:
      description: Those of them that have a recipe.
      type: list
      elements: str
    left:
      description: Those of them that only a person can provide.
      type: list
      elements: str
    cause:
      description: Why, in sentences.
      type: str
summary:
  description: Number of items per state.
  returned: always
  type: dict
  sample: {ok: 18}
complete:
  description: Whether everything is there.
  returned: always
  type: bool
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.onepassword import report, session
from ..module_utils.onepassword.errors import OnePasswordError

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "items": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str"},
                "title": {"type": "str", "required": True},
                "fields": {"type": "list", "elements": "str", "default": []},
                "document": {"type": "bool", "default": False},
                "generate": {"type": "dict", "default": {}},
            },
        },
        "required": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Compare; see DOCUMENTATION."""
    with session.opened(params, ctx.read_text, ctx.progress) as source:
        rows = report.report(params["items"], source.find)
        name = source.name
    result = {
        "changed": False,
        "report": [row.facts() for row in rows],
        "summary": report.summary(rows),
        "complete": all(row.state == report.OK for row in rows),
    }
    wrong = [cause for row in rows for cause in row.causes]
    if params["required"] and wrong:
        raise OnePasswordError(f"reading {len(rows)} declared items", target=name, answer=" ".join(wrong), facts=result)
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
