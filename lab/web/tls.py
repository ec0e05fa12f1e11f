# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the ingress controllers: of a host's TLS Secret, else the one that nginx makes for itself."""

from __future__ import annotations

import datetime
import hashlib
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FAKE = "Kubernetes Ingress Controller Fake Certificate"


def self_signed(name: str, hosts: Iterable[str], organization: str = "Acme Co") -> tuple[bytes, bytes]:
    """Return a certificate that trusts nobody but itself, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), pem


class Contexts:
    """TLS contexts by host.

    :param directory: for the private files that they are loaded from.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hosts: Mapping[str, tuple[bytes, bytes]] = {}
        self._made: dict[str, ssl.SSLContext] = {}
        self._fake: tuple[bytes, bytes] | None = None

    def listening(self) -> ssl.SSLContext:
        """Return the context to listen with; the certificate follows from the name that the client asks for."""
        if self._fake is None:
            self._fake = self_signed(FAKE, ["ingress.local"])
        context = self._load(*self._fake)
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        host = (name or "").lower()
        pair = self.hosts.get(host) or self.hosts.get(f"*.{host.partition('.')[2]}")
        if pair is None:
            return
        digest = hashlib.sha256(b"".join(pair)).hexdigest()
        try:
            if digest not in self._made:
                self._made[digest] = self._load(*pair)
        except (ssl.SSLError, OSError):
            return  # nginx keeps its own certificate when a Secret holds none that can be used
        connection.context = self._made[digest]

    def _load(self, certificate: bytes, key: bytes) -> ssl.SSLContext:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        path = self.directory / f"{os.getpid()}.pem"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
        finally:
            path.unlink(missing_ok=True)
        return context
