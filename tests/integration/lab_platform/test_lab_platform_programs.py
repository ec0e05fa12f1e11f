# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudNativePG with its backups, the Prometheus operator, and cloudflared."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.readiness import readiness
from lab.controllers.platform.cnpg_plan import CLUSTERS
from tests.harness.platform_cluster import PlatformCluster

from .conftest import object_of, secret

PG, SPACE = "postgresql.cnpg.io/v1", "postgresql-system"
PLUGIN = "barman-cloud.cloudnative-pg.io"


def cluster_of(**spec: Any) -> dict[str, Any]:
    wanted = {
        "instances": 2,
        "imageName": "ghcr.io/cloudnative-pg/postgresql:16.4",
        "storage": {"size": "1Gi", "storageClass": "longhorn-db"},
        "bootstrap": {"initdb": {"database": "app", "owner": "app"}},
        "managed": {"roles": [{"name": "authentik", "passwordSecret": {"name": "postgresql-authentik"}}]},
        "plugins": [{"name": PLUGIN, "isWALArchiver": True, "parameters": {"barmanObjectName": "store"}}],
        **spec,
    }
    return object_of(PG, "Cluster", "pg", SPACE, spec=wanted)


@pytest.fixture(scope="module")
def database(cluster: PlatformCluster, disks: None) -> PlatformCluster:
    made = {"provisioner": "driver.longhorn.io", "parameters": {"numberOfReplicas": "1", "diskSelector": "ssd"}}
    cluster.apply(object_of("storage.k8s.io/v1", "StorageClass", "longhorn-db", **made))
    cluster.install("cloudnative-pg", "0.27.1", "cnpg-operator", "cnpg-system", {"fullnameOverride": "cnpg-operator"})
    return cluster


def phase(database: PlatformCluster) -> str:
    return ((database.get(PG, "Cluster", "pg", SPACE) or {}).get("status") or {}).get("phase", "")


def test_a_cluster_waits_for_its_plugin_and_becomes_healthy(database: PlatformCluster) -> None:
    database.apply(cluster_of())
    database.until("the plugin is missed", lambda: "unknown plugin" in phase(database))
    # The plugin's pod mounts what cert-manager signs for it.
    database.install(
        "plugin-barman-cloud", "0.1.0", "barman-cloud", "cnpg-system", {"fullnameOverride": "barman-cloud"}
    )
    database.until("the cluster is healthy", lambda: phase(database) == "Cluster in healthy state")
    found = database.get(PG, "Cluster", "pg", SPACE)["status"]
    assert (found["readyInstances"], found["instances"], found["currentPrimary"]) == (2, 2, "pg-1")
    assert database.condition(PG, "Cluster", "pg", SPACE)[:2] == ("True", "ClusterIsReady")
    names = {s["metadata"]["name"] for s in database.list("v1", "Service", SPACE)}
    assert {"pg-rw", "pg-ro", "pg-r"} <= names
    secrets = {s["metadata"]["name"] for s in database.list("v1", "Secret", SPACE)}
    assert {"pg-app", "pg-ca", "pg-server", "pg-replication"} <= secrets
    assert "pg-superuser" not in secrets
    roles = {p["metadata"]["name"]: p["metadata"]["labels"]["role"] for p in database.list("v1", "Pod", SPACE)}
    assert roles == {"pg-1": "primary", "pg-2": "replica"}


def test_what_the_cluster_misses_is_named_and_mended(database: PlatformCluster) -> None:
    archiving = database.condition(PG, "Cluster", "pg", SPACE, "ContinuousArchiving")
    assert archiving[:2] == ("False", "ContinuousArchivingFailing")
    assert '"store" not found' in archiving[2]
    managed = database.get(PG, "Cluster", "pg", SPACE)["status"]["managedRolesStatus"]
    assert managed["cannotReconcile"] == {"authentik": ['secrets "postgresql-authentik" not found']}
    owner = {"name": "authentik", "owner": "authentik", "cluster": {"name": "pg"}}
    database.apply(object_of(PG, "Database", "authentik", SPACE, spec=owner))
    configuration = {
        "destinationPath": "s3://backups/postgresql/",
        "s3Credentials": {"accessKeyId": {"name": "s3", "key": "AWS_ACCESS_KEY_ID"}},
    }
    store = object_of("barmancloud.cnpg.io/v1", "ObjectStore", "store", SPACE, spec={"configuration": configuration})
    database.apply(
        store, secret("s3", SPACE, AWS_ACCESS_KEY_ID="x"), secret("postgresql-authentik", SPACE, password="x")
    )
    database.until(
        "archiving works",
        lambda: database.condition(PG, "Cluster", "pg", SPACE, "ContinuousArchiving")[0] == "True",
    )
    database.until(
        "the database is made",
        lambda: (database.get(PG, "Database", "authentik", SPACE).get("status") or {}).get("applied"),
    )


def test_a_schedule_makes_a_backup_that_completes(database: PlatformCluster) -> None:
    spec = {
        "schedule": "0 0 3 * * *",
        "immediate": True,
        "cluster": {"name": "pg"},
        "method": "plugin",
        "pluginConfiguration": {"name": PLUGIN},
        "backupOwnerReference": "self",
    }
    database.apply(object_of(PG, "ScheduledBackup", "nightly", SPACE, spec=spec))

    def backups() -> list[str]:
        return [(b.get("status") or {}).get("phase", "") for b in database.list(PG, "Backup", SPACE)]

    database.until("the backup is completed", lambda: backups() == ["completed"])
    following = database.get(PG, "ScheduledBackup", "nightly", SPACE)["status"]["nextScheduleTime"]
    assert following.endswith("T03:00:00Z")
    window = database.until(
        "the store knows its window",
        lambda: (
            (database.get("barmancloud.cnpg.io/v1", "ObjectStore", "store", SPACE).get("status") or {})
            .get("serverRecoveryWindow", {})
            .get("pg")
        ),
    )
    assert window["lastSuccussfulBackupTime"] >= window["firstRecoverabilityPoint"]
    database.faults.archiving_fails.append("pg")
    backup = {"cluster": {"name": "pg"}, "method": "plugin", "pluginConfiguration": {"name": PLUGIN}}
    database.apply(object_of(PG, "Backup", "second", SPACE, spec=backup))
    database.until("the second backup failed", lambda: sorted(backups()) == ["completed", "failed"])


def delete_cluster(database: PlatformCluster) -> None:
    """Delete the Cluster, and wait until what it owned is gone."""
    found = database.get(PG, "Cluster", "pg", SPACE)
    database.run(database.api.delete(CLUSTERS, found))
    owned = ("PersistentVolumeClaim", "Pod", "Service", "Secret")
    uid = found["metadata"]["uid"]

    def left() -> list[str]:
        there = [o for kind in owned for o in database.list("v1", kind, SPACE)]
        there += [*database.list("batch/v1", "Job", SPACE), *database.list(PG, "Cluster", SPACE)]
        owners = [o["metadata"]["uid"] for o in there] + [
            owner["uid"] for o in there for owner in o["metadata"].get("ownerReferences") or []
        ]
        return [one for one in owners if one == uid]

    database.until("the cluster and what it owned are gone", lambda: not left())


def rebuilt(source: str, target: str) -> dict[str, Any]:
    """A Cluster that is recovered from one archive and writes to another (empty: its own name)."""
    cluster = cluster_of(bootstrap={"recovery": {"source": "lost", "database": "app", "owner": "app"}})
    parameters = {"barmanObjectName": "store", "serverName": source}
    cluster["spec"]["externalClusters"] = [{"name": "lost", "plugin": {"name": PLUGIN, "parameters": parameters}}]
    if target:
        cluster["spec"]["plugins"][0]["parameters"]["serverName"] = target
    return cluster


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("pg", "", "ERROR: WAL archive check failed for server pg: Expected empty archive"),
        ("other", "pg-2", "no target backup found"),
    ],
)
def test_a_cluster_without_the_right_archives_is_never_healthy_and_its_job_says_why(
    database: PlatformCluster, source: str, target: str, words: str
) -> None:
    delete_cluster(database)
    database.apply(rebuilt(source, target))
    name = "pg-1-full-recovery"
    database.until("the restore is given up", lambda: database.condition("batch/v1", "Job", name, SPACE, "Failed"))
    found = database.get(PG, "Cluster", "pg", SPACE)
    assert (found["status"]["phase"], found["status"]["phaseReason"]) == (
        "Setting up primary",
        "Creating primary instance pg-1",
    )
    assert database.condition(PG, "Cluster", "pg", SPACE)[:2] == ("False", "ClusterIsNotReady")
    # What the collection waits with: the Cluster is not ready, and its Job is where the cause is.
    assert readiness(found).state == "Ready is False (ClusterIsNotReady: Cluster Is Not Ready)"
    assert readiness(database.get("batch/v1", "Job", name, SPACE)).failed
    pods = [p["metadata"]["name"] for p in database.list("v1", "Pod", SPACE)]
    assert pods and all(pod.startswith(name) for pod in pods), "an instance runs without data"
    logs = [(database.manager.world.logs / "pods" / f"{SPACE}_{pod}.log").read_text("utf-8") for pod in pods]
    assert all(words in log for log in logs)


def test_a_lost_cluster_is_rebuilt_from_its_archive_into_another(database: PlatformCluster) -> None:
    delete_cluster(database)
    assert not [s for s in database.list("v1", "Secret", SPACE) if s["metadata"]["name"] == "pg-app"]
    database.apply(rebuilt("pg", "pg-2"))
    database.until("the cluster is healthy", lambda: phase(database) == "Cluster in healthy state")
    assert database.condition(PG, "Cluster", "pg", SPACE, "ContinuousArchiving")[0] == "True"
    database.until("the finished Job is tidied up", lambda: not database.list("batch/v1", "Job", SPACE))
    claims = database.list("v1", "PersistentVolumeClaim", SPACE)
    assert {c["metadata"]["annotations"]["cnpg.io/pvcStatus"] for c in claims} == {"ready"}
    secrets = {s["metadata"]["name"] for s in database.list("v1", "Secret", SPACE)}
    assert {"pg-app", "pg-ca"} <= secrets
    assert database.get(PG, "Cluster", "pg", SPACE)["status"]["managedRolesStatus"]["byStatus"] == {
        "reconciled": ["authentik"]
    }
    # Its bootstrap is looked at never again, though the archive that it writes to is empty no more.
    backup = {"cluster": {"name": "pg"}, "method": "plugin", "pluginConfiguration": {"name": PLUGIN}}
    database.apply(object_of(PG, "Backup", "of-the-new-one", SPACE, spec=backup))

    def windows() -> Any:
        store = database.get("barmancloud.cnpg.io/v1", "ObjectStore", "store", SPACE)
        return (store.get("status") or {}).get("serverRecoveryWindow", {})

    database.until("the new archive has its window", lambda: set(windows()) == {"pg", "pg-2"})
    assert phase(database) == "Cluster in healthy state"
    assert not database.list("batch/v1", "Job", SPACE)


def test_a_dead_operator_does_nothing(database: PlatformCluster) -> None:
    from lab.controllers.api import DEPLOYMENTS

    operator = database.get("apps/v1", "Deployment", "cnpg-operator", "cnpg-system")
    database.run(database.api.merge(DEPLOYMENTS.of(operator), {"spec": {"replicas": 0}}))
    database.until("the operator has no pod", lambda: not database.list("v1", "Pod", "cnpg-system")[1:])
    database.apply(object_of(PG, "Cluster", "second", SPACE, spec={"instances": 1, "storage": {"size": "1Gi"}}))
    database.run(database.api.merge(DEPLOYMENTS.of(operator), {"spec": {"replicas": 1}}))
    database.until("it is looked at now", lambda: (database.get(PG, "Cluster", "second", SPACE) or {}).get("status"))


def test_prometheus_and_alertmanager_become_stateful_sets(cluster: PlatformCluster) -> None:
    values = {"crds": {"enabled": False}, "fullnameOverride": "kube-prometheus-stack", "kubeProxy": {"enabled": False}}
    cluster.install("kube-prometheus-stack", "75.18.1", "kube-prometheus-stack", "monitoring", values)
    for part in ("prometheus", "alertmanager"):
        name = f"{part}-kube-prometheus-stack-{part}"
        cluster.until(
            f"{name} is ready",
            lambda name=name: (
                (cluster.get("apps/v1", "StatefulSet", name, "monitoring") or {}).get("status") or {}
            ).get("readyReplicas"),
        )
    state = cluster.until(
        "Prometheus is available",
        lambda: cluster.condition(
            *("monitoring.coreos.com/v1", "Prometheus", "kube-prometheus-stack-prometheus", "monitoring", "Available")
        ),
    )
    assert state[0] in ("True", "False")
    cluster.until("Grafana is available", lambda: cluster.available("kube-prometheus-stack-grafana", "monitoring"))


TUNNEL = "16c18922-4cba-49e5-b463-d41dde8f8f2d"


def tunnel(config: dict[str, Any], credentials: dict[str, str]) -> list[dict[str, Any]]:
    mark = {"app": "cloudflared"}
    volumes = [
        {"name": "config", "configMap": {"name": "cloudflared"}},
        {"name": "creds", "secret": {"secretName": "credentials"}},
    ]
    image = "docker.io/cloudflare/cloudflared:2025.11.1"
    pod = {"containers": [{"name": "cloudflared", "image": image}], "volumes": volumes}
    spec = {"replicas": 1, "selector": {"matchLabels": mark}, "template": {"metadata": {"labels": mark}, "spec": pod}}
    return [
        object_of("v1", "ConfigMap", "cloudflared", "tunnel", data={"config.yaml": yaml.safe_dump(config)}),
        secret("credentials", "tunnel", **{"credentials.json": json.dumps(credentials)}),
        object_of("apps/v1", "Deployment", "cloudflared", "tunnel", spec=spec),
    ]


def test_a_tunnel_is_ready_while_its_file_credentials_and_path_are_good(cluster: PlatformCluster) -> None:
    rules = [{"hostname": "a.geoffdavis.com", "service": "http://a.b.svc:80"}, {"service": "http_status:404"}]
    good = {"tunnel": TUNNEL, "ingress": rules}
    cluster.apply(*tunnel({**good, "ingress": rules[:1]}, {"TunnelID": TUNNEL}))

    def words() -> str:
        pods = cluster.list("v1", "Pod", "tunnel")
        states = [c["state"].get("waiting", {}) for p in pods for c in p["status"].get("containerStatuses", [])]
        return " ".join(s.get("message", "") for s in states)

    cluster.until("the last rule is complained about", lambda: "must match all URLs" in words())
    cluster.apply(*tunnel(good, {"TunnelID": TUNNEL}))
    cluster.until("the tunnel is up", lambda: cluster.available("cloudflared", "tunnel"))
    cluster.faults.tunnel_down = True
    cluster.poke()
    cluster.until("the tunnel is down", lambda: not cluster.available("cloudflared", "tunnel"))
    cluster.faults.tunnel_down = False
    cluster.poke()
    cluster.until("the tunnel is up again", lambda: cluster.available("cloudflared", "tunnel"))
