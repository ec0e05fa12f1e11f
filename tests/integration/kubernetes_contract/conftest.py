# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract's two servers: the emulator always, a real kube-apiserver with etcd when envtest's order finds one."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.harness import kube_server
from tests.harness.kube_server import KubeServer

JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.data
        self.type = answer.headers.get("Content-Type", "")
        self.warnings = answer.headers.getlist("Warning")

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def body(self) -> Any:
        """JSON, text, or the list of a watch's events."""
        if self.type.startswith("text/plain") and not self.data.startswith(b"{"):
            return self.data.decode()
        lines = self.data.decode().strip().splitlines()
        if len(lines) > 1 and all(line.startswith('{"type":') for line in lines):
            return [json.loads(line) for line in lines]
        value = json.loads(self.data)
        return [value] if isinstance(value, dict) and set(value) == {"type", "object"} else value


class Http:
    """A client of one server; ``ask`` keeps nothing back."""

    def __init__(self, server: KubeServer, directory: Path) -> None:
        self.server, self.real = server, server.name == "envtest"
        crt, key = server.pki.issue("admin", organizations=["system:masters"], client=True)
        (directory / "client.crt").write_bytes(crt)
        (directory / "client.key").write_bytes(key)
        trusted = ssl.create_default_context(cadata=server.pki.ca_crt.decode())
        self._anonymous = urllib3.PoolManager(ssl_context=trusted, retries=False)
        known = ssl.create_default_context(cadata=server.pki.ca_crt.decode())
        known.load_cert_chain(directory / "client.crt", directory / "client.key")
        self._known = urllib3.PoolManager(ssl_context=known, retries=False, maxsize=10)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = JSON,
        headers: dict[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        sent = {"Accept": JSON, "User-Agent": "contract/1", **(headers or {})}
        data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", content_type)
        pool = self._anonymous if anonymous else self._known
        return Answer(pool.request(method, self.server.url + path, body=data, headers=sent, timeout=30))

    def apply(self, path: str, body: Any, manager: str, **query: str) -> Answer:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return self.ask("PATCH", f"{path}?fieldManager={manager}{more}", body, APPLY)

    def until(self, path: str, holds: Any, seconds: float = 60.0) -> Answer:
        """The first answer for which ``holds(answer)`` is true."""
        end = time.monotonic() + seconds
        while True:
            answer = self.ask("GET", path)
            if holds(answer):
                return answer
            assert time.monotonic() < end, f"{path}: {answer.status} {answer.data[:500]!r}"
            time.sleep(0.03)

    def define(self, definition: dict[str, Any]) -> None:
        """Create a CustomResourceDefinition and wait until it is served."""
        root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        document = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **definition}
        created = self.ask("POST", root, document)
        assert created.status == 201, created.data
        name = definition["metadata"]["name"]
        self.until(f"{root}/{name}", established)
        spec = definition["spec"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        self.until(path, lambda answer: answer.status == 200)

    def namespace(self, name: str) -> str:
        created = self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert created.status in (201, 409), created.data
        return name


def established(answer: Answer) -> bool:
    conditions = (answer.json.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@pytest.fixture(scope="module", params=kube_server.BACKENDS)
def http(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """A fresh server for each test module."""
    if request.param == "envtest" and not kube_server.has_real():
        pytest.skip("no kube-apiserver and etcd are found (TEST_ASSET_*, KUBEBUILDER_ASSETS, PATH)")
    directory = tmp_path_factory.mktemp(request.param)
    with KubeServer(directory, request.param) as server:
        client = Http(server, directory)
        client.until("/api/v1/namespaces/default", lambda answer: answer.status == 200)
        yield client


@pytest.fixture(scope="module")
def emulated(http: Http) -> Http:
    """Only the emulator: what a bare API server without controllers cannot do."""
    if http.real:
        pytest.skip("a bare API server has no controllers")
    return http


WIDGET: dict[str, Any] = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1, "maximum": 10},
                                    "color": {"type": "string", "default": "red", "enum": ["red", "green"]},
                                    "ports": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["port"],
                                        "items": {
                                            "type": "object",
                                            "required": ["port"],
                                            "properties": {"port": {"type": "integer"}, "name": {"type": "string"}},
                                        },
                                    },
                                    "tags": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "set",
                                        "items": {"type": "string"},
                                    },
                                    "notes": {"type": "array", "items": {"type": "string"}},
                                    "either": {"x-kubernetes-int-or-string": True},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "conditions": {
                                        "type": "array",
                                        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    }
                                },
                            },
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def widgets(http: Http) -> str:
    """The path of the widgets of the default namespace, their kind being served."""
    http.define(WIDGET)
    return "/apis/example.com/v1/namespaces/default/widgets"
