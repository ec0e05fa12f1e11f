# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ingress-nginx: writes the address of its Service into the Ingresses of its class."""

from __future__ import annotations

from ..api import DEPLOYMENTS, INGRESS_CLASSES, INGRESSES, SERVICES, Object
from ..base import Controller
from .state import container_of, running

IMAGE = "ingress-nginx/controller"
LEGACY = "kubernetes.io/ingress.class"


class IngressNginx(Controller):
    """Every running controller serves the classes that name its controller value."""

    watches = (DEPLOYMENTS, INGRESSES, INGRESS_CLASSES, SERVICES)

    async def reconcile(self) -> None:
        """Publish addresses."""
        for deployment in running(self.mirror(DEPLOYMENTS), IMAGE):
            flags = options(container_of(deployment, IMAGE) or {})
            controller = flags.get("controller-class", "k8s.io/ingress-nginx")
            names = {
                c["metadata"]["name"]
                for c in self.mirror(INGRESS_CLASSES)
                if (c.get("spec") or {}).get("controller") == controller
            }
            namespace, _unused, name = flags.get("publish-service", "").rpartition("/")
            namespace = namespace.replace("$(POD_NAMESPACE)", deployment["metadata"]["namespace"])
            addresses = published(self.mirror(SERVICES).get(namespace, name))
            for ingress in self.mirror(INGRESSES):
                if class_of(ingress) in names:
                    status = {"loadBalancer": {"ingress": addresses} if addresses else {}}
                    await self.api.set_status(INGRESSES, ingress, status)


def options(container: Object) -> dict[str, str]:
    """Return the flags of a container, ``--a=b``; of a repeated one the last."""
    words = [str(w) for w in [*(container.get("command") or []), *(container.get("args") or [])]]
    return {w[2:].partition("=")[0]: w.partition("=")[2] for w in words if w.startswith("--")}


def class_of(ingress: Object) -> str:
    """Return the class that an Ingress names, in its field or in the old annotation."""
    field = (ingress.get("spec") or {}).get("ingressClassName")
    return field or (ingress["metadata"].get("annotations") or {}).get(LEGACY, "")


def published(service: Object | None) -> list[Object]:
    """Return the addresses that the Service gives: of its load balancer, else its own one."""
    if service is None:
        return []
    spec = service.get("spec") or {}
    if spec.get("type") == "LoadBalancer":
        found = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        return [{key: one[key] for key in ("ip", "hostname") if one.get(key)} for one in found]
    return [{"ip": spec["clusterIP"]}] if spec.get("clusterIP") not in (None, "", "None") else []
