# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's snapshots: databases as bbolt has them, with the objects of an API server, and what a bad one does."""

from __future__ import annotations

import hashlib
import json

import pytest

from lab.keyspace import KeyValue
from lab.kubernetes import registry_keys
from lab.kubernetes.api import Api
from lab.kubernetes.reviews import Identity
from lab.talos import bolt, recovery
from lab.talos.etcd import Etcd, Member

ADMIN = Identity("admin", ("system:masters",))


def etcd() -> Etcd:
    return Etcd("id", [Member(0xA3390E43EB5274E2, "mini01", "172.29.51.11", False)])


def rows(number: int = 500, size: int = 900) -> list[KeyValue]:
    """More than fits into one page, in an order that is not the revisions'."""
    made = [KeyValue(f"/registry/pods/default/{n}".encode(), bytes([n % 256]) * size, n, n + 7) for n in range(number)]
    return made[::-1]


def test_what_is_put_in_comes_out() -> None:
    data = recovery.snapshot(etcd(), rows())
    assert len(data) % 512 == 32
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    assert sorted(recovery.rows(data), key=lambda row: row.modified) == rows()[::-1]
    buckets = bolt.read(data)
    assert set(buckets) == {b"cluster", b"key", b"members", b"meta"}
    member = json.loads(buckets[b"members"][b"a3390e43eb5274e2"])
    assert member["peerURLs"] == ["https://172.29.51.11:2380"]


def test_a_deletion_and_an_older_version_are_not_what_is_there() -> None:
    now, gone = KeyValue(b"/a", b"new", 3, 9, 2), KeyValue(b"/b", b"", 0, 8, 0)
    found = {row.revision: row.encode() for row in (KeyValue(b"/a", b"old", 3, 3), KeyValue(b"/b", b"x", 4, 4), now)}
    body = bolt.database(9, {b"key": {**found, gone.revision + b"t": gone.encode()}})
    assert recovery.rows(body, check=False) == [now]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (lambda data: b"", "no such file"),
        (lambda data: data[:5000], "invalid database"),
        (lambda data: b"\0" * 8192, "invalid database"),
        (lambda data: data[:-32], "missing hash"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), r"expected sha256 \["),
    ],
)
def test_a_file_that_is_no_whole_snapshot_is_told_as_etcd_does(broken: object, text: str) -> None:
    assert callable(broken)
    with pytest.raises(recovery.RecoveryError, match=text):
        recovery.rows(broken(recovery.snapshot(etcd(), rows(3))))


def call(api: Api, method: str, path: str, body: object = None) -> dict[str, object]:
    data = json.dumps(body).encode() if body is not None else b""
    reply, _unused = api.handle(method, path, {"accept": "", "content-type": "application/json"}, data, ADMIN)
    return dict(json.loads(reply.text))  # type: ignore[union-attr]


def definition() -> dict[str, object]:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.net"},
        "spec": {
            "group": "example.net",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        },
    }


def test_an_api_server_starts_with_what_another_one_kept() -> None:
    old, new = Api("v1.31.1"), Api("v1.31.1")
    call(old, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
    thing = {"apiVersion": "example.net/v1", "kind": "Thing", "metadata": {"name": "one"}}
    call(old, "POST", "/apis/example.net/v1/namespaces/default/things", thing)
    uid = call(old, "GET", "/apis/example.net/v1/namespaces/default/things/one")["metadata"]["uid"]  # type: ignore[index]
    owner = {"apiVersion": "example.net/v1", "kind": "Thing", "name": "one", "uid": uid}
    config = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    call(old, "POST", "/api/v1/namespaces/default/configmaps", config)
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    call(old, "POST", "/api/v1/namespaces/default/services", service)
    kept = registry_keys.export(old)
    keys = {row.key.decode() for row in kept}
    assert {"/registry/example.net/things/default/one", "/registry/services/specs/default/web"} <= keys
    registry_keys.load(new, recovery.rows(recovery.snapshot(etcd(), kept)))
    for path in (
        "/api/v1/namespaces/kube-system",
        "/api/v1/namespaces/default/services/web",
        "/apis/example.net/v1/namespaces/default/things/one",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.net",
    ):
        assert call(new, "GET", path) == call(old, "GET", path)
    assert new.services.addresses == old.services.addresses
    # Whom an object belongs to is known, too: nothing is taken for an orphan.
    assert (new.deletes.uids, new.deletes.dependents) == (old.deletes.uids, old.deletes.dependents)
    before = max(row.modified for row in kept)
    made = call(new, "POST", "/api/v1/namespaces", {"metadata": {"name": "later"}})
    assert int(made["metadata"]["resourceVersion"]) > before  # type: ignore[index]


def test_what_lies_beside_kubernetes_is_kept_too() -> None:
    full = etcd()
    full.keys = {"survives": "yes", "also": "this"}
    ours, beside = recovery.divided(recovery.rows(recovery.snapshot(full, rows())))
    assert sorted(ours, key=lambda row: row.modified) == rows()[::-1]
    assert beside == full.keys
