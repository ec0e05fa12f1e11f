# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded answers of a real kube-apiserver 1.33, asked again in order: status, Content-Type, Warning and bodies."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from lab.controllers.cilium import crds

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("HOMEOPS_SHARED", ROOT.parent / "shared"))
RECORDING = SHARED / "recordings" / "kubernetes-1.33.jsonl"
SERVED = (
    "ciliumbgpadvertisements", "ciliumbgpclusterconfigs", "ciliumbgpnodeconfigs", "ciliumbgppeerconfigs",
    "ciliuml2announcementpolicies", "ciliumloadbalancerippools", "ciliumpodippools", "ciliumbgpnodeconfigoverrides",
    "ciliumbgppeeringpolicies",
)  # fmt: skip
PLACEHOLDER = re.compile(r"<[a-zA-Z0-9]+(?::\d+)?>|<host:port>")

pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason="no recordings beside the checkout")


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]


def define(http: Any) -> None:
    """The nine kinds as they were when the recording was made: one category, no printer columns."""
    found = {definition["spec"]["names"]["plural"]: definition for definition in crds.definitions()}
    for plural in SERVED:
        definition = json.loads(json.dumps(found[plural]))
        definition["spec"]["names"]["categories"] = ["cilium"]
        for version in definition["spec"]["versions"]:
            version.pop("additionalPrinterColumns", None)
        http.define(definition)


class Bindings:
    """What the placeholders stand for; equal names mean equal values, and resourceVersions grow with their number."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def match(self, pattern: str, value: str) -> bool:
        """Whether a text fits a recorded one, binding the placeholders in it."""
        if pattern == "2026-01-01T00:00:00Z":
            return value == pattern
        names: list[str] = []
        regex, last = "", 0
        for found in PLACEHOLDER.finditer(pattern):
            regex += re.escape(pattern[last : found.start()]) + r"([^\"\\]*?)"
            names.append(found.group())
            last = found.end()
        fits = re.fullmatch(regex + re.escape(pattern[last:]), value, re.S)
        return fits is not None and all(self._bind(n, v) for n, v in zip(names, fits.groups(), strict=True))

    def _bind(self, name: str, value: str) -> bool:
        if not re.fullmatch(r"<(rv|uid):\d+>", name):
            return bool(value)
        known = self.values.setdefault(name, value)
        if name.startswith("<rv:"):
            number = int(name[4:-1])
            for other, bound in self.values.items():
                if other.startswith("<rv:") and (int(other[4:-1]) < number) != (int(bound) < int(value)):
                    if int(other[4:-1]) != number:
                        return False
        return known == value


def differences(wanted: Any, found: Any, bindings: Bindings, path: str = "") -> list[str]:
    """Where an answer is not the recorded one."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        out = [f"{path}.{key} is missing" for key in wanted if key not in found]
        out += [f"{path}.{key} is new: {found[key]!r}" for key in found if key not in wanted]
        for key in wanted:
            if key in found:
                out += differences(wanted[key], found[key], bindings, f"{path}.{key}")
        return out
    if isinstance(wanted, list) and isinstance(found, list):
        if path.endswith(".managedFields"):
            # Entries of one second are ordered by name, of different seconds by time.
            wanted, found = (sorted(v, key=lambda e: (e["manager"], e["operation"])) for v in (wanted, found))
        if len(wanted) != len(found):
            return [f"{path} has {len(found)} items for {len(wanted)}: {json.dumps(found)[:400]}"]
        return [
            d
            for i, (w, f) in enumerate(zip(wanted, found, strict=True))
            for d in differences(w, f, bindings, f"{path}[{i}]")
        ]
    if (isinstance(wanted, str) and PLACEHOLDER.search(wanted)) or wanted == "gen-<5>":
        if wanted == "gen-<5>":
            return [] if re.fullmatch(r"gen-[a-z0-9]{5}", found) else [f"{path}: {found!r} for {wanted!r}"]
        shown = str(found) if wanted == "<nodePort>" else found
        if isinstance(shown, str) and bindings.match(wanted, shown):
            return []
        return [f"{path}: {found!r} for {wanted!r} ({bindings.values.get(wanted)})"]
    if wanted != found or type(wanted) is not type(found):
        return [f"{path}: {found!r} for {wanted!r}"]
    return []


def comparable(answer: Any) -> Any:
    """Without what a release or the order of a Go map decides."""
    text = re.sub(r'"v1\.33\.\d+"', '"v1.33.x"', json.dumps(answer))
    value = json.loads(text)
    if isinstance(value, dict) and value.get("kind") == "APIResourceList":
        value["resources"].sort(key=lambda resource: resource["name"])
    if isinstance(value, dict) and "gitTreeState" in value:
        value["gitTreeState"] = ""
    return value


def test_the_recording_is_answered_again(http: Any) -> None:
    if http.real and (minor := http.ask("GET", "/version").json["minor"]) != "33":
        pytest.skip(f"the recording is of Kubernetes 1.33, and this server is 1.{minor}")
    define(http)
    bindings, wrong = Bindings(), []
    for line in recorded():
        if line["status"] == 401 and http.real:
            continue  # the recorded server refused anonymous users, this one asks RBAC about them
        headers = {**line["request_headers"]}
        headers["User-Agent"] = headers["User-Agent"].replace("<version>", "2.0")
        anonymous = headers.pop("client certificate", "") == "none"
        answer = http.ask(line["method"], line["path"], line["request"], headers=headers, anonymous=anonymous)
        faults = []
        if answer.status != line["status"]:
            faults.append(f"status {answer.status} for {line['status']}: {answer.data[:300]!r}")
        if answer.type != line["response_headers"]["Content-Type"]:
            faults.append(f"Content-Type {answer.type}")
        if answer.warnings != line["response_headers"].get("Warning", []):
            faults.append(f"Warning {answer.warnings} for {line['response_headers'].get('Warning')}")
        if line["n"] != 7 and not faults:
            faults = differences(comparable(line["response"]), comparable(answer.body), bindings)
        wrong += [f"#{line['n']} {line['name']}: {fault}" for fault in faults]
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong)


def test_says_what_was_held_to_the_contract(http: Any, capsys: pytest.CaptureFixture[str]) -> None:
    version = http.ask("GET", "/version").json["gitVersion"]
    who = "kube-apiserver" if http.real else "the emulator"
    with capsys.disabled():
        print(f"\nnote: the contract of Kubernetes was asked of {who} {version}")
    assert version.startswith("v1.")
