# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes APIs of these tests, each started once: the emulator always, a real one when it is found."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import config
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.modules import kube_apply, kube_info, kube_wait
from tests.harness.kube_server import BACKENDS, KubeServer, has_real

MODULES = {"kube_apply": kube_apply, "kube_info": kube_info, "kube_wait": kube_wait}
RULES = ("mutually_exclusive", "required_one_of")


@pytest.fixture(scope="session", params=BACKENDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    if request.param == "envtest" and not has_real():
        pytest.skip("no kube-apiserver and etcd found (TEST_ASSET_*, KUBEBUILDER_ASSETS, PATH)")
    with KubeServer(tmp_path_factory.mktemp(request.param), request.param) as running:
        running.kubeconfig()
        yield running


@pytest.fixture
def api(server: KubeServer) -> Iterator[Client]:
    with Client(config.load(str(server.directory / "kubeconfig"))) as client:
        yield client


@pytest.fixture
def namespace(api: Client) -> str:
    name = f"t-{uuid.uuid4().hex[:10]}"
    api.request(
        "POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    return name


@pytest.fixture
def call(server: KubeServer) -> Callable[..., dict[str, Any]]:
    """Run a module as its twin does: arguments checked against its spec, then ``run``."""

    def run(
        module_name: str, /, *, check: bool = False, diff: bool = False, ctx: Context | None = None, **params: Any
    ) -> Any:
        module = MODULES[module_name]
        params.setdefault("kubeconfig", str(server.directory / "kubeconfig"))
        rules = {key: module.SPEC[key] for key in RULES if key in module.SPEC}
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"], **rules).validate(params)
        assert not checked.error_messages, checked.error_messages
        return module.run(checked.validated_parameters, ctx or Context(check_mode=check, diff_mode=diff))

    return run
