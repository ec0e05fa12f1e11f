# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API of a test's (or a bench's) own: the emulator or a real kube-apiserver, on loopback."""

from __future__ import annotations

import asyncio
import base64
import datetime
import os
import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from lab.certificates import KubernetesPki
from lab.kube_backend import HOST, Backend, BackendFiles, create_backend
from lab.state import LabState

VERSION = "v1.33.4"
BACKENDS = ("emulator", "envtest")


def make_pki(name: str = "kubernetes") -> KubernetesPki:
    """Make a CA and a service-account key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, crt_key = certificate.public_bytes(serialization.Encoding.PEM), _pem(key)
    service_account_key = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    # The tests have no use for an authority of their own in front of the API.
    return KubernetesPki(crt, crt_key, service_account_key, crt, crt_key)


def _pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def has_real() -> bool:
    """Whether a real kube-apiserver and etcd are found."""
    from lab.kubernetes import envtest

    return envtest.find() is not None


class KubeServer:
    """One running API server; use as a context manager.

    :param directory: for its files.
    :param backend: one of :data:`BACKENDS`.
    """

    def __init__(self, directory: Path, backend: str) -> None:
        self.directory, self.name = directory, backend
        self.pki = make_pki()
        self.backend: Backend
        self._loop = asyncio.new_event_loop()
        # Children die with the thread that made them, so one thread makes them all and stays.
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> KubeServer:
        self._thread.start()
        state = LabState(self.directory / "state")
        state.create()
        names = [HOST, "10.96.0.1", "kubernetes.default.svc", "172.29.51.10"]
        files = BackendFiles.create(state, self.pki, names)
        environ: Mapping[str, str] = {**os.environ, "HOMEOPS_LAB_KUBE": self.name}
        self.backend = create_backend(state, files, VERSION, environ)
        self._run(self.backend.start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self.backend.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://{HOST}:{self.backend.port}"

    def config(self, **changes: Any) -> dict[str, Any]:
        """Return an administrator's kubeconfig.

        :param changes: ``cluster`` and ``user``: keys to set, or to drop when None; ``days``: the client certificate's.
        """
        days = changes.pop("days", 30)
        crt, key = self.pki.issue("admin", organizations=["system:masters"], client=True, days=days)
        cluster = {"server": self.url, "certificate-authority-data": _b64(self.pki.ca_crt)}
        user = {"client-certificate-data": _b64(crt), "client-key-data": _b64(key)}
        for section, wanted in ((cluster, changes.pop("cluster", {})), (user, changes.pop("user", {}))):
            section.update(wanted)
            for name in [name for name, value in section.items() if value is None]:
                del section[name]
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }

    def kubeconfig(self, name: str = "kubeconfig", **changes: Any) -> str:
        """Write such a kubeconfig (0600) and return its path."""
        path = self.directory / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            yaml.safe_dump(self.config(**changes), file)
        return str(path)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
