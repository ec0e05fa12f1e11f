# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""talos_apply and talos_config against the lab's nodes, which share no code with the collection."""

from __future__ import annotations

import multiprocessing
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.talos import apply, guard, hardware, node_state
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homeops.cluster.plugins.module_utils.talos.spare import Spare
from ansible_collections.homeops.cluster.plugins.module_utils.talos.spare_plan import Verdict
from ansible_collections.homeops.cluster.plugins.modules import talos_apply
from lab.talos import readiness
from tests.harness.talos_nodes import TalosNodes

SYSCTL: dict[str, Any] = {"machine": {"sysctls": {"vm.dirty_ratio": "5"}}}
UDEV: dict[str, Any] = {"machine": {"udev": {"rules": ['KERNEL=="sda"']}}}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TalosNodes]:
    """One node in maintenance."""
    with TalosNodes(tmp_path, net="127.48", count=1, install=0.1, reboot=0.1) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalosNodes]:
    """Three control planes with etcd; a test leaves them as it found them."""
    with TalosNodes(tmp_path_factory.mktemp("nodes"), net="127.49", reboot=0.2) as nodes:
        for number in (1, 2, 3):
            nodes.apply(number)
        nodes.bootstrap()
        yield nodes


def sent(nodes: TalosNodes, number: int) -> list[str]:
    """What the node has stored, to tell whether anything reached it."""
    stored = nodes.nodes[number - 1].storage.state
    return [] if stored is None else [stored.decode()]


# -- the first config -------------------------------------------------------------------------------------------------


def test_the_first_config_installs_and_is_followed_home(fresh: TalosNodes) -> None:
    told: list[str] = []
    result = fresh.apply(1, ctx=Context(progress=told.append))
    assert (result["changed"], result["action"], result["node_mode"]) == (True, "install", "maintenance")
    assert result["hardware"] == {"install": "/dev/nvme0n1", "longhorn-ssd": "/dev/sda"}
    assert result["boot_id_after"] == fresh.nodes[0].boot_id
    assert fresh.nodes[0].installed
    assert told
    again = fresh.apply(1)
    assert (again["changed"], again["action"], again["stage"]) == (False, "none", "booting")


def test_check_mode_sends_nothing(fresh: TalosNodes) -> None:
    result = fresh.apply(1, ctx=Context(check_mode=True, diff_mode=True))
    assert result["changed"]
    assert result["reboot"]
    assert sent(fresh, 1) == []
    assert fresh.nodes[0].state == "maintenance"
    shown = str(result["diff"])
    assert "PRIVATE KEY" not in shown
    for secret in (fresh.bundle.trustd_token, fresh.bundle.cluster_secret):
        assert secret not in shown


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"machine": {"install": {"diskSelector": {"model": "FOO*"}}}}, "Portable SSD T5"),
        ({"machine": {"network": {"interfaces": [{"interface": "eth7", "dhcp": True}]}}}, "enp3s0f0"),
        (
            {
                "apiVersion": "v1alpha1",
                "kind": "UserVolumeConfig",
                "name": "more",
                "provisioning": {"diskSelector": {"match": "disk.transport == 'nvme'"}, "maxSize": "1GB"},
            },
            "disk of Talos itself",
        ),
    ],
)
def test_hardware_that_does_not_fit_stops_before_anything_is_sent(fresh: TalosNodes, patch: Any, words: str) -> None:
    with pytest.raises(InputError, match="nothing was sent") as refusal:
        fresh.apply(1, [patch])
    assert words in str(refusal.value)
    assert fresh.nodes[0].state == "maintenance"
    assert sent(fresh, 1) == []


@pytest.mark.parametrize("what", ["vfat", "gpt"])
def test_a_disk_that_is_not_blank_stops_before_anything_is_sent(fresh: TalosNodes, what: str) -> None:
    fresh.do(lambda: setattr(fresh.nodes[0].faults, "foreign_disks", {"sda": what}))
    with pytest.raises(InputError, match="nothing was sent") as refusal:
        fresh.apply(1)
    assert "UserVolumeConfig longhorn-ssd: /dev/sda (Portable SSD T5" in str(refusal.value)
    assert "Nothing wipes it for you" in str(refusal.value)
    assert sent(fresh, 1) == []
    # Somebody wipes it.
    fresh.do(lambda: setattr(fresh.nodes[0].faults, "foreign_disks", {}))
    assert fresh.apply(1)["volumes"] == {"longhorn-ssd": "ready"}


def test_a_volume_that_fails_at_the_first_boot_fails_the_task(
    fresh: TalosNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk passed the check, and the node is running and ready without the volume: nobody else would tell."""
    monkeypatch.setattr(node_state, "FAILED_PATIENCE", 0.5)
    monkeypatch.setattr(node_state, "check_hardware", lambda *_: hardware.Report())
    fresh.do(lambda: setattr(fresh.nodes[0].faults, "foreign_disks", {"sda": "gpt"}))
    words = "u-longhorn-ssd is failed: error creating partition: error allocating partition"
    with pytest.raises(TalosError, match=words) as failure:
        fresh.apply(1)
    assert "mini01" in str(failure.value) and "wipe" in failure.value.remedy
    assert failure.value.facts["changed"] is True
    assert failure.value.param == "patches"
    assert fresh.nodes[0].installed
    # The next run does not pass over it, and check mode only tells.
    with pytest.raises(TalosError, match=words):
        fresh.apply(1)
    ctx = Context(check_mode=True)
    assert fresh.apply(1, ctx=ctx)["volumes"] == {"longhorn-ssd": "failed"}
    assert words in "".join(ctx.warnings)
    # Who knows it goes on all the same.
    assert fresh.apply(1, check_hardware=False)["volumes"] == {}
    # Talos tries again by itself once there is room.
    monkeypatch.setattr(node_state, "FAILED_PATIENCE", 20.0)
    clean = threading.Timer(1, lambda: fresh.do(lambda: setattr(fresh.nodes[0].faults, "foreign_disks", {})))
    clean.start()
    result = fresh.apply(1)
    assert (result["changed"], result["volumes"]) == (False, {"longhorn-ssd": "ready"})


def test_a_volume_that_is_late_is_awaited_and_not_for_ever(fresh: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.apply(1)
    node = fresh.nodes[0]

    def lose() -> None:
        node.storage.ephemeral = False
        node.storage.user_volumes = {}

    def bring() -> None:
        node.storage.ephemeral = True
        node.storage.user_volumes = {"longhorn-ssd": "sda"}

    fresh.do(lose)
    told: list[str] = []
    threading.Timer(1, lambda: fresh.do(bring)).start()
    assert fresh.apply(1, ctx=Context(progress=told.append))["volumes"] == {"longhorn-ssd": "ready"}
    assert any("u-longhorn-ssd is waiting" in line for line in told)
    fresh.do(lose)
    monkeypatch.setattr(node_state, "VOLUME_PATIENCE", 0.3)
    with pytest.raises(WaitTimeout, match=r"the user volumes.*u-longhorn-ssd is waiting"):
        fresh.apply(1)


def test_a_node_without_user_volumes_is_asked_nothing_more(fresh: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    listing = TalosClient.cosi_list

    def noted(client: TalosClient, namespace: str, kind: str) -> Any:
        asked.append(kind)
        return listing(client, namespace, kind)

    monkeypatch.setattr(TalosClient, "cosi_list", noted)
    none = {"apiVersion": "v1alpha1", "kind": "UserVolumeConfig", "name": "longhorn-ssd", "$patch": "delete"}
    for _ in range(2):
        assert fresh.apply(1, [none])["volumes"] == {}
    assert not [kind for kind in asked if "Volume" in kind]


def test_the_pin_is_checked_and_a_refusal_is_not_retried_with_less(fresh: TalosNodes) -> None:
    with pytest.raises(TalosError, match="pin"):
        fresh.apply(1, spki_pin="A" * 43 + "=")
    assert sent(fresh, 1) == []
    assert fresh.apply(1, spki_pin=fresh.nodes[0].listener.spki)["changed"]


def test_a_first_config_which_nobody_could_follow_is_not_sent(fresh: TalosNodes) -> None:
    with pytest.raises(InputError, match="not sent"):
        fresh.apply(1, talosconfig=None)
    other = {"machine": {"ca": {"crt": "LS0tLS1CRUdJTg==", "key": "YQ=="}}}
    with pytest.raises(InputError, match="another CA"):
        fresh.apply(1, [other])
    assert sent(fresh, 1) == []


def test_an_installer_url_is_refused_with_the_right_value(fresh: TalosNodes) -> None:
    identifier = "ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1"
    url = f"https://factory.talos.dev/image/{identifier}/v1.10.5/metal-amd64.tar.gz"
    with pytest.raises(InputError, match=f"Write factory.talos.dev/installer/{identifier}:v1.10.5"):
        fresh.apply(1, installer_image=url)


# -- a configured cluster ---------------------------------------------------------------------------------------------


def test_a_live_change_and_back(cluster: TalosNodes) -> None:
    before = cluster.nodes[0].boot_id
    result = cluster.apply(1, [SYSCTL])
    assert (result["action"], result["mode"], result["mode_answered"]) == ("live", "no_reboot", "no_reboot")
    assert result["changed_paths"] == ["v1alpha1.machine.sysctls"]
    assert not cluster.apply(1, [SYSCTL])["changed"]
    assert cluster.apply(1)["action"] == "live"
    assert cluster.nodes[0].boot_id == before


@pytest.mark.parametrize("more", [{"reboot_policy": "never"}, {"mode": "no_reboot"}, {"mode": "try"}])
def test_a_reboot_that_is_not_wanted_is_refused_with_its_paths(cluster: TalosNodes, more: dict[str, str]) -> None:
    held = sent(cluster, 2)
    with pytest.raises(InputError, match=r"machine\.udev"):
        cluster.apply(2, [UDEV], **more)
    assert sent(cluster, 2) == held


def test_staged_then_taken_back(cluster: TalosNodes) -> None:
    first = cluster.apply(2, [UDEV], reboot_policy="staged")
    assert (first["action"], first["pending_reboot"], first["reboot_paths"]) == ("stage", True, ["machine.udev"])
    for ctx in (Context(), Context(check_mode=True)):
        again = cluster.apply(2, [UDEV], ctx=ctx)
        assert (again["changed"], again["pending_reboot"]) == (False, True)
    assert cluster.apply(2)["action"] == "commit"
    assert not cluster.apply(2)["pending_reboot"]


def test_staged_then_activated_by_a_reboot(cluster: TalosNodes) -> None:
    cluster.apply(3, [UDEV], mode="staged")
    result = cluster.apply(3, [UDEV], mode="reboot")
    assert result["boot_id_before"] != result["boot_id_after"] == cluster.nodes[2].boot_id
    assert not cluster.apply(3, [UDEV], mode="reboot")["changed"]
    assert cluster.nodes[2].etcd_voter
    assert cluster.apply(3)["action"] == "reboot"


def test_try_reverts_by_itself_and_check_mode_does_not_end_it(cluster: TalosNodes) -> None:
    assert cluster.apply(1, [SYSCTL], mode="try", try_timeout=2)["try_open"]
    again = cluster.apply(1, [SYSCTL], mode="try", try_timeout=2)
    assert (again["changed"], again["try_open"]) == (False, True)
    looked = cluster.apply(1, [SYSCTL], ctx=Context(check_mode=True))
    assert (looked["action"], len(looked["config_warnings"])) == ("commit", 1)
    cluster.until(lambda: cluster.nodes[0].try_timer is None)
    back = cluster.apply(1)
    assert (back["changed"], back["try_open"]) == (False, False)


def test_try_then_made_permanent(cluster: TalosNodes) -> None:
    cluster.apply(1, [SYSCTL], mode="try", try_timeout=60)
    assert cluster.apply(1, [SYSCTL])["action"] == "commit"
    assert not cluster.apply(1, [SYSCTL])["changed"]
    assert cluster.nodes[0].try_timer is None
    cluster.apply(1)


def test_a_tried_config_whose_timer_somebody_ended_does_not_stay(cluster: TalosNodes) -> None:
    node = cluster.nodes[0]
    cluster.apply(1, [SYSCTL], mode="try", try_timeout=60)
    assert node.storage.state is not None
    with cluster.client(1) as client:
        client.apply_configuration(node.storage.state, "AUTO", dry_run=True)
    assert node.try_timer is None
    predicted = cluster.apply(1, ctx=Context(check_mode=True))
    result = cluster.apply(1)
    assert [one["action"] for one in (predicted, result)] == ["live", "live"]
    again = cluster.apply(1)
    assert (again["changed"], again["try_open"], again["notes"]) == (False, False, [])


def test_a_connection_that_ends_with_a_live_change_is_made_again(cluster: TalosNodes) -> None:
    cluster.do(lambda: cluster.nodes[0].faults.drop.update(ApplyConfiguration=1))
    result = cluster.apply(1, [SYSCTL])
    assert result["action"] == "live"
    assert any("whether the machine config arrived" in text for text in result["config_warnings"])
    assert not cluster.apply(1, [SYSCTL])["changed"]
    cluster.apply(1)


def test_a_live_change_that_never_arrived_is_no_success(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "CONFIG_PATIENCE", 0.5)
    cluster.do(lambda: cluster.nodes[0].faults.reset.update(ApplyConfiguration=1))
    with pytest.raises(WaitTimeout, match=r"the stored machine config.*holds another machine config"):
        cluster.apply(1, [SYSCTL])
    assert not cluster.apply(1)["changed"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_config_that_the_node_refuses_is_told_with_its_place(cluster: TalosNodes, check_mode: bool) -> None:
    held = sent(cluster, 1)
    refusal = {"code": 3, "message": "static hostname is not allowed", "times": 1}
    cluster.do(lambda: cluster.nodes[0].faults.errors.update(ApplyConfiguration=refusal))
    with pytest.raises(InputError, match=r"keeps the one it has.*static hostname is not allowed") as told:
        cluster.apply(1, [SYSCTL], ctx=Context(check_mode=check_mode))
    assert told.value.param == "patches"
    assert sent(cluster, 1) == held


def test_a_reboot_is_refused_when_etcd_cannot_spare_the_node(
    cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    held = sent(cluster, 1)
    cluster.call(cluster.nodes[2].stop())
    try:
        with pytest.raises(HomeopsError, match="2 of 3 etcd voters are healthy and 2 must stay") as refusal:
            cluster.apply(1, [UDEV])
        assert "mini03" in str(refusal.value)
        assert sent(cluster, 1) == held
    finally:
        cluster.call(cluster.nodes[2].start())
        cluster.until(lambda: cluster.nodes[2].etcd_voter and cluster.nodes[2].state == "running")


def test_the_last_member_of_a_lost_quorum_is_not_rebooted(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    held, boot = sent(cluster, 1), cluster.nodes[0].boot_id
    for number in (1, 2):
        cluster.call(cluster.nodes[number].stop())
    try:
        with pytest.raises(HomeopsError, match="no etcd names its members") as refusal:
            cluster.apply(1, [UDEV])
        assert "restore.yml" in str(refusal.value)
        assert sent(cluster, 1) == held
        assert cluster.nodes[0].boot_id == boot
    finally:
        for number in (1, 2):
            cluster.call(cluster.nodes[number].start())
        cluster.until(lambda: all(node.etcd_voter and node.state == "running" for node in cluster.nodes))


def test_a_control_plane_that_is_to_become_a_worker_is_guarded(
    cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.2)
    held = sent(cluster, 1)
    given = cluster.arguments(1, machine_type="worker", control_planes=[cluster.door(1)])
    with pytest.raises(HomeopsError, match="1 of 3 etcd voters are healthy"):
        talos_apply.run({**given, "patches": [{"machine": {"install": {"disk": "/dev/nvme0n1"}}}]}, Context())
    assert sent(cluster, 1) == held


def test_nobody_listed_means_nobody_is_healthy(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.2)
    with pytest.raises(HomeopsError, match="control_planes"):
        cluster.apply(1, [UDEV], control_planes=[])


# -- Kubernetes is asked before a reboot -------------------------------------------------------------------------------

NOWHERE = "/nowhere/kubeconfig"


def test_nobody_asks_kubernetes_when_nothing_reboots(cluster: TalosNodes) -> None:
    assert cluster.apply(1, [SYSCTL], kubeconfig=NOWHERE)["action"] == "live"
    assert cluster.apply(1, [UDEV], kubeconfig=NOWHERE, mode="staged")["action"] == "stage"
    cluster.apply(1, kubeconfig=NOWHERE)
    assert not cluster.apply(1, kubeconfig=NOWHERE)["changed"]


def test_a_reboot_is_refused_when_kubernetes_cannot_be_asked(cluster: TalosNodes) -> None:
    held, boot = sent(cluster, 2), cluster.nodes[1].boot_id
    with pytest.raises(HomeopsError, match=r"etcd can spare it.*kubeconfig does not exist.*Nothing was sent") as told:
        cluster.apply(2, [UDEV], kubeconfig=NOWHERE)
    assert (told.value.facts["changed"], told.value.facts["reboot"]) == (False, False)
    ctx = Context(check_mode=True)
    predicted = cluster.apply(2, [UDEV], ctx=ctx, kubeconfig=NOWHERE)
    assert predicted["changed"]
    assert [text for text in predicted["notes"] if "the reboot would be refused" in text]
    assert [text for text in ctx.warnings if "mini02: the reboot would be refused" in text]
    assert (sent(cluster, 2), cluster.nodes[1].boot_id) == (held, boot)


def test_who_says_so_reboots_by_the_word_of_etcd_alone(cluster: TalosNodes) -> None:
    ctx = Context()
    result = cluster.apply(2, [UDEV], ctx=ctx, kubeconfig=NOWHERE, kubernetes_unreachable="reboot")
    assert result["action"] == "reboot"
    assert "It reboots all the same" in ctx.warnings[0]
    assert cluster.apply(2)["action"] == "reboot"


def test_the_kubeconfig_of_an_earlier_cluster_does_not_hold_up_a_bootstrap(fresh: TalosNodes) -> None:
    fresh.apply(1)
    fresh.until(lambda: any(one.id == "cri" and one.running for one in fresh.nodes[0].services))
    looked = fresh.apply(1, [UDEV], ctx=Context(check_mode=True), kubeconfig=NOWHERE)
    assert (looked["action"], looked["notes"]) == ("reboot", [])
    assert fresh.apply(1, [UDEV], kubeconfig=NOWHERE)["action"] == "reboot"


class Kubernetes(Spare):
    """Says that the node was Ready, and takes its time to say so again."""

    def __init__(self) -> None:
        super().__init__(lambda: pytest.fail("nothing is connected"))
        self.answers = ["its Node is not Ready", "its Node is not Ready", ""]
        self.names: list[str] = []
        self.ready = True

    def require(self, name: str, *_: Any, **__: Any) -> Verdict:
        self.names.append(name)
        return Verdict((), self.ready)

    def missing(self, name: str, boot_id: str) -> str:
        self.names.append(boot_id)
        return self.answers.pop(0)


def test_a_node_that_was_ready_must_be_so_again(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes, told = Kubernetes(), list[str]()
    monkeypatch.setattr(talos_apply, "_spare", lambda *_: kubernetes)
    result = cluster.apply(3, [UDEV], ctx=Context(progress=told.append), kubeconfig=NOWHERE)
    assert kubernetes.names == ["mini03", *[result["boot_id_after"]] * 3]
    assert any("its Node is not Ready" in text for text in told)
    assert cluster.apply(3)["action"] == "reboot"


def test_a_worker_has_no_vote_and_is_asked_for_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes = Kubernetes()
    kubernetes.ready = False  # these nodes have no Kubernetes that could tell
    with TalosNodes(tmp_path, net="127.48", count=2, install=0.1, reboot=0.1) as nodes:
        nodes.apply(1)
        with nodes.client(1) as client:
            client.bootstrap()
        nodes.until(lambda: nodes.nodes[0].etcd_voter)
        monkeypatch.setattr(talos_apply, "_spare", lambda *_: kubernetes)
        given = nodes.arguments(2, machine_type="worker", kubeconfig=NOWHERE, control_planes=[nodes.door(1)])
        plain = {"machine": {"install": {"disk": "/dev/nvme0n1"}, "network": {"hostname": "mini02"}}}
        assert talos_apply.run({**given, "patches": [plain]}, Context())["action"] == "install"
        assert kubernetes.names == []
        assert talos_apply.run({**given, "patches": [plain, UDEV]}, Context())["action"] == "reboot"
        assert kubernetes.names == ["mini02"]


def test_a_node_that_is_not_ready_again_is_told(cluster: TalosNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Talos' own word too: nodeReady counts then, though it is tolerated without Kubernetes."""
    kubernetes = Kubernetes()
    kubernetes.answers = [""] * 100
    monkeypatch.setattr(talos_apply, "_spare", lambda *_: kubernetes)
    monkeypatch.setattr(readiness, "_node_ready", lambda node: f'node "{node.hostname}" is not ready')
    with pytest.raises(WaitTimeout, match="not ready: nodeReady"):
        cluster.apply(3, [UDEV], kubeconfig=NOWHERE, wait_timeout=5)
    assert cluster.apply(3)["action"] == "reboot"


def _reboot(arguments: dict[str, Any]) -> None:
    from ansible_collections.homeops.cluster.plugins.modules import talos_apply

    assert talos_apply.run(arguments, Context())["action"] == "reboot"


def test_forks_reboot_one_node_at_a_time(cluster: TalosNodes) -> None:
    away: list[int] = []
    watching = True

    def watch() -> None:
        away.append(sum(1 for node in cluster.nodes if not node.etcd_voter))
        if watching:
            cluster.loop.call_later(0.01, watch)

    cluster.do(watch)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_reboot, args=(cluster.arguments(number, [UDEV]),)) for number in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    watching = False
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert max(away) == 1
    for number in (1, 2, 3):
        cluster.apply(number)


def test_a_node_that_does_not_come_back_is_told(cluster: TalosNodes) -> None:
    cluster.delays.reboot = 30
    try:
        with pytest.raises(WaitTimeout, match=re.escape("mini02 (127.49.51.12:50000)")):
            cluster.apply(2, [UDEV], wait_timeout=2)
    finally:
        cluster.delays.reboot = 0.2
        cluster.call(cluster.nodes[1].stop())
        cluster.call(cluster.nodes[1].start())
        cluster.until(lambda: cluster.nodes[1].etcd_voter and cluster.nodes[1].state == "running")
    assert not cluster.apply(2, [UDEV])["changed"]
    cluster.apply(2)


def test_another_clusters_talosconfig_is_refused(cluster: TalosNodes, tmp_path: Path) -> None:
    held = sent(cluster, 1)
    with pytest.raises(TalosError):
        cluster.apply(1, [SYSCTL], talosconfig=None)
    with pytest.raises(InputError):
        cluster.apply(1, [SYSCTL], talosconfig=str(tmp_path / "missing"))
    assert sent(cluster, 1) == held
