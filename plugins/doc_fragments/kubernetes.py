# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module which speaks to a Kubernetes API shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the Kubernetes connection."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig. It may be encrypted by ansible-vault.
      - Without it, E(KUBECONFIG), C(~/.kube/config) and the account of the pod we run in are tried in this order.
      - Client certificates and tokens, inline or as files, are read without any further package. The server's
        certificate is checked against the kubeconfig's CA, and against its C(tls-server-name) where it has one.
      - Exec plugins, auth providers and several merged files are left to the Python package C(kubernetes).
    type: path
  context:
    description: Context of the kubeconfig; its C(current-context) by default.
    type: str
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
requirements:
  - PyYAML
"""
