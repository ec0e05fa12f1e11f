# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The notification-controller: receivers, and what a hosting service's webhook sets going."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

from ..api import DEPLOYMENTS, SECRETS, Object
from .base import (
    FINALIZER,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_RELEASES,
    HELM_REPOSITORIES,
    KUSTOMIZATIONS,
    RECEIVERS,
    REQUESTED,
    FluxController,
    condition,
    ready,
    seconds,
)

_KINDS = {
    resource.kind: resource
    for resource in (GIT_REPOSITORIES, HELM_REPOSITORIES, HELM_CHARTS, KUSTOMIZATIONS, HELM_RELEASES)
}


class NotificationController(FluxController):
    """Gives every Receiver its path, and answers what comes in."""

    deployment = "notification-controller"
    kind = RECEIVERS
    watches = (DEPLOYMENTS, RECEIVERS)

    async def reconcile(self) -> None:
        """Be the one who answers webhooks."""
        if self.world.flux is not None:
            self.world.flux.git.hook = self.hook
        await super().reconcile()

    async def one(self, obj: Object) -> float:
        """Tell the path of a receiver."""
        spec, meta = obj["spec"], obj["metadata"]
        if meta.get("deletionTimestamp"):
            if FINALIZER in (meta.get("finalizers") or []):
                await self.drop_finalizer(obj)
            return seconds("10m")
        await self.add_finalizer(obj)
        if spec.get("suspend"):
            return seconds("10m")
        token, why = await self._token(obj)
        if not token:
            await self.report(obj, [ready(False, "TokenNotFound", why)])
            return self.world.delays.flux.retry
        path = "/hook/" + hashlib.sha256(f"{token}{meta['name']}{meta['namespace']}".encode()).hexdigest()
        text = f"Receiver initialized for path: {path}"
        await self.report(
            obj, [ready(True, "Succeeded", text)], webhookPath=path, observedGeneration=meta.get("generation", 1)
        )
        return seconds(spec.get("interval"), 600.0)

    async def _token(self, obj: Object) -> tuple[str, str]:
        """Return the token of a receiver, or why there is none."""
        namespace, name = obj["metadata"]["namespace"], obj["spec"]["secretRef"]["name"]
        secret = await self.api.get(SECRETS.path(namespace, name))
        if secret is None:
            text = f"unable to read token from secret '{namespace}/{name}' error: secrets \"{name}\" not found"
            return "", text
        data = (secret.get("data") or {}).get("token")
        return (
            (base64.b64decode(data).decode(), "")
            if data
            else ("", f"invalid '{name}' secret data: required field 'token'")
        )

    async def hook(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Answer one webhook with status and text."""
        found = [r for r in self.mirror(RECEIVERS) if (r.get("status") or {}).get("webhookPath") == path]
        if not self.available() or not found:
            return 404, ""
        receiver = found[0]
        if receiver["spec"].get("suspend") or condition(receiver, "Ready").get("status") != "True":
            return 503, ""
        token, _why = await self._token(receiver)
        if problem := refusal(receiver["spec"], token, headers, body):
            return 400, problem
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"
        for reference in receiver["spec"]["resources"]:
            kind = _KINDS.get(reference["kind"])
            namespace = reference.get("namespace") or receiver["metadata"]["namespace"]
            written = kind and await self.api.merge(
                kind.path(namespace, reference["name"]), {"metadata": {"annotations": {REQUESTED: moment}}}
            )
            if not written:
                return 500, f"unable to annotate {reference['kind']} '{reference['name']}.{namespace}'"
        return 200, ""


def refusal(spec: Object, token: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return why a webhook is not taken; empty when it is."""
    kind, events = spec["type"], [str(event).lower() for event in spec.get("events") or []]
    if kind in ("github", "generic-hmac"):
        name = "X-Hub-Signature-256" if kind == "github" else "X-Signature"
        expected = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers.get(name, ""), expected):
            return "the signature is not valid"
    event = headers.get("X-GitHub-Event" if kind == "github" else "X-Gitlab-Event", "")
    if kind == "gitlab" and not hmac.compare_digest(headers.get("X-Gitlab-Token", ""), token):
        return "the X-Gitlab-Token header value does not match the receiver token"
    if kind in ("github", "gitlab") and events and event.lower() not in events:
        return f"the {'GitHub' if kind == 'github' else 'GitLab'} event '{event}' is not authorised"
    return ""
