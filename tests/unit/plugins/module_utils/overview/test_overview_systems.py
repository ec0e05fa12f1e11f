# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP, pools, Flux, secrets, storage, certificates, identity and services, from what their systems say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.overview.access import identity, services
from ansible_collections.homeops.cluster.plugins.module_utils.overview.areas import Area
from ansible_collections.homeops.cluster.plugins.module_utils.overview.certificates import certificates
from ansible_collections.homeops.cluster.plugins.module_utils.overview.delivery import flux, secrets
from ansible_collections.homeops.cluster.plugins.module_utils.overview.gather import TIMEOUT, Answer, unasked
from ansible_collections.homeops.cluster.plugins.module_utils.overview.network import bgp, pools
from ansible_collections.homeops.cluster.plugins.module_utils.overview.storage import storage
from ansible_collections.homeops.cluster.plugins.module_utils.status.chain import Wanted

from .overview_samples import NAMES, ago, ahead, conditions, facts, talos

GI = 2**30


def told(area: Area) -> list[tuple[str, str, str]]:
    return [(one.severity, one.subject, one.text) for one in area.findings]


def cilium(**more: Any) -> dict[str, Any]:
    service = {"namespace": "ingress", "name": "entry", "address": "172.29.52.200", "pool": "bgp-ingress", "label": ""}
    pool = {"name": "bgp-ingress", "blocks": ["172.29.52.200 to 172.29.52.220"], "total": 21, "used": 1}
    return {
        "policies": [{"kind": "CiliumBGPClusterConfig", "effective_nodes": list(NAMES)}],
        "sessions": [
            {
                "node": name,
                "peer_address": "172.29.51.1",
                "state": "established",
                "advertised": {"ipv4/unicast": 1},
            }
            for name in NAMES
        ],
        "services": [{**service, "broken": "", "nodes": list(NAMES)}],
        "pools": [{**pool, "available": 20, "conflict": ""}],
        "pods": [],
        "findings": [],
        **more,
    }


def router(*addresses: str) -> dict[str, Any]:
    found = addresses or ("172.29.51.11", "172.29.51.12", "172.29.51.13")
    return {
        "neighbors": [
            {
                "neighbor": address,
                "family": "ipv4 unicast",
                "state": "Established",
                "established": True,
                "accepted_prefixes": 1,
                "up_seconds": 600,
            }
            for address in found
        ],
        "routes": [{"prefix": "172.29.52.200/32", "paths": len(found), "neighbors": list(found)}],
    }


CONSOLE = {"text": "router bgp 64512\n bgp router-id 172.29.51.1\n", "records": []}


def test_both_ends_of_bgp_agree() -> None:
    area = bgp(facts({"cilium": cilium(), "router": router(), "console": {**CONSOLE, "text": ""}}, maximum_paths=3))
    assert (area.state, area.findings) == ("ok", [])
    assert area.summary == "3 of 3 sessions up, 1 of 1 route whole"
    assert [row["kind"] for row in area.rows] == ["neighbor"] * 3 + ["service"]


def test_a_session_that_the_router_lacks_is_told() -> None:
    found = {"cilium": cilium(), "router": router("172.29.51.11", "172.29.51.13"), "console": {**CONSOLE, "text": ""}}
    area = bgp(facts(found))
    assert area.state == "critical"
    assert ("critical", "mini02", "the router has no neighbour 172.29.51.12") in told(area)
    limited = bgp(facts(found, shown=("mini01",)))
    assert (limited.state, [row["node"] for row in limited.rows]) == ("ok", ["mini01"])


def test_a_router_that_hangs_is_critical_once_and_one_without_a_command_a_warning() -> None:
    found = {"cilium": cilium(), "console": {**CONSOLE, "text": ""}}
    hanging = Answer("router", TIMEOUT, None, 5.0, "no answer within 5 s", 5.0)
    area = bgp(facts({**found, "router": hanging}))
    assert [one for one in told(area) if one[1] == "router"] == [("critical", "router", "no answer within 5 s")]
    area = bgp(facts({**found, "router": unasked("router", "no command")}))
    assert [one[0] for one in told(area) if one[1] == "router"] == ["warning"]


def test_a_cluster_that_cannot_be_asked_makes_bgp_and_pools_unknown() -> None:
    found = {"cilium": Answer("cilium", TIMEOUT, None, 5.0, "no answer within 5 s", 5.0), "router": router()}
    area = bgp(facts(found))
    assert area.state == "unknown"
    assert ("critical", "cluster", "no answer within 5 s") in told(area)
    assert told(pools(facts(found))) == [("critical", "pools", "no answer within 5 s")]


def test_pools_have_room_and_no_service_waits() -> None:
    area = pools(facts({"cilium": cilium()}))
    assert (area.state, area.summary) == ("ok", "1 pool, 1 of 21 addresses in use")
    (number,) = area.numbers
    assert (number.key, number.value, number.most) == ("pool_used:bgp-ingress", 1, 21)


def test_a_full_pool_a_conflict_and_a_service_without_an_address_are_told() -> None:
    pool = {"name": "p", "blocks": [], "total": 10, "used": 9, "available": 1, "conflict": "overlaps with q"}
    waits = {"namespace": "web", "name": "app", "address": "", "broken": "pool p is full"}
    area = pools(facts({"cilium": cilium(pools=[pool], services=[waits])}))
    assert told(area) == [
        ("critical", "pool p", "overlaps with q"),
        ("warning", "pool p", "9 of 10 addresses are given out"),
        ("critical", "web/app", "has no address: pool p is full"),
    ]
    assert told(pools(facts({"cilium": cilium(pools=[], services=[])}))) == [
        ("critical", "pools", "there is none: no Service gets an address")
    ]


def kustomization(
    name: str, ready: str = "True", reason: str = "ReconciliationSucceeded", **spec: Any
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": f"{name} says so"}
    return {
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
        "spec": spec,
        "status": {"conditions": [condition], "observedGeneration": 1, "lastAppliedRevision": "main@sha1:00"},
    }


def test_flux_tells_what_is_not_ready_with_its_cause_and_what_is_suspended() -> None:
    assert flux(facts({"flux": [kustomization("apps")]})).state == "ok"
    below = kustomization("apps", "False", "DependencyNotReady", dependsOn=[{"name": "infra"}])
    found = [below, kustomization("infra", "False", "BuildFailed"), kustomization("held", suspend=True)]
    area = flux(facts({"flux": found}))
    assert [(one.severity, one.subject) for one in area.findings] == [
        ("warning", "Kustomization flux-system/held"),
        ("critical", "Kustomization flux-system/infra"),
    ]
    assert "what waits: Kustomization flux-system/apps" in area.findings[1].text
    assert area.summary == "1 of 3 Kustomizations ready, 1 suspended"
    assert area.rows[0]["state"] != "ready"


def test_flux_without_a_kustomization_deploys_nothing() -> None:
    assert told(flux(facts({"flux": []}))) == [
        ("critical", "Flux", "there is no Kustomization: nothing is deployed from Git")
    ]


def test_flux_that_is_at_work_is_a_warning() -> None:
    area = flux(facts({"flux": [kustomization("apps", "Unknown", "Progressing")]}))
    assert [one.severity for one in area.findings] == ["warning"]


def external_secret(name: str, ready: bool = True) -> dict[str, Any]:
    reason = "SecretSynced" if ready else "SecretSyncedError"
    condition = {"type": "Ready", "status": str(ready), "reason": reason, "message": "told"}
    meta = {"name": name, "namespace": "apps", "generation": 1, "uid": name}
    return {"metadata": meta, "spec": {}, "status": {"conditions": [condition]}}


STORE = {
    "metadata": {"name": "onepassword", "uid": "s"},
    "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Valid", "message": "store validated"}]},
}


def test_secrets_tell_their_cause_from_the_events() -> None:
    event = {"type": "Warning", "message": "key not found in 1Password Vaults: db"}
    event["involvedObject"] = {"name": "db", "uid": "db"}  # type: ignore[assignment]
    found = {"stores": [STORE], "secrets": [external_secret("web"), external_secret("db", False)], "events": [event]}
    area = secrets(facts({"secrets": found}))
    assert told(area) == [
        ("critical", "ExternalSecret apps/db", "SecretSyncedError, told key not found in 1Password Vaults: db")
    ]
    assert area.summary == "1 of 2 secrets synced, 1 valid store"
    assert [row["state"] for row in area.rows] == ["error", "ok", "ok"]
    healthy = {**found, "secrets": [external_secret("web")]}
    assert secrets(facts({"secrets": healthy})).state == "ok"
    assert secrets(facts({"secrets": {**healthy, "stores": []}})).state == "critical"


def disk(node: str, used: int = 10, ready: str = "True", schedulable: str = "True") -> dict[str, Any]:
    status = {"storageMaximum": 100 * GI, "storageAvailable": (100 - used) * GI, "storageScheduled": 5 * GI}
    status["conditions"] = conditions(Ready=ready, Schedulable=schedulable)  # type: ignore[assignment]
    spec = {"disks": {"ssd": {"path": "/var/mnt/ssd", "allowScheduling": True, "storageReserved": GI}}}
    return {"metadata": {"name": node}, "spec": spec, "status": {"diskStatus": {"ssd": status}}}


def volume(
    name: str, robustness: str = "healthy", born: str = "", last: str = "", state: str = "attached"
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": born or ago(days=1)},
        "spec": {"size": str(GI), "numberOfReplicas": 2},
        "status": {
            "state": state,
            "robustness": robustness,
            "lastBackupAt": last,
            "kubernetesStatus": {"namespace": "apps", "pvcName": name},
        },
    }


def replica(of: str, node: str) -> dict[str, Any]:
    return {"spec": {"volumeName": of, "nodeID": node, "healthyAt": ago(days=1), "failedAt": ""}}


def longhorn(**more: Any) -> dict[str, Any]:
    target = {"metadata": {"name": "default"}, "spec": {"backupTargetURL": "s3://b@r/"}, "status": {"available": True}}
    return {
        "nodes": [disk(name) for name in NAMES],
        "volumes": [volume("db")],
        "replicas": [replica("db", "mini01"), replica("db", "mini02")],
        "targets": [target],
        "backup_volumes": [],
        **more,
    }


def test_healthy_storage_has_nothing_to_tell() -> None:
    area = storage(facts({"longhorn": longhorn()}))
    assert (area.state, area.findings) == ("ok", [])
    assert area.summary == "1 of 1 volume healthy, 3 disks, 30.0 GiB of 300.0 GiB used"
    assert [number.key for number in area.numbers] == [f"storage_used:{name}/ssd" for name in NAMES]
    assert area.rows[3]["text"] == "2 of 2 replicas, no backup"
    limited = storage(facts({"longhorn": longhorn()}, shown=("mini03",)))
    assert [row["name"] for row in limited.rows] == ["mini03/ssd"]


@pytest.mark.parametrize(
    ("spoiled", "severity", "subject", "text"),
    [
        ({"nodes": [disk("mini01", used=76)]}, "warning", "disk mini01/ssd", "is 76 % full"),
        ({"nodes": [disk("mini01", used=95)]}, "critical", "disk mini01/ssd", "is 95 % full"),
        ({"nodes": [disk("mini01", ready="False")]}, "critical", "disk mini01/ssd", "Ready is False"),
        ({"nodes": [disk("mini01", schedulable="False")]}, "warning", "disk mini01/ssd", "takes no new replicas"),
        ({"nodes": []}, "critical", "Longhorn", "has no disk: no volume can be made"),
        (
            {"volumes": [volume("db", "degraded")]},
            "warning",
            "volume apps/db",
            "is degraded: 2 of 2 replicas are good",
        ),
        ({"volumes": [volume("db", "faulted")]}, "critical", "volume apps/db", "is faulted: 2 of 2 replicas is good"),
        ({"volumes": [volume("db", born=ago(days=20))]}, "warning", "volume apps/db", "has no backup in 20 days"),
        (
            {"volumes": [volume("db", born=ago(days=99), last=ago(days=9))]},
            "warning",
            "volume apps/db",
            "was last backed up 9 days ago",
        ),
        (
            {"targets": [{"metadata": {"name": "default"}, "status": {"available": False}}]},
            "critical",
            "backup target default",
            "is not available",
        ),
    ],
)
def test_what_is_wrong_with_the_storage_is_told(
    spoiled: dict[str, Any], severity: str, subject: str, text: str
) -> None:
    assert told(storage(facts({"longhorn": longhorn(**spoiled)}))) == [(severity, subject, text)]


def test_a_fresh_backup_is_enough_wherever_it_is_written_down() -> None:
    backup = {"metadata": {"name": "b"}, "spec": {"volumeName": "db"}, "status": {"lastBackupAt": ago(days=2)}}
    found = longhorn(volumes=[volume("db", born=ago(days=99))], backup_volumes=[backup])
    area = storage(facts({"longhorn": found}))
    assert area.state == "ok"
    assert area.rows[3]["last_backup"] == ago(days=2)


def certificate(name: str, days: float, ready: str = "True") -> dict[str, Any]:
    status = {"notAfter": ahead(days=days), "conditions": conditions(Ready=ready)}
    return {"metadata": {"name": name, "namespace": "apps"}, "status": status}


def test_certificates_are_told_by_what_is_left_of_them() -> None:
    issuer = {"metadata": {"name": "letsencrypt"}, "status": {"conditions": conditions(Ready="True")}}
    listed = [certificate("fine", 60), certificate("late", 10), certificate("near", 2), certificate("dead", -1)]
    found = {
        "certificates": {"certificates": listed, "issuers": [issuer]},
        "clients": {"talosconfig": ahead(days=200), "kubeconfig": ahead(days=13)},
        "api:vip": {"ready": "ok", "version": "v1.31.1", "expires": ahead(days=300)},
        **talos(),
    }
    area = certificates(facts(found))
    assert told(area) == [
        ("warning", "Certificate apps/late", "ends in 10 days, its renewal is overdue"),
        ("critical", "Certificate apps/near", "ends in 2 days"),
        ("critical", "Certificate apps/dead", f"has expired at {ahead(days=-1)}"),
        ("warning", "client certificate kubeconfig", "ends in 13 days, its renewal is overdue"),
    ]
    assert [row["days"] for row in area.rows] == sorted(row["days"] for row in area.rows)
    assert area.summary == "10 certificates, 1 has ended"


def test_a_certificate_that_is_not_ready_is_critical_until_it_first_was() -> None:
    never = certificate("never", 0, "False")
    never["status"].pop("notAfter")
    issuer = {"metadata": {"name": "letsencrypt"}, "status": {"conditions": conditions(Ready="False")}}
    found = {"certificates": [never, certificate("again", 20, "False")], "issuers": [issuer]}
    assert told(certificates(facts({"certificates": found}))) == [
        ("critical", "ClusterIssuer letsencrypt", "is not ready: Ready is False"),
        ("critical", "Certificate apps/never", "is not ready: Ready is False"),
        ("warning", "Certificate apps/again", "is not ready: Ready is False"),
    ]


def token(name: str, left: int | None, intent: str = "api") -> dict[str, Any]:
    over = left is not None and left <= 0
    return {"identifier": name, "intent": intent, "seconds_left": left, "expired": over, "expiring": left is not None}


def authentik(**more: Any) -> dict[str, Any]:
    outpost = {"name": "embedded", "providers": ["web"], "health": [{"version": "2025.12.4"}]}
    return {"version": "2025.12.4", "outposts": [outpost], "tokens": [], "findings": [], "notes": [], **more}


def test_identity_tells_outposts_and_the_life_of_tokens() -> None:
    listed = [token("ever", None), token("long", 90 * 86400), token("session", 60, "recovery")]
    area = identity(facts({"identity": authentik(tokens=listed)}))
    assert (area.state, area.summary) == (
        "ok",
        "Authentik 2025.12.4, 1 of 1 outpost connected, 1 token with an end",
    )
    assert [row["name"] for row in area.rows] == ["embedded", "ever", "long"]
    assert [(number.key, number.value) for number in area.numbers] == [("token_life:long", 7776000)]


def test_tokens_that_end_and_findings_of_the_audit_are_told() -> None:
    audited = {"code": "open_path", "level": "error", "subject": "provider web", "text": "provider web is open"}
    expiring = {"code": "expiring_token", "level": "warning", "subject": "token short", "text": "in minutes"}
    listed = [token("short", 3 * 86400), token("dead", -5)]
    found = authentik(tokens=listed, findings=[audited, expiring], notes=["the token's user is no superuser"])
    assert told(identity(facts({"identity": found}))) == [
        ("warning", "token short", "expires in 3.0 days"),
        ("critical", "token dead", "has expired: whoever uses it gets 403"),
        ("critical", "provider web", "provider web is open"),
        ("warning", "Authentik", "the token's user is no superuser"),
    ]


def test_identity_without_a_token_is_unknown_and_a_warning() -> None:
    area = identity(facts({"identity": unasked("identity", "no token of Authentik was given")}))
    assert (area.state, told(area)) == ("unknown", [("warning", "Authentik", "no token of Authentik was given")])


def test_a_host_that_hangs_breaks_the_login_of_its_own_service_only() -> None:
    declared = tuple(
        Wanted(name, f"{name}.example.org", "none", "nginx", "ingress/entry", "bgp-ingress", "apps", name, 80)
        for name in ("slow", "fast")
    )
    page = {"host": "fast.example.org", "path": "/", "status": 200, "location": "", "title": "", "error": ""}
    page["tls"] = {"problem": "", "issuer": "CA", "not_after": ahead(days=60)}  # type: ignore[assignment]
    answers = {
        "host:slow.example.org": Answer("host:slow.example.org", TIMEOUT, None, 5.0, "no answer within 5 s", 5.0),
        "host:fast.example.org": [page],
    }
    area = services(facts(answers, services=declared))
    links = {row["name"]: {link["name"]: link for link in row["links"]} for row in area.rows}
    assert links["slow"]["login"]["state"] == "broken"
    assert "no answer within 5 s" in links["slow"]["login"]["text"]
    assert links["fast"]["login"]["state"] == "ok"
    assert area.summary == "the way of 0 of 2 services holds"
