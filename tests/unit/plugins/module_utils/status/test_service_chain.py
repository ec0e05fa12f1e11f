# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a service: all links hold in a good world, and each thing that broke at home is named first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.modules import service_status
from tests.unit.plugins.module_utils.status.chain_world import (
    ADDRESS,
    ENTRY,
    LOGIN,
    NOW,
    ZONE,
    Facts,
    facts,
    find,
    wanted,
)

PROMETHEUS = "monitoring/kube-prometheus-stack-prometheus"


def judge(given: Facts, services: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    params = {
        "services": services or wanted(),
        "reasons": {},
        "now": NOW,
        "show": False,
        "fail_on": "never",
        **given,
        **more,
    }
    return dict(service_status.run(params, Context())["report"])


def of(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in report["services"] if one["name"] == name)


def link(report: dict[str, Any], service: str, name: str) -> dict[str, Any]:
    return next(one for one in of(report, service)["links"] if one["name"] == name)


def test_a_good_world_holds() -> None:
    report = judge(facts())
    assert report["findings"] == []
    assert {one["state"] for one in report["services"]} == {"ok"}
    assert report["worst"] == "ok"


def _set(path: str, value: Any) -> Callable[[Facts], None]:
    """Change a value of the first provider, or of the outpost."""
    what, key = path.split(".")

    def change(given: Facts) -> None:
        given["identity"][what][0][key] = value

    return change


def no_label(given: Facts) -> None:
    metadata = find(given, "Service", ENTRY)["metadata"]
    metadata["annotations"] = metadata.pop("labels")


def other_pool(given: Facts) -> None:
    find(given, "Service", ENTRY)["metadata"]["labels"]["io.cilium/lb-ipam-pool"] = "bgp-default"


def pending(given: Facts) -> None:
    said = {"type": "cilium.io/IPAMRequestSatisfied", "status": "False", "message": "no pool exists"}
    find(given, "Service", ENTRY)["status"] = {"conditions": [said]}


def other_address(given: Facts) -> None:
    find(given, "Service", ENTRY)["status"]["loadBalancer"]["ingress"][0]["ip"] = "172.29.52.207"


def not_announced(given: Facts) -> None:
    given["routes"][0].update(wanted=[], broken="no advertisement selects it")


def not_accepted(given: Facts) -> None:
    given["routes"][0].update(accepted=[], paths=0, broken=f"{ADDRESS}/32 is not accepted by the router")


def no_record(given: Facts) -> None:
    del given["records"][0]


def wrong_record(given: Facts) -> None:
    given["records"][0]["value"] = "172.29.52.101"


def pending_certificate(given: Facts) -> None:
    said = {"type": "Ready", "status": "False", "message": "Issuing certificate as Secret does not exist"}
    find(given, "Certificate", "authentik/prometheus-tls")["status"]["conditions"] = [said]


def untrusted(given: Facts) -> None:
    given["probes"][0]["tls"]["problem"] = "self-signed certificate"


def two_ingresses(given: Facts) -> None:
    given["resources"].append(
        {
            **find(given, "Ingress", "authentik/prometheus"),
            "metadata": {"name": "prometheus", "namespace": "monitoring", "annotations": {}},
        }
    )


def past_the_outpost(given: Facts) -> None:
    backend = find(given, "Ingress", "authentik/prometheus")["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    backend["service"]["name"] = "other"


def wrong_class(given: Facts) -> None:
    find(given, "Ingress", "authentik/prometheus")["spec"]["ingressClassName"] = "nginx"


def no_application(given: Facts) -> None:
    given["identity"]["applications"][0]["slug"] = "prometheus-renamed"


def two_providers(given: Facts) -> None:
    given["identity"]["providers"].append({**given["identity"]["providers"][0], "pk": 99, "name": "zz-prometheus"})


def unhealthy(given: Facts) -> None:
    given["identity"]["outposts"][0]["health"] = []


def load_balancer(given: Facts) -> None:
    service = find(given, "Service", PROMETHEUS)
    service["spec"]["type"] = "LoadBalancer"
    service["status"] = {"loadBalancer": {"ingress": [{"ip": "172.29.52.102"}]}}


def nobody_behind(given: Facts) -> None:
    find(given, "EndpointSlice", f"{PROMETHEUS}-x")["endpoints"][0]["conditions"]["ready"] = False


def other_port(given: Facts) -> None:
    find(given, "Service", PROMETHEUS)["spec"]["ports"][0]["port"] = 9091


def open_door(given: Facts) -> None:
    given["probes"][0].update(status=200, location="")


def bad_gateway(given: Facts) -> None:
    given["probes"][0].update(status=502, location="", title="502 Bad Gateway")


def open_api(given: Facts) -> None:
    given["probes"][1].update(status=200, location="")


def elsewhere(given: Facts) -> None:
    given["probes"][0]["location"] = "http://authentik-server.authentik.svc.cluster.local/"


@pytest.mark.parametrize(
    ("break_it", "broken", "text"),
    [
        (no_label, "label", "only a label selects a pool"),
        (other_pool, "label", "asks for pool bgp-default, wanted is bgp-ingress"),
        (pending, "address", "no pool exists"),
        (other_address, "address", "172.29.52.207, wanted is 172.29.52.200"),
        (not_announced, "announced", "no advertisement selects it"),
        (not_accepted, "accepted", "not accepted by the router"),
        (no_record, "dns", f"no DNS record prometheus.{ZONE}"),
        (wrong_record, "dns", "leads to 172.29.52.101"),
        (pending_certificate, "certificate", "Issuing certificate as Secret does not exist"),
        (untrusted, "certificate", "self-signed certificate"),
        (two_ingresses, "ingress", "authentik/prometheus and monitoring/prometheus"),
        (past_the_outpost, "ingress", "passes the login by"),
        (wrong_class, "ingress", "has class nginx, wanted is nginx-internal"),
        (no_application, "provider", "no application with the slug prometheus"),
        (two_providers, "provider", "claimed by two providers: prometheus and zz-prometheus"),
        (_set("providers.mode", "forward_single"), "provider", "mode forward_single, the ingress needs proxy"),
        (
            _set("providers.internal_host", "https://kube-prometheus-stack-prometheus.monitoring:443"),
            "provider",
            "wanted",
        ),
        (_set("providers.external_host", "https://p.other"), "provider", "stands for https://p.other"),
        (_set("outposts.providers", []), "outpost", "does not have provider prometheus"),
        (unhealthy, "outpost", "no pod of it has reported"),
        (load_balancer, "backend", "at 172.29.52.102 nobody is asked to log in"),
        (nobody_behind, "backend", "no ready endpoint"),
        (other_port, "backend", "has no port 9090; it has 9091"),
        (open_door, "login", "nobody is asked to log in"),
        (bad_gateway, "login", "answers 502 (502 Bad Gateway)"),
        (elsewhere, "login", "leads to http://authentik-server"),
        (open_api, "api", "/api/v1/status"),
    ],
)
def test_what_broke_at_home_is_named(break_it: Callable[[Facts], None], broken: str, text: str) -> None:
    given = facts()
    break_it(given)
    report = judge(given)
    assert of(report, "prometheus")["broken"] == broken
    assert text in link(report, "prometheus", broken)["text"]
    assert [f for f in report["findings"] if f["subject"] == "prometheus" and text in f["text"]]


def test_forward_auth_needs_its_way_back_and_its_question() -> None:
    given = facts()
    given["resources"].remove(find(given, "Ingress", "authentik/dashboard-outpost"))
    assert "nobody can come back" in link(judge(given), "dashboard", "ingress")["text"]
    given = facts()
    find(given, "Ingress", "kubernetes-dashboard/dashboard")["metadata"]["annotations"] = {}
    assert "no auth-url annotation" in link(judge(given), "dashboard", "ingress")["text"]


def test_a_path_that_is_open_on_purpose_is_no_fault() -> None:
    given, services = facts(), wanted()
    open_api(given)
    services[0]["open_paths"] = ["^/api/v1/status$"]
    assert of(judge(given, services), "prometheus")["state"] == "ok"


@pytest.mark.parametrize("missing", ["resources", "routes", "records", "identity", "probes"])
def test_what_was_not_asked_is_unknown_and_never_ok(missing: str) -> None:
    given = facts()
    given[missing] = None
    report = judge(given, reasons={missing: "it is off"})
    prometheus = of(report, "prometheus")
    assert prometheus["state"] == "unknown"
    assert report["worst"] == "warning"
    assert all("it is off" in one["text"] for one in prometheus["links"] if one["state"] == "unknown")


def test_a_certificate_near_its_end_is_a_warning() -> None:
    given = facts()
    given["probes"][0]["tls"]["not_after"] = "2026-03-10T00:00:00Z"
    assert link(judge(given), "prometheus", "certificate")["state"] == "warning"


def test_the_outposts_own_way_to_the_login_counts() -> None:
    given = facts()
    given["probes"][0]["location"] = f"https://prometheus.{ZONE}/outpost.goauthentik.io/start?rd=%2F"
    assert of(judge(given), "prometheus")["state"] == "ok"
    assert LOGIN not in given["probes"][0]["location"]


def test_the_task_fails_with_the_first_broken_links() -> None:
    given = facts()
    no_record(given)
    open_api(given)
    with pytest.raises(HomeopsError, match="prometheus: dns: no DNS record") as caught:
        judge(given, fail_on="error")
    assert caught.value.facts["report"]["worst"] == "error"
