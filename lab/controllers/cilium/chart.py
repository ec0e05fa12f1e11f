# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of chart cilium 1.17: those that other parts look at, with the names, labels and images of the chart."""

from __future__ import annotations

from typing import Any

from ..api import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Object,
    Resource,
)

REGISTRY = "quay.io/cilium"
ENVOY_IMAGE = f"{REGISTRY}/cilium-envoy:v1.33.4"
UI_TAG = "v0.13.2"
TOLERATE_ALL = [{"operator": "Exists"}]
LINUX = {"kubernetes.io/os": "linux"}


def value(values: dict[str, Any], dotted: str, default: Any = None) -> Any:
    """Return a chart value by its path, or the chart's default."""
    current: Any = values
    for key in dotted.split("."):
        if not isinstance(current, dict) or key not in current:
            return default
        current = current[key]
    return current


def render(version: str, values: dict[str, Any], namespace: str, release: str) -> list[tuple[Resource, Object]]:
    """Return the release's objects in install order."""
    agent, operator = _agent(version, values), _operator(version, values)
    hubble = bool(value(values, "hubble.enabled", True))
    relay = hubble and bool(value(values, "hubble.relay.enabled", False))
    ui = hubble and bool(value(values, "hubble.ui.enabled", False))
    accounts = ["cilium", "cilium-operator"]
    objects: list[tuple[Resource, Object]] = []
    if value(values, "envoy.enabled", True):
        accounts.append("cilium-envoy")
    accounts += ["hubble-relay"] * relay + ["hubble-ui"] * ui
    objects += [(SERVICE_ACCOUNTS, _named(name)) for name in accounts]
    objects.append((CONFIG_MAPS, {**_named("cilium-config"), "data": config(values)}))
    for name, rules in (("cilium", _AGENT_RULES), ("cilium-operator", _OPERATOR_RULES)):
        objects.append((CLUSTER_ROLES, {**_named(name), "rules": rules}))
        objects.append((CLUSTER_ROLE_BINDINGS, _binding("ClusterRole", name, name, namespace)))
    if value(values, "bgpControlPlane.enabled", False):
        role = "cilium-bgp-control-plane-secrets"
        where = value(values, "bgpControlPlane.secretsNamespace.name", "kube-system")
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]
        objects.append((ROLES, {**_named(role, namespace=where), "rules": rules}))
        binding = _binding("Role", role, "cilium", namespace)
        binding["metadata"]["namespace"] = where
        objects.append((ROLE_BINDINGS, binding))
    if hubble:
        objects.append((SERVICES, _service("hubble-peer", {"k8s-app": "cilium"}, 443, 4244, "peer-service")))
    objects.append((DAEMON_SETS, agent))
    if value(values, "envoy.enabled", True):
        objects.append((SERVICES, _envoy_service()))
        objects.append((DAEMON_SETS, _envoy(values)))
    objects.append((DEPLOYMENTS, operator))
    if relay:
        objects.append((SERVICES, _service("hubble-relay", {"k8s-app": "hubble-relay"}, 80, 4245, "grpc")))
        objects.append((DEPLOYMENTS, _relay(version, values)))
    if ui:
        objects.append((SERVICES, _service("hubble-ui", {"k8s-app": "hubble-ui"}, 80, 8081, "http")))
        objects.append((DEPLOYMENTS, _ui(values)))
    for resource, obj in objects:
        _adopt(resource, obj, namespace, release)
    return objects


def config(values: dict[str, Any]) -> dict[str, str]:
    """Return the data of ConfigMap ``cilium-config`` that follow from the values."""
    operator = value(values, "ipam.operator", {}) or {}
    entries: dict[str, Any] = {
        "cluster-name": value(values, "cluster.name", "default"),
        "cluster-id": value(values, "cluster.id", 0),
        "enable-ipv4": value(values, "ipv4.enabled", True),
        "enable-ipv6": value(values, "ipv6.enabled", False),
        "ipam": value(values, "ipam.mode", "cluster-pool"),
        "cluster-pool-ipv4-cidr": _words(operator.get("clusterPoolIPv4PodCIDRList", ["10.0.0.0/8"])),
        "cluster-pool-ipv4-mask-size": operator.get("clusterPoolIPv4MaskSize", 24),
        "kube-proxy-replacement": value(values, "kubeProxyReplacement", False),
        "routing-mode": value(values, "routingMode", "tunnel"),
        "tunnel-protocol": value(values, "tunnelProtocol", "vxlan"),
        "bpf-lb-acceleration": value(values, "loadBalancer.acceleration", "disabled"),
        "enable-bgp-control-plane": value(values, "bgpControlPlane.enabled", False),
        "bgp-secrets-namespace": value(values, "bgpControlPlane.secretsNamespace.name", "kube-system"),
        "enable-bgp-control-plane-status-report": value(values, "bgpControlPlane.statusReport.enabled", True),
        "enable-lb-ipam": value(values, "enableLBIPAM", True),
        "default-lb-service-ipam": value(values, "defaultLBServiceIPAM", "lbipam"),
        "enable-l2-announcements": value(values, "l2announcements.enabled", False),
        "cgroup-root": value(values, "cgroup.hostRoot", "/run/cilium/cgroupv2"),
        "cni-exclusive": value(values, "cni.exclusive", True),
        "enable-hubble": value(values, "hubble.enabled", True),
        "debug": value(values, "debug.enabled", False),
        "agent-not-ready-taint-key": value(values, "agentNotReadyTaintKey", "node.cilium.io/agent-not-ready"),
    }
    if entries["enable-ipv6"]:
        entries["cluster-pool-ipv6-cidr"] = _words(operator.get("clusterPoolIPv6PodCIDRList", ["fd00::/104"]))
        entries["cluster-pool-ipv6-mask-size"] = operator.get("clusterPoolIPv6MaskSize", 120)
    if value(values, "prometheus.enabled", False):
        entries["prometheus-serve-addr"] = f":{value(values, 'prometheus.port', 9962)}"
    for key, name in (("bpf-lb-algorithm", "loadBalancer.algorithm"), ("bpf-lb-mode", "loadBalancer.mode")):
        if (setting := value(values, name)) is not None:
            entries[key] = setting
    entries |= value(values, "extraConfig", {}) or {}
    return {key: _text(item) for key, item in entries.items()}


def _text(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _words(item: Any) -> str:
    return " ".join(item) if isinstance(item, list) else str(item)


def _named(name: str, **metadata: Any) -> Object:
    return {"metadata": {"name": name, **metadata}}


def _adopt(resource: Resource, obj: Object, namespace: str, release: str) -> None:
    """Give the object its namespace and Helm's marks, by which a release knows its objects."""
    meta = obj["metadata"]
    if resource.namespaced:
        meta.setdefault("namespace", namespace)
    obj.update({"apiVersion": resource.api_version, "kind": resource.kind})
    meta["labels"] = {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/part-of": "cilium"} | meta.get(
        "labels", {}
    )
    meta["annotations"] = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}


def _binding(kind: str, role: str, account: str, namespace: str) -> Object:
    return {
        **_named(role),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


def _service(name: str, selector: dict[str, str], port: int, target: int, port_name: str) -> Object:
    ports = [{"name": port_name, "port": port, "protocol": "TCP", "targetPort": target}]
    return {**_named(name, labels={"k8s-app": name}), "spec": {"selector": selector, "ports": ports}}


def _envoy_service() -> Object:
    service = _service("cilium-envoy", {"k8s-app": "cilium-envoy"}, 9964, 9964, "envoy-metrics")
    service["spec"] |= {"clusterIP": "None", "type": "ClusterIP"}
    return service


def _api_environment(values: dict[str, Any]) -> list[Object]:
    """Return the variables by which agent and operator find the API before any Service works."""
    host, port = value(values, "k8sServiceHost", ""), value(values, "k8sServicePort", "")
    if not host:
        return []
    return [
        {"name": "KUBERNETES_SERVICE_HOST", "value": str(host)},
        {"name": "KUBERNETES_SERVICE_PORT", "value": str(port or 443)},
    ]


def _image(values: dict[str, Any], path: str, default: str) -> str:
    override = value(values, f"{path}.override")
    if override:
        return str(override)
    repository, _unused, tag = default.rpartition(":")
    return f"{value(values, f'{path}.repository', repository)}:{value(values, f'{path}.tag', tag)}"


def _workload(name: str, labels: dict[str, str], selector: dict[str, str], spec: Object, pod: Object) -> Object:
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        **_named(name, labels=labels),
        "spec": {**spec, "selector": {"matchLabels": selector}, "template": template},
    }


def _agent(version: str, values: dict[str, Any]) -> Object:
    labels = {"k8s-app": "cilium", "app.kubernetes.io/name": "cilium-agent", "app.kubernetes.io/part-of": "cilium"}
    env = [
        {"name": "K8S_NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
        *_api_environment(values),
    ]
    privileged = bool(value(values, "securityContext.privileged", False))
    capabilities = value(values, "securityContext.capabilities.ciliumAgent", ["NET_ADMIN", "SYS_MODULE", "SYS_ADMIN"])
    context: Object = {"privileged": True} if privileged else {"capabilities": {"add": capabilities, "drop": ["ALL"]}}
    container = {
        "name": "cilium-agent",
        "image": _image(values, "image", f"{REGISTRY}/cilium:v{version}"),
        "command": ["cilium-agent"],
        "args": ["--config-dir=/tmp/cilium/config-map"],
        "env": env,
        "securityContext": context,
        "volumeMounts": [{"name": "cilium-config-path", "mountPath": "/tmp/cilium/config-map", "readOnly": True}],
    }
    pod = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "cilium",
        "nodeSelector": value(values, "nodeSelector", LINUX),
        "tolerations": value(values, "tolerations", TOLERATE_ALL),
        "containers": [container],
        "volumes": [{"name": "cilium-config-path", "configMap": {"name": "cilium-config"}}],
    }
    spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}}
    return _workload("cilium", labels, {"k8s-app": "cilium"}, spec, pod)


def _envoy(values: dict[str, Any]) -> Object:
    labels = {"k8s-app": "cilium-envoy", "name": "cilium-envoy", "app.kubernetes.io/name": "cilium-envoy"}
    labels["app.kubernetes.io/part-of"] = "cilium"
    pod = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "cilium-envoy",
        "nodeSelector": value(values, "envoy.nodeSelector", LINUX),
        "tolerations": value(values, "envoy.tolerations", TOLERATE_ALL),
        "containers": [{"name": "cilium-envoy", "image": _image(values, "envoy.image", ENVOY_IMAGE)}],
    }
    spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}}
    return _workload("cilium-envoy", labels, {"k8s-app": "cilium-envoy"}, spec, pod)


def _operator(version: str, values: dict[str, Any]) -> Object:
    selector = {"io.cilium/app": "operator", "name": "cilium-operator"}
    labels = {**selector, "app.kubernetes.io/name": "cilium-operator", "app.kubernetes.io/part-of": "cilium"}
    container = {
        "name": "cilium-operator",
        "image": _image(values, "operator.image", f"{REGISTRY}/operator-generic:v{version}"),
        "command": ["cilium-operator-generic"],
        "args": ["--config-dir=/tmp/cilium/config-map", "--debug=$(CILIUM_DEBUG)"],
        "env": _api_environment(values),
        "volumeMounts": [{"name": "cilium-config-path", "mountPath": "/tmp/cilium/config-map", "readOnly": True}],
    }
    pod = {
        "hostNetwork": True,
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "cilium-operator",
        "nodeSelector": value(values, "operator.nodeSelector", LINUX),
        "tolerations": value(values, "operator.tolerations", TOLERATE_ALL),
        "containers": [container],
        "volumes": [{"name": "cilium-config-path", "configMap": {"name": "cilium-config"}}],
    }
    spec = {"replicas": int(value(values, "operator.replicas", 2))}
    return _workload("cilium-operator", labels, selector, spec, pod)


def _relay(version: str, values: dict[str, Any]) -> Object:
    labels = {
        "k8s-app": "hubble-relay",
        "app.kubernetes.io/name": "hubble-relay",
        "app.kubernetes.io/part-of": "cilium",
    }
    image = _image(values, "hubble.relay.image", f"{REGISTRY}/hubble-relay:v{version}")
    pod = {
        "serviceAccountName": "hubble-relay",
        "nodeSelector": value(values, "hubble.relay.nodeSelector", LINUX),
        "tolerations": value(values, "hubble.relay.tolerations", []),
        "containers": [{"name": "hubble-relay", "image": image, "ports": [{"name": "grpc", "containerPort": 4245}]}],
    }
    spec = {"replicas": int(value(values, "hubble.relay.replicas", 1))}
    return _workload("hubble-relay", labels, {"k8s-app": "hubble-relay"}, spec, pod)


def _ui(values: dict[str, Any]) -> Object:
    labels = {"k8s-app": "hubble-ui", "app.kubernetes.io/name": "hubble-ui", "app.kubernetes.io/part-of": "cilium"}
    pod = {
        "serviceAccountName": "hubble-ui",
        "nodeSelector": value(values, "hubble.ui.nodeSelector", LINUX),
        "tolerations": value(values, "hubble.ui.tolerations", []),
        "containers": [
            {"name": "frontend", "image": _image(values, "hubble.ui.frontend.image", f"{REGISTRY}/hubble-ui:{UI_TAG}")},
            {
                "name": "backend",
                "image": _image(values, "hubble.ui.backend.image", f"{REGISTRY}/hubble-ui-backend:{UI_TAG}"),
            },
        ],
    }
    return _workload("hubble-ui", labels, {"k8s-app": "hubble-ui"}, {"replicas": 1}, pod)


_READ = ["get", "list", "watch"]
_AGENT_RULES: list[Object] = [
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": _READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
    {"apiGroups": [""], "resources": ["namespaces", "services", "pods", "endpoints", "nodes"], "verbs": _READ},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": _READ},
    {"apiGroups": ["cilium.io"], "resources": ["*"], "verbs": [*_READ, "create", "update", "patch", "delete"]},
]
_OPERATOR_RULES: list[Object] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": [*_READ, "delete"]},
    {"apiGroups": [""], "resources": ["nodes", "nodes/status"], "verbs": [*_READ, "patch"]},
    {"apiGroups": [""], "resources": ["services", "namespaces", "secrets", "endpoints"], "verbs": _READ},
    {"apiGroups": [""], "resources": ["services/status"], "verbs": ["update", "patch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
    {"apiGroups": ["cilium.io"], "resources": ["*"], "verbs": ["*"]},
    {
        "apiGroups": ["apiextensions.k8s.io"],
        "resources": ["customresourcedefinitions"],
        "verbs": ["create", *_READ, "update"],
    },
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
]
