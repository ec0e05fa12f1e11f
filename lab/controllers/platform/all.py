# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every program of the platform."""

from __future__ import annotations

from ..base import Controller
from .cert_manager import CertManager
from .cloudflared import Cloudflared
from .cnpg import CloudNativePg
from .cnpg_backups import CloudNativePgBackups
from .external_dns import ExternalDns
from .ingress_nginx import IngressNginx
from .longhorn import LonghornManager
from .longhorn_volumes import LonghornVolumes
from .prometheus_operator import PrometheusOperator

PLATFORM: tuple[type[Controller], ...] = (
    IngressNginx,
    CertManager,
    ExternalDns,
    Cloudflared,
    LonghornManager,
    LonghornVolumes,
    CloudNativePg,
    CloudNativePgBackups,
    PrometheusOperator,
)
