# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values of a machine config are secret, for diffs and messages."""

from __future__ import annotations

import re
from typing import Any

from ..common import diff

#: Keys whose value is a secret wherever they stand.
_KEYS = frozenset(
    (
        "token",
        "secret",
        "key",
        "passphrase",
        "password",
        "auth",
        "identityToken",
        "privateKey",
        "apiToken",
        "uniqueToken",
        "aescbcEncryptionSecret",
        "secretboxEncryptionSecret",
    )
)
_NAMED = re.compile(r"(?i)(pass(word|wd|phrase)?|secret|token|credential|api_?key|auth_?key|private_?key)")
_ASSIGNED = re.compile(r"(?i)(pass(word|wd|phrase)?|secret|token|api_?key|auth_?key|private_?key)\S*\s*[=:]")
_USERINFO = re.compile(r"://[^/\s@]+:[^/\s@]+@")
_PEM_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_TEXTS = frozenset(("content", "contents", "environment"))


def is_secret(path: tuple[str, ...], value: Any) -> bool:
    """Whether a leaf of a machine config is a secret.

    Talos' own list (``Redact`` in ``types/v1alpha1``) plus what may hold one: file contents, inline manifests and
    environment variables which assign something that is named like a secret, URLs with a password.

    :param path: the keys that lead to the leaf, list positions as ``*``.
    """
    name = next((part for part in reversed(path) if part != "*"), "")
    if name in _KEYS:
        return True
    if not isinstance(value, str):
        return False
    parent = path[-2] if len(path) > 1 else ""
    if parent in ("env", "extraArgs", "extraTags", "extraManifestHeaders") and (
        _NAMED.search(name) or parent == "extraManifestHeaders"
    ):
        return not value.startswith("/")
    if name in _TEXTS and (_ASSIGNED.search(value) or "kind: Secret" in value):
        return True
    return bool(_USERINFO.search(value) or _PEM_KEY.search(value))


def masked(value: Any) -> Any:
    """Return a copy of a (part of a) document with every secret masked."""
    return diff.masked(value, is_secret)


def texts_masked(value: Any) -> Any:
    """Return a copy of a part whose keys mean nothing to Talos: every text in it is masked."""
    return diff.masked(value, lambda path, leaf: isinstance(leaf, str) or is_secret(path, leaf))
