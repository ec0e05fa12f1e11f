#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal, verify and open a backup set."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_set
short_description: Seal, verify and open a backup set
version_added: 0.1.0
description:
  - A set is one folder, named after its cluster and the time. Sealing writes its manifest (every file with size and
    SHA-256, and the id of the cluster) and removes the oldest sets beyond O(keep).
  - Verifying compares every file with the manifest and the cluster's id with that of the secrets bundle.
  - Opening verifies, too, and then writes one file of the set where it is needed, decrypted, mode 0600. What is there
    already is never replaced.
options:
  path:
    description: The set's folder. For O(state=verified) and O(state=opened) it must be sealed.
    type: path
    required: true
  state:
    description: What to do.
    type: str
    choices: [sealed, verified, opened]
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  secrets_file:
    description:
      - The cluster's secrets bundle, whose id the set gets or must have.
      - When it does not exist, O(state=verified) and O(state=opened) cannot compare and say so in RV(compared).
    type: path
  secrets:
    description: Text of the bundle, instead of O(secrets_file).
    type: str
  keep:
    description: Sets of this cluster to keep in the folder of O(path), which is never removed itself; 0 keeps all.
    type: int
    default: 0
  file:
    description: For O(state=opened), the file of the set to write.
    type: str
    default: secrets-bundle.yaml
  dest:
    description: Where to write it.
    type: path
  passphrase:
    description: The passphrase that the set was made with.
    type: str
attributes:
  check_mode:
    support: full
    description: Verifies as always; writes and removes nothing.
  diff_mode:
    support: none
    description: There is nothing that may be shown.
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Seal what was kept
  homeops.cluster.backup_set:
    path: "{{ homeops_state_dir }}/backup/home-ops-20261128T203000Z"
    state: sealed
    cluster: home-ops
    secrets_file: "{{ homeops_state_dir }}/secrets.yaml"
    keep: 14

- name: Prove it before anything is restored
  homeops.cluster.backup_set:
    path: "{{ homeops_state_dir }}/backup/home-ops-20261128T203000Z"
    state: verified
    cluster: home-ops
    secrets_file: "{{ homeops_state_dir }}/secrets.yaml"
"""

RETURN = r"""
path:
  description: The set's folder.
  type: str
  returned: always
cluster_id:
  description: The id of the cluster.
  type: str
  returned: always
files:
  description: Files of the set.
  type: list
  elements: str
  returned: always
snapshot:
  description: The newest etcd snapshot in it, as a path; empty for none.
  type: str
  returned: always
compared:
  description: Whether the cluster's id was compared with that of a secrets bundle.
  type: bool
  returned: always
removed:
  description: Sets that were more than O(keep).
  type: list
  elements: str
  returned: always
"""

import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from ..module_utils.backup import manifest as backup
from ..module_utils.backup.manifest import Manifest
from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import config_source, secrets, snapshot

SPEC: dict[str, Any] = {
    "argument_spec": {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["sealed", "verified", "opened"], "required": True},
        "cluster": {"type": "str", "required": True},
        "secrets_file": {"type": "path", "no_log": False},
        "secrets": {"type": "str", "no_log": True},
        "keep": {"type": "int", "default": 0, "no_log": False},
        "file": {"type": "str", "default": backup.BUNDLE},
        "dest": {"type": "path"},
        "passphrase": {"type": "str", "no_log": True},
    },
    "required_if": [["state", "opened", ["dest", "passphrase"]]],
    "mutually_exclusive": [["secrets", "secrets_file"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Seal, verify or open; see DOCUMENTATION."""
    folder = os.path.abspath(params["path"])
    if params["state"] == "sealed":
        return _seal(folder, params, ctx)
    manifest = backup.opened(folder)
    compared = _same(manifest, params, ctx)
    for name in manifest.snapshots:
        snapshot.verify(os.path.join(folder, name))
    result = _result(folder, manifest, compared=compared)
    return {**result, "changed": params["state"] == "opened" and _open(folder, manifest, params, ctx)}


def _result(folder: str, manifest: Manifest, compared: bool) -> dict[str, Any]:
    newest = manifest.snapshots[-1:]
    return {
        "path": folder,
        "cluster_id": manifest.cluster_id,
        "files": [part.path for part in manifest.parts],
        "snapshot": os.path.join(folder, newest[0]) if newest else "",
        "compared": compared,
        "removed": [],
    }


def _seal(folder: str, params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", params["cluster"]):
        raise InputError(f"{params['cluster']!r} cannot be part of a folder's name", param="cluster")
    bundle = config_source.bundle_of(params, ctx)
    if ctx.check_mode:
        empty = Manifest(params["cluster"], bundle.cluster_id, "", [])
        return {**_result(folder, empty, compared=True), "changed": True}
    manifest = backup.seal(folder, params["cluster"], bundle.cluster_id)
    result = _result(folder, manifest, compared=True)
    return {**result, "changed": True, "removed": _prune(folder, params["cluster"], params["keep"])}


def _prune(folder: str, cluster: str, keep: int) -> list[str]:
    """Remove the oldest sealed sets; one without a manifest may be another run's that has not ended."""
    root = os.path.dirname(folder)
    sealed = [name for name in os.listdir(root) if os.path.exists(os.path.join(root, name, backup.NAME))]
    removed = [os.path.join(root, name) for name in backup.surplus(sealed, cluster, keep)]
    removed = [path for path in removed if path != folder]
    for path in removed:
        # Without its manifest it is no set any more, whatever happens to the rest.
        os.unlink(os.path.join(path, backup.NAME))
        shutil.rmtree(path)
    return removed


def _same(manifest: Manifest, params: Mapping[str, Any], ctx: Context) -> bool:
    if manifest.cluster != params["cluster"]:
        raise InputError(
            "the backup is of another cluster",
            target=manifest.cluster,
            answer=f"this one is {params['cluster']}",
            remedy="Give a backup of this cluster",
            param="path",
        )
    path = params["secrets_file"]
    if not params["secrets"] and not (path and os.path.exists(path)):
        return False
    bundle = config_source.bundle_of(params, ctx)
    backup.same_cluster(manifest, bundle.cluster_id, "the secrets bundle on the controller")
    return True


def _open(folder: str, manifest: Manifest, params: Mapping[str, Any], ctx: Context) -> bool:
    if params["file"] not in {part.path for part in manifest.parts}:
        raise InputError(f"the backup has no file {params['file']}", target=folder, param="file")
    text = ctx.decrypt(files.read_text(os.path.join(folder, params["file"])), params["passphrase"])
    dest = os.path.abspath(params["dest"])
    if os.path.lexists(dest):
        if params["file"] == backup.BUNDLE and secrets.parse(ctx.read_text(dest), dest) == secrets.parse(text):
            return False
        if ctx.read_text(dest) != text:
            raise InputError(
                "another file is there",
                target=dest,
                remedy="Move it away first; it is not replaced",
                param="dest",
            )
        return False
    if not ctx.check_mode:
        files.create_private(dest, text)
    return True


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
