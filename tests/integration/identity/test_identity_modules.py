# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Authentik modules against the lab's server, which is held to the real one's answers, faults included."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.authentik.errors import (
    NoPermission,
    TokenRefused,
)
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.modules import (
    authentik_application,
    authentik_group,
    authentik_info,
    authentik_outpost,
    authentik_policy_binding,
    authentik_provider,
    authentik_service,
    authentik_token,
)
from tests.harness.authentik import AuthentikServer

SIX = ("longhorn", "grafana", "prometheus", "alertmanager", "dashboard", "hubble")
RELEASES = ("2024.8.3", "2024.10.5", "2024.12.5", "2025.8.0", "2025.12.4")
ADMINS = "authentik Admins"


def run(server: AuthentikServer, module: ModuleType, ctx: Context | None = None, **options: Any) -> dict[str, Any]:
    spec = module.SPEC["argument_spec"]
    checked = ArgumentSpecValidator(spec).validate({"url": server.url, "token": server.token, **options})
    assert not checked.error_messages, checked.error_messages
    found: dict[str, Any] = module.run(checked.validated_parameters, ctx or Context())
    return found


def twice(server: AuthentikServer, module: ModuleType, **options: Any) -> dict[str, Any]:
    """Predict, do, do again."""
    server.forget()
    predicted = run(server, module, Context(check_mode=True, diff_mode=True), **options)
    assert not server.writes, "a prediction wrote"
    done = run(server, module, Context(diff_mode=True), **options)
    assert predicted["objects"] == done["objects"] and predicted["diff"] == done["diff"]
    server.forget()
    assert not run(server, module, **options)["changed"]
    assert not server.writes, "the second run wrote"
    return done


def service(slug: str, **more: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": slug.title(),
        "mode": "proxy",
        "external_host": f"https://{slug}.test",
        "internal_host": f"http://{slug}.ns.svc.cluster.local:80",
        "groups": [ADMINS],
        **more,
    }


def members(server: AuthentikServer) -> list[str]:
    names = {row["pk"]: row["name"] for row in server.rows("providers")}
    (embedded,) = (row for row in server.rows("outposts") if row["managed"])
    return sorted(names[key] for key in embedded["providers"])


@pytest.fixture
def server() -> Iterator[AuthentikServer]:
    with AuthentikServer() as made:
        yield made


@pytest.mark.parametrize("release", RELEASES)
def test_six_services_in_one_task_of_any_release(release: str) -> None:
    wanted = {"services": [service(slug) for slug in SIX], "exact": True}
    with AuthentikServer(release) as server:
        cold = run(server, authentik_service, **wanted)
        assert len(members(server)) == 6
        if release == RELEASES[-1]:
            assert server.api_requests == sum(cold["requests"].values()) <= 25
        server.forget()
        warm = run(server, authentik_service, **wanted)
        assert not warm["changed"] and not server.writes
        assert server.api_requests <= 8
        twice(server, authentik_service, services=[*wanted["services"][:2], service("wiki")], exact=True)
        assert members(server) == ["grafana-proxy", "longhorn-proxy", "wiki-proxy"]


def test_small_pages_change_nothing() -> None:
    with AuthentikServer(page_size=2) as server:
        twice(server, authentik_service, services=[service(slug) for slug in SIX], exact=True)


def test_every_kind_of_login_and_removal(server: AuthentikServer) -> None:
    before = {table: len(server.rows(table)) for table in ("providers", "applications", "bindings", "groups")}
    oidc = {"slug": "wiki", "type": "oauth2", "client_id": "wiki", "redirect_uris": [{"url": "https://wiki.test/cb"}]}
    forward = service("blog", mode="forward_single", internal_host="", skip_paths=["^/health$"])
    twice(server, authentik_service, services=[{**oidc, "client_secret": "q7-secret"}, forward, service("base")])
    twice(server, authentik_service, services=[service("wiki"), forward, service("base")], exact=True)
    assert members(server) == ["base-proxy", "blog-proxy", "wiki-proxy"]
    twice(server, authentik_service, services=[], exact=True, allow_empty=True)
    assert {table: len(server.rows(table)) for table in before} == before


def test_the_parts(server: AuthentikServer) -> None:
    twice(server, authentik_group, groups=[{"name": "ops", "users": ["akadmin"], "attributes": {"a": {"b": 1}}}])
    twice(
        server,
        authentik_provider,
        providers=[
            {"name": "a", "mode": "forward_single", "external_host": "https://a.test"},
            {"name": "r", "type": "radius", "client_networks": "192.0.2.0/24", "shared_secret": "q7-radius"},
        ],
    )
    twice(server, authentik_application, applications=[{"slug": "a", "provider": "a"}, {"slug": "r", "provider": "r"}])
    twice(server, authentik_policy_binding, bindings=[{"application": "a", "group": "ops"}], exact=True)
    url = {"authentik_host": "https://auth.example.org"}
    twice(
        server,
        authentik_outpost,
        outposts=[
            {"name": "embedded", "providers": ["a"], "config": url},
            {"name": "radius", "type": "radius", "providers": ["r"], "config": url},
        ],
    )
    found = run(server, authentik_token, tokens=[{"outpost": "radius"}], return_keys=True)["tokens"][0]
    assert not found["expiring"] and len(found["key"]) == 60
    twice(server, authentik_token, tokens=[{"identifier": "auto", "key": "q7-" + "k" * 40}])
    with pytest.raises(InputError, match="embedded outpost"):
        run(server, authentik_outpost, outposts=[{"name": "embedded"}], state="absent")
    twice(server, authentik_outpost, outposts=[{"name": "radius", "type": "radius"}], state="absent")


# what goes wrong at home


def test_providers_that_somebody_overwrote_come_back(server: AuthentikServer) -> None:
    wanted = {"services": [service("wiki"), service("blog")]}
    run(server, authentik_service, **wanted)
    (embedded,) = (row["pk"] for row in server.rows("outposts") if row["managed"])
    server.do(lambda: server.server.store.find("outposts", pk=embedded).update(providers=[]))
    assert "empty_outpost" in {one["code"] for one in run(server, authentik_info)["findings"]}
    twice(server, authentik_service, **wanted)
    assert members(server) == ["blog-proxy", "wiki-proxy"]


def test_a_lost_update_is_written_again(server: AuthentikServer) -> None:
    run(server, authentik_service, services=[service("base")])
    server.set_faults(lost_update=1)
    run(server, authentik_service, services=[service("base"), service("wiki")])
    assert set(members(server)) >= {"base-proxy", "wiki-proxy"}


@pytest.mark.parametrize("number", range(int(os.environ.get("HOMEOPS_TEST_RACES", "5"))))
def test_two_runs_at_once_both_end_attached(server: AuthentikServer, number: int) -> None:
    """With HOMEOPS_TEST_RACES=100, a hundred times."""
    run(server, authentik_service, services=[service("base")])
    provider = {"mode": "forward_single"}
    for slug in ("wiki", "blog"):
        run(server, authentik_provider, providers=[{**provider, "name": slug, "external_host": f"https://{slug}.test"}])
    server.set_faults(jitter=0.02)
    failed: list[BaseException] = []

    def attach(name: str) -> None:
        try:
            run(server, authentik_outpost, outposts=[{"name": "embedded", "providers": [name]}])
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    runs = [threading.Thread(target=attach, args=(name,)) for name in ("wiki", "blog")]
    for one in runs:
        one.start()
    for one in runs:
        one.join(60)
    assert failed == []
    assert members(server) == ["base-proxy", "blog", "wiki"]
    assert not [row for row in server.rows("groups") if row["name"].startswith("homeops.cluster turn")]


def test_a_double_host_is_refused_with_both_owners(server: AuthentikServer) -> None:
    provider = {"name": "dup", "mode": "forward_single", "external_host": "https://x.test"}
    run(server, authentik_provider, providers=[provider])
    with pytest.raises(InputError, match="claimed by provider dup and provider x-proxy"):
        run(server, authentik_service, services=[service("x")])


def test_a_token_that_dies_is_named(server: AuthentikServer) -> None:
    server.set_faults(token_dead=3)
    with pytest.raises(TokenRefused, match="Token invalid/expired"):
        run(server, authentik_service, services=[service("wiki")])
    assert server.rows("applications") == []


def test_a_token_that_will_die_is_told_and_kept_alive(server: AuthentikServer) -> None:
    made = run(server, authentik_token, tokens=[{"identifier": "auto", "expiring": True}], return_keys=True)
    assert 1700 < made["tokens"][0]["seconds_left"] <= 1800
    findings = run(server, authentik_info)["findings"]
    assert [one["subject"] for one in findings if one["code"] == "expiring_token"] == ["token auto"]
    mended = run(server, authentik_token, tokens=[{"identifier": "auto"}], return_keys=True)
    assert mended["tokens"][0] == {**made["tokens"][0], "expiring": False, "seconds_left": None}


def test_somebody_without_rights_is_told_so(server: AuthentikServer) -> None:
    server.set_faults(not_superuser=True)
    with pytest.raises((NoPermission, InputError)):
        run(server, authentik_service, services=[service("wiki")])


def test_a_server_that_starts_is_waited_for(server: AuthentikServer) -> None:
    server.set_faults(starting=2, retry_after="0")
    run(server, authentik_service, services=[service("wiki")])
    server.set_faults(starting=3, retry_after="0")
    flows = ["default-provider-authorization-implicit-consent"]
    assert run(server, authentik_info, gather=[], wait=True, flows=flows, wait_timeout=30)["available"]


def test_an_embedded_outpost_that_was_made_anew_is_filled_again(server: AuthentikServer) -> None:
    run(server, authentik_service, services=[service("wiki")])
    run(server, authentik_outpost, outposts=[{"name": "embedded"}], state="absent", allow_embedded=True)
    with pytest.raises(InputError, match="no outpost called embedded"):
        run(server, authentik_service, services=[service("wiki")])
    server.restart()
    twice(server, authentik_service, services=[service("wiki")])
    assert members(server) == ["wiki-proxy"]


def test_an_unhealthy_outpost_is_found(server: AuthentikServer) -> None:
    run(server, authentik_service, services=[service("wiki")])
    run(server, authentik_info, gather=[], connected=["embedded"], wait_timeout=10)
    for fault, told in (("outpost_down", "no process of it is connected"), ("outpost_outdated", "the server")):
        server.set_faults(**{fault: True})
        with pytest.raises(Exception, match=told):
            run(server, authentik_outpost, outposts=[{"name": "embedded"}], wait=True, wait_timeout=0)


def test_open_paths_and_wrong_backends_are_closed_and_mended(server: AuthentikServer) -> None:
    run(server, authentik_service, services=[service("wiki")])
    (row,) = server.rows("providers")
    server.do(
        lambda: server.server.store.find("providers", pk=row["pk"]).update(
            skip_path_regex="^/api/.*$", internal_host="http://wiki.ns.svc.cluster.local:443"
        )
    )
    assert {"open_path", "backend"} <= {one["code"] for one in run(server, authentik_info)["findings"]}
    done = twice(server, authentik_service, services=[service("wiki")])
    assert done["objects"][0]["fields"] == ["internal_host", "skip_path_regex"]


def test_a_renamed_slug_is_mended_and_a_renamed_flow_named(server: AuthentikServer) -> None:
    run(server, authentik_service, services=[service("wiki")])
    server.do(lambda: server.server.store.find("applications", slug="wiki").update(slug="wikipedia"))
    twice(server, authentik_service, services=[service("wiki")])
    with pytest.raises(InputError, match="no flow with the slug default-authorization-flow"):
        run(server, authentik_service, services=[service("wiki")], authorization_flow="default-authorization-flow")
