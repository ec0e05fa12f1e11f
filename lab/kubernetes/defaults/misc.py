# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of the remaining groups: networking, storage, RBAC, autoscaling, policy, admission, CRDs."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"


def network_policy(obj: Object) -> None:
    """NetworkPolicy."""
    spec = obj.setdefault("spec", {})
    if "policyTypes" not in spec:
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def storage_class(obj: Object) -> None:
    """StorageClass."""
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def csi_driver(obj: Object) -> None:
    """CSIDriver."""
    spec = obj.setdefault("spec", {})
    for name, value in (
        ("attachRequired", True), ("podInfoOnMount", False), ("storageCapacity", False),
        ("fsGroupPolicy", "ReadWriteOnceWithFSType"), ("requiresRepublish", False), ("seLinuxMount", False),
    ):  # fmt: skip
        spec.setdefault(name, value)
    spec.setdefault("volumeLifecycleModes", ["Persistent"])


def autoscaler(obj: Object) -> None:
    """HorizontalPodAutoscaler v2."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ]


def binding(obj: Object) -> None:
    """RoleBinding and ClusterRoleBinding."""
    reference = obj.get("roleRef")
    if reference is not None and not reference.get("apiGroup"):
        reference["apiGroup"] = _RBAC
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = _RBAC


def webhooks(obj: Object) -> None:
    """Validating and mutating webhook configurations."""
    for hook in obj.get("webhooks") or ():
        service = (hook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)
        for rule in hook.get("rules") or ():
            rule.setdefault("scope", "*")
        for name, value in (("failurePolicy", "Fail"), ("matchPolicy", "Equivalent"), ("timeoutSeconds", 10)):
            hook.setdefault(name, value)
        hook.setdefault("namespaceSelector", {})
        hook.setdefault("objectSelector", {})


def mutating(obj: Object) -> None:
    """Mutating webhook configurations."""
    webhooks(obj)
    for hook in obj.get("webhooks") or ():
        hook.setdefault("reinvocationPolicy", "Never")


def api_service(obj: Object) -> None:
    """APIService."""
    service = obj.setdefault("spec", {}).get("service")
    if service is not None:
        service.setdefault("port", 443)


def priority_class(obj: Object) -> None:
    """PriorityClass."""
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def endpoint_slice(obj: Object) -> None:
    """EndpointSlice."""
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")
    for endpoint in obj.get("endpoints") or ():
        endpoint.setdefault("conditions", {})


def custom_definition(obj: Object) -> None:
    """CustomResourceDefinition."""
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
    spec.setdefault("conversion", {}).setdefault("strategy", "None")
    for version in spec.get("versions") or ():
        for column in version.get("additionalPrinterColumns") or ():
            if column.get("priority") == 0:
                del column["priority"]


def _new_definition(obj: Object) -> None:
    stored = [version["name"] for version in obj["spec"].get("versions") or () if version.get("storage")]
    obj["status"] = {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": stored,
    }


def _new_budget(obj: Object) -> None:
    obj["status"] = {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}


def _balancer(obj: Object) -> None:
    obj["status"] = {"loadBalancer": {}}


def _new_autoscaler(obj: Object) -> None:
    obj["status"] = {"desiredReplicas": 0, "currentMetrics": None}


def _empty_status(obj: Object) -> None:
    obj["status"] = {}


def _rules(obj: Object) -> None:
    """A list without ``omitempty``."""
    obj["rules"] = obj.get("rules") or None


DEFAULTS = {
    "networkpolicies.networking.k8s.io": network_policy,
    "storageclasses.storage.k8s.io": storage_class,
    "csidrivers.storage.k8s.io": csi_driver,
    "horizontalpodautoscalers.autoscaling": autoscaler,
    f"rolebindings.{_RBAC}": binding,
    f"clusterrolebindings.{_RBAC}": binding,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": webhooks,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": mutating,
    "apiservices.apiregistration.k8s.io": api_service,
    "priorityclasses.scheduling.k8s.io": priority_class,
    "endpointslices.discovery.k8s.io": endpoint_slice,
    "customresourcedefinitions.apiextensions.k8s.io": custom_definition,
}
PREPARED = {
    "customresourcedefinitions.apiextensions.k8s.io": _new_definition,
    "poddisruptionbudgets.policy": _new_budget,
    "ingresses.networking.k8s.io": _balancer,
    "horizontalpodautoscalers.autoscaling": _new_autoscaler,
    "apiservices.apiregistration.k8s.io": _empty_status,
}
FINISHED = {f"roles.{_RBAC}": _rules, f"clusterroles.{_RBAC}": _rules}
