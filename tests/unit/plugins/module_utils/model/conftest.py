# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real home model, read from the inventory files, so that tests judge what users get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

MODEL = Path(__file__).resolve().parents[5] / "inventories" / "home" / "group_vars" / "all"


@pytest.fixture
def model() -> dict[str, Any]:
    """The home model by subject, as ``homeops_model`` gives it."""
    found: dict[str, Any] = {}
    for path in sorted(MODEL.glob("*.yml")):
        for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if key.startswith("homeops_") and key != "homeops_model" and not isinstance(value, str):
                found[key.removeprefix("homeops_")] = value
    return found
