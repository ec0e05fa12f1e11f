# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart cilium: the bootstrap's own rendering, so that a HelmRelease adopts what the bootstrap has made."""

from __future__ import annotations

from ..controllers.cilium import chart
from ..controllers.cilium.install import VALUES_REFUSED
from .parts import ChartError, Object, Release


def render(release: Release) -> list[Object]:
    """Return the objects of the release.

    :raises ChartError: for what the chart's templates refuse; unknown keys pass, as its schema lets them.
    """
    replacement = release.value("kubeProxyReplacement")
    if replacement is not None and str(replacement).lower() not in ("true", "false"):
        raise ChartError(f"execution error at (cilium/templates/validate.yaml): {VALUES_REFUSED}")
    return [obj for _unused, obj in chart.render(release.version, release.values, release.namespace, release.name)]
