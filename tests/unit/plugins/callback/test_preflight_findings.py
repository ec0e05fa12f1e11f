# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that lists the preflight's warnings at the end: whose findings it takes, and when it is silent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.callback.preflight_findings import CallbackModule

WARNING = {"id": "BGP017", "severity": "warn", "where": "a (b:1)", "summary": "Wrong.", "why": "Because.", "use": "3"}


class Display:
    """Takes down what is printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def banner(self, text: str, **_options: Any) -> None:
        self.lines.append(text)

    def display(self, text: str, **_options: Any) -> None:
        self.lines.append(text)


def told(*results: tuple[str, str, Any]) -> list[str]:
    """Return what is printed at the end of a run with these results: event, action, findings."""
    callback = CallbackModule()
    callback._display = display = Display()
    for event, action, findings in results:
        result = SimpleNamespace(task=SimpleNamespace(action=action), result={"findings": findings})
        getattr(callback, f"v2_runner_on_{event}")(result)
    callback.v2_playbook_on_stats(None)
    return display.lines


@pytest.mark.parametrize("action", ["homeops.cluster.model_check", "homeops.cluster.live_check"])
@pytest.mark.parametrize("event", ["ok", "failed"])
def test_warnings_are_listed_however_the_check_ended(event: str, action: str) -> None:
    lines = told((event, action, [WARNING]))
    assert lines[0] == "PREFLIGHT WARNINGS"
    assert lines[1].startswith("BGP017 a (b:1)")


def test_other_tasks_and_runs_without_warnings_are_silent() -> None:
    assert told(("ok", "homeops.cluster.repository_check", [WARNING])) == []
    assert told(("ok", "homeops.cluster.model_check", [{**WARNING, "severity": "error"}])) == []
    assert told(("ok", "homeops.cluster.model_check", None)) == []
    assert told() == []
