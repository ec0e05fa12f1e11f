# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Life cycle, apply modes, reset and upgrade of the simulated node, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from grpclib.exceptions import GRPCError

M = "machine.MachineService/"


def test_maintenance_to_running(bench: Any) -> None:
    async def body(b: Any) -> None:
        assert [node.state for node in b.nodes] == ["maintenance"] * 3
        pins = {node.listener.spki for node in b.nodes}
        assert len(pins) == 3
        await b.configured()
        assert all(node.installed and node.configured and node.state == "booting" for node in b.nodes)
        assert b.cluster.kubernetes_pki() is None
        await b.call(b[0], M + "Bootstrap")
        await b.until(lambda: all(node.state == "running" and node.etcd_voter for node in b.nodes))
        await b.until(lambda: all(node.kubernetes_up for node in b.nodes))
        assert ("mini01", "kubernetes") in b.told
        assert b.cluster.kubernetes_pki()["ca_crt"].startswith(b"-----BEGIN CERTIFICATE")
        assert [name for name, _unused in b[0].unmet()] == ["nodeReady"]
        b[0].kubernetes_ready = True
        assert b[0].unmet() == []

    bench(body)


def test_maintenance_refusals(bench: Any, talos_config: Any) -> None:
    async def body(b: Any) -> None:
        data = talos_config()
        assert await b.refused(b[0], M + "Version", insecure=True) == (
            12,
            "API is not implemented in maintenance mode",
        )
        for mode, number in (("staged", 3), ("no-reboot", 2)):
            assert await b.refused(b[0], M + "ApplyConfiguration", insecure=True, data=data, mode=number) == (
                12,
                f"apply configuration --mode='{mode}' is not supported in maintenance mode",
            )
        code, text = await b.refused(b[0], M + "ApplyConfiguration", insecure=True, data=b"", mode=1)
        assert (code, text) == (2, "failed to parse config: config not found")
        wrong = talos_config(machine__install={"diskSelector": {"model": "NOPE*"}})
        code, text = await b.refused(b[0], M + "ApplyConfiguration", insecure=True, data=wrong, mode=1)
        assert (code, text) == (
            3,
            "runtime configuration validation failed: 1 error occurred:\n\t* no disks matched the expression: "
            'glob("NOPE*", disk.model) && disk.transport != "" && !disk.readonly && !disk.cdrom\n\n',
        )
        answer = await b.apply(b[0], data, insecure=True, dry_run=True)
        assert answer.mode_details.startswith("Dry run summary:\nNode is running in maintenance mode")
        assert b[0].state == "maintenance"

    bench(body)


def test_apply_mode_table(bench: Any, talos_config: Any) -> None:
    """AUTO and NO_REBOOT change both configs, STAGED only the persistent, TRY only the active one."""

    async def body(b: Any) -> None:
        await b.configured(0)
        node = b[0]
        live, rebooting = talos_config(machine__sysctls={"a": "b"}), talos_config(machine__udev={"rules": ["x"]})
        answer = await b.apply(node, live)
        assert (answer.mode, answer.mode_details) == (2, "Applied configuration without a reboot")
        assert node.active.raw == node.storage.state == live
        code, text = await b.refused(node, M + "ApplyConfiguration", data=rebooting, mode=2)
        assert code == 3
        assert text.startswith("this config change can't be applied in immediate mode\ndiff:\n--- a\n+++ b\n")
        answer = await b.apply(node, rebooting, mode="STAGED")
        assert answer.mode_details == "Staged configuration to be applied after the next reboot"
        assert (node.active.raw, node.storage.state) == (live, rebooting)
        assert node.snapshot()["pending_reboot"]
        boot_id = node.boot_id
        answer = await b.apply(node, rebooting, mode="REBOOT")
        assert (answer.mode, answer.mode_details) == (0, "Applied configuration with a reboot")
        await b.until(lambda: node.boot_id != boot_id and node.booted)
        assert node.active.raw == rebooting

    bench(body)


def test_absent_is_not_empty(bench: Any, talos_config: Any) -> None:
    """``udev`` absent against ``udev: {}`` needs a reboot, and so does removing it again."""

    async def body(b: Any) -> None:
        await b.configured(0)
        answer = await b.apply(b[0], talos_config(machine__udev={}), dry_run=True)
        assert answer.mode == 0
        same = await b.apply(b[0], talos_config(machine__nodeLabels={}), dry_run=True)
        assert same.mode == 2

    bench(body)


def test_try_window_and_its_traps(bench: Any, talos_config: Any) -> None:
    async def body(b: Any) -> None:
        await b.configured(0)
        node, old = b[0], b[0].active.raw
        first, second = talos_config(machine__sysctls={"a": "1"}), talos_config(machine__sysctls={"a": "2"})
        answer = await b.apply(node, first, mode="TRY", try_mode_timeout={"nanos": 200_000_000})
        assert answer.mode_details.endswith("in 'try' mode and will be automatically reverted back in 200ms")
        assert (node.active.raw, node.storage.state) == (first, old)
        await b.until(lambda: node.active.raw == old)
        await b.apply(node, first, mode="TRY", try_mode_timeout={"seconds": 60})
        await b.apply(node, second, mode="TRY", try_mode_timeout={"nanos": 100_000_000})
        await b.until(lambda: node.active.raw == first)  # back to the first tried one, not to the persisted one
        await b.apply(node, first, mode="TRY", try_mode_timeout={"nanos": 100_000_000})
        await b.apply(node, first, mode="STAGED", dry_run=True)  # even a dry run ends the window
        await asyncio.sleep(0.2)
        assert (node.active.raw, node.storage.state) == (first, old)

    bench(body)


def test_reboot_keeps_membership_and_brings_a_new_boot_id(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        member, boot_id = b[1].storage.member.id, b[1].boot_id
        await b.call(b[1], M + "Reboot")
        await b.until(lambda: b[1].boot_id != boot_id and b[1].state == "running")
        assert b[1].storage.member.id == member
        assert b[1].etcd_voter

    bench(body)


def test_reset_with_labels_leaves_a_dead_member(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        pin, dead = b[2].listener.spki, b[2].storage.member.id
        parts = [{"label": "STATE", "wipe": True}, {"label": "EPHEMERAL", "wipe": True}]
        await b.call(b[2], M + "Reset", reboot=True, system_partitions_to_wipe=parts)
        await b.until(lambda: b[2].state == "maintenance")
        assert b[2].listener.spki not in ("", pin)
        assert b[2].installed
        assert dead in [member.id for member in b.cluster.etcds[0].members]
        await b.configured(2)
        await b.until(lambda: b[2].etcd_voter)
        assert dead not in [member.id for member in b.cluster.etcds[0].members]

    bench(body)


def test_reset_of_the_whole_disk_without_reboot_powers_off(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        await b.call(b[2], M + "Reset", graceful=True)
        await b.until(lambda: not b[2].powered)
        assert not b[2].installed
        assert len(b.cluster.etcds[0].members) == 2
        await b[2].start()
        assert b[2].state == "maintenance"

    bench(body)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"mode": 1, "user_disks_to_wipe": ["/dev/sda"]},
            "reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter",
        ),
        (
            {"mode": 2, "system_partitions_to_wipe": [{"label": "STATE", "wipe": True}]},
            "reset failed: invalid input, wipe mode USER_DISKS doesn't support SystemPartitionsToWipe parameter",
        ),
        ({"user_disks_to_wipe": ["/dev/sdz"]}, "reset user disk failed: device /dev/sdz wasn't found"),
        ({"user_disks_to_wipe": ["/dev/nvme0n1"]}, "reset user disk failed: device /dev/nvme0n1 is the system disk"),
    ],
)
def test_reset_refusals(bench: Any, fields: Any, text: str) -> None:
    async def body(b: Any) -> None:
        await b.configured(0)
        assert await b.refused(b[0], M + "Reset", **fields) == (2, text)

    bench(body)


def test_power_loss_keeps_the_disks(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        member = b[0].storage.member.id
        await b[0].stop()
        assert (b[0].state, b[0].etcd_voter, b[0].kubernetes_up) == ("off", False, False)
        await b[0].start()
        await b.until(lambda: b[0].state == "running")
        assert b[0].storage.member.id == member

    bench(body)


def test_upgrade(bench: Any) -> None:
    vanilla = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

    async def body(b: Any) -> None:
        await b.running()
        before = b[0].storage.schematic
        code, text = await b.refused(b[0], M + "Upgrade", image="ghcr.io/siderolabs/talos:v1.10.6")
        assert code == 2
        assert text.startswith('error validating installer image "ghcr.io/siderolabs/talos:v1.10.6": ')
        boot_id = b[0].boot_id
        image = f"factory.talos.dev/installer/{vanilla}:v1.10.6"
        answer = await b.call(b[0], M + "Upgrade", image=image, preserve=True)
        assert answer.messages[0].ack == "Upgrade request received"
        await b.until(lambda: b[0].boot_id != boot_id and b[0].state == "running")
        assert (b[0].storage.version, b[0].storage.schematic) == ("v1.10.6", vanilla)
        boot_id = b[0].boot_id
        await b.call(b[0], M + "Rollback")
        await b.until(lambda: b[0].boot_id != boot_id and b[0].state == "running")
        assert b[0].storage.schematic == before

    bench(body)


def test_upgrade_looks_at_etcd(bench: Any) -> None:
    image = "ghcr.io/siderolabs/installer:v1.10.6"

    async def body(b: Any) -> None:
        await b.running()
        hexed = b[2].storage.member.hex_id
        await b[2].stop()
        code, text = await b.refused(b[0], M + "Upgrade", image=image)
        assert code == 2
        assert text.startswith(
            f"error validating etcd for upgrade: etcd member {hexed} is not healthy; all members must be healthy"
        )
        await b[1].stop()
        code, text = await b.refused(b[0], M + "Upgrade", image=image)
        assert text.startswith("failed to acquire upgrade mutex: ")

    bench(body)


def test_a_second_sequence_is_locked_and_the_call_still_ok(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        b.delays.upgrade = 0.5
        await b.call(b[0], M + "Upgrade", image="ghcr.io/siderolabs/installer:v1.10.6")
        await b.call(b[0], M + "Reset", reboot=True)
        locked = [e for e in b[0].events.ring if e.name == "SequenceEvent" and e.payload.error.code == 1]
        assert [e.payload.error.message for e in locked] == ["sequence not started: locked"]
        await b.until(lambda: b[0].storage.version == "v1.10.6" and b[0].state == "running")
        assert b[0].configured

    bench(body)


def test_bootstrap_refusals(bench: Any) -> None:
    async def body(b: Any) -> None:
        b.delays.services = 0.3
        for node in b.nodes[:1]:
            await b.apply(node, b.plain_config(), insecure=True)
        await b.until(lambda: b[0].api_up)
        assert await b.refused(b[0], M + "Bootstrap") == (9, "bootstrap is not available yet")
        await b.until(lambda: b[0].booted)
        await b.call(b[0], M + "Bootstrap")
        assert await b.refused(b[0], M + "Bootstrap") == (6, "etcd data directory is not empty")

    bench(body)


def test_worker_refusals(bench: Any, worker_config: bytes) -> None:
    async def body(b: Any) -> None:
        await b.running(0)
        await b.apply(b[1], worker_config, insecure=True)
        await b.until(lambda: b[1].state == "running")
        assert await b.refused(b[1], M + "Bootstrap") == (
            9,
            "bootstrap can only be performed on a control plane node",
        )
        for method, what in (("EtcdMemberList", "member list"), ("EtcdStatus", "etcd status")):
            text = f"{what} is only available on control plane nodes"
            assert await b.refused(b[1], M + method) == (12, text)
        with pytest.raises(GRPCError, match="kubeconfig is only available on control plane nodes"):
            await b.call(b[1], M + "Kubeconfig")
        metadata = {"nodes": b[0].spec.address}
        assert await b.refused(b[1], M + "Version", metadata=metadata) == (7, "no request forwarding")

    bench(body)
