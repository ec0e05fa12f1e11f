# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links between a service's label and the ingress that takes its requests, one function each.

A judge returns the state and a sentence; of a broken link the sentence ends with what to do where that is not plain,
and a third value says how soon the systems may mend it by themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..kubernetes.cluster_view import ClusterView, addresses_of, condition, name_of
from .chain import BROKEN, IN_TIME, NONE, OK, SOON, UNKNOWN, WARNING, Answer, Facts, Judgement, Wanted

POOL_LABEL = "io.cilium/lb-ipam-pool"
#: Of Cilium's LB-IPAM, on the Service.
IPAM_CONDITION = "cilium.io/IPAMRequestSatisfied"
#: A certificate that ends sooner than this has missed its renewal (cert-manager renews after two thirds of its life).
RENEWAL_DUE = timedelta(days=14)


def label(one: Wanted, facts: Facts) -> Judgement:
    """The ingress controller's Service chooses the wanted pool by a label."""
    if facts.cluster is None:
        return _unasked(facts, "cluster")
    service = facts.cluster.get("Service", one.entry)
    if service is None:
        return BROKEN, f"Service {one.entry} does not exist, so class {one.ingress_class} has no address"
    metadata = service["metadata"]
    found = (metadata.get("labels") or {}).get(POOL_LABEL)
    if found == one.pool:
        return OK, f"Service {one.entry} asks for pool {one.pool}"
    if found:
        return BROKEN, f"Service {one.entry} asks for pool {found}, wanted is {one.pool}"
    if POOL_LABEL in (metadata.get("annotations") or {}):
        return BROKEN, f"Service {one.entry} has {POOL_LABEL} as an annotation; only a label selects a pool"
    return BROKEN, f"Service {one.entry} has no label {POOL_LABEL}={one.pool}"


def address(one: Wanted, facts: Facts) -> Judgement:
    """Its pool gave it the address."""
    if facts.cluster is None:
        return _unasked(facts, "cluster")
    service = facts.cluster.get("Service", one.entry)
    found = addresses_of(service) if service else []
    if not found:
        said = condition(service or {}, IPAM_CONDITION).get("message") or "no pool has given it one"
        return BROKEN, f"Service {one.entry} has no address: {said}"
    if one.address and one.address not in found:
        return BROKEN, f"Service {one.entry} has {', '.join(found)}, wanted is {one.address}"
    row = _route(one, facts)
    if row and row.get("pool") and row["pool"] != one.pool:
        return BROKEN, f"{found[0]} comes from pool {row['pool']}, wanted is {one.pool}"
    return OK, f"{', '.join(found)} from pool {one.pool}"


def announced(one: Wanted, facts: Facts) -> Judgement:
    """Nodes announce the address by BGP."""
    if facts.routes is None:
        return _unasked(facts, "routes")
    row = _route(one, facts)
    if row is None:
        return BROKEN, f"no BGP policy of the cluster knows the Service {one.entry}"
    nodes = list(row.get("wanted") or [])
    if not nodes:
        return BROKEN, str(row.get("broken") or f"no node announces {row.get('prefix') or one.entry}")
    return OK, f"{row['prefix']} by {', '.join(nodes)}"


def accepted(one: Wanted, facts: Facts) -> Judgement:
    """The router has the address in its table, from each of these nodes."""
    if facts.routes is None:
        return _unasked(facts, "routes")
    row = _route(one, facts)
    if row is None or not row.get("wanted"):
        return UNKNOWN, "nothing is announced that the router could accept"
    if row.get("broken"):
        return BROKEN, str(row["broken"])
    if row.get("accepted") is None:
        return UNKNOWN, facts.reasons.get("router") or "the router gives no look at its table"
    return OK, f"{row['prefix']} over {row.get('paths')} paths"


def dns(one: Wanted, facts: Facts) -> Judgement:
    """The host's name leads to the address."""
    if facts.records is None:
        return _unasked(facts, "records")
    found = [item for item in facts.records if str(item["name"]).rstrip(".").lower() == one.host.lower()]
    if not found:
        told = f"no DNS record {one.host}; external-dns makes it from the Ingress once that has an address"
        return BROKEN, told, IN_TIME
    wanted = _entry_addresses(one, facts)
    values = [str(item["value"]) for item in found if item["type"] in ("A", "AAAA")]
    if not values:
        return WARNING, f"{one.host} is a {found[0]['type']} record to {found[0]['value']}"
    strange = [value for value in values if wanted and value not in wanted]
    if strange:
        return BROKEN, f"{one.host} leads to {', '.join(strange)}, the ingress answers at {', '.join(wanted)}", IN_TIME
    return OK, f"{one.host} -> {', '.join(values)}"


def ingress(one: Wanted, facts: Facts) -> Judgement:
    """Exactly one Ingress of the wanted class claims the host, and leads to the right place."""
    if facts.cluster is None:
        return _unasked(facts, "cluster")
    view = facts.cluster
    mine = view.claims(one.host)
    roots = [claim for claim in mine if claim.path == "/"]
    if not roots:
        return BROKEN, f"no Ingress claims {one.host}/"
    owners = sorted({claim.ingress for claim in roots})
    if len(owners) > 1:
        return BROKEN, f"{one.host}/ is claimed {len(owners)} times: by Ingress {' and '.join(owners)}; keep one"
    claim = roots[0]
    if claim.ingress_class != one.ingress_class:
        return BROKEN, (
            f"Ingress {claim.ingress} has class {claim.ingress_class or 'none'}, wanted is {one.ingress_class}"
        )
    if view.get("IngressClass", one.ingress_class) is None:
        return BROKEN, f"IngressClass {one.ingress_class} does not exist, so nothing serves Ingress {claim.ingress}"
    wanted = one.outpost_service if one.auth == "proxy" else f"{one.namespace}/{one.service}"
    if claim.service != wanted:
        passed = " and passes the login by" if one.auth == "proxy" else ""
        return BROKEN, f"Ingress {claim.ingress} leads to {claim.service or 'no Service'}{passed}, wanted is {wanted}"
    if one.auth == "forward":
        return _forward_path(one, mine, view)
    return OK, f"Ingress {claim.ingress} -> {claim.service}:{claim.port}"


def _forward_path(one: Wanted, mine: list, view: ClusterView) -> Judgement:  # type: ignore[type-arg]
    """Return whether the login's own path of a forward-auth host leads to the outpost and the Ingress asks it."""
    paths = [claim for claim in mine if claim.path.rstrip("/") == "/outpost.goauthentik.io"]
    if not paths:
        return BROKEN, f"no Ingress claims {one.host}/outpost.goauthentik.io, so nobody can come back from the login"
    if paths[0].service != one.outpost_service:
        return BROKEN, f"{one.host}/outpost.goauthentik.io leads to {paths[0].service}, not to {one.outpost_service}"
    root = next(claim for claim in mine if claim.path == "/")
    body = view.get("Ingress", root.ingress) or {}
    if not (body["metadata"].get("annotations") or {}).get("nginx.ingress.kubernetes.io/auth-url"):
        return BROKEN, f"Ingress {root.ingress} has no auth-url annotation: nobody is asked to log in"
    return OK, f"Ingress {root.ingress} asks the outpost, its path by {paths[0].ingress}"


def certificate(one: Wanted, facts: Facts) -> Judgement:
    """The host's certificate is issued, trusted and not about to end."""
    judged = _certificate_object(one, facts)
    if judged[0] == BROKEN:
        return judged
    probe = probe_of(one, facts, "/")
    tls = (probe or {}).get("tls") or {}
    if probe is None or not tls:
        return judged
    if tls.get("problem"):
        return BROKEN, f"{one.host} shows a certificate that is not trusted: {tls['problem']}", SOON
    ends = _time(tls.get("not_after"))
    now = _time(facts.now)
    if ends and now and ends - now < RENEWAL_DUE:
        return WARNING, f"the certificate of {one.host} ends at {tls['not_after']}; its renewal is overdue"
    return OK, f"by {tls.get('issuer') or 'its issuer'}, until {tls.get('not_after')}"


def _certificate_object(one: Wanted, facts: Facts) -> Judgement:
    """Return what cert-manager says of the Ingress' certificate."""
    if facts.cluster is None:
        return _unasked(facts, "cluster")
    claim = next((item for item in facts.cluster.claims(one.host) if item.path == "/"), None)
    if claim is None:
        return UNKNOWN, f"no Ingress claims {one.host}, so none asks for a certificate"
    if not claim.tls_secret:
        return BROKEN, f"Ingress {claim.ingress} names no TLS Secret for {one.host}"
    namespace = claim.ingress.partition("/")[0]
    for item in facts.cluster.all("Certificate"):
        if item["metadata"].get("namespace") == namespace and item["spec"].get("secretName") == claim.tls_secret:
            ready = condition(item, "Ready")
            if ready.get("status") == "True":
                return OK, f"Certificate {name_of(item)} is ready"
            said = ready.get("message") or "it has no condition yet"
            # After a failed try cert-manager rests for an hour.
            rests = (item.get("status") or {}).get("lastFailureTime") and not _is_issuing(item)
            return BROKEN, f"Certificate {name_of(item)} is not ready: {said}", 0.0 if rests else IN_TIME
    told = f"no Certificate makes the Secret {namespace}/{claim.tls_secret} of Ingress {claim.ingress}"
    return BROKEN, told, IN_TIME


def _is_issuing(item: Answer) -> bool:
    return bool(condition(item, "Issuing").get("status") == "True")


def backend(one: Wanted, facts: Facts) -> Judgement:
    """The Service behind it has the port, and somebody answers on it."""
    if facts.cluster is None:
        return _unasked(facts, "cluster")
    name = f"{one.namespace}/{one.service}"
    service = facts.cluster.get("Service", name)
    if service is None:
        return BROKEN, f"Service {name} does not exist"
    spec = service.get("spec") or {}
    ports = {int(port["port"]): str(port.get("name") or "") for port in spec.get("ports") or []}
    if one.port not in ports:
        return BROKEN, f"Service {name} has no port {one.port}; it has {', '.join(map(str, ports)) or 'none'}"
    title = ports[one.port]
    spoken = title if title in ("http", "https") else {80: "http", 443: "https"}.get(one.port, one.scheme)
    if spoken != one.scheme:
        return BROKEN, f"port {one.port} of Service {name} speaks {spoken}, {one.scheme} is declared"
    if one.guarded and spec.get("type") == "LoadBalancer":
        shown = ", ".join(addresses_of(service)) or "an address of its own"
        return BROKEN, f"Service {name} is a LoadBalancer too: at {shown} nobody is asked to log in"
    ready = facts.cluster.ready_endpoints(name)
    if ready is None:
        return UNKNOWN, "the API lists no endpoints"
    if not ready:
        return BROKEN, f"Service {name} has no ready endpoint"
    return OK, f"{one.scheme}://{one.service}.{one.namespace}:{one.port}, {ready} ready"


def probe_of(one: Wanted, facts: Facts, path: str) -> Answer | None:
    """Return the answer to the request for a path of the host, None when none was made."""
    for probe in facts.probes or []:
        if probe.get("host") == one.host and probe.get("path") == path:
            return probe
    return None


def _route(one: Wanted, facts: Facts) -> Answer | None:
    return next((row for row in facts.routes or [] if row.get("name") == one.entry), None)


def _entry_addresses(one: Wanted, facts: Facts) -> list[str]:
    service = facts.cluster.get("Service", one.entry) if facts.cluster else None
    found = addresses_of(service) if service else []
    return found or ([one.address] if one.address else [])


def _unasked(facts: Facts, what: str) -> Judgement:
    titles = {"cluster": "the Kubernetes API", "routes": "BGP", "records": "the DNS", "identity": "Authentik"}
    return UNKNOWN, facts.reasons.get(what) or f"{titles.get(what, what)} could not be asked"


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None


__all__ = ["NONE", "accepted", "address", "announced", "backend", "certificate", "dns", "ingress", "label", "probe_of"]
