# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 - a row of the table is one line, its words are the server's
"""The real kubectl walks one shared state of the emulator (and of a real API server when one is found)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import kube_server
from tests.harness.kube_server import KubeServer

KUBECTL = os.environ.get("TEST_ASSET_KUBECTL") or shutil.which("kubectl")
pytestmark = pytest.mark.skipif(not KUBECTL, reason="no kubectl is found (TEST_ASSET_KUBECTL, PATH)")

CONFIG = {
    "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
    "metadata": {"name": "a", "namespace": "default", "labels": {"app": "x"}},
}  # fmt: skip
PORTS = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"]}
PORT = {"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}, "name": {"type": "string"}}}
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SPEC = {
    "type": "object", "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "default": "red", "enum": ["red", "green"]},
        "ports": {**PORTS, "items": PORT},
        "free": ANYTHING,
    },
}  # fmt: skip
STATUS = {"type": "object", "properties": {"conditions": {"type": "array", "items": ANYTHING}}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object", "required": ["spec"], "properties": {"spec": SPEC, "status": STATUS}
                    }
                },
            }
        ],
    },
}  # fmt: skip


def widget(**spec: Any) -> dict[str, Any]:
    meta = {"name": "w1", "namespace": "default"}
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": meta,
        "spec": {**spec, "free": {"any": "thing"}},
    }


FILES = {
    "cm.yaml": CONFIG,
    "cm2.yaml": {**CONFIG, "data": {"k": "v2"}},
    "crd.yaml": DEFINITION,
    "cr.yaml": widget(size=3, bogus=1),
    "crbad.yaml": widget(size=99),
}
READY = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
BOGUS = (
    'Error from server (BadRequest): error when creating "cr.yaml": Widget in version "v1" cannot be handled as a '
    'Widget: strict decoding error: unknown field "spec.bogus"'
)
TOO_LARGE = (
    'The Widget "w1" is invalid: spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10'
)
GONE = (
    'Error from server (NotFound): Unable to list "example.com/v1, Resource=widgets": the server could not find the '
    "requested resource (get widgets.example.com)"
)
CONFLICT = 'error: Apply failed with 1 conflict: conflict with "kubectl": .data.k'
SSA = ("apply", "--server-side")
STEPS: list[tuple[tuple[str, ...], int, tuple[str, ...]]] = [
    (("get", "nodes"), 0, (r"^No resources found$",)),
    (("get", "--raw", "/version"), 0, (r'"gitVersion": ?"v1\.\d+\.\d+',)),
    (
        ("api-resources",),
        0,
        (
            r"^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND$",
            r"^configmaps +cm ",
            r"^deployments +deploy ",
            r"^customresourcedefinitions +crd,crds ",
        ),
    ),
    (("create", "ns", "demo"), 0, (r"^namespace/demo created$",)),
    (("apply", "-f", "cm.yaml"), 0, (r"^configmap/a created$",)),
    (("apply", "-f", "cm.yaml"), 0, (r"^configmap/a unchanged$",)),
    (("get", "cm", "-A"), 0, (r"^NAMESPACE +NAME +DATA +AGE$", r"^default +a +1 ")),
    (("get", "cm", "a", "-o", "yaml"), 0, (r'"namespace":"default"\}\}$', r"(?s)^(?!.*generation:).*$")),
    (("get", "cm", "-l", "app=x"), 0, (r"\A[^\n]*\na +1 [^\n]*\n\Z",)),
    (("get", "cm", "-l", "app=nope"), 0, (r"^No resources found in default namespace\.$",)),
    (("diff", "-f", "cm.yaml"), 0, (r"\A\Z",)),
    (("diff", "-f", "cm2.yaml"), 1, (r"^-  k: v$", r"^\+  k: v2$")),
    (("apply", "-f", "cm2.yaml"), 0, (r"^configmap/a configured$",)),
    ((*SSA, "--force-conflicts", "-f", "cm2.yaml"), 0, (r"^configmap/a serverside-applied$",)),
    ((*SSA, "--field-manager=other", "-f", "cm.yaml"), 1, (re.escape(CONFLICT), r"Please review the fields above")),
    (("get", "cm", "a", "-o", "yaml", "--show-managed-fields"), 0, ()),
    (("apply", "--dry-run=server", "-f", "cm.yaml"), 0, (r"^configmap/a configured \(server dry run\)$",)),
    (("apply", "-f", "crd.yaml"), 0, (r"^customresourcedefinition\.apiextensions\.k8s\.io/widgets\.example\.com created$",)),
    (("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=5s"), 0, (r"condition met$",)),
    (("apply", "-f", "cr.yaml"), 1, (re.escape(BOGUS),)),
    (("apply", "--validate=false", "-f", "cr.yaml"), 0, (r"\Awidget\.example\.com/w1 created\n\Z",)),
    (("get", "widgets"), 0, (r"^NAME +SIZE *$", r"^w1 +3 *$")),
    (("get", "widget", "w1", "-o", "yaml"), 0, (r"^  generation: 1$", r"^  color: red$", r"^    any: thing$", r"(?s)^(?!.*bogus: ).*$")),
    (("apply", "-f", "crbad.yaml"), 1, (re.escape(TOO_LARGE),)),
    (("patch", "widget", "w1", "--type=json", "-p", '[{"op":"replace","path":"/spec/size","value":5}]'), 0, (r"^widget\.example\.com/w1 patched$",)),
    (("patch", "widget", "w1", "--subresource=status", "--type=merge", "-p", READY), 0, (r"patched$",)),
    (("wait", "--for=condition=Ready", "widget/w1", "--timeout=5s"), 0, (r"condition met$",)),
    (("wait", "--for=jsonpath={.spec.size}=5", "widget/w1", "--timeout=5s"), 0, (r"condition met$",)),
    (("patch", "widget", "w1", "--type=merge", "-p", '{"metadata":{"finalizers":["x/y"]}}'), 0, (r"patched$",)),
    (("delete", "widget", "w1", "--wait=false"), 0, (r'^widget\.example\.com "w1" deleted',)),
    (("get", "widget", "w1", "-o", 'jsonpath={.metadata.deletionTimestamp}{"\\n"}'), 0, (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",)),
    (("patch", "widget", "w1", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'), 0, (r"patched$",)),
    (("wait", "--for=delete", "widget/w1", "--timeout=5s"), 0, (r"\A\Z",)),
    (("create", "deployment", "d1", "--image=nginx"), 0, (r"^deployment\.apps/d1 created$",)),
    (("get", "deploy,po"), 0, (r"^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$", r"^deployment\.apps/d1 +0/1 ")),
    (("scale", "deploy", "d1", "--replicas=3"), 0, (r"^deployment\.apps/d1 scaled$",)),
    (("set", "image", "deploy/d1", "nginx=nginx:2"), 0, (r"^deployment\.apps/d1 image updated$",)),
    (("label", "cm", "a", "foo=bar"), 0, (r"^configmap/a labeled$",)),
    (("explain", "configmap.data"), 0, (r"^KIND: +ConfigMap$", r"^VERSION: +v1$", r"^FIELD: data <map\[string\]string>$", r"^DESCRIPTION:$")),
    (("replace", "-f", "cm.yaml"), 0, (r"^configmap/a replaced$",)),
    (("delete", "-f", "cm.yaml"), 0, (r'^configmap "a" deleted',)),
    (("delete", "crd", "widgets.example.com"), 0, (r'^customresourcedefinition\.apiextensions\.k8s\.io "widgets\.example\.com" deleted',)),
    (("get", "widgets"), 1, (re.escape(GONE),)),
    (("auth", "can-i", "create", "pods"), 0, (r"^yes$",)),
]  # fmt: skip


class Kubectl:
    """kubectl with a cache and a kubeconfig of its own; ``say`` answers return code and both outputs."""

    def __init__(self, server: KubeServer, directory: Path) -> None:
        self.directory, self.real = directory, server.name == "envtest"
        for name, document in FILES.items():
            (directory / name).write_text(yaml.safe_dump(document), encoding="utf-8")
        self.base = [str(KUBECTL), "--kubeconfig", server.kubeconfig(), "--cache-dir", str(directory / "cache")]
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "KUBECTL_KUBERC": "false"}

    def say(self, *words: str, text: str = "") -> tuple[int, str]:
        done = subprocess.run(
            [*self.base, *words], cwd=self.directory, env=self.environ, input=text, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module", params=kube_server.BACKENDS)
def kubectl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    if request.param == "envtest" and not kube_server.has_real():
        pytest.skip("no kube-apiserver and etcd are found (TEST_ASSET_*, KUBEBUILDER_ASSETS, PATH)")
    directory = tmp_path_factory.mktemp(request.param)
    with KubeServer(directory, request.param) as server:
        client = Kubectl(server, directory)
        for _attempt in range(100):
            if client.say("get", "ns", "default")[0] == 0:
                break
        yield client


def managers(text: str) -> list[tuple[str, str, Any]]:
    found = yaml.safe_load(text)["metadata"]["managedFields"]
    return sorted((entry["manager"], entry["operation"], entry["fieldsV1"]) for entry in found)


def test_44_steps(kubectl: Kubectl) -> None:
    """One state from the first step to the last, so one test."""
    assert len(STEPS) == 44
    version = ""
    for number, (words, code, wanted) in enumerate(STEPS, 1):
        found, text = kubectl.say(*words)
        where = f"step {number}, kubectl {' '.join(words)}: rc {found}\n{text}"
        assert found == code, where
        for pattern in wanted:
            assert re.search(pattern, text, re.M), f"{pattern!r} not in {where}"
        if number in (5, 6):
            _code, now = kubectl.say("get", "cm", "a", "-o", "jsonpath={.metadata.resourceVersion}")
            assert number == 5 or now == version, where
            version = now
        if number == 16:
            annotation = "f:kubectl.kubernetes.io/last-applied-configuration"
            assert managers(text) == [
                ("kubectl", "Apply", {"f:data": {"f:k": {}}, "f:metadata": {"f:labels": {"f:app": {}}}}),
                ("kubectl-last-applied", "Apply", {"f:metadata": {"f:annotations": {annotation: {}}}}),
            ]
            assert '"annotations":{}' not in text


WORKLOADS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d2}
spec:
  selector: {matchLabels: {app: d2}}
  template:
    metadata: {labels: {app: d2}}
    spec: {containers: [{name: c, image: "nginx:1", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: s2}
spec: {selector: {app: d2}, ports: [{port: 80}]}
"""


def test_workloads_are_applied_restarted_and_left_alone(kubectl: Kubectl) -> None:
    code, text = kubectl.say("apply", "-f", "-", text=WORKLOADS)
    assert (code, text) == (0, "deployment.apps/d2 created\nservice/s2 created\n")
    code, text = kubectl.say("apply", "-f", "-", text=WORKLOADS)
    assert (code, text) == (0, "deployment.apps/d2 unchanged\nservice/s2 unchanged\n")
    code, text = kubectl.say("rollout", "restart", "deploy/d2")
    assert (code, text) == (0, "deployment.apps/d2 restarted\n")
    code, text = kubectl.say("get", "deploy", "d2", "-o", "jsonpath={.metadata.generation}")
    assert (code, text) == (0, "2")
    code, text = kubectl.say("get", "svc", "s2", "-o", "wide")
    assert code == 0 and re.search(r"^s2 +ClusterIP +10\.\d+\.\d+\.\d+ +<none> +80/TCP .* app=d2$", text, re.M)
    code, text = kubectl.say("apply", "--server-side", "-f", "-", text=WORKLOADS)
    assert (code, text) == (0, "deployment.apps/d2 serverside-applied\nservice/s2 serverside-applied\n")


def test_a_node_is_cordoned_and_drained(kubectl: Kubectl) -> None:
    # kubectl takes what begins with a brace for JSON.
    node = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}'
    assert kubectl.say("create", "-f", "-", text=node) == (0, "node/n1 created\n")
    assert kubectl.say("cordon", "n1") == (0, "node/n1 cordoned\n")
    code, text = kubectl.say("get", "nodes")
    assert code == 0 and re.search(r"^n1 +\S*,SchedulingDisabled +<none> ", text, re.M), text
    code, text = kubectl.say("drain", "n1", "--ignore-daemonsets")
    assert code == 0 and text.endswith("node/n1 drained\n"), text
    assert kubectl.say("uncordon", "n1") == (0, "node/n1 uncordoned\n")


def test_secrets_are_created_and_watched(kubectl: Kubectl) -> None:
    code, text = kubectl.say("create", "secret", "generic", "s", "--from-literal=a=b")
    assert (code, text) == (0, "secret/s created\n")
    assert kubectl.say("get", "secret", "s", "-o", "jsonpath={.type} {.data.a}") == (0, "Opaque Yg==")
    code, text = kubectl.say("get", "secret", "s", "--watch", "--request-timeout=1s")
    assert re.search(r"^s +Opaque +1 ", text, re.M), text


def test_a_namespace_goes_with_its_content(kubectl: Kubectl) -> None:
    if kubectl.real:
        pytest.skip("a bare API server has no namespace controller")
    kubectl.say("create", "ns", "gone")
    kubectl.say("create", "configmap", "c", "-n", "gone", "--from-literal=a=b")
    code, text = kubectl.say("delete", "ns", "gone", "--timeout=10s")
    assert code == 0 and text.startswith('namespace "gone" deleted'), text
    assert kubectl.say("get", "cm", "-n", "gone")[1] == "No resources found in gone namespace.\n"
