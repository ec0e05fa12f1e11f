# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of the documents beside the v1alpha1 config. Errors of one document are one item, joined by newlines."""

from __future__ import annotations

import re
from typing import Any

from . import cel, hardware
from .documents import dig

VOLUMES = ("EPHEMERAL", "IMAGECACHE")


def document_errors(document: dict[str, Any]) -> list[str]:
    """The errors of a document: none or one item."""
    check = {
        "UserVolumeConfig": _user_volume,
        "VolumeConfig": _volume,
        "ExtensionServiceConfig": _extension_service,
    }.get(str(document.get("kind")))
    errors = check(document) if check else []
    return ["\n".join(errors)] if errors else []


def _user_volume(document: dict[str, Any]) -> list[str]:
    name = str(document.get("name", ""))
    errors = ["name is required"] if not name else []
    if not 1 <= len(name) <= 34:
        errors.append("name must be between 1 and 34 characters long")
    if re.search(r"[^a-zA-Z0-9-]", name):
        errors.append("name can only contain lowercase and uppercase ASCII letters, digits, and hyphens")
    errors += _provisioning(document, required=True)
    filesystem = str(dig(document, "filesystem.type") or "xfs")
    if filesystem not in ("none", "xfs", "ext4"):
        errors.append(f"unsupported filesystem type: {filesystem}")
    errors += _encryption(document.get("encryption") or {})
    return errors


def _volume(document: dict[str, Any]) -> list[str]:
    if document.get("name") not in VOLUMES:
        quoted = " ".join(f'"{name}"' for name in VOLUMES)
        return [f"only [{quoted}] volumes are supported"]
    return _provisioning(document, required=False)


def _provisioning(document: dict[str, Any], required: bool) -> list[str]:
    errors = []
    expression = dig(document, "provisioning.diskSelector.match")
    if expression:
        problem = cel.problem(str(expression))
        if problem:
            errors.append(f"disk selector is invalid: {problem}")
    elif required:
        errors.append("disk selector is required")
    low, high = dig(document, "provisioning.minSize"), dig(document, "provisioning.maxSize")
    if low and high:
        if hardware.parse_size(str(low)) > hardware.parse_size(str(high)):
            errors.append("min size is greater than max size")
    elif required and not low and not high:
        errors.append("min size or max size is required")
    return errors


def _encryption(spec: dict[str, Any]) -> list[str]:
    provider, keys = str(spec.get("provider") or "none"), spec.get("keys") or []
    if provider == "none" and not keys:
        return []
    errors = [] if provider == "luks2" else [f"unsupported encryption provider: {provider}"]
    if not keys:
        errors.append("encryption keys are required")
    used: set[int] = set()
    for key in keys:
        slot = int(key.get("slot", 0))
        if slot in used:
            errors.append(f"duplicate key slot {slot}")
        used.add(slot)
        if all(key.get(way) is None for way in ("static", "nodeID", "kms", "tpm")):
            errors.append(f"at least one encryption key type must be specified for slot {slot}")
    return errors


def _extension_service(document: dict[str, Any]) -> list[str]:
    name = document.get("name")
    if not name:
        return ["name is required"]
    if not document.get("configFiles") and not document.get("environment"):
        return [f'no config files found for extension "{name}"']
    for file in document.get("configFiles") or []:
        if not file.get("content"):
            return [f'extension content is required for extension "{name}"']
        if not file.get("mountPath"):
            return [f'extension mount path is required for extension "{name}"']
    return []
