# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the original behaves where its API surprises: what is replaced, what is forgotten, what is let through."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import pytest

from lab.authentik import durations, embedded, store
from lab.authentik.proxy import SCOPES
from lab.authentik.tokens import moment
from tests.unit.lab.authentik.conftest import Asked


def test_an_outposts_providers_and_settings_are_replaced(asked: Asked) -> None:
    one, two = (asked.ok("POST", "/providers/proxy/", asked.proxy(name))["pk"] for name in ("one", "two"))
    path = f"/outposts/instances/{asked.embedded()['pk']}/"
    assert asked.ok("PATCH", path, {"providers": [one]})["providers"] == [one]
    assert asked.ok("PATCH", path, {"providers": [two, one, two]})["providers"] == [one, two]
    assert asked.ok("PATCH", path, {"providers": []})["providers"] == []
    assert asked.ok("PATCH", path, {"config": {"unknown": 1}})["config"] == {"unknown": 1}
    openid = asked.ok("POST", "/providers/oauth2/", asked.oauth2("openid"))["pk"]
    shown = asked.ok("PATCH", path, {"providers": [openid]})["providers_obj"]
    assert [(one["component"], one["verbose_name"]) for one in shown] == [("", "provider")]


def test_a_new_outpost_has_its_account_and_token_at_once_and_takes_them_along(asked: Asked) -> None:
    key = asked.ok("POST", "/providers/proxy/", asked.proxy("one"))["pk"]
    made = asked.ok("POST", "/outposts/instances/", {"name": "x", "type": "proxy", "providers": [key], "config": {}})
    token = asked.ok("GET", f"/core/tokens/{made['token_identifier']}/view_key/")["key"]
    assert len(token) == 60
    found = asked.api("GET", "/outposts/instances/", token=token)[1]["results"]
    assert [row["pk"] for row in found] == [made["pk"]]
    assert asked.api("GET", "/outposts/proxy/", token=token)[1]["results"] == []  # it has no application
    asked.ok("POST", "/core/applications/", {"name": "X", "slug": "x", "provider": key})
    served = asked.api("GET", "/outposts/proxy/", token=token)[1]["results"]
    assert [row["external_host"] for row in served] == ["https://one.example.org"]
    assert served[0]["oidc_configuration"]["issuer"].endswith("/application/o/x/")
    assert asked.api("POST", "/core/groups/", {"name": "g"}, token=token)[0] == 403
    asked.ok("DELETE", f"/outposts/instances/{made['pk']}/")
    assert asked.api("GET", f"/core/tokens/{made['token_identifier']}/")[0] == 404


def test_the_embedded_outpost_comes_back_empty_with_the_next_start(asked: Asked) -> None:
    key = asked.ok("POST", "/providers/proxy/", asked.proxy("one"))["pk"]
    old = asked.embedded()["pk"]
    asked.ok("PATCH", f"/outposts/instances/{old}/", {"providers": [key]})
    asked.ok("DELETE", f"/outposts/instances/{old}/")
    listed = "/outposts/instances/"
    assert asked.ok("GET", listed)["results"] == []
    asked.server.start()
    new = asked.embedded()
    assert (new["pk"] != old, new["providers"]) == (True, [])
    assert asked.ok("GET", f"/providers/proxy/{key}/")["outpost_set"] == []


def test_the_outpost_is_late_by_the_time_since_each_write_whoever_asks_for_what(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker tells it of every write, and it loads its settings then (TRIGGER_UPDATE)."""
    now = [100.0]
    for module in (store, embedded):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    asked.server.start()
    asked.server.delays.outpost = 5.0

    def at(moment: float) -> list[bool]:
        """Which hosts are served."""
        now[0] = 100 + moment
        starts = [
            asked.send("GET", "/outpost.goauthentik.io/start", host=f"{name}.example.org") for name in ("one", "two")
        ]
        assert all("no app for hostname" in start.body.decode() for start in starts if start.status == 400)
        return [start.status == 302 for start in starts]

    keys = [asked.ok("POST", "/providers/proxy/", asked.proxy(name))["pk"] for name in ("one", "two", "three")]
    for name, key in zip(("one", "two", "three"), keys, strict=True):
        asked.ok("POST", "/core/applications/", {"name": name, "slug": name, "provider": key})
    path = f"/outposts/instances/{asked.embedded()['pk']}/"
    asked.ok("PATCH", path, {"providers": [keys[0], keys[2]]})
    now[0] = 104
    asked.ok("PATCH", path, {"providers": [keys[1], keys[2]]})
    # Nobody has asked the outpost for anything since the writes, and it has loaded what there was at the time.
    assert at(5.1) == [False, True]
    asked.ok("PATCH", path, {"providers": [keys[0], keys[1], keys[2]]})
    now[0] = 109.9
    asked.ok("PATCH", path, {"providers": [keys[2], keys[1]]})
    assert at(10) == [False, True]
    now[0] = 110.2
    asked.ok("PATCH", path, {"providers": [keys[0], keys[2]]})
    assert at(14.8) == [False, True]
    assert at(15.3) == [True, False]


def test_the_expiry_of_an_api_token_cannot_be_set_and_every_write_renews_it(asked: Asked) -> None:
    asked.ok("POST", "/core/tokens/", {"identifier": "t", "expires": "2099-01-01T00:00:00Z"})

    def left() -> float:
        until = moment(asked.ok("GET", "/core/tokens/t/")["expires"])
        assert until is not None
        return (until - asked.store.clock.now()).total_seconds()

    assert 1790 < left() <= 1800
    asked.faults.clock = 600
    assert 1190 < left() <= 1200
    asked.ok("PATCH", "/core/tokens/t/", {"expires": "2020-01-01T00:00:00Z"})
    assert 1790 < left() <= 1800
    asked.ok("PATCH", "/admin/settings/", {"default_token_duration": "days=1"})
    asked.ok("PATCH", "/core/tokens/t/", {"description": "longer"})
    assert left() > 80000


def test_an_expired_token_gets_another_key(asked: Asked) -> None:
    asked.ok("POST", "/core/tokens/", {"identifier": "t"})
    asked.ok("POST", "/core/tokens/", {"identifier": "kept", "expiring": False})
    key = asked.ok("GET", "/core/tokens/t/view_key/")["key"]
    kept = asked.ok("GET", "/core/tokens/kept/view_key/")["key"]
    assert asked.api("GET", "/core/users/me/", token=key)[0] == 200
    asked.faults.clock = 1900
    assert asked.api("GET", "/core/users/me/", token=key) == (403, {"detail": "Token invalid/expired"})
    assert asked.api("GET", "/core/users/me/", token=kept)[0] == 200
    assert asked.ok("GET", "/core/tokens/t/view_key/")["key"] != key
    assert [event["action"] for event in asked.store.events if event["action"] == "secret_rotate"] == ["secret_rotate"]


def test_an_app_password_becomes_an_api_token_by_a_careless_patch(asked: Asked) -> None:
    asked.ok("POST", "/core/tokens/", {"identifier": "t", "intent": "app_password"})
    assert asked.ok("PATCH", "/core/tokens/t/", {"description": "x"})["intent"] == "api"


def test_every_update_gives_a_proxy_provider_its_mappings_again(asked: Asked) -> None:
    made = asked.ok("POST", "/providers/proxy/", asked.proxy("one", property_mappings=[]))
    assert len(made["property_mappings"]) == len(SCOPES)
    path = f"/providers/proxy/{made['pk']}/"
    again = asked.ok(
        "PATCH", path, {"mode": "forward_single", "property_mappings": [], "external_host": "https://b.test"}
    )
    assert again["property_mappings"] == made["property_mappings"]
    assert again["redirect_uris"][1]["url"] == "https://b.test?X-authentik-auth-callback=true"


def test_a_proxy_provider_is_an_oauth2_provider_too(asked: Asked) -> None:
    made = asked.ok("POST", "/providers/proxy/", asked.proxy("one"))
    assert "client_secret" not in made
    shown = asked.ok("GET", f"/providers/oauth2/{made['pk']}/")
    assert (len(shown["client_secret"]), shown["client_id"]) == (128, made["client_id"])
    assert asked.ok("GET", "/providers/all/")["results"][0]["component"] == "ak-provider-proxy-form"


def test_filters_that_are_none_are_ignored(asked: Asked) -> None:
    for name in ("one", "two"):
        asked.ok("POST", "/providers/proxy/", asked.proxy(name))
    assert asked.ok("GET", "/providers/proxy/?name=one")["pagination"]["count"] == 2
    assert asked.ok("GET", "/providers/proxy/?name__iexact=ONE")["pagination"]["count"] == 1
    assert asked.ok("GET", "/providers/proxy/?search=tw")["pagination"]["count"] == 1
    found = asked.ok("GET", "/providers/proxy/?ordering=-name")["results"]
    assert [row["name"] for row in found] == ["two", "one"]


@pytest.mark.parametrize(
    ("query", "sizes"),
    [("", [20, 5]), ("page_size=500", [25]), ("page_size=10", [10, 10, 5]), ("page_size=0", [20, 5])],
)
def test_pages(asked: Asked, query: str, sizes: list[int]) -> None:
    for number in range(24):
        asked.ok("POST", "/core/groups/", {"name": f"g{number:02}"})
    page, found = 1, []
    while page:
        answer = asked.ok("GET", f"/core/groups/?{query}&page={page}")
        found.append(len(answer["results"]))
        page = answer["pagination"]["next"]
    assert found == sizes
    assert asked.api("GET", f"/core/groups/?{query}&page=9") == (404, {"detail": "Invalid page."})


def test_a_superuser_sees_all_applications_only_when_asking_for_them(asked: Asked) -> None:
    group = asked.ok("POST", "/core/groups/", {"name": "others"})["pk"]
    pk = asked.ok("POST", "/core/applications/", {"name": "A", "slug": "a"})["pk"]
    asked.ok("POST", "/core/applications/", {"name": "B", "slug": "b"})
    asked.ok("POST", "/policies/bindings/", {"target": pk, "group": group, "order": 0})
    some = asked.ok("GET", "/core/applications/")
    assert ([row["slug"] for row in some["results"]], some["pagination"]["count"]) == (["b"], 2)
    # What was shown once is shown again, whatever is asked.
    assert [row["slug"] for row in asked.ok("GET", "/core/applications/?slug=a")["results"]] == ["b"]
    every = asked.ok("GET", "/core/applications/?superuser_full_list=true")
    assert [row["slug"] for row in every["results"]] == ["a", "b"]


def test_equal_bindings_are_two(asked: Asked) -> None:
    pk = asked.ok("POST", "/core/applications/", {"name": "A", "slug": "a"})["pk"]
    for _unused in range(2):
        asked.ok("POST", "/policies/bindings/", {"target": pk, "user": 3, "order": 0})
    assert asked.ok("GET", f"/policies/bindings/?target={pk}")["pagination"]["count"] == 2
    asked.ok("DELETE", "/core/applications/a/")
    assert asked.ok("GET", "/policies/bindings/")["pagination"]["count"] == 0


def test_a_transaction_is_all_or_nothing(asked: Asked) -> None:
    given = {
        "app": {"name": "T", "slug": "t"},
        "provider_model": "authentik_providers_proxy.proxyprovider",
        "provider": asked.proxy("t-proxy"),
        "policy_bindings": [{"order": 0}],
    }
    status, answer = asked.api("PUT", "/core/transactional/applications/", given)
    assert (status, list(answer)) == (400, ["policy_bindings"])
    assert asked.ok("GET", "/providers/all/")["results"] == []
    given["policy_bindings"] = [{"order": 0, "user": 3}]
    assert asked.ok("PUT", "/core/transactional/applications/", given) == {"applied": True, "logs": []}
    assert asked.ok("GET", "/core/applications/t/")["provider_obj"]["name"] == "t-proxy"
    assert asked.ok("GET", "/policies/bindings/")["pagination"]["count"] == 1


def test_a_deleted_flow_takes_its_providers_along(asked: Asked) -> None:
    asked.ok("POST", "/providers/proxy/", asked.proxy("one"))
    slug = "default-provider-invalidation-flow"
    used = asked.ok("GET", f"/flows/instances/{slug}/used_by/")
    assert [(entry["name"], entry["action"]) for entry in used] == [("one", "cascade")]
    asked.ok("DELETE", f"/flows/instances/{slug}/")
    assert asked.ok("GET", "/providers/all/")["results"] == []


def test_somebody_else_writes_at_the_worst_moment(asked: Asked) -> None:
    key = asked.ok("POST", "/providers/proxy/", asked.proxy("one"))["pk"]
    path = f"/outposts/instances/{asked.embedded()['pk']}/"
    asked.faults.lost_update = 1
    assert asked.ok("PATCH", path, {"providers": [key]})["providers"] == [key]
    assert key not in asked.ok("GET", path)["providers"]
    asked.ok("PATCH", path, {"providers": [key]})
    assert asked.ok("GET", path)["providers"] == [key]
    asked.faults.concurrent_attach = 1
    assert asked.ok("GET", path)["providers"] == [key]
    assert len(asked.ok("GET", path)["providers"]) == 2


def test_a_token_that_dies_on_the_way(asked: Asked) -> None:
    asked.faults.token_dead = 2
    statuses = [asked.api("GET", "/core/users/me/")[0] for _unused in range(4)]
    assert statuses == [200, 200, 403, 403]


def test_who_is_connected(asked: Asked) -> None:
    path = f"/outposts/instances/{asked.embedded()['pk']}/health/"
    assert [(one["version_outdated"], one["hostname"]) for one in asked.ok("GET", path)] == [
        (False, "authentik-server")
    ]
    asked.faults.outpost_outdated = True
    assert asked.ok("GET", path)[0]["version_outdated"]
    asked.faults.outpost_down = True
    assert asked.ok("GET", path) == []


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2024.8.3", {"invalidation_flow": False, "jwks_sources": True, "jwt_federation_sources": False}),
        ("2024.10.5", {"invalidation_flow": True, "jwks_sources": True, "jwt_federation_sources": False}),
        ("2024.12.5", {"invalidation_flow": True, "jwks_sources": False, "jwt_federation_sources": True}),
        ("2025.12.4", {"invalidation_flow": True, "jwks_sources": False, "jwt_federation_sources": True}),
    ],
)
def test_providers_of_other_releases(version: str, fields: dict[str, bool]) -> None:
    asked = Asked(version)
    made = asked.ok("POST", "/providers/proxy/", asked.proxy("one"))
    assert {name: name in made for name in fields} == fields
    assert asked.ok("GET", "/admin/version/")["version_current"] == version


@pytest.mark.parametrize(
    ("version", "text"),
    [
        *((version, True) for version in ("2024.8.4", "2024.10.0", "2024.10.2")),
        *((version, False) for version in ("2024.8.5", "2024.10.3", "2025.12.4")),
    ],
)
def test_redirect_uris_were_a_text(version: str, text: bool) -> None:
    asked = Asked(version)
    listed = [{"matching_mode": "strict", "url": "https://d/cb"}]
    forms = {True: "https://d/cb", False: listed}
    assert (
        asked.ok("POST", "/providers/oauth2/", asked.oauth2("a", redirect_uris=forms[text]))["redirect_uris"]
        == forms[text]
    )
    assert asked.api("POST", "/providers/oauth2/", asked.oauth2("b", redirect_uris=forms[not text]))[0] == 400


def test_lists_and_groups_of_other_releases() -> None:
    old, new = Asked("2024.12.5"), Asked("2025.12.4")
    assert "autocomplete" not in old.ok("GET", "/core/groups/")
    assert "autocomplete" in new.ok("GET", "/core/groups/")
    parent = old.ok("POST", "/core/groups/", {"name": "p"})["pk"]
    child = old.ok("POST", "/core/groups/", {"name": "c", "parent": parent})
    assert (child["parent"], child["parent_name"], "parents" in child) == (parent, "p", False)
    parent = new.ok("POST", "/core/groups/", {"name": "p"})["pk"]
    child = new.ok("POST", "/core/groups/", {"name": "c", "parents": [parent], "parent": "ignored"})
    assert (child["parents"], "parent" in child) == ([parent], False)
    assert "kubernetes_httproute_parent_refs" not in old.embedded()["config"]
    assert "key_type" not in old.ok("GET", "/crypto/certificatekeypairs/")["results"][0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("hours=3;minutes=1", 10860),
        ("days=30", 2592000),
        ("seconds=0", 0),
        ("bogus=1;minutes=2", 120),
        ("Weeks=1", 604800),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert durations.parse(text) == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "bogus", "hours", "hours=x", "fortnights=1", "hours=1;"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        durations.parse(text)
