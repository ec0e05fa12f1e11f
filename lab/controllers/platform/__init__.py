# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the platform's components: what cert-manager, Longhorn and the others do with their objects.

Each acts while its own Deployment or DaemonSet is there and available, reads and writes through the Kubernetes API, and
speaks with the world outside (the router's console, Cloudflare) over HTTP only.
"""
