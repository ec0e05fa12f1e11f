# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one entry of homeops_services becomes, and network policies from short rules."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.gitops import network, services
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.component import Component
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.quantities import at_least, seconds, size_bytes
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.seal import Owner, opened, owner, seal

NGINX = "nginx.ingress.kubernetes.io"


def entry(**more: Any) -> dict[str, Any]:
    base = {"name": "wiki", "title": "Wiki", "namespace": "wiki", "service": "wiki-web", "port": 8080, "auth": "proxy"}
    return {**base, **more}


def of(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [body for body in found if body["kind"] == kind]


def backend(ingress: dict[str, Any]) -> tuple[str, str, str, int]:
    path = ingress["spec"]["rules"][0]["http"]["paths"][0]
    service = path["backend"]["service"]
    return ingress["metadata"]["namespace"], path["path"], service["name"], service["port"]["number"]


def test_behind_the_proxy_the_way_leads_to_the_outpost(model: dict[str, Any]) -> None:
    found = services.objects(entry(), model)
    (ingress,) = of(found, "Ingress")
    assert backend(ingress) == ("authentik", "/", "authentik-server", 80)
    assert ingress["metadata"]["name"] == "wiki"
    assert ingress["spec"]["rules"][0]["host"] == "wiki.k8s.home.geoffdavis.com"
    assert ingress["spec"]["tls"] == [{"hosts": ["wiki.k8s.home.geoffdavis.com"], "secretName": "wiki-tls"}]
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt-prod"}
    assert {body["metadata"]["labels"]["homeops.cluster/service"] for body in found} == {"wiki"}
    assert services.namespaces(entry(), model) == {"wiki", "authentik"}


@pytest.mark.parametrize("auth", ["oidc", "none"])
def test_without_the_proxy_the_way_leads_to_the_service(model: dict[str, Any], auth: str) -> None:
    (ingress,) = of(services.objects(entry(auth=auth, scheme="https"), model), "Ingress")
    assert backend(ingress) == ("wiki", "/", "wiki-web", 8080)
    assert ingress["metadata"]["annotations"][f"{NGINX}/backend-protocol"] == "HTTPS"
    assert services.namespaces(entry(auth=auth), model) == {"wiki"}


def test_forward_asks_the_outpost_and_has_its_path_too(model: dict[str, Any]) -> None:
    main, outpost = of(services.objects(entry(auth="forward"), model), "Ingress")
    assert backend(main) == ("wiki", "/", "wiki-web", 8080)
    assert backend(outpost) == ("authentik", "/outpost.goauthentik.io", "authentik-server", 80)
    assert outpost["metadata"]["name"] == "wiki-outpost"
    notes = main["metadata"]["annotations"]
    inside = "http://authentik-server.authentik.svc.cluster.local/outpost.goauthentik.io/auth/nginx"
    assert notes[f"{NGINX}/auth-url"] == inside
    assert notes[f"{NGINX}/auth-signin"].startswith("https://wiki.k8s.home.geoffdavis.com/outpost.goauthentik.io/start")
    assert "X-Forwarded-Host" in notes[f"{NGINX}/auth-snippet"]


def test_a_login_for_the_whole_domain_comes_back_to_the_provider(model: dict[str, Any]) -> None:
    (main,) = of(services.objects(entry(auth="forward", mode="forward_domain"), model), "Ingress")
    signin = main["metadata"]["annotations"][f"{NGINX}/auth-signin"]
    assert signin.startswith("https://authentik.k8s.home.geoffdavis.com/outpost.goauthentik.io/start?rd=")


def test_a_host_of_its_own_is_everywhere(model: dict[str, Any]) -> None:
    found = services.objects(entry(host="docs.k8s.home.geoffdavis.com"), model)
    (ingress,) = of(found, "Ingress")
    assert ingress["spec"]["rules"][0]["host"] == ingress["spec"]["tls"][0]["hosts"][0]
    assert ingress["spec"]["rules"][0]["host"] == "docs.k8s.home.geoffdavis.com"
    (probe,) = of(found, "Probe")
    assert probe["spec"]["targets"]["staticConfig"]["static"] == ["https://docs.k8s.home.geoffdavis.com/"]


def test_another_outpost_than_the_embedded_one_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="leads to the embedded one only"):
        services.objects(entry(outpost="far"), model)
    assert services.objects(entry(outpost="far", auth="none"), model)


def test_the_probe_goes_the_way_of_a_browser(model: dict[str, Any]) -> None:
    (probe,) = of(services.objects(entry(), model), "Probe")
    assert probe["spec"]["targets"]["staticConfig"]["static"] == ["https://wiki.k8s.home.geoffdavis.com/"]
    assert probe["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert not of(services.objects(entry(), model, probed=False), "Probe")


def test_an_address_of_its_own_is_asked_for_by_label_and_pinned(model: dict[str, Any]) -> None:
    own = {
        "pool": "bgp-default",
        "address": "172.29.52.120",
        "selector": {"app": "wiki"},
        "ports": [{"name": "https", "port": 443, "target_port": 8443}],
    }
    (service,) = of(services.objects(entry(auth="none", load_balancer=own), model), "Service")
    assert service["metadata"]["labels"]["io.cilium/lb-ipam-pool"] == "bgp-default"
    assert service["metadata"]["annotations"] == {"lbipam.cilium.io/ips": "172.29.52.120"}
    assert service["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": 8443, "protocol": "TCP"}]
    with pytest.raises(InputError, match="asks for login and for an address of its own"):
        services.objects(entry(load_balancer=own), model)
    assert of(services.objects(entry(load_balancer={**own, "allow_lan_bypass": True}), model), "Service")
    with pytest.raises(InputError, match="the pool bgp-defualt, which is not there"):
        services.objects(entry(auth="none", load_balancer={**own, "pool": "bgp-defualt"}), model)


def test_the_way_in_is_let_through_without_denying_others(model: dict[str, Any]) -> None:
    (policy,) = of(services.objects(entry(), model), "CiliumNetworkPolicy")
    assert policy["metadata"]["namespace"] == "wiki"
    assert policy["spec"]["enableDefaultDeny"] == {"ingress": False, "egress": False}
    source = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "authentik"}}
    assert policy["spec"]["ingress"] == [{"fromEndpoints": [source]}]


class TestNetwork:
    """Rules of a declaration."""

    def of(self, model: dict[str, Any], **rules: Any) -> dict[str, dict[str, Any]]:
        component = Component("wiki", "Wiki", namespace="wiki", network=rules)
        return {body["metadata"]["name"]: body["spec"] for body in network.policies(component, model)}

    def test_no_rules_no_policies(self, model: dict[str, Any]) -> None:
        assert self.of(model) == {}

    def test_everything_is_denied_but_names_and_the_own_namespace(self, model: dict[str, Any]) -> None:
        found = self.of(model, egress=[{"to": "api"}])
        assert found["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert {port["port"] for port in found["own-namespace"]["egress"][1]["toPorts"][0]["ports"]} == {"53"}
        assert found["wiki"]["egress"] == [{"toEntities": ["kube-apiserver"]}]

    def test_webhooks_are_called_from_the_nodes(self, model: dict[str, Any]) -> None:
        (rule,) = self.of(model, ingress=[{"from": "api", "ports": [9443]}])["wiki"]["ingress"]
        assert rule["fromEntities"] == ["kube-apiserver", "host", "remote-node"]
        assert rule["toPorts"] == [{"ports": [{"port": "9443", "protocol": "TCP"}]}]

    @pytest.mark.parametrize(
        ("peer", "namespace"),
        [
            ("monitoring", "monitoring"),
            ("identity", "authentik"),
            ("ingress-internal", "ingress-nginx-internal"),
            ("self", "wiki"),
            ("postgresql-system", "postgresql-system"),
        ],
    )
    def test_a_peer_is_a_namespace(self, model: dict[str, Any], peer: str, namespace: str) -> None:
        (rule,) = self.of(model, ingress=[{"from": peer}])["wiki"]["ingress"]
        assert rule["fromEndpoints"] == [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": namespace}}]

    def test_rules_of_some_pods_are_policies_of_their_own(self, model: dict[str, Any]) -> None:
        found = self.of(
            model, default_deny=False, ingress=[{"from": "identity", "pods": {"app": "ui"}}, {"from": "world"}]
        )
        assert set(found) == {"wiki", "wiki-2"}
        assert found["wiki"]["endpointSelector"] == {"matchLabels": {"app": "ui"}}
        assert found["wiki-2"]["endpointSelector"] == {}


def test_a_seal_tells_ours_from_edited_from_foreign() -> None:
    text = seal("---\na: 1\n")
    assert owner(text) is Owner.OURS
    assert owner(text.replace("a: 1", "a: 2")) is Owner.EDITED
    assert owner("---\na: 1\n") is Owner.FOREIGN
    assert opened(text) == "---\na: 1\n"
    assert opened("---\na: 1\n") == "---\na: 1\n"


def test_amounts_and_versions() -> None:
    assert [size_bytes(text) for text in ("1TB", "1T", "1Ti", "512", "1.5Gi")] == [
        10**12,
        10**12,
        2**40,
        512,
        3 * 2**29,
    ]
    assert [seconds(text) for text in ("10m", "1h30m", "90s")] == [600, 5400, 90]
    assert at_least("v0.6.0", "0.6") and at_least("v0.10.0", "0.6") and not at_least("v0.5.9", "0.6")
    for wrong in ("ten", "10Q"):
        with pytest.raises(ValueError, match="no amount"):
            size_bytes(wrong)
    with pytest.raises(ValueError, match="no duration"):
        seconds("10 minutes")
