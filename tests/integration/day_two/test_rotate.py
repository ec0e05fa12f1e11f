# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/rotate.yml: one named credential at a time, proved before the old one is given up."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.authentik.errors import AuthentikError
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import load_talosconfig
from ansible_collections.homeops.cluster.plugins.modules import authentik_info, talos_info
from lab.bgp import programs
from tests.harness.bgp import Kubernetes, Router, until
from tests.harness.lab import CHECKOUT, Lab, Run
from tests.harness.operator import Operator
from tests.integration.day_two.conftest import running_versions

BOOK = "playbooks/rotate.yml"
NODES = {"172.29.51.11", "172.29.51.12", "172.29.51.13"}


def rotate(lab: Lab, what: str, *more: str, **env: str) -> Run:
    return lab.play(*(("-e", f"rotate={what}") if what else ()), *more, playbook=BOOK, **env)


@pytest.mark.parametrize(("what", "text"), [("", "Nothing is named"), ("everything", "everything is nothing that can")])
def test_only_what_is_named(lab: Lab, what: str, text: str) -> None:
    refused = rotate(lab, what)
    assert refused.rc != 0
    assert text in refused.failures[0].msg
    assert "talosconfig, authentik_token, connect_token, bgp_password>. Nothing was touched" in refused.failures[0].msg


def test_the_talosconfig_is_replaced_by_one_that_the_nodes_take(lab: Lab) -> None:
    path = lab.controller / "talosconfig"
    versions = ("-e", f"@{running_versions(lab)}")
    old = path.read_text(encoding="utf-8")
    looked = rotate(lab, "talosconfig", *versions, "--check")
    assert looked.rc == 0, looked.output
    assert path.read_text(encoding="utf-8") == old
    done = rotate(lab, "talosconfig", *versions)
    assert done.rc == 0, done.output
    new = path.read_text(encoding="utf-8")
    assert new != old
    assert path.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("talosconfig.new").exists()
    key = yaml.safe_load(new)["contexts"]["home-ops"]["key"]
    assert key not in done.output
    operator = Operator(lab)
    answers = operator.call(talos_info, nodes=operator.doors, talosconfig=str(path), gather=["status"])
    assert [node["mode"] for node in answers["nodes"]] == ["configured"] * 3
    assert load_talosconfig(str(path)).certificate.serial_number > 0
    # What is due by itself is not due again.
    after = lab.play(*versions, playbook="playbooks/talos.yml")
    assert (after.rc, after.changed) == (0, set()), after.output


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Lab]:
    """A lab without a cluster, in which an Authentik and a Connect run all the same."""
    scenario = tmp_path / "always.yml"
    scenario.write_text("name: always\nauthentik: {always: true}\n", encoding="utf-8")
    running = Lab("127.59", tmp_path)
    running.up("--scenario", str(scenario))
    try:
        yield running
    finally:
        running.down()


def test_a_token_of_authentik_is_stored_before_the_server_gets_it(identity: Lab) -> None:
    lab = identity
    server = json.loads((lab.directory / "authentik.json").read_text(encoding="utf-8"))
    refused = rotate(lab, "authentik_token", "-e", "rotate_store=file")
    assert refused.rc != 0
    assert "HOMEOPS_AUTHENTIK_NEW_TOKEN. Nothing was touched" in refused.failures[0].msg
    new = "n3w" * 20
    done = rotate(lab, "authentik_token", "-v", HOMEOPS_AUTHENTIK_NEW_TOKEN=new)
    assert done.rc == 0, done.output
    assert new not in done.output
    operator = Operator(lab)
    door = {"url": "https://authentik.k8s.home.geoffdavis.com", "gather": ["tokens"], "ca_file": server["ca_file"]}
    door["door"] = f"{lab.net}.52.200:8443"
    found = operator.call(authentik_info, token=new, **door)
    assert "authentik-bootstrap-token" in [token["identifier"] for token in found["tokens"]]
    with pytest.raises(AuthentikError, match="token"):
        operator.call(authentik_info, token=server["token"], **door)
    # Whoever comes with a key that no longer works is stopped before the item is written.
    late = rotate(lab, "authentik_token", HOMEOPS_AUTHENTIK_NEW_TOKEN="other" * 12)
    assert late.rc != 0
    assert "Store it" not in " ".join(late.ran)


def test_connect_issues_no_tokens_and_says_who_does(lab: Lab) -> None:
    refused = rotate(lab, "connect_token")
    assert refused.rc != 0
    assert "Connect cannot issue its own tokens. Sign in at 1password.com" in refused.failures[0].msg
    wrong = rotate(lab, "connect_token", HOMEOPS_CONNECT_NEW_TOKEN="eyJhbGciOiJFUzI1NiJ9.e30.c2ln")
    assert wrong.rc != 0
    assert "Traceback" not in wrong.output


def accepted(router: Router, prefix: str) -> bool:
    """Whether the router has the prefix from every node, and none of it is stale."""
    paths = [path for path in router.routes().get(prefix) or [] if path.get("valid") and not path.get("stale")]
    return {path["peerId"] for path in paths} == NODES


def test_the_password_of_bgp_is_changed_at_both_ends(lab: Lab, tmp_path: Path) -> None:
    found = programs.find({"PATH": ""})
    if isinstance(found, str):
        pytest.skip(found)
    router, kubernetes = Router(lab.directory), Kubernetes(lab.controller / "kubeconfig")
    kubernetes.ask(
        "POST",
        "/api/v1/namespaces/default/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "labels": {"io.cilium/lb-ipam-pool": "bgp-default"}},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}},
        },
    )
    versions = ("-e", f"@{running_versions(lab)}")
    model = yaml.safe_load((CHECKOUT / "inventories/home/group_vars/all/bgp.yml").read_text(encoding="utf-8"))
    model["homeops_bgp"]["authentication"] = True
    wanted = tmp_path / "bgp.yml"
    wanted.write_text(yaml.safe_dump(model), encoding="utf-8")
    refused = rotate(lab, "bgp_password", HOMEOPS_BGP_PASSWORD="unused")
    assert "homeops_bgp.authentication is false" in refused.failures[0].msg
    up = lab.play(*versions, "-e", f"@{wanted}", playbook="playbooks/bgp.yml", HOMEOPS_BGP_PASSWORD="first-secret")
    assert up.rc == 0, up.output

    def look() -> str:
        service = kubernetes.ask("GET", "/api/v1/namespaces/default/services/web")
        ingress = (service["status"].get("loadBalancer") or {}).get("ingress")
        return ingress[0]["ip"] if ingress else ""

    prefix = f"{until('an address', look)}/32"
    until("the router has it", lambda: accepted(router, prefix))
    since = {peer: about["connectionsEstablished"] for peer, about in router.peers().items()}
    with Gap(router, prefix) as gap:
        done = rotate(lab, "bgp_password", "-e", f"@{wanted}", "-vv", HOMEOPS_BGP_PASSWORD="second-secret")
        assert done.rc == 0, done.output
    print(f"the router was without {prefix} for {gap.seconds:.1f} s, {gap.looks} looks")
    assert accepted(router, prefix)
    assert "second-secret" not in done.output
    assert "password second-secret" in router.vtysh("show running-config").stdout
    assert since.keys() == router.peers().keys()
    again = rotate(lab, "bgp_password", "-e", f"@{wanted}", HOMEOPS_BGP_PASSWORD="second-secret")
    assert (again.rc, again.changed) == (0, set()), again.output


class Gap:
    """Measures from outside for how long a prefix is away."""

    def __init__(self, router: Router, prefix: str) -> None:
        self.router, self.prefix, self.seconds, self.looks = router, prefix, 0.0, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        before = time.monotonic()
        while not self._end.wait(0.2):
            there = self._there()
            now = time.monotonic()
            self.looks += 1
            self.seconds += 0.0 if there else now - before
            before = now

    def _there(self) -> Any:
        try:
            return self.router.routes().get(self.prefix)
        except (AssertionError, ValueError, OSError, subprocess.SubprocessError):
            return None  # its daemon is just being restarted

    def __enter__(self) -> Gap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
