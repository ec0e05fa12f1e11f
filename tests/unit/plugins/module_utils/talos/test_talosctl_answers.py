# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our generation, patching and validation against what the real talosctl answered (``tests/unit/fixtures/talos``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.talos import (
    documents,
    machine_config,
    patch,
    validation,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "talos"
CASES: dict[str, Any] = yaml.safe_load((FIXTURES / "cases.yaml").read_text())
ANSWERS: dict[str, Any] = json.loads((FIXTURES / "answers.json").read_text())
SECRETS: dict[str, Any] = yaml.safe_load((FIXTURES / "secrets.yaml").read_text())

#: Where our text is meant to differ: Go type names, the layout of the unknown part, values which may be secret.
OWN_WORDS = ("error decoding ", "unknown keys found", "merge field ")
#: Talos writes a wrong indentation hint for a block inside of a list, which no YAML reader takes, its own included.
UNREADABLE = "contents: |4"


def base(name: str) -> str:
    return ANSWERS["generate"]["plain"].get(name) or CASES["bases"][name]


@pytest.mark.parametrize("kind", ["controlplane", "worker"])
@pytest.mark.parametrize("case", CASES["generate"], ids=lambda case: case["name"])
def test_generates_the_same_bytes(case: dict[str, Any], kind: str) -> None:
    given = machine_config.ConfigInput(
        secrets=SECRETS,
        cluster_name="home-ops",
        endpoint="https://172.29.51.10:6443",
        talos_version="v1.10.5",
        kubernetes_version=case["kubernetes_version"],
        machine_type=kind,
        additional_sans=case.get("additional_sans", ()),
        installer_image=case.get("installer_image", ""),
        install_disk=case.get("install_disk", ""),
        patches=case.get("patches", ()),
    )
    assert machine_config.render(given) == ANSWERS["generate"][case["name"]][kind]


@pytest.mark.parametrize("case", CASES["patch"], ids=lambda case: case["name"])
def test_patches_the_same(case: dict[str, Any]) -> None:
    answer = ANSWERS["patch"][case["name"]]
    config = documents.decode(base(case["base"]))
    if "text" in answer:
        ours = documents.encode(patch.apply(config, case["patches"]))
        if UNREADABLE in answer["text"]:
            with pytest.raises(documents.ConfigError):
                documents.decode(answer["text"])
            assert ours == answer["text"].replace(UNREADABLE, "contents: |2")
            assert documents.encode(documents.decode(ours)) == ours
        else:
            assert ours == answer["text"]
        return
    with pytest.raises(documents.ConfigError) as refusal:
        patch.apply(config, case["patches"])
    real = answer.get("error")
    if real is not None:  # else the real tool panicked, where a refusal with words is better
        if real.startswith(OWN_WORDS):
            assert refusal.value.text.split()[:2] == real.split()[:2] or "merge type mismatch" in refusal.value.text
        else:
            assert refusal.value.text == real.removesuffix("\n")


#: What PyYAML (YAML 1.1) turns into something else before we see it cannot come back.
YAML_1_1 = (" on\n", "0644", "permissions: 420", "a: yes", "1-2")


def has_form_as_mapping(case: dict[str, Any]) -> bool:
    """Whether every patch is one document which is accepted and which PyYAML reads as Go does."""
    return (
        "text" in ANSWERS["patch"][case["name"]]
        and all(len(list(yaml.safe_load_all(text))) == 1 for text in case["patches"])
        and not any(word in text for text in case["patches"] for word in YAML_1_1)
    )


@pytest.mark.parametrize("case", list(filter(has_form_as_mapping, CASES["patch"])), ids=lambda case: case["name"])
def test_patches_given_as_mappings_say_the_same_as_text(case: dict[str, Any]) -> None:
    config = documents.decode(base(case["base"]))
    ours = documents.encode(patch.apply(config, [yaml.safe_load(text) for text in case["patches"]]))
    assert ours == ANSWERS["patch"][case["name"]]["text"].replace(UNREADABLE, "contents: |2")


@pytest.mark.parametrize("case", CASES["validate"], ids=lambda case: case["name"])
def test_validates_the_same(case: dict[str, Any]) -> None:
    answer = ANSWERS["validate"][case["name"]]
    config = patch.apply(documents.decode(base(case["base"])), case["patches"])
    findings = validation.validate(documents.decode(documents.encode(config)))
    assert findings.text == answer["errors"]
    assert findings.warnings == answer["warnings"]


READABLE = [
    text
    for text in (
        *(answer for kinds in ANSWERS["generate"].values() for answer in kinds.values()),
        *(answer["text"] for answer in ANSWERS["patch"].values() if "text" in answer),
    )
    if "Protocol(0)" not in text and UNREADABLE not in text  # which Talos cannot read either
]


@pytest.mark.parametrize("text", READABLE)
def test_writing_what_was_read_changes_nothing(text: str) -> None:
    assert documents.encode(documents.decode(text)) == text
