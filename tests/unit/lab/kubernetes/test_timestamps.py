# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes that move only times are none, as in apiserver's fieldmanager/equality.go."""

from __future__ import annotations

from typing import Any

import pytest

from lab.kubernetes.timestamps import only_times_moved


def stored(time: str, manager: str = "us", **content: Any) -> dict[str, Any]:
    entry = {"manager": manager, "operation": "Apply", "time": time, "fieldsV1": {"f:data": {}}}
    return {"metadata": {"name": "x", "managedFields": [entry]}, **content}


@pytest.mark.parametrize(
    ("old", "new", "custom", "moved"),
    [
        (stored("1"), stored("2"), True, True),
        (stored("1"), stored("1"), True, False),
        (stored("1"), stored("2", manager="them"), True, False),
        (stored("1", data={"a": "1"}), stored("2", data={"a": "2"}), False, False),
        (stored("1"), stored("2", data={}), False, True),
        (stored("1"), stored("2", data={}), True, False),
        (stored("1", spec={"list": [{"env": []}]}), stored("2", spec={"list": [{}]}), False, True),
        ({"metadata": {}}, {"metadata": {}}, False, False),
    ],
)
def test_only_times(old: dict[str, Any], new: dict[str, Any], custom: bool, moved: bool) -> None:
    assert only_times_moved(old, new, custom=custom) is moved
