# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a config can become active without a reboot.

Facts: siderolabs/talos v1.10 ``v1alpha1_runtime.go`` (CanApplyImmediate): only the v1alpha1 document is compared, the
live parts are taken over from the current config, and the rest is compared structurally (absent is not empty).
"""

from __future__ import annotations

import copy
from typing import Any

from . import diff
from .documents import Config
from .schema import canonical

LIVE_MACHINE = (
    "ca acceptedCAs time certSANs install network sysfs sysctls logging controlPlane kubelet kernel registries pods "
    "seccompProfiles nodeAnnotations nodeLabels nodeTaints"
).split()
LIVE_FEATURES = "kubernetesTalosAPIAccess kubePrism hostDNS imageCache nodeAddressSortAlgorithm".split()


def _take(keys: list[str], source: dict[str, Any], target: dict[str, Any]) -> None:
    for key in keys:
        if key in source:
            target[key] = source[key]
        else:
            target.pop(key, None)


def obstacle(current: Config | None, new: Config) -> str:
    """Why the new config needs a reboot, empty when it does not."""
    if current is None or current.v1alpha1 is None:
        return "no current config"
    before, after = current.v1alpha1, copy.deepcopy(new.v1alpha1 or {})
    _take(["debug", "cluster"], before, after)  # the rest of the file decides
    machine, old = after.get("machine"), before.get("machine")
    if isinstance(machine, dict) and isinstance(old, dict):
        _take(LIVE_MACHINE, old, machine)
        features, old_features = machine.get("features"), old.get("features")
        if isinstance(features, dict) and isinstance(old_features, dict):
            _take(LIVE_FEATURES, old_features, features)
    if canonical(before, "Config") == canonical(after, "Config"):
        return ""
    text = diff.v1alpha1(before, after)
    return f"this config change can't be applied in immediate mode\ndiff:\n{text}"
