# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator: it validates stores, makes Secrets of ExternalSecrets, and says what it did.

It acts while the Deployment ``external-secrets`` is Available, and reads from Connect while the Deployment that the
store's host names is. Reasons, texts, labels and annotations: external-secrets v0.20.4 ``apis/externalsecrets/v1`` and
``pkg/controllers``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ..api import DEPLOYMENTS, SECRETS, ApiError, Object, Resource
from ..base import Controller, merge_conditions, owner_reference, timestamp
from ..manager import World
from .gotemplate import TemplateError, render
from .provider import Provider, ProviderError

EXTERNAL_SECRETS = Resource("external-secrets.io/v1", "externalsecrets", "ExternalSecret")
CLUSTER_STORES = Resource("external-secrets.io/v1", "clustersecretstores", "ClusterSecretStore", namespaced=False)
EVENTS = Resource("v1", "events", "Event")

OPERATOR = "external-secrets"
MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
#: The longest time between two tries of what fails.
LONGEST = 30.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
NO_DATA = "could not get secret data from provider"
NOT_WRITTEN = "could not update secret"
OWNED = "target is owned by another ExternalSecret"


class ExternalSecrets(Controller):
    """Reconciles cluster stores and ExternalSecrets."""

    watches = (DEPLOYMENTS, EXTERNAL_SECRETS, CLUSTER_STORES, SECRETS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._session: aiohttp.ClientSession | None = None
        # By uid: what was last tried (version and result), when, and how often it failed in a row.
        self._tried: dict[str, tuple[str, float, int]] = {}

    def _runs(self, name: str, namespace: str = "") -> bool:
        for one in self.mirror(DEPLOYMENTS):
            meta = one["metadata"]
            if meta["name"] != name or (namespace and meta["namespace"] != namespace):
                continue
            if not namespace and meta["namespace"] == "onepassword-connect":
                continue
            if any(
                c["type"] == "Available" and c["status"] == "True"
                for c in (one.get("status") or {}).get("conditions") or []
            ):
                return bool((one.get("status") or {}).get("readyReplicas"))
        return False

    async def reconcile(self) -> None:
        """Bring every store and ExternalSecret one step on."""
        if not self._runs(OPERATOR):
            return
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        for store in self.mirror(CLUSTER_STORES):
            if not store["metadata"].get("deletionTimestamp"):
                await self._store(store)
        for one in self.mirror(EXTERNAL_SECRETS):
            if not one["metadata"].get("deletionTimestamp"):
                await self._secret(one)

    async def run(self) -> None:
        """Reconcile until the end, and close what is open."""
        try:
            await super().run()
        finally:
            if self._session is not None:
                await self._session.close()

    # -- stores --------------------------------------------------------------------------------------------------------
    async def _store(self, store: Object) -> None:
        uid, version = store["metadata"]["uid"], _version(store)
        token = self._token(store)
        state = f"{version}/{hashlib.sha256(token.encode()).hexdigest()[:8]}/{self._connect_runs(store)}"
        if not self._is_due(uid, state, 300.0):
            return
        try:
            provider = self._provider(store)
        except ProviderError as error:
            await self._store_failed(store, state, "unable to create client", str(error))
            return
        try:
            await provider.validate()
        except ProviderError as error:
            await self._store_failed(store, state, "unable to validate store", str(error))
            return
        self._tried[uid] = (state, time.monotonic(), 0)
        before = _ready(store)
        await self._store_status(store, "True", "Valid", "store validated")
        if before.get("reason") != "Valid":
            await self._event(CLUSTER_STORES, store, "Normal", "Valid", "store validated")

    async def _store_failed(self, store: Object, state: str, message: str, cause: str) -> None:
        failures = self._failed(store["metadata"]["uid"], state)
        await self._store_status(store, "False", "InvalidProviderConfig", message)
        if failures <= 3:
            await self._event(CLUSTER_STORES, store, "Warning", "InvalidProviderConfig", cause)

    async def _store_status(self, store: Object, status: str, reason: str, message: str) -> None:
        condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
        old = (store.get("status") or {}).get("conditions")
        wanted = {"capabilities": "ReadWrite", "conditions": merge_conditions(old, [condition])}
        await self.api.set_status(CLUSTER_STORES, store, wanted)

    def _spec(self, store: Object) -> Object:
        provider = ((store.get("spec") or {}).get("provider") or {}).get("onepassword")
        if not provider:
            raise ProviderError("received invalid 1Password SecretStore resource: nil spec.provider.onepassword")
        vaults = provider.get("vaults") or {}
        if not vaults:
            raise ProviderError("must be at least one vault: spec.provider.onepassword.vaults")
        if len(set(vaults.values())) != len(vaults):
            raise ProviderError("vault order numbers must be unique")
        return dict(provider)

    def _token_reference(self, store: Object) -> Object:
        provider = ((store.get("spec") or {}).get("provider") or {}).get("onepassword") or {}
        return dict(((provider.get("auth") or {}).get("secretRef") or {}).get("connectTokenSecretRef") or {})

    def _token(self, store: Object) -> str:
        wanted = self._token_reference(store)
        secret = self.mirror(SECRETS).get(str(wanted.get("namespace", "")), str(wanted.get("name", "")))
        value = ((secret or {}).get("data") or {}).get(str(wanted.get("key", "")), "")
        return base64.b64decode(value).decode("utf-8", "replace")

    def _connect_runs(self, store: Object) -> bool:
        provider = ((store.get("spec") or {}).get("provider") or {}).get("onepassword") or {}
        parts = (urlsplit(str(provider.get("connectHost", ""))).hostname or "").split(".")
        return len(parts) > 1 and self._runs(parts[0], parts[1])

    def _provider(self, store: Object) -> Provider:
        spec, wanted = self._spec(store), self._token_reference(store)
        name, space, key = (str(wanted.get(word, "")) for word in ("name", "namespace", "key"))
        secret = self.mirror(SECRETS).get(space, name)
        if secret is None:
            raise ProviderError(
                f'cannot get Kubernetes secret "{name}" from namespace "{space}": secrets "{name}" not found'
            )
        if key not in (secret.get("data") or {}):
            raise ProviderError(f'cannot find secret data for key: "{key}"')
        host = str(spec.get("connectHost", ""))
        # Only the Service's pods answer under its name; without one that is ready nothing does.
        url = self.world.connect if self._connect_runs(store) else "http://127.0.0.1:1"
        assert self._session is not None
        return Provider(self._session, url, host, self._token(store), spec["vaults"])

    # -- ExternalSecrets -----------------------------------------------------------------------------------------------
    async def _secret(self, one: Object) -> None:
        meta = one["metadata"]
        target = _target(one)
        made = self.mirror(SECRETS).get(meta["namespace"], target)
        state = f"{_version(one)}/{_intact(made)}/{self._store_state(one)}"
        interval = _seconds(str(one["spec"].get("refreshInterval", "1h")))
        if not self._is_due(meta["uid"], state, interval if interval else float("inf")):
            return
        try:
            data = await self._data(one)
        except ProviderError as error:
            await self._failure(one, state, NO_DATA, str(error))
            return
        try:
            contents = _templated(one, data)
        except TemplateError as error:
            await self._failure(one, state, "could not apply template", str(error))
            return
        problem = await self._write(one, target, made, contents)
        if problem:
            await self._failure(one, state, *problem)
            return
        first = _ready(one).get("reason") != "SecretSynced"
        self._tried[meta["uid"]] = (f"{_version(one)}/{_hash(contents)}/{self._store_state(one)}", time.monotonic(), 0)
        await self._status(one, "True", "SecretSynced", "secret synced", target)
        if first:
            await self._event(EXTERNAL_SECRETS, one, "Normal", "Updated", "Updated Secret")

    def _store_state(self, one: Object) -> str:
        store = self._store_of(one)
        return "" if store is None else f"{store['metadata']['uid'][:8]}{_ready(store).get('status', '')}"

    def _store_of(self, one: Object) -> Object | None:
        reference = one["spec"].get("secretStoreRef") or {}
        if reference.get("kind") != "ClusterSecretStore":
            return None
        return self.mirror(CLUSTER_STORES).get("", str(reference.get("name", "")))

    async def _data(self, one: Object) -> dict[str, bytes]:
        store = self._store_of(one)
        name = (one["spec"].get("secretStoreRef") or {}).get("name", "")
        entries = one["spec"].get("data") or []
        found: dict[str, bytes] = {}
        for index, entry in enumerate(entries):
            remote = entry["remoteRef"]
            head = f"error processing spec.data[{index}] (key: {remote['key']}), err:"
            if store is None:
                raise ProviderError(
                    f'{head} could not get ClusterSecretStore "{name}", '
                    f'ClusterSecretStore.external-secrets.io "{name}" not found'
                )
            if _ready(store).get("status") != "True":
                raise ProviderError(f'{head} ClusterSecretStore "{name}" is not ready')
            if remote.get("version"):
                raise ProviderError(f"{head} 'remoteRef.version' is not implemented in the 1Password provider")
            try:
                value = await self._provider(store).read(remote["key"], remote.get("property", ""))
            except ProviderError as error:
                raise ProviderError(f"{head} {error}") from error
            if remote.get("decodingStrategy") == "Base64":
                value = base64.b64decode(value)
            found[entry["secretKey"]] = value
        return found

    async def _write(
        self, one: Object, target: str, made: Object | None, contents: dict[str, bytes]
    ) -> tuple[str, str] | None:
        """Have the Secret; return message and cause of a failure."""
        meta = one["metadata"]
        owner = next(
            (o for o in (made or {}).get("metadata", {}).get("ownerReferences") or [] if o["kind"] == "ExternalSecret"),
            None,
        )
        policy = (one["spec"].get("target") or {}).get("creationPolicy", "Owner")
        if owner is not None and owner["uid"] != meta["uid"] and policy == "Owner":
            return OWNED, f"{OWNED}: {owner['name']}"
        template = (one["spec"].get("target") or {}).get("template") or {}
        extra = template.get("metadata") or {}
        digest = _hash(contents)
        metadata: Object = {
            "name": target,
            "namespace": meta["namespace"],
            "labels": {**(extra.get("labels") or {}), MANAGED: "true", CREATED_BY: _created_by(meta)},
            "annotations": {**(extra.get("annotations") or {}), DATA_HASH: digest},
        }
        if policy == "Owner":
            metadata["ownerReferences"] = [owner_reference(EXTERNAL_SECRETS, one)]
        encoded = {key: base64.b64encode(value).decode() for key, value in contents.items()}
        kind = template.get("type") or "Opaque"
        if made is not None and made.get("data") == encoded and _covers(made["metadata"], metadata):
            return None
        body = {"metadata": metadata, "type": kind, "data": encoded}
        try:
            await self.api.ensure(SECRETS, body, "external-secrets")
            gone = sorted(set((made or {}).get("data") or {}) - set(encoded)) if policy == "Owner" else []
            if gone:
                await self.api.merge(SECRETS.of({"metadata": metadata}), {"data": dict.fromkeys(gone)})
        except ApiError as error:
            return NOT_WRITTEN, str(error)
        return None

    async def _failure(self, one: Object, state: str, message: str, cause: str) -> None:
        failures = self._failed(one["metadata"]["uid"], state)
        await self._status(one, "False", "SecretSyncedError", message, "")
        if failures <= 3:
            await self._event(EXTERNAL_SECRETS, one, "Warning", "UpdateFailed", cause)

    async def _status(self, one: Object, status: str, reason: str, message: str, target: str) -> None:
        condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
        old = (one.get("status") or {}).get("conditions")
        wanted: Object = {"conditions": merge_conditions(old, [condition])}
        if target:
            wanted |= {
                "refreshTime": timestamp(),
                "syncedResourceVersion": _version(one),
                "binding": {"name": target},
            }
        await self.api.set_status(EXTERNAL_SECRETS, one, wanted)

    # -- when, and what is told ----------------------------------------------------------------------------------------
    def _is_due(self, uid: str, state: str, interval: float) -> bool:
        known, moment, failures = self._tried.get(uid, ("", 0.0, 0))
        if known != state:
            return True
        wait = min(self.world.delays.onepassword.retry * 2 ** (failures - 1), LONGEST) if failures else interval
        return self.due(moment, wait) if wait != float("inf") else False

    def _failed(self, uid: str, state: str) -> int:
        known, _moment, failures = self._tried.get(uid, ("", 0.0, 0))
        failures = failures + 1 if known == state else 1
        self._tried[uid] = (state, time.monotonic(), failures)
        self.due(time.monotonic(), min(self.world.delays.onepassword.retry * 2 ** (failures - 1), LONGEST))
        return failures

    async def _event(self, resource: Resource, about: Object, kind: str, reason: str, message: str) -> None:
        meta = about["metadata"]
        space = meta.get("namespace") or "default"
        moment = timestamp()
        await self.api.create(
            EVENTS,
            {
                "metadata": {"name": f"{meta['name']}.{time.time_ns():x}", "namespace": space},
                "involvedObject": {
                    "apiVersion": resource.api_version,
                    "kind": resource.kind,
                    "name": meta["name"],
                    "namespace": meta.get("namespace", ""),
                    "uid": meta["uid"],
                },
                "type": kind,
                "reason": reason,
                "message": message,
                "count": 1,
                "firstTimestamp": moment,
                "lastTimestamp": moment,
                "source": {"component": "external-secrets"},
            },
        )


def _target(one: Object) -> str:
    return str((one["spec"].get("target") or {}).get("name") or one["metadata"]["name"])


def _ready(body: Object) -> Object:
    for one in (body.get("status") or {}).get("conditions") or []:
        if one["type"] == "Ready":
            return dict(one)
    return {}


def _version(body: Object) -> str:
    """Return ``<generation>-<hash of labels and annotations>``: a change of either asks for a sync."""
    meta = body["metadata"]
    text = json.dumps([meta.get("labels") or {}, meta.get("annotations") or {}], sort_keys=True)
    return f"{meta.get('generation', 1)}-{hashlib.sha256(text.encode()).hexdigest()[:56]}"


def _created_by(meta: Object) -> str:
    return hashlib.sha256(f"{meta['namespace']}/{meta['name']}".encode()).hexdigest()[:56]


def _hash(contents: dict[str, bytes]) -> str:
    text = json.dumps({key: base64.b64encode(value).decode() for key, value in contents.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:56]


def _intact(made: Object | None) -> str:
    """Return the hash of a Secret whose label and annotation fit its data, else a word that fits nothing."""
    if made is None:
        return "gone"
    meta = made["metadata"]
    contents = {key: base64.b64decode(value) for key, value in (made.get("data") or {}).items()}
    if (meta.get("labels") or {}).get(MANAGED) != "true":
        return "unmanaged"
    digest = _hash(contents)
    return digest if (meta.get("annotations") or {}).get(DATA_HASH) == digest else "changed"


def _covers(meta: Object, wanted: Object) -> bool:
    return all(
        (meta.get(part) or {}).get(key) == value
        for part in ("labels", "annotations")
        for key, value in wanted[part].items()
    ) and any(o["uid"] for o in meta.get("ownerReferences") or []) == bool(wanted.get("ownerReferences"))


def _templated(one: Object, data: dict[str, bytes]) -> dict[str, bytes]:
    template = (one["spec"].get("target") or {}).get("template") or {}
    texts = template.get("data")
    if not texts:
        return data
    values = {key: value.decode("utf-8", "replace") for key, value in data.items()}
    made = {key: render(text, values, key).encode() for key, text in texts.items()}
    return {**data, **made} if template.get("mergePolicy") == "Merge" else made


def _seconds(text: str) -> float:
    """Return the seconds of a Go duration."""
    parts: list[Any] = re.findall(r"(\d+(?:\.\d+)?)([smh])(?![a-z])", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
