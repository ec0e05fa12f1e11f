# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MachineService in maintenance mode: apply, and refusals.

Facts: siderolabs/talos v1.10 ``internal/app/maintenance/server.go``; over the LAN a client never has the admin role,
so everything that asks for it is refused.
"""

from __future__ import annotations

from typing import Any

from . import apply
from .api import UNIMPLEMENTED, ApiError, Caller, Room


class MaintenanceCalls(Room):
    """What the maintenance service has a method for."""

    async def ApplyConfiguration(self, request: Any, caller: Caller) -> Any:
        """Take a config."""
        return apply.maintenance(self.node, request)

    async def GenerateClientConfiguration(self, request: Any, caller: Caller) -> Any:
        """Always refused."""
        raise ApiError(UNIMPLEMENTED, "client configuration (talosconfig) can't be generated in the maintenance mode")

    async def _refuse(self, request: Any, caller: Caller) -> Any:
        raise ApiError(UNIMPLEMENTED, "API is not implemented in maintenance mode")

    Version = Reset = Upgrade = MetaWrite = MetaDelete = _refuse
