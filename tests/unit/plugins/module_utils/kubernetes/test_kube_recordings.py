# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that a real kube-apiserver 1.33 gave: each refusal is told in one sentence, its discovery is understood."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import discovery, errors

SHARED = Path(os.environ.get("HOMEOPS_SHARED") or Path(__file__).resolve().parents[5].parent / "shared")
RECORDING = SHARED / "recordings/kubernetes-1.33.jsonl"
if not RECORDING.is_file():
    pytest.skip("the recordings are not here (HOMEOPS_SHARED)", allow_module_level=True)
PAIRS: list[dict[str, Any]] = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]
REFUSALS = [pair for pair in PAIRS if pair["status"] >= 400]


@pytest.mark.parametrize("pair", REFUSALS, ids=[f"{pair['n']}-{pair['name']}" for pair in REFUSALS])
def test_each_refusal_is_one_sentence_that_keeps_the_servers_words(pair: dict[str, Any]) -> None:
    response = pair["response"]
    body = response if isinstance(response, str) else json.dumps(response)
    error = errors.from_response("trying", "https://k:6443", pair["status"], body.encode())
    text = str(error)
    assert (
        error.code == pair["status"] and "\n" not in text.strip() and text.startswith("Trying on https://k:6443 failed")
    )
    assert error.is_status == isinstance(response, dict)
    if isinstance(response, dict) and error.code not in (401, 409):
        # The last words of the server's message are what the user has to correct.
        assert " ".join(response["message"].split()).rstrip(".")[-20:] in text
    for cause in (response.get("details") or {}).get("causes") or [] if isinstance(response, dict) else []:
        assert cause["field"] in text or cause["field"] in ("fieldManager", "force", "patch", "<nil>"), text


def test_both_forms_of_discovery_tell_the_same() -> None:
    by_name = {pair["name"]: pair["response"] for pair in PAIRS}
    aggregated = {
        (resource.kind, resource.plural, resource.namespaced, resource.subresources, resource.verbs)
        for resource in discovery.parse_aggregated(by_name["discovery-aggregated"])
        if resource.api_version == "cilium.io/v2alpha1"
    }
    listed = {
        (resource.kind, resource.plural, resource.namespaced, resource.subresources, resource.verbs)
        for resource in discovery.parse_resource_list(by_name["discovery-group-version"])
    }
    assert listed and aggregated == listed
    core = {resource.kind: resource for resource in discovery.parse_resource_list(by_name["discovery-core-v1"])}
    assert core["ConfigMap"].path("n", "x") == "/api/v1/namespaces/n/configmaps/x"
    assert "status" in core["Service"].subresources and not core["Namespace"].namespaced
