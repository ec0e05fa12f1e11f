# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a node's API and the TLS contexts that present them.

Facts: siderolabs/crypto v0.6 ``x509`` and ``tls``; siderolabs/talos v1.10 ``internal/app/maintenance`` and
``internal/app/machined/pkg/controllers/secrets``. Talos writes Ed25519 keys under the PEM label ``ED25519 PRIVATE
KEY``; the body is plain PKCS#8.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MAINTENANCE_NAME = "maintenance-service.talos.dev"


class KeyPairError(ValueError):
    """A CA or key of the machine config that cannot be used."""


@dataclass
class KeyPair:
    """A certificate and its private key, both PEM (the key unlabelled: plain PKCS#8 or SEC1)."""

    crt: bytes
    key: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The parsed certificate."""
        return x509.load_pem_x509_certificate(self.crt)

    @property
    def private_key(self) -> Any:
        """The parsed private key."""
        return serialization.load_pem_private_key(self.key, None)

    @property
    def spki(self) -> str:
        """base64 of the SHA-256 of the SubjectPublicKeyInfo, the pin of the maintenance connection."""
        public = self.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(public).digest()).decode()


def plain_key(pem: bytes) -> bytes:
    """The key under the label that every library reads."""
    return pem.replace(b"ED25519 PRIVATE KEY-----", b"PRIVATE KEY-----")


def decode_pem(text: Any) -> bytes:
    """The bytes of a ``crt`` or ``key`` of the machine config: base64 of PEM.

    :raises KeyPairError: when it is no base64.
    """
    try:
        return base64.b64decode(str(text or ""), validate=False)
    except (binascii.Error, ValueError) as error:
        raise KeyPairError(str(error)) from error


def _name(common_name: str, organization: Iterable[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organization]
    if common_name:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(parts)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: Any) -> bytes:
    ec_key = isinstance(key, ec.EllipticCurvePrivateKey)
    style = serialization.PrivateFormat.TraditionalOpenSSL if ec_key else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, style, serialization.NoEncryption())


def _digest(key: Any) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def new_ca(organization: str = "talos") -> KeyPair:
    """A fresh Ed25519 CA as Talos makes one."""
    key = ed25519.Ed25519PrivateKey.generate()
    now = datetime.datetime.now(datetime.UTC)
    name = _name("", [organization])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=10))
        .not_valid_after(now + datetime.timedelta(hours=87600))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return KeyPair(_pem(builder.sign(key, None)), _key_pem(key))


def _usage(sign: bool, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=encipher,
        key_cert_sign=sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def issue(
    ca: KeyPair,
    *,
    common_name: str = "",
    organization: Iterable[str] = (),
    names: Iterable[str] = (),
    server: bool = False,
    key_encipherment: bool = False,
    lifetime: datetime.timedelta = datetime.timedelta(hours=24),
) -> KeyPair:
    """A leaf of ``ca`` with a new key of the CA's algorithm (P-256 under an RSA CA).

    :raises KeyPairError: when the CA's certificate or key cannot be read.
    """
    try:
        ca_certificate, ca_key = ca.certificate, ca.private_key
    except (ValueError, TypeError) as error:
        raise KeyPairError(f"failed to parse the issuing CA: {error}") from error
    key: Any
    if isinstance(ca_key, ed25519.Ed25519PrivateKey):
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    try:
        identifier = ca_certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    except x509.ExtensionNotFound:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name, organization))
        .issuer_name(ca_certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=10))
        .not_valid_after(now + lifetime)
        .add_extension(
            _usage(sign=False, encipher=key_encipherment or isinstance(ca_key, rsa.RSAPrivateKey)), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(authority, critical=False)
    )
    alternatives = [_alternative(name) for name in dict.fromkeys(names) if name]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return KeyPair(_pem(builder.sign(ca_key, _digest(ca_key))), _key_pem(key))


def server_context(leaf: KeyPair, client_cas: Iterable[bytes] = ()) -> ssl.SSLContext:
    """The TLS context of a listener: ALPN ``h2`` only, clients verified against ``client_cas`` when there are some."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory(prefix="homeops-lab-") as folder:
        crt, key = Path(folder, "crt"), Path(folder, "key")
        key.touch(mode=0o600)
        crt.write_bytes(leaf.crt)
        key.write_bytes(leaf.key)
        context.load_cert_chain(crt, key)
    authorities = [ca.decode() for ca in client_cas]
    if authorities:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata="\n".join(authorities))
    return context


def client_roles(der: bytes) -> frozenset[str]:
    """The roles of a client certificate: its Organization values."""
    certificate = x509.load_der_x509_certificate(der)
    return frozenset(str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))


def only_client_auth(der: bytes) -> bool:
    """Whether the certificate's extended key usage is exactly [clientAuth] (``apidCheckExtKeyUsage``)."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
