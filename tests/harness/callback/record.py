# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what each task did as one JSON line, so that a test compares runs by facts and not by texts."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: One JSON line per task result
version_added: 0.1.0
description:
  - Appends to the file named by the environment variable E(HOMEOPS_RECORD). Results themselves are left out, so the
    file holds no secret.
author:
  - The homeops.cluster contributors (@homeops)
"""


class CallbackModule(CallbackBase):
    """The recorder."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, status: str, result: Any) -> None:
        task = result.task
        line = {
            "status": status,
            "host": result.host.get_name(),
            "task": task.get_name(),
            "action": task.action,
            "tags": sorted(task.tags),
            "changed": bool(result.result.get("changed", False)),
            "msg": str(result.result.get("msg", "")) if status == "failed" else "",
        }
        with open(os.environ["HOMEOPS_RECORD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Record a success."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Record a failure."""
        self._write("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Record a skip."""
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Record an unreachable host."""
        self._write("unreachable", result)
