# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Authentik modules against a server: a real one when the environment names it, else the lab's stand-in.

    HOMEOPS_AUTHENTIK_URL=https://authentik.example.org HOMEOPS_AUTHENTIK_TOKEN=... \
        pytest tests/acceptance/test_authentik.py

Everything that is made is called ``homeops-acceptance-...``, belongs to an owner of its own, and is gone at the end;
what else the server holds is compared with what it held before. The tests of this file run in order: every object is
wanted twice, and the second time nothing may change.
"""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.modules import (
    authentik_group,
    authentik_info,
    authentik_outpost,
    authentik_policy_binding,
    authentik_service,
    authentik_token,
)
from tests.harness.authentik import AuthentikServer

MARK = "homeops-acceptance"
CA_FILE = os.environ.get("HOMEOPS_AUTHENTIK_CA_FILE", "")
EMBEDDED = "goauthentik.io/outposts/embedded"
PROXIED = ("longhorn", "grafana", "prometheus", "alertmanager", "dashboard")
COLD, WARM = 25, 8
"""Requests that six services may cost, at first and when nothing changes."""
LISTS = (
    "/providers/all/",
    "/core/applications/?superuser_full_list=true",
    "/outposts/instances/",
    "/core/groups/",
    "/core/tokens/",
    "/policies/bindings/",
)


@dataclass
class Site:
    """A server, and modules run against it as Ansible runs them.

    :param standin: the stand-in, when it is one.
    """

    url: str
    token: str
    standin: AuthentikServer | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    context: ssl.SSLContext = field(default_factory=lambda: ssl.create_default_context(cafile=CA_FILE or None))

    def run(self, module: ModuleType, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module."""
        given = {"url": self.url, "token": self.token, "ca_file": CA_FILE, **options}
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        found: dict[str, Any] = module.run(checked.validated_parameters, Context(check_mode=check, diff_mode=True))
        return found

    def twice(self, module: ModuleType, **options: Any) -> dict[str, Any]:
        """Predict, do, and do again: the prediction is what is done, and the second time nothing changes."""
        predicted = self.run(module, check=True, **options)
        done = self.run(module, **options)
        again = self.run(module, **options)
        assert done["changed"]
        assert (predicted["changed"], predicted["diff"]) == (True, done["diff"])
        assert not again["changed"]
        assert again["diff"] == []
        assert set(again["requests"]) == {"GET"}
        return {**done, "again": again}

    def get(self, path: str) -> Any:
        """Ask the API without the collection's client; None for 404."""
        request = urllib.request.Request(f"{self.url}/api/v3{path}", headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def everything(self) -> dict[str, set[str]]:
        """Return the keys of all that the server holds."""
        found = {}
        for path in LISTS:
            rows, page = [], 1
            while page:
                answer = self.get(f"{path}{'&' if '?' in path else '?'}page_size=100&page={page}")
                rows += answer["results"]
                page = answer["pagination"]["next"]
            found[path] = {str(row["pk"]) for row in rows}
        return found

    def embedded(self) -> dict[str, Any]:
        """Return the embedded outpost."""
        found: dict[str, Any] = self.get(f"/outposts/instances/?managed__iexact={EMBEDDED}")["results"][0]
        return found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    url, token = os.environ.get("HOMEOPS_AUTHENTIK_URL", ""), os.environ.get("HOMEOPS_AUTHENTIK_TOKEN", "")
    if url and token:
        found = Site(url.rstrip("/"), token)
        yield from kept_clean(found)
        return
    with AuthentikServer() as server:
        yield from kept_clean(Site(server.url, server.token, server))


def kept_clean(site: Site) -> Iterator[Site]:
    """Take back whatever a failed test has left, too."""
    remove_all(site)
    site.kept["before"] = site.everything()
    site.kept["providers"] = site.embedded()["providers"]
    yield site
    remove_all(site)


def remove_all(site: Site) -> None:
    slugs = [{"slug": one["slug"]} for one in (*services(), WIKI)]
    site.run(authentik_service, state="absent", owner=MARK, services=slugs, allow_empty=True)
    site.run(authentik_outpost, state="absent", outposts=[{"name": f"{MARK}-outpost"}])
    site.run(authentik_token, state="absent", tokens=[{"identifier": f"{MARK}-token"}])
    site.run(authentik_group, state="absent", groups=[{"name": f"{MARK}-{name}"} for name in ("users", "editors")])


def services() -> list[dict[str, Any]]:
    """Return six services behind the outpost."""
    proxied = [
        {
            "slug": f"{MARK}-{name}",
            "name": f"Acceptance {name}",
            "mode": "proxy",
            "external_host": f"https://{MARK}-{name}.example.org",
            "internal_host": f"http://{name}.{name}.svc.cluster.local:80",
            "groups": [f"{MARK}-users"],
        }
        for name in PROXIED
    ]
    forwarded = {
        "slug": f"{MARK}-hubble",
        "name": "Acceptance hubble",
        "mode": "forward_single",
        "external_host": f"https://{MARK}-hubble.example.org",
    }
    return [*proxied, forwarded]


WIKI: dict[str, Any] = {
    "slug": f"{MARK}-wiki",
    "name": "Acceptance wiki",
    "type": "oauth2",
    "client_id": f"{MARK}-wiki",
    "redirect_uris": [{"url": f"https://{MARK}-wiki.example.org/callback"}],
}


def test_the_server_is_ready_and_of_a_release_that_is_known(site: Site) -> None:
    flows = ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"]
    found = site.run(authentik_info, gather=["outposts", "flows"], wait=True, wait_timeout=60, flows=flows)
    assert found["available"]
    assert found["superuser"]
    assert int(found["version"].partition(".")[0]) >= 2024
    assert {flow["slug"] for flow in found["flows"]} >= set(flows)
    assert any(outpost["managed"] == EMBEDDED for outpost in found["outposts"])


def test_groups(site: Site) -> None:
    groups = [{"name": f"{MARK}-users"}, {"name": f"{MARK}-editors", "attributes": {"made_by": MARK}}]
    site.twice(authentik_group, groups=groups)
    changed = [{"name": f"{MARK}-editors", "attributes": {"made_by": MARK, "more": 1}}]
    site.twice(authentik_group, groups=changed)


def test_six_services_in_one_call(site: Site) -> None:
    done = site.run(authentik_service, owner=MARK, services=services())
    assert done["changed"]
    assert sum(done["requests"].values()) <= COLD, done["requests"]
    again = site.run(authentik_service, owner=MARK, services=services())
    assert not again["changed"]
    assert sum(again["requests"].values()) <= WARM, again["requests"]
    attached = site.embedded()["providers"]
    assert set(site.kept["providers"]) < set(attached)
    assert len(attached) == len(site.kept["providers"]) + 6
    for one in services():
        application = site.get(f"/core/applications/{one['slug']}/")
        assert application["provider_obj"]["name"].startswith(one["slug"])
        assert site.get(f"/providers/proxy/{application['provider']}/")["mode"] == one["mode"]


def test_a_service_that_logs_in_itself(site: Site) -> None:
    done = site.twice(authentik_service, owner=MARK, services=[WIKI])
    provider = site.get(f"/core/applications/{WIKI['slug']}/")["provider"]
    made = site.get(f"/providers/oauth2/{provider}/")
    assert made["redirect_uris"] == [{"matching_mode": "strict", "url": WIKI["redirect_uris"][0]["url"]}]
    assert made["property_mappings"]
    assert made["client_secret"] not in json.dumps(done)
    assert provider not in site.embedded()["providers"]


def test_a_changed_service_is_changed_and_no_other(site: Site) -> None:
    wanted = services()
    wanted[1] = {**wanted[1], "skip_paths": ["^/healthz$"]}
    done = site.twice(authentik_service, owner=MARK, services=wanted)
    touched = {entry["name"] for entry in done["objects"] if entry["action"] != "none"}
    assert len(touched) == 1
    wanted[1] = {**wanted[1], "skip_paths": []}
    site.twice(authentik_service, owner=MARK, services=wanted)


def test_paths_that_open_the_api_are_refused_unless_they_are_named(site: Site) -> None:
    wanted = {**services()[1], "skip_paths": ["^/api/.*$"]}
    with pytest.raises(HomeopsError, match="/api/"):
        site.run(authentik_service, owner=MARK, services=[wanted])


def test_two_claims_of_one_host_are_refused_with_both_owners(site: Site) -> None:
    taken = services()[0]
    other = {**taken, "slug": f"{MARK}-other", "name": "Acceptance other"}
    before = site.everything()
    with pytest.raises(HomeopsError) as caught:
        site.run(authentik_service, owner=MARK, services=[*services(), other])
    assert taken["slug"] in str(caught.value)
    assert other["slug"] in str(caught.value)
    assert site.everything() == before


def test_a_flow_that_does_not_exist_is_named_and_nothing_is_made(site: Site) -> None:
    before = site.everything()
    with pytest.raises(HomeopsError, match="no-such-flow"):
        site.run(authentik_service, owner=MARK, services=[{**services()[0], "authorization_flow": "no-such-flow"}])
    assert site.everything() == before


def test_bindings_are_not_doubled(site: Site) -> None:
    binding = {"application": f"{MARK}-hubble", "group": f"{MARK}-editors"}
    site.twice(authentik_policy_binding, bindings=[binding])
    target = site.get(f"/core/applications/{MARK}-hubble/")["pk"]
    assert site.get(f"/policies/bindings/?target={target}")["pagination"]["count"] == 1


def test_the_embedded_outpost_is_neither_emptied_nor_deleted_by_accident(site: Site) -> None:
    before = site.embedded()
    exact = {"name": "embedded", "providers": [], "membership": "exact"}
    with pytest.raises(HomeopsError):
        site.run(authentik_outpost, outposts=[exact])
    with pytest.raises(HomeopsError):
        site.run(authentik_outpost, state="absent", outposts=[{"name": "embedded"}])
    assert site.embedded() == before


def test_an_outpost_of_ones_own_and_its_settings(site: Site) -> None:
    name = f"{MARK}-outpost"
    provider = site.get(f"/core/applications/{MARK}-hubble/")["provider_obj"]["name"]
    detach = {"name": "embedded", "providers": [provider], "membership": "detach"}
    site.twice(authentik_outpost, outposts=[detach])
    wanted = {"name": name, "providers": [provider], "config": {"authentik_host": "https://login.example.org"}}
    site.twice(authentik_outpost, outposts=[wanted])
    made = site.get(f"/outposts/instances/?name__iexact={name}")["results"][0]
    assert made["config"]["refresh_interval"]
    site.twice(authentik_outpost, outposts=[{**wanted, "config": {"kubernetes_replicas": 2}}])
    again = site.get(f"/outposts/instances/{made['pk']}/")
    assert (again["config"]["authentik_host"], again["config"]["kubernetes_replicas"]) == (
        "https://login.example.org",
        2,
    )
    with pytest.raises(HomeopsError, match="kubernetes_replica"):
        site.run(authentik_outpost, outposts=[{**wanted, "config": {"kubernetes_replica": 2}}])
    found = site.run(authentik_token, tokens=[{"outpost": name}], return_keys=True)
    assert found["tokens"][0]["key"]
    site.run(authentik_outpost, state="absent", outposts=[{"name": name}])
    assert site.get(f"/outposts/instances/{made['pk']}/") is None


def test_a_token_lives_and_is_rotated(site: Site) -> None:
    wanted = {"identifier": f"{MARK}-token", "description": "acceptance"}
    site.twice(authentik_token, tokens=[wanted])
    key = site.run(authentik_token, tokens=[wanted], return_keys=True)["tokens"][0]["key"]
    rotated = site.run(authentik_token, tokens=[wanted], return_keys=True, rotate="always")
    assert rotated["changed"]
    assert rotated["tokens"][0]["key"] != key
    assert key not in json.dumps(rotated["diff"])
    old = Site(site.url, key)
    with pytest.raises(HomeopsError, match=r"(?i)token"):
        old.run(authentik_info, gather=["groups"])


def test_removal_takes_what_was_made_and_nothing_else(site: Site) -> None:
    slugs = [{"slug": one["slug"]} for one in (*services(), WIKI)]
    options: dict[str, Any] = {"state": "absent", "owner": MARK, "services": slugs, "allow_empty": True}
    assert site.run(authentik_service, **options)["changed"]
    assert not site.run(authentik_service, **options)["changed"]
    assert sorted(site.embedded()["providers"]) == sorted(site.kept["providers"])
    remove_all(site)
    assert site.everything() == site.kept["before"]
