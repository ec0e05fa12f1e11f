# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that survive our apply because somebody else owns them. No I/O.

Instances and peers of the new kinds are merged by name under server-side apply, so an entry of another field manager
stays, and its session with it. The legacy kind's routers are one atomic value and have no such entries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import kinds


def peers(live: Mapping[str, Any], desired: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the instances and peers of a live ClusterConfig that the desired one does not have, with their owners."""
    wanted = {
        (instance.get("name"), peer.get("name"))
        for instance in kinds.spec_of(desired).get("bgpInstances") or []
        for peer in instance.get("peers") or []
    }
    found = []
    for instance in kinds.spec_of(live).get("bgpInstances") or []:
        for peer in instance.get("peers") or []:
            if (instance.get("name"), peer.get("name")) not in wanted:
                found.append(
                    {
                        "instance": instance.get("name"),
                        "peer": peer.get("name"),
                        "address": peer.get("peerAddress"),
                        "asn": peer.get("peerASN"),
                        "managers": _owners(live, str(instance.get("name")), str(peer.get("name"))),
                    }
                )
    return found


def _owners(live: Mapping[str, Any], instance: str, peer: str) -> list[str]:
    """Return the field managers of one peer, from ``managedFields`` (structured-merge-diff ``fieldpath``)."""
    owners = []
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        fields = entry.get("fieldsV1") or {}
        for step in ("f:spec", "f:bgpInstances", _key(instance), "f:peers", _key(peer)):
            fields = _step(fields, step)
            if fields is None:
                break
        else:
            owners.append(str(entry.get("manager")))
    return sorted(set(owners))


def _key(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))


def _step(fields: Mapping[str, Any], step: str) -> Mapping[str, Any] | None:
    if step in fields:
        return fields[step]
    if step.startswith("k:"):
        wanted = json.loads(step[2:])
        return next(
            (value for key, value in fields.items() if key.startswith("k:") and json.loads(key[2:]) == wanted), None
        )
    return None
