# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that everything which reads 1Password items shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the source of items."""

    DOCUMENTATION = r"""
options:
  source:
    description:
      - Where the items are. V(connect) is the REST API of 1Password Connect, V(file) a YAML file of the controller,
        V(service_account) is 1Password itself through its own Python SDK.
      - The last two are for the time before Connect runs. They are read only.
    type: str
    choices: [connect, file, service_account]
    default: connect
  url:
    description: URL of Connect, such as C(http://127.0.0.1:8080). For O(source=connect).
    type: str
  token:
    description: Token of Connect; its scope must hold O(vault). For O(source=connect).
    type: str
  vault:
    description: Name or id of the vault. For V(connect) and V(service_account).
    type: str
  path:
    description:
      - File with C(items), a map from title to fields; C(files) instead of fields for an item that is a file.
      - It may be encrypted by ansible-vault when the task runs on the controller. For O(source=file).
    type: path
  service_account_token:
    description: Token of a 1Password service account. For O(source=service_account).
    type: str
  validate_certs:
    description: Whether the certificate of an C(https) O(url) must be signed by a trusted CA and carry its host.
    type: bool
    default: true
  ca_path:
    description: PEM file of the CA to trust instead of the system's.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
  patience:
    description: Seconds for one question with all its tries, when Connect limits, fails or does not answer.
    type: int
    default: 30
requirements:
  - PyYAML
  - onepassword-sdk, for O(source=service_account)
"""
