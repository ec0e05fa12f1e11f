# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real kube-apiserver with etcd as the lab's Kubernetes, found by envtest's conventions.

Each binary is looked for in this order (controller-runtime ``pkg/internal/testing/process`` and ``pkg/envtest``):
its own variable ``TEST_ASSET_KUBE_APISERVER`` or ``TEST_ASSET_ETCD``, the directory ``KUBEBUILDER_ASSETS``,
``/usr/local/kubebuilder/bin``, ``PATH``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .. import process
from ..keyspace import KeyValue
from ..kube_backend import ATTEMPTS, FRONT_PROXY, HOST, START_TIMEOUT, BackendFiles, _status, free_port, wait_ready
from ..state import LabError, LabState

LAB_AGENT = "homeops-lab-controller"
METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
KUBEBUILDER = Path("/usr/local/kubebuilder/bin")

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    # Metadata only: request bodies hold Secrets. Reads are not counted.
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class Assets:
    """Full paths of the binaries."""

    kube_apiserver: Path
    etcd: Path


def find(environ: Mapping[str, str] | None = None) -> Assets | None:
    """Return the binaries when both are found, else None."""
    env = os.environ if environ is None else environ
    apiserver, etcd = _find("kube-apiserver", env), _find("etcd", env)
    return Assets(apiserver, etcd) if apiserver and etcd else None


def _find(name: str, env: Mapping[str, str]) -> Path | None:
    candidates = [
        env.get(f"TEST_ASSET_{name.upper().replace('-', '_')}"),
        str(Path(env["KUBEBUILDER_ASSETS"]) / name) if env.get("KUBEBUILDER_ASSETS") else None,
        str(KUBEBUILDER / name),
        shutil.which(name, path=env.get("PATH", os.defpath)),
    ]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return Path(candidate).resolve()
    return None


class EnvtestBackend:
    """etcd and kube-apiserver as children of the daemon."""

    name = "envtest"
    builtin_garbage_collection = False

    def __init__(self, state: LabState, files: BackendFiles, assets: Assets) -> None:
        self.state, self.files, self.assets = state, files, assets
        self.port = 0
        self._children: list[asyncio.subprocess.Process] = []
        self._etcd_url = ""

    @property
    def audit_log(self) -> Path:
        """The audit log; metadata of writes only."""
        return self.state.logs / "kube-audit.log"

    async def start(self) -> None:
        """Start etcd, then kube-apiserver, and wait until it is ready."""
        for attempt in range(ATTEMPTS):
            try:
                await self._start_once()
                return
            except LabError:
                await self.stop()
                if attempt == ATTEMPTS - 1:
                    raise

    async def _start_once(self) -> None:
        client, peer, self.port = free_port(), free_port(), free_port()
        directory, log = self.files.directory, self.state.logs / "etcd.log"
        shutil.rmtree(directory / "etcd", ignore_errors=True)
        client_url, peer_url = f"http://{HOST}:{client}", f"http://{HOST}:{peer}"
        etcd = await process.spawn_child(
            [
                *(str(self.assets.etcd), "--name", "lab", "--data-dir", str(directory / "etcd"), "--unsafe-no-fsync"),
                *("--listen-client-urls", client_url, "--advertise-client-urls", client_url),
                *("--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url),
                *("--initial-cluster", f"lab={peer_url}"),
            ],
            log=log,
        )
        self._children.append(etcd)
        await self._wait_etcd(etcd, client, log)
        self._etcd_url = client_url
        self._children.append(await self._start_apiserver())

    async def _start_apiserver(self) -> asyncio.subprocess.Process:
        directory, client_url = self.files.directory, self._etcd_url
        policy = directory / "audit-policy.json"
        self.state.write(policy, json.dumps(AUDIT_POLICY))
        log = self.state.logs / "kube-apiserver.log"
        flags = {
            "etcd-servers": client_url,
            "bind-address": HOST,
            "advertise-address": HOST,
            "secure-port": self.port,
            "tls-cert-file": self.files.server_crt,
            "tls-private-key-file": self.files.server_key,
            "client-ca-file": self.files.ca,
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.files.service_account_key,
            "service-account-signing-key-file": self.files.service_account_key,
            "service-cluster-ip-range": "10.96.0.0/12",
            "requestheader-client-ca-file": self.files.aggregator_ca,
            "requestheader-allowed-names": FRONT_PROXY,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "authorization-mode": "RBAC",
            "allow-privileged": "true",
            # Nobody creates the default service accounts; the priority classes exist only some seconds after start.
            "disable-admission-plugins": "ServiceAccount",
            "endpoint-reconciler-type": "none",
            "event-ttl": "10m",
            "cert-dir": directory / "apiserver",
            "audit-policy-file": policy,
            "audit-log-path": self.audit_log,
            "audit-log-mode": "blocking",
        }
        apiserver = await process.spawn_child(
            [str(self.assets.kube_apiserver), *(f"--{key}={value}" for key, value in flags.items())], log=log
        )
        try:
            await wait_ready(self.port, self.files, lambda: apiserver.returncode is None, "kube-apiserver", log)
        except BaseException:
            await process.end_child(apiserver, grace=1.0)
            raise
        return apiserver

    async def _wait_etcd(self, child: asyncio.subprocess.Process, port: int, log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if child.returncode is not None:
                raise LabError(f"etcd ended while it was starting; see {log}.")
            try:
                if await _status(port, None, "/health") == 200:
                    return
            except (OSError, ValueError, IndexError):
                pass
            await asyncio.sleep(0.03)
        raise LabError(f"etcd was not healthy after {START_TIMEOUT:.0f} s; see {log}.")

    async def stop(self) -> None:
        """End both; the API server first. The data stays until the lab drops the directory."""
        for child in reversed(self._children):
            # Nothing here must be kept, so a server that drains connections is not waited for.
            await process.end_child(child, grace=1.0)
        self._children.clear()

    def alive(self) -> bool:
        """Tell whether both run."""
        return bool(self._children) and all(child.returncode is None for child in self._children)

    async def keyspace(self) -> list[KeyValue]:
        """Every key of the real etcd, by its JSON gateway."""
        answer = await self._etcd("range", {"key": "AA==", "range_end": "AA=="})
        return [
            KeyValue(
                base64.b64decode(row["key"]),
                base64.b64decode(row.get("value", "")),
                *(int(row[name]) for name in ("create_revision", "mod_revision", "version")),
            )
            for row in answer.get("kvs") or ()
        ]

    async def load(self, rows: list[KeyValue]) -> None:
        """Put the keys into an emptied etcd while no API server runs; revisions begin anew."""
        etcd, apiserver = self._children
        await process.end_child(apiserver, grace=1.0)
        await self._etcd("deleterange", {"key": "AA==", "range_end": "AA=="})
        for row in rows:
            pair = {"key": row.key, "value": row.value}
            await self._etcd("put", {name: base64.b64encode(part).decode() for name, part in pair.items()})
        self._children = [etcd, await self._start_apiserver()]

    async def _etcd(self, call: str, body: dict[str, str]) -> dict[str, Any]:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{self._etcd_url}/v3/kv/{call}", json=body) as answer,
            ):
                return dict(await answer.json())
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise LabError(f"etcd did not answer {call}: {error}.") from error

    async def writes(self) -> Counter[str]:
        """Count the clients' writes in the audit log, by method and path; controllers and dry runs are left out."""
        counts: Counter[str] = Counter()
        try:
            lines = self.audit_log.read_text(encoding="utf-8").splitlines()
        except OSError:
            return counts
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:  # the last line while it is being written
                continue
            path, _unused, query = event.get("requestURI", "").partition("?")
            if event.get("userAgent", "").startswith(LAB_AGENT) or "dryRun=All" in query:
                continue
            counts[f"{METHODS.get(event.get('verb'), 'POST')} {path}"] += 1
        return counts
