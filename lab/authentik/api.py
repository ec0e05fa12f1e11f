# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API: who calls, which endpoint is meant, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import admin
from .applications import Applications, Transactional
from .bindings import Bindings
from .calls import Answer, Call
from .certificates import Certificates
from .connections import AllConnections, DockerConnections, KubernetesConnections
from .errors import Refusal, detail
from .flows import Blueprints, Flows
from .groups import Groups
from .mappings import Mappings, Scopes
from .messages import Reply, Request, json_reply
from .oauth2 import OAuth2Providers
from .outposts import Health, Outposts, ProxyOutposts, token_identifier
from .providers import AllProviders, RadiusProviders
from .proxy import ProxyProviders
from .resource import Resource
from .store import Row, Store
from .tokens import Tokens, expired
from .users import Users, is_superuser

PREFIX = "/api/v3/"
Single = Callable[[Call], Answer]


class Api:
    """All endpoints of one server.

    :param health: returns the pods that are connected for an outpost.
    :param superuser: whether superusers have their rights.
    """

    def __init__(self, store: Store, health: Health, superuser: Callable[[], bool]) -> None:
        self.store, self.superuser = store, superuser
        applications, bindings = Applications(), Bindings()
        proxy, oauth2, radius = ProxyProviders(), OAuth2Providers(), RadiusProviders()
        resources: list[Resource] = [
            *(proxy, oauth2, radius, AllProviders(), applications, bindings, Outposts(health)),
            *(AllConnections(), KubernetesConnections(), DockerConnections(), Flows(), Blueprints(), Scopes()),
            *(Mappings(), Tokens(), Users(), Groups(), Certificates()),
        ]
        self.resources = {resource.path: resource for resource in resources}
        transactional = Transactional(applications, {p.kind: p for p in (proxy, oauth2, radius)}, bindings)
        self.singles: dict[str, dict[str, Single]] = {
            "admin/version": {"GET": admin.version},
            "admin/settings": {"GET": admin.settings, "PUT": admin.settings, "PATCH": admin.settings},
            "root/config": {"GET": admin.config},
            ProxyOutposts.path: {"GET": ProxyOutposts().get},
            Transactional.path: {"PUT": transactional.put},
        }

    def handle(self, request: Request, *, known: bool = True) -> Reply:
        """Answer one request.

        :param known: False when no token is known any more.
        """
        if not request.path.endswith("/"):
            query = request.target.partition("?")[2]
            return Reply(301, b"", {"Location": f"{request.path}/{'?' if query else ''}{query}"})
        try:
            call = self._call(request, known)
            answer = self._route(call)
            return json_reply(answer.status, answer.body, answer.headers)
        except Refusal as error:
            return json_reply(error.status, error.body, error.headers)

    # -- who -----------------------------------------------------------------------------------------------------------
    def _call(self, request: Request, known: bool) -> Call:
        path = request.path.removeprefix(PREFIX).strip("/")
        call = Call(self.store, request.method, path, request.query, root=request.root)
        token = self._token(request.headers.get("authorization", ""), known)
        if token is None and path != "root/config" and self._exists(path):
            raise detail(403, "Authentication credentials were not provided.")
        if token is not None:
            call.user = self.store.tables["users"][token["user"]]
            call.superuser = is_superuser(call.user, call) and self.superuser()
            identifiers = {token_identifier(row): row for row in self.store.rows("outposts")}
            call.outpost = identifiers.get(token["identifier"])
        if request.body and request.method in ("POST", "PUT", "PATCH"):
            call.body = _decoded(request)
        elif request.method in ("POST", "PUT", "PATCH"):
            call.body = {}
        return call

    def _token(self, header: str, known: bool) -> Row | None:
        """Return the caller's token; None without credentials.

        :raises Refusal: 403 for a key that opens nothing.
        """
        scheme, blank, key = header.partition(" ")
        if not blank or scheme.lower() != "bearer":
            return None
        if not key:
            raise detail(403, "Malformed header")
        token = self.store.find("tokens", key=key, intent="api") if known else None
        if token is None or expired(token, self.store) or not self._active(token):
            raise detail(403, "Token invalid/expired")
        return token

    def _active(self, token: Row) -> bool:
        user = self.store.tables["users"].get(token["user"])
        return bool(user and user["is_active"])

    # -- what ----------------------------------------------------------------------------------------------------------
    def _exists(self, path: str) -> bool:
        return path in self.singles or self._resource(path) is not None

    def _resource(self, path: str) -> Resource | None:
        parts = path.split("/")
        for length in range(len(parts), 0, -1):
            found = self.resources.get("/".join(parts[:length]))
            if found is not None and len(parts) - length <= 2:
                return found
        return None

    def _route(self, call: Call) -> Answer:
        if call.path in self.singles:
            return self._verb(call, self.singles[call.path])
        resource = self._resource(call.path)
        if resource is None:
            raise detail(404, "Not found.")
        rest = [part for part in call.path.removeprefix(resource.path).split("/") if part]
        if not rest:
            return self._verb(call, self._on_list(resource))
        if len(rest) == 1:
            lists = {name: act for (_method, name), act in resource.list_actions().items()}
            if rest[0] in lists:
                wanted = {method: act for (method, name), act in resource.list_actions().items() if name == rest[0]}
                return self._verb(call, wanted)
            return self._verb(call, self._on_object(resource, rest[0]))
        actions = {("GET", "used_by"): resource.used_by, **resource.actions()}
        wanted_actions = {method: act for (method, name), act in actions.items() if name == rest[1]}
        if not wanted_actions:
            raise detail(404, "Not found.")
        row = resource.find(call, rest[0])
        return self._verb(call, {m: lambda c, act=act: act(c, row) for m, act in wanted_actions.items()})

    def _on_list(self, resource: Resource) -> dict[str, Single]:
        verbs = {"list": ("GET", resource.listing), "create": ("POST", resource.create)}
        return dict(verb for name, verb in verbs.items() if name in resource.verbs)

    def _on_object(self, resource: Resource, key: str) -> dict[str, Single]:
        found: dict[str, Single] = {}
        if "read" in resource.verbs:
            found["GET"] = lambda call: resource.read(call, key)
        if "update" in resource.verbs:
            found["PUT"] = lambda call: resource.update(call, key, partial=False)
            found["PATCH"] = lambda call: resource.update(call, key, partial=True)
        if "delete" in resource.verbs:
            found["DELETE"] = lambda call: resource.delete(call, key)
        return found

    def _verb(self, call: Call, verbs: dict[str, Any]) -> Answer:
        act = verbs.get("GET" if call.method == "HEAD" else call.method)
        if act is None:
            raise detail(405, f'Method "{call.method}" not allowed.')
        found: Answer = act(call)
        return found


def _decoded(request: Request) -> Any:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind != "application/json":
        raise detail(415, f'Unsupported media type "{kind}" in request.')
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise detail(400, f"JSON parse error - {error}") from None
