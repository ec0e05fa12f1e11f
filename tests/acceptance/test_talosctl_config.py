# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden answers against the talosctl of this machine, and ours with them; skipped without one on PATH.

Compared byte for byte: ``gen config`` (control plane and worker, plain and patched, from the same secrets bundle),
``machineconfig patch`` (every case of ``tests/unit/fixtures/talos/cases.yaml``), ``validate --mode metal`` (errors and
warnings), and that talosctl validates what we generate from a bundle of our own.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.talos import machine_config, secrets

FIXTURES = Path(__file__).resolve().parents[1] / "unit" / "fixtures" / "talos"
ANSWERS: dict[str, Any] = json.loads((FIXTURES / "answers.json").read_text())
CASES: dict[str, Any] = yaml.safe_load((FIXTURES / "cases.yaml").read_text())


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("talosctl_answers", FIXTURES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
VERSION = TOOL.talosctl("version", "--client", "--short")[1] if shutil.which("talosctl") else ""

pytestmark = [
    pytest.mark.skipif(
        not VERSION, reason="no talosctl on PATH: the stored answers of talosctl 1.10.5 stand in for it"
    ),
    pytest.mark.skipif(bool(VERSION) and "v1.10." not in VERSION, reason=f"not Talos 1.10: {VERSION.strip()}"),
]


@pytest.mark.parametrize("case", CASES["generate"], ids=lambda case: case["name"])
def test_it_still_generates_the_stored_answer(case: dict[str, Any]) -> None:
    assert TOOL.generate(case, FIXTURES / "secrets.yaml") == ANSWERS["generate"][case["name"]]


@pytest.mark.parametrize("case", CASES["patch"], ids=lambda case: case["name"])
def test_it_still_patches_as_stored(case: dict[str, Any]) -> None:
    base = TOOL.base_text(case["base"], ANSWERS["generate"]["plain"])
    answer = TOOL.patch(base, case["patches"])
    if "panic" in answer:
        assert "panic" in ANSWERS["patch"][case["name"]]
    else:
        assert answer == ANSWERS["patch"][case["name"]]


@pytest.mark.parametrize("case", CASES["validate"], ids=lambda case: case["name"])
def test_it_still_validates_as_stored(case: dict[str, Any]) -> None:
    base = TOOL.base_text(case["base"], ANSWERS["generate"]["plain"])
    assert TOOL.validate(TOOL.patch(base, case["patches"])["text"]) == ANSWERS["validate"][case["name"]]


@pytest.mark.parametrize("kind", ["controlplane", "worker"])
def test_it_takes_our_bundle_and_generates_what_we_do(kind: str, tmp_path: Path) -> None:
    bundle = secrets.generate(datetime.datetime.now(datetime.UTC))
    path = tmp_path / "secrets.yaml"
    path.write_text(bundle.to_yaml())
    theirs = TOOL.generate({"kubernetes_version": "1.31.1", "install_disk": "/dev/sda"}, path)[kind]
    ours = machine_config.render(
        machine_config.ConfigInput(
            secrets=bundle.as_dict(),
            cluster_name="home-ops",
            endpoint="https://172.29.51.10:6443",
            talos_version="v1.10.5",
            kubernetes_version="v1.31.1",
            machine_type=kind,
            install_disk="/dev/sda",
        )
    )
    assert ours == theirs
    assert TOOL.validate(ours) == {"errors": "", "warnings": []}
