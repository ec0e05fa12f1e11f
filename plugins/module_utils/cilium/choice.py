# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which schema carries a policy, by what is served, what is there and what is asked for. No I/O."""

from __future__ import annotations

from ..common.errors import InputError
from .kinds import Served

LEGACY, V2 = "legacy", "v2"


def schema(wanted: str, served: Served, *, has_legacy: bool, has_new: bool, migrate: bool) -> str:
    """Return ``legacy`` or ``v2``.

    Never by Cilium's version: the API server says what it serves. A policy of ours stays in its schema until a
    migration is asked for, because deleting it before the other one stands takes the routes away.

    :param wanted: ``auto``, ``legacy`` or ``v2``.
    :param has_legacy: whether the legacy policy of this name exists; ``has_new`` likewise for the ClusterConfig.
    :raises InputError: the schema is not served, or a migration would be needed.
    """
    if wanted == "auto":
        if has_legacy and has_new and not migrate:
            raise InputError(
                "both a legacy policy and a ClusterConfig of this name exist",
                remedy="Set migrate: true, which finishes a migration that was begun; api says which way",
                param="api",
            )
        stays = has_legacy and not migrate
        wanted = LEGACY if stays or not served.new else V2
    there = {LEGACY: served.legacy, V2: bool(served.new)}
    if not there[wanted]:
        raise InputError(*_unserved(wanted, served), remedy=_remedy(wanted, there), param="api")
    other = has_new if wanted == LEGACY else has_legacy
    if other and not migrate:
        raise InputError(
            f"the policy exists in the {'new' if wanted == LEGACY else 'legacy'} schema, and api is {wanted}",
            remedy="Set migrate: true to move it node by node, or api: auto to leave it where it is",
            param="api",
        )
    return wanted


def _unserved(wanted: str, served: Served) -> tuple[str]:
    kind = "CiliumBGPPeeringPolicy" if wanted == LEGACY else "CiliumBGPClusterConfig"
    if not served.legacy and not served.new:
        return ("the API serves no BGP kind of Cilium",)
    gone = ", which Cilium 1.19 no longer has" if wanted == LEGACY else ", which Cilium has since 1.16"
    return (f"the API does not serve {kind}{gone}",)


def _remedy(wanted: str, there: dict[str, bool]) -> str:
    other = V2 if wanted == LEGACY else LEGACY
    if there[other]:
        return f"Use api: {other}"
    return "Install Cilium with bgpControlPlane.enabled: true and wait until its operator runs; it registers the kinds"
