# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a browser's request to a service or the login: what ingress-nginx and the outposts answer on the way."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.web.pages import HTTP_TO_HTTPS
from tests.harness import web
from tests.harness.web import IDENTITY, LOGIN, WebDoors, ingress, service, workload

GRAFANA = "grafana.k8s.home.geoffdavis.com"
OUTPOST = "/outpost.goauthentik.io"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDoors]:
    with WebDoors(tmp_path_factory.mktemp("web"), "127.94") as doors:
        doors.platform()
        doors.api("PATCH", f"/outposts/instances/{outpost(doors)['pk']}/", {"config": config(doors)})
        yield doors


@pytest.fixture
def doors(shared: WebDoors) -> Iterator[WebDoors]:
    """The doors without services and providers."""
    yield shared
    shared.scenario.faults.web.refused.clear()
    shared.scenario.faults.web.timeout.clear()
    for name, value in vars(type(shared.scenario.faults.authentik)()).items():
        setattr(shared.scenario.faults.authentik, name, value)
    for provider in shared.api("GET", "/providers/all/")["results"]:
        shared.api("DELETE", f"/providers/all/{provider['pk']}/")
    for application in shared.api("GET", "/core/applications/?superuser_full_list=true")["results"]:
        shared.api("DELETE", f"/core/applications/{application['slug']}/")
    for plural in ("ingresses", "services", "pods", "deployments", "secrets", "configmaps"):
        listed = shared.objects.get(plural)
        for namespace, name in list(listed.objects) if listed else ():
            if namespace in ("monitoring", "dash", "authentik-proxy") or name not in KEPT:
                shared.drop(plural, namespace, name)


KEPT = (
    *("ingress", "ingress-1", "authentik", "authentik-server", "authentik-server-1", "authentik-worker"),
    "authentik-worker-1",
)


def outpost(doors: WebDoors) -> Any:
    query = "managed__iexact=goauthentik.io/outposts/embedded"
    return doors.api("GET", f"/outposts/instances/?{query}")["results"][0]


def config(doors: WebDoors) -> Any:
    return {**outpost(doors)["config"], "authentik_host": f"https://{LOGIN}"}


def protect(
    doors: WebDoors, name: str, host: str, *, attach: bool = True, application: bool = True, **fields: Any
) -> int:
    """Make a proxy provider with its application, on the embedded outpost."""
    flows = {f["slug"]: f["pk"] for f in doors.api("GET", "/flows/instances/")["results"]}
    body = {
        "name": f"{name}-proxy",
        "authorization_flow": flows["default-provider-authorization-implicit-consent"],
        "invalidation_flow": flows["default-provider-invalidation-flow"],
        "external_host": f"https://{host}",
        "mode": "proxy",
        "internal_host": "http://grafana.monitoring.svc.cluster.local:80",
        **fields,
    }
    provider = doors.api("POST", "/providers/proxy/", body)["pk"]
    if application:
        doors.api("POST", "/core/applications/", {"name": name, "slug": name, "provider": provider})
    if attach:
        found = outpost(doors)
        doors.api("PATCH", f"/outposts/instances/{found['pk']}/", {"providers": [*found["providers"], provider]})
    return int(provider)


def grafana(doors: WebDoors, port: int = 80, target: int = 3000) -> None:
    doors.put(
        *workload("monitoring", "grafana", "docker.io/grafana/grafana:12.0.0", {"grafana": 3000}),
        service("monitoring", "grafana", {port: target}),
    )


# -- the ingress controller --------------------------------------------------------------------------------------------
def test_a_service_answers_on_its_host_and_nobody_on_others(doors: WebDoors) -> None:
    grafana(doors)
    doors.put(ingress("monitoring", "grafana", GRAFANA, "grafana", 80))
    page = doors.get(GRAFANA, "/d/home")
    assert (page.status, page.headers["x-lab-service"]) == (200, "monitoring/grafana")
    assert "<h1>grafana.monitoring:80</h1>" in page.text
    assert doors.get("nobody.example.org").status == 404
    plain = doors.get(GRAFANA, "/d/home?x=1", secure=False)
    assert (plain.status, plain.location) == (308, f"https://{GRAFANA}/d/home?x=1")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("no service", 503), ("no port", 503), ("no pod", 503), ("no listener", 502), ("refused", 502), ("timeout", 504)],
)
def test_without_a_backend_nginx_answers_itself(doors: WebDoors, kind: str, status: int) -> None:
    doors.put(ingress("monitoring", "grafana", GRAFANA, "grafana", 81 if kind == "no port" else 80))
    if kind != "no service":
        grafana(doors, target=4000 if kind == "no listener" else 3000)
    if kind == "no pod":
        doors.drop("pods", "monitoring", "grafana-1")
    if kind in ("refused", "timeout"):
        getattr(doors.scenario.faults.web, kind).append("monitoring/grafana")
    page = doors.get(GRAFANA)
    assert page.status == status
    assert f"<title>{status} " in page.text


def test_scheme_and_port_must_fit(doors: WebDoors) -> None:
    host = "dashboard.k8s.home.geoffdavis.com"
    doors.put(
        *workload("dash", "kong", "docker.io/library/kong:3.9", {"proxy-tls": 8443, "proxy": 8000}),
        service("dash", "kong", {443: 8443, 80: 8000}),
        ingress("dash", "dashboard", host, "kong", 443),
    )
    page = doors.get(host)
    assert (page.status, HTTP_TO_HTTPS in page.text) == (400, True)
    doors.put(ingress("dash", "dashboard", host, "kong", 443, backend_protocol="HTTPS"))
    assert doors.get(host).status == 200
    doors.put(ingress("dash", "dashboard", host, "kong", 80, backend_protocol="HTTPS"))
    assert doors.get(host).status == 502


def test_the_certificate_is_the_secrets_or_nginx_own(doors: WebDoors) -> None:
    doors.put(ingress("monitoring", "grafana", GRAFANA, "grafana", 80))
    secret, trust = web.certificate("monitoring", "grafana-tls", GRAFANA)
    with pytest.raises(ssl.SSLCertVerificationError):
        doors.get(GRAFANA, trust=trust)
    doors.put(secret)
    page = doors.get(GRAFANA, trust=trust)
    assert page.status == 503
    assert page.certificate["subjectAltName"] == (("DNS", GRAFANA),)


# -- the embedded outpost ----------------------------------------------------------------------------------------------
def test_a_proxied_host_leads_to_the_login_page(doors: WebDoors) -> None:
    grafana(doors)
    doors.put(ingress(IDENTITY, "grafana", GRAFANA, "authentik-server", 80))
    protect(doors, "grafana", GRAFANA)
    first = doors.get(GRAFANA, "/d/home?x=1")
    assert first.status == 302
    begin = urlsplit(first.location)
    assert (begin.netloc, begin.path) == (GRAFANA, f"{OUTPOST}/start")
    assert parse_qs(begin.query)["rd"] == [f"https://{GRAFANA}/d/home?x=1"]
    second = doors.get(GRAFANA, f"{begin.path}?{begin.query}")
    login = urlsplit(second.location)
    assert (second.status, login.netloc, login.path) == (302, LOGIN, "/application/o/authorize/")
    assert second.headers["set-cookie"].startswith("authentik_proxy_")
    asked = parse_qs(login.query)
    assert asked["redirect_uri"] == [f"https://{GRAFANA}{OUTPOST}/callback?X-authentik-auth-callback=true"]
    assert asked["state"][0].count(".") == 2
    third = doors.get(LOGIN, f"{login.path}?{login.query}")
    fourth = doors.get(LOGIN, third.location)
    page = doors.get(LOGIN, fourth.location)
    assert (third.status, fourth.status, page.status) == (302, 302, 200)
    assert urlsplit(fourth.location).path == "/if/flow/default-authentication-flow/"
    assert "<title>Welcome to authentik! - authentik</title>" in page.text


def test_a_host_that_no_attached_provider_claims_shows_authentik_itself(doors: WebDoors) -> None:
    doors.put(ingress(IDENTITY, "grafana", GRAFANA, "authentik-server", 80))
    page = doors.get(GRAFANA)
    assert (page.status, page.location) == (302, "/flows/-/default/authentication/?next=/")
    protect(doors, "grafana", GRAFANA, attach=False)
    protect(doors, "other", "other.example.org", application=False)
    assert doors.get(GRAFANA).location.startswith("/flows/-/default/authentication/")
    unknown = doors.get(GRAFANA, f"{OUTPOST}/start")
    assert unknown.status == 400
    assert json.loads(unknown.text) == {
        "Message": "no app for hostname",
        "Host": GRAFANA,
        "Detail": f"Check the outpost settings and make sure '{GRAFANA}' is included.",
    }


def test_paths_that_are_open_reach_the_service(doors: WebDoors) -> None:
    grafana(doors)
    doors.put(ingress(IDENTITY, "grafana", GRAFANA, "authentik-server", 80))
    key = protect(doors, "grafana", GRAFANA, skip_path_regex="^/api/.*$\n(")
    assert doors.get(GRAFANA, "/").status == 302
    opened = doors.get(GRAFANA, "/api/health")
    assert (opened.status, opened.headers["x-lab-service"]) == (200, "monitoring/grafana")
    wrong = "https://grafana.monitoring.svc.cluster.local:80"
    change = {"mode": "proxy", "internal_host": wrong}
    doors.api("PATCH", f"/providers/proxy/{key}/", change)
    assert doors.get(GRAFANA, "/api/health").status == 502
    doors.api("PATCH", f"/providers/proxy/{key}/", {**change, "internal_host": "http://none.monitoring.svc:80"})
    assert doors.get(GRAFANA, "/api/health").status == 502
    doors.api("PATCH", f"/providers/proxy/{key}/", {**change, "skip_path_regex": ""})
    assert doors.get(GRAFANA, "/api/health").status == 302


def test_ping_answers_for_every_host_and_the_last_provider_wins(doors: WebDoors) -> None:
    doors.put(ingress(IDENTITY, "grafana", GRAFANA, "authentik-server", 80))
    assert doors.get(GRAFANA, f"{OUTPOST}/ping").status == 204
    protect(doors, "b", GRAFANA, mode="forward_single", internal_host="")
    protect(doors, "a", GRAFANA)
    assert doors.get(GRAFANA).location.startswith("/flows/")  # b-proxy, the later by name, does not proxy
    assert doors.get(GRAFANA, f"{OUTPOST}/auth/nginx").status == 500
    headers = {"X_Original_URL": f"https://{GRAFANA}/"}
    assert doors.get(GRAFANA, f"{OUTPOST}/auth/nginx", **headers).status == 500  # nginx lets no browser set it


def test_without_a_worker_changes_wait_for_the_refresh(doors: WebDoors) -> None:
    doors.put(ingress(IDENTITY, "grafana", GRAFANA, "authentik-server", 80))
    doors.scenario.faults.authentik.worker_down = True
    protect(doors, "grafana", GRAFANA)
    assert doors.get(GRAFANA).location.startswith("/flows/")
    doors.scenario.faults.authentik.worker_down = False
    assert doors.get(GRAFANA).location.startswith(f"https://{GRAFANA}{OUTPOST}/start")


# -- forward authentication --------------------------------------------------------------------------------------------
def forward(doors: WebDoors, **annotations: str) -> None:
    grafana(doors)
    url = f"http://authentik-server.{IDENTITY}.svc.cluster.local:80{OUTPOST}/auth/nginx"
    signin = f"https://{GRAFANA}{OUTPOST}/start?rd=$scheme://$http_host$escaped_request_uri"
    doors.put(
        ingress("monitoring", "grafana", GRAFANA, "grafana", 80, auth_url=url, auth_signin=signin, **annotations),
        ingress(IDENTITY, "grafana-outpost", GRAFANA, "authentik-server", 80, OUTPOST),
    )


def test_a_forwarded_login_asks_the_outpost_first(doors: WebDoors) -> None:
    headers = {
        "kind": "ConfigMap",
        "metadata": web.meta("headers", "monitoring"),
        "data": {"X-Forwarded-Host": "$http_host"},
    }
    doors.put(headers)
    forward(doors, auth_proxy_set_headers="monitoring/headers")
    protect(doors, "grafana", GRAFANA, mode="forward_single", internal_host="", skip_path_regex="^/metrics$")
    protect(doors, "other", "other.example.org")
    page = doors.get(GRAFANA, "/d/home?x=1")
    assert (page.status, page.location) == (
        302,
        f"https://{GRAFANA}{OUTPOST}/start?rd=https://{GRAFANA}%2Fd%2Fhome%3Fx%3D1",
    )
    assert urlsplit(doors.get(GRAFANA, page.location.partition(GRAFANA)[2]).location).netloc == LOGIN
    assert doors.get(GRAFANA, "/metrics").status == 200


def test_without_the_host_the_outpost_does_not_know_for_whom(doors: WebDoors) -> None:
    forward(doors, auth_snippet="proxy_set_header X-Forwarded-Host $http_host;")
    protect(doors, "grafana", GRAFANA, mode="forward_single", internal_host="")
    protect(doors, "other", "other.example.org")
    assert doors.get(GRAFANA).status == 500  # snippets are not admitted by default
    doors.put(
        {
            "kind": "ConfigMap",
            "metadata": web.meta("ingress", "ingress-nginx-internal"),
            "data": {"allow-snippet-annotations": "true", "annotations-risk-level": "Critical"},
        }
    )
    assert doors.get(GRAFANA).status == 302


def test_a_provider_in_mode_proxy_does_not_answer_forwarded_logins(doors: WebDoors) -> None:
    doors.put(
        {"kind": "ConfigMap", "metadata": web.meta("h", "monitoring"), "data": {"X-Forwarded-Host": "$http_host"}}
    )
    forward(doors, auth_proxy_set_headers="monitoring/h")
    protect(doors, "grafana", GRAFANA)
    assert doors.get(GRAFANA).status == 500


# -- external outposts -------------------------------------------------------------------------------------------------
def test_the_token_decides_which_outpost_a_pod_becomes(doors: WebDoors) -> None:
    key = protect(doors, "grafana", GRAFANA, attach=False)
    made = {"name": "external", "type": "proxy", "providers": [key], "config": config(doors)}
    external = doors.api("POST", "/outposts/instances/", made)
    token = doors.api("GET", f"/core/tokens/{external['token_identifier']}/view_key/")["key"]
    env = [{"name": "AUTHENTIK_TOKEN", "value": token}, {"name": "AUTHENTIK_HOST_BROWSER", "value": f"https://{LOGIN}"}]
    doors.put(
        *workload("authentik-proxy", "authentik-proxy", "ghcr.io/goauthentik/proxy:2025.12.4", {"http": 9000}, env=env),
        service("authentik-proxy", "authentik-proxy", {9000: 9000}),
        ingress("authentik-proxy", "grafana", GRAFANA, "authentik-proxy", 9000),
    )
    assert doors.get(GRAFANA).location.startswith(f"https://{GRAFANA}{OUTPOST}/start")
    health = doors.api("GET", f"/outposts/instances/{external['pk']}/health/")
    assert [entry["hostname"] for entry in health] == ["authentik-proxy-1"]
    # With a superuser's token it takes the first outpost that it sees, by name.
    env[0]["value"] = doors.web.token
    doors.follow()
    assert doors.api("GET", f"/outposts/instances/{external['pk']}/health/") == []
    health = doors.api("GET", f"/outposts/instances/{outpost(doors)['pk']}/health/")
    assert [entry["hostname"] for entry in health] == ["authentik-server-1", "authentik-proxy-1"]
    env[0]["value"] = "no-such-token"
    doors.follow()
    assert doors.get(GRAFANA).status == 502
    doors.api("DELETE", f"/outposts/instances/{external['pk']}/")


# -- the server's life -------------------------------------------------------------------------------------------------
def test_the_server_follows_its_deployment_and_keeps_its_database(doors: WebDoors) -> None:
    protect(doors, "grafana", GRAFANA)
    old = outpost(doors)["pk"]
    doors.api("DELETE", f"/outposts/instances/{old}/")
    pod = doors.objects["pods"].objects[(IDENTITY, "authentik-server-1")]
    deployment = doors.objects["deployments"].objects[(IDENTITY, "authentik-server")]
    doors.drop("deployments", IDENTITY, "authentik-server")
    doors.drop("pods", IDENTITY, "authentik-server-1")
    assert doors.get(LOGIN).status == 503
    doors.put(deployment, pod)
    again = outpost(doors)
    assert again["pk"] != old
    assert again["providers"] == []
    assert len(doors.api("GET", "/providers/all/")["results"]) == 1
    doors.api("PATCH", f"/outposts/instances/{again['pk']}/", {"config": config(doors)})


def test_the_record_is_private(doors: WebDoors) -> None:
    path: Path = doors.state.root / "authentik.json"
    assert path.stat().st_mode & 0o777 == 0o600
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["url"] == f"https://{LOGIN}"
    assert record["door"] == "127.94.52.200:8443"
    me = doors.get(LOGIN, "/api/v3/core/users/me/", token=record["token"])
    assert json.loads(me.text)["user"]["username"] == "akadmin"
