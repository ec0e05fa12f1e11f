# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pinned Helm charts would create, for a lab that has no Helm and no network.

:func:`render` gives the objects of one release: those that other parts of the cluster look at, with the names, labels,
ports and images of the chart. What only the chart's own program would miss (most of RBAC, webhook configurations,
hooks) is left out. A chart ignores keys that it does not know, as Helm does, unless its values schema refuses them.
"""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

from .parts import ChartError, Release, UnknownChart, helm_order

__all__ = ["CATALOGUE", "ChartError", "UnknownChart", "render"]

CATALOGUE = {
    "authentik": "authentik",
    "cert-manager": "cert_manager",
    "cilium": "cilium",
    "cloudnative-pg": "cloudnative_pg",
    "external-dns": "external_dns",
    "external-secrets": "external_secrets",
    "headlamp": "headlamp",
    "ingress-nginx": "ingress_nginx",
    "kube-prometheus-stack": "kube_prometheus_stack",
    "kubernetes-dashboard": "kubernetes_dashboard",
    "longhorn": "longhorn",
    "metrics-server": "metrics_server",
    "plugin-barman-cloud": "plugin_barman_cloud",
    "prometheus-operator-crds": "prometheus_operator_crds",
    "snapshot-controller": "snapshot_controller",
}
"""Charts by name, and the module that renders each."""


def render(
    chart: str, version: str, release: str, namespace: str, values: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the objects of a release in the order in which Helm creates them.

    :param chart: name of the chart, ``cert-manager``.
    :param version: version of the chart, with or without the leading ``v`` that some projects write.
    :raises UnknownChart: for a chart that is not in the catalogue.
    :raises ChartError: for values which the chart refuses; the message is the one that Helm would show.
    """
    module = CATALOGUE.get(chart)
    if module is None:
        raise UnknownChart(f'chart "{chart}" is none of the lab\'s catalogue: {", ".join(sorted(CATALOGUE))}')
    wanted = Release(chart, version, release, namespace, copy.deepcopy(values or {}))
    objects = import_module(f".{module}", __package__).render(wanted)
    return helm_order([wanted.adopt(obj) for obj in objects])
