# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated chart renders, and the release that Flux must be able to adopt."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from lab.controllers.api import CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, ROLE_BINDINGS
from lab.controllers.cilium import chart, crds, install, release

HOME = {
    "k8sServiceHost": "localhost",
    "k8sServicePort": 7445,
    "kubeProxyReplacement": True,
    "bgpControlPlane": {"enabled": True},
    "hubble": {"relay": {"enabled": True}, "ui": {"enabled": True}},
    "operator": {"replicas": 1},
    "ipam": {"mode": "cluster-pool", "operator": {"clusterPoolIPv4PodCIDRList": ["10.244.0.0/16"]}},
}


def rendered(values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    objects = chart.render("1.17.6", values, "kube-system", "cilium")
    return {(resource.kind, obj["metadata"]["name"]): obj for resource, obj in objects}


def test_the_homes_values_make_the_homes_objects() -> None:
    objects = rendered(HOME)
    agent = objects["DaemonSet", "cilium"]["spec"]["template"]["spec"]
    assert agent["containers"][0]["image"] == "quay.io/cilium/cilium:v1.17.6"
    assert {"name": "KUBERNETES_SERVICE_PORT", "value": "7445"} in agent["containers"][0]["env"]
    assert agent["hostNetwork"]
    operator = objects["Deployment", "cilium-operator"]
    assert operator["spec"]["replicas"] == 1
    assert operator["spec"]["template"]["spec"]["containers"][0]["image"] == "quay.io/cilium/operator-generic:v1.17.6"
    config = objects["ConfigMap", "cilium-config"]["data"]
    assert config["enable-bgp-control-plane"] == "true"
    assert config["cluster-pool-ipv4-cidr"] == "10.244.0.0/16"
    assert config["kube-proxy-replacement"] == "true"
    assert ("RoleBinding", "cilium-bgp-control-plane-secrets") in objects
    assert {("Deployment", "hubble-relay"), ("Deployment", "hubble-ui"), ("DaemonSet", "cilium-envoy")} <= set(objects)


def test_defaults_are_those_of_the_chart() -> None:
    objects = rendered({})
    assert objects["Deployment", "cilium-operator"]["spec"]["replicas"] == 2
    config = objects["ConfigMap", "cilium-config"]["data"]
    assert config["enable-bgp-control-plane"] == "false"
    assert config["cluster-pool-ipv4-cidr"] == "10.0.0.0/8"
    assert ("Deployment", "hubble-relay") not in objects
    assert not [key for key in objects if key[0] == ROLE_BINDINGS.kind]
    assert (
        objects["DaemonSet", "cilium"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["name"] == "K8S_NODE_NAME"
    )


def test_every_object_belongs_to_the_release_and_every_selector_finds_its_pods() -> None:
    for (kind, _unused), obj in rendered(HOME).items():
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert obj["metadata"]["annotations"] == {
            "meta.helm.sh/release-name": "cilium",
            "meta.helm.sh/release-namespace": "kube-system",
        }
        if kind in (DAEMON_SETS.kind, DEPLOYMENTS.kind):
            labels = obj["spec"]["template"]["metadata"]["labels"]
            assert obj["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if kind == CONFIG_MAPS.kind:
            assert all(isinstance(value, str) for value in obj["data"].values())


def test_the_release_is_stored_as_helm_stores_it() -> None:
    objects = [obj for _unused, obj in chart.render("1.17.6", HOME, "kube-system", "cilium")]
    stored = release.secret("cilium", "kube-system", "1.17.6", HOME, objects)
    assert stored["type"] == "helm.sh/release.v1"
    assert stored["metadata"]["name"] == "sh.helm.release.v1.cilium.v1"
    labels = stored["metadata"]["labels"]
    assert (labels["name"], labels["owner"], labels["status"], labels["version"]) == ("cilium", "helm", "deployed", "1")
    inside = release.unpack(stored)
    assert inside["config"] == HOME
    assert inside["chart"]["metadata"]["version"] == "1.17.6"
    assert inside["info"]["status"] == "deployed"
    assert len(list(yaml.safe_load_all(inside["manifest"]))) == len(objects)


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("quay.io/cilium/cilium-cli:v0.16.24", True),
        ("quay.io/cilium/cilium-cli-ci:latest", True),
        ("registry.lab:5000/mirror/cilium-cli:v1@sha256:" + "0" * 64, True),
        ("quay.io/cilium/cilium:v1.17.6", False),
        ("busybox", False),
    ],
)
def test_which_images_are_the_cli(image: str, wanted: bool) -> None:
    assert install.is_cilium_cli(image) is wanted


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        ({"image": "q/cilium-cli:1", "args": ["install", "--wait"]}, ["install", "--wait"]),
        ({"image": "q/cilium-cli:1", "command": ["cilium", "install"]}, ["install"]),
        ({"image": "q/cilium-cli:1", "command": ["cilium"], "args": ["install"]}, ["install"]),
        ({"image": "q/cilium-cli-ci:1", "command": ["/usr/local/bin/cilium", "install"]}, ["install"]),
    ],
)
def test_the_cli_gets_its_arguments(container: dict[str, Any], wanted: list[str]) -> None:
    assert install.arguments(container) == wanted


@pytest.mark.parametrize(
    "container",
    [
        {"image": "q/cilium-cli-ci:1", "args": ["install"]},  # this image has no entry point
        {"image": "q/cilium-cli:1", "command": ["install"]},
    ],
)
def test_a_container_that_does_not_run_the_cli(container: dict[str, Any]) -> None:
    with pytest.raises(install.InstallError, match='exec: "install": executable file not found'):
        install.arguments(container)


def test_the_chart_refuses_a_kube_proxy_replacement_that_is_neither_true_nor_false() -> None:
    install.check_values({"kubeProxyReplacement": "true"})
    install.check_values({"anything": {"unknown": 1}})
    with pytest.raises(install.InstallError, match="must be explicitly set to a valid value"):
        install.check_values({"kubeProxyReplacement": "strict"})


BY_KIND = {d["spec"]["names"]["kind"]: d for d in crds.definitions()}


def schema(kind: str) -> Any:
    return BY_KIND[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def test_all_bgp_kinds_are_cluster_scoped_v2alpha1_with_their_short_names() -> None:
    wanted = {
        "CiliumBGPPeeringPolicy": ("ciliumbgppeeringpolicies", "bgpp", False),
        "CiliumBGPClusterConfig": ("ciliumbgpclusterconfigs", "cbgpcluster", True),
        "CiliumBGPPeerConfig": ("ciliumbgppeerconfigs", "cbgppeer", True),
        "CiliumBGPAdvertisement": ("ciliumbgpadvertisements", "cbgpadvert", False),
        "CiliumBGPNodeConfigOverride": ("ciliumbgpnodeconfigoverrides", "cbgpnodeoverride", False),
        "CiliumBGPNodeConfig": ("ciliumbgpnodeconfigs", "cbgpnode", True),
        "CiliumLoadBalancerIPPool": ("ciliumloadbalancerippools", "ippool", True),
    }
    for kind, (plural, short, status) in wanted.items():
        spec = BY_KIND[kind]["spec"]
        assert BY_KIND[kind]["metadata"]["name"] == f"{plural}.cilium.io"
        assert (spec["scope"], spec["versions"][0]["name"]) == ("Cluster", "v2alpha1")
        assert short in spec["names"]["shortNames"]
        assert ("status" in spec["versions"][0]["subresources"]) is status


# What a real API server with Cilium's own schemas stored and refused.
LEGACY = {"localASN": 64512, "neighbors": [{"peerAddress": "172.29.51.1/32", "peerASN": 64513}]}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("CiliumBGPPeeringPolicy", {"virtualRouters": [LEGACY]}),
        ("CiliumBGPClusterConfig", {"bgpInstances": [{"name": "i", "localASN": 64512, "peers": [{"name": "p"}]}]}),
        ("CiliumBGPPeerConfig", {"timers": {"holdTimeSeconds": 9}}),
        ("CiliumBGPAdvertisement", {"advertisements": []}),
        ("CiliumLoadBalancerIPPool", {"blocks": [{"start": "172.29.52.100", "stop": "172.29.52.199"}]}),
    ],
)
def test_schemas_accept(kind: str, spec: Any) -> None:
    jsonschema.validate(spec, schema(kind))


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("CiliumBGPPeeringPolicy", {"virtualRouters": []}),
        (
            "CiliumBGPClusterConfig",
            {"bgpInstances": [{"name": "i", "peers": [{"name": "p", "peerAddress": "1.1.1.1/32"}]}]},
        ),
        ("CiliumBGPClusterConfig", {"bgpInstances": [{"name": str(i)} for i in range(17)]}),
        ("CiliumBGPPeerConfig", {"timers": {"holdTimeSeconds": 1}}),
        ("CiliumBGPPeerConfig", {"gracefulRestart": {"enabled": True, "restartTimeSeconds": 5000}}),
        ("CiliumBGPPeerConfig", {"ebgpMultihop": 256}),
        (
            "CiliumBGPAdvertisement",
            {"advertisements": [{"advertisementType": "PodCIDR", "attributes": {"communities": ["64512:100"]}}]},
        ),
        (
            "CiliumBGPAdvertisement",
            {"advertisements": [{"advertisementType": "Service", "service": {"addresses": ["Pod"]}}]},
        ),
        ("CiliumLoadBalancerIPPool", {"allowFirstLastIPs": True}),
    ],
)
def test_schemas_refuse(kind: str, spec: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, schema(kind))
