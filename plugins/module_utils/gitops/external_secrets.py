# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ExternalSecrets of the components, as ``homeops_secrets.external`` declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import secrets


def external_secret(name: str, namespace: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return one ExternalSecret, its keys in order, however the inventory orders them.

    :raises InputError: nobody knows what it consists of.
    """
    body = secrets.external_secret(model, namespace, name)
    spec = body["spec"]
    spec["data"].sort(key=lambda entry: str(entry["secretKey"]))
    template = spec["target"].get("template") or {}
    if "data" in template:
        template["data"] = dict(sorted(template["data"].items()))
    return body
