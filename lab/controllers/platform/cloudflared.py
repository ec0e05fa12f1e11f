# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloudflared: its pods are ready while the tunnel's connections are, which its file and credentials decide."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlsplit

from ... import yaml_text
from ..api import CONFIG_MAPS, DEPLOYMENTS, SECRETS, Object
from ..base import Controller, key_of
from .state import Trouble, installed

IMAGE = "cloudflare/cloudflared"
LAST_RULE = "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)"
NO_RULES = "The config file doesn't contain any ingress rules"
WILDCARD = (
    'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, '
    'e.g. "*.example.com"'
)
NO_PATH = "ingress rules don't support proxying to a different path on the origin service"
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Cloudflared(Controller):
    """Judges every Deployment of the image."""

    watches = (DEPLOYMENTS, CONFIG_MAPS, SECRETS)

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._mine: set[tuple[str, str]] = set()

    async def reconcile(self) -> None:
        """Say which pods are not ready."""
        found: dict[tuple[str, str], Trouble | None] = {}
        for deployment in installed(self.mirror(DEPLOYMENTS), IMAGE):
            if problem := self._problem(deployment):
                found[key_of(deployment)] = problem
        for key in self._mine - set(found):
            found[key] = None
        changed = [self.world.platform.set_trouble(key, trouble) for key, trouble in found.items()]
        self._mine = {key for key, trouble in found.items() if trouble is not None}
        if any(changed):
            self.world.poke()

    def _problem(self, deployment: Object) -> Trouble | None:
        pod = deployment["spec"]["template"]["spec"]
        config = yaml_text.load(self._mounted(deployment, pod, "config.yaml", "config.yml") or "") or {}
        text = self._mounted(deployment, pod, "credentials.json")
        if text is None:
            return None  # the kubelet says it
        if config and (sentence := config_problem(config)):
            return Trouble(sentence, "CrashLoopBackOff", 1)
        try:
            credentials = json.loads(text)
            tunnel = str(credentials["TunnelID"])
        except (ValueError, KeyError, TypeError):
            sentence = "error parsing tunnel ID: Invalid JSON in tunnel credentials file"
            return Trouble(sentence, "CrashLoopBackOff", 1)
        named = str(config.get("tunnel", tunnel))
        if _UUID.match(named) and named != tunnel:
            return Trouble(f"Register tunnel error from server side: Unauthorized: Tunnel {named} not found")
        if self.world.platform.faults.tunnel_down:
            return Trouble(
                "failed to dial to edge with quic: timeout: no recent network activity (readyConnections: 0)"
            )
        return None

    def _mounted(self, deployment: Object, pod: Object, *names: str) -> str | None:
        """Return a file of the pod's ConfigMap and Secret volumes."""
        namespace = deployment["metadata"]["namespace"]
        for volume in pod.get("volumes") or []:
            if source := volume.get("configMap"):
                data = (self.mirror(CONFIG_MAPS).get(namespace, source["name"]) or {}).get("data") or {}
            elif source := volume.get("secret"):
                held = (self.mirror(SECRETS).get(namespace, source["secretName"]) or {}).get("data") or {}
                data = {k: base64.b64decode(v).decode(errors="replace") for k, v in held.items()}
            else:
                continue
            for name in names:
                if name in data:
                    return str(data[name])
        return None


def config_problem(config: Object) -> str:
    """Return why cloudflared does not start with a configuration, or "" (cloudflared ``ingress/ingress.go``)."""
    rules = config.get("ingress") or []
    if not rules:
        return NO_RULES
    for number, rule in enumerate(rules):
        host, service = str(rule.get("hostname") or ""), str(rule.get("service") or "")
        if ":" in host:
            return "Hostname cannot contain a port"
        if "*" in host and not (host.startswith("*.") and "*" not in host[1:]):
            return WILDCARD
        if number == len(rules) - 1 and (host or rule.get("path")):
            return LAST_RULE
        if service.startswith("http_status:") or service in ("hello_world", "bastion", "hello-world"):
            continue
        parts = urlsplit(service)
        if parts.scheme not in ("unix", "unix+tls") and (not parts.scheme or not parts.hostname):
            return f"{service} is an invalid address, please make sure it has a scheme and a hostname"
        if parts.scheme not in ("unix", "unix+tls") and parts.path:
            return f"{service} is an invalid address, {NO_PATH}"
    return ""
