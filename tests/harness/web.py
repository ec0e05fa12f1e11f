# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's web doors over objects of a test's own: an ingress controller, Authentik, and any services."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import ssl
import threading
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.scenario import AuthentikDelays, Scenario
from lab.state import LabState, door_address
from lab.web.cluster import Cluster
from lab.web.tls import self_signed
from lab.web.web import HTTP, HTTPS, Web

Object = dict[str, Any]
ADDRESS = "172.29.52.200"
CLASS = "nginx-internal"
IDENTITY = "authentik"
LOGIN = "authentik.k8s.home.geoffdavis.com"


class Listed:
    """Objects of one kind, by namespace and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}

    def __iter__(self) -> Iterator[Object]:
        return iter(list(self.objects.values()))

    def get(self, namespace: str, name: str) -> Object | None:
        """Return one."""
        return self.objects.get((namespace, name))


@dataclass
class Page:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: str
    certificate: dict[str, Any] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.headers.get("location", "")


class WebDoors:
    """Doors over objects; a context manager.

    :param net: loopback net of their addresses, for instance ``"127.94"``.
    """

    def __init__(self, directory: Path, net: str) -> None:
        self.net, self.objects = net, dict[str, Listed]()
        self.state = LabState(directory / "web-doors")
        self.state.create()
        self.scenario = Scenario()
        self.scenario.delays.authentik = AuthentikDelays(blueprints=0.0, outpost=0.0)
        self.web = Web(self.state, net, self.scenario)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> WebDoors:
        self._thread.start()
        self._run(self.web.start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self.web.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.state.remove()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    # -- objects -------------------------------------------------------------------------------------------------------
    def put(self, *objects: Object) -> None:
        """Create or replace objects (``kind`` decides where), and let the doors follow."""
        for obj in objects:
            kind = obj["kind"].lower()
            plural = {"ingress": "ingresses", "ingressclass": "ingressclasses"}.get(kind, f"{kind}s")
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            self.objects.setdefault(plural, Listed()).objects[key] = obj
        self.follow()

    def drop(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object."""
        del self.objects[plural].objects[(namespace, name)]
        self.follow()

    def follow(self) -> None:
        """Let the doors look at the objects."""
        self._run(self.web.follow(Cluster(self.objects)))

    def platform(self) -> None:
        """Put an ingress controller and Authentik there."""
        self.put(*controller(), *authentik(), ingress(IDENTITY, "authentik", LOGIN, "authentik-server", 80))

    # -- requests ------------------------------------------------------------------------------------------------------
    def get(self, host: str, path: str = "/", **options: Any) -> Page:
        """Ask for a page as a browser does; see :func:`fetch`."""
        return fetch(self.net, host, path, **options)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask Authentik's API through the ingress; fails on an error."""
        page = self.get(LOGIN, f"/api/v3{path}", method=method, body=body, token=self.web.token)
        assert page.status < 300, page.text
        return json.loads(page.text) if page.text else None


def fetch(
    net: str,
    host: str,
    path: str = "/",
    *,
    secure: bool = True,
    trust: bytes = b"",
    token: str = "",
    method: str = "GET",
    body: Any = None,
    **headers: str,
) -> Page:
    """Ask for a page as a browser does, without following redirects."""
    address = door_address(ADDRESS, net)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if trust:
            context.load_verify_locations(cadata=trust.decode())
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link: http.client.HTTPConnection = _Named(address, HTTPS, host, context)
    else:
        link = http.client.HTTPConnection(address, HTTP, timeout=30)
    sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body)
    if data is not None:
        sent["Content-Type"] = "application/json"
    try:
        link.request(method, path, data, sent)
        answer = link.getresponse()
        found = link.sock.getpeercert() if secure and isinstance(link.sock, ssl.SSLSocket) else None
        lower = {name.lower(): value for name, value in answer.getheaders()}
        return Page(answer.status, lower, answer.read().decode(), dict(found or {}))
    finally:
        link.close()


class _Named(http.client.HTTPSConnection):
    """Dials one address and asks for another name."""

    def __init__(self, address: str, port: int, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=30, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


# -- objects -----------------------------------------------------------------------------------------------------------
def meta(name: str, namespace: str = "", **more: Any) -> Object:
    """Return an object's metadata."""
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def workload(
    namespace: str, name: str, image: str, ports: dict[str, int], *, args: Iterable[str] = (), **container: Any
) -> list[Object]:
    """Return an available Deployment and its ready pod."""
    labels = {"app": name}
    listed = [{"name": key, "containerPort": number} for key, number in ports.items()]
    spec = {"containers": [{"name": name, "image": image, "ports": listed, "args": list(args), **container}]}
    conditions = [{"type": "Available", "status": "True"}]
    return [
        {
            "kind": "Deployment",
            "metadata": meta(name, namespace),
            "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {"readyReplicas": 1, "conditions": conditions},
        },
        {
            "kind": "Pod",
            "metadata": meta(f"{name}-1", namespace, labels=labels),
            "spec": spec,
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
    ]


def service(namespace: str, name: str, ports: dict[int, str | int], app: str = "", **spec: Any) -> Object:
    """Return a Service: its ports to their targets."""
    listed = [{"name": f"port-{port}", "port": port, "targetPort": target} for port, target in ports.items()]
    return {
        "kind": "Service",
        "metadata": meta(name, namespace),
        "spec": {"selector": {"app": app or name}, "ports": listed, **spec},
    }


def ingress(
    namespace: str,
    name: str,
    host: str,
    target: str,
    port: int,
    path: str = "/",
    *,
    tls: bool = True,
    **annotations: str,
) -> Object:
    """Return an Ingress of the internal class with one rule; annotations without nginx' prefix."""
    backend = {"service": {"name": target, "port": {"number": port}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend}]
    marks = {f"nginx.ingress.kubernetes.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    spec: Object = {"ingressClassName": CLASS, "rules": [{"host": host, "http": {"paths": paths}}]}
    if tls:
        spec["tls"] = [{"hosts": [host], "secretName": f"{name}-tls"}]
    return {"kind": "Ingress", "metadata": meta(name, namespace, annotations=marks), "spec": spec}


def certificate(namespace: str, name: str, host: str) -> tuple[Object, bytes]:
    """Return a TLS Secret for a host, and the certificate to trust."""
    pair = self_signed(host, [host])
    data = {key: base64.b64encode(part).decode() for key, part in zip(("tls.crt", "tls.key"), pair, strict=True)}
    return {"kind": "Secret", "metadata": meta(name, namespace), "data": data}, pair[0]


def controller() -> list[Object]:
    """Return a running ingress controller with its class and address."""
    image = "registry.k8s.io/ingress-nginx/controller:v1.14.0"
    args = ["/nginx-ingress-controller", f"--controller-class=k8s.io/{CLASS}", "--configmap=$(POD_NAMESPACE)/ingress"]
    address = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
    return [
        *workload("ingress-nginx-internal", "ingress", image, {"http": 80, "https": 443}, args=args),
        {
            **service("ingress-nginx-internal", "ingress", {80: "http", 443: "https"}, type="LoadBalancer"),
            "status": address,
        },
        {"kind": "IngressClass", "metadata": meta(CLASS), "spec": {"controller": f"k8s.io/{CLASS}"}},
    ]


def authentik() -> list[Object]:
    """Return Authentik as its chart installs it."""
    image = "ghcr.io/goauthentik/server:2025.12.4"
    ports = {"http": 9000, "https": 9443, "metrics": 9300}
    return [
        *workload(IDENTITY, "authentik-server", image, ports, args=["server"]),
        *workload(IDENTITY, "authentik-worker", image, {}, args=["worker"]),
        service(IDENTITY, "authentik-server", {80: "http", 443: "https"}),
    ]
