# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that answers browsers: the ingress controllers' addresses, and Authentik as the cluster runs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ..authentik.calls import Call
from ..authentik.embedded import Embedded
from ..authentik.messages import Reply, Request
from ..authentik.outposts import token_identifier
from ..authentik.server import Server, fresh_token, given_to, taken_from
from ..authentik.store import Row, Store
from ..authentik.tokens import expired
from ..authentik.users import is_superuser
from ..doors import address_error
from ..scenario import Scenario
from ..state import LabState, door_address
from . import pages
from .cluster import PROXY_IMAGE, SERVER_IMAGE, Backend, Cluster, Controller
from .nginx import Nginx, hostname
from .routes import tls_secrets
from .tls import Contexts, self_signed

log = logging.getLogger("lab.web")
HTTPS, HTTP = 8443, 8080
"""Where the lab answers for 443 and 80: everybody may listen there."""
PRIVILEGED = {HTTPS: 443, HTTP: 80}
INTERNAL = "172.29.52.200"
"""The address of the internal ingress controller, for a lab without a cluster."""
HOST = "authentik.k8s.home.geoffdavis.com"
_RELEASE = re.compile(r"\d{4}\.\d{1,2}\.\d+")


class Web:
    """The doors of the ingress controllers.

    :param net: the lab's loopback net.
    """

    def __init__(self, state: LabState, net: str, scenario: Scenario) -> None:
        self.state, self.net, self.scenario = state, net, scenario
        self.token = fresh_token()
        self.server: Server | None = None
        self.running = False
        self.cluster = Cluster({})
        self.contexts = Contexts(state.root / "web")
        self.requests: Counter[str] = Counter()
        self.outposts: dict[str, Embedded] = {}
        self.controllers: dict[str, Controller] = {}
        self.problem = ""
        self._doors: dict[str, list[web.AppRunner]] = {}
        self._turn = asyncio.Lock()

    # -- life ----------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Leave ``authentik.json`` for whoever may use it; without a cluster, listen too."""
        self._record()
        if self.scenario.authentik.always:
            pair = self_signed(HOST, [HOST])
            self.contexts.hosts = {HOST: pair}
            self.state.write(self.state.root / self._ca_file, pair[0].decode())
            self._up(self.token, "", worker=True)
            await self._listen(INTERNAL)

    async def stop(self) -> None:
        """Listen no more."""
        for address in list(self._doors):
            await self._close(address)

    async def reset(self) -> None:
        """Forget everything: the cluster is gone, and Authentik's database with it."""
        async with self._turn:
            self.cluster, self.controllers = Cluster({}), {}
            if not self.scenario.authentik.always:
                self.server, self.running = None, False
                for address in list(self._doors):
                    await self._close(address)

    def snapshot(self) -> dict[str, Any]:
        """Return it for the status."""
        return {
            "doors": [
                {"stands_for": address, "listen": [f"{h}:{p}" for r in runners for h, p in r.addresses]}
                for address, runners in sorted(self._doors.items())
            ],
            "problem": self.problem,
            "hosts": sorted(self.contexts.hosts),
            "requests": dict(sorted(self.requests.items())),
            "authentik": {"running": self.running, **(self.server.snapshot() if self.server else {})},
        }

    @property
    def _ca_file(self) -> str:
        """Who signs the ingress' certificates: the lab's public authority, without a cluster the server itself."""
        return "authentik-ca.crt" if self.scenario.authentik.always else "public-ca.crt"

    def _record(self) -> None:
        record = {
            "url": f"https://{HOST}",
            "door": f"{door_address(INTERNAL, self.net)}:{HTTPS}",
            "token": self.token,
            "ca_file": str(self.state.root / self._ca_file),
        }
        self.state.write(self.state.root / "authentik.json", json.dumps(record, indent=2))

    # -- the cluster ---------------------------------------------------------------------------------------------------
    async def follow(self, cluster: Cluster) -> None:
        """Bring everything in line with the cluster's objects."""
        async with self._turn:
            self.cluster = cluster
            self._follow_authentik(cluster)
            found = {address: c for c in cluster.controllers() for address in c.addresses}
            self.controllers = found
            hosts: dict[str, tuple[bytes, bytes]] = {}
            for controller in found.values():
                for host, (namespace, name) in tls_secrets(cluster.ingresses(controller.classes)).items():
                    data = cluster.secret(namespace, name)
                    if data.get("tls.crt") and data.get("tls.key"):
                        hosts[host] = (data["tls.crt"], data["tls.key"])
            self.contexts.hosts = hosts
            for address in self._doors.keys() - found.keys():
                await self._close(address)
            for address in found.keys() - self._doors.keys():
                await self._listen(address)

    def _follow_authentik(self, cluster: Cluster) -> None:
        parts = {(c.get("args") or ["server"])[0]: (workload, c) for workload, c in cluster.running(SERVER_IMAGE)}
        if "server" not in parts:
            self.running = self.scenario.authentik.always
            return
        workload, container = parts["server"]
        namespace = workload["metadata"]["namespace"]
        token = cluster.variable(namespace, container, "AUTHENTIK_BOOTSTRAP_TOKEN")
        release = _RELEASE.search(str(container.get("image", "")).rpartition(":")[2])
        if release:
            self.scenario.authentik.version = release.group()
        self._up(token or self.token, namespace, worker="worker" in parts)
        assert self.server is not None
        pods = cluster.ready(namespace, (workload["spec"]["template"].get("metadata") or {}).get("labels") or {})
        self.server.hosts = [pod["metadata"]["name"] for pod in pods]
        self._follow_proxies(cluster)

    def _up(self, token: str, namespace: str, *, worker: bool) -> None:
        """Have the server running: at first with a new database, later with the one that is there."""
        if self.server is None:
            known = self.scenario
            self.token = token
            self.server = Server(
                token, known.faults.authentik, known.delays.authentik, known.authentik, namespace=namespace or "default"
            )
            self._record()
        self.server.worker = worker
        if not self.running:
            self.running = True
            self.server.start()
            log.info("authentik %s has started", self.server.store.release.text)

    def _follow_proxies(self, cluster: Cluster) -> None:
        """Connect the external outposts: whose token a pod has decides which outpost it is."""
        assert self.server is not None
        store = self.server.store
        pods: dict[str, list[str]] = {}
        outposts: dict[str, Embedded] = {}
        for workload, container in cluster.running(PROXY_IMAGE):
            namespace = workload["metadata"]["namespace"]
            row = outpost_of(cluster.variable(namespace, container, "AUTHENTIK_TOKEN"), store)
            if row is None:
                continue
            host = cluster.variable(namespace, container, "AUTHENTIK_HOST_BROWSER")
            host = host or cluster.variable(namespace, container, "AUTHENTIK_HOST")
            name = f"{namespace}/{workload['metadata']['name']}"
            outposts[name] = self.outposts.get(name) or Embedded(
                store, self.server.outpost_delay, lambda: self.server is not None and self.server.worker_up
            )
            outposts[name].is_external(row["pk"], host)
            labels = workload["spec"]["template"]["metadata"].get("labels") or {}
            found = [pod["metadata"]["name"] for pod in cluster.ready(namespace, labels)]
            pods[row["pk"]] = [*pods.get(row["pk"], []), *found]
        self.outposts, self.server.pods = outposts, pods

    # -- doors ---------------------------------------------------------------------------------------------------------
    async def _listen(self, address: str) -> None:
        """Listen for an address: on ports for everybody, and on the real ones where that is allowed."""
        host, runners = door_address(address, self.net), []
        self.problem = ""
        for port, context in ((HTTPS, self.contexts.listening()), (HTTP, None)):
            app = web.Application(client_max_size=32 * 2**20)
            app.router.add_route("*", "/{path:.*}", self._handler(address))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            runners.append(runner)
            for number in (port, PRIVILEGED[port]):
                try:
                    await web.TCPSite(runner, host, number, ssl_context=context).start()
                except OSError as error:
                    if number == port or error.errno not in (errno.EACCES, errno.EPERM):
                        self.problem = str(address_error(error, host, number))
                        log.error("%s", self.problem)
        self._doors[address] = runners
        if self.problem:
            await self._close(address)  # the next change of the cluster tries again
            return
        log.info("the ingress on %s answers at %s", address, host)

    async def _close(self, address: str) -> None:
        for runner in self._doors.pop(address, []):
            with contextlib.suppress(OSError):
                await runner.cleanup()

    def _handler(self, address: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            taken = await taken_from(request)
            self.requests[f"{hostname(taken.headers.get('host', ''))} {taken.method} {taken.path}"] += 1
            return given_to(request, await self.respond(address, taken))

        return handle

    async def respond(self, address: str, request: Request) -> Reply:
        """Answer a request that came to an ingress controller's address."""
        controller = self.controllers.get(address)
        if controller is None:
            if self.scenario.authentik.always and self.server is not None:
                return await self._finished(await self.server.respond(request))
            return pages.nginx(404)
        return await Nginx(controller, self.cluster, self.scenario.faults.web, self._answer).handle(request)

    # -- backends ------------------------------------------------------------------------------------------------------
    async def _answer(self, backend: Backend, request: Request, tls: bool) -> Reply:
        """Answer as the pods behind a Service do."""
        image = backend.image.partition("@")[0].rpartition(":")[0]
        if image.endswith(SERVER_IMAGE):
            if not self.running or self.server is None:
                return pages.nginx(502)
            for outpost in self.outposts.values():
                outpost.refresh()
            return await self._finished(await self.server.respond(request))
        if image.endswith(PROXY_IMAGE):
            return await self._finished(self._proxy(backend, request))
        return pages.service(backend.namespace, backend.name, backend.port, request.path)

    def _proxy(self, backend: Backend, request: Request) -> Reply:
        """Answer as a pod of an external outpost; one that has found no outpost crashes."""
        for name, outpost in self.outposts.items():
            namespace, _slash, workload = name.partition("/")
            if namespace == backend.namespace and any(
                pod["metadata"]["name"].startswith(f"{workload}-") for pod in backend.pods
            ):
                outpost.refresh()
                return outpost.handle(request)
        return pages.nginx(502)

    async def _finished(self, reply: Reply) -> Reply:
        """Fetch what an outpost passes on to a service."""
        if not reply.upstream:
            return reply
        url = urlsplit(reply.upstream)
        tls = url.scheme == "https"
        backend = self.cluster.by_dns(url.hostname or "", url.port or (443 if tls else 80))
        if backend is None or not backend.pods or not backend.open:
            return pages.upstream_error()
        faults = self.scenario.faults.web
        if f"{backend.namespace}/{backend.name}" in (*faults.refused, *faults.timeout):
            return pages.upstream_error()
        if tls != backend.tls:
            return pages.upstream_error() if tls else pages.plain_http_to_https()
        if tls and reply.verify:
            return pages.upstream_error()  # the services' own certificates are signed by nobody
        return pages.service(backend.namespace, backend.name, backend.port, url.path)


def outpost_of(key: str, store: Store) -> Row | None:
    """Return the outpost that a proxy with a token becomes: the first that the token may see, by name."""
    token = store.find("tokens", key=key, intent="api") if key else None
    if token is None or expired(token, store):
        return None
    call = Call(store)
    everything = is_superuser(store.users[token["user"]], call)
    seen = [row for row in store.rows("outposts") if everything or token["identifier"] == token_identifier(row)]
    return min(seen, key=lambda row: str(row["name"]), default=None)
