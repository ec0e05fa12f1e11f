# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller side of backup_set."""

from __future__ import annotations

from ..modules import backup_set
from ..plugin_utils.twin import Twin


class ActionModule(Twin):
    """Controller-side twin of the module of the same name."""

    face = backup_set
