# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffs for people: YAML, keys in order, secrets masked so that a change of a secret still shows as a change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any

try:
    import yaml
except ImportError:  # every controller has it; only a look at the imports without Ansible's own does not
    yaml = None  # type: ignore[assignment]

#: Told apart within one run only: the salt never leaves the process, so a mask cannot be compared with a guess.
_SALT = os.urandom(16)


def mask(value: object) -> str:
    """Return a stand-in for a secret: equal secrets look equal within one process, and nothing can be read back."""
    digest = hashlib.blake2b(repr(value).encode(), key=_SALT, digest_size=4).hexdigest()
    return f"<masked {digest}>"


def masked(value: Any, is_secret: Callable[[tuple[str, ...], Any], bool], path: tuple[str, ...] = ()) -> Any:
    """Return a copy of ``value`` in which each leaf for which ``is_secret(path, leaf)`` holds is masked.

    :param path: the keys that lead to ``value``; list positions are written ``"*"``.
    """
    if isinstance(value, dict):
        return {str(key): masked(item, is_secret, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, is_secret, (*path, "*")) for item in value]
    if value not in (None, "") and is_secret(path, value):
        return mask(value)
    return value


def to_yaml(documents: Iterable[Any]) -> str:
    """Return documents as YAML text, keys sorted, separated by ``---``; empty for none."""
    return "---\n".join(
        yaml.safe_dump(document, sort_keys=True, default_flow_style=False, allow_unicode=True, width=160)
        for document in documents
    )


def before_after(before: Iterable[Any], after: Iterable[Any], title: str) -> dict[str, str]:
    """Return the ``diff`` of a module result; Ansible's callbacks turn it into a unified diff."""
    return {
        "before": to_yaml(before),
        "after": to_yaml(after),
        "before_header": title,
        "after_header": title,
    }
