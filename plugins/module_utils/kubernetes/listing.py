# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading all objects of several kinds whose paths are known, without asking the API what it serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import Client
from .errors import NotFound

#: The kinds by which a request finds its way from an address to a pod.
WAY = {
    "Service": "/api/v1/services",
    "Ingress": "/apis/networking.k8s.io/v1/ingresses",
    "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "Certificate": "/apis/cert-manager.io/v1/certificates",
}


def listed(client: Client, paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return all objects of some kinds, each with its kind; one that is not served has none."""

    def ask(job: tuple[str, str]) -> list[dict[str, Any]]:
        kind, path = job
        root = path.rpartition("/")[0]
        version = root.removeprefix("/apis/") if root.startswith("/apis/") else root.removeprefix("/api/")
        try:
            items, _version = client.list(path, attempted=f"reading the {path.rpartition('/')[2]}")
        except NotFound:
            return []
        return [{"apiVersion": version, "kind": kind, **item} for item in items]

    return [item for items in client.map(ask, paths.items()) for item in items]
