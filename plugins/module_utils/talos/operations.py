# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of day two: reset, upgrade, services, and what is in etcd.

OK of a reset and an upgrade means accepted only; ``reset.py`` and ``upgrade.py`` wait for the proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from . import messages as m
from .client import TalosClient
from .errors import UNIMPLEMENTED, TalosError

#: Where an image goes to: common.ContainerdNamespace.
NS_SYSTEM, NS_CRI = 1, 2


def reset(client: TalosClient, labels: Sequence[str], *, graceful: bool) -> str:
    """Wipe partitions by their labels, reboot, and return the actor id.

    The request always names partitions: without any the node would wipe its whole system disk, bootloader included
    (siderolabs/talos v1.10 ``internal/app/machined/internal/server/v1alpha1``). It always reboots: a reset node that is
    powered off needs somebody beside it.

    :param labels: ``STATE``, ``EPHEMERAL``, ``META`` or ``u-<user volume>``.
    :param graceful: drain the node and leave etcd first.
    :raises ValueError: no label is given.
    """
    if not labels:
        raise ValueError("a reset names its partitions")
    request = {
        "graceful": graceful,
        "reboot": True,
        "system_partitions_to_wipe": [{"label": label, "wipe": True} for label in labels],
        "user_disks_to_wipe": [],
        "mode": m.WIPE_MODES.number("SYSTEM_DISK"),
    }
    answer = client.machine("Reset", f"wiping {', '.join(labels)}", m.RESET_REQUEST, request, m.RESET_ANSWER)
    return str(answer["actor_id"])


def upgrade(client: TalosClient, image: str, *, stage: bool = False) -> str:
    """Write another installer image and boot it; return the actor id.

    :param image: an installer reference, ``factory.talos.dev/installer/<schematic>:v1.10.9``.
    :param stage: write it during the next boot, when nothing of the running system holds the disk.
    """
    request = {"image": image, "preserve": True, "stage": stage, "force": False, "reboot_mode": 0}
    answer = client.machine("Upgrade", f"upgrading to {image}", m.UPGRADE_REQUEST, request, m.UPGRADE_ANSWER)
    return str(answer["actor_id"])


def pull_image(client: TalosClient, reference: str, *, system: bool, timeout: float) -> None:
    """Have a node pull an image, so that nothing waits for a download later; a node that cannot do so is left alone.

    :param system: into the store of Talos' own services (the kubelet's), not into that of the pods.
    :param timeout: seconds.
    :raises TalosError: NOT_FOUND when no registry has it.
    """
    request = {"namespace": NS_SYSTEM if system else NS_CRI, "reference": reference}
    try:
        client.open().call(
            f"/{m.MACHINE}/ImagePull", m.encode(m.IMAGE_PULL_REQUEST, request), f"pulling {reference}", timeout
        )
    except TalosError as error:
        if error.code != UNIMPLEMENTED:
            raise


def snapshot(client: TalosClient, take: Callable[[bytes], None], *, timeout: float) -> None:
    """Stream a snapshot of the node's etcd: the database, then the SHA-256 of it (32 bytes).

    :param take: gets each part; what it raises ends the stream.
    :param timeout: seconds for the whole stream.
    """
    path, doing = f"/{m.MACHINE}/EtcdSnapshot", "taking a snapshot of etcd"
    client.open().call(path, b"", doing, timeout, lambda frame: take(m.decode(m.DATA, frame)["bytes"]))


def recover(client: TalosClient, parts: Iterable[bytes], *, timeout: float) -> None:
    """Stream a snapshot to the node, for a Bootstrap that begins with it; the node does not judge it here.

    :param parts: each below 32 MiB.
    :param timeout: seconds for the whole stream.
    """
    path, doing = f"/{m.MACHINE}/EtcdRecover", "sending the snapshot of etcd"
    client.open().call(path, (m.encode(m.DATA, {"bytes": part}) for part in parts), doing, timeout)


def remove_member(client: TalosClient, member_id: int) -> None:
    """Take a member out of etcd's list, by its id; NOT_FOUND when it is none."""
    request = {"member_id": member_id}
    doing = f"removing the etcd member {member_id:016x}"
    client.machine("EtcdRemoveMemberByID", doing, m.ETCD_REMOVE_REQUEST, request, m.EMPTY_ANSWER)


def restart(client: TalosClient, service: str) -> str:
    """Restart a service and return what the node says; Talos allows it for cri, etcd, kubelet, trustd, extensions."""
    doing = f"restarting the service {service}"
    answer = client.machine("ServiceRestart", doing, m.SERVICE_REQUEST, {"id": service}, m.SERVICE_ANSWER)
    return str(answer["resp"])
