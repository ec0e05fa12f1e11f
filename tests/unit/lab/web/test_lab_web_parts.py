# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the lab's web that need no socket: routes, variables, backends, and what an outpost lets through."""

from __future__ import annotations

from typing import Any

import pytest

from lab.authentik import embedded
from lab.authentik.messages import Request
from lab.web.cluster import Cluster
from lab.web.nginx import expanded, hostname
from lab.web.routes import find, matches, tls_secrets
from tests.harness.web import Listed, ingress, service, workload

HOST = "a.example.org"


def cluster(*objects: dict[str, Any]) -> Cluster:
    found: dict[str, Listed] = {}
    for obj in objects:
        kind = obj["kind"].lower()
        plural = "ingresses" if kind == "ingress" else f"{kind}s"
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        found.setdefault(plural, Listed()).objects[key] = obj
    return Cluster(found)


@pytest.mark.parametrize(
    ("wanted", "kind", "path", "found"),
    [
        ("/", "Prefix", "/anything", True),
        ("/foo", "Prefix", "/foo", True),
        ("/foo", "Prefix", "/foo/bar", True),
        ("/foo/", "Prefix", "/foo", True),
        ("/foo", "Prefix", "/foobar", False),
        ("/foo", "Exact", "/foo", True),
        ("/foo", "Exact", "/foo/", False),
        ("/foo", "ImplementationSpecific", "/foobar", True),
    ],
)
def test_paths_match_as_the_kind_says(wanted: str, kind: str, path: str, found: bool) -> None:
    assert matches(wanted, kind, path) is found


def test_the_longest_path_wins_then_the_older_ingress() -> None:
    listed = [
        ingress("x", "one", HOST, "one", 80),
        ingress("x", "two", HOST, "two", 80),
        ingress("x", "login", HOST, "login", 80, "/login"),
        ingress("x", "wild", "*.example.org", "wild", 80),
    ]

    def service_of(host: str, path: str) -> str:
        route = find(listed, host, path)
        return route.service if route else ""

    assert service_of(HOST, "/") == "one"
    assert service_of("A.EXAMPLE.ORG", "/login/now") == "login"
    assert service_of("b.example.org", "/") == "wild"
    assert service_of("c.b.example.org", "/") == ""
    assert tls_secrets(listed)[HOST] == ("x", "one-tls")


def test_variables_are_filled_in() -> None:
    request = Request("GET", "/d/home?x=1&y", {"host": f"{HOST}:8443"})
    text = "$scheme://$host/start?rd=$scheme://$http_host$escaped_request_uri#$request_uri"
    filled = expanded(text, request, f"{HOST}:8443", "https")
    assert filled == f"https://{HOST}/start?rd=https://{HOST}:8443%2Fd%2Fhome%3Fx%3D1%26y#/d/home?x=1&y"
    assert (hostname(f"{HOST}:8443"), hostname("A.b")) == (HOST, "a.b")


def test_a_backend_is_a_port_with_ready_pods_that_listen() -> None:
    one = cluster(
        *workload("x", "app", "example.org/app:1", {"web": 3000, "web-tls": 8443}),
        service("x", "app", {80: "web", 443: "web-tls", 81: "nope", 82: 4000}),
    )
    plain, secure, unnamed, closed = (one.backend("x", "app", port) for port in (80, 443, 81, 82))
    assert plain and secure and unnamed and closed
    assert (bool(plain.pods), plain.tls, plain.open) == (True, False, True)
    assert (secure.tls, secure.open) == (True, True)
    assert (bool(unnamed.pods), closed.open) == (False, False)
    assert one.backend("x", "app", 99) is None
    assert one.by_dns("app.x.svc.cluster.local", 80) == plain
    assert one.by_dns("app.x.svc", 80) == plain
    assert one.by_dns("app.example.org", 80) is None
    one.objects["pods"].get("x", "app-1")["status"]["conditions"][0]["status"] = "False"  # type: ignore[index]
    assert not one.backend("x", "app", 80).pods  # type: ignore[union-attr]


APP = {
    "mode": "proxy",
    "external_host": "https://a.example.org",
    "cookie_domain": "",
    "skip_path_regex": "^/api/.*$\n(\n\n^/metrics$",
    "access_token_validity": "hours=1",
}


@pytest.mark.parametrize(
    ("path", "is_open"),
    [("/api/health", True), ("/metrics", True), ("/metrics/x", False), ("/", False), ("/x/api/", False)],
)
def test_open_paths_are_patterns_and_bad_ones_are_skipped(path: str, is_open: bool) -> None:
    assert embedded.open_to_all(APP, f"https://a.example.org{path}?q=/api/") is is_open


def test_a_login_ends_only_where_it_may() -> None:
    assert embedded.allowed(APP, "https://a.example.org/x") == "https://a.example.org/x"
    assert embedded.allowed(APP, "https://evil.example.net/") == "https://a.example.org"
    domain = {**APP, "mode": "forward_domain", "cookie_domain": "example.org"}
    assert embedded.allowed(domain, "https://b.example.org/x") == "https://b.example.org/x"
    assert embedded.allowed(domain, "https://badexample.org/x") == "https://a.example.org"


def test_the_session_is_a_cookie_of_the_application() -> None:
    assert embedded.cookie("n", "v", APP) == "n=v; Path=/; Max-Age=3601; HttpOnly; Secure; SameSite=Lax"
    wide = {**APP, "cookie_domain": "example.org", "external_host": "http://a.example.org"}
    assert embedded.cookie("n", "v", wide) == "n=v; Path=/; Domain=example.org; Max-Age=3601; HttpOnly; SameSite=Lax"
