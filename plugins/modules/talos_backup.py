#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the machine configs and the secrets bundle, encrypted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_backup
short_description: Keep the machine configs and the secrets bundle, encrypted
version_added: 0.1.0
description:
  - Reads the persistent machine config of every node and writes each, and the secrets bundle, into a folder, encrypted
    in ansible-vault's format and readable by their owner only. No text reaches the disk unencrypted.
  - A node that cannot be asked, or is in maintenance, is named in a warning and in RV(missing); its config can be made
    of the bundle again.
options:
  directory:
    description: Folder of the files; made with mode 0700 when it is not there.
    type: path
    required: true
  passphrase:
    description: What the files are encrypted with. Without it nothing is written.
    type: str
    required: true
  secrets_file:
    description: The cluster's secrets bundle.
    type: path
  secrets:
    description: Text of the bundle, instead of O(secrets_file).
    type: str
attributes:
  check_mode:
    support: full
    description: Asks every node, writes nothing.
  diff_mode:
    support: none
    description: There is nothing that may be shown.
extends_documentation_fragment:
  - homeops.cluster.talos.nodes
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Keep what the nodes are made of
  homeops.cluster.talos_backup:
    nodes: "{{ groups['control_plane'] | homeops.cluster.node_doors(hostvars) }}"
    talosconfig: "{{ homeops_state_dir }}/talosconfig"
    secrets_file: "{{ homeops_state_dir }}/secrets.yaml"
    directory: "{{ homeops_state_dir }}/backup/home-ops-20261128T203000Z"
    passphrase: "{{ lookup('ansible.builtin.env', 'HOMEOPS_BACKUP_PASSPHRASE') }}"
"""

RETURN = r"""
files:
  description: Files that were written.
  type: list
  elements: str
  returned: always
missing:
  description: Nodes without a file, each with the reason.
  type: dict
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.backup.manifest import BUNDLE
from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import config_source, options
from ..module_utils.talos.client import MACHINE_CONFIG
from ..module_utils.talos.connection import NodeMode, Target, connect, identity_of, target_of
from ..module_utils.talos.errors import TalosError
from ..module_utils.talos.state import each_node

SPEC: dict[str, Any] = {
    "argument_spec": options.many_nodes(
        directory={"type": "path", "required": True},
        passphrase={"type": "str", "required": True, "no_log": True},
        secrets_file={"type": "path", "no_log": False},
        secrets={"type": "str", "no_log": True},
    ),
    "mutually_exclusive": [["secrets", "secrets_file"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Keep configs and bundle; see DOCUMENTATION."""
    if not params["passphrase"]:
        raise InputError(
            "there is no passphrase",
            answer="machine configs and the secrets bundle are not kept in clear",
            remedy="Set HOMEOPS_BACKUP_PASSPHRASE, and keep it where the backup is not. Nothing was written",
            param="passphrase",
        )
    bundle = config_source.bundle_of(params, ctx)
    identity = identity_of(params, ctx)
    targets = [target_of(item) for item in params["nodes"]]

    def ask(target: Target) -> tuple[str, str]:
        try:
            client, mode = connect(target, identity, params["timeout"])
            with client:
                if mode is NodeMode.MAINTENANCE:
                    return "", "it is in maintenance and has no machine config"
                resource = client.cosi_get("config", MACHINE_CONFIG, "persistent")
                return (resource.raw.decode(), "") if resource else ("", "it shows no persistent machine config")
        except TalosError as error:
            return "", error.details or error.answer or str(error)

    answers = dict(zip((target.label for target in targets), each_node(targets, ask), strict=True))
    missing = {name: reason for name, (text, reason) in answers.items() if not text}
    for name, reason in missing.items():
        ctx.warn(f"the machine config of {name} is not in the backup: {reason}")
    texts = {f"machine-config-{name}.yaml": text for name, (text, _reason) in answers.items() if text}
    texts[BUNDLE] = bundle.to_yaml()
    paths = {os.path.join(os.path.abspath(params["directory"]), name): text for name, text in texts.items()}
    if not ctx.check_mode:
        _write(paths, params["passphrase"], ctx)
    return {"changed": True, "files": sorted(paths), "missing": missing}


def _write(paths: Mapping[str, str], passphrase: str, ctx: Context) -> None:
    for path, text in paths.items():
        try:
            files.write_private(path, ctx.encrypt(text, passphrase))
        except OSError as error:
            raise InputError(
                "the file cannot be written", target=path, answer=error.strerror or str(error), param="directory"
            ) from error


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
