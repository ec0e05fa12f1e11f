# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.yml and restore.yml on a whole lab: all three nodes are wiped and the same objects are there again."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.talos import operations
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import load_talosconfig
from lab.keyspace import KeyValue
from lab.talos import recovery
from tests.harness.lab import Lab, Run

#: A whole lab is walked through whole runs, on machines that are slow at times.
pytestmark = pytest.mark.timeout(1200)
PASSPHRASE = "a long one that only tests use"
#: Kinds that controllers make, change and expire all the time.
RESTLESS = ("/registry/endpointslices/", "/registry/events/", "/registry/leases/", "/registry/pods/")


def sets(lab: Lab) -> list[Path]:
    return sorted(path.parent for path in (lab.controller / "backup").glob("*/manifest.json"))


def backup(lab: Lab, *words: str) -> Run:
    return lab.play(*words, playbook="playbooks/backup.yml", HOMEOPS_BACKUP_PASSPHRASE=PASSPHRASE)


def restore(lab: Lab, path: Path | str, *words: str, confirm: str = "home-ops") -> Run:
    named = ["-e", f"restore_from={path}", "-e", f"restore_confirm={confirm}", "-e", "restore_patience=1"]
    return lab.play(*named, *words, playbook="playbooks/restore.yml", HOMEOPS_BACKUP_PASSPHRASE=PASSPHRASE)


def held(path: Path) -> dict[str, dict[str, Any]]:
    """The objects of a set's snapshot by key."""
    (snapshot,) = path.glob("*.snapshot")
    rows: list[KeyValue] = recovery.rows(snapshot.read_bytes())
    return {row.key.decode(): json.loads(row.value) for row in rows}


def wipe_all(lab: Lab, labels: list[str]) -> None:
    """Every node loses what the labels name, as when somebody resets all three by hand."""
    identity = load_talosconfig(str(lab.controller / "talosconfig"))
    for number in (11, 12, 13):
        with TalosClient(f"{lab.net}.51.{number}", identity=identity, server_name=f"172.29.51.{number}") as client:
            operations.reset(client, labels, graceful=False)


def boots(lab: Lab) -> dict[str, Any]:
    return {name: node["boot_id"] for name, node in lab.nodes().items()}


def test_without_a_passphrase_nothing_is_kept(lab: Lab) -> None:
    refused = lab.play(playbook="playbooks/backup.yml", HOMEOPS_BACKUP_PASSPHRASE="")
    assert refused.rc != 0
    assert "not kept in clear" in refused.failures[0].msg
    assert not list((lab.controller / "backup").glob("*"))


def test_a_backup_is_whole_private_and_the_oldest_goes(lab: Lab) -> None:
    looked = backup(lab, "--check")
    assert looked.rc == 0, looked.output
    assert not list((lab.controller / "backup").glob("*"))
    for _unused in range(2):
        done = backup(lab, "-e", "backup_keep=1")
        assert done.rc == 0, done.output
    (path,) = sets(lab)
    names = {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()}
    assert {"secrets-bundle.yaml", "bgp-objects.yaml", "manifest.json"} <= names
    assert {f"machine-config-mini0{n}.yaml" for n in (1, 2, 3)} <= names
    assert any(name.startswith("router/") for name in names)
    assert {one.stat().st_mode & 0o777 for one in path.rglob("*") if one.is_file()} == {0o600}
    for name in ("secrets-bundle.yaml", "machine-config-mini01.yaml"):
        assert (path / name).read_text().startswith("$ANSIBLE_VAULT;1.1;AES256")
    secret = (lab.controller / "secrets.yaml").read_text().split("secretboxencryptionsecret: ")[1].split()[0]
    assert not [one for one in path.rglob("*") if one.is_file() and secret.encode() in one.read_bytes()]
    assert PASSPHRASE not in done.output
    assert (
        "CiliumBGPClusterConfig" in (path / "bgp-objects.yaml").read_text()
        or "CiliumBGPPeeringPolicy" in (path / "bgp-objects.yaml").read_text()
    )


def test_what_is_not_named_or_not_whole_is_refused_and_nothing_changes(lab: Lab, tmp_path: Path) -> None:
    (path,) = sets(lab)
    before = boots(lab), lab.writes()
    cut, other = tmp_path / "cut", tmp_path / "other"
    shutil.copytree(path, cut)
    (snapshot,) = cut.glob("*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-4096])
    shutil.copytree(path, other)
    told = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**told, "cluster_id": "another"}))
    for where, confirm, text in (
        ("", "home-ops", "No backup is named"),
        (path, "mini01", "The confirmation is mini01"),
        (cut, "home-ops", "it is cut or was changed"),
        (other, "home-ops", "The backup is of another cluster"),
    ):
        refused = restore(lab, where, confirm=confirm)
        assert refused.rc != 0
        assert text in refused.failures[0].msg
        assert "Traceback" not in refused.output
        assert not refused.changed
    assert (boots(lab), lab.writes()) == before


def test_all_three_are_wiped_and_the_same_objects_are_there_again(lab: Lab) -> None:
    (path,) = sets(lab)
    kept = held(path)
    assert "/registry/namespaces/kube-system" in kept
    wipe_all(lab, ["STATE", "EPHEMERAL"])
    # A controller that is new as well: the bundle comes out of the backup.
    for name in ("secrets.yaml", "talosconfig", "kubeconfig"):
        (lab.controller / name).rename(lab.controller / f"old-{name}")
    looked = restore(lab, path, "--check")
    assert looked.rc == 0, looked.output
    assert any(task.endswith("Begin etcd with the snapshot") for _host, task in looked.changed)
    assert {node["stage"] for node in lab.nodes().values()} == {"maintenance"}
    assert not (lab.controller / "secrets.yaml").exists()
    run = restore(lab, path)
    assert run.rc == 0, run.output
    # The restore ends when the API lists every node; their kubelets report in their own time.
    deadline = time.monotonic() + 120
    while not all(node["kubernetes_ready"] for node in lab.nodes().values()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    after = backup(lab)
    assert after.rc == 0, after.output
    again = held(sets(lab)[-1])
    steady = {key for key in kept if not key.startswith(RESTLESS)}
    assert len(steady) > 50
    print(f"{len(kept)} objects were kept, {len(steady)} of them steady; {run.seconds:.0f} s for the restore")
    assert steady <= set(again)
    assert [key for key in steady if kept[key]["metadata"]["uid"] != again[key]["metadata"]["uid"]] == []
    # Authentik's own database is no part of etcd: what the model declares is made again.
    site = lab.play(playbook="playbooks/identity.yml")
    assert site.rc == 0, site.output
