# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May a node be taken away without a volume losing its last good copy? Pure.

Fields of ``longhorn.io/v1beta2`` (longhorn@v1.10.1 ``deploy/longhorn.yaml``): a replica is good when it has been
healthy (``healthyAt``) and has not failed since (``failedAt`` is empty).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class VolumeRow:
    """One volume.

    :param size: bytes.
    :param robustness: ``healthy``, ``degraded``, ``faulted`` or ``unknown``.
    :param good: nodes that have a good replica of it.
    :param wanted: number of replicas that it shall have.
    """

    name: str
    claim: str
    size: int
    state: str
    robustness: str
    wanted: int
    good: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether a node may go; ``reasons`` are sentences."""

    node: str
    safe: bool
    reasons: tuple[str, ...]


def rows(volumes: Iterable[Object], replicas: Iterable[Object]) -> list[VolumeRow]:
    """Return the volumes by name, each with the nodes of its good replicas."""
    good: dict[str, set[str]] = {}
    for replica in replicas:
        spec = replica.get("spec") or {}
        if spec.get("healthyAt") and not spec.get("failedAt") and spec.get("nodeID"):
            good.setdefault(str(spec.get("volumeName")), set()).add(str(spec["nodeID"]))
    found = []
    for volume in volumes:
        spec, status = volume.get("spec") or {}, volume.get("status") or {}
        name = str(volume["metadata"]["name"])
        claim = status.get("kubernetesStatus") or {}
        told = f"{claim.get('namespace')}/{claim.get('pvcName')}" if claim.get("pvcName") else ""
        found.append(
            VolumeRow(
                name,
                told,
                int(spec.get("size") or 0),
                str(status.get("state") or "unknown"),
                str(status.get("robustness") or "unknown"),
                int(spec.get("numberOfReplicas") or 0),
                tuple(sorted(good.get(name, ()))),
            )
        )
    return sorted(found, key=lambda row: row.name)


def judge(found: Sequence[VolumeRow], node: str) -> Verdict:
    """Judge one node: no volume may depend on it alone, and none may be in the middle of healing."""
    reasons = []
    for row in found:
        title = f"volume {row.name}{f' ({row.claim})' if row.claim else ''}"
        others = [name for name in row.good if name != node]
        if node in row.good and not others:
            reasons.append(f"{title} has its only good replica on {node}")
        elif row.state == "attached" and row.robustness in ("degraded", "faulted"):
            reasons.append(f"{title} is {row.robustness}: {len(row.good)} of {row.wanted} replicas are good")
    return Verdict(node, not reasons, tuple(reasons))


def hopeless(found: Sequence[VolumeRow], node: str) -> tuple[str, ...]:
    """Return those reasons against a node that no waiting takes away: the volume is faulted, or is to have one replica.

    Longhorn rebuilds a lost replica from a good one; without a good one, or without a second place, there is nothing to
    wait for.
    """
    lost = [row for row in found if row.robustness == "faulted" or row.wanted == 1]
    return judge(lost, node).reasons
