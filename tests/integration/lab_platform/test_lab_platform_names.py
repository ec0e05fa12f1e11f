# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an Ingress to its address, its certificate and its name: ingress-nginx, cert-manager, external-dns."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509

from tests.harness.platform_cluster import PlatformCluster

from .conftest import ZONE, object_of, secret

CM, ACME = "cert-manager.io/v1", "acme.cert-manager.io/v1"
TOKEN = "token-0123456789-abcdefghijkl"  # well-formed, and nobody's


def issuer(name: str = "letsencrypt-prod", host: str = "acme-v02") -> dict[str, Any]:
    reference = {"name": "cloudflare-api-token", "key": "api-token"}
    solver = {"dns01": {"cloudflare": {"apiTokenSecretRef": reference}}, "selector": {"dnsZones": [ZONE]}}
    acme = {
        "server": f"https://{host}.api.letsencrypt.org/directory",
        "email": "admin@geoffdavis.com",
        "privateKeySecretRef": {"name": name},
        "solvers": [solver],
    }
    return object_of(CM, "ClusterIssuer", name, spec={"acme": acme})


def ingress(name: str, host: str, **annotations: str) -> dict[str, Any]:
    notes = {"cert-manager.io/cluster-issuer": "letsencrypt-prod", **annotations}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {
        "ingressClassName": "nginx-internal",
        "rules": [rule],
        "tls": [{"hosts": [host], "secretName": f"{name}-tls"}],
    }
    return object_of("networking.k8s.io/v1", "Ingress", name, "apps", spec=spec, meta={"annotations": notes})


@pytest.fixture(scope="module")
def published(cluster: PlatformCluster) -> PlatformCluster:
    cluster.apply(issuer(), issuer("letsencrypt-staging", "acme-staging-v02"))
    cluster.apply(object_of(CM, "ClusterIssuer", "selfsigned-issuer", spec={"selfSigned": {}}))
    cluster.apply(ingress("web", f"web.{ZONE}"))
    return cluster


def test_issuers_register_and_say_so(published: PlatformCluster) -> None:
    published.until(
        "letsencrypt-prod is ready",
        lambda: (
            published.condition(CM, "ClusterIssuer", "letsencrypt-prod")
            == ("True", "ACMEAccountRegistered", "The ACME account was registered with the ACME server")
        ),
    )
    published.until(
        "the self-signed issuer is ready",
        lambda: published.condition(CM, "ClusterIssuer", "selfsigned-issuer") == ("True", "IsReady", ""),
    )
    found = published.get(CM, "ClusterIssuer", "letsencrypt-prod")
    assert found["status"]["acme"]["uri"].startswith("https://acme-v02.api.letsencrypt.org/acme/acct/")
    assert published.get("v1", "Secret", "letsencrypt-prod", "cert-manager")["data"]["tls.key"]


def test_an_ingress_gets_the_address_of_its_controllers_service(published: PlatformCluster) -> None:
    def addresses() -> Any:
        found = published.get("networking.k8s.io/v1", "Ingress", "web", "apps")
        return (found.get("status") or {}).get("loadBalancer", {}).get("ingress")

    assert published.until("the Ingress has an address", addresses) == [{"ip": "172.29.52.200"}]


def test_a_certificate_waits_for_the_token_and_is_then_signed_by_the_public_root(published: PlatformCluster) -> None:
    waiting = published.until("the challenge waits", lambda: published.list(ACME, "Challenge", "apps"))
    published.until(
        "the challenge says why",
        lambda: (published.list(ACME, "Challenge", "apps")[0].get("status") or {}).get("reason"),
    )
    reason = published.list(ACME, "Challenge", "apps")[0]["status"]["reason"]
    assert reason == 'error getting cloudflare secret: secret "cloudflare-api-token" not found'
    assert waiting[0]["spec"]["dnsName"] == f"web.{ZONE}"
    assert published.condition(CM, "Certificate", "web-tls", "apps")[:2] == ("False", "DoesNotExist")
    assert published.condition(CM, "Certificate", "web-tls", "apps", "Issuing")[0] == "True"
    published.apply(secret("cloudflare-api-token", "cert-manager", **{"api-token": TOKEN}))
    published.until(
        "the certificate is ready",
        lambda: published.condition(CM, "Certificate", "web-tls", "apps")[:2] == ("True", "Ready"),
    )
    held = published.get("v1", "Secret", "web-tls", "apps")
    assert held["type"] == "kubernetes.io/tls"
    certificate = x509.load_pem_x509_certificate(base64.b64decode(held["data"]["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"web.{ZONE}"]
    root = x509.load_pem_x509_certificate(published.platform.public.certificate)
    certificate.verify_directly_issued_by(root)
    status = published.get(CM, "Certificate", "web-tls", "apps")["status"]
    assert status["revision"] == 1
    assert status["notAfter"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert status["notBefore"] < status["renewalTime"] < status["notAfter"]
    assert published.condition(CM, "Certificate", "web-tls", "apps", "Issuing") is None
    published.until("the challenge is gone", lambda: not published.list(ACME, "Challenge", "apps"))


def test_an_invalid_challenge_fails_the_certificate_and_it_recovers(published: PlatformCluster) -> None:
    host = f"wrong.{ZONE}"
    published.faults.challenge_invalid.append(host)
    published.apply(ingress("wrong", host))
    published.until(
        "the issuance failed",
        lambda: (published.condition(CM, "Certificate", "wrong-tls", "apps", "Issuing") or ("", ""))[1] == "Failed",
    )
    status = published.get(CM, "Certificate", "wrong-tls", "apps")["status"]
    assert status["failedIssuanceAttempts"] == 1
    assert 'order is in "invalid" state' in str(status["conditions"])
    published.faults.challenge_invalid.clear()
    published.apply(ingress("wrong", host, touched="yes"))
    published.until(
        "the certificate is ready", lambda: published.condition(CM, "Certificate", "wrong-tls", "apps")[0] == "True"
    )


def test_an_issuer_that_cannot_register_issues_nothing(published: PlatformCluster) -> None:
    published.faults.issuer_not_ready.append("letsencrypt-staging")
    published.apply(
        object_of(
            *(CM, "Certificate", "staged", "apps"),
            spec={
                "secretName": "staged-tls",
                "dnsNames": [f"staged.{ZONE}"],
                "issuerRef": {"name": "letsencrypt-staging", "kind": "ClusterIssuer"},
            },
        )
    )
    published.until(
        "the issuer is not ready",
        lambda: published.condition(CM, "ClusterIssuer", "letsencrypt-staging")[1] == "ErrRegisterACMEAccount",
    )
    assert published.get("v1", "Secret", "staged-tls", "apps") is None
    published.faults.issuer_not_ready.clear()
    published.apply(
        issuer("letsencrypt-staging", "acme-staging-v02")
        | {"metadata": {"name": "letsencrypt-staging", "labels": {"again": "yes"}}}
    )
    published.until(
        "the certificate is ready", lambda: published.condition(CM, "Certificate", "staged", "apps")[0] == "True"
    )


def dns_values(env: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "fullnameOverride": "external-dns-internal",
        "provider": {
            "name": "webhook",
            "webhook": {
                "image": {"repository": "ghcr.io/kashalls/external-dns-unifi-webhook", "tag": "v0.8.2"},
                "env": env,
            },
        },
        "sources": ["service", "ingress"],
        "domainFilters": [ZONE],
        "policy": "sync",
        "txtOwnerId": "home-ops-internal",
        "txtPrefix": "external-dns-internal-",
        "interval": "1s",
    }


def test_names_of_the_house_are_written_to_the_console_and_no_others_touched(published: PlatformCluster) -> None:
    space = "external-dns-internal-system"
    reference = {"secretKeyRef": {"name": "external-dns-unifi-secret", "key": "api-key"}}
    env = [{"name": "UNIFI_HOST", "value": "https://172.29.51.1"}, {"name": "UNIFI_API_KEY", "valueFrom": reference}]
    foreign = published.console.dns.add({"key": f"nas.{ZONE}", "record_type": "A", "value": "172.29.51.77"})
    published.install("external-dns", "1.20.0", "external-dns-internal", space, dns_values(env))

    def waiting() -> Any:
        pods = published.list("v1", "Pod", space)
        states = [
            c.get("state", {}).get("waiting", {})
            for p in pods
            for c in p.get("status", {}).get("containerStatuses", [])
        ]
        return [s for s in states if s.get("reason") == "CreateContainerConfigError"]

    told = published.until("the pod waits for its Secret", waiting)
    assert told[0]["message"] == 'secret "external-dns-unifi-secret" not found'
    key = published.console.sessions.api_key
    published.apply(secret("external-dns-unifi-secret", space, **{"api-key": key}))

    def records() -> dict[tuple[str, str], str]:
        return {(r["key"], r["record_type"]): r["value"] for r in published.console.dns.list()}

    text = (f"external-dns-internal-a-web.{ZONE}", "TXT")
    published.until("the name and its owner are written", lambda: {(f"web.{ZONE}", "A"), text} <= set(records()))
    assert records()[f"web.{ZONE}", "A"] == "172.29.52.200"
    owner = records()[text]
    assert (
        owner == '"heritage=external-dns,external-dns/owner=home-ops-internal,external-dns/resource=ingress/apps/web"'
    )
    published.scenario.faults.console.key_revoked = True
    published.apply(ingress("late", f"late.{ZONE}"))
    problem = published.until(
        "the refusal is known",
        lambda: [
            i.problem for c in published.manager.controllers for i in getattr(c, "_instances", {}).values() if i.problem
        ],
    )
    assert "401" in problem[0]
    assert (f"late.{ZONE}", "A") not in records()
    published.scenario.faults.console.key_revoked = False
    published.until("the late name is written", lambda: (f"late.{ZONE}", "A") in records())
    late = published.get("networking.k8s.io/v1", "Ingress", "late", "apps")
    from lab.controllers.api import INGRESSES

    published.run(published.api.delete(INGRESSES, late))
    published.until("the late name is gone", lambda: (f"late.{ZONE}", "A") not in records())
    assert foreign in published.console.dns.list()


def test_public_names_go_to_cloudflare_and_a_refused_token_crashes_the_pod(published: PlatformCluster) -> None:
    space = "external-dns-system"
    published.apply(secret("cloudflare-api-token", space, **{"api-token": TOKEN}))
    reference = {"secretKeyRef": {"name": "cloudflare-api-token", "key": "api-token"}}
    values = {
        "provider": {"name": "cloudflare"},
        "env": [{"name": "CF_API_TOKEN", "valueFrom": reference}],
        "sources": ["service", "ingress", "crd"],
        "domainFilters": ["geoffdavis.com"],
        "excludeDomains": [ZONE],
        "policy": "sync",
        "txtOwnerId": "home-ops",
        "txtPrefix": "external-dns-",
        "interval": "1s",
        "extraArgs": ["--ingress-class=nginx-public"],
    }
    published.faults.cloudflare_token_invalid = True
    published.install("external-dns", "1.20.0", "external-dns", space, values)
    endpoint = {"dnsName": "flux-webhook.geoffdavis.com", "recordType": "CNAME", "targets": ["x.cfargotunnel.com"]}
    endpoint["providerSpecific"] = [{"name": "external-dns.alpha.kubernetes.io/cloudflare-proxied", "value": "true"}]
    published.apply(
        object_of("externaldns.k8s.io/v1alpha1", "DNSEndpoint", "tunnel", space, spec={"endpoints": [endpoint]})
    )

    def crashes() -> Any:
        pods = published.list("v1", "Pod", space)
        states = [c["state"].get("waiting", {}) for p in pods for c in p["status"].get("containerStatuses", [])]
        return [s for s in states if s.get("reason") == "CrashLoopBackOff"]

    told = published.until("the pod crashes", crashes)
    assert "Invalid access token (9109)" in told[0]["message"]
    published.faults.cloudflare_token_invalid = False

    def records() -> list[tuple[str, str, str, bool]]:
        zone = published.cloudflare.status()["zones"]["geoffdavis.com"]
        return [(r["name"], r["type"], r["content"], r["proxied"]) for r in zone]

    wanted = ("flux-webhook.geoffdavis.com", "CNAME", "x.cfargotunnel.com", True)
    published.until("the public name is written", lambda: wanted in records())
    assert [n for n, kind, _unused, _p in records() if kind == "TXT"] == [
        "external-dns-cname-flux-webhook.geoffdavis.com"
    ]
    published.until("the pod is ready again", lambda: published.available("external-dns", space))
