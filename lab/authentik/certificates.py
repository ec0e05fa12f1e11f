# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and their keys."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from .calls import Answer, Call
from .errors import REQUIRED, Invalid, bad, taken
from .fields import Checks, Field, Text
from .filters import Filter, exact, iexact
from .resource import Action, ListAction, Resource, use
from .store import Row, Store, new_uuid

SELF_SIGNED = "authentik Self-signed Certificate"
_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPrivateKey, "rsa"),
    (ec.EllipticCurvePrivateKey, "ec"),
    (dsa.DSAPrivateKey, "dsa"),
    (ed25519.Ed25519PrivateKey, "ed25519"),
    (ed448.Ed448PrivateKey, "ed448"),
)


class Certificates(Resource):
    """``/crypto/certificatekeypairs/``; both parts can be written and never read here."""

    path, table, label = "crypto/certificatekeypairs", "certificates", "CertificateKeyPair"
    app, model = "authentik_crypto", "certificatekeypair"
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True, unique="certificates", taken=taken("Certificate-Key Pair", "name")),
        "certificate_data": Text(required=True, trim=False),
        "key_data": Text(trim=False),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": exact("name"),
        "managed": iexact("managed"),
        "has_key": lambda row, text, call: bool(row["key_data"]) == (text.lower() in ("true", "1")),
        "key_type": lambda row, text, call: kind_of(material(row)["key_data"]) == text,
    }

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """Both must be PEM that can be read."""

        def certificate(value: str) -> str:
            try:
                x509.load_pem_x509_certificate(value.encode())
            except ValueError:
                raise Invalid("Unable to load certificate.") from None
            return value

        def key(value: str) -> str:
            if value:
                try:
                    serialization.load_pem_private_key(value.encode(), None)
                except (ValueError, TypeError, UnsupportedAlgorithm):
                    raise Invalid("Unable to load private key (possibly encrypted?).") from None
            return value

        return {"certificate_data": certificate, "key_data": key}

    def make(self, values: Row, call: Call) -> Row:
        """Nobody manages it."""
        row = super().make(values, call)
        row["managed"] = None
        return row

    def show(self, row: Row, call: Call) -> Row:
        """Return what is read from the certificate."""
        material(row)
        found = x509.load_pem_x509_certificate(row["certificate_data"].encode())
        here = f"/api/v3/crypto/certificatekeypairs/{row['pk']}"
        has_key = bool(row["key_data"])
        kind = "key_type" if call.store.release.since(2025, 12) else "private_key_type"
        return {
            "pk": row["pk"],
            "name": row["name"],
            "fingerprint_sha256": found.fingerprint(hashes.SHA256()).hex(":").upper(),
            "fingerprint_sha1": found.fingerprint(hashes.SHA1()).hex(":").upper(),  # noqa: S303 (a name, not a proof)
            "cert_expiry": found.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "cert_subject": found.subject.rfc4514_string(),
            "private_key_available": has_key,
            kind: kind_of(row["key_data"]) if has_key else None,
            "certificate_download_url": f"{here}/view_certificate/?download",
            "private_key_download_url": f"{here}/view_private_key/?download",
            "managed": row["managed"],
        }

    def remove(self, row: Row, call: Call) -> None:
        """Providers stay without it."""
        super().remove(row, call)
        for provider in call.store.rows("providers"):
            for name in ("certificate", "signing_key", "encryption_key"):
                if provider.get(name) == row["pk"]:
                    provider[name] = None

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the providers that have it."""
        names = ("certificate", "signing_key", "encryption_key")
        return [
            use("authentik_core", "provider", provider["pk"], provider["name"], "set_null")
            for provider in call.store.rows("providers")
            if row["pk"] in [provider.get(name) for name in names]
        ]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Read the two parts."""
        return {
            ("GET", "view_certificate"): lambda call, row: Answer(200, {"data": material(row)["certificate_data"]}),
            ("GET", "view_private_key"): lambda call, row: Answer(200, {"data": material(row)["key_data"]}),
        }

    def list_actions(self) -> Mapping[tuple[str, str], ListAction]:
        """Make a pair."""
        return {("POST", "generate"): self._generate}

    def _generate(self, call: Call) -> Answer:
        self.permit(call)
        body = call.body if isinstance(call.body, Mapping) else {}
        wrong = {name: [REQUIRED] for name in ("common_name", "validity_days") if not body.get(name)}
        if wrong:
            raise bad(wrong)
        name = str(body["common_name"])
        if call.store.find("certificates", name=name):
            raise bad({"name": [taken("Certificate-Key Pair", "name")]})
        names = [part for part in str(body.get("subject_alt_name") or "").split(",") if part]
        row = add_pair(call.store, name, int(body["validity_days"]), names, elliptic=body.get("alg") == "ecdsa")
        call.store.touch()
        return Answer(200, self.show(row, call))


def add_pair(
    store: Store, name: str, days: int = 365, names: list[str] | None = None, *, elliptic: bool = False
) -> Row:
    """Store a pair that is made when somebody looks at it: an RSA key takes a while."""
    row = {
        "pk": new_uuid(),
        "name": name,
        "managed": None,
        "certificate_data": "",
        "key_data": "(made when it is looked at)",
        "plan": {"days": days, "names": names or [], "elliptic": elliptic},
    }
    store.tables["certificates"][row["pk"]] = row
    return row


def material(row: Row) -> Row:
    """Make a planned pair, and return the row."""
    plan = row.pop("plan", None)
    if plan is not None:
        key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if plan["elliptic"]
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, row["name"][:64]),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "authentik"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Self-signed"),
            ]
        )
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=plan["days"]))
        )
        if plan["names"]:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in plan["names"]])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        row["certificate_data"] = certificate.public_bytes(serialization.Encoding.PEM).decode()
        row["key_data"] = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()
    return row


def kind_of(key_data: str) -> str:
    """Return the kind of a private key."""
    if not key_data:
        return ""
    key = serialization.load_pem_private_key(key_data.encode(), None)
    return next(name for kind, name in _KINDS if isinstance(key, kind))
