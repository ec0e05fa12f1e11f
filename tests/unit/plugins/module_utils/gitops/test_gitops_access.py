# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what in the cluster, and who may talk to whom: roles of people, and what the policies let through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.gitops import tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from lab import charts
from tests.harness.gitops_tree import Object, objects

VIEWER, OPERATOR = "homeops-viewer", "homeops-operator"
SPACE = "k8s:io.kubernetes.pod.namespace"
Body = dict[str, Any]


def verbs(role: Body, group: str, resource: str) -> set[str]:
    """What a role may do to a resource."""
    return {
        verb
        for rule in role["rules"]
        if {group, "*"} & set(rule["apiGroups"]) and {resource, "*"} & set(rule["resources"])
        for verb in rule["verbs"]
    }


@pytest.fixture(scope="module")
def roles(there: list[Object]) -> dict[str, Body]:
    return {each.name: each.body for each in there if each.kind == "ClusterRole"}


class TestRoles:
    """What people may do."""

    def test_a_viewer_changes_nothing_and_sees_no_secret(self, roles: dict[str, Body]) -> None:
        rules = roles[VIEWER]["rules"]
        assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
        assert not any("*" in rule["apiGroups"] for rule in rules)
        assert verbs(roles[VIEWER], "", "secrets") == set()
        # A shell and a way through the proxy are more than looking.
        for resource in ("pods/exec", "pods/attach", "services/proxy", "nodes/proxy"):
            assert verbs(roles[VIEWER], "", resource) == set()

    @pytest.mark.parametrize(
        ("group", "resource"),
        [
            ("", "pods/log"),
            ("", "nodes"),
            ("apps", "deployments"),
            ("kustomize.toolkit.fluxcd.io", "kustomizations"),
            ("cilium.io", "ciliumbgpnodeconfigs"),
            ("cert-manager.io", "certificates"),
            ("acme.cert-manager.io", "challenges"),
            ("external-secrets.io", "externalsecrets"),
            ("longhorn.io", "volumes"),
            ("postgresql.cnpg.io", "clusters"),
            ("monitoring.coreos.com", "prometheusrules"),
        ],
    )
    def test_a_viewer_sees_what_the_alerts_name(self, roles: dict[str, Body], group: str, resource: str) -> None:
        assert verbs(roles[VIEWER], group, resource) >= {"get", "list"}

    def test_an_operator_gets_no_rights_and_reads_no_secret(self, roles: dict[str, Body]) -> None:
        role = roles[OPERATOR]
        assert not any("*" in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]] for rule in role["rules"])
        assert verbs(role, "", "secrets") == set()
        for resource in ("roles", "rolebindings", "clusterroles", "clusterrolebindings"):
            assert verbs(role, "rbac.authorization.k8s.io", resource) == set()
        assert not {verb for rule in role["rules"] for verb in rule["verbs"]} & {"escalate", "bind", "impersonate"}
        assert verbs(role, "", "serviceaccounts/token") == verbs(role, "", "pods/exec") == set()

    @pytest.mark.parametrize(
        ("group", "resource", "verb"),
        [
            ("", "pods/eviction", "create"),
            ("", "nodes", "patch"),
            ("apps", "deployments", "patch"),
            ("kustomize.toolkit.fluxcd.io", "kustomizations", "patch"),
            ("external-secrets.io", "externalsecrets", "patch"),
            ("cert-manager.io", "certificates/status", "patch"),
            ("postgresql.cnpg.io", "backups", "create"),
            ("snapshot.storage.k8s.io", "volumesnapshots", "create"),
        ],
    )
    def test_an_operator_does_the_daily_work(
        self, roles: dict[str, Body], group: str, resource: str, verb: str
    ) -> None:
        assert verb in verbs(roles[OPERATOR], group, resource)

    def test_operators_are_viewers_too_and_the_groups_are_the_models(
        self, model: Body, folders: dict[str, Folder]
    ) -> None:
        model["gitops"]["groups"] = {"viewers": ["family"], "operators": ["wheel"]}
        bound = {
            each.body["roleRef"]["name"]: {subject["name"] for subject in each.body["subjects"]}
            for each in objects(tree.render(model, folders))
            if each.kind == "ClusterRoleBinding"
        }
        assert bound == {VIEWER: {"family", "wheel"}, OPERATOR: {"wheel"}}


def made(there: list[Object]) -> Iterator[Body]:
    """Every object of the tree, and what its charts make of them by the lab's catalogue."""
    for each in there:
        yield each.body
        if each.kind == "HelmRelease":
            spec = each.body["spec"]
            chart = spec["chart"]["spec"]
            for body in charts.render(
                chart["chart"], chart["version"], spec["releaseName"], each.namespace, spec.get("values", {})
            ):
                body["metadata"].setdefault("namespace", each.namespace)
                yield body


def fits(selector: Body, labels: Body) -> bool:
    """Whether a label selector takes an object; ``In`` is the only expression that is used here."""
    for one in selector.get("matchExpressions") or ():
        assert one["operator"] == "In", one
        if labels.get(one["key"]) not in one["values"]:
            return False
    return dict(selector.get("matchLabels") or {}).items() <= labels.items()


def scraped(bodies: list[Body]) -> Iterator[tuple[str, str, Body, int]]:
    """Namespace, monitor, labels of the pod and port of everything that Prometheus scrapes, as far as it is known."""
    pods = [
        (body["metadata"]["namespace"], body["spec"]["template"])
        for body in bodies
        if body["kind"] in ("Deployment", "DaemonSet", "StatefulSet")
    ]
    for body in bodies:
        if body["kind"] not in ("ServiceMonitor", "PodMonitor"):
            continue
        spec, own = body["spec"], body["metadata"]["namespace"]
        spaces = (spec.get("namespaceSelector") or {}).get("matchNames") or [own]
        for endpoint in spec.get("endpoints") or spec.get("podMetricsEndpoints"):
            for space, template in pods:
                if space not in spaces or template["spec"].get("hostNetwork"):
                    continue
                labels = template["metadata"]["labels"]
                ports = {
                    port.get("name"): port["containerPort"]
                    for container in template["spec"]["containers"]
                    for port in container.get("ports") or ()
                }
                if body["kind"] == "PodMonitor":
                    targets = [endpoint["port"]] if fits(spec["selector"], labels) else []
                else:
                    targets = list(_targets(bodies, space, spec["selector"], endpoint, labels))
                for target in targets:
                    number = target if isinstance(target, int) else ports.get(target)
                    if number:
                        yield space, body["metadata"]["name"], labels, number


def _targets(bodies: list[Body], space: str, selector: Body, endpoint: Body, labels: Body) -> Iterator[int | str]:
    """The pods' ports that an endpoint of a ServiceMonitor means: by a port of the Service, or by itself."""
    for service in bodies:
        if service["kind"] != "Service" or service["metadata"]["namespace"] != space:
            continue
        chosen = service["spec"].get("selector") or {}
        if not chosen or not chosen.items() <= labels.items():
            continue
        if fits(selector, service["metadata"].get("labels") or {}):
            if "targetPort" in endpoint:
                yield endpoint["targetPort"]
            for port in service["spec"]["ports"]:
                if port.get("name") == endpoint.get("port"):
                    yield port.get("targetPort", port["port"])


def lets_in(policies: Iterable[Body], source: str, labels: Body, port: int) -> bool:
    """Whether policies let pods of a namespace reach a port of pods with these labels."""
    for policy in policies:
        if not dict(policy["spec"]["endpointSelector"].get("matchLabels") or {}).items() <= labels.items():
            continue
        for rule in policy["spec"].get("ingress") or ():
            peers = [peer.get("matchLabels", {}).get(SPACE) for peer in rule.get("fromEndpoints") or ()]
            known = source in peers or "cluster" in (rule.get("fromEntities") or ())
            numbers = [entry["port"] for part in rule.get("toPorts") or () for entry in part["ports"]]
            if known and (not numbers or str(port) in numbers):
                return True
    return False


def test_prometheus_reaches_everything_that_it_scrapes(there: list[Object], model: Body) -> None:
    bodies = list(made(there))
    denied = {each.namespace for each in there if each.kind == "NetworkPolicy" and each.name == "default-deny"}
    policies: dict[str, list[Body]] = {}
    for each in there:
        if each.kind == "CiliumNetworkPolicy":
            policies.setdefault(each.namespace, []).append(each.body)
    seen: set[str] = set()
    source = model["monitoring"]["namespace"]
    for space, monitor, labels, port in scraped(bodies):
        if space in denied:
            assert lets_in(policies[space], source, labels, port), f"{monitor} scrapes port {port} in {space}"
            seen.add(space)
    assert seen >= {
        "authentik",
        "cert-manager",
        "cloudflare-tunnel",
        "cnpg-system",
        "external-secrets-system",
        "ingress-nginx-internal",
        "longhorn-system",
        "monitoring",
    }


def test_nobody_but_those_who_are_named_reaches_a_database(there: list[Object]) -> None:
    """The judge itself: it says no where no rule lets in."""
    policies = [
        each.body for each in there if each.kind == "CiliumNetworkPolicy" and each.namespace == "postgresql-system"
    ]
    assert lets_in(policies, "authentik", {}, 5432) and lets_in(policies, "monitoring", {}, 9187)
    assert not lets_in(policies, "headlamp", {}, 5432) and not lets_in(policies, "monitoring", {}, 5432)
