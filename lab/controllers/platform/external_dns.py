# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""external-dns: every running instance reads its sources and writes the names into its zone."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass

import aiohttp

from ..api import DEPLOYMENTS, INGRESSES, SECRETS, SERVICES, Object, Resource
from ..base import Controller, key_of
from ..manager import World
from . import dns_plan
from .certificates import duration
from .dns_plan import Endpoint, Settings
from .dns_zones import TIMEOUT, CloudflareZone, UnifiZone, ZoneError
from .state import Trouble, container_of, installed, is_available

IMAGE, WEBHOOK = "external-dns/external-dns", "external-dns-unifi-webhook"
ENDPOINTS = Resource("externaldns.k8s.io/v1alpha1", "dnsendpoints", "DNSEndpoint")
RETRY = 2.0
"""Seconds after which a failed run is repeated (a real one waits for its interval)."""


@dataclass
class Instance:
    """What is known of one Deployment: the sources at the last run, when that was, and what went wrong."""

    seen: str = ""
    changed: float = 0.0
    done: str = ""
    last: float = 0.0
    problem: str = ""


class ExternalDns(Controller):
    """Runs every instance after a change of its sources, and at its interval."""

    watches = (DEPLOYMENTS, INGRESSES, SERVICES, SECRETS, ENDPOINTS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._instances: dict[tuple[str, str], Instance] = {}

    async def reconcile(self) -> None:
        """Look at each instance."""
        deployments = installed(self.mirror(DEPLOYMENTS), IMAGE)
        keys = {key_of(d) for d in deployments}
        for key in set(self._instances) - keys:
            del self._instances[key]
            self._trouble(key, None)
        for deployment in deployments:
            state = self._instances.setdefault(key_of(deployment), Instance())
            # One that crashes is not available, and is started again and again: it must be able to get over it.
            if is_available(deployment) or state.problem:
                await self._instance(deployment, state)

    async def _instance(self, deployment: Object, state: Instance) -> None:
        container = container_of(deployment, IMAGE) or {}
        arguments = [str(a) for a in container.get("args") or []]
        settings = Settings.read(arguments)
        wanted = self._wanted(settings)
        side = container_of(deployment, WEBHOOK) if settings.provider == "webhook" else container
        env = self._environment(deployment["metadata"]["namespace"], side or {})
        now = hashlib.sha256(repr((arguments, wanted, env)).encode()).hexdigest()
        if now != state.seen:
            state.seen, state.changed = now, time.monotonic()
        interval = next((a.partition("=")[2] for a in arguments if a.startswith("--interval=")), "1m")
        if state.problem:
            if not self.due(state.last, RETRY):
                return
        elif state.done != now:
            if not self.due(state.changed, self.world.delays.platform.dns):
                return
        elif not self.due(state.last, duration(interval).total_seconds()):
            return
        state.last = time.monotonic()
        key = key_of(deployment)
        try:
            await self._run(settings, wanted, env)
        except ZoneError as error:
            state.problem = f"Failed to do run once: {error}"
            self.log.info("%s/%s: %s", *key, state.problem)
            if error.fatal:
                trouble = Trouble(f"back-off restarting failed container: {state.problem}", "CrashLoopBackOff", 1)
                self._trouble(key, trouble)
            self.due(state.last, RETRY)
            return
        state.done, state.problem = now, ""
        self._trouble(key, None)
        self.due(state.last, duration(interval).total_seconds())

    def _trouble(self, key: tuple[str, str], trouble: Trouble | None) -> None:
        if self.world.platform.set_trouble(key, trouble):
            self.world.poke()

    def _wanted(self, settings: Settings) -> list[Endpoint]:
        found: list[Endpoint] = []
        if "ingress" in settings.sources:
            found += [e for i in self.mirror(INGRESSES) for e in dns_plan.of_ingress(i, settings)]
        if "service" in settings.sources:
            found += [e for s in self.mirror(SERVICES) for e in dns_plan.of_service(s, settings)]
        if "crd" in settings.sources:
            found += [e for o in self.mirror(ENDPOINTS) for e in dns_plan.of_object(o, settings)]
        return found

    def _environment(self, namespace: str, container: Object) -> dict[str, str]:
        """Return the variables of a container, with what they take from Secrets."""
        found = {}
        for variable in container.get("env") or []:
            text = variable.get("value", "")
            if reference := (variable.get("valueFrom") or {}).get("secretKeyRef"):
                secret = self.mirror(SECRETS).get(namespace, reference["name"]) or {}
                text = base64.b64decode((secret.get("data") or {}).get(reference["key"]) or "").decode()
            found[variable["name"]] = str(text)
        return found

    async def _run(self, settings: Settings, wanted: list[Endpoint], env: dict[str, str]) -> None:
        """One run: read the zone, plan, write."""
        platform = self.world.platform
        zone: UnifiZone | CloudflareZone
        try:
            if settings.provider == "webhook":
                zone = UnifiZone(platform, env)
            elif settings.provider == "cloudflare":
                zone = CloudflareZone(platform, env, settings.domains)
            else:
                raise ZoneError(f"unknown dns provider: {settings.provider}", fatal=True)
        except OSError as error:
            raise ZoneError(str(error)) from error
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False) as session:
            changes = dns_plan.plan(settings, wanted, await zone.read(session))
            for record in changes.delete:
                await zone.delete(session, record)
            for record in changes.create:
                await zone.create(session, record)
        if changes:
            self.log.info("%s: %d created, %d deleted", settings.owner, len(changes.create), len(changes.delete))
