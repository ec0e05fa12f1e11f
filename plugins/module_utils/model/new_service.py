# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a service before it becomes part of the model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import identity, shape
from .schema import examine


def judge(model: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model with one more service, judged by itself and beside the others.

    :raises InputError: every fault that can be told.
    """
    _clean, problems = examine([dict(entry)], shape.SERVICES)
    if problems:
        raise InputError(
            "the service is not one: "
            + "; ".join(
                f"{'.'.join(str(part) for part in problem.path[1:]) or 'it'}: {problem.text}"
                + (f" (use {problem.use})" if problem.use else "")
                for problem in problems
            ),
            remedy="Nothing was written",
            param="entry",
        )
    services = list(model.get("services") or [])
    found = {**model, "services": [*services, dict(entry)]}
    hosts = {identity.host_of(model, service): f"service {service['name']}" for service in services}
    hosts[str(model["identity"]["host"])] = "Authentik itself"
    host = identity.host_of(model, entry)
    if host in hosts:
        raise InputError(
            f"the host {host} of service {entry['name']} is that of {hosts[host]}",
            remedy="Give it another name, or a host of its own; nothing was written",
            param="entry",
        )
    identity.services(found)
    return found
