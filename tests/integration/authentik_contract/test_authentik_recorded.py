# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded answers of a real Authentik 2025.12.4, asked again in order: status and bodies."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.authentik import AuthentikServer

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("HOMEOPS_SHARED", ROOT.parent / "shared"))
RECORDING = SHARED / "recordings" / "authentik-2025.12.4.jsonl"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
SECRETS = ("client_id", "client_secret", "key", "uid")
FINGERPRINTS = ("fingerprint_sha256", "fingerprint_sha1")
#: Replaced in the recording by texts of their own.
ELIDED = ("avatar", "expression", "sentry_dsn")
LAB_TOKEN = "lab-tok"

pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason="no recordings beside the checkout")


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]


class Bindings:
    """Which of the server's keys stand for the recorded ones; equal keys stay equal, different ones different."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def bind(self, name: str, value: str) -> bool:
        """Whether a recorded key can stand for this one."""
        if name not in self.values and value in self.values.values():
            return False
        return self.values.setdefault(name, value) == value

    def replaced(self, text: str) -> str:
        """A recorded text with the server's own keys."""
        return UUID.sub(lambda found: self.values.get(found.group(), found.group()), text)


def differences(wanted: Any, found: Any, bindings: Bindings, path: str = "") -> Iterator[str]:
    """Where an answer is not the recorded one, apart from what every server makes for itself."""
    name = path.rpartition(".")[2]
    if isinstance(wanted, dict) and isinstance(found, dict):
        yield from (f"{path}.{key} is missing" for key in wanted if key not in found)
        yield from (f"{path}.{key} is new: {found[key]!r}" for key in found if key not in wanted)
        for key in wanted.keys() & found.keys():
            yield from differences(wanted[key], found[key], bindings, f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        if path.endswith(".results") and all(isinstance(row, dict) and "target" in row for row in wanted):
            # Rows of one order are sorted by their keys, which are random.
            wanted, found = sorted(wanted, key=_by_age(bindings)), sorted(found, key=_by_age(bindings, own=True))
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, bindings, f"{path}[{number}]")
    elif not _equal(name, wanted, found, bindings):
        yield f"{path}: {found!r} for {wanted!r}"


def _by_age(bindings: Bindings, *, own: bool = False) -> Any:
    ages = list(bindings.values.values() if own else bindings.values)
    return lambda row: ages.index(row["pk"])


def _equal(name: str, wanted: Any, found: Any, bindings: Bindings) -> bool:
    if type(wanted) is not type(found):
        return False
    if not isinstance(wanted, str):
        return bool(wanted == found) or name == "num_pk"
    if name in ELIDED:
        return bool(found)
    if name in SECRETS and len(wanted) > 20:
        return len(wanted) == len(found)
    if name in FINGERPRINTS:
        return re.fullmatch(r"[0-9A-F]{2}(:[0-9A-F]{2})+", found) is not None and len(wanted) == len(found)
    if TIME.fullmatch(wanted):
        return TIME.fullmatch(found) is not None and ("." in wanted) == ("." in found)
    keys, own = UUID.findall(wanted), UUID.findall(found)
    if UUID.sub("", wanted) != UUID.sub("", found):
        return False
    return all(bindings.bind(key, value) for key, value in zip(keys, own, strict=True))


class Http:
    """Asks one server as the recording's callers did."""

    def __init__(self, url: str, admin: str) -> None:
        self.url = url
        self.tokens = {"admin": admin, "invalid": "no-such-token", LAB_TOKEN: ""}

    def ask(self, line: dict[str, Any], path: str, body: Any) -> tuple[int, Any]:
        headers = {
            "Content-Type": "application/json",
            "X-Forwarded-Host": "auth.lab.test",
            "X-Forwarded-Proto": "https",
        }
        if line["auth"] != "none":
            headers["Authorization"] = f"Bearer {self.tokens[line['auth']]}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=line["method"])
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None


def replay(http: Http) -> Iterator[str]:
    """Ask everything again, and yield where the answers differ."""
    bindings = Bindings()
    for line in recorded():
        path = bindings.replaced(line["path"])
        body = json.loads(bindings.replaced(json.dumps(line["request"])))
        status, found = http.ask(line, path, body)
        if line["path"].endswith(f"{LAB_TOKEN}/set_key/"):
            http.tokens[LAB_TOKEN] = body["key"]
        label = f"#{line['n']} {line['method']} {line['path']}"
        if status != line["status"]:
            yield f"{label}: status {status} for {line['status']}: {json.dumps(found)[:300]}"
        else:
            yield from (f"{label}: {text}" for text in differences(line["response"], found, bindings))


def test_every_recorded_answer_is_given_again() -> None:
    with AuthentikServer(complete=False, email="akadmin@lab.test") as server:
        server.set_faults(outpost_down=True)  # no outpost was connected
        wrong = list(replay(Http(server.url, server.token)))
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong)
    assert len(recorded()) == 77
