# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one entry of ``homeops_services`` becomes: name, ingress, certificate, probe, address.

Where the entry asks for login by the proxy, its Ingress leads to the identity provider's embedded outpost and stands in
that namespace; else it leads to the Service and stands beside it. external-dns takes the name from the Ingress' rule,
cert-manager the certificate from its TLS section, so neither is said again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import InputError
from . import network

#: Marks everything that a service entry makes.
LABEL = "homeops.cluster/service"
ISSUER = "letsencrypt-prod"
CLASS = "nginx-internal"
OUTPOST_PATH = "/outpost.goauthentik.io"
#: The identity provider's Service, which carries the embedded outpost.
OUTPOST = "authentik-server"

Body = dict[str, Any]
Service = Mapping[str, Any]


def host(service: Service, model: Mapping[str, Any]) -> str:
    """Return the name under which people reach a service."""
    return str(service.get("host") or f"{service['name']}.{model['dns']['internal_zone']}")


def namespaces(service: Service, model: Mapping[str, Any]) -> set[str]:
    """Return the namespaces that must be there before the service's objects can be applied."""
    found = {str(service["namespace"])}
    if service["auth"] in ("proxy", "forward"):
        found.add(str(model["identity"]["namespace"]))
    return found


def objects(service: Service, model: Mapping[str, Any], *, probed: bool = True) -> list[Body]:
    """Return everything that one entry makes, in the order in which people read it.

    :param probed: whether there is a prober.
    """
    found = _ingresses(service, model)
    if probed:
        found.append(_probe(service, model))
    found.append(_policy(service, model))
    if service.get("load_balancer"):
        found.append(_load_balancer(service, model))
    for body in found:
        labels = body["metadata"].setdefault("labels", {})
        labels[LABEL] = str(service["name"])
    return found


def _ingresses(service: Service, model: Mapping[str, Any]) -> list[Body]:
    identity = str(model["identity"]["namespace"])
    name, own = str(service["name"]), str(service["namespace"])
    secured = service.get("scheme", "http") == "https"
    outpost = service.get("outpost") or model["identity"]["outpost"]
    if service["auth"] in ("proxy", "forward") and outpost != "embedded":
        raise InputError(
            f"service {name} logs in through the outpost {outpost}, and the tree leads to the embedded one only",
            remedy="Use the embedded outpost, or write this service's Ingress yourself and give it auth: none here",
            param="model",
        )
    if service["auth"] == "proxy":
        # The provider in Authentik knows the backend; the outpost asks for login and then passes the request on.
        return [_ingress(service, model, name, identity, (OUTPOST, 80))]
    backend = (str(service["service"]), int(service["port"]))
    annotations = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"} if secured else {}
    if service["auth"] != "forward":
        return [_ingress(service, model, name, own, backend, annotations)]
    # A login for the whole domain comes back to the identity provider's own host, which serves the outpost's paths.
    whole = service.get("mode") == "forward_domain"
    back = str(model["identity"]["host"]) if whole else host(service, model)
    inside = f"http://{OUTPOST}.{identity}.svc.{model['cluster']['dns_domain']}{OUTPOST_PATH}"
    annotations |= {
        "nginx.ingress.kubernetes.io/auth-url": f"{inside}/auth/nginx",
        "nginx.ingress.kubernetes.io/auth-signin": (
            f"https://{back}{OUTPOST_PATH}/start?rd=$scheme://$http_host$escaped_request_uri"
        ),
        "nginx.ingress.kubernetes.io/auth-response-headers": (
            "Set-Cookie,X-authentik-username,X-authentik-groups,X-authentik-entitlements,X-authentik-email,"
            "X-authentik-name,X-authentik-uid"
        ),
        # nginx asks with the outpost's own name as Host, and the outpost finds the application by host.
        "nginx.ingress.kubernetes.io/auth-snippet": "proxy_set_header X-Forwarded-Host $http_host;",
    }
    main = _ingress(service, model, name, own, backend, annotations)
    if whole:
        return [main]
    paths = _ingress(service, model, f"{name}-outpost", identity, (OUTPOST, 80), path=OUTPOST_PATH)
    # The first Ingress of the host brings the certificate; an Ingress cannot use a Secret of another namespace.
    del paths["spec"]["tls"], paths["metadata"]["annotations"]
    return [main, paths]


def _ingress(
    service: Service,
    model: Mapping[str, Any],
    name: str,
    namespace: str,
    backend: tuple[str, int],
    annotations: Mapping[str, str] | None = None,
    path: str = "/",
) -> Body:
    where = host(service, model)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"cert-manager.io/cluster-issuer": ISSUER, **(annotations or {})},
        },
        "spec": {
            "ingressClassName": CLASS,
            "rules": [
                {
                    "host": where,
                    "http": {
                        "paths": [
                            {
                                "path": path,
                                "pathType": "Prefix",
                                "backend": {"service": {"name": backend[0], "port": {"number": backend[1]}}},
                            }
                        ]
                    },
                }
            ],
            "tls": [{"hosts": [where], "secretName": f"{service['name']}-tls"}],
        },
    }


def _probe(service: Service, model: Mapping[str, Any]) -> Body:
    """Return the probe: from name to page, as a person's browser goes; a login page is an answer."""
    monitoring = model["monitoring"]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Probe",
        "metadata": {
            "name": f"service-{service['name']}",
            "namespace": monitoring["namespace"],
            "labels": {"release": monitoring["release"]},
        },
        "spec": {
            "jobName": "services",
            "module": "http_service",
            "prober": {"url": f"blackbox-exporter.{monitoring['namespace']}.svc.{model['cluster']['dns_domain']}:9115"},
            "targets": {
                "staticConfig": {
                    "static": [f"https://{host(service, model)}/"],
                    "labels": {"service": str(service["name"])},
                }
            },
        },
    }


def _policy(service: Service, model: Mapping[str, Any]) -> Body:
    """Return what lets the way in through to the backend, whatever the component's own policy denies."""
    proxied = service["auth"] == "proxy"
    source = model["identity"]["namespace"] if proxied else "ingress-nginx-internal"
    rules: list[Body] = [{"fromEndpoints": network.in_namespaces([source])}]
    if service.get("load_balancer"):
        rules.append({"fromEntities": ["world"]})
    return network.cilium_policy(
        f"service-{service['name']}", str(service["namespace"]), {}, {"ingress": rules}, adds_only=True
    )


def _load_balancer(service: Service, model: Mapping[str, Any]) -> Body:
    """Return a Service with an address of its own in the LAN.

    :raises InputError: it would let people pass by the login.
    """
    wanted = service["load_balancer"]
    if service["auth"] in ("proxy", "forward") and not wanted.get("allow_lan_bypass"):
        raise InputError(
            f"service {service['name']} asks for login and for an address of its own, which needs none",
            remedy="Remove load_balancer, or accept it with load_balancer.allow_lan_bypass: true",
            param="model",
        )
    pools = [str(pool["name"]) for pool in model["load_balancers"]["pools"]]
    if wanted["pool"] not in pools:
        raise InputError(
            f"service {service['name']} asks for an address of the pool {wanted['pool']}, which is not there",
            remedy=f"Known are {', '.join(pools)}",
            param="model",
        )
    body: Body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": f"{service['name']}-lan",
            "namespace": str(service["namespace"]),
            # A label, not an annotation: pools select by labels.
            "labels": {model["load_balancers"]["selector_label"]: wanted["pool"]},
        },
        "spec": {
            "type": "LoadBalancer",
            "selector": dict(wanted["selector"]),
            "ports": [
                {
                    "name": port["name"],
                    "port": port["port"],
                    "targetPort": port.get("target_port", port["port"]),
                    "protocol": port.get("protocol", "TCP"),
                }
                for port in wanted["ports"]
            ],
        },
    }
    if wanted.get("address"):
        body["metadata"]["annotations"] = {"lbipam.cilium.io/ips": wanted["address"]}
    return body
