# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster from maintenance to Ready nodes, on the emulator and on a real API server when one is found.

The tests of this file share one cluster per backend and run in order: each leaves it as the next one expects it.
"""

from __future__ import annotations

import base64
import datetime
import shutil
import socket
import subprocess
import time
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.talos import talosconfig
from tests.integration.lab.conftest import NODES, Cluster, eventually

SYSTEM = "/api/v1/namespaces/kube-system"
JOBS = "/apis/batch/v1/namespaces/kube-system/jobs"
APPS = "/apis/apps/v1/namespaces/kube-system"
VALUES = {
    "k8sServiceHost": "localhost",
    "k8sServicePort": 7445,
    "kubeProxyReplacement": True,
    "bgpControlPlane": {"enabled": True},
    "hubble": {"relay": {"enabled": True}, "ui": {"enabled": True}},
    "operator": {"replicas": 1},
    "ipam": {"operator": {"clusterPoolIPv4PodCIDRList": ["10.244.0.0/16"]}},
}


def install_job(name: str, *arguments: str, **spec: Any) -> dict[str, Any]:
    container = {
        "name": "cilium",
        "image": "quay.io/cilium/cilium-cli:v0.16.24",
        "args": ["install", *arguments],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "env": [
            {"name": "KUBERNETES_SERVICE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"},
        ],
        "volumeMounts": [{"name": "values", "mountPath": "/values"}],
    }
    pod = {
        "restartPolicy": "OnFailure",
        "hostNetwork": True,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "values", "configMap": {"name": "cilium-values", "optional": True}}],
        **spec,
    }
    job = {"backoffLimit": 2, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job}


def pods_of(cluster: Cluster, job: str) -> list[Any]:
    return cluster.get(f"{SYSTEM}/pods?labelSelector=batch.kubernetes.io/job-name={job}")["items"]


def condition(obj: Any, kind: str) -> Any:
    found = [
        c for c in (obj.get("status") or {}).get("conditions") or [] if c["type"] == kind and c["status"] == "True"
    ]
    return found[0] if found else None


def failure(cluster: Cluster, job: dict[str, Any]) -> str:
    """Create a Job that fails; return its condition's reason, and delete it."""
    name = job["metadata"]["name"]
    cluster.create(JOBS, job)
    found = eventually(lambda: condition(cluster.get(f"{JOBS}/{name}"), "Failed"), f"the failure of {name}")
    cluster.call("DELETE", f"{JOBS}/{name}?propagationPolicy=Background")
    return found["reason"]


def drop(cluster: Cluster, job: str) -> None:
    cluster.call("DELETE", f"{JOBS}/{job}?propagationPolicy=Background")
    eventually(lambda: not pods_of(cluster, job), f"the end of {job}'s pods")


def test_every_door_leads_to_the_same_api_and_the_vip_to_one_holder(cluster: Cluster) -> None:
    for address in (10, 11, 12, 13):
        assert cluster.call("GET", "/version", address=address)[0] == 200
    assert cluster.lab.status()["kubernetes"]["vip_holder"] in NODES.values()


def test_nodes_register_as_kubelets_do_and_say_that_there_is_no_cni(cluster: Cluster) -> None:
    for number, name in NODES.items():
        node = eventually(lambda name=name: _registered(cluster, name), f"the registration of {name}")
        labels, spec = node["metadata"]["labels"], node["spec"]
        assert labels["node-role.kubernetes.io/control-plane"] == ""
        assert labels["node.kubernetes.io/exclude-from-external-load-balancers"] == ""
        assert labels["kubernetes.io/os"] == "linux"
        assert "providerID" not in spec
        assert spec["podCIDR"].startswith("10.244.")
        assert spec["podCIDRs"] == [spec["podCIDR"]]
        assert {"type": "InternalIP", "address": f"172.29.51.{10 + number}"} in node["status"]["addresses"]
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.31.1"
        assert ("node.kubernetes.io/not-ready", "NoSchedule") in {(t["key"], t["effect"]) for t in spec["taints"]}
        assert "node-role.kubernetes.io/control-plane" not in {t["key"] for t in spec["taints"]}
        assert cluster.ready(name)["status"] == "False"
        assert "container runtime network not ready" in cluster.ready(name)["message"]
        assert "cni plugin not initialized" in cluster.ready(name)["message"]
    assert len({n["spec"]["podCIDR"] for n in cluster.get("/api/v1/nodes")["items"]}) == 3


def _registered(cluster: Cluster, name: str) -> Any:
    status, node = cluster.call("GET", f"/api/v1/nodes/{name}")
    return node if status == 200 and condition(node, "Ready") is None and node["status"].get("addresses") else None


def test_a_job_that_does_not_tolerate_unready_nodes_stays_pending(cluster: Cluster) -> None:
    cluster.create(JOBS, install_job("strict", "--version=1.17.6", tolerations=[]))
    pod = eventually(lambda: [p for p in pods_of(cluster, "strict") if p["status"].get("conditions")], "the refusal")[0]
    scheduled = next(c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled")
    assert (pod["status"]["phase"], scheduled["reason"]) == ("Pending", "Unschedulable")
    assert (
        "0/3 nodes are available: 3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
        in scheduled["message"]
    )
    drop(cluster, "strict")


def test_a_job_on_the_pod_network_waits_for_the_cni(cluster: Cluster) -> None:
    cluster.create(JOBS, install_job("inside", "--version=1.17.6", hostNetwork=False))
    pod = eventually(
        lambda: [p for p in pods_of(cluster, "inside") if p["status"].get("containerStatuses")], "the wait"
    )[0]
    waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ContainerCreating"
    assert "cni plugin not initialized" in waiting["message"]
    assert not pod["status"].get("podIP")
    drop(cluster, "inside")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version=1.17.6", "--helm-set=a=1"], "unknown flag: --helm-set"),
        ([], "the lab needs --version"),
        (["--version=1.17.6", "--set=kubeProxyReplacement=strict"], "must be explicitly set to a valid value"),
        (["--version=1.17.6", "--values=/values/none.yaml"], "open /values/none.yaml: no such file or directory"),
        (
            ["--version=1.17.6", "--set=prometheus.enabled=true,prometheus.serviceMonitor.enabled=true"],
            "monitoring.coreos.com",
        ),
    ],
)
def test_an_install_that_the_cli_refuses_fails_the_job(cluster: Cluster, arguments: list[str], message: str) -> None:
    job = install_job("wrong", *arguments)
    job["spec"]["backoffLimit"] = 0
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    cluster.create(JOBS, job)
    failed = eventually(lambda: condition(cluster.get(f"{JOBS}/wrong"), "Failed"), "the failure")
    assert failed["reason"] == "BackoffLimitExceeded"
    ended = pods_of(cluster, "wrong")[0]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    assert message in ended["message"]
    assert cluster.call("GET", f"{APPS}/daemonsets/cilium")[0] == 404
    drop(cluster, "wrong")


def test_a_container_is_restarted_in_place_until_the_backoff_limit(cluster: Cluster) -> None:
    assert failure(cluster, install_job("again", "--nonsense")) == "BackoffLimitExceeded"
    eventually(lambda: not pods_of(cluster, "again"), "the end of the pods")


def test_an_agent_that_cannot_reach_the_api_never_becomes_ready(cluster: Cluster) -> None:
    cluster.create(JOBS, install_job("blind", "--version=1.17.6", "--set=k8sServiceHost=localhost,k8sServicePort=6444"))
    eventually(lambda: condition(cluster.get(f"{JOBS}/blind"), "Complete"), "the install")

    def crashing() -> Any:
        agents = cluster.get(f"{SYSTEM}/pods?labelSelector=k8s-app=cilium")["items"]
        states = [c["state"] for p in agents for c in p["status"].get("containerStatuses") or []]
        return (
            len(states) == 3
            and all((s.get("waiting") or {}).get("reason") == "CrashLoopBackOff" for s in states)
            and states
        )

    message = eventually(crashing, "the crash of the agents")[0]["waiting"]["message"]
    assert "https://localhost:6444" in message
    assert cluster.get(f"{APPS}/daemonsets/cilium")["status"]["numberReady"] == 0
    assert cluster.ready("mini01")["status"] == "False"
    assert failure(cluster, install_job("twice", "--version=1.17.6")) == "BackoffLimitExceeded"
    for path in (f"{APPS}/daemonsets/cilium", f"{APPS}/daemonsets/cilium-envoy", f"{APPS}/deployments/cilium-operator"):
        cluster.call("DELETE", path)
    cluster.call("DELETE", f"{SYSTEM}/secrets/sh.helm.release.v1.cilium.v1")
    drop(cluster, "blind")
    eventually(lambda: not cluster.get(f"{SYSTEM}/pods?labelSelector=k8s-app=cilium")["items"], "the end of the agents")


def test_the_install_makes_what_the_real_one_makes(cluster: Cluster) -> None:
    values = {"metadata": {"name": "cilium-values"}, "data": {"values.yaml": yaml.safe_dump(VALUES)}}
    cluster.create(f"{SYSTEM}/configmaps", values)
    cluster.create(JOBS, install_job("cilium-install", "--version", "1.17.6", "--values", "/values/values.yaml"))
    eventually(lambda: condition(cluster.get(f"{JOBS}/cilium-install"), "Complete"), "the install")
    eventually(lambda: all(cluster.ready(n)["status"] == "True" for n in NODES.values()), "Ready nodes")
    agent = cluster.get(f"{APPS}/daemonsets/cilium")
    assert agent["spec"]["template"]["spec"]["containers"][0]["image"] == "quay.io/cilium/cilium:v1.17.6"
    eventually(lambda: cluster.get(f"{APPS}/daemonsets/cilium")["status"].get("numberAvailable") == 3, "the rollout")
    status = cluster.get(f"{APPS}/daemonsets/cilium")["status"]
    assert status["desiredNumberScheduled"] == status["updatedNumberScheduled"] == status["numberReady"] == 3
    assert status["observedGeneration"] == 1
    for name in ("cilium-operator", "hubble-relay", "hubble-ui"):
        path = f"{APPS}/deployments/{name}"
        eventually(lambda path=path: condition(cluster.get(path), "Available"), f"{name}")
    config = cluster.get(f"{SYSTEM}/configmaps/cilium-config")["data"]
    assert config["enable-bgp-control-plane"] == "true"
    release = cluster.get(f"{SYSTEM}/secrets/sh.helm.release.v1.cilium.v1")
    assert release["type"] == "helm.sh/release.v1"
    assert release["metadata"]["labels"]["status"] == "deployed"
    assert base64.b64decode(base64.b64decode(release["data"]["release"]))[:2] == b"\x1f\x8b"
    for name in NODES.values():
        node = cluster.get(f"/api/v1/nodes/{name}")
        assert not node["spec"].get("taints")
        assert cluster.lab.nodes()[name]["kubernetes_ready"]
        assert cluster.lab.nodes()[name]["unmet"] == []


def test_the_operator_brings_kinds_and_cilium_nodes(cluster: Cluster) -> None:
    path = "/apis/cilium.io/v2/ciliumnodes"
    found = eventually(
        lambda: (n := cluster.call("GET", path)[1].get("items") or []) and len(n) == 3 and n, "three CiliumNodes"
    )
    blocks = {block for node in found for block in node["spec"]["ipam"]["podCIDRs"]}
    assert blocks == {"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}
    plurals = {r["name"] for r in cluster.get("/apis/cilium.io/v2alpha1")["resources"]}
    assert {"ciliumbgpclusterconfigs", "ciliumbgppeeringpolicies", "ciliumloadbalancerippools/status"} <= plurals


def test_load_balancer_services_get_addresses_only_with_a_pool(cluster: Cluster) -> None:
    services, pools = "/api/v1/namespaces/default/services", "/apis/cilium.io/v2alpha1/ciliumloadbalancerippools"

    def service(name: str, **annotations: str) -> None:
        metadata = {"name": name, "labels": {"io.cilium/lb-ipam-pool": "bgp-ingress"}, "annotations": annotations}
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"a": "b"}}
        cluster.create(services, {"metadata": metadata, "spec": spec})

    def verdict(name: str) -> tuple[list[str], str]:
        status = cluster.get(f"{services}/{name}")["status"]
        ingress = [entry["ip"] for entry in status["loadBalancer"].get("ingress") or []]
        reasons = [c["reason"] for c in status.get("conditions") or [] if c["type"] == "cilium.io/IPAMRequestSatisfied"]
        return ingress, (reasons or [""])[0]

    service("any")
    selector = {"matchLabels": {"io.cilium/lb-ipam-pool": "bgp-ingress"}}
    blocks = [{"start": "172.29.52.200", "stop": "172.29.52.201"}]
    cluster.create(
        pools,
        {
            "apiVersion": "cilium.io/v2alpha1",
            "kind": "CiliumLoadBalancerIPPool",
            "metadata": {"name": "bgp-ingress"},
            "spec": {"blocks": blocks, "serviceSelector": selector},
        },
    )
    service("pinned", **{"lbipam.cilium.io/ips": "172.29.52.250"})
    eventually(lambda: verdict("pinned")[1] == "no_pool", "the refusal of an address outside the pool")
    eventually(lambda: verdict("any")[0], "an address")
    other = ({"172.29.52.200", "172.29.52.201"} - set(verdict("any")[0])).pop()
    service("wish", **{"lbipam.cilium.io/ips": other})
    eventually(lambda: verdict("wish") == ([other], "satisfied"), "the address that was asked for")
    service("late")
    eventually(lambda: verdict("late") == ([], "out_of_ips"), "the exhaustion")
    cluster.call("DELETE", f"{services}/wish")
    eventually(lambda: verdict("late") == ([other], "satisfied"), "the address that was given back")
    conditions = {c["type"]: c for c in cluster.get(f"{pools}/bgp-ingress")["status"]["conditions"]}
    assert conditions["cilium.io/PoolConflict"]["status"] == "False"
    assert (conditions["cilium.io/IPsTotal"]["status"], conditions["cilium.io/IPsTotal"]["message"]) == ("Unknown", "2")
    cluster.call("DELETE", f"{pools}/bgp-ingress")
    eventually(lambda: verdict("late")[0] == [], "the loss of the address with its pool")


def test_at_rest_nobody_writes(cluster: Cluster) -> None:
    # A real API server renews leases of its own; these are the controllers' business.
    paths = ("/api/v1/nodes", "/api/v1/pods", "/api/v1/services", f"{APPS}/daemonsets", f"{APPS}/deployments")

    def objects() -> dict[tuple[str, str], Any]:
        items = [(path, item) for path in paths for item in cluster.get(path)["items"]]
        return {(path, item["metadata"]["name"]): item for path, item in items}

    def rests() -> bool:
        before = objects()
        time.sleep(1.0)
        return objects() == before

    eventually(rests, "rest")
    before, writes = objects(), cluster.lab.writes()
    time.sleep(2.5)
    assert objects() == before
    assert cluster.lab.writes() == writes


def test_writes_are_counted_and_dry_runs_are_not(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    before = cluster.lab.writes().get(f"POST {path}", 0)
    cluster.create(f"{path}?dryRun=All", {"metadata": {"name": "dry"}})
    cluster.create(path, {"metadata": {"name": "wet"}})
    assert cluster.lab.writes()[f"POST {path}"] == before + 1


def test_faults_of_the_api_meet_clients_and_not_the_controllers(cluster: Cluster) -> None:
    cluster.lab.command("fault", "kube", '{"path": "/api/v1/nodes$", "status": 503, "times": 2}')
    for _unused in range(2):
        status, answer = cluster.call("GET", "/api/v1/nodes")
        assert (status, answer["kind"], answer["code"]) == (503, "Status", 503)
    assert cluster.call("GET", "/api/v1/nodes")[0] == 200
    assert cluster.lab.status()["faults"]["kube"][0]["times"] == 0
    cluster.lab.command("fault", "kube", '{"path": "/version", "reset": true}')
    with pytest.raises(OSError, match=r"reset|closed|EOF|disconnected|Remote end"):
        cluster.call("GET", "/version")
    assert cluster.call("GET", "/version")[0] == 200
    refused = cluster.lab.command("fault", "kube", '{"pth": "/x"}', check=False)
    assert "did you mean 'path'?" in refused.stderr
    cluster.lab.command("fault", "--clear")
    assert cluster.lab.status()["faults"]["kube"] == []
    assert cluster.call("GET", "/api/v1/nodes")[0] == 200


def test_doors_and_vip_follow_the_power(cluster: Cluster) -> None:
    holder = cluster.lab.status()["kubernetes"]["vip_holder"]
    number = next(n for n, name in NODES.items() if name == holder)
    cluster.lab.command("fault", holder, "die")
    with socket.socket() as probe:
        assert probe.connect_ex((f"127.61.51.{10 + number}", 6443)) != 0
    moved = eventually(
        lambda: (h := cluster.lab.status()["kubernetes"]["vip_holder"]) and h != holder and h, "the move"
    )
    assert moved in NODES.values()
    assert cluster.call("GET", "/version")[0] == 200
    eventually(lambda: cluster.ready(holder)["status"] == "Unknown", "the loss of the node")
    assert cluster.ready(moved)["status"] == "True"
    eventually(lambda: cluster.get(f"{APPS}/daemonsets/cilium")["status"]["numberReady"] == 2, "two agents")
    assert cluster.lab.nodes()[holder]["kubernetes_ready"] is False
    cluster.lab.command("power", "on", holder)
    eventually(lambda: cluster.doors()[holder]["open"], "the door of the node that is back")
    eventually(lambda: cluster.ready(holder)["status"] == "True", "the return of the node")
    assert cluster.lab.status()["kubernetes"]["vip_holder"] == moved


def test_a_reboot_makes_a_node_unready_until_its_agent_runs_again(cluster: Cluster) -> None:
    before = cluster.get("/api/v1/nodes/mini03")["status"]["nodeInfo"]["bootID"]
    cluster.lab.command("fault", "delays.cilium.agent", "1.0")
    with cluster.node(3) as client:
        client.reboot()

    def came_back() -> bool:
        return cluster.get("/api/v1/nodes/mini03")["status"]["nodeInfo"]["bootID"] != before

    eventually(came_back, "the new boot id")
    assert cluster.ready("mini03")["status"] == "False"
    eventually(lambda: cluster.ready("mini03")["status"] == "True", "the return of the node")
    eventually(lambda: cluster.lab.nodes()["mini03"]["unmet"] == [], "Talos' own readiness")


def test_without_quorum_no_door_is_open(cluster: Cluster) -> None:
    for name in ("mini02", "mini03"):
        cluster.lab.command("fault", name, "die")
    eventually(lambda: not any(d["open"] for d in cluster.doors().values()), "the closing of all doors")
    for name in ("mini02", "mini03"):
        cluster.lab.command("power", "on", name)
    eventually(lambda: all(d["open"] for d in cluster.doors().values()), "the opening of all doors")
    eventually(lambda: all(cluster.ready(n)["status"] == "True" for n in NODES.values()), "Ready nodes")


def test_logs_and_status_hold_no_secret(cluster: Cluster) -> None:
    bundle = cluster.bundle.as_dict()
    canaries = [bundle["cluster"]["secret"], bundle["secrets"]["bootstraptoken"], bundle["trustdinfo"]["token"]]
    for certificate in bundle["certs"].values():
        key = base64.b64decode(certificate["key"]).decode()
        canaries += [certificate["key"][100:160], key.splitlines()[1]]
    texts = [path.read_text(errors="replace") for path in (cluster.lab.directory / "logs").rglob("*") if path.is_file()]
    texts.append(cluster.lab.command("status", "--json").stdout)
    assert len(texts) > 2
    for text in texts:
        assert not [canary for canary in canaries if canary in text]
        assert "PRIVATE KEY" not in text


def test_namespaces_and_owners_are_followed(cluster: Cluster) -> None:
    cluster.create("/api/v1/namespaces", {"metadata": {"name": "gone"}})
    owner = cluster.create("/api/v1/namespaces/gone/configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    child = {"metadata": {"name": "child", "ownerReferences": [reference]}}
    cluster.create("/api/v1/namespaces/gone/configmaps", child)
    cluster.call("DELETE", "/api/v1/namespaces/gone/configmaps/owner")
    eventually(lambda: cluster.call("GET", "/api/v1/namespaces/gone/configmaps/child")[0] == 404, "the child's end")
    cluster.create("/api/v1/namespaces/gone/configmaps", {"metadata": {"name": "content"}})
    cluster.call("DELETE", "/api/v1/namespaces/gone")
    eventually(lambda: cluster.call("GET", "/api/v1/namespaces/gone")[0] == 404, "the namespace's end")


def test_workloads_roll(cluster: Cluster) -> None:
    apps = "/apis/apps/v1/namespaces/default"
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
    shape = {"selector": {"matchLabels": {"a": "b"}}, "template": pod, "replicas": 2}
    cluster.create(f"{apps}/deployments", {"metadata": {"name": "web"}, "spec": shape})
    cluster.create(f"{apps}/statefulsets", {"metadata": {"name": "db"}, "spec": {**shape, "serviceName": "db"}})

    def rolled(path: str) -> bool:
        found = cluster.get(path)
        status = found["status"]
        counts = [status.get(k) for k in ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")]
        return counts == [2, 2, 2, 2] and status["observedGeneration"] == found["metadata"]["generation"]

    eventually(lambda: rolled(f"{apps}/deployments/web"), "the Deployment")
    eventually(lambda: rolled(f"{apps}/statefulsets/db"), "the StatefulSet")
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}}}
    for path in (f"{apps}/deployments/web", f"{apps}/statefulsets/db"):
        status, answer = cluster.call(
            "PATCH", path, patch, **{"Content-Type": "application/strategic-merge-patch+json"}
        )
        assert status == 200, answer
        eventually(lambda path=path: rolled(path), f"the update of {path}")
    images = {
        c["image"]
        for p in cluster.get("/api/v1/namespaces/default/pods")["items"]
        if p["status"].get("phase") == "Running"
        for c in p["spec"]["containers"]
    }
    assert images == {"nginx:2"}


@pytest.mark.skipif(shutil.which("talosctl") is None, reason="talosctl, which this test resets with, is not on PATH")
def test_a_reset_everywhere_drops_the_kubernetes(cluster: Cluster) -> None:
    for number in (3, 2, 1):
        reset(cluster, number)
    eventually(lambda: all(n["stage"] == "maintenance" for n in cluster.lab.status()["nodes"]), "maintenance")
    eventually(lambda: cluster.lab.status()["kubernetes"]["backend"] is None, "the end of the backend")
    assert not any(door["open"] for door in cluster.doors().values())
    eventually(lambda: not (cluster.lab.directory / "kubernetes").exists(), "the end of the data")
    cluster.install()
    cluster.bootstrap()
    eventually(lambda: len(cluster.get("/api/v1/nodes")["items"]) == 3, "three new nodes")
    assert cluster.call("GET", f"{APPS}/daemonsets/cilium")[0] == 404


def reset(cluster: Cluster, number: int) -> None:
    """Wipe STATE and EPHEMERAL of one node and reboot it."""
    listen = f"{cluster.lab.net}.51.{10 + number}"
    config = cluster.lab.directory.parent / f"talosconfig{number}"
    now = datetime.datetime.now(datetime.UTC)
    config.write_text(talosconfig.talosconfig_text("t", cluster.bundle, [listen], [listen], now))
    config.chmod(0o600)
    labels = ["--system-labels-to-wipe", "STATE", "--system-labels-to-wipe", "EPHEMERAL"]
    command = ["talosctl", "--talosconfig", str(config), "reset", "--graceful=false", "--reboot", "--wait=false"]
    subprocess.run([*command, *labels], check=True, capture_output=True, timeout=30)
