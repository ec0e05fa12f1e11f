# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Authentik modules against an API over real HTTP: predictions, second runs, traffic, removals."""

from __future__ import annotations

import copy
import os
import random
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.authentik import membership, options
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.errors import AuthentikError, TokenRefused
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
from tests.unit.plugins.module_utils.authentik import objects_of_a_server as shapes
from tests.unit.plugins.module_utils.authentik.api_double import OAUTH2, PROXY, RADIUS, TOKEN, Double, serving

SIX = ("longhorn", "grafana", "prometheus", "alertmanager", "dashboard", "hubble")


class Server:
    """A double, and modules run against it as Ansible runs them."""

    def __init__(self, double: Double, connection: dict[str, Any]) -> None:
        self.double, self.connection = double, connection

    def run(self, module: ModuleType, check: bool = False, **options: Any) -> dict[str, Any]:
        spec = module.SPEC["argument_spec"]
        checked = ArgumentSpecValidator(spec).validate({**self.connection, **options})
        assert not checked.error_messages, checked.error_messages
        self.ctx = Context(check_mode=check, diff_mode=True)
        found: dict[str, Any] = module.run(checked.validated_parameters, self.ctx)
        return found

    def both(self, module: ModuleType, **options: Any) -> dict[str, Any]:
        """Predict, do, do again: the prediction is true and the second run writes nothing."""
        before = copy.deepcopy(self.double.store)
        predicted = self.run(module, check=True, **options)
        assert self.double.store == before, "a prediction wrote"
        done = self.run(module, **options)
        assert predicted["objects"] == done["objects"] and predicted["diff"] == done["diff"]
        again = self.run(module, **options)
        assert not again["changed"] and again["diff"] == []
        assert set(again["requests"]) == {"GET"}, again["requests"]
        return done


@pytest.fixture
def server() -> Iterator[Server]:
    double = Double()
    with serving(double) as connection:
        yield Server(double, connection)


def service(slug: str, **more: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": slug.title(),
        "mode": "proxy",
        "external_host": f"https://{slug}.test",
        "internal_host": f"http://{slug}.ns.svc.cluster.local:80",
        "groups": [],
        **more,
    }


def names(double: Double, kind: str, field: str = "name") -> list[str]:
    return sorted(item[field] for item in double.store[kind])


# services


def test_six_services_in_one_task(server: Server) -> None:
    options = {"services": [service(slug, groups=["authentik Admins"]) for slug in SIX], "exact": True}
    cold = server.run(authentik_service, **options)
    assert sum(cold["requests"].values()) <= 25
    assert cold["summary"]["create"] == 18
    (embedded,) = server.double.store["outposts/instances"]
    assert len(embedded["providers"]) == 6
    assert names(server.double, "core/groups") == ["authentik Admins"]
    warm = server.run(authentik_service, **options)
    assert not warm["changed"] and sum(warm["requests"].values()) <= 8
    assert set(warm["requests"]) == {"GET"}


def test_a_prediction_is_what_is_done(server: Server) -> None:
    done = server.both(authentik_service, services=[service("wiki", groups=["authentik Admins"]), service("blog")])
    assert {entry["action"] for entry in done["objects"]} == {"create", "patch"}
    assert "authentik Admins" in str(done["diff"])
    server.both(authentik_service, services=[service("wiki", internal_host="http://other.ns.svc.cluster.local:81")])


def test_a_service_that_is_gone_takes_what_it_made_and_nothing_else(server: Server) -> None:
    double = server.double
    double._create(PROXY, {"name": "by-hand", "external_host": "https://hand.test", "internal_host": "http://h.svc:80"})
    double.store["outposts/instances"][0]["providers"] = [1]
    double._create("core/applications", {"slug": "hand", "name": "Hand", "provider": 1})
    double._create("policies/bindings", {"group": "admins", "target": double.store["core/applications"][0]["pk"]})
    before = copy.deepcopy(double.store)
    server.run(authentik_service, services=[service("wiki", groups=["authentik Admins"])], exact=True)
    server.both(authentik_service, services=[], exact=True)
    assert double.store == before


def test_a_removal_by_slug(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki"), service("blog")])
    server.both(authentik_service, services=[{"slug": "wiki"}], state="absent")
    assert names(server.double, "core/applications", "slug") == ["blog"]
    with pytest.raises(InputError, match="would lose all of its 1 providers"):
        server.run(authentik_service, services=[{"slug": "blog"}], state="absent")
    server.both(authentik_service, services=[{"slug": "blog"}], state="absent", allow_empty=True)


def test_a_login_of_its_own_and_back(server: Server) -> None:
    oidc = {"slug": "wiki", "type": "oauth2", "client_id": "wiki", "redirect_uris": [{"url": "https://wiki.test/cb"}]}
    server.run(authentik_service, services=[service("wiki"), service("blog")])
    server.both(authentik_service, services=[{**oidc, "client_secret": "q7-secret"}, service("blog")], exact=True)
    assert names(server.double, PROXY) == ["blog-proxy"] and names(server.double, OAUTH2) == ["wiki-oidc"]
    (made,) = server.double.store[OAUTH2]
    assert made["signing_key"] == "cert" and len(made["property_mappings"]) == 3
    back = server.both(authentik_service, services=[service("wiki"), service("blog")], exact=True)
    assert names(server.double, OAUTH2) == []
    assert "q7-secret" not in str(back)


def outline(double: Double) -> Any:
    """What is there, without keys: providers, applications with their provider, bindings, members, groups."""
    provider = {one["pk"]: one["name"] for kind in (PROXY, OAUTH2) for one in double.store[kind]}
    app = {one["pk"]: (one["slug"], provider.get(one["provider"])) for one in double.store["core/applications"]}
    return (
        sorted(provider.values()),
        sorted(app.values()),
        sorted((app[one["target"]], one["group"]) for one in double.store["policies/bindings"]),
        sorted(provider[key] for key in double.store["outposts/instances"][0]["providers"]),
        # A turn that could not be given back has no rights and is taken over by the next change.
        [name for name in names(double, "core/groups") if not name.startswith("homeops.cluster turn")],
    )


@pytest.mark.parametrize("late", [False, True], ids=["not carried out", "answer lost"])
def test_a_run_that_is_cut_short_anywhere_is_taken_up_again(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "ABANDONED", 0.1)
    before = [service("wiki"), service("old"), service("blog", groups=["authentik Admins"])]
    oidc = {"slug": "wiki", "type": "oauth2", "redirect_uris": [{"url": "https://wiki.test/cb"}], "groups": []}
    after = {"services": [oidc, service("blog"), service("new", groups=["authentik Admins"])], "exact": True}
    wanted: Any = None
    for number in range(100):
        double = Double()
        with serving(double) as connection:
            server = Server(double, connection)
            server.run(authentik_service, services=before)
            sofar = len(double.requests)
            if number:
                double.failing = (sofar + number, late)
                try:
                    server.run(authentik_service, **after)
                except AuthentikError as error:
                    assert error.status == 500
                double.failing = (0, False)
                if len(double.requests) < sofar + number:
                    assert number > 20
                    return
            server.run(authentik_service, **after)
            wanted = wanted or outline(double)
            assert outline(double) == wanted, f"cut short at request {number}"
    raise AssertionError("no run has ended")


def test_a_slug_that_somebody_renamed_is_mended(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")], exact=True)
    server.double.store["core/applications"][0]["slug"] = "wikipedia"
    server.both(authentik_service, services=[service("wiki")], exact=True)
    assert names(server.double, "core/applications", "slug") == ["wiki"]


def test_a_flow_that_somebody_renamed_is_named(server: Server) -> None:
    server.double.store["flows/instances"][0]["slug"] = "consent"
    with pytest.raises(InputError, match=r"no flow with the slug default-provider-authorization.*Flows .* are consent"):
        server.run(authentik_service, services=[service("wiki")])
    with pytest.raises(InputError, match="is for authentication, not for authorization"):
        server.run(authentik_service, services=[service("wiki")], authorization_flow="default-authentication-flow")


def test_an_empty_provider_list_is_filled_again(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")])
    server.double.store["outposts/instances"][0]["providers"] = []
    done = server.both(authentik_service, services=[service("wiki")])
    assert [entry["kind"] for entry in done["objects"] if entry["action"] != "none"] == ["outpost"]


def test_a_double_host_changes_nothing(server: Server) -> None:
    server.double._create(
        PROXY, {"name": "dup", "external_host": "https://wiki.test", "internal_host": "http://d.svc:80"}
    )
    before = copy.deepcopy(server.double.store)
    with pytest.raises(InputError, match=r"Host wiki\.test is claimed by provider dup and provider wiki-proxy"):
        server.run(authentik_service, services=[service("blog"), service("wiki")])
    assert server.double.store == before


def test_an_expired_token_is_named_at_once(server: Server) -> None:
    server.double.keys.clear()
    with pytest.raises(TokenRefused, match="it has expired") as caught:
        server.run(authentik_service, services=[service("wiki")])
    assert caught.value.param == "token" and TOKEN not in str(caught.value)
    assert len(server.double.requests) == 1


def test_an_open_path_and_a_wrong_backend_are_mended(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")])
    server.double.store[PROXY][0].update(skip_path_regex="^/api/.*$", internal_host="http://wiki.ns.svc:443")
    found = server.run(authentik_info)["findings"]
    assert {"open_path", "backend"} <= {finding["code"] for finding in found}
    done = server.both(authentik_service, services=[service("wiki")])
    assert done["objects"][0]["fields"] == ["internal_host", "skip_path_regex"]
    codes = {finding["code"] for finding in server.run(authentik_info)["findings"]}
    assert not {"open_path", "backend"} & codes


def test_groups_that_would_only_be_made_are_taken_as_made_in_a_prediction(server: Server) -> None:
    options = {"services": [service("wiki", groups=["new"])], "assume_groups": ["new"]}
    assert server.run(authentik_service, check=True, **options)["changed"]
    with pytest.raises(InputError, match="no group called new"):
        server.run(authentik_service, **options)


def test_an_older_release_gets_its_own_fields(server: Server) -> None:
    server.double.version = "2024.8.3"
    server.run(authentik_service, services=[service("wiki", groups=["authentik Admins"])])
    (binding,) = server.double.store["policies/bindings"]
    assert binding["target"] == server.double.store["core/applications"][0]["pk"]
    server.double.version = "2024.6.0"
    with pytest.raises(AuthentikError, match=r"older than 2024\.8"):
        server.run(authentik_service, services=[service("wiki")])


def test_an_external_outpost_comes_with_its_first_service(server: Server) -> None:
    options = {
        "services": [service("wiki", outpost="outside"), service("blog")],
        "external_outposts": [{"name": "outside", "config": {"authentik_host": "https://auth.test"}}],
    }
    server.both(authentik_service, **options)
    outside = server.double.store["outposts/instances"][1]
    assert outside["config"]["authentik_host"] == "https://auth.test" and outside["config"]["log_level"] == "info"
    assert len(outside["providers"]) == 1


@pytest.mark.parametrize("number", range(int(os.environ.get("HOMEOPS_TEST_RACES", "5"))))
def test_two_runs_at_once_both_end_attached(server: Server, number: int) -> None:
    """With HOMEOPS_TEST_RACES=100, a hundred times."""
    chance = random.Random(number)
    server.run(authentik_service, services=[service("base")])
    for slug in ("wiki", "blog"):
        provider = {"name": slug, "mode": "forward_single", "external_host": f"https://{slug}.test"}
        server.run(authentik_provider, providers=[provider])
    server.double.delay = lambda: chance.random() * 0.02
    failed: list[BaseException] = []

    def attach(name: str) -> None:
        try:
            Server(server.double, server.connection).run(
                authentik_outpost, outposts=[{"name": "embedded", "providers": [name]}]
            )
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    runs = [threading.Thread(target=attach, args=(name,)) for name in ("wiki", "blog")]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert failed == []
    assert len(server.double.store["outposts/instances"][0]["providers"]) == 3
    assert names(server.double, "core/groups") == ["authentik Admins"]


# the parts


def test_providers_of_every_type(server: Server) -> None:
    server.both(
        authentik_provider,
        providers=[
            {"name": "a", "mode": "forward_single", "external_host": "https://a.test/"},
            {"name": "b", "type": "oauth2", "redirect_uris": [{"url": "https://b.test"}], "client_secret": "q7-s"},
            {
                "name": "r",
                "type": "radius",
                "client_networks": "192.0.2.0/24",
                "shared_secret": "q7-r",
                "settings": {"mfa_support": True},
            },
        ],
    )
    assert server.double.store[RADIUS][0]["authorization_flow"] == shapes.FLOW_LOGIN
    changed = server.both(authentik_provider, providers=[{"name": "r", "type": "radius", "shared_secret": "q7-new"}])
    assert "q7" not in str(changed) and changed["objects"][0]["fields"] == ["shared_secret"]


def test_a_provider_that_an_outpost_needs_stays(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")])
    with pytest.raises(InputError, match="would lose all of its 1 providers"):
        server.run(authentik_provider, providers=[{"name": "wiki-proxy"}], state="absent")
    server.both(authentik_provider, providers=[{"name": "wiki-proxy"}], state="absent", allow_empty=True)


def test_applications(server: Server) -> None:
    server.run(
        authentik_provider, providers=[{"name": "a", "mode": "forward_single", "external_host": "https://a.test"}]
    )
    server.both(authentik_application, applications=[{"slug": "a", "provider": "a", "meta_description": "d"}])
    with pytest.raises(InputError, match="a is the provider of application a"):
        server.run(authentik_application, applications=[{"slug": "b", "provider": "a"}])
    server.both(authentik_application, applications=[{"slug": "a", "provider": ""}])
    server.both(authentik_application, applications=[{"slug": "a"}], state="absent")


def test_groups(server: Server) -> None:
    server.both(
        authentik_group, groups=[{"name": "ops", "users": ["akadmin"]}, {"name": "dev", "attributes": {"a": {"b": 1}}}]
    )
    server.both(authentik_group, groups=[{"name": "dev", "parents": ["ops"], "attributes": {"a": {"c": 2}}}])
    assert server.double.store["core/groups"][2]["attributes"] == {"a": {"b": 1, "c": 2}}
    with pytest.raises(InputError, match=r"no user called akadmln.*Did you mean akadmin"):
        server.run(authentik_group, groups=[{"name": "dev", "users": ["akadmln"]}])
    server.both(authentik_group, groups=[{"name": "dev"}], state="absent")


def test_bindings_are_there_once(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki", groups=None)])
    (app,) = server.double.store["core/applications"]
    for _number in range(3):
        server.double._create("policies/bindings", {"group": "admins", "target": app["pk"], "order": 0})
    wanted = [{"application": "wiki", "group": "authentik Admins"}]
    done = server.both(authentik_policy_binding, bindings=wanted)
    assert done["summary"] == {"none": 1, "delete": 2}
    server.both(authentik_policy_binding, bindings=[{"application": "wiki", "user": "akadmin"}], exact=True)
    flow = {"flow": "default-provider-invalidation-flow", "group": "authentik Admins"}
    server.both(authentik_policy_binding, bindings=[flow])
    assert server.double.store["policies/bindings"][-1]["target"] == f"{shapes.FLOW_OUT}-target"
    server.both(authentik_policy_binding, bindings=[flow], state="absent")


def test_outposts(server: Server) -> None:
    double = server.double
    server.run(authentik_service, services=[service("wiki"), service("blog")])
    url = {"authentik_host": "https://auth.example.org"}
    done = server.both(authentik_outpost, outposts=[{"name": "embedded", "config": url}])
    assert done["objects"][0]["fields"] == ["config"]
    assert double.store["outposts/instances"][0]["config"]["log_level"] == "warning"
    server.both(authentik_outpost, outposts=[{"name": "embedded", "providers": ["blog-proxy"], "membership": "detach"}])
    server.both(authentik_outpost, outposts=[{"name": "ext", "providers": ["blog-proxy"], "config": url}])
    server.both(authentik_outpost, outposts=[{"name": "embedded", "providers": ["blog-proxy"], "membership": "exact"}])
    for wanted in ({"providers": [], "membership": "exact"}, {"providers": ["blog-proxy"], "membership": "detach"}):
        with pytest.raises(InputError, match="would lose all"):
            server.run(authentik_outpost, outposts=[{"name": "embedded", **wanted}])
    with pytest.raises(InputError, match="the embedded outpost"):
        server.run(authentik_outpost, outposts=[{"name": "embedded"}], state="absent")
    server.both(authentik_outpost, outposts=[{"name": "ext"}], state="absent")


def test_an_outpost_serves_its_own_type_only(server: Server) -> None:
    server.run(authentik_provider, providers=[{"name": "b", "type": "oauth2"}])
    with pytest.raises(InputError, match="b is of type oauth2, and an outpost of type proxy does not serve it"):
        server.run(authentik_outpost, outposts=[{"name": "embedded", "providers": ["b"]}])
    with pytest.raises(InputError, match="no setting of an outpost"):
        server.run(authentik_outpost, outposts=[{"name": "embedded", "config": {"error_reporting": True}}])


def test_an_unhealthy_outpost_is_found_and_waited_for(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")])
    found = server.run(authentik_info)["findings"]
    assert "no process of it is connected" in str([one["text"] for one in found if one["code"] == "unhealthy"])
    with pytest.raises(Exception, match="authentik Embedded Outpost: no process of it is connected"):
        server.run(authentik_outpost, outposts=[{"name": "embedded"}], wait=True, wait_timeout=0)
    with pytest.raises(AuthentikError, match="no process of it is connected"):
        server.run(authentik_info, fail_on="error")
    server.double.health[shapes.EMBEDDED] = [{"version": "2025.12.4", "version_outdated": False}]
    server.run(authentik_outpost, outposts=[{"name": "embedded"}], wait=True, wait_timeout=0)
    server.run(authentik_info, fail_on="error", connected=["embedded"])


def test_tokens(server: Server) -> None:
    double = server.double
    server.both(authentik_token, tokens=[{"identifier": "auto", "description": "d"}])
    made = server.run(authentik_token, tokens=[{"identifier": "auto"}], return_keys=True)
    assert made["tokens"][0]["key"] == double.token_keys["auto"]
    assert made["tokens"][0]["seconds_left"] is None and not made["tokens"][0]["expiring"]
    done = server.both(authentik_token, tokens=[{"identifier": "auto", "key": "q7-given"}])
    assert double.token_keys["auto"] == "q7-given" and "q7-given" not in str(done["diff"])
    rotated = server.run(authentik_token, tokens=[{"identifier": "auto"}], rotate="always", return_keys=True)
    assert rotated["changed"] and rotated["tokens"][0]["key"] == double.token_keys["auto"] != "q7-given"
    assert len(double.token_keys["auto"]) == 60 and double.token_keys["auto"] not in str(rotated["diff"])
    double.store["core/tokens"][0]["expiring"] = True
    dead = server.run(authentik_token, tokens=[{"identifier": "auto", "expiring": True}])
    assert dead["tokens"][0]["expired"] and "has expired" in server.ctx.warnings[0]
    assert server.run(authentik_token, tokens=[{"identifier": "auto", "expiring": True}], rotate="expiring")["changed"]
    server.both(authentik_token, tokens=[{"identifier": "auto"}], state="absent")


def test_the_token_of_an_outpost(server: Server) -> None:
    server.run(authentik_service, services=[service("wiki")])
    server.run(authentik_outpost, outposts=[{"name": "ext", "providers": ["wiki-proxy"]}])
    found = server.run(authentik_token, tokens=[{"outpost": "ext"}], return_keys=True)["tokens"][0]
    assert found["key"] == server.double.token_keys[found["identifier"]]
    with pytest.raises(InputError, match="goes with the outpost only"):
        server.run(authentik_token, tokens=[{"outpost": "ext"}], state="absent")


def test_info_shows_no_secret(server: Server) -> None:
    server.run(authentik_provider, providers=[{"name": "b", "type": "oauth2", "client_secret": "q7-s"}])
    server.run(authentik_token, tokens=[{"identifier": "auto"}])
    every = ["findings", "providers", "applications", "outposts", "bindings", "flows", "groups", "tokens"]
    found = server.run(authentik_info, gather=every, wait=True, flows=["default-provider-invalidation-flow"])
    assert found["version"] == "2025.12.4" and found["user"] == "akadmin" and found["superuser"]
    assert found["providers"][0]["name"] == "b" and "q7-s" not in str(found)
    assert server.double.token_keys["auto"] not in str(found)


def test_a_server_that_is_not_there_yet_is_tolerated_where_that_is_said() -> None:
    with serving(Double()) as connection:
        pass
    gone = Server(Double(), connection)
    assert gone.run(authentik_info, tolerate_absent=True)["available"] is False
    with pytest.raises(Exception, match="the state is still: connection refused"):
        gone.run(authentik_info, wait=True, wait_timeout=0)


@pytest.mark.parametrize(
    ("shared", "one", "other"),
    [
        (options.PROVIDER, (authentik_provider, "providers"), (authentik_service, "services")),
        (options.APPLICATION, (authentik_application, "applications"), (authentik_service, "services")),
    ],
)
def test_options_that_two_modules_share_read_the_same(
    shared: dict[str, Any], one: tuple[ModuleType, str], other: tuple[ModuleType, str]
) -> None:
    """Ansible cannot lend the options of a list's elements, so what is written twice is held together here."""

    def told(module: ModuleType, key: str) -> dict[str, Any]:
        text = module.DOCUMENTATION.replace(f"O({key}[]", "O(list[]")
        written = yaml.safe_load(text)["options"][key]["suboptions"]
        return {name: written[name] for name in shared}

    assert told(*one) == told(*other)
