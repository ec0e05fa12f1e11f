# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo goes without the router where the router's daemons cannot be had."""

from __future__ import annotations

from tools.demo import arguments


def test_the_phase_is_left_out_only_when_the_lab_has_no_router() -> None:
    assert arguments({"bgp": {"available": True, "problem": ""}}) == []
    assert arguments({"bgp": {"available": False, "problem": "frr is missing"}}) == [
        "--skip-tags",
        "bgp,platform,identity",
        "-e",
        "service_status_fail_on=never",
    ]
