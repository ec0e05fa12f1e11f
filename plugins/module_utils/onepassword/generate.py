# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that can be made here, because nobody else needs to know them first: passwords, keys, fixed names."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError

#: What a password is made of besides letters and digits: none of them means anything in a URL, a shell or YAML.
SYMBOLS = "-_.~"
#: Length of a password, when the recipe says none; the least that Connect's own recipes have is 1, the most 64.
LENGTH = 32

RECIPE: dict[str, Any] = {
    "length": {"type": "int"},
    "symbols": {"type": "bool"},
    "hex": {"type": "int"},
    "base64": {"type": "int"},
    "value": {"type": "str", "no_log": False},
}


def generate(recipe: Mapping[str, Any]) -> str:
    """Return a new value.

    :param recipe: one of ``value`` (fixed), ``hex`` (bytes), ``base64`` (bytes); else ``length`` and ``symbols`` of a
        password.
    :raises InputError: two kinds at once, or a length that is none.
    """
    given = {key: value for key, value in recipe.items() if value is not None}
    kinds = [key for key in ("value", "hex", "base64", "length") if key in given]
    if len(kinds) > 1 or ("symbols" in given and kinds not in ([], ["length"])):
        raise InputError(
            f"a recipe says {' and '.join(sorted(given))}",
            remedy="Give value, hex, base64, or length with symbols",
            param="items",
        )
    kind = kinds[0] if kinds else "length"
    if kind == "value":
        return str(given["value"])
    count = int(given.get(kind, LENGTH))
    limit = 64 if kind == "length" else 256
    if not 1 <= count <= limit:
        raise InputError(f"a recipe's {kind} is {count}", remedy=f"It is 1 to {limit}", param="items")
    if kind == "hex":
        return secrets.token_hex(count)
    if kind == "base64":
        return base64.b64encode(secrets.token_bytes(count)).decode()
    return _password(count, symbols=bool(given.get("symbols")))


def _password(length: int, *, symbols: bool) -> str:
    """Return a password that has a letter of each case and a digit, where it is long enough."""
    alphabet = string.ascii_letters + string.digits + (SYMBOLS if symbols else "")
    while True:
        found = "".join(secrets.choice(alphabet) for _number in range(length))
        if length < 8 or all(
            any(letter in group for letter in found)
            for group in (string.ascii_lowercase, string.ascii_uppercase, string.digits)
        ):
            return found
