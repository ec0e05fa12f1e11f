#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have Kubernetes Secrets whose values are 1Password items."""

from __future__ import annotations

DOCUMENTATION = r"""
module: onepassword_kube_secret
short_description: Have Kubernetes Secrets whose values are 1Password items
version_added: 0.1.0
description:
  - Reads the values and applies the Secrets, server side, in one call; no value is ever in a variable or a result.
  - Meant for the few Secrets that must be there before External Secrets can read any; everything else is an
    ExternalSecret.
  - When the file of O(source=file) does not exist, Secrets that are in the cluster with all their keys are left as they
    are, with a warning; so later runs need no bootstrap file.
options:
  secrets:
    description: The Secrets.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Its namespace, which must exist.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      type:
        description: Its type.
        type: str
        default: Opaque
      format:
        description:
          - V(connect-credentials) accepts the server's credentials as JSON, as base64 and as URL-encoded base64, and
            writes the JSON; V(connect-token) refuses a token that has been cut off.
        type: str
        choices: [plain, connect-credentials, connect-token]
        default: plain
      labels:
        description: Labels.
        type: dict
        default: {}
      keys:
        description: Its keys.
        type: list
        elements: dict
        required: true
        suboptions:
          key:
            description: The key.
            type: str
            required: true
          title:
            description: Title of the item.
            type: str
            required: true
          field:
            description: Label of the field; empty for the first file of a document.
            type: str
            default: ""
          file:
            description: Name of a file, instead of a field.
            type: str
            default: ""
  kubeconfig:
    description: Path of the kubeconfig.
    type: path
  context:
    description: Context of the kubeconfig; its C(current-context) by default.
    type: str
  field_manager:
    description: Name under which the API records which fields are ours.
    type: str
    default: homeops
  assume_absent:
    description:
      - In check mode, take the cluster as empty and do not connect, because an earlier step of the same run would
        create it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.onepassword
attributes:
  check_mode:
    description: Predicts with a server-side dry run.
    support: full
  diff_mode:
    description: One diff per changed Secret, values masked.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Give Connect its token
  homeops.cluster.onepassword_kube_secret:
    kubeconfig: "{{ homeops_kubeconfig }}"
    source: file
    path: items.yaml
    secrets:
      - namespace: onepassword-connect
        name: onepassword-connect-token
        format: connect-token
        keys:
          - key: token
            title: 1Password Connect Token
            field: token
"""

RETURN = r"""
objects:
  description: One entry per Secret, with C(action) created, configured or unchanged.
  returned: always
  type: list
  elements: dict
summary:
  description: Number of Secrets per action.
  returned: always
  type: dict
"""

import base64
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import apply, session as kube
from ..module_utils.kubernetes.applier import Applier, Options
from ..module_utils.kubernetes.client import Client
from ..module_utils.kubernetes.discovery import Discovery
from ..module_utils.kubernetes.errors import NotFound
from ..module_utils.kubernetes.manifests import from_definition
from ..module_utils.onepassword import items, session, source as sources
from ..module_utils.onepassword.errors import SourceAbsent

SPEC: dict[str, Any] = {
    "argument_spec": {
        **kube.ARGUMENTS,
        **session.ARGUMENTS,
        "secrets": {
            "type": "list",
            "elements": "dict",
            "required": True,
            # Names and titles, no values.
            "no_log": False,
            "options": {
                "namespace": {"type": "str", "required": True},
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "default": "Opaque"},
                "format": {
                    "type": "str",
                    "choices": ["plain", "connect-credentials", "connect-token"],
                    "default": "plain",
                },
                "labels": {"type": "dict", "default": {}},
                "keys": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "no_log": False,
                    "options": {
                        "key": {"type": "str", "required": True, "no_log": False},
                        "title": {"type": "str", "required": True},
                        "field": {"type": "str", "default": ""},
                        "file": {"type": "str", "default": ""},
                    },
                },
            },
        },
        "field_manager": {"type": "str", "default": "homeops"},
        "assume_absent": {"type": "bool", "default": False},
    },
    "supports_check_mode": True,
}
_FORMATS = {"connect-credentials": items.connect_credentials, "connect-token": items.connect_token}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the Secrets; see DOCUMENTATION."""
    try:
        with session.opened(params, ctx.read_text, ctx.progress) as source:
            bodies = [_body(secret, source) for secret in params["secrets"]]
    except SourceAbsent as error:
        kept = _kept(params, ctx)
        if kept is None:
            raise
        ctx.warn(f"{error} The Secrets that are in the cluster stay as they are.")
        return kept
    if ctx.check_mode and params["assume_absent"]:
        return _result([_outcome(body, apply.Action.CREATED, body) for body in bodies], ctx)
    with kube.connect(params, ctx) as client:
        applier = Applier(client, Discovery(client), Options(manager=params["field_manager"]), ctx)
        outcomes = applier.apply(applier.items(from_definition(bodies, "secrets")))
    return _result(outcomes, ctx)


def _outcome(secret: Mapping[str, Any], action: apply.Action, after: Mapping[str, Any] | None = None) -> apply.Outcome:
    meta = secret.get("metadata") or secret
    return apply.Outcome(apply.Identity("v1", "Secret", meta["name"], meta["namespace"]), action, None, after)


def _body(secret: Mapping[str, Any], source: sources.Source) -> dict[str, Any]:
    data = {}
    for one in secret["keys"]:
        text = sources.value(source, one["title"], one["field"], file=one["file"])
        text = _FORMATS.get(secret["format"], str)(text)
        data[one["key"]] = base64.b64encode(text.encode()).decode()
    metadata: dict[str, Any] = {"name": secret["name"], "namespace": secret["namespace"]}
    if secret["labels"]:
        metadata["labels"] = dict(secret["labels"])
    return {"apiVersion": "v1", "kind": "Secret", "type": secret["type"], "metadata": metadata, "data": data}


def _kept(params: Mapping[str, Any], ctx: Context) -> dict[str, Any] | None:
    """Return the result for Secrets that are all there with all their keys, None when they are not."""
    if ctx.check_mode and params["assume_absent"]:
        return None
    with kube.connect(params, ctx) as client:
        if not all(_there(client, secret) for secret in params["secrets"]):
            return None
    return _result([_outcome(secret, apply.Action.UNCHANGED) for secret in params["secrets"]], ctx)


def _there(client: Client, secret: Mapping[str, Any]) -> bool:
    try:
        found = client.get(f"/api/v1/namespaces/{secret['namespace']}/secrets/{secret['name']}")
    except NotFound:
        return False
    return {one["key"] for one in secret["keys"]} <= set(found.get("data") or {})


def _result(outcomes: list[apply.Outcome], ctx: Context) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "objects": [outcome.facts() for outcome in outcomes],
        "summary": apply.summary(outcomes),
    }
    if ctx.diff_mode:
        result["diff"] = apply.diffs(outcomes)
    return result


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
