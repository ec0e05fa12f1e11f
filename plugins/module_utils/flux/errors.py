# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with Flux, told in sentences."""

from __future__ import annotations

from ..common.errors import HomeopsError


class FluxError(HomeopsError):
    """Flux does not get there, or must not be asked to."""


class ManifestError(FluxError):
    """The install manifest cannot be had, or is not the one that was pinned."""
