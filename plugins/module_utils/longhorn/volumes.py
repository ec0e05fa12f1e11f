# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading Longhorn's volumes from the Kubernetes API."""

from __future__ import annotations

from ..kubernetes.client import Client
from ..kubernetes.errors import NotFound
from . import replicas


def read(client: Client, namespace: str) -> list[replicas.VolumeRow] | None:
    """Return the volumes; None when the API does not know Longhorn."""
    root = f"/apis/longhorn.io/v1beta2/namespaces/{namespace}"
    try:
        volumes, copies = client.map(
            lambda plural: client.list(f"{root}/{plural}", attempted=f"reading Longhorn's {plural}")[0],
            ("volumes", "replicas"),
        )
    except NotFound:
        return None
    return replicas.rows(volumes, copies)
