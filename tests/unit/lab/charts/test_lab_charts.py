# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts' stand-ins, held to the facts about the originals."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.charts import CATALOGUE, ChartError, UnknownChart, render

VERSIONS = {
    "authentik": "2025.12.4",
    "cert-manager": "v1.19.1",
    "cilium": "1.17.6",
    "cloudnative-pg": "0.27.1",
    "external-dns": "1.20.0",
    "external-secrets": "0.20.4",
    "headlamp": "0.40.0",
    "ingress-nginx": "4.14.0",
    "kube-prometheus-stack": "75.18.1",
    "kubernetes-dashboard": "7.14.0",
    "longhorn": "1.10.1",
    "metrics-server": "3.13.0",
    "plugin-barman-cloud": "0.1.0",
    "prometheus-operator-crds": "21.0.0",
    "snapshot-controller": "4.2.0",
}


def made(chart: str, values: Any = None, release: str = "", namespace: str = "there") -> dict[tuple[str, str], Any]:
    objects = render(chart, VERSIONS[chart], release or chart, namespace, values or {})
    found = {(o["kind"], o["metadata"]["name"]): o for o in objects}
    assert len(found) == len(objects), "an object is made twice"
    return found


def ports(service: dict[str, Any]) -> dict[int, Any]:
    return {p["port"]: p["targetPort"] for p in service["spec"]["ports"]}


# What the pinned charts make: Services that matter, and where a LoadBalancer is asked for.
SERVICES = [
    ("ingress-nginx", "x", {}, "x-ingress-nginx-controller", {80, 443}, "controller.service.type"),
    ("ingress-nginx", "ingress-nginx", {}, "ingress-nginx-controller", {80, 443}, "controller.service.type"),
    ("longhorn", "longhorn", {}, "longhorn-frontend", {80}, "service.ui.type"),
    ("longhorn", "longhorn", {}, "longhorn-backend", {9500}, ""),
    *(
        (
            "kube-prometheus-stack",
            "kube-prometheus-stack",
            {},
            f"kube-prometheus-stack-{part}",
            {port},
            f"{part}.service.type",
        )
        for part, port in (("prometheus", 9090), ("alertmanager", 9093), ("grafana", 80))
    ),
    (
        *("kubernetes-dashboard", "kubernetes-dashboard"),
        {"kong": {"proxy": {"tls": {"servicePort": 8443}}}},
        *("kubernetes-dashboard-kong-proxy", {8443}, "kong.proxy.type"),
    ),
    ("kubernetes-dashboard", "kubernetes-dashboard", {}, "kubernetes-dashboard-web", {8000}, ""),
    ("kubernetes-dashboard", "kubernetes-dashboard", {}, "kubernetes-dashboard-api", {8000}, ""),
    ("cilium", "cilium", {"hubble": {"ui": {"enabled": True}}}, "hubble-ui", {80}, ""),
    ("cilium", "cilium", {"hubble": {"relay": {"enabled": True}}}, "hubble-relay", {80}, ""),
    ("cilium", "cilium", {}, "hubble-peer", {443}, ""),
    ("authentik", "authentik", {}, "authentik-server", {80, 443}, "server.service.type"),
    ("external-dns", "external-dns", {}, "external-dns", {7979}, ""),
    ("headlamp", "headlamp", {}, "headlamp", {80}, "service.type"),
    ("metrics-server", "metrics-server", {}, "metrics-server", {443}, ""),
    ("cert-manager", "cert-manager", {}, "cert-manager-webhook", {443}, ""),
    ("external-secrets", "external-secrets", {}, "external-secrets-webhook", {443}, ""),
    ("cloudnative-pg", "cnpg-operator", {}, "cnpg-webhook-service", {443}, ""),
    ("plugin-barman-cloud", "barman-cloud", {}, "barman-cloud", {9090}, ""),
]


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        k: merged(one[k], other[k])
        if isinstance(one.get(k), dict) and isinstance(other.get(k), dict)
        else other.get(k, one.get(k))
        for k in {**one, **other}
    }


@pytest.mark.parametrize(("chart", "release", "values", "name", "wanted", "path"), SERVICES)
def test_services_have_the_names_ports_and_types_of_the_charts(
    chart: str, release: str, values: Any, name: str, wanted: set[int], path: str
) -> None:
    service = made(chart, values, release)["Service", name]
    assert wanted <= set(ports(service))
    if path:
        exposed = made(chart, merged(values, nested(path, "LoadBalancer")), release)["Service", name]
        assert exposed["spec"]["type"] == "LoadBalancer"


def test_targets_that_others_rely_on() -> None:
    assert ports(made("longhorn")["Service", "longhorn-frontend"])[80] == "http"
    ui = made("longhorn")["Deployment", "longhorn-ui"]["spec"]["template"]["spec"]["containers"][0]
    assert ui["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    server = made("authentik")["Deployment", "authentik-server"]["spec"]["template"]["spec"]["containers"][0]
    assert {p["name"]: p["containerPort"] for p in server["ports"]} == {"http": 9000, "https": 9443, "metrics": 9300}
    pod = made("headlamp")["Deployment", "headlamp"]["spec"]["template"]["spec"]["containers"][0]
    assert pod["ports"][0]["containerPort"] == 4466


@pytest.mark.parametrize("chart", sorted(CATALOGUE))
def test_every_object_is_whole_marked_and_in_helms_order(chart: str) -> None:
    objects = render(chart, VERSIONS[chart], "name", "there", {})
    yaml.safe_dump(objects)
    accounts = {o["metadata"]["name"] for o in objects if o["kind"] == "ServiceAccount"}
    kinds = [o["kind"] for o in objects]
    if "Deployment" in kinds and "Service" in kinds:
        assert kinds.index("Service") < kinds.index("Deployment")
    for obj in objects:
        assert obj["apiVersion"]
        notes = obj["metadata"]["annotations"]
        assert (notes["meta.helm.sh/release-name"], notes["meta.helm.sh/release-namespace"]) == ("name", "there")
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        if obj["kind"] in ("Deployment", "DaemonSet"):
            template = obj["spec"]["template"]
            assert obj["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            assert template["spec"].get("serviceAccountName", "default") in accounts | {"default"}
            volumes = {v["name"] for v in template["spec"].get("volumes") or []}
            for container in template["spec"]["containers"]:
                assert {m["name"] for m in container.get("volumeMounts") or []} <= volumes
    labels = [o["spec"]["template"]["metadata"]["labels"] for o in objects if o["kind"] in ("Deployment", "DaemonSet")]
    for service in (o for o in objects if o["kind"] == "Service"):
        selector = service["spec"].get("selector") or {}
        known = any(selector.items() <= have.items() for have in labels)
        assert known or chart == "kube-prometheus-stack", f"{service['metadata']['name']} selects nothing"


@pytest.mark.parametrize("chart", sorted(CATALOGUE))
def test_rendering_twice_gives_the_same(chart: str) -> None:
    assert render(chart, VERSIONS[chart], "n", "there", {}) == render(chart, VERSIONS[chart], "n", "there", {})


def test_a_version_shows_in_the_images() -> None:
    for chart, version, image in (
        ("authentik", "2025.12.5", "ghcr.io/goauthentik/server:2025.12.5"),
        ("longhorn", "1.10.2", "longhornio/longhorn-manager:v1.10.2"),
        ("cert-manager", "v1.19.2", "quay.io/jetstack/cert-manager-controller:v1.19.2"),
        ("external-secrets", "0.20.5", "ghcr.io/external-secrets/external-secrets:v0.20.5"),
    ):
        assert image in str(render(chart, version, chart, "there", {}))


def test_an_unknown_chart_is_named() -> None:
    with pytest.raises(UnknownChart, match='chart "nginx" is none of'):
        render("nginx", "1", "x", "y", {})


def test_values_that_a_chart_refuses_are_refused_in_its_words() -> None:
    with pytest.raises(ChartError, match=r"cert-manager:\n- \(root\): Additional property crdz is not allowed"):
        made("cert-manager", {"crdz": {"enabled": True}})
    with pytest.raises(ChartError, match=r"deprecated \.installCRDs option cannot be enabled at the same time"):
        made("cert-manager", {"installCRDs": True, "crds": {"enabled": True}})
    with pytest.raises(ChartError, match="mutually exclusive"):
        made("external-dns", {"txtPrefix": "a-", "txtSuffix": "-b"})
    with pytest.raises(ChartError, match="kubeProxyReplacement must be explicitly set"):
        made("cilium", {"kubeProxyReplacement": "strict"})
    made("longhorn", {"noSuchKey": True})  # a chart without a schema takes anything


def test_definitions_follow_their_switches() -> None:
    def kinds(chart: str, values: Any) -> set[str]:
        return {n for k, n in made(chart, values) if k == "CustomResourceDefinition"}

    assert kinds("cert-manager", {}) == set()
    assert "certificates.cert-manager.io" in kinds("cert-manager", {"crds": {"enabled": True}})
    assert len(kinds("longhorn", {})) == 22
    assert "dnsendpoints.externaldns.k8s.io" in kinds("external-dns", {})
    assert kinds("kube-prometheus-stack", {"crds": {"enabled": False}}) == set()
    assert kinds("prometheus-operator-crds", {}) == kinds("kube-prometheus-stack", {})
    assert "volumesnapshotclasses.snapshot.storage.k8s.io" in kinds("snapshot-controller", {"installCRDs": True})
    assert "objectstores.barmancloud.cnpg.io" in kinds("plugin-barman-cloud", {})
    stores = made("external-secrets", {"crds": {"createClusterSecretStore": False}})
    assert ("CustomResourceDefinition", "clustersecretstores.external-secrets.io") not in stores


def test_monitors_carry_the_label_that_is_asked_for() -> None:
    labels = {"release": "kube-prometheus-stack"}
    asked = {"enabled": True, "additionalLabels": labels}
    for chart, values, key in (
        ("longhorn", {"metrics": {"serviceMonitor": asked}}, ("ServiceMonitor", "longhorn-prometheus-servicemonitor")),
        ("external-dns", {"serviceMonitor": asked}, ("ServiceMonitor", "external-dns")),
        (
            "cloudnative-pg",
            {"monitoring": {"podMonitorEnabled": True, "podMonitorAdditionalLabels": labels}},
            ("PodMonitor", "cloudnative-pg"),
        ),
        (
            "cert-manager",
            {"prometheus": {"servicemonitor": {"enabled": True, "labels": labels}}},
            ("ServiceMonitor", "cert-manager"),
        ),
    ):
        assert labels.items() <= made(chart, values)[key]["metadata"]["labels"].items()
        assert key not in made(chart)


def test_prometheus_selects_by_its_release_unless_told_otherwise() -> None:
    name = ("Prometheus", "kube-prometheus-stack-prometheus")
    spec = made("kube-prometheus-stack")[name]["spec"]
    assert spec["ruleSelector"] == {"matchLabels": {"release": "kube-prometheus-stack"}}
    open_wide = {"prometheus": {"prometheusSpec": {"ruleSelectorNilUsesHelmValues": False}}}
    assert made("kube-prometheus-stack", open_wide)[name]["spec"]["ruleSelector"] == {}


def test_longhorns_settings_have_its_names() -> None:
    given = {"createDefaultDiskLabeledNodes": True, "replicaFileSyncHttpClientTimeout": 30, "failedBackupTTL": 1440}
    objects = made("longhorn", {"defaultSettings": given, "defaultBackupStore": {"backupTarget": "s3://b@r/"}})
    text = objects["ConfigMap", "longhorn-default-setting"]["data"]["default-setting.yaml"]
    assert yaml.safe_load(text) == {
        "create-default-disk-labeled-nodes": "true",
        "replica-file-sync-http-client-timeout": "30",
        "failed-backup-ttl": "1440",
    }
    store = objects["ConfigMap", "longhorn-default-resource"]["data"]["default-resource.yaml"]
    assert yaml.safe_load(store) == {"backup-target": "s3://b@r/"}


def test_external_dns_gets_its_arguments() -> None:
    values = {"provider": {"name": "cloudflare"}, "excludeDomains": ["k8s.example.net"], "extraArgs": {"events": "x"}}
    container = made("external-dns", values)["Deployment", "external-dns"]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][-3:] == ["--exclude-domains=k8s.example.net", "--provider=cloudflare", "--events=x"]
    assert "--policy=upsert-only" in container["args"]


def test_authentik_reads_the_secret_it_is_told_and_makes_none() -> None:
    given = {"authentik": {"existingSecret": {"secretName": "own"}}}
    objects = made("authentik", given)
    assert ("Secret", "authentik") not in objects
    container = objects["Deployment", "authentik-worker"]["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "own"}}]
    assert made("authentik", {"authentik": {"log_level": "info"}})["Secret", "authentik"]["stringData"] == {
        "AUTHENTIK_LOG_LEVEL": "info"
    }
