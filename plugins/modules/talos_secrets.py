#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the secrets bundle of a Talos cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_secrets
short_description: Have the secrets bundle of a Talos cluster
version_added: 0.1.0
description:
  - Makes the secrets bundle of a new cluster once, or reads and checks the one that is there.
  - The bundle is interchangeable with the file of C(talosctl gen secrets), version contract 1.10. All machine configs
    and client certificates derive from it; who has it owns the cluster.
  - An existing file is never changed. A file which is there but not complete is an error that names what is missing.
options:
  path:
    description:
      - Path of the bundle on the controller. It is made with mode 0600, in one step, when it does not exist.
      - An existing file may be encrypted by ansible-vault (when the task runs as an action on the controller).
    type: path
  secrets:
    description: Text of a bundle that is kept elsewhere, as in a 1Password item; it is checked only.
    type: str
  state:
    description: The bundle is to exist; nothing here ever removes one.
    type: str
    choices: [present]
    default: present
attributes:
  check_mode:
    support: full
    description: Says whether a bundle would be made, and makes none.
  diff_mode:
    support: none
    description: A bundle is secret.
requirements:
  - cryptography
  - PyYAML
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: Have the secrets bundle
  homeops.cluster.talos_secrets:
    path: ~/.homeops/secrets.yaml

- name: Check the bundle that is kept in 1Password
  homeops.cluster.talos_secrets:
    secrets: "{{ homeops_talos_secrets_text }}"
"""

RETURN = r"""
path:
  description: Path of the bundle; empty when its text was given.
  type: str
  returned: always
authorities:
  description: The cluster's CAs (etcd, kubernetes, aggregator, talos); empty when a bundle would be made.
  type: dict
  returned: always
  contains:
    fingerprint:
      description: SHA-256 of the certificate.
      type: str
    expires:
      description: End of its validity, ISO 8601.
      type: str
"""

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import secrets

SPEC: dict[str, Any] = {
    "argument_spec": {
        "path": {"type": "path"},
        "secrets": {"type": "str", "no_log": True},
        "state": {"type": "str", "choices": ["present"], "default": "present"},
    },
    "required_one_of": [["path", "secrets"]],
    "mutually_exclusive": [["path", "secrets"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Return the facts of the bundle, which is made when there is none."""
    if params["secrets"]:
        bundle = secrets.parse(params["secrets"], "the given text", param="secrets")
        return {"changed": False, "path": "", "authorities": bundle.authorities()}
    if not params["path"]:
        raise InputError(
            "parameter secrets is empty", remedy="Give the bundle's text, or path instead", param="secrets"
        )
    path = os.path.abspath(params["path"])
    if os.path.lexists(path):
        return {"changed": False, "path": path, "authorities": _read(path, ctx).authorities()}
    if ctx.check_mode:
        return {"changed": True, "path": path, "authorities": {}}
    bundle = secrets.generate(datetime.datetime.now(datetime.UTC))
    try:
        files.create_private(path, bundle.to_yaml())
    except FileExistsError:
        # Somebody else was faster; theirs is the bundle.
        return {"changed": False, "path": path, "authorities": _read(path, ctx).authorities()}
    except OSError as error:
        raise InputError(
            "the secrets bundle cannot be written",
            target=path,
            answer=error.strerror or "",
            remedy="Give a path whose folder exists and takes files of the user who runs Ansible",
            param="path",
        ) from error
    return {"changed": True, "path": path, "authorities": bundle.authorities()}


def _read(path: str, ctx: Context) -> secrets.SecretsBundle:
    try:
        text = ctx.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            "the secrets bundle cannot be read",
            target=path,
            answer=str(reason),
            remedy="It is never written anew over what is there: restore it, or give its right path",
            param="path",
        ) from error
    return secrets.parse(text, path, param="path")


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
