# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control plane signs for clients: the admin kubeconfig and talosconfigs.

Facts: siderolabs/talos v1.10 ``pkg/kubeconfig/generate.go``, ``pkg/machinery/client/config``.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import io
import tarfile
import time
from typing import Any

import yaml

from . import tls
from .documents import dig
from .durations import parse_go

ROLES = ("os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:impersonator")
ED25519_LABEL = b"ED25519 PRIVATE KEY-----"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def cluster_name(config: dict[str, Any]) -> str:
    """``cluster.clusterName``, empty when not given."""
    return str(dig(config, "cluster.clusterName") or "")


def kubeconfig(config: dict[str, Any]) -> str:
    """A new admin kubeconfig.

    :raises KeyPairError: when ``cluster.ca`` cannot sign.
    """
    ca = tls.KeyPair(
        tls.decode_pem(dig(config, "cluster.ca.crt")), tls.plain_key(tls.decode_pem(dig(config, "cluster.ca.key")))
    )
    text = str(dig(config, "cluster.adminKubeconfig.certLifetime") or "8760h")
    lifetime = datetime.timedelta(seconds=parse_go(text))
    leaf = tls.issue(ca, common_name="admin", organization=["system:masters"], lifetime=lifetime, key_encipherment=True)
    accepted = [tls.decode_pem(dig(item, "crt")) for item in dig(config, "cluster.acceptedCAs") or []]
    name = cluster_name(config)
    user = f"admin@{name}"
    document = {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "certificate-authority-data": _b64(b"".join([*accepted, ca.crt])),
                    "server": str(dig(config, "cluster.controlPlane.endpoint") or ""),
                },
                "name": name,
            }
        ],
        "contexts": [{"context": {"cluster": name, "namespace": "default", "user": user}, "name": user}],
        "current-context": user,
        "kind": "Config",
        "preferences": {},
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": _b64(leaf.crt), "client-key-data": _b64(leaf.key)},
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def unpadded_tar_gz(name: str, content: bytes) -> bytes:
    """A gzipped tar with one member and neither padding nor trailer, as the node sends the kubeconfig."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), int(time.time()), 0o600
    raw = info.tobuf(tarfile.USTAR_FORMAT) + content
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as packed:
        packed.write(raw)
    return buffer.getvalue()


def client_configuration(config: dict[str, Any], roles: list[str], lifetime: datetime.timedelta) -> dict[str, bytes]:
    """A client certificate with these roles: ``ca crt key talosconfig``, all bytes."""
    known = sorted({role for role in roles if role in ROLES})
    ca = tls.KeyPair(
        tls.decode_pem(dig(config, "machine.ca.crt")), tls.plain_key(tls.decode_pem(dig(config, "machine.ca.key")))
    )
    leaf = tls.issue(ca, organization=known, lifetime=lifetime)
    key = leaf.key.replace(b" PRIVATE KEY-----", b" ED25519 PRIVATE KEY-----") if b"EC " not in leaf.key else leaf.key
    name = cluster_name(config)
    if len(known) == 1:
        name = f"{known[0].removeprefix('os:')}@{name}"
    context = {"endpoints": [], "ca": _b64(ca.crt), "crt": _b64(leaf.crt), "key": _b64(key)}
    talosconfig = yaml.safe_dump({"context": name, "contexts": {name: context}}, sort_keys=False, indent=4)
    return {"ca": ca.crt, "crt": leaf.crt, "key": key, "talosconfig": talosconfig.encode()}
