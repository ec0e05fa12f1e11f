# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, restore and emergency recovery walk over one lab, in this order."""

from __future__ import annotations

import pytest

from tests.harness.lab import Lab


@pytest.fixture(scope="session")
def lab(standing: Lab) -> Lab:
    return standing
