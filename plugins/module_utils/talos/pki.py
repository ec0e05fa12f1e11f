# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in the shapes that Talos makes itself.

Source: siderolabs/crypto ``x509`` and siderolabs/talos v1.10 ``pkg/machinery/config/generate/secrets``. Leaf keys use
the CA's
algorithm. Every leaf carries the CA's key identifier: strict verifiers (Python 3.13's default) refuse it otherwise.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:  # identity.require() tells
    pass

from .identity import standard_key, talos_key

#: Lifetimes of a CA and of an admin's client certificate.
CA_LIFETIME = datetime.timedelta(hours=87600)
CLIENT_LIFETIME = datetime.timedelta(hours=8760)
#: How long before now a leaf is already valid, as Talos does it in the kubeconfig, for clocks that differ a little.
BACKDATED = datetime.timedelta(seconds=10)


@dataclass(frozen=True)
class CertificateAndKey:
    """A certificate and its private key, PEM, the key under the label which Talos writes."""

    crt: bytes
    key: bytes

    def __repr__(self) -> str:
        return "CertificateAndKey(...)"

    @property
    def certificate(self) -> x509.Certificate:
        """The parsed certificate."""
        return x509.load_pem_x509_certificate(self.crt)


def load_key(pem: bytes) -> Any:
    """Return the private key in ``pem``, with either label of an Ed25519 key.

    The primes of an RSA key are not proved again: that takes 0.3 s for the 4096 bits of the service account key, every
    task on every node reads the bundle, and the one program that uses the key (kube-apiserver) checks it itself.

    :raises ValueError: not a private key, or an encrypted one.
    """
    try:
        return load_pem_private_key(standard_key(pem), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise ValueError("the private key is encrypted") from error


def key_pem(key: Any) -> bytes:
    """Return a private key as Talos writes it: SEC1, PKCS#1, or PKCS#8 under Talos' own label for Ed25519."""
    traditional = not isinstance(key, ed25519.Ed25519PrivateKey)
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return talos_key(key.private_bytes(Encoding.PEM, form, NoEncryption()))


def service_account_key() -> bytes:
    """Return a new key which signs service account tokens: RSA 4096 since contract 1.7. Takes seconds."""
    return key_pem(rsa.generate_private_key(public_exponent=65537, key_size=4096))


def new_ca(organization: str, now: datetime.datetime, *, kubernetes: bool) -> CertificateAndKey:
    """Return a new self-signed CA.

    :param organization: subject's O; empty for an empty subject, as the aggregator's CA has it.
    :param kubernetes: ECDSA P-256 as etcd's and Kubernetes' CAs use it; else Ed25519 as Talos' own does.
    """
    key = ec.generate_private_key(ec.SECP256R1()) if kubernetes else ed25519.Ed25519PrivateKey.generate()
    subject = _name([organization] if organization else [])
    builder = (
        _builder(subject, subject, key.public_key(), now, now + CA_LIFETIME)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(os.urandom(20)), critical=False)
    )
    return _signed(builder, key, key)


def admin_certificate(
    ca: CertificateAndKey,
    roles: Sequence[str],
    now: datetime.datetime,
    lifetime: datetime.timedelta = CLIENT_LIFETIME,
) -> CertificateAndKey:
    """Return a client certificate for the Talos API: one O per role, sorted, no CN, client authentication only.

    :param roles: ``os:admin``, ``os:operator``, ``os:reader``, ``os:etcd:backup``.
    """
    subject = _name(sorted(roles))
    return _leaf(ca, subject, now, lifetime, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), ())


def server_certificate(
    ca: CertificateAndKey,
    common_name: str,
    names: Sequence[str],
    now: datetime.datetime,
    lifetime: datetime.timedelta = datetime.timedelta(hours=24),
) -> CertificateAndKey:
    """Return a server certificate like the one which a node makes for its API.

    :param names: DNS names and IP addresses.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return _leaf(ca, subject, now, lifetime, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), names)


def fingerprint(pem: bytes) -> str:
    """Return a certificate's SHA-256 fingerprint, ``AB:CD:...``, as browsers and openssl show it."""
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    return ":".join(f"{byte:02X}" for byte in digest)


def signed_by(certificate: x509.Certificate, ca_pem: bytes) -> bool:
    """Whether one of the certificates in ``ca_pem`` has signed ``certificate``."""
    for ca in x509.load_pem_x509_certificates(ca_pem):
        try:
            certificate.verify_directly_issued_by(ca)
        except Exception:  # noqa: BLE001, S112 - cryptography raises several kinds; each means "not by this one"
            continue
        return True
    return False


def _leaf(
    ca: CertificateAndKey,
    subject: x509.Name,
    now: datetime.datetime,
    lifetime: datetime.timedelta,
    usage: x509.ExtendedKeyUsage,
    names: Sequence[str],
) -> CertificateAndKey:
    issuer, issuer_key = ca.certificate, load_key(ca.key)
    if isinstance(issuer_key, ed25519.Ed25519PrivateKey):
        key: Any = ed25519.Ed25519PrivateKey.generate()
    elif isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        key = ec.generate_private_key(issuer_key.curve)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now - BACKDATED, now + lifetime)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(_authority(issuer), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    return _signed(builder, key, issuer_key)


def _authority(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _name(organizations: Sequence[str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, begin: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int.from_bytes(os.urandom(16), "big") or 1)
        .not_valid_before(begin.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: Any, issuer_key: Any) -> CertificateAndKey:
    digest = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(issuer_key, digest)
    return CertificateAndKey(certificate.public_bytes(Encoding.PEM), key_pem(key))
