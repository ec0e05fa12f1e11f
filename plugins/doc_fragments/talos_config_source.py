# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that say which machine config is wanted; the specs are in ``module_utils/talos/config_source.py``."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the source of a machine config."""

    DOCUMENTATION = r"""
options:
  config:
    description:
      - A ready machine config, one or more YAML documents. O(patches) are applied to it.
      - Lists are appended by patches, so never give here what a node returns.
    type: str
  secrets:
    description: Text of the secrets bundle from which the config is generated.
    type: str
  secrets_file:
    description: Path of the secrets bundle; it may be encrypted by ansible-vault.
    type: path
  cluster_name:
    description: Name of the cluster; needed to generate.
    type: str
  endpoint:
    description: URL of the Kubernetes API with its port, like C(https://172.29.51.10:6443); needed to generate.
    type: str
  talos_version:
    description: Version of Talos, C(v1.10.x); needed to generate. An installer image of another version is refused.
    type: str
  kubernetes_version:
    description: Version of Kubernetes; needed to generate.
    type: str
  machine_type:
    description: What the node is.
    type: str
    choices: [controlplane, worker]
    default: controlplane
  additional_sans:
    description: Further names and addresses for the certificates of the Talos API and of the Kubernetes API.
    type: list
    elements: str
    default: []
  installer_image:
    description:
      - Image of the installer, such as R(talos_schematic,ansible_collections.homeops.cluster.talos_schematic_module)
        returns; the one without extensions by default.
      - The URL of a disk image is refused, with the reference to write instead.
    type: str
  install_disk:
    description: Disk on which Talos is installed; not needed with a C(diskSelector) in O(patches).
    type: str
  patches:
    description:
      - Strategic merge patches, mappings or YAML texts, applied in order; documents of other kinds are added.
      - "They follow Talos' rules, C($patch: delete) included. JSON patches (RFC 6902) are refused."
    type: list
    elements: raw
    default: []
requirements:
  - PyYAML
  - cryptography
"""
