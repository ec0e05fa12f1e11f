# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of a config change makes a node reboot, told before anything is sent.

Only the v1alpha1 document counts, active against new, structurally: ``udev: {}`` and no ``udev`` differ. Source:
siderolabs/talos v1.10.5 ``internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_runtime.go`` ``CanApplyImmediate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import documents
from .documents import Document

_LIVE = frozenset(("debug", "cluster"))
_LIVE_MACHINE = frozenset(
    (
        "ca",
        "acceptedCAs",
        "time",
        "certSANs",
        "install",
        "network",
        "sysfs",
        "sysctls",
        "logging",
        "controlPlane",
        "kubelet",
        "kernel",
        "registries",
        "pods",
        "seccompProfiles",
        "nodeAnnotations",
        "nodeLabels",
        "nodeTaints",
    )
)
_LIVE_FEATURES = frozenset(
    (
        "kubernetesTalosAPIAccess",
        "kubePrism",
        "hostDNS",
        "imageCache",
        "nodeAddressSortAlgorithm",
    )
)


def reboot_paths(active: Sequence[Document], wanted: Sequence[Document]) -> list[str]:
    """Return the config paths whose change the node cannot take while it runs, e.g. ``machine.udev``; [] when it can.

    :param active: the node's active machine config.
    :param wanted: the one to be sent, decoded from the very bytes.
    """
    old, new = documents.v1alpha1(active), documents.v1alpha1(wanted)
    if old is None or new is None:
        return ["machine"] if old is not new else []
    paths: list[str] = []
    for name in _differing(old.body, new.body, _LIVE):
        if name != "machine" or not ("machine" in old.body and "machine" in new.body):
            paths.append(name)
            continue
        paths += _machine(old.body["machine"], new.body["machine"])
    return paths


def _machine(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    paths: list[str] = []
    for name in _differing(old, new, _LIVE_MACHINE):
        both = name in old and name in new
        live = _LIVE_FEATURES if name == "features" else frozenset[str]()
        if both and isinstance(old[name], dict) and isinstance(new[name], dict):
            deeper = _differing(old[name], new[name], live)
            paths += [f"machine.{name}.{inner}" for inner in deeper]
        else:
            paths.append(f"machine.{name}")
    return paths


def _differing(old: dict[str, Any], new: dict[str, Any], live: frozenset[str]) -> list[str]:
    return [
        name
        for name in dict.fromkeys((*old, *new))
        if name not in live and (name in old, old.get(name)) != (name in new, new.get(name))
    ]
