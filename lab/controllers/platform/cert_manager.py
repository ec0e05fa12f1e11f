# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cert-manager: issuers, Certificates from Ingresses, and real X.509 certificates in their Secrets."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import time
from typing import Any

from ...authority import Authority, Issued, key_pem, new_key, self_signed
from ..api import DEPLOYMENTS, INGRESSES, SECRETS, Object, Resource
from ..base import Controller, Memory, key_of, merge_conditions, owner_reference, timestamp
from ..manager import World
from . import certificates
from .certificates import Held
from .state import running

IMAGE = "cert-manager-controller"
CERTIFICATES = Resource("cert-manager.io/v1", "certificates", "Certificate")
ISSUERS = Resource("cert-manager.io/v1", "issuers", "Issuer")
CLUSTER_ISSUERS = Resource("cert-manager.io/v1", "clusterissuers", "ClusterIssuer", namespaced=False)
REQUESTS = Resource("cert-manager.io/v1", "certificaterequests", "CertificateRequest")
CHALLENGES = Resource("acme.cert-manager.io/v1", "challenges", "Challenge")
MANAGER = "cert-manager"
REGISTERED = "The ACME account was registered with the ACME server"
UNREGISTERED = 'Failed to register ACME account: Get "{}": dial tcp: i/o timeout'
WRONG_PROOF = (
    "Error accepting authorization: acme: authorization error for {0}: 403 urn:ietf:params:acme:error:unauthorized: "
    "Incorrect TXT record found at _acme-challenge.{0}"
)
INVALID_ORDER = 'Failed to wait for order resource to become ready: order is in "invalid" state: '
FAILED = "The certificate request has failed to complete and will be retried: {}"


class NotIssued(Exception):
    """No certificate now; ``final`` when the request has failed and a new one must be made."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        self.final = final
        super().__init__(message)


class CertManager(Controller):
    """Does what the controller does; its webhook lets everything pass."""

    watches = (DEPLOYMENTS, INGRESSES, SECRETS, CERTIFICATES, ISSUERS, CLUSTER_ISSUERS, CHALLENGES)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._started = Memory()
        self._read: dict[tuple[str, str], tuple[str, Held | None]] = {}

    async def reconcile(self) -> None:
        """Issuers first, then what Ingresses ask for, then every Certificate."""
        programs = running(self.mirror(DEPLOYMENTS), IMAGE)
        if not programs:
            return
        home = programs[0]["metadata"]["namespace"]
        for issuer in [*self.mirror(CLUSTER_ISSUERS), *self.mirror(ISSUERS)]:
            await self._issuer(issuer, issuer["metadata"].get("namespace") or home)
        await self._ingresses()
        now = datetime.datetime.now(datetime.UTC)
        judged = [(c, *self._judge(c, now)) for c in self.mirror(CERTIFICATES) if _stays(c)]
        self._started.keep(c["metadata"]["uid"] for c, why, _unused in judged if why[0])
        for certificate, why, held in judged:
            await self._certificate(certificate, why, held, now, home)

    # -- issuers -----------------------------------------------------------------------------------------------------
    async def _issuer(self, issuer: Object, namespace: str) -> None:
        meta, spec = issuer["metadata"], issuer.get("spec") or {}
        resource = ISSUERS if meta.get("namespace") else CLUSTER_ISSUERS
        status: Object = {}
        if acme := spec.get("acme"):
            if meta["name"] in self.world.platform.faults.issuer_not_ready:
                verdict = ("False", "ErrRegisterACMEAccount", UNREGISTERED.format(acme["server"]))
            else:
                await self._account_key(acme["privateKeySecretRef"]["name"], namespace)
                number = int(hashlib.sha256(f"{meta['uid']}".encode()).hexdigest()[:8], 16)
                host = acme["server"].partition("//")[2].partition("/")[0]
                uri = f"https://{host}/acme/acct/{number}"
                status["acme"] = {"uri": uri, "lastRegisteredEmail": acme.get("email", "")}
                verdict = ("True", "ACMEAccountRegistered", REGISTERED)
        elif ca := spec.get("ca"):
            if self.mirror(SECRETS).get(namespace, ca["secretName"]) is None:
                message = f'Error getting keypair for CA issuer: secrets "{ca["secretName"]}" not found'
                verdict = ("False", "ErrGetKeyPair", message)
            else:
                verdict = ("True", "KeyPairVerified", "Signing CA verified")
        else:
            verdict = ("True", "IsReady", "")
        condition = {"type": "Ready", "status": verdict[0], "reason": verdict[1], "message": verdict[2]}
        condition["observedGeneration"] = meta.get("generation", 1)
        old = (issuer.get("status") or {}).get("conditions")
        await self.api.set_status(resource, issuer, {**status, "conditions": merge_conditions(old, [condition])})

    async def _account_key(self, name: str, namespace: str) -> None:
        if self.mirror(SECRETS).get(namespace, name) is None:
            key = base64.b64encode(key_pem(await asyncio.to_thread(new_key))).decode()
            await self.api.create(
                SECRETS,
                {"metadata": {"name": name, "namespace": namespace}, "type": "Opaque", "data": {"tls.key": key}},
            )

    # -- Ingresses ---------------------------------------------------------------------------------------------------
    async def _ingresses(self) -> None:
        known = {key_of(c): c for c in self.mirror(CERTIFICATES)}
        wanted: set[tuple[str, str]] = set()
        for ingress in self.mirror(INGRESSES):
            for one in certificates.wanted_by(ingress):
                key = (one["namespace"], one["name"])
                wanted.add(key)
                existing = known.get(key)
                if existing is None:
                    owner = owner_reference(INGRESSES, ingress)
                    meta = {"name": one["name"], "namespace": one["namespace"], "ownerReferences": [owner]}
                    await self.api.create(CERTIFICATES, {"metadata": meta, "spec": one["spec"]})
                elif _owner(existing, "Ingress") == ingress["metadata"]["uid"]:
                    changed = {k: v for k, v in one["spec"].items() if existing["spec"].get(k) != v}
                    if changed:
                        await self.api.merge(CERTIFICATES.of(existing), {"spec": changed})
        alive = {i["metadata"]["uid"] for i in self.mirror(INGRESSES)}
        for key, certificate in known.items():
            if key not in wanted and _owner(certificate, "Ingress") in alive:
                await self.api.delete(CERTIFICATES, certificate)

    # -- Certificates ------------------------------------------------------------------------------------------------
    def _held(self, secret: Object | None) -> Held | None:
        if secret is None:
            return None
        key, version = key_of(secret), secret["metadata"]["resourceVersion"]
        if self._read.get(key, ("", None))[0] != version:
            self._read[key] = (version, certificates.read(secret))
        return self._read[key][1]

    def _judge(self, certificate: Object, now: datetime.datetime) -> tuple[tuple[str, str], Held | None]:
        secret = self.mirror(SECRETS).get(certificate["metadata"]["namespace"], certificate["spec"]["secretName"])
        held = self._held(secret)
        return certificates.must_issue(certificate["spec"], secret, held, now), held

    async def _certificate(
        self, certificate: Object, why: tuple[str, str], held: Held | None, now: datetime.datetime, home: str
    ) -> None:
        meta, spec = certificate["metadata"], certificate["spec"]
        if not why[0] and held is not None:
            await self._ready(certificate, held)
            self.due(time.monotonic(), (certificates.renewal_time(spec, held) - now).total_seconds())
            return
        issuer_kind = spec["issuerRef"].get("kind") or "Issuer"
        mirror = self.mirror(CLUSTER_ISSUERS if issuer_kind == "ClusterIssuer" else ISSUERS)
        issuer = mirror.get("" if issuer_kind == "ClusterIssuer" else meta["namespace"], spec["issuerRef"]["name"])
        good = held is not None and now < held.not_after
        try:
            if not self.due(self._started.since(meta["uid"]), self.world.delays.platform.certificate):
                raise NotIssued("")
            issued = await self._issue(certificate, issuer, home)
        except NotIssued as error:
            await self._waits(certificate, why, good, error)
            return
        await self._write(certificate, issued, issuer or {})

    async def _issue(self, certificate: Object, issuer: Object | None, home: str) -> tuple[Issued, bytes]:
        """Return the certificate and what ``ca.crt`` holds.

        :raises NotIssued: with the reason.
        """
        spec = certificate["spec"]
        if issuer is None:
            reference = spec["issuerRef"]
            kind = (reference.get("kind") or "Issuer").lower()
            full = f'{kind}.cert-manager.io "{reference["name"]}"'
            raise NotIssued(f'Referenced "{reference.get("kind") or "Issuer"}" not found: {full} not found')
        conditions = (issuer.get("status") or {}).get("conditions") or []
        if not any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            raise NotIssued("Referenced issuer does not have a Ready status condition")
        names = certificates.names_of(spec)
        settings: dict[str, Any] = {
            "common_name": spec.get("commonName") or "",
            "duration": certificates.duration(spec.get("duration")),
            "usages": spec.get("usages") or [],
            "is_ca": bool(spec.get("isCA")),
        }
        of_issuer = issuer.get("spec") or {}
        if of_issuer.get("acme"):
            await self._prove(certificate, issuer, names, home)
        settings["key"] = await asyncio.to_thread(_key, spec)
        if acme := of_issuer.get("acme"):
            staging = "staging" in acme["server"]
            authority = self.world.platform.staging if staging else self.world.platform.public
            issued = await asyncio.to_thread(
                authority.issue, names, **{**settings, "duration": certificates.DEFAULT_DURATION}
            )
            return issued, b""
        if ca := of_issuer.get("ca"):
            namespace = issuer["metadata"].get("namespace") or home
            pair = (self.mirror(SECRETS).get(namespace, ca["secretName"]) or {}).get("data") or {}
            crt, key = (base64.b64decode(pair.get(k) or "") for k in ("tls.crt", "tls.key"))
            if not crt or not key:
                raise NotIssued(f'Referenced secret "{namespace}/{ca["secretName"]}" holds no key pair')
            return Authority("", (crt, key)).issue(names, **settings), crt
        issued = await asyncio.to_thread(self_signed, names, **settings)
        return issued, issued.certificate

    async def _prove(self, certificate: Object, issuer: Object, names: list[str], home: str) -> None:
        """Solve the challenges of an order; raises :class:`NotIssued` with what a Challenge would say."""
        namespace = issuer["metadata"].get("namespace") or home
        for name in names:
            solver = certificates.solver_for(issuer["spec"], name)
            if solver is None:
                raise NotIssued(certificates.NO_SOLVER)
            secret, key = certificates.token_secret(solver)
            if secret:
                found = self.mirror(SECRETS).get(namespace, secret)
                if found is None:
                    problem = f'error getting cloudflare secret: secret "{secret}" not found'
                    await self._challenge(certificate, issuer, name, "pending", problem)
                    raise NotIssued(problem)
                if not (found.get("data") or {}).get(key):
                    problem = f'no "{key}" key in secret "{namespace}/{secret}"'
                    await self._challenge(certificate, issuer, name, "pending", problem)
                    raise NotIssued(problem)
            if name in self.world.platform.faults.challenge_invalid:
                await self._challenge(certificate, issuer, name, "invalid", WRONG_PROOF.format(name))
                raise NotIssued(INVALID_ORDER, final=True)
        for challenge in self.mirror(CHALLENGES):
            if _owner(challenge, "Certificate") == certificate["metadata"]["uid"]:
                await self.api.delete(CHALLENGES, challenge)

    async def _challenge(self, certificate: Object, issuer: Object, name: str, state: str, reason: str) -> None:
        meta = certificate["metadata"]
        digest = hashlib.sha256(f"{meta['uid']}/{name}".encode()).hexdigest()[:8]
        full = f"{meta['name'][:40]}-{digest}"
        known = self.mirror(CHALLENGES).get(meta["namespace"], full)
        status = {"state": state, "reason": reason, "presented": False, "processing": state == "pending"}
        if known is None:
            owner = owner_reference(CERTIFICATES, certificate)
            spec = {"dnsName": name, "type": "DNS-01", "issuerRef": certificate["spec"]["issuerRef"], "wildcard": False}
            made = {
                "metadata": {"name": full, "namespace": meta["namespace"], "ownerReferences": [owner]},
                "spec": spec,
            }
            known = await self.api.create(CHALLENGES, made)
        if known is not None:
            await self.api.set_status(CHALLENGES, known, status)

    # -- writing -----------------------------------------------------------------------------------------------------
    async def _waits(self, certificate: Object, why: tuple[str, str], good: bool, error: NotIssued) -> None:
        status = certificate.get("status") or {}
        reason, message = why
        issuing = {"type": "Issuing", "status": "True", "reason": reason, "message": message}
        more: Object = {}
        if error.final:
            issuing |= {"status": "False", "reason": "Failed", "message": FAILED.format(error)}
            if not status.get("lastFailureTime"):
                more = {"failedIssuanceAttempts": 1, "lastFailureTime": timestamp()}
        ready = {"type": "Ready", "status": str(good), "reason": "Ready" if good else reason}
        ready["message"] = "Certificate is up to date and has not expired" if good else message
        conditions = [
            c | {"observedGeneration": certificate["metadata"].get("generation", 1)} for c in (ready, issuing)
        ]
        merged = merge_conditions(status.get("conditions"), conditions)
        await self.api.set_status(CERTIFICATES, certificate, {**more, "conditions": merged})

    async def _ready(self, certificate: Object, held: Held) -> None:
        status, spec = certificate.get("status") or {}, certificate["spec"]
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "Certificate is up to date and has not expired",
            "observedGeneration": certificate["metadata"].get("generation", 1),
        }
        before = [c for c in status.get("conditions") or [] if c["type"] != "Issuing"]
        wanted = {
            "conditions": merge_conditions(before, [condition]),
            "notBefore": _stamp(held.not_before),
            "notAfter": _stamp(held.not_after),
            "renewalTime": _stamp(certificates.renewal_time(spec, held)),
            "revision": status.get("revision") or 1,
            **({"failedIssuanceAttempts": None, "lastFailureTime": None} if status.get("lastFailureTime") else {}),
        }
        await self.api.set_status(CERTIFICATES, certificate, wanted)

    async def _write(self, certificate: Object, made: tuple[Issued, bytes], issuer: Object) -> None:
        meta, spec = certificate["metadata"], certificate["spec"]
        issued, ca = made
        revision = ((certificate.get("status") or {}).get("revision") or 0) + 1
        template = spec.get("secretTemplate") or {}
        reference = spec["issuerRef"]
        notes = {
            "cert-manager.io/certificate-name": meta["name"],
            "cert-manager.io/issuer-name": reference["name"],
            "cert-manager.io/issuer-kind": reference.get("kind") or "Issuer",
            "cert-manager.io/issuer-group": reference.get("group", ""),
            "cert-manager.io/common-name": spec.get("commonName", ""),
            "cert-manager.io/alt-names": ",".join(spec.get("dnsNames") or []),
            "cert-manager.io/ip-sans": ",".join(spec.get("ipAddresses") or []),
            "cert-manager.io/uri-sans": "",
        }
        data = {"tls.crt": issued.certificate, "tls.key": issued.key, **({"ca.crt": ca} if ca else {})}
        secret = {
            "metadata": {
                "name": spec["secretName"],
                "namespace": meta["namespace"],
                "labels": {"controller.cert-manager.io/fao": "true", **(template.get("labels") or {})},
                "annotations": {**notes, **(template.get("annotations") or {})},
            },
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        await self.api.ensure(SECRETS, secret, MANAGER)
        await self._request(certificate, issued, revision)
        await self.api.merge(CERTIFICATES.of(certificate, "status"), {"status": {"revision": revision}})
        self.log.info("issued %s/%s by %s", meta["namespace"], meta["name"], issuer["metadata"]["name"])

    async def _request(self, certificate: Object, issued: Issued, revision: int) -> None:
        """Leave the request behind, as cert-manager keeps the one of the present revision."""
        meta = certificate["metadata"]
        for number in {revision - 1} - {0}:
            old = await self.api.get(REQUESTS.path(meta["namespace"], f"{meta['name']}-{number}"))
            if old is not None:
                await self.api.delete(REQUESTS, old)
        made = {
            "metadata": {
                "name": f"{meta['name']}-{revision}",
                "namespace": meta["namespace"],
                "ownerReferences": [owner_reference(CERTIFICATES, certificate)],
                "annotations": {"cert-manager.io/certificate-revision": str(revision)},
            },
            "spec": {"issuerRef": certificate["spec"]["issuerRef"], "usages": certificate["spec"].get("usages") or []},
        }
        created = await self.api.create(REQUESTS, made)
        if created is not None:
            approved = {
                "type": "Approved",
                "status": "True",
                "reason": "cert-manager.io",
                "message": "Certificate request has been approved by cert-manager.io",
            }
            ready = {
                "type": "Ready",
                "status": "True",
                "reason": "Issued",
                "message": "Certificate fetched from issuer successfully",
            }
            text = base64.b64encode(issued.certificate).decode()
            status = {"conditions": merge_conditions(None, [approved, ready]), "certificate": text}
            await self.api.set_status(REQUESTS, created, status)


def _key(spec: Object) -> Any:
    wanted = spec.get("privateKey") or {}
    return new_key(wanted.get("algorithm") or "RSA", int(wanted.get("size") or 0))


def _stays(obj: Object) -> bool:
    return not obj["metadata"].get("deletionTimestamp")


def _owner(obj: Object, kind: str) -> str:
    return next((o["uid"] for o in obj["metadata"].get("ownerReferences") or [] if o["kind"] == kind), "")


def _stamp(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
