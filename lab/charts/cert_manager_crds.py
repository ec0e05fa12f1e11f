# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of cert-manager 1.19: the fields of its API reference for issuers and certificates, the rest free."""

from __future__ import annotations

from typing import Any

from .crds import FLAG, FREE, FREE_LIST, READY, TEXT, TEXTS, WHOLE, crd, fields, one_of

GROUP, ACME = "cert-manager.io", "acme.cert-manager.io"
_REFERENCE = fields({"name": TEXT, "kind": TEXT, "group": TEXT}, ("name",))
_KEY_OF_SECRET = fields({"name": TEXT, "key": TEXT}, ("name",))
_CONDITIONS: dict[str, Any] = {
    "type": "array",
    "items": fields(
        {
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "message": TEXT,
            "observedGeneration": {"type": "integer", "format": "int64"},
            "reason": TEXT,
            "status": one_of("True", "False", "Unknown"),
            "type": TEXT,
        },
        ("status", "type"),
    ),
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}
_ISSUER_SPEC = fields(
    {
        "acme": fields(
            {
                "server": TEXT,
                "email": TEXT,
                "preferredChain": {"type": "string", "maxLength": 64},
                "profile": TEXT,
                "privateKeySecretRef": _KEY_OF_SECRET,
                "solvers": FREE_LIST,
                "skipTLSVerify": FLAG,
                "caBundle": {"type": "string", "format": "byte"},
                "disableAccountKeyGeneration": FLAG,
                "enableDurationFeature": FLAG,
                "externalAccountBinding": FREE,
            },
            ("privateKeySecretRef", "server"),
        ),
        "ca": fields(
            {
                "secretName": TEXT,
                "crlDistributionPoints": TEXTS,
                "ocspServers": TEXTS,
                "issuingCertificateURLs": TEXTS,
            },
            ("secretName",),
        ),
        "selfSigned": fields({"crlDistributionPoints": TEXTS}),
        "vault": FREE,
        "venafi": FREE,
    }
)
_CERTIFICATE_SPEC = fields(
    {
        "secretName": TEXT,
        "issuerRef": _REFERENCE,
        "dnsNames": TEXTS,
        "ipAddresses": TEXTS,
        "uris": TEXTS,
        "emailAddresses": TEXTS,
        "otherNames": FREE_LIST,
        "commonName": TEXT,
        "literalSubject": TEXT,
        "subject": FREE,
        "duration": TEXT,
        "renewBefore": TEXT,
        "renewBeforePercentage": WHOLE,
        "isCA": FLAG,
        "usages": TEXTS,
        "privateKey": fields(
            {
                "algorithm": one_of("RSA", "ECDSA", "Ed25519"),
                "encoding": one_of("PKCS1", "PKCS8"),
                "rotationPolicy": one_of("Never", "Always"),
                "size": WHOLE,
            }
        ),
        "signatureAlgorithm": TEXT,
        "secretTemplate": fields(
            {
                "annotations": {"type": "object", "additionalProperties": TEXT},
                "labels": {"type": "object", "additionalProperties": TEXT},
            }
        ),
        "keystores": FREE,
        "additionalOutputFormats": FREE_LIST,
        "nameConstraints": FREE,
        "encodeUsagesInRequest": FLAG,
        "revisionHistoryLimit": {"type": "integer", "format": "int32"},
    },
    ("issuerRef", "secretName"),
)
_CERTIFICATE_STATUS = fields(
    {
        "conditions": _CONDITIONS,
        "failedIssuanceAttempts": WHOLE,
        "lastFailureTime": {"type": "string", "format": "date-time"},
        "nextPrivateKeySecretName": TEXT,
        "notAfter": {"type": "string", "format": "date-time"},
        "notBefore": {"type": "string", "format": "date-time"},
        "renewalTime": {"type": "string", "format": "date-time"},
        "revision": WHOLE,
    }
)
_ISSUER_STATUS = fields({"acme": FREE, "conditions": _CONDITIONS})
_CERTIFICATE_COLUMNS = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type == "Ready")].status'},
    {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def definitions(labels: dict[str, str], annotations: dict[str, str]) -> list[dict[str, Any]]:
    """Return the six definitions."""
    marks: dict[str, Any] = {"labels": labels, "annotations": annotations}
    family = ("cert-manager",)
    return [
        crd(
            *(GROUP, "Certificate", "certificates"),
            short=("cert", "certs"),
            spec=_CERTIFICATE_SPEC,
            status=_CERTIFICATE_STATUS,
            columns=_CERTIFICATE_COLUMNS,
            categories=family,
            **marks,
        ),
        crd(
            *(GROUP, "CertificateRequest", "certificaterequests"),
            short=("cr", "crs"),
            columns=READY,
            categories=family,
            **marks,
        ),
        crd(
            GROUP,
            "Issuer",
            "issuers",
            spec=_ISSUER_SPEC,
            status=_ISSUER_STATUS,
            columns=READY,
            categories=family,
            **marks,
        ),
        crd(
            *(GROUP, "ClusterIssuer", "clusterissuers"),
            spec=_ISSUER_SPEC,
            status=_ISSUER_STATUS,
            scope="Cluster",
            columns=READY,
            categories=family,
            **marks,
        ),
        crd(ACME, "Order", "orders", categories=("cert-manager", "cert-manager-acme"), **marks),
        crd(ACME, "Challenge", "challenges", categories=("cert-manager", "cert-manager-acme"), **marks),
    ]
