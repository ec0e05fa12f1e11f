# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``cluster_report``; documented in the module and in ``doc_fragments/cluster_report.py``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..authentik import session as authentik
from ..status import options as status
from ..talos import config_source, options as talos, schematic
from ..unifi import session as unifi
from . import areas

_CONFIG = (
    "secrets",
    "secrets_file",
    "cluster_name",
    "endpoint",
    "talos_version",
    "kubernetes_version",
    "additional_sans",
    "installer_image",
)

_DECLARED: dict[str, Any] = {
    "nodes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            **{key: config_source.OPTIONS[key] for key in ("machine_type", "patches")},
        },
    },
    "schematic": {"type": "dict"},
    "services": {"type": "list", "elements": "dict", "default": [], "options": status.SERVICE},
    "probes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "str", "default": ["/"]},
        },
    },
}

ARGUMENTS: dict[str, Any] = {
    "cluster": {"type": "str", "required": True},
    "areas": {"type": "list", "elements": "str", "choices": list(areas.AREAS), "default": []},
    "nodes": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str"},
            **talos.DOOR,
            "address": {"type": "str"},
        },
    },
    "only_nodes": {"type": "list", "elements": "str", "default": []},
    "talosconfig": {"type": "path"},
    "context": {"type": "str"},
    "machine_config": {
        "type": "dict",
        "options": {
            **{key: config_source.OPTIONS[key] for key in _CONFIG},
            "factory": {"type": "str", "default": schematic.FACTORY},
        },
    },
    "declared": {"type": "dict", "default": {}, "options": _DECLARED},
    "talos_version": {"type": "str", "default": ""},
    "kubernetes_version": {"type": "str", "default": ""},
    "kubeconfig": {"type": "path"},
    "workloads": {"type": "list", "elements": "dict", "default": [], "options": status.WORKLOAD},
    "pool_label": {"type": "str", "default": "io.cilium/lb-ipam-pool"},
    "secrets_namespace": {"type": "str", "default": "kube-system", "no_log": False},
    "router": {"type": "str", "default": ""},
    "maximum_paths": {"type": "int", "default": 0},
    "console": {"type": "dict", "options": unifi.ARGUMENTS},
    "state_command": {"type": "list", "elements": "str", "default": []},
    "zone": {"type": "str"},
    "identity": {"type": "dict", "options": authentik.ARGUMENTS},
    "door": {"type": "str"},
    "ca_file": {"type": "path"},
    "timeout": {"type": "float", "default": 10},
    "timeouts": {"type": "dict", "default": {}},
    "thresholds": {
        "type": "dict",
        "default": {},
        "options": {
            key: {"type": "int", "default": value, "no_log": False} for key, value in asdict(areas.Thresholds()).items()
        },
    },
    "history": {"type": "path"},
    "history_length": {"type": "int", "default": 1000},
    "dest": {"type": "path"},
    "page_dest": {"type": "path"},
    "show": {"type": "bool", "default": True},
    "fail_on": {"type": "str", "choices": ["critical", "warning", "never"], "default": "critical"},
}
