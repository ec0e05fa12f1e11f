# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the lab's Kubernetes, signed by the CA of the machine config that bootstrapped it."""

from __future__ import annotations

import base64
import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class KubernetesPki:
    """The PEM material that an API server is started with (machine config ``cluster.ca`` and its neighbours)."""

    ca_crt: bytes
    ca_key: bytes
    service_account_key: bytes
    aggregator_crt: bytes
    aggregator_key: bytes

    @classmethod
    def from_machine_config(cls, config: dict[str, Any] | None) -> KubernetesPki | None:
        """Read it from the v1alpha1 document of a control plane's machine config; None when it is not one's."""
        cluster = (config or {}).get("cluster") or {}

        def pem(section: str, key: str) -> bytes:
            return base64.b64decode((cluster.get(section) or {}).get(key) or "")

        pki = cls(
            *(pem("ca", "crt"), pem("ca", "key"), pem("serviceAccount", "key")),
            *(pem("aggregatorCA", "crt"), pem("aggregatorCA", "key")),
        )
        return pki if all((pki.ca_crt, pki.ca_key, pki.service_account_key, pki.aggregator_key)) else None

    def issue(
        self,
        common_name: str,
        *,
        organizations: Iterable[str] = (),
        names: Iterable[str] = (),
        client: bool = False,
        front_proxy: bool = False,
        days: int = 365,
    ) -> tuple[bytes, bytes]:
        """Issue a certificate.

        :param names: subject alternative names, DNS names and addresses mixed.
        :param client: for client authentication; else for a server.
        :param front_proxy: signed by the aggregator's CA, for a proxy that names its clients to the API server.
        :returns: certificate and key, PEM.
        """
        authority = x509.load_pem_x509_certificate(self.aggregator_crt if front_proxy else self.ca_crt)
        signing_key = self.aggregator_key if front_proxy else self.ca_key
        authority_key: Any = serialization.load_pem_private_key(signing_key, None)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(seconds=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(_digital_signature(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_authority_identifier(authority), critical=False)
        )
        alternatives = [_general_name(name) for name in names]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        digest = None if isinstance(authority_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        certificate = builder.sign(authority_key, digest)
        return (
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            ),
        )


def _digital_signature() -> x509.KeyUsage:
    rest = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, **rest)


def _authority_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    except x509.ExtensionNotFound:
        public: Any = authority.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
