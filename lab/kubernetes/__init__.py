# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Kubernetes API: an emulator of kube-apiserver that kubectl, the Python client and kubernetes.core accept.

It is shaped after Kubernetes 1.31 to 1.33. Not emulated: CEL, webhooks, RBAC evaluation, conversion, exec and logs.
"""
