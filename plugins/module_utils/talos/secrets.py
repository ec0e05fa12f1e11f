# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets bundle of a cluster: what must never be lost, and from which all machine configs are made.

Interchangeable with the YAML of ``talosctl gen secrets`` (siderolabs/talos v1.10
``pkg/machinery/config/generate/secrets``),
version contract 1.10.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import secrets as random_source
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

try:
    import yaml
    from cryptography import x509
except ImportError:  # identity.require() tells
    yaml = None  # type: ignore[assignment]

from ..common.errors import InputError
from . import pki
from .identity import require
from .pki import CertificateAndKey

_TOKEN = re.compile(r"[0-9a-z]{6}\.[0-9a-z]{16}")
_CERTIFICATES = ("etcd", "k8s", "k8saggregator", "os")
_REQUIRED = (
    "cluster.id",
    "cluster.secret",
    "secrets.bootstraptoken",
    "trustdinfo.token",
    *(f"certs.{name}.{part}" for name in _CERTIFICATES for part in ("crt", "key")),
    "certs.k8sserviceaccount.key",
)
_SIZE = 32  # of the random secrets, bytes


@dataclass(frozen=True)
class SecretsBundle:
    """All secrets of one cluster. Certificates and keys are PEM bytes, tokens and ids text as in the file.

    :param secretbox_encryption_secret: base64 of 32 bytes; empty in bundles of contract 1.2 and older, which have
        ``aescbc_encryption_secret``.
    """

    cluster_id: str
    cluster_secret: str
    bootstrap_token: str
    trustd_token: str
    secretbox_encryption_secret: str
    etcd: CertificateAndKey
    k8s: CertificateAndKey
    k8s_aggregator: CertificateAndKey
    k8s_service_account_key: bytes
    os: CertificateAndKey
    aescbc_encryption_secret: str = ""

    def __repr__(self) -> str:
        return "SecretsBundle(...)"

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the file."""

        def pair(value: CertificateAndKey) -> dict[str, str]:
            return {"crt": _base64(value.crt), "key": _base64(value.key)}

        encryption = {
            "aescbcencryptionsecret": self.aescbc_encryption_secret,
            "secretboxencryptionsecret": self.secretbox_encryption_secret,
        }
        return {
            "cluster": {"id": self.cluster_id, "secret": self.cluster_secret},
            "secrets": {
                "bootstraptoken": self.bootstrap_token,
                **{key: value for key, value in encryption.items() if value},
            },
            "trustdinfo": {"token": self.trustd_token},
            "certs": {
                "etcd": pair(self.etcd),
                "k8s": pair(self.k8s),
                "k8saggregator": pair(self.k8s_aggregator),
                "k8sserviceaccount": {"key": _base64(self.k8s_service_account_key)},
                "os": pair(self.os),
            },
        }

    def to_yaml(self) -> str:
        """Return the file's text, keys in Talos' order."""
        return yaml.safe_dump(self.as_dict(), sort_keys=False, indent=4, width=1_000_000)

    def authorities(self) -> dict[str, dict[str, str]]:
        """Return what may be shown of the four CAs: SHA-256 fingerprint and end of validity."""
        shown = {"etcd": self.etcd, "kubernetes": self.k8s, "aggregator": self.k8s_aggregator, "talos": self.os}
        return {
            name: {
                "fingerprint": pki.fingerprint(ca.crt),
                "expires": ca.certificate.not_valid_after_utc.isoformat(),
            }
            for name, ca in shown.items()
        }


def generate(now: datetime.datetime) -> SecretsBundle:
    """Return a new bundle. Takes seconds, since the service account key is RSA 4096.

    :param now: begin of the CAs' validity, with time zone.
    """
    require()
    return SecretsBundle(
        cluster_id=base64.urlsafe_b64encode(random_source.token_bytes(_SIZE)).decode(),
        cluster_secret=_base64(random_source.token_bytes(_SIZE)),
        bootstrap_token=_token(),
        trustd_token=_token(),
        secretbox_encryption_secret=_base64(random_source.token_bytes(_SIZE)),
        etcd=pki.new_ca("etcd", now, kubernetes=True),
        k8s=pki.new_ca("kubernetes", now, kubernetes=True),
        k8s_aggregator=pki.new_ca("", now, kubernetes=True),
        k8s_service_account_key=pki.service_account_key(),
        os=pki.new_ca("talos", now, kubernetes=False),
    )


def parse(text: str, source: str = "the given text", *, param: str = "secrets") -> SecretsBundle:
    """Read and validate a bundle.

    :param source: where it is from, for messages (never its content).
    :param param: the module parameter to name.
    :raises InputError: with every key that is missing, or the first that is wrong.
    """
    require()

    def wrong(what: str) -> InputError:
        return InputError(
            "the secrets bundle is not usable",
            target=source,
            answer=what,
            remedy="Restore it from the safe copy: with a new bundle the nodes would have to be reset",
            param=param,
        )

    if text.lstrip().startswith("$ANSIBLE_VAULT"):
        raise InputError(
            "the secrets bundle is encrypted by ansible-vault",
            target=source,
            remedy="Give Ansible the vault password (--vault-password-file or ANSIBLE_VAULT_PASSWORD_FILE)",
            param=param,
        )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise wrong(f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if not isinstance(content, Mapping):
        raise wrong("it is empty" if content is None else "it is not a mapping")
    missing = [path for path in _REQUIRED if not isinstance(_at(content, path), str) or not _at(content, path)]
    secretbox = _at(content, "secrets.secretboxencryptionsecret") or ""
    aescbc = _at(content, "secrets.aescbcencryptionsecret") or ""
    if not secretbox and not aescbc:
        missing.append("secrets.secretboxencryptionsecret")
    if missing:
        raise wrong(f"missing: {', '.join(missing)}")
    if not _TOKEN.fullmatch(_at(content, "secrets.bootstraptoken")):
        raise wrong("secrets.bootstraptoken is not of the form abcdef.0123456789abcdef")
    for name, value in (("secretboxencryptionsecret", secretbox), ("aescbcencryptionsecret", aescbc)):
        if value and len(_decoded(value) or b"") != _SIZE:
            raise wrong(f"secrets.{name} is not base64 of {_SIZE} bytes")
    try:
        return SecretsBundle(
            cluster_id=_at(content, "cluster.id"),
            cluster_secret=_at(content, "cluster.secret"),
            bootstrap_token=_at(content, "secrets.bootstraptoken"),
            trustd_token=_at(content, "trustdinfo.token"),
            secretbox_encryption_secret=secretbox,
            aescbc_encryption_secret=aescbc,
            etcd=_authority(content, "etcd"),
            k8s=_authority(content, "k8s"),
            k8s_aggregator=_authority(content, "k8saggregator"),
            k8s_service_account_key=_private_key(content, "certs.k8sserviceaccount.key"),
            os=_authority(content, "os"),
        )
    except ValueError as error:
        raise wrong(str(error)) from None


def _authority(content: Mapping[str, Any], name: str) -> CertificateAndKey:
    path = f"certs.{name}"
    crt = _decoded(_at(content, f"{path}.crt"))
    try:
        certificate = x509.load_pem_x509_certificate(crt or b"")
    except ValueError:
        raise ValueError(f"{path}.crt is not base64 of a PEM certificate") from None
    key = _private_key(content, f"{path}.key")
    if pki.load_key(key).public_key() != certificate.public_key():
        raise ValueError(f"{path}.key does not belong to {path}.crt")
    return CertificateAndKey(crt or b"", key)


def _private_key(content: Mapping[str, Any], path: str) -> bytes:
    key = _decoded(_at(content, path)) or b""
    try:
        pki.load_key(key)
    except ValueError:
        raise ValueError(f"{path} is not base64 of a PEM private key") from None
    return key


def _at(content: Any, path: str) -> Any:
    for key in path.split("."):
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _token() -> str:
    alphabet = string.digits + string.ascii_lowercase
    first, second = ("".join(random_source.choice(alphabet) for _unused in range(size)) for size in (6, 16))
    return f"{first}.{second}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
