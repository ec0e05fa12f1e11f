# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which words of an expression are metrics."""

from __future__ import annotations

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks.repo.monitoring import metrics_of


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("histogram_quantile(0.9, sum by (le_x) (rate(a_bucket[5m]))) > 1", ["a_bucket"]),
        ("histogram_quantile (0.9, a_bucket)", ["a_bucket"]),
        ('a_b * on (c_d) group_left (e_f) g_h{i_j="k_l"}', ["a_b", "g_h"]),
        ("a_b * on (c_d) group_left g_h", ["a_b", "g_h"]),
        ("absent_over_time(a_b[1h]) or (c_d) unless e_f", ["a_b", "c_d", "e_f"]),
        ("time()-a_b>1", ["a_b"]),
    ],
)
def test_functions_and_groupings_are_none(expression: str, wanted: list[str]) -> None:
    assert list(metrics_of(expression)) == wanted
