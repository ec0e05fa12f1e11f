# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of machine configs."""

from __future__ import annotations

from typing import Any

from .documents import Config


class Invalid(Exception):
    """A config that is refused."""


def validate(config: Config, installed: bool) -> list[str]:
    """Static validation; returns warnings."""
    return []


def validate_runtime(node: Any, config: Config, installed: bool) -> list[str]:
    """Validation against the node's hardware."""
    return []
