# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of node labels, annotations and taints, in Talos' words (``pkg/machinery/labels``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_RESERVED = ("talos.dev/owned-annotations", "talos.dev/owned-labels", "talos.dev/owned-taints")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def name_problem(text: str) -> str:
    """Say what is wrong with a qualified name (``prefix/name``)."""
    parts = text.split("/")
    if len(parts) > 2:
        return f'invalid format: too many slashes: "{text}"'
    name = parts[-1]
    if len(parts) == 2:
        prefix = parts[0]
        if not prefix:
            return f'prefix cannot be empty: "{text}"'
        if len(prefix) > 253:
            return f'prefix "{prefix}" is invalid: domain name length exceeds limit of 253: "{prefix}"'
        if not _DOMAIN.fullmatch(prefix):
            return f'prefix "{prefix}" is invalid: domain doesn\'t match required format: "{prefix}"'
    if not name:
        return f'name cannot be empty: "{text}"'
    if len(name) > 63:
        return f'name is too long: "{text}" (limit is 63)'
    return "" if _NAME.fullmatch(name) else f'name "{name}" is invalid'


def _value_problem(text: str) -> str:
    if len(text) > 63:
        return f'label value length exceeds limit of 63: "{text}"'
    return "" if not text or _NAME.fullmatch(text) else f'label value "{text}" is invalid'


def validate_labels(labels: Mapping[str, str]) -> list[str]:
    """Return what is wrong with node labels."""
    problems = [problem for key in sorted(labels) for problem in (name_problem(key), _value_problem(labels[key]))]
    return [problem for problem in problems if problem]


def validate_annotations(annotations: Mapping[str, str]) -> list[str]:
    """Return what is wrong with node annotations."""
    problems: list[str] = []
    for key in sorted(annotations):
        problems.append(name_problem(key))
        problems.append(f'annotation "{key}" is reserved' if key in _RESERVED else "")
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > 256 * 1024:
        problems.append("total annotation size exceeds limit of 262144 bytes")
    return [problem for problem in problems if problem]


def validate_taints(taints: Mapping[str, str]) -> list[str]:
    """Return what is wrong with node taints (``key: value:effect``)."""
    problems: list[str] = []
    for key in sorted(taints):
        problems.append(name_problem(key))
        value, colon, effect = taints[key].partition(":")
        if not colon:
            value, effect = "", value
        problems.append(_value_problem(value))
        problems.append("" if effect in _EFFECTS else f'invalid taint effect: "{effect}"')
    return [problem for problem in problems if problem]
