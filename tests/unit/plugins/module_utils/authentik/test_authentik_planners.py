# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure planners of Authentik: what is compared how, what is refused, what is whose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.authentik import (
    applications,
    audit,
    bindings,
    kinds,
    lint,
    objects,
    outposts,
    providers,
    services,
    tokens,
    version,
)
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.errors import Unsupported, flatten
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from tests.unit.plugins.module_utils.authentik.objects_of_a_server import (
    EMBEDDED,
    FLOW_IN,
    FLOW_OUT,
    MAPPINGS,
    Names,
    application,
    binding,
    outpost,
    proxy,
)

NEW = version.parse("2025.12.4")
FLOWS = {
    "authorization_flow": "default-provider-authorization-implicit-consent",
    "invalidation_flow": "default-provider-invalidation-flow",
}
OWNER = "homeops.cluster"
PROXY = kinds.PROVIDERS["proxy"]


def item(slug: str = "grafana", **more: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": slug.title(),
        "type": "proxy",
        "mode": "proxy",
        "external_host": f"https://{slug}.test",
        "internal_host": f"http://{slug}.ns.svc.cluster.local:80",
        **FLOWS,
        **more,
    }


def service(slug: str = "grafana", policy: services.Policy | None = None, **more: Any) -> services.Service:
    return services.service(item(slug, **more), Names(), NEW, policy or policy_of(), "services[0]", Context())


def policy_of(**more: Any) -> services.Policy:
    return services.Policy(owner=OWNER, **more)


def seen_of(*applications_: dict[str, Any], outposts_: Any = None, proxies: Any = (), found: Any = ()) -> services.Seen:
    return services.Seen({"proxy": list(proxies), "oauth2": []}, applications_, outposts_ or [outpost()], found)


def standing(one: services.Service, pk: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """A provider and an application as the server has them after ``one`` was made."""
    made = {**proxy(pk, "", "", one.slug), **one.provider}
    return made, {**application(one.slug, made), **one.application}


# the engine


def test_what_the_server_adds_is_no_difference() -> None:
    wanted = {"name": "g", "mode": "forward_single", "property_mappings": MAPPINGS[:2]}
    assert not objects.plan(PROXY, wanted, proxy(1, "g", "https://g.test")).changed
    assert not objects.plan(PROXY, {"name": "g", "property_mappings": MAPPINGS[::-1]}, proxy(1, "g", "x")).changed
    more = objects.plan(PROXY, {"name": "g", "property_mappings": ["new"]}, proxy(1, "g", "https://g.test"))
    assert more.body["property_mappings"] == [*MAPPINGS, "new"]


def test_a_patch_always_carries_what_the_server_checks_in_the_body_alone() -> None:
    observed = proxy(1, "g", "https://g.test", internal_host="http://x.svc:80", mode="proxy")
    change = objects.plan(PROXY, {"name": "g", "cookie_domain": "test"}, observed)
    assert change.body == {"cookie_domain": "test", "mode": "proxy", "internal_host": "http://x.svc:80"}
    assert change.fields == ["cookie_domain"]
    token = {"identifier": "t", "intent": "app_password", "description": ""}
    assert objects.plan(kinds.TOKEN, {"identifier": "t", "description": "d"}, token).body == {
        "description": "d",
        "intent": "app_password",
    }


def test_attributes_are_merged_and_sets_have_no_order() -> None:
    observed = {"pk": "1", "name": "ops", "attributes": {"a": {"b": 1}, "c": 2}, "users": [3, 4]}
    change = objects.plan(kinds.GROUP, {"name": "ops", "attributes": {"a": {"d": 5}}, "users": [4, 3]}, observed)
    assert change.body == {"attributes": {"a": {"b": 1, "d": 5}, "c": 2}}


def test_secrets_show_as_changed_and_never_as_they_are() -> None:
    change = objects.plan(
        kinds.PROVIDERS["oauth2"],
        {"name": "d", "client_secret": "new-secret"},
        {"pk": 3, "name": "d", "client_secret": "old"},
    )
    (diff,) = objects.diffs([change])
    assert diff["before"] != diff["after"]
    assert "new-secret" not in str(diff) and "old" not in diff["before"].replace("masked", "")


def test_a_diff_tells_names_and_not_keys() -> None:
    change = objects.plan(kinds.APPLICATION, {"slug": "g", "provider": 7, "policy_engine_mode": "all"}, None)
    (diff,) = objects.diffs([change], {7: "g-proxy", "g": "never"})
    assert "provider: g-proxy" in diff["after"]
    numbers = objects.plan(kinds.BINDING, {"target": "t", "order": 7}, None)
    assert "order: 7" in objects.diffs([numbers], {7: "g-proxy"})[0]["after"]


_SERVICES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True, max_size=5)


@given(_SERVICES, st.lists(st.sampled_from(["g", "h"]), unique=True))
def test_what_stands_as_wanted_is_left_alone(slugs: list[str], groups: list[str]) -> None:
    wanted = [service(slug, groups=groups) for slug in slugs]
    made = [standing(one, number) for number, one in enumerate(wanted, 1)]
    seen = services.Seen(
        {"proxy": [provider for provider, _app in reversed(made)]},
        [app for _provider, app in made],
        [outpost(providers=[provider["pk"] for provider, _app in made])],
        [
            binding(f"{app['slug']}{order}", app["pk"], f"group:{group}", order)
            for _provider, app in made
            for order, group in enumerate(groups)
        ],
    )
    plan = services.plan_services(wanted, seen, policy_of(exact=True), Context())
    assert [change for change in plan.changes if change.changed] == []


# services


def test_a_new_service_is_made_at_once_and_put_on_the_outpost() -> None:
    plan = services.plan_services([service(groups=["ops"])], seen_of(), policy_of(), Context())
    (step,) = plan.steps
    assert step.at_once
    assert step.service.provider["authorization_flow"] == FLOW_IN
    assert step.service.provider["invalidation_flow"] == FLOW_OUT
    assert step.service.provider["skip_path_regex"] == ""
    assert plan.memberships[EMBEDDED].of([9]) == [9, "grafana-proxy"]
    assert [change.kind.title for change in plan.changes] == [
        "proxy provider",
        "application",
        "policy binding",
        "outpost",
    ]


def test_only_what_is_marked_as_ours_goes() -> None:
    old, strange = service("old"), proxy(5, "hand-made", "https://hand.test", "hand")
    provider, app = standing(old, 4)
    foreign = application("hand", strange, meta_publisher="somebody")
    seen = seen_of(app, foreign, proxies=[provider, strange], outposts_=[outpost(providers=[4, 5])])
    plan = services.plan_services([], seen, policy_of(exact=True), Context())
    assert [(change.kind.title, change.name) for change in plan.removals] == [
        ("proxy provider", "old-proxy"),
        ("application", "old"),
    ]
    assert plan.memberships[EMBEDDED].of([4, 5]) == [5]
    assert services.plan_services([], seen, policy_of(), Context()).changes == []


def test_a_provider_of_another_name_survives_its_application() -> None:
    provider = proxy(4, "by-hand", "https://old.test", "old")
    ctx = Context()
    seen = seen_of(application("old", provider, meta_publisher=OWNER), proxies=[provider])
    plan = services.plan_services([], seen, policy_of(exact=True), ctx)
    assert [change.kind.title for change in plan.removals] == ["application"]
    assert "by-hand stays" in ctx.warnings[0]


def test_a_foreign_application_is_refused_until_it_is_adopted() -> None:
    foreign = application("grafana", None, meta_publisher="Terraform")
    with pytest.raises(InputError, match="carries the publisher 'Terraform'"):
        services.plan_services([service()], seen_of(foreign), policy_of(), Context())
    plan = services.plan_services([service()], seen_of(foreign), policy_of(adopt=True), Context())
    assert plan.steps[0].application.body["meta_publisher"] == OWNER


def test_a_renamed_slug_gets_its_name_back() -> None:
    provider, app = standing(service())
    app["slug"] = provider["assigned_application_slug"] = "graf"
    ctx = Context()
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(providers=[1])])
    plan = services.plan_services([service()], seen, policy_of(exact=True), ctx)
    change = plan.steps[0].application
    assert (change.action, change.key, change.body) == ("patch", "graf", {"slug": "grafana"})
    assert plan.removals == []
    assert "graf is grafana under another slug" in ctx.warnings[0]


def test_a_provider_of_a_strangers_application_is_refused_naming_both() -> None:
    provider, _app = standing(service())
    provider["assigned_application_slug"] = "wiki"
    with pytest.raises(InputError, match="grafana-proxy of service grafana belongs to the application wiki"):
        services.plan_services(
            [service()], seen_of(application("wiki", provider), proxies=[provider]), policy_of(), Context()
        )


def test_another_login_replaces_the_provider_and_takes_the_old_one_away() -> None:
    provider, app = standing(service())
    wanted = service(type="oauth2", redirect_uris=[{"url": "https://grafana.test/cb"}])
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(providers=[1, 8])])
    plan = services.plan_services([wanted], seen, policy_of(exact=True), Context())
    (step,) = plan.steps
    assert step.provider.action == "create"
    assert step.provider.body["property_mappings"] == [f"scope mapping:{scope}" for scope in providers.SCOPES]
    assert step.provider.body["signing_key"] == f"certificate:{providers.SIGNING_KEY}"
    assert step.retired is not None and step.retired.name == "grafana-proxy"
    assert plan.memberships[EMBEDDED].of([1, 8]) == [8]


def test_a_service_moves_between_outposts() -> None:
    provider, app = standing(service())
    other = outpost("ext", [7, 1], name="outside", managed=None)
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(), other])
    plan = services.plan_services([service()], seen, policy_of(), Context())
    assert plan.memberships[EMBEDDED].of([]) == [1]
    assert plan.memberships["ext"].of([7, 1]) == [7]
    alone = {**other, "providers": [1]}
    with pytest.raises(InputError, match="outside would lose all of its 1 providers"):
        services.plan_services(
            [service()], seen_of(app, proxies=[provider], outposts_=[outpost(), alone]), policy_of(), Context()
        )


def test_an_external_outpost_is_made_with_its_first_providers() -> None:
    policy = policy_of(external={"outside": {"authentik_host": "https://auth.test"}})
    plan = services.plan_services([service(outpost="outside")], seen_of(), policy, Context())
    (made,) = plan.outposts
    assert (made.action, made.body["providers"]) == ("create", ["grafana-proxy"])
    with pytest.raises(InputError, match="no outpost called outside"):
        services.plan_services([service(outpost="outside")], seen_of(), policy_of(), Context())


def test_the_last_service_needs_a_second_word() -> None:
    provider, app = standing(service())
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(providers=[1])])
    with pytest.raises(InputError, match=r"embedded outpost .* would lose all of its 1 providers"):
        services.plan_services([], seen, policy_of(exact=True), Context())
    assert len(services.plan_services([], seen, policy_of(exact=True, allow_empty=True), Context()).removals) == 2


def test_a_host_is_claimed_once() -> None:
    stranger = proxy(9, "dup-host", "https://GRAFANA.test:443/", "dup")
    with pytest.raises(InputError) as caught:
        services.plan_services([service()], seen_of(proxies=[stranger]), policy_of(), Context())
    assert "Host grafana.test is claimed by provider dup-host (application dup) and provider grafana-proxy" in str(
        caught.value
    )
    with pytest.raises(InputError, match=r"claimed by provider grafana-proxy and provider wiki-proxy"):
        services.plan_services(
            [service(), service("wiki", external_host="https://grafana.test")], seen_of(), policy_of(), Context()
        )


def test_a_host_may_pass_from_a_service_that_goes() -> None:
    old = service("old", external_host="https://grafana.test")
    provider, app = standing(old)
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(providers=[1])])
    plan = services.plan_services([service()], seen, policy_of(exact=True), Context())
    assert [change.name for change in plan.removals] == ["old-proxy", "old"]


def test_a_removal_by_name_takes_nothing_of_others() -> None:
    provider, app = standing(service())
    seen = seen_of(app, application("wiki"), proxies=[provider], outposts_=[outpost(providers=[1, 2])])
    plan = services.plan_removal(["grafana", "never"], seen, policy_of(), Context())
    assert [change.name for change in plan.removals] == ["grafana-proxy", "grafana"]
    with pytest.raises(InputError, match="wiki is there already and carries no publisher"):
        services.plan_removal(["wiki"], seen, policy_of(), Context())


# what is refused before anything is written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"internal_host": "http://dashboard.kd.svc.cluster.local:443"}, "https is spoken; use https://"),
        ({"internal_host": "https://dashboard.kd.svc.cluster.local:80"}, "http is spoken"),
        ({"internal_host": ""}, "internal_host is needed in mode proxy"),
        ({"external_host": "grafana.test"}, "no http:// or https:// address"),
        ({"external_host": "https://grafana.monitoring.svc.cluster.local"}, "name inside the cluster"),
        ({"external_host": "https://grafana.test/login"}, "has a path"),
        ({"skip_paths": ["^/api/.*$"]}, "opens the whole API"),
        ({"skip_paths": [".*"]}, "opens every path"),
        ({"skip_paths": ["^/"], "open_api": True}, "opens every path"),
        ({"skip_paths": ["("]}, "no regular expression"),
        ({"skip_paths": ["^/(?!admin)"]}, "what Go's regular expressions do not have"),
        ({"mode": "forward_domain"}, "cookie_domain is needed"),
        ({"mode": "forward_domain", "cookie_domain": "other.test"}, "not below cookie_domain"),
        ({"basic_auth_enabled": True}, "basic_auth_user_attribute"),
        ({"mode": None}, "needs its mode"),
        ({"slug": "bad slug"}, "no slug"),
        ({"slug": "token"}, "reserved"),
    ],
)
def test_what_an_outpost_would_do_badly_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        services.service({**item(), **change}, Names(), NEW, policy_of(), "services[0]", Context())
    assert "services[0]" in str(caught.value).lower()


def test_a_path_that_is_declared_may_be_open() -> None:
    assert service(skip_paths=["^/api/health$"]).provider["skip_path_regex"] == "^/api/health$"
    assert service(skip_paths=["^/api/"], open_api=True).provider["skip_path_regex"] == "^/api/"


def test_an_open_path_that_nobody_declares_is_closed() -> None:
    provider, app = standing(service())
    provider["skip_path_regex"] = "^/api/.*$"
    seen = seen_of(app, proxies=[provider], outposts_=[outpost(providers=[1])])
    change = services.plan_services([service()], seen, policy_of(), Context()).steps[0].provider
    assert change.fields == ["skip_path_regex"] and change.body["skip_path_regex"] == ""


# releases


@pytest.mark.parametrize(
    ("text", "objects_", "flow"),
    [
        ("2024.8.3", False, False),
        ("2024.8.5", True, False),
        ("2024.10.2", False, True),
        ("2024.10.3", True, True),
        ("2025.12.4", True, True),
        ("2026.2.2-rc1", True, True),
    ],
)
def test_fields_follow_the_release(text: str, objects_: bool, flow: bool) -> None:
    found = version.parse(text)
    body = providers.desired(
        {"name": "d", "type": "oauth2", "redirect_uris": ["https://d.test/cb"], **FLOWS}, Names(), found, "providers[0]"
    )
    assert isinstance(body["redirect_uris"], list) is objects_
    assert ("invalidation_flow" in body) is flow


def test_releases_that_are_too_old_or_none_are_refused() -> None:
    for text in ("2024.6.1", "hello"):
        with pytest.raises(Unsupported):
            version.parse(text)
    assert version.parse("2027.2.0").untested and not version.parse("2026.2.2").untested


# outposts


def test_an_empty_list_is_refused_unless_it_is_meant_twice() -> None:
    with pytest.raises(InputError, match="an empty list replaces the list"):
        outposts.guard_empty(outpost(providers=[1, 2]), outposts.Membership(exact=True))
    outposts.guard_empty(outpost(providers=[1]), outposts.Membership(exact=True, allow_empty=True))
    outposts.guard_empty(outpost(), outposts.Membership(exact=True))
    with pytest.raises(InputError, match="the server keeps no outpost without any"):
        outposts.guard_empty(
            outpost("x", [1], managed=None, name="ext"), outposts.Membership(exact=True, allow_empty=True)
        )


def test_the_embedded_outpost_is_not_deleted_by_one_word() -> None:
    with pytest.raises(InputError, match="is the embedded outpost"):
        outposts.guard_removal(outpost(), allowed=False)
    outposts.guard_removal(outpost(), allowed=True)
    outposts.guard_removal(outpost("x", managed=None), allowed=False)


def test_the_embedded_outpost_is_known_by_its_mark() -> None:
    looks_like = outpost("a", name="my embedded outpost", managed=None)
    real = outpost("b", name="renamed")
    assert outposts.find([looks_like, real], "embedded") is real
    assert outposts.find([looks_like], "embedded") is None


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"error_reporting": True}, "error_reporting is no setting"),
        ({"authentik_hots": "https://a.test"}, "authentik_host is"),
        ({"kubernetes_replicas": "2"}, "kubernetes_replicas is a text, it must be a number"),
        ({"kubernetes_replicas": True}, "true or false, it must be a number"),
        ({"log_level": "loud"}, "none of trace"),
        ({"kubernetes_disabled_components": ["ingres"]}, "no component"),
        ({"authentik_host": "http://authentik-server.authentik.svc.cluster.local"}, "authentik_host .* inside"),
        ({"authentik_host_browser": "authentik.test"}, "authentik_host_browser"),
    ],
)
def test_settings_that_nobody_reads_are_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        outposts.config(config, "outposts[0]", embedded=True)


def test_an_external_outpost_may_find_authentik_inside_the_cluster() -> None:
    inside = {"authentik_host": "http://authentik-server.authentik.svc.cluster.local"}
    assert outposts.config(inside, "outposts[0]") == inside


@given(st.sets(st.integers(1, 9)), st.sets(st.integers(1, 9)), st.sets(st.integers(1, 9)), st.booleans())
def test_membership_settles(current: set[int], attach: set[int], detach: set[int], exact: bool) -> None:
    wanted = outposts.Membership(frozenset(attach), frozenset(detach), exact)
    after = wanted.of(current)
    assert wanted.met(after) and wanted.of(after) == after
    assert attach <= set(after)
    assert exact or current - detach <= set(after)


# bindings


def test_a_group_is_bound_once() -> None:
    observed = [binding("b", "t", "g"), binding("a", "t", "g"), binding("c", "t", "g", 5), binding("d", "x", "g")]
    changes = bindings.plan_target("t", [{"group": "g", "order": 0}], observed)
    assert [(change.action, change.key) for change in changes] == [("none", "a"), ("delete", "b"), ("delete", "c")]
    assert [item["pk"] for item in bindings.surplus(observed)] == ["b", "c"]


def test_exact_bindings_leave_other_subjects_alone() -> None:
    user = {**binding("u", "t", ""), "group": None, "user": 3}
    observed = [binding("a", "t", "g"), user]
    changes = bindings.plan_target("t", [], observed, exact=("group",))
    assert [(change.action, change.key) for change in changes] == [("delete", "a")]
    assert [change.action for change in bindings.plan_target("t", [{"group": "g"}], observed, absent=True)] == [
        "delete"
    ]


# tokens


def test_a_token_tells_what_it_has_left() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    soon = {"expiring": True, "expires": (now + timedelta(minutes=25)).isoformat().replace("+00:00", "Z")}
    assert tokens.life(soon, now).seconds == 1500
    assert tokens.life({**soon, "expiring": False}, now) == tokens.Life(False)
    assert tokens.life({"expiring": True, "expires": "2025-12-31T00:00:00Z"}, now).over
    assert tokens.due("expiring", tokens.life(soon, now), 3600)
    assert not tokens.due("expiring", tokens.Life(False), 3600)
    assert tokens.due("always", tokens.Life(False), 0) and not tokens.due("never", tokens.life(soon, now), 3600)


# the audit


def test_every_fault_of_a_grown_server_is_named() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    world = audit.World(
        proxy=[
            proxy(1, "grafana-proxy", "https://g.test", "grafana", skip_path_regex="^/api/.*$"),
            proxy(2, "dup", "https://g.test", None),
            proxy(3, "dash", "https://d.svc.cluster.local", "dash", mode="proxy", internal_host="http://d.svc:443"),
            proxy(4, "loop", "https://l.test", "loop", authorization_flow="login"),
        ],
        outposts=[
            outpost(providers=[1, 2, 3], config={"error_reporting": 1}),
            outpost("ext", [1], name="ext", managed=None),
        ],
        flows=[
            {"pk": "login", "slug": "default-authentication-flow", "designation": "authentication"},
            {"pk": FLOW_IN, "slug": "in", "designation": "authorization"},
            {"pk": FLOW_OUT, "slug": "out", "designation": "invalidation"},
        ],
        applications=[application("grafana")],
        bindings=[binding("a", "app-grafana", "g"), binding("b", "app-grafana", "g")],
        tokens=[
            {"identifier": "dead", "intent": "api", "expiring": True, "expires": "2025-12-31T00:00:00Z"},
            {"identifier": "dying", "intent": "api", "expiring": True, "expires": "2026-01-01T00:25:00Z"},
            {"identifier": "session", "intent": "recovery", "expiring": True, "expires": "2025-12-31T00:00:00Z"},
        ],
        health={
            EMBEDDED: [],
            "ext": [{"version": "2025.10.1", "version_should": "2025.12.4", "version_outdated": True}],
        },
    )
    found = audit.audit(world, NEW, now)
    assert {finding.code for finding in found} == {
        "doubled_host", "open_path", "no_application", "backend", "external_host", "flow", "no_outpost", "two_outposts",
        "config", "unhealthy", "outdated", "doubled_binding", "expired_token", "expiring_token",
    }  # fmt: skip
    assert [finding.level for finding in found] == sorted(finding.level for finding in found)
    assert "session" not in str([finding.text for finding in found])
    assert "host g.test is claimed by provider dup and provider grafana-proxy (application grafana)" in [
        finding.text for finding in found
    ]


def test_a_right_server_has_no_findings() -> None:
    one = service()
    provider, app = standing(one)
    world = audit.World(
        proxy=[provider],
        applications=[app],
        outposts=[outpost(providers=[1])],
        health={EMBEDDED: [{"version": "2025.12.4", "version_outdated": False}]},
    )
    assert audit.audit(world, NEW, datetime(2026, 1, 1, tzinfo=UTC)) == []


# errors


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"detail": "Token invalid/expired"}, [("", "Token invalid/expired")]),
        ({"name": ["This field is required."]}, [("name", "This field is required.")]),
        ({"redirect_uris": {"non_field_errors": ["Expected a list"]}}, [("redirect_uris", "Expected a list")]),
        ({"app": {"slug": ["exists"]}}, [("app.slug", "exists")]),
    ],
)
def test_error_bodies_are_flattened(body: Any, found: list[tuple[str, str]]) -> None:
    assert list(flatten(body)) == found


def test_hosts_are_compared_as_an_outpost_does() -> None:
    same = {
        lint.host_of(url) for url in ("https://G.test", "https://g.test:443/", "http://g.test:80", "https://g.test/x")
    }
    assert same == {"g.test"}
    assert lint.host_of("https://g.test:8443") == "g.test:8443"
    assert lint.host_of("nonsense") == ""


def test_an_icon_is_left_out_where_the_api_takes_none() -> None:
    ctx = Context()
    body = applications.desired(
        {"slug": "a", "meta_icon": "fa://x"}, version.parse("2025.10.0"), "applications[0]", ctx
    )
    assert "meta_icon" not in body and "takes no icon" in ctx.warnings[0]
    assert (
        applications.desired({"slug": "a", "meta_icon": "fa://x"}, NEW, "applications[0]", ctx)["meta_icon"] == "fa://x"
    )
