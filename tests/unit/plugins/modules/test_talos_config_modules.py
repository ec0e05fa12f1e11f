# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""talos_config and talos_schematic: what they return, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.modules import talos_apply, talos_config, talos_schematic

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "talos"
ANSWERS: dict[str, Any] = json.loads((FIXTURES / "answers.json").read_text())
HOSTNAME = {"machine": {"network": {"hostname": "mini01"}}}


def config(ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    given = {
        "secrets_file": str(FIXTURES / "secrets.yaml"),
        "cluster_name": "home-ops",
        "endpoint": "https://172.29.51.10:6443",
        "talos_version": "v1.10.5",
        "kubernetes_version": "v1.31.1",
        "install_disk": "/dev/sda",
        "nodes": [{"name": "controlplane"}, {"name": "worker", "machine_type": "worker"}],
        **more,
    }
    checked = ArgumentSpecValidator(talos_config.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages
    return talos_config.run(checked.validated_parameters, ctx or Context())


def test_the_configs_are_talosctls_and_not_returned_unasked() -> None:
    result = config()
    assert "configs" not in result
    assert config(return_configs=True)["configs"] == ANSWERS["generate"]["plain"]
    assert result["nodes"]["worker"]["machine_type"] == "worker"
    assert result["nodes"]["worker"]["sha256"] != result["nodes"]["controlplane"]["sha256"]
    for secret in ("PRIVATE KEY", yaml.safe_load((FIXTURES / "secrets.yaml").read_text())["trustdinfo"]["token"]):
        assert secret not in json.dumps(result)


def test_files_are_private_and_written_once(tmp_path: Path) -> None:
    options: dict[str, Any] = {"dest": str(tmp_path / "out"), "talosconfig": str(tmp_path / "talosconfig")}
    predicted = config(Context(check_mode=True), **options)
    assert predicted["changed"]
    assert not (tmp_path / "out").exists()
    first = config(**options)
    assert first["written"] == predicted["written"]
    assert first["talosconfig_renewed"] == "it does not exist"
    for path in first["written"]:
        assert Path(path).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out" / "worker.yaml").read_text() == ANSWERS["generate"]["plain"]["worker"]
    again = config(**options)
    assert (again["changed"], again["written"], again["talosconfig_renewed"]) == (False, [], "")
    before = (tmp_path / "talosconfig").read_text()
    asked = config(talosconfig_renewal="always", **options)
    assert asked["written"] == [options["talosconfig"]]
    assert (tmp_path / "talosconfig").read_text() != before


def test_a_change_is_shown_without_secrets(tmp_path: Path) -> None:
    config(dest=str(tmp_path))
    changed = config(
        Context(diff_mode=True), dest=str(tmp_path), nodes=[{"name": "controlplane", "patches": [HOSTNAME]}]
    )
    (diff,) = changed["diff"]
    assert "hostname: mini01" in diff["after"]
    assert "hostname" not in diff["before"]
    assert yaml.safe_load(diff["after"])["machine"]["token"].startswith("<masked")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"nodes": [{"name": "a"}, {"name": "a"}]}, "listed twice"),
        ({"nodes": [{"name": "mini01", "patches": [{"machine": {"bogus": 1}}]}]}, "node mini01, patch 1"),
        ({"install_disk": ""}, "either install disk or diskSelector should be defined"),
        ({"endpoint": None}, "ndpoint is missing"),
        ({"secrets_file": "/nonexistent/secrets.yaml"}, "cannot be read"),
        ({"config": "x"}, "onfig and secrets_file are given together"),
        ({"nodes": [{"name": "a", "patches": ["- op: add\n  path: /x\n"]}]}, "JSON6902 patches are not supported"),
        ({"nodes": [{"name": "../a"}], "dest": "/tmp/x"}, "no name for a file"),
        ({"installer_image": "ghcr.io/siderolabs/installer:v1.9.0"}, "not of Talos v1.10.5"),
    ],
)
def test_what_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        config(**more)
    assert words in str(refusal.value)


def test_a_ready_config_is_patched_and_checked() -> None:
    text = ANSWERS["generate"]["plain"]["worker"]
    made = config(secrets_file=None, config=text, nodes=[{"name": "w", "patches": [HOSTNAME]}], return_configs=True)
    assert yaml.safe_load(made["configs"]["w"])["machine"]["network"] == {"hostname": "mini01"}
    with pytest.raises(InputError, match="no v1alpha1 document"):
        config(secrets_file=None, config="apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: udp://a:1\n")


def test_an_encrypted_bundle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    with pytest.raises(InputError, match="ansible-vault"):
        config(secrets_file=str(path))


def image(**more: Any) -> dict[str, Any]:
    given = {"talos_version": "v1.10.5", **more}
    checked = ArgumentSpecValidator(talos_schematic.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages
    return talos_schematic.run(checked.validated_parameters, Context())


MINIS = [f"siderolabs/{name}" for name in ("iscsi-tools", "lldpd", "usb-modem-drivers", "thunderbolt")]
MINIS_ID = "046889043a3a6b4df4d2b999d8cf2b9ac013aae7cbda98f8b53b99ac226cf0f3"
OLD_ID = "ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1"


def test_the_minis_schematic() -> None:
    result = image(extensions=MINIS)
    assert result["id"] == MINIS_ID
    assert result["installer"] == f"factory.talos.dev/installer/{MINIS_ID}:v1.10.5"
    assert image(schematic=yaml.safe_load(result["schematic"]))["id"] == MINIS_ID


def test_a_service_name_is_refused_unless_allowed() -> None:
    old = [name.replace("/lldpd", "/ext-lldpd") for name in MINIS]
    with pytest.raises(InputError, match="write siderolabs/lldpd"):
        image(extensions=old)
    kept = image(extensions=old, allow_unknown_names=True)
    assert kept["id"] == OLD_ID
    assert kept["problems"]


def test_an_expected_id() -> None:
    assert image(extensions=MINIS, expected_id=MINIS_ID)["id"] == MINIS_ID
    with pytest.raises(InputError, match=", ".join(MINIS)):
        image(extensions=[*MINIS[1:], MINIS[0]], expected_id=MINIS_ID)


@pytest.mark.parametrize("module", [talos_apply, talos_config, talos_schematic])
def test_the_documented_options_are_the_arguments(module: Any) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)
    options = set(documented["options"])
    for fragment in documented.get("extends_documentation_fragment", []):
        name = fragment.rpartition(".")[2]
        source = __import__(
            f"ansible_collections.homeops.cluster.plugins.doc_fragments.{name}", fromlist=["ModuleDocFragment"]
        )
        options |= set(yaml.safe_load(source.ModuleDocFragment.DOCUMENTATION)["options"])
    assert options == set(module.SPEC["argument_spec"])
