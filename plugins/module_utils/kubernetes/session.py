# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options that all Kubernetes modules share (doc fragment ``homeops.cluster.kubernetes``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from . import config
from .client import Client

#: The part of the argument spec that the doc fragment documents.
ARGUMENTS: dict[str, Any] = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "timeout": {"type": "int", "default": 30},
}


def connect(params: Mapping[str, Any], ctx: Context, concurrency: int = 8) -> Client:
    """Return a client for the API that the parameters name; nothing is sent before its first request.

    :param ctx: reads the kubeconfig, which ansible-vault may have encrypted.
    :raises InputError: the kubeconfig or its certificate cannot be used.
    """
    connection = config.load(params.get("kubeconfig"), params.get("context"), ctx.read_text)
    return Client(connection, timeout=params.get("timeout") or 30, concurrency=concurrency)
