# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's web doors need of the cluster: it tells them whenever something changed that they follow."""

from __future__ import annotations

from ..web.cluster import Cluster
from .api import CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, INGRESS_CLASSES, INGRESSES, PODS, SECRETS, SERVICES
from .base import Controller


class WebDoors(Controller):
    """Writes nothing: the addresses in the status of Ingresses are the ingress controllers' own business."""

    watches = (INGRESSES, INGRESS_CLASSES, SERVICES, PODS, SECRETS, CONFIG_MAPS, DEPLOYMENTS, DAEMON_SETS)

    async def reconcile(self) -> None:
        """Hand over the mirrors."""
        if self.world.web is not None:
            await self.world.web.follow(Cluster({r.plural: self.mirror(r) for r in self.watches}))
