# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster, a router, a DNS, an identity provider and answers in which the way of every service holds."""

from __future__ import annotations

import copy
from typing import Any

ZONE = "k8s.example.org"
LOGIN = f"authentik.{ZONE}"
ENTRY = "ingress-nginx-internal/ingress-nginx-internal-controller"
OUTPOST = "authentik/authentik-server"
ADDRESS = "172.29.52.200"
NODES = ["mini01", "mini02", "mini03"]
NOW = "2026-03-01T00:00:00Z"
#: name, namespace, Service, port, scheme, auth
SERVICES = (
    ("prometheus", "monitoring", "kube-prometheus-stack-prometheus", 9090, "http", "proxy"),
    ("dashboard", "kubernetes-dashboard", "kubernetes-dashboard-kong-proxy", 8443, "https", "forward"),
    ("grafana", "monitoring", "kube-prometheus-stack-grafana", 80, "http", "oidc"),
    ("headlamp", "headlamp", "headlamp", 80, "http", "none"),
)
Facts = dict[str, Any]


def wanted() -> list[dict[str, Any]]:
    """The services as the module's option takes them."""
    return [
        {
            "name": name,
            "title": name.title(),
            "host": f"{name}.{ZONE}",
            "auth": auth,
            "ingress_class": "nginx-internal",
            "entry": ENTRY,
            "pool": "bgp-ingress",
            "address": ADDRESS,
            "namespace": namespace,
            "service": service,
            "port": port,
            "scheme": scheme,
            "outpost": "embedded",
            "outpost_service": OUTPOST,
            "login_host": LOGIN,
            "open_paths": [],
        }
        for name, namespace, service, port, scheme, auth in SERVICES
    ]


def _named(kind: str, name: str, **rest: Any) -> dict[str, Any]:
    namespace, _slash, own = name.rpartition("/")
    metadata: dict[str, Any] = {"name": own, "labels": {}, "annotations": {}}
    if namespace:
        metadata["namespace"] = namespace
    return {"kind": kind, "metadata": metadata, **rest}


def _ingress(name: str, host: str, path: str, service: str, port: int) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": port}}}
    rule = {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}
    tls = [{"hosts": [host], "secretName": f"{host.partition('.')[0]}-tls"}]
    return _named("Ingress", name, spec={"ingressClassName": "nginx-internal", "rules": [rule], "tls": tls})


def _service(name: str, port: int, title: str) -> list[dict[str, Any]]:
    own = name.rpartition("/")[2]
    slice_ = _named(
        "EndpointSlice", f"{name}-x", endpoints=[{"addresses": ["10.244.0.9"], "conditions": {"ready": True}}]
    )
    slice_["metadata"]["labels"]["kubernetes.io/service-name"] = own
    spec = {"type": "ClusterIP", "ports": [{"port": port, "name": title}]}
    return [_named("Service", name, spec=spec), slice_]


def facts() -> Facts:
    """What the systems say when all is well, as the module's options take it."""
    entry = _named(
        "Service",
        ENTRY,
        spec={"type": "LoadBalancer", "ports": [{"port": 443, "name": "https"}]},
        status={"loadBalancer": {"ingress": [{"ip": ADDRESS}]}},
    )
    entry["metadata"]["labels"]["io.cilium/lb-ipam-pool"] = "bgp-ingress"
    resources = [entry, _named("IngressClass", "nginx-internal")]
    providers, applications, probes = [], [], []
    for pk, (name, namespace, service, port, scheme, auth) in enumerate(SERVICES, 1):
        host = f"{name}.{ZONE}"
        resources += _service(f"{namespace}/{service}", port, scheme)
        behind = ("authentik", "authentik-server", 80) if auth == "proxy" else (namespace, service, port)
        root = _ingress(f"{behind[0]}/{name}", host, "/", behind[1], behind[2])
        resources.append(root)
        if auth == "forward":
            root["metadata"]["annotations"]["nginx.ingress.kubernetes.io/auth-url"] = "http://authentik-server"
            resources.append(
                _ingress(f"authentik/{name}-outpost", host, "/outpost.goauthentik.io", "authentik-server", 80)
            )
        certificate = _named(
            "Certificate",
            f"{behind[0]}/{name}-tls",
            spec={"secretName": f"{name}-tls"},
            status={"conditions": [{"type": "Ready", "status": "True"}]},
        )
        resources.append(certificate)
        kind = {
            "proxy": "ak-provider-proxy-form",
            "forward": "ak-provider-proxy-form",
            "oidc": "ak-provider-oauth2-form",
        }
        if auth != "none":
            provider: dict[str, Any] = {"pk": pk, "name": name, "component": kind[auth]}
            if auth != "oidc":
                provider["external_host"] = f"https://{host}"
                provider["mode"] = "proxy" if auth == "proxy" else "forward_single"
                provider["internal_host"] = f"{scheme}://{service}.{namespace}.svc.cluster.local:{port}"
            providers.append(provider)
            applications.append({"slug": name, "provider": pk})
        tls = {"problem": "", "issuer": "R11", "not_after": "2026-05-01T00:00:00Z"}
        to_login = f"https://{LOGIN}/application/o/authorize/?client_id=x"
        guarded = auth in ("proxy", "forward")
        for path in ("/", "/api/v1/status"):
            probes.append(
                {
                    "host": host,
                    "path": path,
                    "status": 302 if guarded else 200,
                    "location": to_login if guarded else "",
                    "title": "",
                    "tls": dict(tls),
                    "error": "",
                }
            )
    outpost = {
        "pk": "0d3c",
        "name": "authentik Embedded Outpost",
        "managed": "goauthentik.io/outposts/embedded",
        "providers": ["prometheus", "dashboard"],
        "health": [{"version": "2025.12.4", "version_should": "2025.12.4", "version_outdated": False}],
    }
    route = {
        "kind": "service",
        "name": ENTRY,
        "prefix": f"{ADDRESS}/32",
        "pool": "bgp-ingress",
        "wanted": list(NODES),
        "accepted": list(NODES),
        "paths": 3,
        "broken": "",
    }
    return copy.deepcopy(
        {
            "resources": resources,
            "routes": [route],
            "records": [{"name": f"{name}.{ZONE}", "type": "A", "value": ADDRESS} for name, *_rest in SERVICES],
            "identity": {"providers": providers, "applications": applications, "outposts": [outpost]},
            "probes": probes,
        }
    )


def find(given: Facts, kind: str, name: str) -> dict[str, Any]:
    """Return one object of the cluster by ``namespace/name``."""
    namespace, _slash, own = name.rpartition("/")
    for item in given["resources"]:
        meta = item["metadata"]
        if item["kind"] == kind and meta["name"] == own and meta.get("namespace", "") == namespace:
            return item
    raise LookupError(f"{kind} {name}")
