# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing Cilium's objects through the Kubernetes client of this collection."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from ..common.context import Context
from ..common.wait import Observation, wait_until
from ..kubernetes import live
from ..kubernetes.applier import Applier, Options
from ..kubernetes.apply import Outcome
from ..kubernetes.client import Client
from ..kubernetes.discovery import Discovery
from ..kubernetes.errors import Forbidden, NotFound
from ..kubernetes.manifests import Manifest
from ..kubernetes.prune import Owner
from . import findings, kinds

Body = dict[str, Any]

#: Seconds that the operator gets to register its kinds after it has started.
REGISTER = 60.0


class Store:
    """What one API server holds of Cilium.

    :param manager: field manager of the writes.
    """

    def __init__(self, client: Client, ctx: Context, *, manager: str = "homeops", force: bool = False) -> None:
        self.client, self.ctx = client, ctx
        self._manager, self._force = manager, force
        self.discovery = Discovery(client)
        self.served = self._served()

    def _served(self) -> kinds.Served:
        return kinds.served((resource.api_version, resource.kind) for resource in self.discovery.resources)

    def await_kinds(self, *, pools: bool = False, timeout: float = REGISTER) -> None:
        """Wait until the BGP kinds, or the pools, are served: the operator registers them some time after its start.

        Check mode looks once.
        """

        def look() -> Observation[None]:
            there = bool(self.served.pools if pools else self.served.new or self.served.legacy)
            if not there:
                self.discovery = Discovery(self.client)
                self.served = self._served()
                there = bool(self.served.pools if pools else self.served.new or self.served.legacy)
            return Observation(there, "the API serves none of them")

        if self.ctx.check_mode:
            look()
            return
        wait_until(
            look,
            what="the pools' kind of Cilium" if pools else "the BGP kinds of Cilium",
            target=self.client.connection.server,
            timeout=timeout,
            ctx=self.ctx,
            interval=1.0,
            remedy="Does the operator of Cilium run, with bgpControlPlane.enabled: true?",
        )

    def version(self, kind: str) -> str:
        """Return the apiVersion under which a kind is read and written, ``""`` when it is not served."""
        if kind == kinds.LEGACY:
            return kinds.LEGACY_VERSION if self.served.legacy else ""
        return self.served.pools if kind == kinds.POOL else self.served.new

    def read(self, *wanted: str) -> dict[str, list[Body]]:
        """Return all objects of Cilium's kinds, by kind; a kind that is not served has none."""

        def ask(kind: str) -> list[Body]:
            resource = self.discovery.find(self.version(kind), kind) if self.version(kind) else None
            if resource is None:
                return []
            items, _version = self.client.list(resource.path(), attempted=f"listing the {resource.plural}")
            return [live.whole(item, resource) for item in items]

        return dict(zip(wanted, self.client.map(ask, wanted), strict=True))

    def core(self, api_version: str, kind: str) -> list[Body]:
        """Return all objects of a built-in kind in all namespaces."""
        resource = self.discovery.find(api_version, kind)
        if resource is None:
            return []
        items, _version = self.client.list(resource.path(), attempted=f"listing the {resource.plural}")
        return [live.whole(item, resource) for item in items]

    def nodes(self) -> dict[str, dict[str, str]]:
        """Return the labels of every node."""
        return {kinds.name_of(body): kinds.labels_of(body) for body in self.core("v1", "Node")}

    def secret(self, namespace: str, name: str) -> str | None:
        """Return the state of a password's Secret, None when it may not be read."""
        resource = self.discovery.find("v1", "Secret")
        if resource is None:
            return None
        try:
            body = self.client.get(resource.path(namespace, name), attempted=f"reading Secret {namespace}/{name}")
        except NotFound:
            return findings.MISSING
        except Forbidden:
            self.ctx.warn(f"Secret {namespace}/{name} may not be read, so nobody knows whether it has a password")
            return None
        data = (body.get("data") or {}).get("password") or ""
        return findings.FILLED if base64.b64decode(data) else findings.EMPTY

    def label_node(self, name: str, key: str, value: str | None) -> None:
        """Set or, with None, remove one label of a node."""
        resource = self.discovery.find("v1", "Node")
        path = resource.path("", name) if resource else f"/api/v1/nodes/{name}"
        self.client.request(
            "PATCH",
            path,
            {"fieldManager": self._manager, "fieldValidation": "Strict"},
            {"metadata": {"labels": {key: value}}},
            media="application/merge-patch+json",
            attempted=f"labelling node {name}",
        )

    def apply(
        self,
        batches: Iterable[Iterable[Mapping[str, Any]]],
        *,
        owner: Owner | None = None,
        force: bool | None = None,
        what: str = "rendered",
    ) -> list[Outcome]:
        """Apply batch after batch; then remove what the owner no longer wants. In check mode: predict.

        :raises PartialFailure: an object was refused.
        """
        options = Options(manager=self._manager, force=self._force if force is None else force, owner=owner)
        applier = Applier(self.client, self.discovery, options, self.ctx)
        outcomes: list[Outcome] = []
        everything = []
        for batch in batches:
            items = applier.items([Manifest(dict(body), f"{what} by this module") for body in batch])
            everything += items
            outcomes += applier.apply(items)
        return outcomes + applier.prune(everything)

    def delete(self, bodies: Iterable[Mapping[str, Any]]) -> list[Outcome]:
        """Delete objects, in this order one kind after the other. In check mode: predict."""
        outcomes: list[Outcome] = []
        for body in bodies:
            applier = Applier(self.client, self.discovery, Options(manager=self._manager), self.ctx)
            wanted = {key: body[key] for key in ("apiVersion", "kind")}
            items = applier.items(
                [Manifest({**wanted, "metadata": {"name": kinds.name_of(body)}}, "live object")], deleting=True
            )
            outcomes += applier.delete(items)
        return outcomes
