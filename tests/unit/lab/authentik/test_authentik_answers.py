# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract with the original: every refusal of authentik 2025.12.4 that is known, word for word, and who may ask.

The texts come from recorded answers of a real server and from its source at ``version/2025.12.4``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.authentik.outposts import EMBEDDED_NAME
from tests.unit.lab.authentik.conftest import Asked

NIL = "00000000-0000-0000-0000-000000000000"
Body = Callable[[Asked], Any]


def prepared(asked: Asked) -> None:
    """What the table below refers to."""
    first = asked.ok("POST", "/providers/proxy/", asked.proxy("taken"))
    asked.ok("POST", "/providers/oauth2/", asked.oauth2("openid", client_id="openid"))
    asked.ok("POST", "/core/applications/", {"name": "Taken", "slug": "taken", "provider": first["pk"]})
    asked.ok("POST", "/core/tokens/", {"identifier": "taken"})
    asked.ok("POST", "/core/groups/", {"name": "taken"})


def own(path: str) -> Body:
    """The path with the key of the embedded outpost."""
    return lambda asked: path.replace("{embedded}", asked.embedded()["pk"])


REQUIRED = ["This field is required."]
WHO = "'group', 'policy', 'user'"
TABLE: list[tuple[str, str | Body, Body, Any]] = [
    ("POST", "/providers/proxy/", lambda a: {}, {
        "name": REQUIRED, "authorization_flow": REQUIRED, "invalidation_flow": REQUIRED, "external_host": REQUIRED}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", external_host="x.test"),
        {"external_host": ["Enter a valid URL."]}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", mode="proxy"),
        {"internal_host": ["Internal host cannot be empty when forward auth is disabled."]}),
    ("PATCH", "/providers/proxy/1/", lambda a: {"cookie_domain": "x"},
        {"internal_host": ["Internal host cannot be empty when forward auth is disabled."]}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", mode="bogus"), {"mode": ['"bogus" is not a valid choice.']}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", authorization_flow=NIL),
        {"authorization_flow": [f'Invalid pk "{NIL}" - object does not exist.']}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("taken"), {"name": ["provider with this name already exists."]}),
    ("POST", "/providers/oauth2/", lambda a: a.oauth2("taken"), {"name": ["provider with this name already exists."]}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", access_token_validity="bogus"),
        {"access_token_validity": ["bogus is not in the correct format of 'hours=3;minutes=1'."]}),
    ("POST", "/providers/proxy/", lambda a: a.proxy("x", basic_auth_enabled=True),
        {"basic_auth_enabled": ["User and password attributes must be set when basic auth is enabled."]}),
    ("POST", "/providers/oauth2/", lambda a: a.oauth2("x", redirect_uris="https://d/cb"),
        {"redirect_uris": {"non_field_errors": ['Expected a list of items but got type "str".']}}),
    ("POST", "/providers/oauth2/", lambda a: a.oauth2("x", client_id="openid"),
        {"client_id": ["OAuth2/OpenID Provider with this Client ID already exists."]}),
    ("POST", "/providers/oauth2/", lambda a: a.oauth2("x", redirect_uris=[{"matching_mode": "regex", "url": "("}]),
        {"redirect_uris": ["Invalid Regex Pattern: ("]}),
    ("POST", "/core/applications/", lambda a: {"name": "G", "slug": "bad slug"},
        {"slug": ["Enter a valid \u201cslug\u201d consisting of letters, numbers, underscores or hyphens."]}),
    ("POST", "/core/applications/", lambda a: {"name": "G", "slug": "taken"},
        {"slug": ["Application with this slug already exists."]}),
    ("POST", "/core/applications/", lambda a: {"name": "G", "slug": "g", "provider": 1},
        {"provider": ["Application with this provider already exists."]}),
    ("POST", "/core/applications/", lambda a: {"name": "G", "slug": "token"},
        {"slug": ["The slug 'token' is reserved and cannot be used for applications."]}),
    ("PATCH", own("/outposts/instances/{embedded}/"), lambda a: {"name": "foo"},
        {"name": ["Embedded outpost's name cannot be changed"]}),
    ("POST", "/outposts/instances/", lambda a: {"name": "x", "type": "proxy", "providers": [], "config": {}},
        {"providers": ["This list may not be empty."]}),
    ("PATCH", own("/outposts/instances/{embedded}/"), lambda a: {"providers": [424242]},
        {"providers": ['Invalid pk "424242" - object does not exist.']}),
    ("PATCH", own("/outposts/instances/{embedded}/"), lambda a: {"type": "proxy", "providers": [2]},
        {"providers": ["Outpost type proxy can't be used with OAuth2Provider providers."]}),
    ("PATCH", own("/outposts/instances/{embedded}/"), lambda a: {"config": {"kubernetes_replicas": "two"}},
        {"config": ['Failed to validate config: wrong value type for field "kubernetes_replicas" - should be "int" '
                    'instead of value "two" of type "str"']}),
    ("POST", "/policies/bindings/", lambda a: {"target": target(a), "order": 0},
        {"non_field_errors": [f"One of {WHO} must be set."]}),
    ("POST", "/policies/bindings/", lambda a: {"target": target(a), "order": 0, "user": 3, "group": group(a)},
        {"non_field_errors": [f"Only one of {WHO} can be set."]}),
    ("POST", "/core/tokens/", lambda a: {"identifier": "taken"},
        {"identifier": ["Token with this identifier already exists."]}),
    ("POST", "/core/tokens/", lambda a: {"identifier": "x", "intent": "recovery"},
        {"intent": ["Invalid intent recovery"]}),
    ("PATCH", "/core/tokens/taken/", lambda a: {"user": 2}, {"user": ["User cannot be changed"]}),
    ("PUT", "/core/transactional/applications/", lambda a: {
        "app": {"name": "T", "slug": "taken"}, "provider_model": "authentik_providers_proxy.proxyprovider",
        "provider": {"name": "t"}}, {"app": {"slug": ["Application with this slug already exists."]}}),
    ("POST", "/outposts/service_connections/kubernetes/", lambda a: {"name": "k", "kubeconfig": {}},
        {"kubeconfig": ["You can only use an empty kubeconfig when connecting to a local cluster."]}),
    ("POST", "/outposts/service_connections/kubernetes/", lambda a: {"name": "k", "kubeconfig": {"x": 1}},
        {"kubeconfig": ["Invalid kubeconfig"]}),
    ("POST", "/crypto/certificatekeypairs/", lambda a: {"name": "c", "certificate_data": "x", "key_data": "y"},
        {"certificate_data": ["Unable to load certificate."],
         "key_data": ["Unable to load private key (possibly encrypted?)."]}),
    ("POST", "/core/users/service_account/", lambda a: {"name": "akadmin"},
        {"non_field_errors": ["A user/group with these details already exists"]}),
]  # fmt: skip


def target(asked: Asked) -> str:
    return str(asked.ok("GET", "/core/applications/taken/")["pk"])


def group(asked: Asked) -> str:
    return str(asked.ok("GET", "/core/groups/?name=taken")["results"][0]["pk"])


@pytest.fixture(scope="module")
def ready() -> Asked:
    asked = Asked()
    prepared(asked)
    return asked


@pytest.mark.parametrize("line", TABLE, ids=[f"{n}-{sorted(line[3])[0]}" for n, line in enumerate(TABLE)])
def test_a_wrong_body_is_refused_in_the_originals_words(ready: Asked, line: tuple[str, Any, Body, Any]) -> None:
    method, path, body, answer = line
    before = json.dumps(ready.store.tables, default=str)
    found = ready.api(method, path if isinstance(path, str) else path(ready), body(ready))
    assert found == (400, answer)
    assert json.dumps(ready.store.tables, default=str) == before


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/flows/instances/nope/", "Flow"),
        ("/providers/proxy/999999/", "ProxyProvider"),
        ("/providers/oauth2/999999/", "OAuth2Provider"),
        ("/core/applications/nope/", "Application"),
        (f"/outposts/instances/{NIL}/", "Outpost"),
        ("/core/tokens/nope/", "Token"),
        (f"/core/groups/{NIL}/", "Group"),
    ],
)
def test_what_is_not_there_is_named_by_its_class(ready: Asked, path: str, name: str) -> None:
    assert ready.api("GET", path) == (404, {"detail": f"No {name} matches the given query."})


def test_credentials(asked: Asked) -> None:
    me = "/core/users/me/"
    assert asked.api("GET", me, token="wrong") == (403, {"detail": "Token invalid/expired"})
    missing = (403, {"detail": "Authentication credentials were not provided."})
    assert asked.api("GET", me, token="") == missing
    reply = asked.send("GET", f"/api/v3{me}", token="", authorization="Token the-administrators-token")
    assert (reply.status, json.loads(reply.body)) == missing
    assert asked.send("GET", "/api/v3/root/config/", token="").status == 200
    reply = asked.send("POST", "/api/v3/root/config/")
    assert (reply.status, json.loads(reply.body)) == (405, {"detail": 'Method "POST" not allowed.'})
    asked.faults.not_superuser = True
    assert asked.ok("GET", me)["user"]["is_superuser"] is False
    denied = (403, {"detail": "You do not have permission to perform this action."})
    assert asked.api("GET", "/providers/proxy/") == denied
    assert asked.api("GET", "/admin/version/") == denied


def test_health_and_a_server_that_starts(asked: Asked) -> None:
    for path in ("/-/health/live/", "/-/health/ready/"):
        reply = asked.send("GET", path)
        assert (reply.status, reply.body) == (200, b"")
    asked.faults.starting = 2
    reply = asked.send("GET", "/api/v3/core/users/me/", accept="application/json")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert json.loads(reply.body) == {"error": "authentik starting"}
    assert asked.send("GET", "/api/v3/core/users/me/").body == b"authentik starting"
    asked.faults.crashed = 1
    reply = asked.send("GET", "/api/v3/core/users/me/", accept="application/json")
    assert reply.status == 502
    assert json.loads(reply.body)["error"].startswith("failed to connect to authentik backend: ")
    assert asked.api("GET", "/core/users/me/")[0] == 200


def test_addresses_end_with_a_slash(asked: Asked) -> None:
    reply = asked.send("GET", "/api/v3/core/groups?name=x")
    assert (reply.status, reply.headers["Location"]) == (301, "/api/v3/core/groups/?name=x")
    assert asked.api("GET", "/no/such/thing/")[0] == 404


def test_bodies_that_are_no_objects(asked: Asked) -> None:
    assert asked.api("POST", "/core/groups/", [1]) == (
        400,
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
    )
    assert asked.api("POST", "/core/groups/", b"{")[1]["detail"].startswith("JSON parse error - ")
    wrong = {"name": None, "is_superuser": "maybe", "users": "3", "attributes": []}
    assert asked.api("POST", "/core/groups/", wrong) == (
        400,
        {
            "name": ["This field may not be null."],
            "is_superuser": ["Must be a valid boolean."],
            "users": ['Expected a list of items but got type "str".'],
            "attributes": ["Value must be a dictionary."],
        },
    )
    assert asked.api("POST", "/core/groups/", {"name": " "}) == (400, {"name": ["This field may not be blank."]})


def test_the_embedded_outpost_keeps_its_name(asked: Asked) -> None:
    asked.ok("PATCH", f"/outposts/instances/{asked.embedded()['pk']}/", {"name": EMBEDDED_NAME})
