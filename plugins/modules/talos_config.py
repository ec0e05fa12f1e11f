#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the machine configs of many Talos nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_config
short_description: Render the machine configs of many Talos nodes
version_added: 0.1.0
description:
  - Generates the machine configs of all nodes in one call from one secrets bundle, as C(talosctl gen config) does, and
    applies patches. Every config is checked offline in Talos' own words.
  - Returns digests and warnings, never a config, unless O(return_configs) asks for it.
  - Can have the configs as files (O(dest)) and a talosconfig (O(talosconfig)), which is renewed before its client
    certificate expires. Files are written only when their content differs.
options:
  nodes:
    description: The nodes. Patches and names given here are added to the common ones, other values replace them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the node, for the result and the file.
        type: str
        required: true
      machine_type:
        description: What the node is.
        type: str
        choices: [controlplane, worker]
      additional_sans:
        description: Further names and addresses of this node's certificates.
        type: list
        elements: str
        default: []
      installer_image:
        description: Image of the installer of this node.
        type: str
      install_disk:
        description: Disk on which Talos is installed.
        type: str
      patches:
        description: Patches of this node, applied after the common ones.
        type: list
        elements: raw
        default: []
  return_configs:
    description: Return the configs in RV(configs). They hold every secret of the cluster, so set C(no_log) on the task.
    type: bool
    default: false
  dest:
    description: Directory for the files C(<name>.yaml), mode 0600.
    type: path
  talosconfig:
    description: Path of a talosconfig to write, or to renew when it does not fit the bundle or expires within 30 days.
    type: path
  talosconfig_renewal:
    description:
      - V(due) writes a talosconfig only when it does not fit or expires soon; V(always) issues a new client
        certificate.
      - The old certificate stays valid until it expires, because Talos knows no revocation.
    type: str
    choices: [due, always]
    default: due
  context:
    description: Name of its context; O(cluster_name) by default.
    type: str
  endpoints:
    description: Control planes for the talosconfig.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homeops.cluster.talos_config_source
attributes:
  check_mode:
    support: full
    description: Renders and checks everything, writes nothing.
  diff_mode:
    support: full
    description: Files before and after, secrets masked.
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Check the configs of all nodes and have a talosconfig
  homeops.cluster.talos_config:
    secrets_file: ~/.homeops/secrets.yaml
    talosconfig: ~/.homeops/talosconfig
    endpoints: [172.29.51.11, 172.29.51.12, 172.29.51.13]
    cluster_name: home-ops
    endpoint: https://172.29.51.10:6443
    talos_version: v1.10.5
    kubernetes_version: v1.31.1
    patches:
      - cluster:
          network:
            cni:
              name: none
          proxy:
            disabled: true
      - machine:
          install:
            diskSelector:
              model: APPLE*
    nodes:
      - name: mini01
        patches:
          - machine:
              network:
                hostname: mini01
"""

RETURN = r"""
nodes:
  description: One entry per node, by name.
  type: dict
  returned: always
  contains:
    sha256:
      description: Digest of the config.
      type: str
    documents:
      description: What the config consists of.
      type: list
      elements: str
    warnings:
      description: Talos' warnings.
      type: list
      elements: str
    machine_type:
      description: What the node is.
      type: str
configs:
  description: The configs by name.
  type: dict
  returned: when RV(configs) is asked for with O(return_configs)
written:
  description: Paths of files that were (or would be) written.
  type: list
  elements: str
  returned: always
talosconfig_renewed:
  description: Why the talosconfig was (or would be) written; empty when it was not.
  type: str
  returned: always
"""

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.common import diff, files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import config_source, documents, redaction, talosconfig

SPEC: dict[str, Any] = {
    "argument_spec": {
        **config_source.OPTIONS,
        "nodes": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "machine_type": {"type": "str", "choices": ["controlplane", "worker"]},
                "additional_sans": {"type": "list", "elements": "str", "default": []},
                "installer_image": {"type": "str"},
                "install_disk": {"type": "str"},
                "patches": {"type": "list", "elements": "raw", "default": []},
            },
        },
        "return_configs": {"type": "bool", "default": False},
        "dest": {"type": "path"},
        "talosconfig": {"type": "path"},
        "talosconfig_renewal": {"type": "str", "choices": ["due", "always"], "default": "due"},
        "context": {"type": "str"},
        "endpoints": {"type": "list", "elements": "str", "default": []},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Render all configs, write what differs and return digests."""
    names = [node["name"] for node in params["nodes"]]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"the node {doubled[0]} is listed twice", param="nodes")
    unusable = [name for name in names if not name or "/" in name or name.startswith(".")]
    if unusable and params["dest"]:
        raise InputError(f'"{unusable[0]}" is no name for a file', param="nodes")
    config_source.check_sources(params)
    bundle = None if params["config"] else config_source.bundle_of(params, ctx)
    made = {node["name"]: _render(params, node, bundle, ctx) for node in params["nodes"]}
    result: dict[str, Any] = {
        "changed": False,
        "nodes": {name: _facts(name, wanted, ctx) for name, wanted in made.items()},
        "written": [],
        "talosconfig_renewed": "",
    }
    if params["return_configs"]:
        result["configs"] = {name: wanted.text for name, wanted in made.items()}
    diffs: list[dict[str, str]] = []
    for name, wanted in made.items() if params["dest"] else ():
        path = os.path.join(os.path.abspath(params["dest"]), f"{name}.yaml")
        _write(path, wanted, ctx, result, diffs)
    if params["talosconfig"]:
        _talosconfig(params, bundle, ctx, result)
    result["changed"] = bool(result["written"])
    if ctx.diff_mode and diffs:
        result["diff"] = diffs
    return result


def _render(params: Mapping[str, Any], node: Mapping[str, Any], bundle: Any, ctx: Context) -> config_source.Desired:
    """Return one node's config; an error names the node."""
    merged = {
        **params,
        **{key: node[key] for key in ("machine_type", "installer_image", "install_disk") if node.get(key)},
        "additional_sans": [*params["additional_sans"], *(node.get("additional_sans") or [])],
        "patches": [*params["patches"], *(node.get("patches") or [])],
    }
    try:
        return config_source.desired(merged, ctx, bundle)
    except InputError as error:
        raise InputError(
            error.attempted,
            target=", ".join(part for part in (f"node {node['name']}", error.target) if part),
            answer=error.answer,
            remedy=error.remedy,
            param=error.param,
        ) from error


def _facts(name: str, wanted: config_source.Desired, ctx: Context) -> dict[str, Any]:
    warnings = config_source.warnings_of(wanted, requires_install=True)
    for text in warnings:
        ctx.warn(f"{name}: {text}")
    return {
        "sha256": wanted.sha256,
        "documents": [document.label for document in wanted.documents],
        "warnings": warnings,
        "machine_type": str(wanted.machine.get("type", "")),
    }


def _write(
    path: str, wanted: config_source.Desired, ctx: Context, result: dict[str, Any], diffs: list[dict[str, str]]
) -> None:
    existing = _existing(path, ctx)
    if existing == wanted.text:
        return
    result["written"].append(path)
    if ctx.diff_mode:
        diffs.append(diff.before_after(_shown(existing), _shown(wanted.text), path))
    if not ctx.check_mode:
        _store(path, wanted.text, "dest")


def _shown(text: str | None) -> list[Any]:
    try:
        return [redaction.masked(dict(one.encoded())) for one in documents.decode(text or "")]
    except documents.ConfigError:
        return []


def _existing(path: str, ctx: Context) -> str | None:
    try:
        return ctx.read_text(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HomeopsError("reading the file", target=path, answer=str(error)) from error


def _store(path: str, text: str, param: str) -> None:
    try:
        files.write_private(path, text)
    except OSError as error:
        raise HomeopsError("writing the file", target=path, answer=error.strerror or str(error), param=param) from error


def _talosconfig(params: Mapping[str, Any], bundle: Any, ctx: Context, result: dict[str, Any]) -> None:
    if bundle is None:
        raise InputError(
            "a talosconfig cannot be made from a ready config",
            remedy="Give secrets or secrets_file",
            param="talosconfig",
        )
    path = os.path.abspath(params["talosconfig"])
    context = params["context"] or params["cluster_name"]
    now = datetime.datetime.now(datetime.UTC)
    reason = talosconfig.renewal_reason(_existing(path, ctx), context, bundle, params["endpoints"], [], now)
    if not reason and params["talosconfig_renewal"] == "always":
        reason = "a new client certificate is asked for"
    if not reason:
        return
    result["talosconfig_renewed"] = reason
    result["written"].append(path)
    if not ctx.check_mode:
        _store(path, talosconfig.talosconfig_text(context, bundle, params["endpoints"], [], now), "talosconfig")


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
