# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of the lab: it signs what a public one, or cert-manager itself, would sign."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes
    not_before: datetime.datetime
    not_after: datetime.datetime


def new_key(algorithm: str = "RSA", size: int = 0) -> Any:
    """Return a private key as cert-manager makes it (RSA 2048, ECDSA P-256)."""
    if algorithm == "ECDSA":
        curve = {384: ec.SECP384R1, 521: ec.SECP521R1}.get(size, ec.SECP256R1)
        return ec.generate_private_key(curve())
    if algorithm == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=size or 2048)


def key_pem(key: Any) -> bytes:
    """Return a key as PEM."""
    raw = isinstance(key, ed25519.Ed25519PrivateKey)
    form = serialization.PrivateFormat.PKCS8 if raw else serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


class Authority:
    """One root; its key is made when it first signs.

    :param pem: certificate and key of an earlier run.
    """

    def __init__(self, name: str, pem: tuple[bytes, bytes] | None = None) -> None:
        self.name, self._pem = name, pem

    @cached_property
    def _pair(self) -> tuple[x509.Certificate, Any]:
        if self._pem is not None:
            key = serialization.load_pem_private_key(self._pem[1], None)
            return x509.load_pem_x509_certificate(self._pem[0]), key
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.datetime.now(datetime.UTC)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 3650 * DAY)
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return certificate, key

    @property
    def certificate(self) -> bytes:
        """The root, PEM."""
        return self._pair[0].public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """Its key, PEM."""
        return key_pem(self._pair[1])

    def issue(
        self,
        names: Iterable[str],
        *,
        common_name: str = "",
        key: Any = None,
        duration: datetime.timedelta = 90 * DAY,
        usages: Iterable[str] = (),
        is_ca: bool = False,
    ) -> Issued:
        """Issue a certificate for DNS names and addresses."""
        return sign(*self._pair, names, common_name=common_name, key=key, duration=duration, usages=usages, is_ca=is_ca)


def self_signed(names: Iterable[str], **settings: Any) -> Issued:
    """Return a certificate that its own key has signed."""
    return sign(None, None, names, **settings)


def sign(
    issuer: x509.Certificate | None,
    issuer_key: Any,
    names: Iterable[str],
    *,
    common_name: str = "",
    key: Any = None,
    duration: datetime.timedelta = 90 * DAY,
    usages: Iterable[str] = (),
    is_ca: bool = False,
) -> Issued:
    """Return a certificate signed by ``issuer``, or by its own key when there is none."""
    listed = list(names)
    key = key or new_key()
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    signing = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + duration)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    )
    wanted = set(usages)
    kinds = [ExtendedKeyUsageOID.CLIENT_AUTH] if "client auth" in wanted else []
    if "server auth" in wanted or not kinds:
        kinds.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if not is_ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(kinds), critical=False)
    if alternatives := [general_name(name) for name in listed]:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=not common_name)
    if issuer is not None:
        public: Any = issuer.public_key()
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
        builder = builder.add_extension(identifier, critical=False)
    digest = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.sign(signing, digest)
    pem = made.public_bytes(serialization.Encoding.PEM)
    return Issued(pem, key_pem(key), made.not_valid_before_utc, made.not_valid_after_utc)


def general_name(name: str) -> x509.GeneralName:
    """Return a subject alternative name: an address or a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
