# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protobuf messages of the node's API, built at import from ``api.txt``.

The table is turned into a ``FileDescriptorProto`` per package, so that the protobuf runtime does the encoding: no
generated code, and nothing shared with the field tables of the collection's own client.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import any_pb2, duration_pb2, empty_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
}
_WELL_KNOWN = (any_pb2, duration_pb2, empty_pb2, timestamp_pb2)
_FIRST = ("google.rpc", "common")  # packages that the others import


@dataclass(frozen=True)
class Call:
    """One method of the API: full service name, method, message names, which sides are streams, who may."""

    service: str
    method: str
    request: str
    answer: str
    client_stream: bool
    server_stream: bool
    roles: str

    @property
    def path(self) -> str:
        """The HTTP/2 path, ``/machine.MachineService/Version``."""
        return f"/{self.service}/{self.method}"


def _lines(text: str) -> list[str]:
    """The table's logical lines: comments gone, continuation lines (indented) joined."""
    out: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            out[-1] += " " + line.strip()
        else:
            out.append(line.rstrip())
    return out


class _Table:
    """The parsed table: per package its messages, enumerations and calls."""

    def __init__(self, text: str) -> None:
        self.files: dict[str, FileDescriptorProto] = {
            "google.rpc": FileDescriptorProto(name="google.rpc", package="google.rpc", syntax="proto3")
        }
        self.calls: list[Call] = []
        self.enums: set[str] = set()
        self.messages: dict[str, str] = {}  # full name -> package
        self._fields: list[tuple[str, str, list[str]]] = []
        package = ""
        entries: list[tuple[str, str]] = []
        status = "Status: code=1:int32 message=2 details=3:.Any*"
        for line in ["package google.rpc", status, *_lines(text)]:
            if line.startswith("package "):
                package = line.split()[1]
                file = self.files.setdefault(
                    package, FileDescriptorProto(name=package, package=package, syntax="proto3")
                )
                if package not in _FIRST:
                    file.dependency.append("common")
                elif package == "common":
                    file.dependency.append("google.rpc")
                file.dependency.extend(module.DESCRIPTOR.name for module in _WELL_KNOWN)
                continue
            entries.append((package, line))
        for package, line in entries:
            self._declare(package, line)
        for package, name, fields in self._fields:
            self._fill(package, name, fields)

    def _parent(self, package: str, name: str) -> Any:
        """The container of nested ``name``: the file or the outer message."""
        holder: Any = self.files[package]
        for part in name.split(".")[:-1]:
            pool = holder.message_type if isinstance(holder, FileDescriptorProto) else holder.nested_type
            holder = next((m for m in pool if m.name == part), None) or pool.add(name=part)
        return holder

    def _message(self, package: str, name: str) -> DescriptorProto:
        holder = self._parent(package, name)
        pool = holder.message_type if isinstance(holder, FileDescriptorProto) else holder.nested_type
        last = name.rsplit(".", 1)[-1]
        self.messages[f"{package}.{name}"] = package
        return next((m for m in pool if m.name == last), None) or pool.add(name=last)

    def _declare(self, package: str, line: str) -> None:
        kind, _unused, rest = line.partition(" ")
        if kind == "answer":
            name, item = rest.split()
            self._message(package, name)
            self._fields.append((package, name, [f"messages=1:{item}*"]))
        elif kind == "enum":
            name, _unused, values = rest.partition(":")
            enum = self._parent(package, name).enum_type.add(name=name.rsplit(".", 1)[-1])
            self.enums.add(f"{package}.{name}")
            for value in values.split():
                label, number = value.split("=")
                enum.value.add(name=label, number=int(number))
        elif kind == "rpc":
            head, _unused, signature = rest.partition(": ")
            name, roles = head.split(" ")
            service, method = name.split(".")
            request, answer = signature.split(" -> ")
            self.calls.append(
                Call(
                    f"{package}.{service}",
                    method,
                    self._full(package, request.removeprefix("stream ")),
                    self._full(package, answer.removeprefix("stream ")),
                    request.startswith("stream "),
                    answer.startswith("stream "),
                    roles.strip("[]"),
                )
            )
        else:
            name, _unused, fields = line.partition(":")
            self._message(package, name)
            self._fields.append((package, name, fields.split()))

    @staticmethod
    def _full(package: str, name: str) -> str:
        if name.startswith("."):
            return "google.protobuf" + name
        return name if name.startswith("common.") else f"{package}.{name}"

    def _resolve(self, package: str, scope: str, name: str) -> str:
        """The full name that ``name`` means inside message ``scope`` (innermost scope first, as protobuf does)."""
        if name.startswith("."):
            return "google.protobuf" + name
        if name == "rpc.Status":
            return "google.rpc.Status"
        parts = scope.split(".")
        for depth in range(len(parts), -1, -1):
            full = ".".join([package, *parts[:depth], name])
            if full in self.enums or full in self.messages:
                return full
        return name

    def _fill(self, package: str, name: str, fields: list[str]) -> None:
        message = self._message(package, name)
        for text in fields:
            label, _unused, spec = text.partition("=")
            repeated, optional = spec.endswith("*"), spec.endswith("?")
            number, _unused, type_name = spec.rstrip("*?").partition(":")
            field = message.field.add(name=label, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
            if type_name == "map":
                entry = message.nested_type.add(name=label.capitalize() + "Entry")
                entry.options.map_entry = True
                for key, position in (("key", 1), ("value", 2)):
                    entry.field.add(name=key, number=position, type=_SCALARS["string"], label=1)
                field.label = FieldDescriptorProto.LABEL_REPEATED
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{package}.{name}.{entry.name}"
                continue
            if repeated:
                field.label = FieldDescriptorProto.LABEL_REPEATED
            if not type_name or type_name in _SCALARS:
                field.type = _SCALARS[type_name or "string"]
            else:
                full = self._resolve(package, name, type_name)
                field.type = FieldDescriptorProto.TYPE_ENUM if full in self.enums else FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = "." + full
            if optional:
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name="_" + label)


def _build() -> tuple[DescriptorPool, _Table]:
    table = _Table(Path(__file__).with_name("api.txt").read_text(encoding="utf-8"))
    pool = DescriptorPool()
    for module in _WELL_KNOWN:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    order = [*_FIRST, *(name for name in table.files if name not in _FIRST)]
    for name in order:
        pool.AddSerializedFile(table.files[name].SerializeToString())
    return pool, table


_POOL, _TABLE = _build()
CALLS: tuple[Call, ...] = tuple(_TABLE.calls)


def message(name: str) -> Any:
    """The class of the message with this full name, ``machine.VersionResponse``."""
    return GetMessageClass(_POOL.FindMessageTypeByName(name))


def number(enum: str, label: str) -> int:
    """The number of an enumeration's label: ``number("machine.ResetRequest.WipeMode", "ALL")``."""
    return _POOL.FindEnumTypeByName(enum).values_by_name[label].number


def label(enum: str, value: int) -> str:
    """The label of an enumeration's number; the decimal number when it has none (as Go prints it)."""
    found = _POOL.FindEnumTypeByName(enum).values_by_number.get(value)
    return found.name if found else str(value)
