#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have items with these fields in a vault of 1Password Connect."""

from __future__ import annotations

DOCUMENTATION = r"""
module: onepassword_item
short_description: Have items with these fields in a vault of 1Password Connect
version_added: 0.1.0
description:
  - Creates items and sets fields, any number of items in one call. Fields that are not named stay as they are.
  - A value that is there is never generated anew. A title that several items have, and a label that several fields
    have, are refused and both are named.
  - After a write the item is read until Connect has synchronised it.
options:
  items:
    description: The items.
    type: list
    elements: dict
    required: true
    suboptions:
      title:
        description: Its exact title.
        type: str
        required: true
      category:
        description: Category of a new item; that of an existing one stays.
        type: str
        choices: [LOGIN, PASSWORD, API_CREDENTIAL, SERVER, DATABASE, SECURE_NOTE, EMAIL_ACCOUNT, SOFTWARE_LICENSE,
                  WIRELESS_ROUTER, CUSTOM]
        default: LOGIN
      tags:
        description: Tags that it must have; further ones stay.
        type: list
        elements: str
        default: []
      fields:
        description: Its fields.
        type: list
        elements: dict
        default: []
        suboptions:
          label:
            description: Label of the field.
            type: str
            required: true
          value:
            description:
              - Its value. Without one, what is there stays, and O(items[].fields[].generate) makes a missing one.
            type: str
          section:
            description: Section of the field.
            type: str
          type:
            description: Type of a new field.
            type: str
            choices: [STRING, EMAIL, CONCEALED, URL, TOTP, DATE, MONTH_YEAR, MENU]
            default: CONCEALED
          generate:
            description: How to make the value when there is none. V({}) is a password of 32 letters and digits.
            type: dict
            suboptions:
              length:
                description: Characters of a password, 1 to 64.
                type: int
              symbols:
                description: Whether a password has C(-_.~) as well.
                type: bool
              hex:
                description: Bytes of a key that is written in hex.
                type: int
              base64:
                description: Bytes of a key that is written in base64.
                type: int
              value:
                description: A fixed value that is no secret, such as a user name.
                type: str
extends_documentation_fragment:
  - homeops.cluster.onepassword
attributes:
  check_mode:
    description: Predicts; of a value that would be generated only its field is told.
    support: full
  diff_mode:
    description: One diff per changed item, values masked.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have a database user, with a password that is made once
  homeops.cluster.onepassword_item:
    url: "{{ connect_url }}"
    token: "{{ connect_token }}"
    vault: Automation
    items:
      - title: PostgreSQL Superuser
        category: DATABASE
        fields:
          - label: username
            value: postgres
            type: STRING
          - label: password
            generate: {length: 40}
"""

RETURN = r"""
results:
  description: One entry per item; never a value.
  returned: always
  type: list
  elements: dict
  contains:
    title:
      description: The title.
      type: str
    action:
      description: created, updated or unchanged.
      type: str
    fields:
      description: Fields that were set.
      type: list
      elements: str
    generated:
      description: Those of them whose value was made here.
      type: list
      elements: str
summary:
  description: Number of items per action.
  returned: always
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.diff import before_after
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.onepassword import generate, item_plan, session
from ..module_utils.onepassword.errors import ItemMissing
from ..module_utils.onepassword.item_plan import Change
from ..module_utils.onepassword.items import Item
from ..module_utils.onepassword.source import ConnectSource

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "items": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "title": {"type": "str", "required": True},
                "category": {"type": "str", "choices": list(item_plan.CATEGORIES), "default": "LOGIN"},
                "tags": {"type": "list", "elements": "str", "default": []},
                "fields": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "label": {"type": "str", "required": True},
                        "value": {"type": "str", "no_log": True},
                        "section": {"type": "str"},
                        "type": {
                            "type": "str",
                            "choices": ["STRING", "EMAIL", "CONCEALED", "URL", "TOTP", "DATE", "MONTH_YEAR", "MENU"],
                            "default": "CONCEALED",
                        },
                        "generate": {"type": "dict", "options": generate.RECIPE},
                    },
                },
            },
        },
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the items; see DOCUMENTATION."""
    if params["source"] != "connect":
        raise InputError(f"the source {params['source']} is read only", remedy="Use source: connect", param="source")
    titles = [str(one["title"]) for one in params["items"]]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise InputError(f"the item {twice[0]!r} is there twice", remedy="Give each item once", param="items")
    with session.connect(params, ctx.progress) as client:
        source = ConnectSource(client, params["vault"])
        # Everything is planned before anything is written, so that a wrong item changes nothing.
        work = [(_found(source, title), one) for title, one in zip(titles, params["items"], strict=True)]
        changes = [(there, item_plan.plan(one, there)) for there, one in work]
        if not ctx.check_mode:
            for there, change in changes:
                _write(source, there, change)
    return _result([change for _there, change in changes], ctx)


def _found(source: ConnectSource, title: str) -> Item | None:
    try:
        return source.find(title)
    except ItemMissing:
        return None


def _write(source: ConnectSource, there: Item | None, change: Change) -> None:
    if not change.changed:
        return
    if change.create is not None:
        body = {**change.create, "vault": {"id": source.vault}}
        written = source.client.create(source.vault, body)
    elif there is not None:
        written = source.client.patch(source.vault, there.id, change.operations)
    source.client.settle(source.vault, str(written["id"]), int(written.get("version") or 0), change.title)
    source.forget(change.title)


def _action(change: Change) -> str:
    return "created" if change.create is not None else "updated" if change.operations else "unchanged"


def _result(changes: list[Change], ctx: Context) -> dict[str, Any]:
    actions = [_action(change) for change in changes]
    result: dict[str, Any] = {
        "changed": any(change.changed for change in changes),
        "results": [
            {"title": change.title, "action": action, "fields": change.labels, "generated": change.generated}
            for change, action in zip(changes, actions, strict=True)
        ],
        "summary": {action: actions.count(action) for action in dict.fromkeys(actions)},
    }
    if ctx.diff_mode:
        result["diff"] = [
            before_after([change.before] if change.before else [], [change.after] if change.after else [], change.title)
            for change in changes
            if change.changed
        ]
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
