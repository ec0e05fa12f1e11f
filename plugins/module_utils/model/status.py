# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says of everything that a report on the whole cluster holds it against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import chains, talos


def declared(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``nodes``, ``schematic``, ``services`` and ``probes``, as ``cluster_report`` takes them.

    :param model: the whole model, keyed by subject.
    """
    return {
        "nodes": talos.node_configs(model),
        "schematic": talos.schematic(model),
        "services": chains.chains(model),
        "probes": chains.probes(model),
    }
