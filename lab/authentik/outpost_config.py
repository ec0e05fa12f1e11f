# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an outpost: keys, types and defaults. Unknown keys are stored, wrong types of known ones refused."""

from __future__ import annotations

from typing import Any

from .store import Row, Store

_OPTIONAL_TEXT = (str, type(None))
_OPTIONAL_MAP = (dict, type(None))
TYPES: dict[str, tuple[type, ...]] = {
    "authentik_host": (str,),
    "authentik_host_insecure": (bool,),
    "authentik_host_browser": (str,),
    "log_level": (str,),
    "object_naming_template": (str,),
    "refresh_interval": (str,),
    "container_image": _OPTIONAL_TEXT,
    "docker_network": _OPTIONAL_TEXT,
    "docker_map_ports": (bool,),
    "docker_labels": _OPTIONAL_MAP,
    "kubernetes_replicas": (int,),
    "kubernetes_namespace": (str,),
    "kubernetes_ingress_annotations": (dict,),
    "kubernetes_ingress_secret_name": (str,),
    "kubernetes_ingress_class_name": _OPTIONAL_TEXT,
    "kubernetes_ingress_path_type": _OPTIONAL_TEXT,
    "kubernetes_httproute_annotations": (dict,),
    "kubernetes_httproute_parent_refs": (list,),
    "kubernetes_service_type": (str,),
    "kubernetes_disabled_components": (list,),
    "kubernetes_image_pull_secrets": (list,),
    "kubernetes_json_patches": _OPTIONAL_MAP,
}
_SINCE_2025_8 = (
    "kubernetes_ingress_path_type",
    "kubernetes_httproute_annotations",
    "kubernetes_httproute_parent_refs",
)


def default_config(store: Store) -> Row:
    """Return a new outpost's settings."""
    config: Row = {
        "authentik_host": "",
        "authentik_host_insecure": False,
        "authentik_host_browser": "",
        "log_level": store.log_level,
        "object_naming_template": "ak-outpost-%(name)s",
        "refresh_interval": "minutes=5",
        "container_image": None,
        "docker_network": None,
        "docker_map_ports": True,
        "docker_labels": None,
        "kubernetes_replicas": 1,
        "kubernetes_namespace": store.namespace,
        "kubernetes_ingress_annotations": {},
        "kubernetes_ingress_secret_name": "authentik-outpost-tls",
        "kubernetes_ingress_class_name": None,
        "kubernetes_ingress_path_type": None,
        "kubernetes_httproute_annotations": {},
        "kubernetes_httproute_parent_refs": [],
        "kubernetes_service_type": "ClusterIP",
        "kubernetes_disabled_components": [],
        "kubernetes_image_pull_secrets": [],
        "kubernetes_json_patches": None,
    }
    if not store.release.since(2025, 8):
        for name in _SINCE_2025_8:
            del config[name]
    return config


def problem(config: Row) -> str:
    """Return why settings are refused, or ""."""
    for name, value in config.items():
        types = TYPES.get(name)
        if types is None:
            continue
        fits = isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
        if not fits:
            return (
                f'wrong value type for field "{name}" - should be "{_shown(types)}" '
                f'instead of value "{value}" of type "{type(value).__name__}"'
            )
    return ""


def _shown(types: tuple[Any, ...]) -> str:
    name = str(types[0].__name__)
    return f"Optional[{name}]" if type(None) in types else name
