# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Flux: the four controllers of Flux 2.4, acting through the Kubernetes API alone.

Each works only while its Deployment in ``flux-system`` is available. State machines, reasons and texts follow
source-controller v1.4.1, kustomize-controller v1.4.0, helm-controller v1.1.0 and notification-controller v1.4.0.
"""
