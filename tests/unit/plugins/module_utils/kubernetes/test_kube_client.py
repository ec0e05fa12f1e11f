# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client and discovery against a scripted HTTP server: what is repeated, what is told, how little is asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import discovery
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client, segment, warnings_of
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.config import Connection
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import (
    KubernetesError,
    NotFound,
    Unreachable,
)

Answer = tuple[int, Any, dict[str, str]]


class Script:
    """A server whose answers a test writes; ``seen`` holds (method, path, body) of every request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.peers: set[Any] = set()
        self.answer: Callable[[str, str, int], Answer | None] = lambda method, path, number: (200, {}, {})
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                script.seen.append((self.command, self.path, body))
                script.peers.add(self.client_address)
                answer = script.answer(self.command, self.path, len(script.seen))
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, content, headers = answer
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with Client(Connection(script.url), timeout=5, sleep=lambda seconds: None) as made:
        yield made


def test_one_connection_serves_many_requests(script: Script, client: Client) -> None:
    for _number in range(5):
        client.get("/version")
    assert len(script.seen) == 5 and len(script.peers) == 1 and client.sent == {"GET": 5}


def test_at_most_so_many_connections_as_asked_for(script: Script) -> None:
    with Client(Connection(script.url), concurrency=3) as client:
        assert list(client.map(lambda number: (client.get(f"/{number}"), number)[1], range(30))) == list(range(30))
    assert len(script.seen) == 30 and len(script.peers) <= 3


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_connection_that_breaks_is_made_again(script: Script, client: Client, broken: int) -> None:
    script.answer = lambda method, path, number: None if number <= broken else (200, {"n": number}, {})
    assert client.get("/x") == {"n": broken + 1}


def test_a_connection_that_always_breaks_is_given_up(script: Script, client: Client) -> None:
    script.answer = lambda method, path, number: None
    with pytest.raises(Unreachable, match="closed before the answer came"):
        client.get("/x")
    assert len(script.seen) == 4


def test_the_server_may_ask_to_come_back_later(script: Script, client: Client) -> None:
    script.answer = lambda method, path, number: (429, {}, {"Retry-After": "1"}) if number < 3 else (200, {}, {})
    client.get("/x")
    assert len(script.seen) == 3


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422, 500, 503])
def test_a_refusal_is_not_repeated(script: Script, client: Client, code: int) -> None:
    script.answer = lambda method, path, number: (code, b"no", {})
    with pytest.raises(KubernetesError) as caught:
        client.get("/x")
    assert caught.value.code == code and len(script.seen) == 1


def test_a_server_that_does_not_answer_is_told_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(Connection(url), timeout=0.2) as client,
            pytest.raises(Unreachable, match=r"no answer within 0.2 s"),
        ):
            client.get("/x")
    with Client(Connection(url)) as client, pytest.raises(Unreachable, match="connection refused"):
        client.get("/x")


def test_an_answer_that_is_not_json_is_no_kubernetes_api(script: Script, client: Client) -> None:
    script.answer = lambda method, path, number: (200, b"<html>", {})
    with pytest.raises(KubernetesError, match="really a Kubernetes API"):
        client.get("/x")


def test_a_list_is_read_page_by_page(script: Script, client: Client) -> None:
    def answer(method: str, path: str, number: int) -> Answer:
        metadata = {"resourceVersion": "9", **({"continue": f"c{number}"} if number < 3 else {})}
        return 200, {"items": [{"n": number}], "metadata": metadata}, {}

    script.answer = answer
    assert client.list("/api/v1/pods", labels="a=b") == ([{"n": 1}, {"n": 2}, {"n": 3}], "9")
    assert [("continue=c" in path, "labelSelector=a%3Db" in path) for _method, path, _body in script.seen] == [
        (False, True),
        (True, True),
        (True, True),
    ]


def test_writes_are_strict_named_and_conditional(script: Script, client: Client) -> None:
    heard: list[str] = []
    script.answer = lambda method, path, number: (200, {}, {"Warning": '299 - "unknown field \\"x\\""'})
    client.apply("/p", {"a": 1}, manager="m", force=True, dry_run=True, on_warning=heard.append)
    client.delete("/p", uid="u")
    (patch, delete) = script.seen
    assert patch[1] == "/p?fieldManager=m&fieldValidation=Strict&force=true&dryRun=All"
    assert delete[2]["preconditions"] == {"uid": "u"}
    assert heard == ['unknown field "x"'] and client.sent == {"DRYRUN": 1, "DELETE": 1}


@given(st.text(min_size=1))
def test_no_name_leaves_its_path_segment(name: str) -> None:
    quoted = segment(name)
    assert not set(quoted) & set("/?# \n") and quoted.isascii()


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)))
def test_warnings_are_read_as_they_were_written(texts: list[str]) -> None:
    def written(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'299 - "{escaped}"'

    assert warnings_of(map(written, texts)) == texts


# discovery

AGGREGATED_CORE = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        {
            "metadata": {"creationTimestamp": None},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {
                            "resource": "pods",
                            "responseKind": {"group": "", "version": "", "kind": "Pod"},
                            "scope": "Namespaced",
                            "singularResource": "pod",
                            "shortNames": ["po"],
                            "verbs": ["get", "list"],
                            "subresources": [
                                {"subresource": "status", "responseKind": {"kind": "Pod"}, "verbs": ["get"]}
                            ],
                        },
                        {
                            "resource": "events",
                            "responseKind": {"kind": "Event"},
                            "scope": "Namespaced",
                            "singularResource": "event",
                        },
                    ],
                }
            ],
        }
    ],
}


def group(name: str, version: str, kind: str, plural: str, scope: str = "Cluster") -> dict[str, Any]:
    entry = {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "singularResource": kind.lower()}
    return {
        "metadata": {"name": name},
        "versions": [{"version": version, "freshness": "Current", "resources": [entry]}],
    }


AGGREGATED_GROUPS = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        group("events.k8s.io", "v1", "Event", "events", "Namespaced"),
        group("a.example", "v1", "Certificate", "certificates"),
        group("b.example", "v1", "Certificate", "certificates"),
    ],
}


def aggregated(method: str, path: str, number: int) -> Answer:
    return 200, AGGREGATED_CORE if path == "/api" else AGGREGATED_GROUPS, {}


def test_two_requests_tell_every_kind_and_a_miss_asks_once_more(script: Script, client: Client) -> None:
    script.answer = aggregated
    found = discovery.Discovery(client)
    pod = found.find("v1", "Pod")
    assert pod is not None and pod.path("n", "x") == "/api/v1/namespaces/n/pods/x" and pod.subresources == {"status"}
    assert pod.path() == "/api/v1/pods"
    cluster = found.find("a.example/v1", "Certificate")
    assert cluster is not None and cluster.path("ignored", "x") == "/apis/a.example/v1/certificates/x"
    assert len(script.seen) == 2
    assert found.find("nosuch/v1", "X") is None and found.find("nosuch/v1", "Y") is None
    assert len(script.seen) == 4


@pytest.mark.parametrize("name", ["Pod", "pod", "pods", "po", "PODS"])
def test_a_kind_may_be_named_as_people_do(script: Script, client: Client, name: str) -> None:
    script.answer = aggregated
    found = discovery.Discovery(client).search(name)
    assert found is not None and found.kind == "Pod"


def test_the_core_group_goes_first_and_other_doubts_are_told(script: Script, client: Client) -> None:
    script.answer = aggregated
    found = discovery.Discovery(client)
    event = found.search("Event")
    assert event is not None and event.group == ""
    with pytest.raises(InputError, match=r"certificates\.a\.example, certificates\.b\.example"):
        found.search("Certificate")
    chosen = found.search("certificates.b.example")
    assert chosen is not None and chosen.group == "b.example"
    versioned = found.search("Certificate", "a.example/v1")
    assert versioned is not None and versioned.group == "a.example"


def test_a_server_without_aggregated_discovery_is_asked_group_by_group(script: Script, client: Client) -> None:
    documents: dict[str, Any] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]},
                {"name": "broken", "versions": [{"groupVersion": "broken/v1", "version": "v1"}]},
            ],
        },
        "/api/v1": {"groupVersion": "v1", "resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]},
        "/apis/apps/v1": {
            "groupVersion": "apps/v1",
            "resources": [
                {"name": "deployments", "singularName": "deployment", "kind": "Deployment", "namespaced": True},
                {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
            ],
        },
    }
    script.answer = lambda method, path, number: (200, documents[path], {}) if path in documents else (404, b"404", {})
    found = discovery.Discovery(client)
    deployment = found.find("apps/v1", "Deployment")
    assert deployment is not None and deployment.namespaced and deployment.subresources == {"status"}
    assert [resource.kind for resource in found.resources] == ["Pod", "Deployment"]


def test_a_definition_tells_its_kinds() -> None:
    crd = {
        "spec": {
            "group": "x.example",
            "scope": "Namespaced",
            "names": {"kind": "Foo", "plural": "foos", "shortNames": ["f"]},
            "versions": [{"name": "v1", "subresources": {"status": {}}}, {"name": "v0", "served": False}],
        }
    }
    (made,) = discovery.from_crd(crd)
    assert (made.api_version, made.qualified, made.subresources) == ("x.example/v1", "foos.x.example", {"status"})
    assert made.names == {"foo", "f"} and discovery.from_crd({}) == []


def test_not_found_is_told_from_a_path_that_is_not_served(script: Script, client: Client) -> None:
    status = {"kind": "Status", "message": 'pods "x" not found', "reason": "NotFound", "code": 404}
    script.answer = lambda method, path, number: (404, status if number == 1 else b"404 page not found", {})
    for known in (True, False):
        with pytest.raises(NotFound) as caught:
            client.get("/x")
        assert caught.value.is_status is known
