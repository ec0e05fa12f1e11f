# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that cannot work: one clear sentence each, and nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from tests.harness.kube_server import KubeServer, make_pki

Call = Callable[..., dict[str, Any]]
OTHER = make_pki("another")


def b64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def stranger() -> dict[str, str]:
    crt, key = OTHER.issue("admin", organizations=["system:masters"], client=True)
    return {"client-certificate-data": b64(crt), "client-key-data": b64(key)}


NO_CERTIFICATE = {"client-certificate-data": None, "client-key-data": None}
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "closed": ({"cluster": {"server": "https://127.0.0.1:9"}}, ["https://127.0.0.1:9", "connection refused"]),
    "wrong CA": (
        {"cluster": {"certificate-authority-data": b64(OTHER.ca_crt)}},
        ["not trusted by the CA", "fetch it again"],
    ),
    "wrong name": ({"cluster": {"tls-server-name": "10.9.9.9"}}, ["not for 10.9.9.9", "tls-server-name"]),
    "another cluster's certificate": ({"user": stranger()}, ["the kubeconfig", "etch"]),
    "bad token": ({"user": {**NO_CERTIFICATE, "token": "canary-token"}}, ["does not accept the credentials", "401"]),
    "no credentials": ({"user": NO_CERTIFICATE}, ["does not accept the credentials"]),
    "expired": ({"days": 0}, ["expired on", "UTC"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("module", ["kube_apply", "kube_info", "kube_wait"])
def test_each_says_in_one_sentence_what_is_wrong(server: KubeServer, call: Call, case: str, module: str) -> None:
    changes, told = CASES[case]
    if server.name == "envtest" and case == "no credentials":
        told = ["cannot", "system:anonymous"]  # a real server lets strangers ask for little
    path = server.kubeconfig(f"bad-{case.replace(' ', '-')}", **changes)
    if case == "expired":
        time.sleep(1.1)
    params = {
        "kube_apply": {
            "definition": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "never", "namespace": "default"},
            }
        },
        "kube_info": {"kind": "Secret"},
        "kube_wait": {"targets": [{"kind": "Secret"}], "wait_timeout": 0},
    }[module]
    with pytest.raises(HomeopsError) as caught:
        call(module, kubeconfig=path, timeout=5, **params)
    text = str(caught.value)
    for part in told:
        assert part in text, text
    assert "\n" not in text and "canary" not in text and "Traceback" not in text
    assert not call("kube_info", kind="ConfigMap", name="never")["resources"]


def test_the_name_on_the_certificate_may_differ_from_the_address(server: KubeServer, call: Call) -> None:
    path = server.kubeconfig("named", cluster={"tls-server-name": "172.29.51.10"})
    assert call("kube_info", kind="Namespace", name="default", kubeconfig=path)["resources"]


def test_who_may_not_is_told_so(server: KubeServer, call: Call, tmp_path: Path) -> None:
    if server.name != "envtest":
        pytest.skip("the emulator allows everything to everyone it knows")
    crt, key = server.pki.issue("nobody", client=True)
    config = server.config(user={"client-certificate-data": b64(crt), "client-key-data": b64(key)})
    path = tmp_path / "nobody"
    path.write_text(yaml.safe_dump(config))
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "never", "namespace": "default"}}
    with pytest.raises(HomeopsError, match=r'User "nobody" cannot .*roles allow'):
        call("kube_apply", definition=config_map, kubeconfig=str(path))


def test_a_token_is_enough(server: KubeServer, call: Call, api: Any) -> None:
    if server.name != "envtest":
        pytest.skip("the emulator issues no tokens")
    api.request(
        "POST",
        "/api/v1/namespaces/default/serviceaccounts",
        body={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bot"}},
    )
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "bot"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "default"}],
    }
    call("kube_apply", definition=binding)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = api.request("POST", "/api/v1/namespaces/default/serviceaccounts/bot/token", body=body)
    path = server.kubeconfig("token", user={**NO_CERTIFICATE, "token": answer["status"]["token"]})
    assert call("kube_info", kind="Namespace", name="default", kubeconfig=path)["resources"]
