# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' own judge of rules and metrics, where it is installed (Debian has it in the package ``prometheus``)."""

from __future__ import annotations

import os
import shutil

import pytest


def promtool() -> str:
    """Return the program, from ``PROMTOOL`` or ``PATH``; without it the test is skipped."""
    found = shutil.which(os.environ.get("PROMTOOL") or "promtool")
    if not found:
        pytest.skip("promtool is neither in PROMTOOL nor in PATH")
    return found
