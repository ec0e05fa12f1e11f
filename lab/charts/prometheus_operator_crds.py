# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart prometheus-operator-crds 21.0.0: the kinds of prometheus-operator v0.83, and nothing else."""

from __future__ import annotations

from typing import Any

from .crds import FLAG, FREE, FREE_LIST, TEXT, TEXTS, crd, fields
from .parts import Object, Release

GROUP = "monitoring.coreos.com"
OPERATOR = "v0.83.0"
_SELECTOR = fields({"matchLabels": FREE, "matchExpressions": FREE_LIST})
_SPACES = fields({"any": FLAG, "matchNames": TEXTS})
_RULE = fields(
    {
        "alert": TEXT,
        "record": TEXT,
        "expr": {"x-kubernetes-int-or-string": True},
        "for": TEXT,
        "keep_firing_for": TEXT,
        "labels": FREE,
        "annotations": FREE,
    },
    ("expr",),
)
_RULES = fields(
    {
        "groups": {
            "type": "array",
            "items": fields(
                {
                    "name": TEXT,
                    "interval": TEXT,
                    "labels": FREE,
                    "limit": {"type": "integer"},
                    "partial_response_strategy": TEXT,
                    "query_offset": TEXT,
                    "rules": {"type": "array", "items": _RULE},
                },
                ("name",),
            ),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        }
    }
)


def _monitor(endpoints: str) -> Object:
    known = {
        "selector": _SELECTOR,
        "namespaceSelector": _SPACES,
        endpoints: FREE_LIST,
        "jobLabel": TEXT,
        "targetLabels": TEXTS,
        "podTargetLabels": TEXTS,
    }
    return fields(known, ("selector",)) | {"x-kubernetes-preserve-unknown-fields": True}


def definitions() -> list[Object]:
    """Return the ten definitions."""
    common: dict[str, Any] = {
        "categories": ("prometheus-operator",),
        "annotations": {"operator.prometheus.io/version": OPERATOR.lstrip("v")},
    }
    return [
        crd(GROUP, "ServiceMonitor", "servicemonitors", short=("smon",), spec=_monitor("endpoints"), **common),
        crd(GROUP, "PodMonitor", "podmonitors", short=("pmon",), spec=_monitor("podMetricsEndpoints"), **common),
        crd(GROUP, "PrometheusRule", "prometheusrules", short=("promrule",), spec=_RULES, **common),
        crd(GROUP, "Probe", "probes", short=("prb",), **common),
        crd(GROUP, "Prometheus", "prometheuses", short=("prom",), **common),
        crd(GROUP, "Alertmanager", "alertmanagers", short=("am",), **common),
        crd(GROUP, "ThanosRuler", "thanosrulers", short=("ruler",), **common),
        crd(GROUP, "AlertmanagerConfig", "alertmanagerconfigs", version="v1alpha1", short=("amcfg",), **common),
        crd(GROUP, "PrometheusAgent", "prometheusagents", version="v1alpha1", short=("promagent",), **common),
        crd(GROUP, "ScrapeConfig", "scrapeconfigs", version="v1alpha1", short=("scfg",), spec=FREE, **common),
    ]


def render(release: Release) -> list[Object]:
    """Return the definitions that the values do not switch off."""
    return [d for d in definitions() if release.on(f"crds.{d['spec']['names']['plural']}.enabled", True)]
