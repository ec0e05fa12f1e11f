# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structured options of cluster_report; the specs are in ``module_utils/overview/options.py``."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of what is declared, and of the systems that have accounts."""

    DOCUMENTATION = r"""
options:
  machine_config:
    description: >-
      What the declared machine configs are made of, as M(homeops.cluster.talos_apply) takes it. Without it no node is
      held against the model.
    type: dict
    suboptions:
      secrets:
        description: Text of the secrets bundle.
        type: str
      secrets_file:
        description: Path of the secrets bundle; it may be encrypted by ansible-vault.
        type: path
      cluster_name:
        description: Name of the cluster.
        type: str
      endpoint:
        description: URL of the Kubernetes API with its port.
        type: str
      talos_version:
        description: Version of Talos.
        type: str
      kubernetes_version:
        description: Version of Kubernetes.
        type: str
      additional_sans:
        description: Further names and addresses for the certificates.
        type: list
        elements: str
        default: []
      installer_image:
        description: Image of the installer.
        type: str
      factory:
        description: Host of the Image Factory.
        type: str
        default: factory.talos.dev
  declared:
    description:
      - What the model declares of nodes and services, as the filter P(homeops.cluster.status_of#filter) returns it.
    type: dict
    default: {}
    suboptions:
      nodes:
        description: Of each node what its machine config is made of.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the node.
            type: str
            required: true
          machine_type:
            description: What the node is.
            type: str
            choices: [controlplane, worker]
            default: controlplane
          patches:
            description: Patches of its machine config.
            type: list
            elements: raw
            default: []
      schematic:
        description: Image Factory schematic of the nodes, whose installer is wanted.
        type: dict
      services:
        description: The services as they are declared, see M(homeops.cluster.service_status).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the service, and slug of its application.
            type: str
            required: true
          title:
            description: Title for people.
            type: str
          host:
            description: Host under which it is reached.
            type: str
            required: true
          auth:
            description: How one logs in.
            type: str
            choices: [proxy, forward, oidc, none]
            required: true
          ingress_class:
            description: Class of its Ingress.
            type: str
            required: true
          entry:
            description: The Service (C(namespace/name)) that gives the controller of this class its address.
            type: str
            required: true
          pool:
            description: Pool from which the address comes.
            type: str
            required: true
          address:
            description: The address that it must have.
            type: str
          namespace:
            description: Namespace of the service behind it.
            type: str
            required: true
          service:
            description: Its Service.
            type: str
            required: true
          port:
            description: Port of the Service.
            type: int
            required: true
          scheme:
            description: What it speaks.
            type: str
            choices: [http, https]
            default: http
          outpost:
            description: Name of the outpost, C(embedded) for the server's own.
            type: str
            default: embedded
          outpost_service:
            description: The Service (C(namespace/name)) of the outpost.
            type: str
          login_host:
            description: Host of the login page.
            type: str
          open_paths:
            description: Patterns of paths that are open on purpose.
            type: list
            elements: str
            default: []
      probes:
        description: Hosts and paths that are asked for as a stranger would.
        type: list
        elements: dict
        default: []
        suboptions:
          host:
            description: The host.
            type: str
            required: true
          paths:
            description: The paths.
            type: list
            elements: str
            default: [/]
  console:
    description: The console of the router. Without it neither its stored text nor its DNS records are read.
    type: dict
    suboptions:
      host:
        description: Address or name of the console.
        type: str
        required: true
      port:
        description: Port of its HTTPS server.
        type: int
        default: 443
      api_key:
        description: API key.
        type: str
      username:
        description: User name of a local account, when there is no key.
        type: str
      password:
        description: Its password.
        type: str
      site:
        description: Internal name of the site.
        type: str
        default: default
      validate_certs:
        description: Whether the certificate must be signed by a trusted CA and carry the host's name.
        type: bool
        default: true
      ca_path:
        description: PEM file of the CA to trust instead of the system's.
        type: path
      fingerprint:
        description: SHA-256 fingerprint of the console's certificate.
        type: str
      timeout:
        description: Not used here; O(timeouts) decides.
        type: int
        default: 15
  identity:
    description: The Authentik server. Without a token it is not asked.
    type: dict
    suboptions:
      url:
        description: Root of the server.
        type: str
        required: true
      token:
        description: Key of a token that may read its objects.
        type: str
        required: true
      door:
        description: Address to connect to instead, C(host:port).
        type: str
      ca_file:
        description: PEM file of the CA to trust instead of the system's.
        type: path
      validate_certs:
        description: Whether the certificate must be trusted.
        type: bool
        default: true
      timeout:
        description: Not used here; O(timeouts) decides.
        type: int
        default: 30
  thresholds:
    description: From where on something is a finding.
    type: dict
    default: {}
    suboptions:
      certificate_warning:
        description: Days that a certificate must have left.
        type: int
        default: 14
      certificate_critical:
        description: Days at which a certificate is critical.
        type: int
        default: 3
      token_warning:
        description: Days that a token must have left.
        type: int
        default: 14
      storage_warning:
        description: Percent of a disk.
        type: int
        default: 75
      storage_critical:
        description: Percent of a disk at which it is critical.
        type: int
        default: 90
      pool_warning:
        description: Percent of a pool's addresses.
        type: int
        default: 80
      backup_age:
        description: Days that a volume may be without a backup.
        type: int
        default: 8
      etcd_size:
        description: Percent of O(thresholds.etcd_quota).
        type: int
        default: 80
      etcd_quota:
        description: Bytes at which etcd takes no more writes.
        type: int
        default: 2147483648
      raft_lag:
        description: Entries that an etcd member may be behind.
        type: int
        default: 1000
      pod_patience:
        description: Seconds that a pod has to become ready, or to end.
        type: int
        default: 300
"""
