# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selectors, printer columns, protobuf envelopes and faults."""

from __future__ import annotations

import datetime

import pytest

from lab.kubernetes import protobuf
from lab.kubernetes.ages import age
from lab.kubernetes.errors import ApiError
from lab.kubernetes.faults import Counters, Faults
from lab.kubernetes.resources import version_rank
from lab.kubernetes.selectors import Selection
from lab.kubernetes.table import lookup

LABELLED = {"metadata": {"name": "n", "labels": {"a": "b", "c": ""}}}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("a=b", True),
        ("a==b", True),
        ("a!=b", False),
        ("x!=b", True),
        ("a", True),
        ("!a", False),
        ("!x", True),
        ("a in (x,b)", True),
        ("a notin (x)", True),
        ("x notin (y)", True),
        ("c=", True),
        ("a=b,c", True),
        ("a=b,!c", False),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert Selection(text, "", "configmaps").matches(LABELLED) is matches


@pytest.mark.parametrize("text", ["a in (", "a foo", "a in x", "=b"])
def test_unreadable_label_selectors(text: str) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement"):
        Selection(text, "", "configmaps")


def test_field_selectors() -> None:
    assert Selection("", "metadata.name=n", "configmaps").matches(LABELLED)
    assert not Selection("", "metadata.name!=n", "configmaps").matches(LABELLED)
    with pytest.raises(ApiError, match="is not a known field selector"):
        Selection("", "data.x=y", "configmaps")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".list[0].k", ["x"]),
        (".list[-1].k", ["y"]),
        (".list[*].k", ["x", "y"]),
        ('.list[?(@.k=="y")].v', [2]),
        (r".dotted\.key", ["z"]),
        (".none", []),
    ],
)
def test_printer_paths(path: str, found: list[object]) -> None:
    value = {"a": {"b": 1}, "list": [{"k": "x"}, {"k": "y", "v": 2}], "dotted.key": "z"}
    assert lookup(value, path) == found


@pytest.mark.parametrize(
    ("seconds", "shown"),
    # apimachinery pkg/util/duration/duration_test.go
    [(1, "1s"), (70, "70s"), (190, "3m10s"), (70 * 60, "70m"), (47 * 3600, "47h"), (49 * 3600, "2d1h"),
     (8 * 24 * 3600 + 7200, "8d"), (367 * 24 * 3600, "367d"), (2 * 365 * 24 * 3600 + 25 * 3600, "2y1d")],
)  # fmt: skip
def test_ages(seconds: int, shown: str) -> None:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    assert age(then.isoformat().replace("+00:00", "Z")) == shown


def test_versions_are_ranked_as_upstream_does() -> None:
    # apimachinery pkg/version/helpers.go
    wanted = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]
    mixed = sorted(wanted)
    assert mixed != wanted and sorted(mixed, key=version_rank) == wanted


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


def test_a_protobuf_namespace_is_read() -> None:
    kind = _field(1, b"v1") + _field(2, b"Namespace")
    labels = _field(11, _field(1, b"a") + _field(2, b"b"))
    raw = _field(1, _field(1, b"demo") + labels)
    body = b"k8s\x00" + _field(1, kind) + _field(2, raw)
    meta = {"name": "demo", "labels": {"a": "b"}}
    assert protobuf.decode(body) == {"kind": "Namespace", "apiVersion": "v1", "metadata": meta}


@pytest.mark.parametrize("body", [b"", b"k8s\x00", b"k8s\x00\xff\xff", b"{}"])
def test_other_protobuf_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        protobuf.decode(body)
    assert refused.value.code == 415


def test_faults_are_used_up_in_order() -> None:
    faults = Faults()
    faults.replace([{"path": "/api/v1/nodes", "times": 1, "status": 503}, {"path": "/api", "times": 2, "delay": 0.5}])
    taken = [faults.take("GET", path) for path in ("/api/v1/nodes", "/api/v1/nodes", "/version", "/api", "/api")]
    assert [fault and (fault.status, fault.delay) for fault in taken] == [(503, 0.0), (0, 0.5), None, (0, 0.5), None]


@pytest.mark.parametrize("entry", [{}, {"path": "("}, {"path": "/", "what": 1}])
def test_bad_faults_are_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fault|regular expression"):
        Faults().replace([entry])


def test_reads_are_no_writes() -> None:
    counters = Counters()
    for method in ("GET", "POST", "PATCH", "GET"):
        counters.counts[(method, "/x")] += 1
    assert (counters.shown()["total"], counters.shown()["writes"]) == (4, 2)
