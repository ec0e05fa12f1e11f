# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire format: values survive the way there and back, and nothing malformed gets through."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from google.protobuf import duration_pb2, struct_pb2
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.talos import messages as m
from ansible_collections.homeops.cluster.plugins.module_utils.talos.protobuf import (
    DecodeError,
    Enumeration,
    Field,
    Schema,
    decode,
    encode,
)

SCALARS: dict[str, Any] = {
    "string": st.text(),
    "bytes": st.binary(),
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "enum": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
}


@st.composite
def schemas(draw: Any, depth: int = 2) -> Schema:
    """Return any schema."""
    kinds = st.sampled_from(sorted(SCALARS))
    numbers = draw(st.lists(st.integers(1, 2**29 - 1), unique=True, max_size=5))
    fields = {}
    for number in numbers:
        kind: Any = draw(schemas(depth - 1)) if depth and draw(st.booleans()) else draw(kinds)
        fields[f"f{number}"] = Field(number, kind, draw(st.booleans()))
    return Schema("Any", **fields)


def values(schema: Schema) -> Any:
    """Return a strategy for complete values of a schema."""

    def single(field: Field) -> Any:
        return values(field.kind) if isinstance(field.kind, Schema) else SCALARS[field.kind]

    return st.fixed_dictionaries(
        {
            key: st.lists(single(field), max_size=3)
            if field.repeated
            else (st.none() | single(field) if isinstance(field.kind, Schema) else single(field))
            for key, field in schema.fields.items()
        }
    )


@given(st.data())
def test_round_trip(data: Any) -> None:
    schema = data.draw(schemas())
    value = data.draw(values(schema))
    assert decode(schema, encode(schema, value)) == value


@given(st.data())
def test_unknown_fields_are_skipped(data: Any) -> None:
    schema = data.draw(schemas())
    encoded = encode(schema, data.draw(values(schema)))
    assert decode(Schema("Empty"), encoded) == {}


@given(st.data())
def test_truncation_never_passes_unseen(data: Any) -> None:
    """A cut either ends between two fields or is refused; it never raises anything else."""
    schema = data.draw(schemas())
    encoded = encode(schema, data.draw(values(schema)))
    cut = encoded[: data.draw(st.integers(0, len(encoded)))]
    try:
        decode(schema, cut)
        refused = False
    except DecodeError:
        refused = True
    assert not (refused and cut == encoded)


@given(st.binary(max_size=60))
def test_garbage_is_refused_or_read(garbage: bytes) -> None:
    try:
        decode(m.RESOURCE, garbage)
    except DecodeError as error:
        refusal = str(error)
    else:
        refusal = "none"
    assert refusal


@given(SCALARS["int64"], SCALARS["int32"])
def test_same_bytes_as_protobuf(seconds: int, nanos: int) -> None:
    theirs = duration_pb2.Duration(seconds=seconds, nanos=nanos)
    assert encode(m.DURATION, {"seconds": seconds, "nanos": nanos}) == theirs.SerializeToString()
    assert decode(m.DURATION, theirs.SerializeToString()) == {"seconds": seconds, "nanos": nanos}


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_maps_as_protobuf_writes_them(labels: dict[str, str]) -> None:
    """protobuf's Struct has a map at field 1 whose values are messages with a string at field 3."""
    theirs = struct_pb2.Struct()
    theirs.update(labels)
    entry = Schema("Entry", key=Field(1, "string"), value=Field(2, Schema("Value", string_value=Field(3, "string"))))
    found = decode(Schema("Struct", fields=Field(1, entry, repeated=True)), theirs.SerializeToString())
    assert {item["key"]: item["value"]["string_value"] for item in found["fields"]} == labels


def test_zero_values_are_not_written() -> None:
    assert encode(m.APPLY_REQUEST, {"data": b"", "mode": 0, "dry_run": False, "try_mode_timeout": None}) == b""
    assert encode(m.APPLY_REQUEST, {"data": b"x", "mode": 3, "dry_run": True}) == b"\x0a\x01x\x20\x03\x28\x01"
    # An embedded message is written even when all in it is zero: it is there.
    assert encode(m.APPLY_REQUEST, {"try_mode_timeout": {}}) == b"\x32\x00"


def test_packed_and_unpacked() -> None:
    schema = Schema("Numbers", n=Field(1, "uint32", repeated=True))
    assert decode(schema, b"\x08\x01\x08\x96\x01") == {"n": [1, 150]}
    assert decode(schema, b"\x0a\x03\x01\x96\x01") == {"n": [1, 150]}
    assert encode(schema, {"n": [1, 150]}) == b"\x0a\x03\x01\x96\x01"


def test_repeated_copies_of_a_message_merge() -> None:
    first = encode(m.COSI_ANSWER, {"resource": {"metadata": {"id": "a", "namespace": "n"}}})
    second = encode(m.COSI_ANSWER, {"resource": {"metadata": {"id": "b"}, "spec": {"yaml_spec": "x"}}})
    resource = decode(m.COSI_ANSWER, first + second)["resource"]
    assert (resource["metadata"]["namespace"], resource["metadata"]["id"]) == ("n", "b")
    assert resource["spec"]["yaml_spec"] == "x"


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # number missing
        b"\x08" + b"\xff" * 10 + b"\x01",  # longer than 64 bits
        b"\x12\x05ab",  # cut off
        b"\x0b",  # group
        b"\x00\x01",  # field 0
        b"\x0a\x02\xff\xfe",  # not UTF-8
        b"\x08\x01",  # wrong wire type for a string
        b"\x50\x01",  # wrong wire type for a message
    ],
)
def test_malformed(data: bytes) -> None:
    schema = Schema("S", text=Field(1, "string"), number=Field(2, "int32"), inner=Field(10, Schema("I")))
    with pytest.raises(DecodeError):
        decode(schema, data)


def test_fixed_width_numbers() -> None:
    schema = Schema("F", d=Field(1, "double"), f=Field(2, "float"))
    assert decode(schema, b"\x09" + struct.pack("<d", 1.5) + b"\x15" + struct.pack("<f", 0.25)) == {"d": 1.5, "f": 0.25}


def test_tables_hold_no_mistakes_of_form() -> None:
    with pytest.raises(ValueError, match="used twice"):
        Schema("Twice", a=Field(1, "string"), b=Field(1, "bytes"))
    with pytest.raises(KeyError, match="no field mod"):
        encode(m.APPLY_REQUEST, {"mod": 1})
    modes = Enumeration(ZERO=0, ONE=1)
    assert (modes.number("ONE"), modes.name_of(1), modes.name_of(7)) == (1, "ONE", "7")
