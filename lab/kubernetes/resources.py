# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is served: one :class:`Resource` per kind, built in or custom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .schema import Definitions, Node

FULL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass
class Resource:
    """One served resource of one group; ``versions`` are served versions, preferred first, all on one store."""

    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    generation: bool = False
    verbs: tuple[str, ...] = FULL
    custom: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    columns: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    scale: dict[str, dict[str, str]] = field(default_factory=dict)
    status_versions: frozenset[str] = frozenset()
    start: int = 0
    terminating: bool = False
    deprecated: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.singular = self.singular or self.kind.lower()
        self.list_kind = self.list_kind or self.kind + "List"

    @property
    def id(self) -> str:
        """``plural.group``, the key of the store."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        """``group/version`` or ``version``."""
        return f"{self.group}/{version}" if self.group else version

    def has_status(self, version: str) -> bool:
        """Whether status travels apart from the rest."""
        return version in self.status_versions if self.custom else "status" in self.subresources

    def subresources_of(self, version: str) -> tuple[str, ...]:
        """Subresources served in a version."""
        if not self.custom:
            return self.subresources
        out = []
        if version in self.scale:
            out.append("scale")
        if version in self.status_versions:
            out.append("status")
        return tuple(out)


def _row(
    group: str, version: str, plural: str, kind: str, flags: str = "", short: str = "", subs: str = "", cat: str = ""
) -> Resource:
    """``flags``: ``c`` cluster-scoped, ``g`` has a generation."""
    return Resource(
        group=group,
        versions=tuple(version.split(",")),
        plural=plural,
        kind=kind,
        namespaced="c" not in flags,
        generation="g" in flags,
        short_names=tuple(short.split()),
        subresources=tuple(subs.split()),
        categories=tuple(cat.split()),
    )


def builtin(definitions: Definitions) -> list[Resource]:
    """The built-in resources, in the server's discovery order of groups (see recorded ``/apis``)."""
    rbac, net, adm = "rbac.authorization.k8s.io", "networking.k8s.io", "admissionregistration.k8s.io"
    rows = [
        _row("", "v1", "bindings", "Binding"),
        _row("", "v1", "componentstatuses", "ComponentStatus", "c", "cs"),
        _row("", "v1", "configmaps", "ConfigMap", short="cm"),
        _row("", "v1", "endpoints", "Endpoints", short="ep"),
        _row("", "v1", "events", "Event", short="ev"),
        _row("", "v1", "limitranges", "LimitRange", short="limits"),
        _row("", "v1", "namespaces", "Namespace", "c", "ns", "finalize status"),
        _row("", "v1", "nodes", "Node", "c", "no", "proxy status"),
        _row("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "", "pvc", "status"),
        _row("", "v1", "persistentvolumes", "PersistentVolume", "c", "pv", "status"),
        _row(
            "", "v1", "pods", "Pod", "g", "po",
            "attach binding ephemeralcontainers eviction exec log portforward proxy resize status", "all",
        ),
        _row("", "v1", "podtemplates", "PodTemplate", "g"),
        _row("", "v1", "replicationcontrollers", "ReplicationController", "g", "rc", "scale status", "all"),
        _row("", "v1", "resourcequotas", "ResourceQuota", "", "quota", "status"),
        _row("", "v1", "secrets", "Secret"),
        _row("", "v1", "serviceaccounts", "ServiceAccount", "", "sa", "token"),
        _row("", "v1", "services", "Service", "", "svc", "proxy status", "all"),
        _row("apiregistration.k8s.io", "v1", "apiservices", "APIService", "c", "", "status", "api-extensions"),
        _row("apps", "v1", "controllerrevisions", "ControllerRevision"),
        _row("apps", "v1", "daemonsets", "DaemonSet", "g", "ds", "status", "all"),
        _row("apps", "v1", "deployments", "Deployment", "g", "deploy", "scale status", "all"),
        _row("apps", "v1", "replicasets", "ReplicaSet", "g", "rs", "scale status", "all"),
        _row("apps", "v1", "statefulsets", "StatefulSet", "g", "sts", "scale status", "all"),
        _row("events.k8s.io", "v1", "events", "Event", short="ev"),
        _row("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "c"),
        _row("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", "c"),
        _row("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview"),
        _row("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "c"),
        _row("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", "c"),
        _row("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", "c"),
        _row("autoscaling", "v2,v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "", "hpa", "status", "all"),
        _row("batch", "v1", "cronjobs", "CronJob", "g", "cj", "status", "all"),
        _row("batch", "v1", "jobs", "Job", "g", "", "status", "all"),
        _row("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "c", "csr", "approval status"),
        _row(net, "v1", "ingressclasses", "IngressClass", "cg"),
        _row(net, "v1", "ingresses", "Ingress", "g", "ing", "status"),
        _row(net, "v1", "ipaddresses", "IPAddress", "c", "ip"),
        _row(net, "v1", "networkpolicies", "NetworkPolicy", "g", "netpol"),
        _row(net, "v1", "servicecidrs", "ServiceCIDR", "c", "", "status"),
        _row("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "g", "pdb", "status"),
        _row(rbac, "v1", "clusterrolebindings", "ClusterRoleBinding", "c"),
        _row(rbac, "v1", "clusterroles", "ClusterRole", "c"),
        _row(rbac, "v1", "rolebindings", "RoleBinding"),
        _row(rbac, "v1", "roles", "Role"),
        _row("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "c"),
        _row("storage.k8s.io", "v1", "csinodes", "CSINode", "c"),
        _row("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity"),
        _row("storage.k8s.io", "v1", "storageclasses", "StorageClass", "c", "sc"),
        _row("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "c", "", "status"),
        _row(adm, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "cg", "", "", "api-extensions"),
        _row(adm, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "cg", "", "status", "api-extensions"),
        _row(adm, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "cg", "", "", "api-extensions"),
        _row(adm, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "cg", "", "", "api-extensions"),
        _row(
            "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "cg", "crd crds",
            "status", "api-extensions",
        ),
        _row("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "cg", "pc"),
        _row("coordination.k8s.io", "v1", "leases", "Lease"),
        _row("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", "c"),
        _row("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "g"),
        _row("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", "cg", "", "status"),
        _row("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", "cg", "", "status"),
    ]  # fmt: skip
    out = []
    for resource in rows:
        for version in resource.versions:
            node = definitions.kind(resource.group, version, resource.kind)
            if node is not None:
                resource.nodes[version] = node
        if not resource.nodes:
            continue
        if resource.group in ("authentication.k8s.io", "authorization.k8s.io") or resource.plural == "bindings":
            resource.verbs = ("create",)
        if resource.plural == "componentstatuses":
            resource.verbs = ("get", "list")
        if definitions.minor < 33:
            resource.subresources = tuple(name for name in resource.subresources if name != "resize")
        if resource.plural == "namespaces":
            resource.verbs = tuple(verb for verb in FULL if verb != "deletecollection")
        out.append(resource)
    return out


_GPU = ("get", "patch", "update")
_PROXY = ("create", "delete", "get", "patch", "update")
SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "approval": ("", "", "", _GPU),
    "attach": ("", "", "PodAttachOptions", ("create", "get")),
    "binding": ("", "", "Binding", ("create",)),
    "ephemeralcontainers": ("", "", "", _GPU),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "exec": ("", "", "PodExecOptions", ("create", "get")),
    "finalize": ("", "", "", ("update",)),
    "log": ("", "", "", ("get",)),
    "portforward": ("", "", "PodPortForwardOptions", ("create", "get")),
    "proxy": ("", "", "ProxyOptions", _PROXY),
    "resize": ("", "", "", _GPU),
    "scale": ("autoscaling", "v1", "Scale", _GPU),
    "status": ("", "", "", _GPU),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
}
"""Subresources: group, version and kind of what travels (empty: the resource's own) and the verbs."""
UNSERVED = ("attach", "exec", "log", "portforward", "proxy")
"""Subresources that need a kubelet; they are listed, but there is none behind this server."""


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key of API versions: GA before beta before alpha, higher numbers first, others by name."""
    import re

    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return (1, 0, 0, version)
    stage = {None: 3, "beta": 2, "alpha": 1}[match.group(2)]
    return (0, -stage, -int(match.group(1)) * 1000 - int(match.group(3) or 0), "")
