# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Go zero value of a kind prints.

A create is compared with it, so a manager owns ``f:spec`` itself (the ``.``) only where the API type has a pointer or
an omitted map; value structs and lists without ``omitempty`` are there from the start (``k8s.io/api`` types).
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def _template() -> Object:
    return {"metadata": {}, "spec": {"containers": None}}


def _workload(**more: Any) -> Object:
    return {"metadata": {}, "spec": {"template": _template(), **more}, "status": {}}


_NODE_INFO = dict.fromkeys(
    (
        "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion",
        "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture",
    ),
    "",
)  # fmt: skip
_REFERENCE = {"apiGroup": "", "kind": "", "name": ""}
ZERO: dict[str, Object] = {
    "namespaces": {"spec": {}, "status": {}},
    "nodes": {"spec": {}, "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": _NODE_INFO}},
    "persistentvolumeclaims": {"spec": {"resources": {}}, "status": {}},
    "persistentvolumes": {"spec": {}, "status": {}},
    "pods": {"spec": {"containers": None}, "status": {}},
    "podtemplates": {"template": _template()},
    "resourcequotas": {"spec": {}, "status": {}},
    "limitranges": {"spec": {"limits": None}},
    "services": {"spec": {}, "status": {"loadBalancer": {}}},
    "replicationcontrollers": {"spec": {}, "status": {"replicas": 0}},
    "deployments.apps": _workload(selector=None, strategy={}),
    "daemonsets.apps": _workload(selector=None, updateStrategy={}),
    "statefulsets.apps": _workload(selector=None, serviceName="", updateStrategy={}),
    "replicasets.apps": _workload(selector=None),
    "jobs.batch": _workload(),
    "cronjobs.batch": {
        "spec": {"schedule": "", "jobTemplate": {"metadata": {}, "spec": {"template": _template()}}}, "status": {}
    },
    "horizontalpodautoscalers.autoscaling": {
        "spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0},
        "status": {"desiredReplicas": 0, "currentMetrics": None},
    },
    "ingresses.networking.k8s.io": {"spec": {}, "status": {"loadBalancer": {}}},
    "ingressclasses.networking.k8s.io": {"spec": {}},
    "networkpolicies.networking.k8s.io": {"spec": {"podSelector": {}}},
    "poddisruptionbudgets.policy": {"spec": {}, "status": {}},
    "clusterroles.rbac.authorization.k8s.io": {"rules": None},
    "roles.rbac.authorization.k8s.io": {"rules": None},
    "clusterrolebindings.rbac.authorization.k8s.io": {"roleRef": _REFERENCE},
    "rolebindings.rbac.authorization.k8s.io": {"roleRef": _REFERENCE},
    "csidrivers.storage.k8s.io": {"spec": {}},
    "csinodes.storage.k8s.io": {"spec": {"drivers": None}},
    "storageclasses.storage.k8s.io": {"provisioner": ""},
    "volumeattachments.storage.k8s.io": {
        "spec": {"attacher": "", "source": {}, "nodeName": ""}, "status": {"attached": False}
    },
    "leases.coordination.k8s.io": {"spec": {}},
    "priorityclasses.scheduling.k8s.io": {"value": 0},
    "endpointslices.discovery.k8s.io": {"addressType": "", "endpoints": None, "ports": None},
    "apiservices.apiregistration.k8s.io": {"spec": {"groupPriorityMinimum": 0, "versionPriority": 0}, "status": {}},
    "customresourcedefinitions.apiextensions.k8s.io": {
        "spec": {"group": "", "names": {"plural": "", "kind": ""}, "scope": "", "versions": None},
        "status": {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": None},
    },
    "certificatesigningrequests.certificates.k8s.io": {"spec": {"request": None, "signerName": ""}, "status": {}},
    "flowschemas.flowcontrol.apiserver.k8s.io": {"spec": {"priorityLevelConfiguration": {"name": ""}}, "status": {}},
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {"spec": {"type": ""}, "status": {}},
}  # fmt: skip
for _zero in ZERO.values():
    _zero.setdefault("metadata", {})
EMPTY: Object = {"metadata": {}}
