# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of an Authentik API as the modules' unit tests need, over real HTTP: lists, replaced fields, unique names.

It knows nothing of what the lab's stand-in is held to; it is here so that the modules' tests need no lab.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.unit.plugins.module_utils.authentik import objects_of_a_server as shapes

TOKEN = "q7-bootstrap-key"
PROXY, OAUTH2, RADIUS = "providers/proxy", "providers/oauth2", "providers/radius"
MODELS = {
    PROXY: "authentik_providers_proxy.proxyprovider",
    OAUTH2: "authentik_providers_oauth2.oauth2provider",
    RADIUS: "authentik_providers_radius.radiusprovider",
}
UNIQUE = {"core/applications": "slug", "core/groups": "name", "core/tokens": "identifier", "outposts/instances": "name"}
KEYS = {"core/applications": "slug", "core/tokens": "identifier", "flows/instances": "slug"}


class Refusal(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


class Double:
    """The state of one server."""

    def __init__(self, version: str = "2025.12.4") -> None:
        self.version = version
        self.lock = threading.Lock()
        self.requests: list[tuple[str, str]] = []
        self.delay: Callable[[], float] = lambda: 0.0
        #: Number of the request that fails, and whether it is carried out all the same.
        self.failing: tuple[int, bool] = (0, False)
        self.keys = {TOKEN: "akadmin"}
        self.token_keys: dict[str, str] = {}
        self.health: dict[str, list[Any]] = {}
        self.store: dict[str, list[dict[str, Any]]] = {
            "flows/instances": [
                {"pk": key, "slug": slug, "designation": kind, "policybindingmodel_ptr_id": f"{key}-target"}
                for slug, (key, kind) in shapes.Names.flows.items()
            ],
            "propertymappings/provider/scope": [
                {"pk": key, "name": f"mapping {scope}", "scope_name": scope, "managed": f"goauthentik.io/{scope}"}
                for key, scope in zip(
                    shapes.MAPPINGS, ("openid", "email", "profile", "entitlements", "ak_proxy"), strict=True
                )
            ],
            "crypto/certificatekeypairs": [{"pk": "cert", "name": "authentik Self-signed Certificate"}],
            "core/groups": [
                {"pk": "admins", "name": "authentik Admins", "users": [3], "attributes": {}, "parents": []}
            ],
            "core/users": [{"pk": 3, "username": "akadmin"}],
            "core/applications": [],
            "core/tokens": [],
            "policies/bindings": [],
            "outposts/instances": [shapes.outpost()],
            PROXY: [],
            OAUTH2: [],
            RADIUS: [],
        }
        self.number = 0

    # requests

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, key: str) -> tuple[int, Any]:
        if path in ("/-/health/ready/", "/-/health/live/"):
            return 200, None
        if key not in self.keys:
            raise Refusal(403, {"detail": "Token invalid/expired"})
        parts = path.removeprefix("/api/v3/").strip("/").split("/")
        special = getattr(self, "_" + "_".join(parts).replace("-", "_"), None)
        if special:
            return special(method, body)
        for depth in (2, 3):
            name = "/".join(parts[:depth])
            if name in self.store or name == "providers/all":
                return self._collection(method, name, parts[depth:], query, body)
        raise Refusal(404, {"detail": "Not found."})

    def _admin_version(self, method: str, body: Any) -> tuple[int, Any]:
        return 200, {"version_current": self.version}

    def _core_users_me(self, method: str, body: Any) -> tuple[int, Any]:
        return 200, {"user": {"pk": 3, "username": "akadmin", "is_superuser": True}}

    def _outposts_instances_default_settings(self, method: str, body: Any) -> tuple[int, Any]:
        return 200, {"config": {"authentik_host": "https://asked.test/", "log_level": "info"}}

    def _core_transactional_applications(self, method: str, body: Any) -> tuple[int, Any]:
        if any(app["slug"] == body["app"]["slug"] for app in self.store["core/applications"]):
            raise Refusal(400, {"app": {"slug": ["Application with this slug already exists."]}})
        kind = next(name for name, model in MODELS.items() if model == body["provider_model"])
        provider = self._create(kind, body["provider"])
        app = self._create("core/applications", {**body["app"], "provider": provider["pk"]})
        for binding in body.get("policy_bindings", []):
            self._create("policies/bindings", {**binding, "target": app["pk"]})
        return 200, {"applied": True, "logs": []}

    # collections

    def _all(self, name: str) -> list[dict[str, Any]]:
        if name != "providers/all":
            return self.store[name]
        return [provider for kind in MODELS for provider in self.store[kind]]

    def _collection(self, method: str, name: str, rest: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        items = self._all(name)
        if not rest:
            if method == "POST":
                return 201, self._shown(name, self._create(name, body))
            found = [item for item in items if all(str(item[k]) == v for k, v in query.items() if k in item)]
            size, page = min(int(query.get("page_size", 20)), 100), int(query.get("page", 1))
            part = found[(page - 1) * size : page * size]
            following = page + 1 if len(found) > page * size else 0
            return 200, {"pagination": {"next": following}, "results": [self._shown(name, item) for item in part]}
        key = KEYS.get(name, "pk")
        item = next((item for item in items if str(item[key]) == rest[0]), None)
        if rest[1:] == ["health"]:
            return 200, self.health.get(rest[0], [])
        if item is None:
            raise Refusal(404, {"detail": f"No {name} matches the given query."})
        if rest[1:] == ["view_key"]:
            return 200, {"key": self.token_keys[item["identifier"]]}
        if rest[1:] == ["set_key"]:
            self.token_keys[item["identifier"]] = body["key"]
            return 204, None
        if method == "PATCH":
            self._check(name, body, item)
            item.update({field: value for field, value in body.items() if field != "pk"})
        elif method == "DELETE":
            self._delete(name, item)
            return 204, None
        return 200, self._shown(name, item)

    def _check(self, name: str, body: dict[str, Any], item: dict[str, Any] | None) -> None:
        unique = UNIQUE.get(name, "name" if name.startswith("providers/") else "")
        others = self._all("providers/all" if name.startswith("providers/") else name)
        if unique and unique in body and any(other[unique] == body[unique] for other in others if other is not item):
            raise Refusal(400, {unique: [f"{name} with this {unique} already exists."]})
        if name == PROXY and body.get("mode", "proxy") == "proxy" and not body.get("internal_host"):
            raise Refusal(400, {"internal_host": ["Internal host cannot be empty when forward auth is disabled."]})
        if name == "outposts/instances":
            if body.get("providers") == [] and (item or {}).get("managed") is None:
                raise Refusal(400, {"providers": ["This list may not be empty."]})
            for key in body.get("providers", []):
                if not any(provider["pk"] == key for provider in self._all("providers/all")):
                    raise Refusal(400, {"providers": [f'Invalid pk "{key}" - object does not exist.']})

    def _create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check(name, body, None)
        self.number += 1
        made: dict[str, Any] = {"pk": str(uuid.uuid4())}
        if name == PROXY:
            made = shapes.proxy(self.number, "", "")
        elif name.startswith("providers/"):
            made = {"pk": self.number, "property_mappings": [], "meta_model_name": MODELS[name]}
        elif name == "core/applications":
            made = {**shapes.application(""), "pk": str(uuid.uuid4())}
        elif name == "policies/bindings":
            made = {**shapes.binding(str(uuid.uuid4()), "", ""), "group": None, "group_obj": None}
        elif name == "outposts/instances":
            made = shapes.outpost(str(uuid.uuid4()), managed=None)
            self._create("core/tokens", {"identifier": made["token_identifier"], "expiring": False, "intent": "api"})
        elif name == "core/groups":
            made = {"pk": str(uuid.uuid4()), "users": [], "attributes": {}, "parents": [], "is_superuser": False}
        elif name == "core/tokens":
            made = {"pk": str(uuid.uuid4()), "user": 3, "expiring": True, "description": "", "intent": "api"}
            made["expires"] = "2020-01-01T00:00:00Z"
            self.token_keys[body["identifier"]] = uuid.uuid4().hex
        made.update(body)
        self.store[name].append(made)
        return made

    def _delete(self, name: str, item: dict[str, Any]) -> None:
        for kind in MODELS if name == "providers/all" else (name,):
            self.store[kind] = [other for other in self.store[kind] if other is not item]
        if name.startswith("providers/"):
            for app in self.store["core/applications"]:
                app["provider"] = None if app["provider"] == item["pk"] else app["provider"]
            for outpost in self.store["outposts/instances"]:
                outpost["providers"] = [key for key in outpost["providers"] if key != item["pk"]]
        if name == "core/applications":
            bindings = self.store["policies/bindings"]
            self.store["policies/bindings"] = [one for one in bindings if one["target"] != item["pk"]]

    def _shown(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        found = dict(item)
        if name.startswith("providers/"):
            apps = [app["slug"] for app in self.store["core/applications"] if app["provider"] == item["pk"]]
            found["assigned_application_slug"] = apps[0] if apps else None
        elif name == "core/applications":
            owned = [one for one in self._all("providers/all") if one["pk"] == item["provider"]]
            found["provider_obj"] = (
                {key: owned[0].get(key) for key in ("pk", "name", "meta_model_name")} if owned else None
            )
        elif name == "outposts/instances":
            found["providers_obj"] = [
                {"pk": one["pk"], "name": one["name"]}
                for one in self._all("providers/all")
                if one["pk"] in item["providers"]
            ]
        return found


@contextmanager
def serving(double: Double) -> Iterator[dict[str, Any]]:
    """Serve it, and yield the connection's options."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def handle_it(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            time.sleep(double.delay())
            try:
                with double.lock:
                    double.requests.append((self.command, url.path))
                    count, late = double.failing
                    if len(double.requests) == count and not late:
                        raise Refusal(500, {})
                    status, answer = double.answer(self.command, url.path, dict(parse_qsl(url.query)), body, key)
                    if len(double.requests) == count:
                        raise Refusal(500, {})
                    data = b"" if answer is None else json.dumps(answer).encode()
            except Refusal as refusal:
                status, data = refusal.status, json.dumps(refusal.body).encode()
            time.sleep(double.delay())
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_it  # noqa: N815

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield {"url": f"http://127.0.0.1:{http.server_address[1]}", "token": TOKEN}
    finally:
        http.shutdown()
        http.server_close()
