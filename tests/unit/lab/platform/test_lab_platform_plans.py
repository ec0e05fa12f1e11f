# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of the platform's programs, without any cluster."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, strategies as st

from lab.authority import Authority, self_signed
from lab.cloudflare.zones import Refusal, Zones
from lab.controllers import needs
from lab.controllers.platform import certificates, cnpg_plan, dns_plan, longhorn_plan
from lab.controllers.platform.cloudflared import LAST_RULE, NO_RULES, config_problem
from lab.controllers.platform.dns_plan import Endpoint, Settings
from lab.controllers.platform.state import container_of
from lab.onepassword import seed
from lab.onepassword.vaults import Vault

NOW = datetime.datetime(2026, 1, 5, 12, 30, tzinfo=datetime.UTC)  # a Monday


# -- external-dns ------------------------------------------------------------------------------------------------------
MINE = Settings("webhook", domains=("k8s.example.net",), policy="sync", owner="me", prefix="p-")
names = st.sampled_from([f"{n}.k8s.example.net" for n in "abcd"])
wanted = st.dictionaries(names, st.sampled_from(["10.0.0.1", "10.0.0.2"]), max_size=4)


def zone_after(held: list[Endpoint], settings: Settings, want: list[Endpoint]) -> list[Endpoint]:
    changes = dns_plan.plan(settings, want, held)
    left = [r for r in held if (r.name, r.kind) not in {(d.name, d.kind) for d in changes.delete}]
    return [*left, *changes.create]


@given(first=wanted, second=wanted, foreign=wanted)
def test_a_zone_follows_its_sources_and_never_touches_others(
    first: dict[str, str], second: dict[str, str], foreign: dict[str, str]
) -> None:
    others = [Endpoint(n, "A", (a,)) for n, a in foreign.items()]
    held = others
    for step in (first, second):
        want = [Endpoint(n, "A", (a,), resource=f"ingress/x/{n}") for n, a in step.items()]
        held = zone_after(held, MINE, want)
        assert not dns_plan.plan(MINE, want, held), "a second run has nothing to do"
        assert all(o in held for o in others)
        mine = {n: r.targets for (n, _unused), (r, _t) in dns_plan.owned(MINE, held).items()}
        assert mine == {n: (a,) for n, a in step.items() if n not in foreign}


def test_two_owners_in_one_zone_leave_each_other_alone() -> None:
    other = Settings("webhook", policy="sync", owner="other", prefix="q-")
    held = zone_after([], other, [Endpoint("a.k8s.example.net", "A", ("10.0.0.9",))])
    assert dns_plan.plan(MINE, [Endpoint("a.k8s.example.net", "A", ("10.0.0.1",))], held).create == []
    assert not dns_plan.plan(MINE, [], held)


def test_policies_and_domains_limit_what_is_written() -> None:
    held = zone_after([], MINE, [Endpoint("a.k8s.example.net", "A", ("10.0.0.1",))])
    upsert = Settings("webhook", domains=MINE.domains, policy="upsert-only", owner="me", prefix="p-")
    assert not dns_plan.plan(upsert, [], held)
    outside = [Endpoint("a.example.org", "A", ("10.0.0.1",))]
    assert not dns_plan.plan(MINE, outside, [])
    public = Settings("cloudflare", domains=("example.net",), excluded=("k8s.example.net",))
    assert public.admits("www.example.net")
    assert not public.admits("a.k8s.example.net")
    assert not public.admits("notexample.net")


def test_names_of_an_ingress() -> None:
    notes = {
        f"{dns_plan.PREFIX}hostname": "more.k8s.example.net",
        f"{dns_plan.PREFIX}target": "x.cfargotunnel.com",
        f"{dns_plan.PREFIX}cloudflare-proxied": "true",
    }
    spec = {"ingressClassName": "nginx", "rules": [{"host": "a.k8s.example.net"}]}
    ingress = {"metadata": {"name": "a", "namespace": "x", "annotations": notes}, "spec": spec}
    found = dns_plan.of_ingress(ingress, Settings("cloudflare", classes=("nginx",)))
    assert [(e.name, e.kind, e.targets, e.proxied) for e in found] == [
        ("a.k8s.example.net", "CNAME", ("x.cfargotunnel.com",), True),
        ("more.k8s.example.net", "CNAME", ("x.cfargotunnel.com",), True),
    ]
    assert dns_plan.of_ingress(ingress, Settings("cloudflare", classes=("nginx-public",))) == []
    assert dns_plan.of_ingress(ingress, Settings("cloudflare", annotation_filter="absent")) == []
    ignored = {**ingress, "metadata": {**ingress["metadata"], "annotations": {f"{dns_plan.PREFIX}controller": "x"}}}
    assert dns_plan.of_ingress(ignored, Settings("cloudflare")) == []


def test_cloudflare_refuses_in_its_own_words() -> None:
    zones = Zones(["example.net"])
    zone = zones.all()[0]["id"]
    record = {"type": "A", "name": "a", "content": "10.0.0.1"}
    made = zones.add(zone, record)
    assert made["name"] == "a.example.net"
    for body, code in (
        (record, 81058),
        ({"type": "CNAME", "name": "a", "content": "b"}, 81053),
        ({"type": "A", "name": "b", "content": "fd00::1"}, 9005),
        ({"type": "TXT", "name": "b", "content": "x", "proxied": True}, 9004),
    ):
        with pytest.raises(Refusal) as refused:
            zones.add(zone, body)
        assert refused.value.code == code
    with pytest.raises(Refusal, match="Record does not exist"):
        zones.remove(zone, "0")
    assert zones.replace(zone, made["id"], {"content": "10.0.0.2"}, merge=True)["content"] == "10.0.0.2"


# -- cert-manager ------------------------------------------------------------------------------------------------------
SPEC = {"secretName": "t", "dnsNames": ["a.example.net"], "issuerRef": {"name": "i", "kind": "ClusterIssuer"}}


def tls(issued: Any, **notes: str) -> dict[str, Any]:
    import base64

    data = {"tls.crt": base64.b64encode(issued.certificate).decode(), "tls.key": base64.b64encode(issued.key).decode()}
    marks = {"cert-manager.io/issuer-name": "i", "cert-manager.io/issuer-kind": "ClusterIssuer", **notes}
    return {"metadata": {"annotations": marks}, "data": data}


def test_a_secret_is_issued_anew_only_for_a_reason() -> None:
    key = None
    issued = self_signed(["a.example.net"], key=key)
    secret = tls(issued)
    held = certificates.read(secret)
    assert held is not None
    now = issued.not_before

    def reason(**other: Any) -> str:
        given = {"spec": SPEC, "secret": secret, "held": held, "now": now} | other
        return certificates.must_issue(given["spec"], given["secret"], given["held"], given["now"])[0]

    assert reason() == ""
    assert reason(secret=None) == "DoesNotExist"
    assert reason(secret={"metadata": {}, "data": {}}) == "MissingData"
    assert reason(held=None) == "InvalidCertificate"
    assert reason(spec={**SPEC, "issuerRef": {"name": "other", "kind": "ClusterIssuer"}}) == "IncorrectIssuer"
    assert reason(spec={**SPEC, "dnsNames": ["b.example.net"]}) == "SecretMismatch"
    assert reason(now=certificates.renewal_time(SPEC, held)) == "Renewing"
    assert reason(now=issued.not_after) == "Expired"
    assert issued.not_after - certificates.renewal_time(SPEC, held) == datetime.timedelta(days=30)
    assert certificates.renewal_time({**SPEC, "renewBefore": "360h"}, held) == issued.not_after - datetime.timedelta(
        days=15
    )


def test_an_authority_signs_what_its_root_verifies() -> None:
    authority = Authority("root")
    again = Authority("root", (authority.certificate, authority.key))
    issued = again.issue(["a.example.net", "10.0.0.1"], common_name="a", usages=["client auth", "server auth"])
    certificate = x509.load_pem_x509_certificate(issued.certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    held = certificates.read(tls(issued))
    assert held is not None
    assert held.names == {"a.example.net", "10.0.0.1"}


def test_the_longest_zone_chooses_the_solver() -> None:
    def solver(*zones: str) -> dict[str, Any]:
        return {"dns01": {"cloudflare": {}}, "selector": {"dnsZones": list(zones)} if zones else {}}

    spec = {"acme": {"solvers": [solver("example.net"), solver("k8s.example.net")]}}
    assert certificates.solver_for(spec, "a.k8s.example.net") == solver("k8s.example.net")
    assert certificates.solver_for(spec, "*.example.net") == solver("example.net")
    assert certificates.solver_for(spec, "a.example.org") is None
    assert certificates.solver_for({"acme": {"solvers": [solver()]}}, "a.example.org") == solver()


# -- Longhorn ----------------------------------------------------------------------------------------------------------
def disk(node: str, *tags: str, room: int = 100, ready: bool = True) -> longhorn_plan.Disk:
    return longhorn_plan.Disk(node, "d", "/d", f"u-{node}", frozenset(tags), frozenset(), ready, True, room)


def volume(replicas: int = 2, size: int = 10, tags: tuple[str, ...] = ("ssd",)) -> dict[str, Any]:
    return {"spec": {"numberOfReplicas": replicas, "size": str(size), "diskSelector": list(tags)}}


def test_replicas_are_spread_over_nodes_by_tags_and_room() -> None:
    three = [disk(n, "ssd") for n in "abc"]

    def spread(*args: Any, soft: bool = False) -> longhorn_plan.Spread:
        return longhorn_plan.spread(*args, [], soft=soft)

    found = spread(volume(), three)
    assert (len({d.node for d in found.disks}), found.problem) == (2, "")
    assert "tags not fulfilled" in spread(volume(), [disk("a")]).problem
    assert "insufficient storage" in spread(volume(size=1000), three).problem
    assert "no available disk" in spread(volume(), []).problem
    assert "hard affinity" in spread(volume(2), three[:1]).problem
    lost = longhorn_plan.spread(volume(), [disk("a", "ssd", ready=False), *three[1:]], ["u-a", "u-b"], soft=False)
    assert {d.node for d in lost.disks} == {"b", "c"}


def test_how_whole_a_volume_is() -> None:
    told = [longhorn_plan.robustness(2, whole, attached) for whole in (2, 1, 0) for attached in (True, False)]
    assert told == ["healthy", "unknown", "degraded", "unknown", "faulted", "faulted"]


def test_default_disks_follow_the_label() -> None:
    wish = '[{"path":"/var/mnt/x","allowScheduling":true,"tags":["ssd"]}]'
    notes, labelled = {longhorn_plan.DISKS: wish}, {"create-default-disk-labeled-nodes": "true"}
    node: dict[str, Any] = {"metadata": {"labels": {longhorn_plan.LABEL: "config"}, "annotations": notes}}
    disks = longhorn_plan.default_disks(node, labelled)
    assert disks is not None
    assert [(d["path"], d["tags"]) for d in disks.values()] == [("/var/mnt/x", ["ssd"])]
    bare: dict[str, Any] = {"metadata": {}}
    assert longhorn_plan.default_disks(bare, labelled) is None
    plain = longhorn_plan.default_disks(bare, {})
    assert plain is not None
    assert next(iter(plain.values()))["path"] == "/var/lib/longhorn/"


def test_a_volume_runs_the_jobs_of_its_claim_else_its_class_else_the_default_group() -> None:
    group = f"{longhorn_plan.GROUP}database"
    claim = {"metadata": {"labels": {longhorn_plan.SOURCE: "enabled", group: "enabled"}}}
    assert longhorn_plan.job_labels(claim, {}) == {group: "enabled"}
    silent: dict[str, Any] = {"metadata": {"labels": {group: "enabled"}}}
    assert longhorn_plan.job_labels(silent, {}) == {f"{longhorn_plan.GROUP}default": "enabled"}
    selector = {"recurringJobSelector": '[{"name":"nightly","isGroup":false}]'}
    assert longhorn_plan.job_labels({"metadata": {}}, selector) == {f"{longhorn_plan.JOB}nightly": "enabled"}


# -- CloudNativePG, cloudflared, pods ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 0 3 * * *", datetime.datetime(2026, 1, 6, 3, 0, tzinfo=datetime.UTC)),
        ("0 */15 * * * *", datetime.datetime(2026, 1, 5, 12, 45, tzinfo=datetime.UTC)),
        ("0 5 * * 0", datetime.datetime(2026, 1, 11, 5, 0, tzinfo=datetime.UTC)),
        ("nonsense", None),
        ("0 99 3 * * *", None),
    ],
)
def test_schedules_have_six_fields_and_five_are_taken(schedule: str, expected: datetime.datetime | None) -> None:
    assert cnpg_plan.next_run(schedule, NOW) == expected


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"ingress": []}, NO_RULES),
        ({"ingress": [{"hostname": "a.b", "service": "http://x:80"}]}, LAST_RULE),
        ({"ingress": [{"hostname": "a.b:80", "service": "http://x"}]}, "Hostname cannot contain a port"),
        ({"ingress": [{"service": "x"}]}, "x is an invalid address, please make sure it has a scheme and a hostname"),
        ({"ingress": [{"hostname": "*.b", "service": "http://x:80"}, {"service": "http_status:404"}]}, ""),
    ],
)
def test_a_tunnels_file_is_judged_in_cloudflareds_words(config: dict[str, Any], sentence: str) -> None:
    assert config_problem(config) == sentence


def test_what_a_pod_misses_is_told_in_the_kubelets_words() -> None:
    held = {("secrets", "s"): {"data": {"a": "x"}}, ("configmaps", "c"): {"data": {"k": "v"}}}

    def find(resource: Any, namespace: str, name: str) -> Any:
        return held.get((resource.plural, name)) if namespace == "x" else None

    def pod(**spec: Any) -> dict[str, Any]:
        return {"metadata": {"namespace": "x"}, "spec": {"containers": [spec.pop("container", {})], **spec}}

    def key(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
        return {"container": {"env": [{"name": "E", "valueFrom": {kind: {"name": name, "key": key, **more}}}]}}

    environment = needs.missing_environment
    assert environment(pod(container={"envFrom": [{"secretRef": {"name": "no"}}]}), find) == 'secret "no" not found'
    assert environment(pod(container={"envFrom": [{"configMapRef": {"name": "c"}}]}), find) == ""
    assert environment(pod(**key("secretKeyRef", "s", "b")), find) == "couldn't find key b in Secret x/s"
    assert environment(pod(**key("secretKeyRef", "s", "b", optional=True)), find) == ""
    assert environment(pod(**key("configMapKeyRef", "no", "b")), find) == 'configmap "no" not found'
    volumes = [{"name": "v", "secret": {"secretName": "no"}}]
    assert needs.missing_volume(pod(volumes=volumes), find).endswith('volume "v" : secret "no" not found')
    items = [{"name": "v", "secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}}]
    assert needs.missing_volume(pod(volumes=items), find).endswith("references non-existent secret key: z")


def test_a_program_is_known_by_its_image() -> None:
    def deployment(image: str) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}

    for image in ("quay.io/jetstack/cert-manager-controller:v1", "mirror:5000/x/cert-manager-controller@sha256:0"):
        assert container_of(deployment(image), "cert-manager-controller")
    assert container_of(deployment("quay.io/x/not-cert-manager-controller:v1"), "cert-manager-controller") is None


def test_the_vault_holds_what_other_stand_ins_gave_out() -> None:
    vault = Vault("Automation")
    seed.fill(vault, "token", seed.declared(), {"unifi": "the-console's-key"})
    full = {item["title"]: vault.get(item["id"]) for item in vault.visible()}
    assert "the-console's-key" in [field["value"] for field in full["Home-ops Unifi API"]["fields"]]
    tunnel = json.loads(seed.tunnel())
    assert set(tunnel) == {"AccountTag", "TunnelSecret", "TunnelID"}
    assert tunnel["TunnelID"].count("-") == 4
