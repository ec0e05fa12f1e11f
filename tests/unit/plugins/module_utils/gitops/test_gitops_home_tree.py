# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the home's tree holds, asked of the rendered files and not of the code that made them."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.gitops import tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from lab import charts
from tests.harness.gitops_tree import Object, home_model, objects

SERVED = {
    "kustomize.toolkit.fluxcd.io": "v1",
    "source.toolkit.fluxcd.io": "v1",
    "helm.toolkit.fluxcd.io": "v2",
    "notification.toolkit.fluxcd.io": "v1",
    "external-secrets.io": "v1",
    "cert-manager.io": "v1",
    "monitoring.coreos.com": "v1",
    "longhorn.io": "v1beta2",
    "snapshot.storage.k8s.io": "v1",
    "postgresql.cnpg.io": "v1",
    "barmancloud.cnpg.io": "v1",
    "cilium.io": "v2",
}
#: Who brings the kinds of a group.
PROVIDERS = {
    "external-secrets.io": "infrastructure-external-secrets",
    "cert-manager.io": "infrastructure-cert-manager",
    "monitoring.coreos.com": "infrastructure-monitoring-crds",
    "longhorn.io": "infrastructure-longhorn",
    "snapshot.storage.k8s.io": "infrastructure-volume-snapshots",
    "postgresql.cnpg.io": "infrastructure-cnpg-operator",
    "barmancloud.cnpg.io": "infrastructure-cnpg-barman-plugin",
    "cilium.io": "infrastructure-cilium",
}
#: Namespaces that stand before Flux does.
STANDING = {"", "flux-system", "kube-system"}


def by_kind(there: list[Object], kind: str) -> list[Object]:
    return [each for each in there if each.kind == kind]


def flux(there: list[Object]) -> dict[str, dict[str, Any]]:
    """Spec of each Flux Kustomization by name."""
    return {
        each.name: each.body["spec"]
        for each in by_kind(there, "Kustomization")
        if each.group == "kustomize.toolkit.fluxcd.io"
    }


def reach(specs: dict[str, dict[str, Any]], name: str) -> set[str]:
    """All that a Kustomization depends on, directly or not."""
    found: set[str] = set()
    left = [name]
    while left:
        for need in specs[left.pop()].get("dependsOn", ()):
            if need["name"] not in found:
                found.add(need["name"])
                left.append(need["name"])
    return found


def of_path(there: list[Object], spec: dict[str, Any]) -> list[Object]:
    folder = spec["path"].removeprefix("./")
    return [each for each in there if posixpath.dirname(each.path) == folder]


def values_in(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values_in(item)


def test_every_file_is_yaml_with_line_ends_and_nothing_twice(home: dict[str, str], there: list[Object]) -> None:
    for path, text in home.items():
        list(yaml.safe_load_all(text))
        assert text.endswith("\n"), path
        assert not re.search(r"[ \t]$", text, re.M), path
    counted = Counter((each.group, each.kind, each.namespace, each.name) for each in there)
    assert [key for key, number in counted.items() if number > 1] == []


def test_every_file_is_listed_once_and_every_listed_one_is_there(home: dict[str, str]) -> None:
    listed: list[str] = []
    for path, text in home.items():
        if not path.endswith("kustomization.yaml"):
            continue
        body = next(each for each in yaml.safe_load_all(text) if each)
        keys = {"apiVersion", "kind", "resources"}
        assert set(body) == (keys | {"patches"} if path.endswith("/flux-system/kustomization.yaml") else keys)
        assert body["resources"], path
        for resource in body["resources"]:
            assert "://" not in resource
            full = posixpath.join(posixpath.dirname(path), resource)
            listed.append(full if full in home else f"{full}/kustomization.yaml")
    assert Counter(listed).most_common(1)[0][1] == 1
    assert set(listed) <= set(home)
    roots = {f"{spec['path'].removeprefix('./')}/kustomization.yaml" for spec in flux_of(home).values()}
    assert set(home) - set(listed) == roots


def flux_of(home: dict[str, str]) -> dict[str, dict[str, Any]]:
    return flux(list(objects(home)))


def test_every_kustomization_depends_on_known_ones_in_no_circle(there: list[Object]) -> None:
    specs = flux(there)
    assert len(specs) > 25
    for name, spec in specs.items():
        assert spec["wait"] is True and spec["prune"] is True
        assert "healthChecks" not in spec
        assert name not in reach(specs, name)


def test_every_kind_is_of_a_served_version_and_its_provider_comes_first(there: list[Object]) -> None:
    specs = flux(there)
    for each in there:
        if each.group in SERVED:
            assert each.body["apiVersion"] == f"{each.group}/{SERVED[each.group]}", each.path
    for name, spec in specs.items():
        needed = {PROVIDERS[each.group] for each in of_path(there, spec) if each.group in PROVIDERS} - {name}
        assert needed <= reach(specs, name), name


def test_who_uses_something_waits_for_who_makes_it(there: list[Object]) -> None:
    specs = flux(there)
    issuers = {each.name for each in by_kind(there, "ClusterIssuer")}
    owner_of_class = {
        "nginx": "infrastructure-ingress-nginx",
        "nginx-internal": "infrastructure-ingress-nginx-internal",
        "nginx-public": "infrastructure-ingress-nginx-public",
    }
    for name, spec in specs.items():
        before = reach(specs, name)
        for each in of_path(there, spec):
            if each.kind == "HelmRelease":
                assert "infrastructure-sources" in before
            if each.kind == "ExternalSecret":
                assert "infrastructure-onepassword" in before
            if each.kind == "Ingress":
                assert owner_of_class[each.body["spec"]["ingressClassName"]] in before
                issuer = each.body["metadata"].get("annotations", {}).get("cert-manager.io/cluster-issuer")
                assert issuer is None or (issuer in issuers and "infrastructure-cert-manager-issuers" in before)
            texts = [item for item in values_in(each.body) if isinstance(item, dict)]
            classes = {item[key] for item in texts for key in ("storageClass", "storageClassName") if key in item}
            if classes:
                assert classes <= {"longhorn", "longhorn-ssd"}
                assert "infrastructure-longhorn-config" in before, name


def test_every_object_has_a_namespace_that_is_made_before_it(there: list[Object]) -> None:
    specs = flux(there)
    owners = {each.name: each.component for each in by_kind(there, "Namespace")}
    folders = {spec["path"].removeprefix("./"): name for name, spec in specs.items()}
    for each in there:
        if each.namespace in STANDING:
            continue
        owner = owners[each.namespace]
        assert owner == each.component or folders[owner] in reach(specs, folders[each.component]), each


def test_every_namespace_states_its_level_and_denies_by_default(there: list[Object]) -> None:
    denied = {each.namespace for each in by_kind(there, "NetworkPolicy") if each.name == "default-deny"}
    for each in by_kind(there, "Namespace"):
        labels = each.body["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] in ("restricted", "baseline", "privileged")
        # Nothing ever runs in the namespace of the operator's kinds.
        assert each.name in denied | {"prometheus-operator-crds"}
    assert denied.isdisjoint({"kube-system", "flux-system"})


def test_no_secret_is_in_the_tree(home: dict[str, str], there: list[Object]) -> None:
    assert not by_kind(there, "Secret")
    for each in there:
        for item in values_in(each.body):
            # In an ExternalSecret this is the name of a key.
            named = isinstance(item, dict) and "remoteRef" in item
            for key, value in item.items() if isinstance(item, dict) and not named else ():
                if re.fullmatch(r"(?i).*(password|token|secretkey|secret_key|apikey|api_key)", str(key)):
                    allowed = value is None or isinstance(value, (bool, dict)) or str(value).startswith("{{ .")
                    assert allowed, f"{each.path}: {key}"
    assert not [path for path, text in home.items() if "PRIVATE KEY" in text]


def test_every_secret_that_is_used_is_made_in_its_namespace(there: list[Object]) -> None:
    made: dict[tuple[str, str], set[str]] = {}
    for each in by_kind(there, "ExternalSecret"):
        spec = each.body["spec"]
        template = spec["target"].get("template", {}).get("data")
        keys = set(template or [item["secretKey"] for item in spec["data"]])
        made[each.namespace, spec["target"]["name"]] = keys
    # Written by the phase "secrets", because the store needs them itself.
    made["onepassword-connect", "onepassword-connect-credentials"] = {"1password-credentials.json"}
    made["onepassword-connect", "onepassword-connect-token"] = {"token"}
    used = 0
    for each in there:
        for item in values_in(each.body):
            if not isinstance(item, dict):
                continue
            for key in ("secretKeyRef", "apiTokenSecretRef", "accessKeyId", "secretAccessKey", "connectTokenSecretRef"):
                if key in item and isinstance(item[key], dict):
                    namespace = "cert-manager" if each.kind == "ClusterIssuer" else each.namespace
                    namespace = item[key].get("namespace", namespace)
                    assert item[key]["key"] in made[namespace, item[key]["name"]], each
                    used += 1
            for key in ("secretRef", "passwordSecret", "superuserSecret"):
                if key in item and each.kind != "GitRepository" and "name" in item[key]:
                    assert (each.namespace, item[key]["name"]) in made, each
                    used += 1
            if isinstance(item.get("secret"), dict) and "secretName" in item["secret"]:
                assert (each.namespace, item["secret"]["secretName"]) in made, each
                used += 1
    assert used > 12


def test_every_external_secret_is_used_in_its_namespace(there: list[Object]) -> None:
    for each in by_kind(there, "ExternalSecret"):
        name = each.body["spec"]["target"]["name"]
        users = [
            other
            for other in there
            if other.kind != "ExternalSecret"
            and (other.namespace == each.namespace or other.kind == "ClusterIssuer")
            and name in [item for item in values_in(other.body) if isinstance(item, str)]
        ]
        assert users, f"{each.namespace}/{each.name}"


def test_monitors_and_rules_are_selected(there: list[Object], model: dict[str, Any]) -> None:
    release = model["monitoring"]["release"]
    found = [each for each in there if each.group == "monitoring.coreos.com"]
    assert len(found) > 15
    for each in found:
        assert each.body["metadata"]["labels"]["release"] == release, each
    for each in by_kind(there, "HelmRelease"):
        for item in values_in(each.body["spec"].get("values", {})):
            for key in ("serviceMonitor", "servicemonitor"):
                monitor = item.get(key) if isinstance(item, dict) else None
                if isinstance(monitor, dict) and monitor.get("enabled"):
                    labels = monitor.get("additionalLabels") or monitor.get("labels")
                    assert labels == {"release": release}, each


def test_alerts_have_different_names_and_say_what_to_do(there: list[Object]) -> None:
    rules = [
        rule
        for each in by_kind(there, "PrometheusRule")
        for group in each.body["spec"]["groups"]
        for rule in group["rules"]
    ]
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names))
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)
    missing_at_home = {
        "BGPSessionDown",
        "BGPNothingAnnounced",
        "LoadBalancerWithoutAddress",
        "CertificateExpiresSoon",
        "ExternalSecretNotReady",
        "LonghornVolumeDegraded",
        "LonghornVolumeFaulted",
        "EtcdQuorumAtRisk",
    }
    assert missing_at_home <= set(names)


def test_names_have_one_claimant_and_lie_in_one_zone(there: list[Object], model: dict[str, Any]) -> None:
    hosts = [rule["host"] for each in by_kind(there, "Ingress") for rule in each.body["spec"]["rules"]]
    assert len(hosts) == len(set(hosts))
    internal, public = model["dns"]["internal_zone"], model["dns"]["public_zone"]
    for each in by_kind(there, "Ingress"):
        for rule in each.body["spec"]["rules"]:
            inside = rule["host"].endswith(f".{internal}")
            assert inside != (each.body["spec"]["ingressClassName"] == "nginx-public")
            assert rule["host"].endswith(f".{public}")
    releases = {each.name: each.body["spec"].get("values", {}) for each in by_kind(there, "HelmRelease")}
    outside, within = releases["external-dns"], releases["external-dns-internal"]
    assert outside["excludeDomains"] == within["domainFilters"] == [internal]
    assert outside["txtOwnerId"] != within["txtOwnerId"] and outside["txtPrefix"] != within["txtPrefix"]


def test_addresses_are_pinned_inside_their_pool(there: list[Object], model: dict[str, Any]) -> None:
    pools = {pool["name"]: pool for pool in model["load_balancers"]["pools"]}
    label = model["load_balancers"]["selector_label"]
    pinned = {}
    for each in by_kind(there, "HelmRelease"):
        for item in values_in(each.body["spec"].get("values", {})):
            if isinstance(item, dict) and item.get("type") == "LoadBalancer":
                pool = pools[item["labels"][label]]
                address = ipaddress.ip_address(item["annotations"]["lbipam.cilium.io/ips"])
                assert ipaddress.ip_address(pool["start"]) <= address <= ipaddress.ip_address(pool["stop"])
                pinned[each.name] = str(address)
    assert pinned == {"ingress-nginx": "172.29.52.201", "ingress-nginx-internal": "172.29.52.200"}


def test_longhorn_has_the_disks_that_its_classes_ask_for(there: list[Object], model: dict[str, Any]) -> None:
    disks = [
        disk
        for each in by_kind(there, "Node")
        for disk in each.body["spec"]["disks"].values()
        if each.group == "longhorn.io"
    ]
    assert len(disks) == len(model["nodes"])
    tags = set.intersection(*(set(disk["tags"]) for disk in disks))
    for disk in disks:
        assert disk["path"] == f"/var/mnt/{model['storage']['user_volume']}"
        assert disk["storageReserved"] == 100_000_000_000
    for each in by_kind(there, "StorageClass"):
        assert int(each.body["parameters"]["numberOfReplicas"]) <= len(model["nodes"])
        assert set(filter(None, each.body["parameters"].get("diskSelector", "").split(","))) <= tags


def test_recurring_jobs_have_volumes(there: list[Object]) -> None:
    groups = {group for each in by_kind(there, "RecurringJob") for group in each.body["spec"]["groups"]}
    prefix = "recurring-job-group.longhorn.io/"
    joined = {
        str(key).removeprefix(prefix)
        for each in there
        for item in values_in(each.body)
        if isinstance(item, dict) and item.get("recurring-job.longhorn.io/source") == "enabled"
        for key, value in item.items()
        if str(key).startswith(prefix) and value == "enabled"
    }
    assert groups == joined


def test_one_bucket_with_a_prefix_for_each_user(there: list[Object], model: dict[str, Any]) -> None:
    bucket = model["storage"]["backup"]["bucket"]
    urls = {
        item for each in there for item in values_in(each.body) if isinstance(item, str) and item.startswith("s3://")
    }
    assert {re.split(r"[@/]", url.removeprefix("s3://"))[0] for url in urls} == {bucket}
    assert len({url.rstrip("/").rpartition("/")[2] for url in urls}) == len(urls) == 2


def test_the_release_of_cilium_is_the_bootstraps(there: list[Object], model: dict[str, Any]) -> None:
    from ansible_collections.homeops.cluster.plugins.module_utils.model import cilium

    release = next(each for each in by_kind(there, "HelmRelease") if each.name == "cilium")
    assert release.body["spec"]["values"] == cilium.values(model)
    assert release.body["spec"]["releaseName"] == "cilium"
    assert release.namespace == model["cilium"]["namespace"]
    assert release.body["spec"]["chart"]["spec"]["version"] == model["versions"]["cilium"]


def test_the_pools_and_the_policy_have_one_owner(there: list[Object]) -> None:
    assert not [each for each in there if re.match(r"CiliumLoadBalancerIPPool|CiliumBGP", each.kind)]


def test_every_chart_repository_is_used_and_every_version_is_exact(there: list[Object], model: dict[str, Any]) -> None:
    used = {each.body["spec"]["chart"]["spec"]["sourceRef"]["name"] for each in by_kind(there, "HelmRelease")}
    assert used == {each.name for each in by_kind(there, "HelmRepository")}
    versions = set(model["versions"].values())
    for each in by_kind(there, "HelmRelease"):
        assert each.body["spec"]["chart"]["spec"]["version"] in versions
    for each in there:
        for item in values_in(each.body):
            if isinstance(item, dict) and isinstance(item.get("image"), str):
                assert item["image"].rpartition(":")[2] in versions, item["image"]


@pytest.mark.parametrize("component", ["longhorn", "authentik", "monitoring", "cert-manager"])
def test_what_an_owner_should_know_stands_beside_it(home: dict[str, str], component: str) -> None:
    texts = [text for path, text in home.items() if path.startswith(f"infrastructure/{component}/")]
    assert [text for text in texts if re.search(r"^ +# \w", text, re.M)]


def test_charts_take_their_values_and_make_what_tells_that_they_work(
    there: list[Object], folders: dict[str, Folder]
) -> None:
    """By the lab's catalogue of charts, which follows the charts and not this tree."""
    made: dict[str, set[tuple[str, str]]] = {}
    for each in there:
        made.setdefault(each.component, set()).add((each.kind, each.name))
    for each in by_kind(there, "HelmRelease"):
        spec, chart = each.body["spec"], each.body["spec"]["chart"]["spec"]
        found = charts.render(
            chart["chart"], chart["version"], spec["releaseName"], each.namespace, spec.get("values", {})
        )
        made[each.component] |= {(body["kind"], body["metadata"]["name"]) for body in found}
    everything = set().union(*made.values())
    # Made by an operator or by the release that the component guards, and not by its own chart.
    elsewhere = {"StatefulSet", "Cluster"}
    for fact in tree.facts(home_model(), folders):
        for target in fact["ready"]:
            wanted = (target["kind"], target["name"])
            assert wanted in made[fact["path"]] or wanted in everything or target["kind"] in elsewhere, fact


def test_authentiks_claim_is_where_this_version_keeps_uploads(there: list[Object]) -> None:
    """Release notes of 2025.12: "authentik now expects a mount at /data for file storage"."""
    release = next(each for each in by_kind(there, "HelmRelease") if each.name == "authentik")
    assert home_model()["versions"]["authentik"] >= "2025.12"
    values = release.body["spec"]["values"]["global"]
    claims = {each["name"]: each["persistentVolumeClaim"]["claimName"] for each in values["volumes"]}
    assert {each["mountPath"]: claims[each["name"]] for each in values["volumeMounts"]} == {"/data": "authentik-media"}


def postgresql(model: dict[str, Any], folders: dict[str, Folder], **more: str) -> dict[str, Any]:
    """Spec of the database's Cluster, with further keys in the model."""
    model["storage"]["postgresql"] |= more
    there = objects(tree.render(model, folders))
    return next(each.body for each in there if (each.kind, each.group) == ("Cluster", "postgresql.cnpg.io"))["spec"]


def test_a_database_is_new_and_archives_under_its_own_name_unless_told(
    model: dict[str, Any], folders: dict[str, Folder]
) -> None:
    spec = postgresql(model, folders)
    assert set(spec["bootstrap"]) == {"initdb"}
    assert "externalClusters" not in spec
    assert spec["plugins"][0]["parameters"] == {"barmanObjectName": "postgresql-cluster-backup"}


def test_a_database_is_rebuilt_from_one_archive_and_writes_to_another(
    model: dict[str, Any], folders: dict[str, Folder]
) -> None:
    # Names and moments that YAML would read as a number and a time.
    told = {"recover_from": "2025", "archive": "2026", "recover_until": "2026-11-28T03:00:00Z"}
    new = postgresql(model, folders)
    spec = postgresql(model, folders, **told)
    recovery = spec["bootstrap"].pop("recovery")
    (source,) = spec.pop("externalClusters")
    assert recovery == {
        "source": source["name"],
        "database": new["bootstrap"]["initdb"]["database"],
        "owner": new["bootstrap"]["initdb"]["owner"],
        "recoveryTarget": {"targetTime": "2026-11-28T03:00:00Z"},
    }
    assert spec["bootstrap"] == {}
    (archiver,) = spec.pop("plugins")
    assert source["plugin"]["name"] == archiver["name"]
    store = new["plugins"][0]["parameters"]["barmanObjectName"]
    assert source["plugin"]["parameters"] == {"barmanObjectName": store, "serverName": "2025"}
    assert archiver["parameters"] == {"barmanObjectName": store, "serverName": "2026"}
    # Everything else is what it was.
    assert spec == {key: value for key, value in new.items() if key != "plugins"} | {"bootstrap": {}}


def test_a_database_is_rebuilt_up_to_the_newest_when_no_moment_is_told(
    model: dict[str, Any], folders: dict[str, Folder]
) -> None:
    spec = postgresql(model, folders, recover_from="postgresql-cluster", archive="postgresql-cluster-2")
    assert "recoveryTarget" not in spec["bootstrap"]["recovery"]
