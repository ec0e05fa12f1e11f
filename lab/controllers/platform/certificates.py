# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cert-manager's decisions, without I/O: what an Ingress asks for, whether a Secret fits, who may sign a name.

Source: cert-manager v1.19 ``pkg/controller/certificate-shim``, ``internal/controller/certificates/policies``,
``pkg/issuer/acme``.
"""

from __future__ import annotations

import base64
import datetime
import re
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ..api import Object

ISSUER_NAME = "cert-manager.io/issuer-name"
NO_SOLVER = (
    "Failed to determine a valid solver configuration for the set of domains on the Order: "
    "no configured challenge solvers can be used for this challenge"
)
DEFAULT_DURATION = datetime.timedelta(days=90)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def duration(text: str | None, default: datetime.timedelta = DEFAULT_DURATION) -> datetime.timedelta:
    """Read a Go duration, ``2160h``."""
    found = re.findall(r"([\d.]+)(ms|h|m|s)", text or "")
    return datetime.timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in found)) if found else default


def wanted_by(ingress: Object) -> list[Object]:
    """Return the Certificates that an Ingress asks for: name, namespace and spec of each."""
    meta = ingress["metadata"]
    notes = meta.get("annotations") or {}
    reference = None
    for key, kind in (("cluster-issuer", "ClusterIssuer"), ("issuer", "Issuer")):
        if name := notes.get(f"cert-manager.io/{key}"):
            reference = {"name": name, "kind": kind, "group": "cert-manager.io"}
    if reference is None:
        return []
    found = []
    for entry in (ingress.get("spec") or {}).get("tls") or []:
        if not entry.get("secretName") or not entry.get("hosts"):
            continue
        spec: Object = {
            "secretName": entry["secretName"],
            "dnsNames": list(entry["hosts"]),
            "issuerRef": reference,
            "usages": ["digital signature", "key encipherment"],
        }
        for key, field in (("common-name", "commonName"), ("duration", "duration"), ("renew-before", "renewBefore")):
            if text := notes.get(f"cert-manager.io/{key}"):
                spec[field] = text
        if algorithm := notes.get("cert-manager.io/private-key-algorithm"):
            spec["privateKey"] = {"algorithm": algorithm}
        found.append({"name": entry["secretName"], "namespace": meta["namespace"], "spec": spec})
    return found


@dataclass(frozen=True)
class Held:
    """What a TLS Secret holds."""

    names: frozenset[str]
    not_before: datetime.datetime
    not_after: datetime.datetime


def read(secret: Object) -> Held | None:
    """Return what the Secret holds, None when it is no certificate."""
    data = secret.get("data") or {}
    try:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(data.get("tls.crt") or ""))
    except ValueError:
        return None
    names: set[str] = set()
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = {*extension.get_values_for_type(x509.DNSName)}
        names |= {str(address) for address in extension.get_values_for_type(x509.IPAddress)}
    except x509.ExtensionNotFound:
        pass
    return Held(frozenset(names), certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def names_of(spec: Object) -> list[str]:
    """Return the subject alternative names that a Certificate asks for."""
    return [*(spec.get("dnsNames") or []), *(spec.get("ipAddresses") or [])]


def renewal_time(spec: Object, held: Held) -> datetime.datetime:
    """Return when it is renewed: ``renewBefore`` its end, or when a third of its life is left."""
    life = held.not_after - held.not_before
    if spec.get("renewBeforePercentage"):
        before = life * int(spec["renewBeforePercentage"]) / 100
    else:
        before = duration(spec.get("renewBefore"), life / 3)
    if before >= life:
        before = life / 3
    return held.not_after - before


def must_issue(spec: Object, secret: Object | None, held: Held | None, now: datetime.datetime) -> tuple[str, str]:
    """Return reason and message for a new issuance, or two empty texts when the Secret is good."""
    if secret is None:
        return "DoesNotExist", "Issuing certificate as Secret does not exist"
    data = secret.get("data") or {}
    if not data:
        return "MissingData", "Issuing certificate as Secret does not contain any data"
    for key, what in (("tls.key", "a private key"), ("tls.crt", "a certificate")):
        if not data.get(key):
            return "MissingData", f"Issuing certificate as Secret does not contain {what}"
    if held is None:
        return "InvalidCertificate", "Issuing certificate as Secret contains an invalid certificate"
    notes = secret["metadata"].get("annotations") or {}
    reference = spec["issuerRef"]
    asked = (reference["name"], reference.get("kind") or "Issuer")
    if (notes.get(ISSUER_NAME), notes.get("cert-manager.io/issuer-kind", "Issuer")) != asked:
        return "IncorrectIssuer", (
            "Issuing certificate as Secret was previously issued by "
            f'"{notes.get("cert-manager.io/issuer-kind", "Issuer")}.cert-manager.io/{notes.get(ISSUER_NAME, "")}"'
        )
    if set(names_of(spec)) != held.names:
        return (
            "SecretMismatch",
            "Issuing certificate as Existing issued Secret is not up to date for spec: [spec.dnsNames]",
        )
    if now >= held.not_after:
        return "Expired", f"Certificate expired on {held.not_after.strftime('%a, %d %b %Y %H:%M:%S')} UTC"
    if now >= renewal_time(spec, held):
        moment = renewal_time(spec, held).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
        return "Renewing", f"Renewing certificate as renewal was scheduled at {moment}"
    return "", ""


def solver_for(issuer_spec: Object, name: str) -> Object | None:
    """Return the solver of an ACME issuer for a DNS name: the longest zone that fits, then one without selector."""
    best: tuple[int, Any] = (-1, None)
    bare = name.removeprefix("*.")
    for solver in (issuer_spec.get("acme") or {}).get("solvers") or []:
        selector = solver.get("selector") or {}
        zones, names = selector.get("dnsZones") or [], selector.get("dnsNames") or []
        if name in names:
            return solver
        score = 0 if not zones and not names else -1
        for zone in zones:
            if bare == zone or bare.endswith(f".{zone}"):
                score = max(score, len(zone))
        if name.startswith("*.") and "dns01" not in solver:
            continue
        if score > best[0]:
            best = (score, solver)
    return best[1]


def token_secret(solver: Object) -> tuple[str, str]:
    """Return name and key of the Secret that a DNS-01 solver for Cloudflare needs, or two empty texts."""
    provider = (solver.get("dns01") or {}).get("cloudflare") or {}
    reference = provider.get("apiTokenSecretRef") or provider.get("apiKeySecretRef") or {}
    return reference.get("name", ""), reference.get("key", "")
