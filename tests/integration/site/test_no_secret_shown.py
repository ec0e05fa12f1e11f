# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret reaches an output, a log or a temporary file, at any verbosity."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from tests.harness.lab import LOUD, Lab, Run

#: Letters of base64 that cannot stand in an output by chance.
SHORTEST = 16
#: What opens the systems beside the cluster.
OTHERS = {"console": ("api_key", "password"), "connect": ("token",), "authentik": ("token",), "git": ("token",)}


def leaves(value: Any) -> Iterator[str]:
    """Every string below ``value``."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


def needles(text: str) -> set[str]:
    """What must not be seen of one secret: itself, and the lines of the PEM text that it may encode."""
    found = {text}
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        return found
    if "PRIVATE KEY" in decoded:
        body = [line for line in decoded.splitlines() if line and not line.startswith("-----")]
        found.update(body)
        # A diff may wrap or indent what it shows, so a part of each line is enough to be found.
        found.update(textwrap.wrap("".join(body), 40))
    # A tail of a few letters is found in any text and gives nothing away.
    return {form for form in found if len(form) >= SHORTEST}


def canaries(lab: Lab) -> dict[str, set[str]]:
    """The secrets of a lab by where they come from."""
    bundle = yaml.safe_load((lab.controller / "secrets.yaml").read_text(encoding="utf-8"))
    secret: dict[str, set[str]] = {}
    for name, pair in bundle["certs"].items():
        secret[f"certs.{name}.key"] = needles(pair["key"])
    for group in ("secrets", "trustdinfo"):
        for text in leaves(bundle[group]):
            assert len(text) >= SHORTEST
            secret[f"{group}: {len(secret)}"] = {text}
    secret["cluster.secret"] = {bundle["cluster"]["secret"]}
    talosconfig = yaml.safe_load((lab.controller / "talosconfig").read_text(encoding="utf-8"))
    for name, context in talosconfig["contexts"].items():
        secret[f"talosconfig {name}"] = needles(context["key"])
    kubeconfig = yaml.safe_load((lab.controller / "kubeconfig").read_text(encoding="utf-8"))
    for user in kubeconfig["users"]:
        secret[f"kubeconfig {user['name']}"] = needles(user["user"]["client-key-data"])
    for system, keys in OTHERS.items():
        known = json.loads((lab.directory / f"{system}.json").read_text(encoding="utf-8"))
        secret |= {f"{system} {key}": {known[key]} for key in keys}
    return secret


def leaked(text: str, secret: dict[str, set[str]]) -> list[str]:
    """Names of the secrets that ``text`` shows, line breaks and indentation set aside."""
    squeezed = re.sub(r"\s+", "", text)
    return sorted(name for name, forms in secret.items() if any(re.sub(r"\s+", "", form) in squeezed for form in forms))


def test_the_search_finds_a_secret_that_is_there() -> None:
    body = "MC4CAQAwBQYDK2VwBCIEIAbcdefghijklmnopqrstuvwxyz"
    key = base64.b64encode(f"-----BEGIN ED25519 PRIVATE KEY-----\n{body}\n-----END".encode()).decode()
    secret = {"x": needles(key)}
    assert leaked(f"config: |\n   {key[:20]}\n   {key[20:]}", secret) == ["x"]
    assert leaked(f"+  {body}", secret) == ["x"]
    assert leaked("nothing", secret) == []


def test_no_secret_is_seen_anywhere(walked: Lab, predicted: Run, cold: Run) -> None:
    """Not by the runs of the walk, of which some failed, some predicted and most told everything."""
    if len(walked.runs) < 3:  # this file alone
        walked.play(*LOUD)
    secret = canaries(walked)
    assert len(secret) > 8
    loud = [run for run in walked.runs if "-vvv" in run.arguments]
    assert len(loud) > 2 and {"--check" in run.arguments for run in loud} == {True, False}
    for run in walked.runs:
        assert leaked(run.output, secret) == [], f"in the output of {' '.join(run.arguments)}"
    places = [path for root in (walked.directory / "logs", walked.home) for path in root.rglob("*") if path.is_file()]
    assert any(path.parent.name == "logs" for path in places)
    for path in places:
        assert leaked(path.read_bytes().decode("latin-1"), secret) == [], path
