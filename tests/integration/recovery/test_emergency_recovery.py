# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""emergency_recovery.yml on a whole lab: each break is named first, and mended by its own word only."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.talos import operations
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import load_talosconfig
from ansible_collections.homeops.cluster.plugins.modules import authentik_info, authentik_outpost, kube_apply
from tests.harness.lab import Lab, Run

#: A whole lab is walked through whole runs, on machines that are slow at times.
pytestmark = pytest.mark.timeout(1200)
PASSPHRASE = "a long one that only tests use"
SERVICES = ("longhorn", "grafana", "prometheus", "alertmanager", "dashboard", "hubble")


def recover(lab: Lab, *words: str, **variables: Any) -> Run:
    given = ["-e", json.dumps({"emergency_recovery_timeout": 240, "restore_patience": 1, **variables})]
    return lab.play(
        *given, *words, playbook="playbooks/emergency_recovery.yml", HOMEOPS_BACKUP_PASSPHRASE=PASSPHRASE, timeout=600
    )


def call(module: Any, **given: Any) -> dict[str, Any]:
    """Somebody else's hand: a module called outside of the playbook."""
    checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return dict(module.run(checked.validated_parameters, Context()))


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def standing(lab: Lab) -> tuple[Any, Any]:
    """What a run that changes nothing leaves as it was."""
    return {name: node["boot_id"] for name, node in lab.nodes().items()}, lab.writes()


def named(lab: Lab, layer: str, word: str, text: str) -> None:
    """A run without any allowed repair names the layer first, what would mend it, and touches nothing."""
    before = standing(lab)
    run = recover(lab)
    assert run.rc != 0
    (failure,) = run.failures
    assert failure.msg.startswith(f"Layer {layer} is broken: "), failure.msg
    assert text in failure.msg
    assert f"-e repair={word} would mend it; it is not allowed" in failure.msg
    assert "Traceback" not in run.output
    assert not run.changed
    assert standing(lab) == before


def mended(lab: Lab, layers: Mapping[str, str], word: str, **variables: Any) -> None:
    """The allowed repairs mend what is broken: each layer was the first one once, and was told in these words."""
    run = recover(lab, "-e", f"repair={word}", **variables)
    assert run.rc == 0, run.output
    told = [line for line in run.output.splitlines() if re.match(r"[a-z]+ +BROKEN", line)]
    assert [line.split()[0] for line in told] == list(layers), run.output
    for line, text in zip(told, layers.values(), strict=True):
        assert text in line


def wipe(lab: Lab, number: int, label: str) -> None:
    """A node loses a partition, as when somebody resets it by hand."""
    identity = load_talosconfig(str(lab.controller / "talosconfig"))
    address = f"{lab.net}.51.{number}"
    with TalosClient(address, identity=identity, server_name=f"172.29.51.{number}") as client:
        operations.reset(client, [label], graceful=False)


def test_nothing_is_broken_and_nothing_is_touched(lab: Lab) -> None:
    before = standing(lab)
    run = recover(lab, "-e", "repair=config,service,bgp,flux,outpost")
    assert run.rc == 0, run.output
    assert not run.changed
    assert standing(lab) == before
    wrong = recover(lab, "-e", "repair=everything")
    assert "There is no repair everything" in wrong.failures[0].msg


def test_a_service_that_hangs_is_restarted_and_lost_routes_are_pushed_again(lab: Lab) -> None:
    lab.fault("mini02", json.dumps({"hung": ["kubelet"]}))
    console = json.loads((lab.directory / "console.json").read_text())
    address, site = f"{lab.net}.51.1", console["site"]
    connection = http.client.HTTPSConnection(address, 8443, context=ssl._create_unverified_context(), timeout=30)
    path = f"/proxy/network/v2/api/site/{site}/bgp/config"
    connection.request("DELETE", path, headers={"X-API-KEY": console["api_key"]})
    assert connection.getresponse().status < 300
    broken = {"services": "the service kubelet of mini02 is not healthy", "bgp": "mini0"}
    mended(lab, broken, "service,bgp")


def test_a_node_that_lost_its_config_gets_it_again(lab: Lab) -> None:
    wipe(lab, 13, "STATE")
    until(lambda: lab.nodes()["mini03"]["stage"] == "maintenance")
    mended(lab, {"talos": "mini03 is in maintenance"}, "config")


def test_a_dead_member_is_removed_and_joins_anew(lab: Lab) -> None:
    lab.fault("mini02", "etcd_damaged", "true")
    old = lab.nodes()["mini02"]["etcd"]["id"]
    named(lab, "etcd", "etcd_member", "the etcd of mini02 does not run")
    mended(lab, {"etcd": "the etcd of mini02 does not run"}, "etcd_member", emergency_recovery_wipe=["mini02"])
    assert lab.nodes()["mini02"]["etcd"]["id"] != old


def test_a_suspended_object_of_flux_is_resumed_and_a_lost_provider_attached(lab: Lab) -> None:
    body = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {"suspend": True},
    }
    kubeconfig = str(lab.controller / "kubeconfig")
    call(kube_apply, kubeconfig=kubeconfig, definition=body, field_manager="somebody", force=True)
    known = json.loads((lab.directory / "authentik.json").read_text())
    door = f"{lab.net}.52.200:8443"
    access = {"url": known["url"], "token": known["token"], "door": door, "ca_file": known["ca_file"]}
    found = call(authentik_info, gather=["outposts"], **access)["outposts"]
    (outpost,) = [one for one in found if "Embedded" in one["name"]]
    lost = outpost["providers"][0]
    detach = {"name": "embedded", "providers": [lost], "membership": "detach"}
    call(authentik_outpost, outposts=[detach], **access)
    broken = {
        "flux": "Kustomization flux-system/flux-system is suspended",
        "identity": f"{lost} is on no outpost",
    }
    mended(lab, broken, "flux,outpost")


def test_etcd_without_a_quorum_begins_with_the_backup(lab: Lab) -> None:
    kept = lab.play(playbook="playbooks/backup.yml", HOMEOPS_BACKUP_PASSPHRASE=PASSPHRASE)
    assert kept.rc == 0, kept.output
    path: Path = sorted(one.parent for one in (lab.controller / "backup").glob("*/manifest.json"))[-1]
    for name in ("mini01", "mini02"):
        lab.fault(name, "etcd_damaged", "true")
    planes = ["mini01", "mini02", "mini03"]
    given = {"restore_from": str(path), "restore_confirm": "home-ops", "emergency_recovery_wipe": planes}
    mended(lab, {"etcd": "no etcd has a leader"}, "etcd_restore", **given)


def test_after_the_restore_the_logins_are_had_again_and_every_service_stands(lab: Lab) -> None:
    """The outpost serves at the end of the phase what the phase has written, so the next look finds every login."""
    run = lab.play(playbook="playbooks/identity.yml")
    assert run.rc == 0, run.output
    path = lab.controller / "status-after-restore.json"
    shown = lab.play("-t", "services", "-e", f"cluster_report_dest={path}", playbook="playbooks/status.yml")
    assert shown.rc == 0, shown.output
    (area,) = json.loads(path.read_text(encoding="utf-8"))["areas"]
    assert {row["name"]: row["state"] for row in area["rows"]} == dict.fromkeys(SERVICES, "ok"), shown.output
