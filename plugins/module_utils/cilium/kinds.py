# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of Cilium that carry BGP and addresses, and which of them an API server serves.

All are cluster-scoped kinds of the group ``cilium.io``. 1.17 serves all as ``v2alpha1``; 1.18 the new ones and the
pools as ``v2`` beside it; the legacy kind is deprecated in 1.18 and gone in 1.19 (cilium/cilium issues 38397, 42278).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "cilium.io"
LEGACY_VERSION = f"{GROUP}/v2alpha1"
#: Best first.
VERSIONS = (f"{GROUP}/v2", f"{GROUP}/v2alpha1")

LEGACY = "CiliumBGPPeeringPolicy"
CLUSTER = "CiliumBGPClusterConfig"
PEER = "CiliumBGPPeerConfig"
ADVERTISEMENT = "CiliumBGPAdvertisement"
OVERRIDE = "CiliumBGPNodeConfigOverride"
NODE = "CiliumBGPNodeConfig"
POOL = "CiliumLoadBalancerIPPool"

#: The new kinds that a person writes; what they refer to first.
NEW = (ADVERTISEMENT, PEER, OVERRIDE, CLUSTER)

#: Joins families with advertisements, and marks every object that one policy of ours consists of.
POLICY_LABEL = "homeops.cluster/bgp-policy"
#: Marks nodes that the new kinds carry while a policy moves between the schemas.
MOVED_LABEL = "homeops.cluster/bgp-api"
MOVED_VALUE = "v2"


@dataclass(frozen=True)
class Served:
    """What an API server offers.

    :param legacy: whether the legacy kind is served.
    :param new: apiVersion of the new kinds, ``""`` when they are not served.
    :param pools: apiVersion of the pools, ``""`` when they are not served.
    """

    legacy: bool = False
    new: str = ""
    pools: str = ""


def served(resources: Iterable[tuple[str, str]]) -> Served:
    """Read the answer of discovery.

    :param resources: ``(apiVersion, kind)`` of everything that is served.
    """
    there = set(resources)

    def best(*kinds: str) -> str:
        return next((version for version in VERSIONS if all((version, kind) in there for kind in kinds)), "")

    return Served((LEGACY_VERSION, LEGACY) in there, best(CLUSTER, PEER, ADVERTISEMENT), best(POOL))


def title(body: Mapping[str, Any]) -> str:
    """``CiliumBGPPeerConfig udm``."""
    return f"{body.get('kind')} {(body.get('metadata') or {}).get('name')}"


def name_of(body: Mapping[str, Any]) -> str:
    """Return ``metadata.name``."""
    return str((body.get("metadata") or {}).get("name") or "")


def labels_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return ``metadata.labels``."""
    return dict((body.get("metadata") or {}).get("labels") or {})


def spec_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``spec``; a legacy policy may be stored without one."""
    return dict(body.get("spec") or {})


def of_kind(objects: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """Return the objects of one kind."""
    return [body for body in objects if body.get("kind") == kind]
