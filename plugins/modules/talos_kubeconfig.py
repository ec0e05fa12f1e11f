#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have an admin kubeconfig of a Talos cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_kubeconfig
short_description: Have an admin kubeconfig of a Talos cluster
version_added: 0.1.0
description:
  - Fetches an admin kubeconfig from a control plane when the one at hand does not do any more; each fetch makes a new
    client certificate.
  - The one at hand does when its CA is the cluster's, its client certificate is of that CA and valid for longer than
    O(renew_before), and server and name to verify are the wanted ones.
options:
  dest:
    description: Path of the kubeconfig on the controller, written in one step with mode 0600.
    type: path
    required: true
  server:
    description: URL of the Kubernetes API to write, instead of the cluster's own endpoint.
    type: str
  tls_server_name:
    description: Name or address that the API's certificate must carry when it is not that of O(server).
    type: str
  renew_before:
    description: Fetch a new one when less than this is left, in days (V(30d)) or hours (V(720h)).
    type: str
    default: 30d
attributes:
  check_mode:
    support: full
    description: Says whether a new one would be fetched, also while the node still is in maintenance.
  diff_mode:
    support: none
    description: A kubeconfig is secret.
extends_documentation_fragment:
  - homeops.cluster.talos
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Store the kubeconfig
  homeops.cluster.talos_kubeconfig:
    node: 172.29.51.11
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    dest: "{{ homeops_state_dir }}/kubeconfig"

- name: Store it for a way to the API whose address its certificate does not carry
  homeops.cluster.talos_kubeconfig:
    node: 172.29.51.11
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    dest: "{{ homeops_state_dir }}/kubeconfig"
    server: https://tunnel.example.com:6443
    tls_server_name: 172.29.51.10
"""

RETURN = r"""
dest:
  description: Path of the kubeconfig.
  type: str
  returned: always
reason:
  description: Why a new one was or would be fetched; empty when the one at hand does.
  type: str
  returned: always
expires:
  description: End of validity of the client certificate, ISO 8601; empty when a new one would be fetched.
  type: str
  returned: always
"""

import datetime
import os
import re
from collections.abc import Mapping
from typing import Any

from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import kubeconfig, options
from ..module_utils.talos.client import MACHINE_CONFIG, TalosClient
from ..module_utils.talos.connection import NodeMode, connect, identity_of, target_of
from ..module_utils.talos.errors import TalosError

SPEC: dict[str, Any] = {
    "argument_spec": options.one_node(
        dest={"type": "path", "required": True},
        server={"type": "str"},
        tls_server_name={"type": "str"},
        renew_before={"type": "str", "default": "30d"},
    ),
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Keep the kubeconfig or fetch a new one."""
    renew_before = _span(params["renew_before"])
    dest = os.path.abspath(params["dest"])
    existing = _existing(dest, ctx)
    client, mode = connect(target_of(params), identity_of(params, ctx), params["timeout"])
    with client:
        if mode is NodeMode.MAINTENANCE:
            if ctx.check_mode:
                return _result(True, dest, "the cluster does not exist yet")
            raise TalosError(
                "fetching the kubeconfig",
                target=client.target,
                answer="the node is in maintenance",
                remedy="Apply its machine config and bootstrap the cluster first",
                param="node",
            )
        wanted = kubeconfig.wanted_of(_active(client), params["server"] or "", params["tls_server_name"] or "")
        now = datetime.datetime.now(datetime.UTC)
        reason = kubeconfig.renewal_reason(existing, wanted, now, renew_before)
        if not reason:
            return _result(False, dest, "", kubeconfig.expiry(existing or ""))
        if ctx.check_mode:
            return _result(True, dest, reason)
        text = kubeconfig.with_server(kubeconfig.unpack(client.kubeconfig()), wanted)
    wrong = kubeconfig.renewal_reason(text, wanted, now, datetime.timedelta(0))
    if wrong:
        raise TalosError(
            "fetching the kubeconfig",
            target=client.target,
            answer=f"the new one does not do: {wrong}",
            remedy="Compare the clocks of node and controller, and the node's machine config with the cluster's",
        )
    try:
        files.write_private(dest, text)
    except OSError as error:
        raise InputError(
            "the kubeconfig cannot be written", target=dest, answer=error.strerror or "", param="dest"
        ) from error
    return _result(True, dest, reason, kubeconfig.expiry(text))


def _result(changed: bool, dest: str, reason: str, expires: datetime.datetime | None = None) -> dict[str, Any]:
    return {"changed": changed, "dest": dest, "reason": reason, "expires": expires.isoformat() if expires else ""}


def _active(client: TalosClient) -> dict[str, Any]:
    resource = client.cosi_get("config", MACHINE_CONFIG, "v1alpha1")
    return resource.spec if resource else {}


def _existing(dest: str, ctx: Context) -> str | None:
    try:
        return ctx.read_text(dest)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise InputError(
            "the kubeconfig cannot be read", target=dest, answer=error.strerror or "", param="dest"
        ) from error


def _span(text: str) -> datetime.timedelta:
    match = re.fullmatch(r"(\d+)([dh])", text.strip())
    if not match:
        raise InputError(
            f"{text!r} is not a span of time", remedy="Give days (30d) or hours (720h)", param="renew_before"
        )
    return datetime.timedelta(**{"days" if match[2] == "d" else "hours": int(match[1])})


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
