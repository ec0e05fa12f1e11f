# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label and field selectors (apimachinery ``pkg/labels/selector.go``, ``pkg/fields``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import bad_request

_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")

Labels = dict[str, str]
Match = Callable[[Labels], bool]


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def label_selector(text: str) -> list[Match]:
    """The requirements of a selector; all must hold.

    :raises ApiError: 400 with the server's words.
    """
    tokens = _tokens(text)
    out: list[Match] = []
    at = 0

    def peek() -> str:
        return tokens[at] if at < len(tokens) else ""

    def take() -> str:
        nonlocal at
        token = peek()
        at += 1
        return token

    while at < len(tokens):
        absent = peek() == "!"
        if absent:
            take()
        key = take()
        if not re.fullmatch(r"[A-Za-z0-9./_-]+", key or ""):
            raise bad_request(
                f"unable to parse requirement: found '{key}', expected: !, identifier, or 'end of string'"
            )
        token = peek()
        if token in ("", ","):
            out.append(_missing(key) if absent else _exists(key))
        elif absent:
            raise bad_request(f"unable to parse requirement: found '{token}', expected: ',' or 'end of string'")
        elif take() in ("=", "=="):
            out.append(_equals(key, "" if peek() in ("", ",") else take()))
        elif token == "!=":
            out.append(_differs(key, "" if peek() in ("", ",") else take()))
        elif token in ("in", "notin"):
            if peek() != "(":
                raise bad_request(f"unable to parse requirement: found '{peek()}', expected: '('")
            take()
            values: set[str] = set()
            while peek() != ")":
                item = take()
                if item == ",":
                    values.add("")
                    continue
                if not re.fullmatch(r"[A-Za-z0-9./_-]+", item or ""):
                    raise bad_request(f"unable to parse requirement: found '{item}', expected: ',', ')' or identifier")
                values.add(item)
                if peek() == ",":
                    take()
                elif peek() != ")":
                    raise bad_request(f"unable to parse requirement: found '{peek()}', expected: ',' or ')'")
            take()
            out.append(_within(key, values) if token == "in" else _outside(key, values))
        elif token in ("<", ">"):
            bound = int(take())
            out.append(_compares(key, bound, token))
        else:
            raise bad_request(f"unable to parse requirement: found '{token}', expected: in, notin, =, ==, !=, gt, lt")
        if peek() == ",":
            take()
        elif peek():
            raise bad_request(f"unable to parse requirement: found '{peek()}', expected: ',' or 'end of string'")
    return out


def _exists(key: str) -> Match:
    return lambda labels: key in labels


def _missing(key: str) -> Match:
    return lambda labels: key not in labels


def _equals(key: str, value: str) -> Match:
    return lambda labels: labels.get(key) == value


def _differs(key: str, value: str) -> Match:
    return lambda labels: labels.get(key) != value


def _within(key: str, values: set[str]) -> Match:
    return lambda labels: labels.get(key) in values


def _outside(key: str, values: set[str]) -> Match:
    return lambda labels: labels.get(key) not in values


def _compares(key: str, bound: int, sign: str) -> Match:
    def match(labels: Labels) -> bool:
        value = labels.get(key, "")
        return value.lstrip("-").isdigit() and (int(value) > bound if sign == ">" else int(value) < bound)

    return match


_MORE_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
             "status.phase", "status.podIP", "status.nominatedNodeName"),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "events": ("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
               "involvedObject.apiVersion", "reason", "reportingComponent", "source", "type"),
    "jobs": ("status.successful",),
    "replicasets": ("status.replicas",),
    "certificatesigningrequests": ("spec.signerName",),
}  # fmt: skip


def field_selector(text: str, plural: str, custom: bool = False) -> list[tuple[str, str, bool]]:
    """``(path, value, equal)`` requirements.

    :raises ApiError: 400 for an unknown field.
    """
    out = []
    known = ("metadata.name", "metadata.namespace", *_MORE_FIELDS.get(plural, ()))
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", part)
        if not match:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        path, sign, value = match.groups()
        if path not in known:
            if plural in _MORE_FIELDS or custom:
                raise bad_request(f"field label not supported: {path}")
            raise bad_request(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
        out.append((path, value, sign != "!="))
    return out


def field_value(obj: dict[str, Any], path: str) -> str:
    """The text of a field as selectors compare it; empty when absent."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Selection:
    """Both selectors of a list, watch or deletecollection."""

    def __init__(self, labels: str, fields: str, plural: str, custom: bool = False) -> None:
        self.labels = label_selector(labels) if labels else []
        self.fields = field_selector(fields, plural, custom) if fields else []
        self.all = not self.labels and not self.fields

    def matches(self, obj: dict[str, Any]) -> bool:
        """Whether the object is selected."""
        if self.all:
            return True
        if self.labels:
            labels = obj["metadata"].get("labels") or {}
            if not all(match(labels) for match in self.labels):
                return False
        return all((field_value(obj, path) == value) is equal for path, value, equal in self.fields)
