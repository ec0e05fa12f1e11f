# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of the documents beside v1alpha1, in Talos' words (``pkg/machinery/config/types/*``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from . import cel
from .documents import Document
from .scalars import parse_bytes, parse_duration

Body = Mapping[str, Any]


def validate_document(document: Document) -> str:
    """Return what is wrong with one document, several findings on lines of their own; empty when nothing is."""
    rule = _RULES.get(document.kind)
    return rule(document.body) if rule else ""


def _name(body: Body) -> str:
    return "" if body.get("name") else "name is required"


def _user_volume(body: Body) -> str:
    name = str(body.get("name", ""))
    problems: list[str] = []
    if not name:
        problems.append("name is required")
    if not 1 <= len(name) <= 34:
        problems.append("name must be between 1 and 34 characters long")
    if re.search(r"[^A-Za-z0-9-]", name):
        problems.append("name can only contain lowercase and uppercase ASCII letters, digits, and hyphens")
    problems += _provisioning(body.get("provisioning") or {}, required=True)
    filesystem = (body.get("filesystem") or {}).get("type", "")
    if filesystem not in ("", "none", "xfs", "ext4"):
        problems.append(f"unsupported filesystem type: {filesystem}")
    problems += _encryption(body.get("encryption") or {})
    return "\n".join(problems)


def _provisioning(provisioning: Body, *, required: bool) -> list[str]:
    problems: list[str] = []
    text = (provisioning.get("diskSelector") or {}).get("match")
    if text:
        try:
            cel.parse(text)
        except cel.CelInvalid as error:
            problems.append(f"disk selector is invalid: {error}")
        except cel.CelUnsupported:
            pass  # Talos may take it; the hardware check warns that it is not judged
    elif required:
        problems.append("disk selector is required")
    small, large = provisioning.get("minSize"), provisioning.get("maxSize")
    if small and large and parse_bytes(small) > parse_bytes(large):
        problems.append("min size is greater than max size")
    if required and not small and not large:
        problems.append("min size or max size is required")
    return problems


def _encryption(encryption: Body) -> list[str]:
    provider, keys = encryption.get("provider", "none"), encryption.get("keys") or []
    if provider == "none" and not keys:
        return []
    problems = [] if provider == "luks2" else [f"unsupported encryption provider: {provider}"]
    if not keys:
        problems.append("encryption keys are required")
    slots: set[int] = set()
    for key in keys:
        slot = key.get("slot", 0)
        if slot in slots:
            problems.append(f"duplicate key slot {slot}")
        slots.add(slot)
        if not any(key.get(kind) is not None for kind in ("static", "nodeID", "kms", "tpm")):
            problems.append(f"at least one encryption key type must be specified for slot {slot}")
    return problems


def _volume(body: Body) -> str:
    if body.get("name") not in ("EPHEMERAL", "IMAGECACHE"):
        return 'only ["EPHEMERAL" "IMAGECACHE"] volumes are supported'
    return "\n".join(_provisioning(body.get("provisioning") or {}, required=False))


def _extension(body: Body) -> str:
    name, files = body.get("name"), body.get("configFiles") or []
    if not name:
        return "name is required"
    if not files and not body.get("environment"):
        return f'no config files found for extension "{name}"'
    for file in files:
        if not file.get("content"):
            return f'extension content is required for extension "{name}"'
        if not file.get("mountPath"):
            return f'extension mount path is required for extension "{name}"'
    return ""


def _kmsg(body: Body) -> str:
    if not body.get("name"):
        return "name is required"
    if not body.get("url"):
        return "url is required"
    url = urlsplit(body["url"])
    if url.scheme not in ("tcp", "udp"):
        return "url scheme must be tcp:// or udp://"
    if url.path not in ("", "/"):
        return "url path must be empty"
    return "" if re.search(r":\d+$", url.netloc) else "url port is required"


def _event_sink(body: Body) -> str:
    endpoint = str(body.get("endpoint", ""))
    if ":" not in endpoint:
        return f"event sink endpoint: address {endpoint}: missing port in address"
    return ""


def _watchdog(body: Body) -> str:
    if not body.get("device"):
        return "watchdog device: empty value"
    if body.get("timeout") and parse_duration(body["timeout"]) < 10 * 10**9:
        return "watchdog timeout: minimum value is 10s"
    return ""


def _siderolink(body: Body) -> str:
    if not body.get("apiUrl"):
        return "apiUrl is required"
    url = urlsplit(body["apiUrl"])
    if url.scheme not in ("https", "grpc"):
        return "apiUrl scheme must be https:// or grpc://"
    return "" if url.path in ("", "/") else "apiUrl path must be empty"


def _rule(body: Body) -> str:
    if not body.get("name"):
        return "name is required"
    ports = (body.get("portSelector") or {}).get("ports") or []
    if not ports:
        return "portSelector.ports is required"
    ranges = sorted(_range(port) for port in ports)
    for position, (low, high) in enumerate(ranges):
        if low > high:
            return f"invalid port range: {low}-{high}"
        if position and low <= ranges[position - 1][1]:
            before = ranges[position - 1]
            return f"invalid port range: {low}-{high}, overlaps with {before[0]}-{before[1]}"
    for rule in body.get("ingress") or []:
        if not rule.get("subnet"):
            return "invalid subnet: invalid Prefix"
    return ""


def _range(port: Any) -> tuple[int, int]:
    low, _dash, high = str(port).partition("-")
    return int(low), int(high or low)


_RULES: dict[str, Callable[[Body], str]] = {
    "EthernetConfig": _name,
    "EventSinkConfig": _event_sink,
    "ExtensionServiceConfig": _extension,
    "KmsgLogConfig": _kmsg,
    "NetworkRuleConfig": _rule,
    "SideroLinkConfig": _siderolink,
    "UserVolumeConfig": _user_volume,
    "VolumeConfig": _volume,
    "WatchdogTimerConfig": _watchdog,
}
