# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failures of reading and editing FRR texts."""

from __future__ import annotations

from ..common.errors import HomeopsError


class FrrError(HomeopsError):
    """An FRR text cannot be read, judged or edited as asked."""
