# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller side of talos_backup."""

from __future__ import annotations

from ..modules import talos_backup
from ..plugin_utils.twin import Twin


class ActionModule(Twin):
    """Controller-side twin of the module of the same name."""

    face = talos_backup
