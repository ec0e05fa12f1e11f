# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to another Kubernetes version: its order, its refusals, and that every point of it is safe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents, kubernetes_images as images
from ansible_collections.homeops.cluster.plugins.module_utils.talos.kubernetes_plan import (
    API_SERVER,
    COMPONENTS,
    KUBELET,
    PROXY,
    STATIC_PODS,
    NodeState,
    Plan,
    Version,
    after,
    parse,
    plan,
    retagged,
    tag,
    violations,
)

REGISTRY = {KUBELET: "ghcr.io/siderolabs/kubelet"}


def version(text: str) -> Version:
    found = parse(text)
    assert found is not None
    return found


def image(component: str, text: str) -> str:
    return f"{REGISTRY.get(component, f'registry.k8s.io/{component}')}:{text}"


def node(name: str, text: str = "v1.31.1", talos: str = "v1.10.5", **other: str) -> NodeState:
    """A control plane that runs one version, with exceptions by component (``kubelet="v1.30.1"``)."""
    texts = {component: other.get(component.replace("-", "_"), text) for component in COMPONENTS if component != PROXY}
    return NodeState(
        name,
        {component: image(component, value) for component, value in texts.items()},
        {component: version(value) for component, value in texts.items()},
        talos,
    )


def three(**more: str) -> list[NodeState]:
    return [node(name, **more) for name in ("mini01", "mini02", "mini03")]


def test_one_component_after_the_other_and_the_kubelets_last() -> None:
    way = plan(version("v1.31.6"), three())
    assert not way.refusals
    assert [(step.component, step.node) for step in way.steps] == [
        (component, name) for component in (*STATIC_PODS, KUBELET) for name in ("mini01", "mini02", "mini03")
    ]
    assert way.steps[0].text == "kube-apiserver on mini01: v1.31.1 -> v1.31.6"
    assert way.steps[-1].image == "ghcr.io/siderolabs/kubelet:v1.31.6"


def test_nothing_to_do_and_going_on() -> None:
    assert plan(version("v1.31.1"), three()) == Plan()
    nodes = three()
    steps = plan(version("v1.31.6"), nodes).steps
    for step in steps[:5]:
        nodes = after(nodes, step)
    assert plan(version("v1.31.6"), nodes).steps == steps[5:]


def test_what_is_written_and_does_not_run_yet_is_waited_for() -> None:
    """The power went between the write and the restart."""
    nodes = three()
    first = nodes[0]
    nodes[0] = replace(first, configured={**first.configured, API_SERVER: image(API_SERVER, "v1.31.6")})
    step = plan(version("v1.31.6"), nodes).steps[0]
    assert (step.component, step.node, step.edit) == (API_SERVER, "mini01", False)
    silent = replace(first, running={**first.running, KUBELET: None})
    assert plan(version("v1.31.1"), [silent, *three()[1:]]).steps[0].component == KUBELET


@pytest.mark.parametrize(
    ("target", "nodes", "text"),
    [
        ("v1.33.0", three(), "more than one minor release further: go by each one between them"),
        ("v1.30.9", three(), "Kubernetes does not go back"),
        ("v2.0.0", three(), "more than one minor release further"),
        ("v1.34.0", three(text="v1.33.2"), "Talos v1.10.5, which supports Kubernetes v1.28 to v1.33, not v1.34.0"),
        ("v1.31.6", [], "no node is named"),
        ("v1.31.6", [*three()[1:], NodeState("mini01", problem="it is off")], "mini01: it is off"),
        ("v1.32.0", three(kubelet="v1.28.1"), "more than 3 minor releases behind the API server v1.32.0"),
        ("v1.31.6", three(kubelet="v1.32.0"), "kubelet of mini01 runs v1.32.0, which is newer than v1.31.6"),
    ],
)
def test_refusals(target: str, nodes: list[NodeState], text: str) -> None:
    way = plan(version(target), nodes)
    assert not way.steps
    assert any(text in refusal for refusal in way.refusals), way.refusals


def test_versions_that_do_not_fit_each_other_now() -> None:
    nodes = [node("mini01", "v1.30.1", kubelet="v1.31.1"), *three(text="v1.30.1")[1:]]
    way = plan(version("v1.31.1"), nodes)
    assert "kubelet v1.31.1 on mini01 newer than the API server v1.30.1" in way.refusals[0]


def test_back_within_a_minor_release_is_possible_and_told() -> None:
    way = plan(version("v1.31.1"), [node("mini01", "v1.31.6"), *three()[1:]])
    assert [step.node for step in way.steps] == ["mini01"] * 4
    assert way.notes == ("this goes back from v1.31.6 to v1.31.1 within one minor release",)


def test_a_kube_proxy_that_is_used_goes_before_the_kubelets() -> None:
    nodes = [
        replace(
            one,
            configured={**one.configured, PROXY: image(PROXY, "v1.31.1")},
            running={**one.running, PROXY: version("v1.31.1")},
        )
        for one in three()
    ]
    order = list(dict.fromkeys(step.component for step in plan(version("v1.31.6"), nodes).steps))
    assert order == [*STATIC_PODS, PROXY, KUBELET]


def test_images() -> None:
    assert retagged("mirror:5000/kubelet:v1.31.1-fat", version("v1.31.6")) == "mirror:5000/kubelet:v1.31.6-fat"
    assert retagged(f"r.io/k:v1.31.1@sha256:{'0' * 64}", version("v1.31.6")) == "r.io/k:v1.31.6"
    assert tag("registry.k8s.io/kube-scheduler") == ""
    assert parse("latest") is None
    broken = replace(three()[0], configured={API_SERVER: "registry.k8s.io/kube-apiserver"})
    assert "has no version" in plan(version("v1.31.6"), [broken]).refusals[0]


@given(
    minors=st.lists(st.integers(29, 31), min_size=3, max_size=3),
    kubelets=st.lists(st.integers(28, 31), min_size=3, max_size=3),
    target=st.integers(29, 33),
    done=st.integers(0, 12),
)
def test_every_point_of_the_way_keeps_the_skew_rules(
    minors: list[int], kubelets: list[int], target: int, done: int
) -> None:
    nodes = [
        node(f"mini0{number}", f"v1.{minor}.3", kubelet=f"v1.{min(kubelet, minor)}.3")
        for number, (minor, kubelet) in enumerate(zip(minors, kubelets, strict=True), 1)
    ]
    wanted = Version(1, target, 4)
    way = plan(wanted, nodes)
    assert not (way.steps and way.refusals)
    for number, step in enumerate(way.steps):
        if number == done:  # whoever is stopped here goes on with the rest
            assert plan(wanted, nodes).steps == way.steps[number:]
        nodes = after(nodes, step)
        assert violations(nodes) == []
    if not way.refusals:
        assert plan(wanted, nodes) == Plan(notes=())
        assert {one for state in nodes for one in state.running.values()} == {wanted}


CONFIG = """
version: v1alpha1
machine:
    type: controlplane
    kubelet:
        image: ghcr.io/siderolabs/kubelet:v1.31.1
cluster:
    apiServer:
        image: registry.k8s.io/kube-apiserver:v1.31.1
    proxy:
        disabled: true
        image: registry.k8s.io/kube-proxy:v1.31.1
"""


def test_the_machine_config_names_them() -> None:
    config = documents.decode(CONFIG)
    body = images.body_of(config)
    found = images.configured(body)
    assert found[API_SERVER] == "registry.k8s.io/kube-apiserver:v1.31.1"
    assert found["kube-scheduler"] == ""
    # Talos keeps the image of a kube-proxy that is disabled in step.
    assert found[PROXY] == "registry.k8s.io/kube-proxy:v1.31.1"
    assert not images.uses_proxy(body)
    new = documents.decode(CONFIG.replace("kubelet:v1.31.1", "kubelet:v1.31.6"))
    assert images.moved(config, new) == ["kubelet v1.31.1 -> v1.31.6"]
    images.set_image(body, KUBELET, "ghcr.io/siderolabs/kubelet:v1.31.6")
    assert images.configured(body)[KUBELET].endswith("v1.31.6")
    worker = documents.decode(CONFIG.replace("controlplane", "worker"))
    assert list(images.configured(images.body_of(worker))) == [KUBELET]
