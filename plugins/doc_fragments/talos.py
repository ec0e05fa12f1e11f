# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module which speaks to Talos nodes shares; the specs are in ``module_utils/talos/options.py``."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the Talos connection: of one node, and (C(.nodes)) of many.

    What both share is written twice, because Ansible's tools read plain texts only.
    """

    DOCUMENTATION = r"""
options:
  node:
    description: Address or name of the node to connect to.
    type: str
    required: true
  port:
    description: Port of the Talos API.
    type: int
    default: 50000
  server_name:
    description: Name or address that the node's certificate must carry; O(node) by default.
    type: str
  spki_pin:
    description:
      - Base64 of the SHA-256 of the key (SubjectPublicKeyInfo) that a node in maintenance must present.
      - The node shows it on its console as certificate fingerprint.
    type: str
  talosconfig:
    description:
      - Path of the talosconfig with the CA to trust and the client certificate. It may be encrypted by ansible-vault.
      - Without it only nodes in maintenance can be asked. In check mode a file that does not exist yet counts as none.
    type: path
  context:
    description: Context of the talosconfig; its current one by default.
    type: str
  timeout:
    description: Seconds that one connection or one call may take.
    type: int
    default: 10
requirements:
  - h2
  - cryptography
  - PyYAML
notes:
  - A node is taken for configured when its certificate is of the talosconfig's CA and carries O(server_name). Only one
    that presents the certificate of Talos' maintenance service and says itself that it is in maintenance is spoken to
    without that, and then without presenting a client certificate. A refusal is never answered with a retry that
    verifies less.
"""

    NODES = r"""
options:
  nodes:
    description: The nodes, all asked in one call.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name for messages and results; O(nodes[].node) by default.
        type: str
      node:
        description: Address or name of the node to connect to.
        type: str
        required: true
      port:
        description: Port of the Talos API.
        type: int
        default: 50000
      server_name:
        description: Name or address that the node's certificate must carry; O(nodes[].node) by default.
        type: str
      spki_pin:
        description: Base64 of the SHA-256 of the key that the node must present in maintenance.
        type: str
  talosconfig:
    description:
      - Path of the talosconfig with the CA to trust and the client certificate. It may be encrypted by ansible-vault.
      - Without it only nodes in maintenance can be asked. In check mode a file that does not exist yet counts as none.
    type: path
  context:
    description: Context of the talosconfig; its current one by default.
    type: str
  timeout:
    description: Seconds that one connection or one call may take.
    type: int
    default: 10
requirements:
  - h2
  - cryptography
  - PyYAML
notes:
  - A node is taken for configured when its certificate is of the talosconfig's CA and carries O(nodes[].server_name).
    Only one that presents the certificate of Talos' maintenance service and says itself that it is in maintenance is
    spoken to without that, and then without presenting a client certificate. A refusal is never answered with a retry
    that verifies less.
"""
