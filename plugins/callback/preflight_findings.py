# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback preflight_findings."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_findings
type: aggregate
short_description: Lists the preflight's warnings once more at the end of the run
version_added: 0.1.0
description:
  - Remembers the warnings that M(homeops.cluster.model_check) and M(homeops.cluster.live_check) found, and prints them
    when the run ends, whether it ended well or not. Without it they are shown at their task only, far above what the
    run did afterwards.
  - Prints nothing when there are none, and changes nothing of the run.
requirements:
  - It must be enabled with C(callbacks_enabled = homeops.cluster.preflight_findings) in C(ansible.cfg), or by
    E(ANSIBLE_CALLBACKS_ENABLED).
author:
  - The homeops.cluster maintainers (@homeops)
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.callback import CallbackBase

from ..module_utils.checks.finale import lines

#: Names of the action whose results hold findings of the preflight.
_CHECKS = ("homeops.cluster.model_check", "model_check", "homeops.cluster.live_check", "live_check")


class CallbackModule(CallbackBase):
    """Collects the warnings of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "homeops.cluster.preflight_findings"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._found: list[Mapping[str, Any]] = []

    def v2_runner_on_ok(self, result: Any) -> None:
        """Take over the findings of a check that passed."""
        self._take(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Take over the findings of a check that did not pass: its errors are told already."""
        del ignore_errors  # of Ansible's interface
        self._take(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the warnings."""
        del stats  # of Ansible's interface
        told = lines(self._found)
        if told:
            self._display.banner("PREFLIGHT WARNINGS")
            for line in told:
                self._display.display(line, color="yellow")

    def _take(self, result: Any) -> None:
        if result.task.action in _CHECKS:
            self._found.extend(entry for entry in result.result.get("findings") or [] if isinstance(entry, Mapping))
