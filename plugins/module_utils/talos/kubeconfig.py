# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admin kubeconfigs: unpacking what a node sends, and deciding whether the one at hand still does."""

from __future__ import annotations

import base64
import binascii
import datetime
import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

try:
    import yaml
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
except ImportError:  # identity.require() tells
    yaml = None  # type: ignore[assignment]

from . import pki
from .errors import ProtocolError


@dataclass(frozen=True)
class Wanted:
    """What a kubeconfig must say.

    :param ca: PEM, one or more certificates.
    :param tls_server_name: the name in the API's certificate when it is not the server's own; empty for none.
    """

    ca: bytes
    server: str
    tls_server_name: str = ""


def wanted_of(machine_config: Mapping[str, Any], server: str = "", tls_server_name: str = "") -> Wanted:
    """Return what the kubeconfig of the cluster of this (active) machine config says, with the given overrides.

    A node writes ``cluster.controlPlane.endpoint`` and ``cluster.acceptedCAs`` + ``cluster.ca``
    (siderolabs/talos v1.10 ``internal/app/machined/internal/server/v1alpha1``).
    """
    cluster = machine_config.get("cluster") or {}
    authorities = [*(cluster.get("acceptedCAs") or []), cluster.get("ca") or {}]
    try:
        ca = b"".join(base64.b64decode(item["crt"]).rstrip() + b"\n" for item in authorities)
        endpoint = str(cluster["controlPlane"]["endpoint"])
    except (KeyError, TypeError, binascii.Error) as error:
        raise ProtocolError(
            "reading the cluster's CA from the active machine config",
            answer=f"it has no usable cluster.ca or controlPlane.endpoint ({type(error).__name__})",
            remedy="Apply a complete machine config to this node",
        ) from None
    return Wanted(ca, server or endpoint, tls_server_name)


def unpack(data: bytes) -> str:
    """Return the kubeconfig in what a node sends: gzip of a tar with one member and neither padding nor trailer.

    Only the first member can be read from such a tar; looking for a name would run into its end.
    """
    try:
        unzipped = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(data)
        with tarfile.open(fileobj=io.BytesIO(unzipped), mode="r:") as archive:
            member = archive.next()
            file = archive.extractfile(member) if member else None
            text = file.read().decode() if file else ""
    except (zlib.error, tarfile.TarError, UnicodeDecodeError, EOFError) as error:
        raise ProtocolError(
            "unpacking the kubeconfig", answer=f"the answer is not gzip of a tar ({type(error).__name__})"
        ) from None
    if not text.strip():
        raise ProtocolError("unpacking the kubeconfig", answer="the archive holds no kubeconfig")
    return text


def with_server(text: str, wanted: Wanted) -> str:
    """Return the kubeconfig with the wanted server and name to verify."""
    content = yaml.safe_load(text)
    for item in content["clusters"]:
        item["cluster"]["server"] = wanted.server
        item["cluster"].pop("tls-server-name", None)
        if wanted.tls_server_name:
            item["cluster"]["tls-server-name"] = wanted.tls_server_name
    return str(yaml.safe_dump(content, sort_keys=False, width=1_000_000))


def renewal_reason(
    existing: str | None, wanted: Wanted, now: datetime.datetime, renew_before: datetime.timedelta
) -> str:
    """Say why the kubeconfig has to be fetched anew; empty when it can stay as it is.

    :param existing: the file's text, None when there is no file.
    """
    if existing is None:
        return "it does not exist"
    try:
        cluster, user = _current(yaml.safe_load(existing))
        authorities = x509.load_pem_x509_certificates(_pem(cluster, "certificate-authority-data"))
        certificate = x509.load_pem_x509_certificate(_pem(user, "client-certificate-data"))
        key = pki.load_key(_pem(user, "client-key-data"))
    except (yaml.YAMLError, KeyError, TypeError, StopIteration, ValueError, AttributeError):
        return "it is not a kubeconfig with a client certificate"
    left = certificate.not_valid_after_utc - now
    reasons = (
        (_prints(authorities) != _prints(x509.load_pem_x509_certificates(wanted.ca)), "its CA is not the cluster's"),
        (not pki.signed_by(certificate, wanted.ca), "its client certificate is not signed by the cluster's CA"),
        (key.public_key() != certificate.public_key(), "its key does not belong to its client certificate"),
        (
            left < renew_before,
            f"its client certificate expires at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        ),
        (cluster.get("server") != wanted.server, f"its server is {cluster.get('server')}"),
        (
            (cluster.get("tls-server-name") or "") != wanted.tls_server_name,
            f"its tls-server-name is {cluster.get('tls-server-name') or '(none)'}",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")


def expiry(text: str) -> datetime.datetime:
    """Return the end of the current user's client certificate, UTC."""
    _unused, user = _current(yaml.safe_load(text))
    return x509.load_pem_x509_certificate(_pem(user, "client-certificate-data")).not_valid_after_utc


def _current(content: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return cluster and user of the current context."""

    def named(kind: str, name: str) -> dict[str, Any]:
        return next(item for item in content[f"{kind}s"] if item["name"] == name)[kind]

    context = named("context", content["current-context"])
    return named("cluster", context["cluster"]), named("user", context["user"])


def _pem(section: Mapping[str, Any], key: str) -> bytes:
    return base64.b64decode(section[key], validate=True)


def _prints(certificates: list[x509.Certificate]) -> set[bytes]:
    return {certificate.fingerprint(hashes.SHA256()) for certificate in certificates}
