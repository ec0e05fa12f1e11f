# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order objects go to the API: what others need first, what can stand in others' way last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class Group(IntEnum):
    """Everything of one group may be sent at once; the next group waits until all of it is stored."""

    #: Namespaces and CustomResourceDefinitions: nothing else can be stored without them.
    FOUNDATION = 0
    #: Who may do what, and what pods read when they start.
    SUPPORT = 1
    #: Names and storage that workloads refer to.
    NETWORK_AND_STORAGE = 2
    #: What runs.
    WORKLOAD = 3
    #: Custom resources; apart from workloads so that a deletion finds their controllers still running.
    CUSTOM = 4
    #: Webhooks and aggregated APIs: each can block every other write while its Service is not ready.
    HOOK = 5


_BY_KIND: dict[tuple[str, str], Group] = {
    ("", "Namespace"): Group.FOUNDATION,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Group.FOUNDATION,
    ("", "ServiceAccount"): Group.SUPPORT,
    ("", "ConfigMap"): Group.SUPPORT,
    ("", "Secret"): Group.SUPPORT,
    ("", "ResourceQuota"): Group.SUPPORT,
    ("", "LimitRange"): Group.SUPPORT,
    ("networking.k8s.io", "NetworkPolicy"): Group.SUPPORT,
    ("networking.k8s.io", "IngressClass"): Group.SUPPORT,
    ("", "PersistentVolume"): Group.NETWORK_AND_STORAGE,
    ("", "PersistentVolumeClaim"): Group.NETWORK_AND_STORAGE,
    ("", "Service"): Group.NETWORK_AND_STORAGE,
    ("", "Endpoints"): Group.NETWORK_AND_STORAGE,
}

_BY_API_GROUP: dict[str, Group] = {
    "rbac.authorization.k8s.io": Group.SUPPORT,
    "scheduling.k8s.io": Group.SUPPORT,
    "storage.k8s.io": Group.SUPPORT,
    "node.k8s.io": Group.SUPPORT,
    "discovery.k8s.io": Group.NETWORK_AND_STORAGE,
    "admissionregistration.k8s.io": Group.HOOK,
    "apiregistration.k8s.io": Group.HOOK,
}


def builtin(api_group: str) -> bool:
    """Whether kube-apiserver itself serves the group.

    The name does not tell: ``gateway.networking.k8s.io`` and ``snapshot.storage.k8s.io`` are groups of CRDs.
    """
    return api_group in _SERVER_GROUPS


#: Groups that kube-apiserver and its built-in aggregators serve (1.33 ``/apis``).
_SERVER_GROUPS = frozenset(
    (
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    )
)


def group_of(api_group: str, kind: str) -> Group:
    """Return the group of a kind."""
    if (api_group, kind) in _BY_KIND:
        return _BY_KIND[api_group, kind]
    if api_group in _BY_API_GROUP:
        return _BY_API_GROUP[api_group]
    return Group.WORKLOAD if builtin(api_group) else Group.CUSTOM


def in_groups(items: Iterable[T], key: Callable[[T], tuple[str, str]], *, reverse: bool = False) -> list[list[T]]:
    """Split items into groups, in the order to apply (or, reversed, to delete) them; within a group the order stays.

    :param key: returns API group and kind of an item.
    """
    split: dict[Group, list[T]] = {}
    for item in items:
        split.setdefault(group_of(*key(item)), []).append(item)
    return [split[group] for group in sorted(split, reverse=reverse)]


#: Cluster-scoped kinds of the built-in groups, for predictions without an API.
CLUSTER_SCOPED = frozenset(
    (
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    )
)
