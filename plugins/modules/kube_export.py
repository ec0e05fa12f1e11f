#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep Kubernetes objects as manifests in one file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_export
short_description: Keep Kubernetes objects as manifests in one file
version_added: 0.1.0
description:
  - Reads all objects of the given kinds and writes them as M(homeops.cluster.kube_apply) takes them, without status and
    what else the server adds. Objects that belong to a controller are left out, because it makes them again.
  - A kind that the API does not serve is left out, too. Secrets are refused; a snapshot of etcd holds them.
options:
  kinds:
    description: What to keep.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Kind, plural or short name.
        type: str
        required: true
      api_version:
        description: Its apiVersion; the preferred one by default.
        type: str
      namespace:
        description: Namespace; all by default.
        type: str
      labels:
        description: Label selector.
        type: str
  dest:
    description: The file, mode 0600.
    type: path
    required: true
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Reads the objects and compares them with the file, writes nothing.
    support: full
  diff_mode:
    description: The file before and after.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Keep what the cluster announces
  homeops.cluster.kube_export:
    kubeconfig: "{{ homeops_state_dir }}/kubeconfig"
    kinds:
      - kind: CiliumLoadBalancerIPPool
      - kind: CiliumBGPClusterConfig
    dest: "{{ homeops_state_dir }}/bgp-objects.yaml"
"""

RETURN = r"""
dest:
  description: The file.
  returned: always
  type: str
objects:
  description: What is in it, as C(kind namespace/name).
  returned: always
  type: list
  elements: str
"""

import os
from collections.abc import Mapping
from typing import Any

try:
    import yaml
except ImportError:  # session.connect() tells
    yaml = None  # type: ignore[assignment]

from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import live, manifest, session
from ..module_utils.kubernetes.client import Client
from ..module_utils.kubernetes.discovery import Discovery
from ..module_utils.kubernetes.redact import is_secret

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "kinds": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "kind": {"type": "str", "required": True},
                "api_version": {"type": "str"},
                "namespace": {"type": "str"},
                "labels": {"type": "str"},
            },
        },
        "dest": {"type": "path", "required": True},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Keep; see DOCUMENTATION."""
    with session.connect(params, ctx) as client:
        bodies = _read(client, params["kinds"])
    text = yaml.safe_dump_all(bodies, sort_keys=False, width=1_000_000) if bodies else ""
    dest = os.path.abspath(params["dest"])
    before = files.read_text(dest) if os.path.exists(dest) else ""
    changed = text != before or not os.path.exists(dest)
    try:
        if changed and not ctx.check_mode:
            files.write_private(dest, text)
    except OSError as error:
        raise InputError(
            "the file cannot be written", target=dest, answer=error.strerror or str(error), param="dest"
        ) from error
    result: dict[str, Any] = {"changed": changed, "dest": dest, "objects": [_title(body) for body in bodies]}
    if ctx.diff_mode:
        result["diff"] = {"before": before, "after": text, "before_header": dest, "after_header": dest}
    return result


def _read(client: Client, kinds: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    discovery, found = Discovery(client), []
    for wanted in kinds:
        resource = discovery.search(wanted["kind"], wanted.get("api_version") or "")
        if resource is None:
            continue
        namespace = (wanted.get("namespace") or "") if resource.namespaced else ""
        doing = f"reading {resource.plural}"
        items, _version = client.list(resource.path(namespace), labels=wanted.get("labels") or "", attempted=doing)
        for body in (live.whole(item, resource) for item in items):
            if is_secret(body):
                raise InputError("Secrets are not kept in clear", remedy="Leave the kind out", param="kinds")
            if not manifest.owned(body):
                found.append(manifest.written(body))
    return sorted(found, key=_title)


def _title(body: Mapping[str, Any]) -> str:
    place = "/".join(part for part in (body["metadata"].get("namespace"), body["metadata"]["name"]) if part)
    return f"{body['kind']} {place}"


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
