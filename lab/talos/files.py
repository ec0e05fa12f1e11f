# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few files of a node that its API can show. Directories have no content."""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
from typing import TYPE_CHECKING

from .documents import dig

if TYPE_CHECKING:
    from .node import Node


def clean(path: str) -> str:
    """An absolute path without a trailing slash, ``/`` for nothing."""
    return posixpath.normpath("/" + path.strip().lstrip("/"))


def relative(root: str, path: str) -> str | None:
    """``path`` below ``root``, empty for the root itself, ``None`` when it is outside."""
    if path == root:
        return ""
    prefix = root.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def tree(node: Node) -> dict[str, bytes | None]:
    """All paths with their content; ``None`` is a directory."""
    version = node.storage.version
    files: dict[str, bytes] = {
        "/etc/hostname": f"{node.hostname}\n".encode(),
        "/etc/os-release": (
            f'NAME="Talos"\nID=talos\nVERSION_ID={version}\nPRETTY_NAME="Talos ({version})"\n'
            'HOME_URL="https://www.talos.dev/"\nBUG_REPORT_URL="https://github.com/siderolabs/talos/issues"\n'
        ).encode(),
        "/proc/sys/kernel/random/boot_id": f"{node.boot_id}\n".encode(),
        "/proc/cmdline": b"talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on\n",
        "/proc/uptime": b"100.00 200.00\n",
        "/sys/class/dmi/id/product_uuid": f"{node.spec.uuid}\n".encode(),
    }
    if node.storage.state is not None:
        files["/system/state/config.yaml"] = node.storage.state
    if node.storage.member is not None:
        files["/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal"] = b"\0" * 512
        files["/var/lib/etcd/member/snap/db"] = b"\0" * 4096
    folders = {"/", "/var", "/var/lib", "/var/lib/etcd", "/var/log", "/var/mnt", "/dev", "/run", "/tmp"}
    folders |= {f"/var/mnt/{name}" for name in node.storage.user_volumes}
    for path in list(files):
        while path != "/":
            path = posixpath.dirname(path)
            folders.add(path)
    out: dict[str, bytes | None] = dict.fromkeys(folders)
    out.update(files)
    return out


def tar_gz(paths: dict[str, bytes | None], root: str) -> bytes | None:
    """A tree as tar.gz with names relative to ``root``; ``None`` when the path does not exist."""
    if root not in paths:
        return None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in sorted(paths.items()):
            below = relative(root, path)
            if below is None:
                continue
            info = tarfile.TarInfo(below or posixpath.basename(root))
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.size, info.mode = len(content), 0o600
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def images(node: Node) -> list[str]:
    """The image references of the active config."""
    paths = (
        "machine.kubelet.image",
        "cluster.apiServer.image",
        "cluster.controllerManager.image",
        "cluster.scheduler.image",
        "cluster.etcd.image",
    )
    return [str(dig(node.machine_config, path)) for path in paths if dig(node.machine_config, path)]


def digest(reference: str) -> str:
    """A stable digest for an image reference."""
    return "sha256:" + hashlib.sha256(reference.encode()).hexdigest()
