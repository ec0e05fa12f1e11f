# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes make a node reboot, by the list in Talos' CanApplyImmediate."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.talos import documents, goyaml, known_keys
from ansible_collections.homeops.cluster.plugins.module_utils.talos.documents import Document
from ansible_collections.homeops.cluster.plugins.module_utils.talos.reboot import reboot_paths

BASE: dict[str, Any] = {
    "version": "v1alpha1",
    "persist": True,
    "machine": {"type": "controlplane", "token": "t", "certSANs": [], "features": {"rbac": True}},
    "cluster": {"controlPlane": {"endpoint": "https://172.29.51.10:6443"}},
}
# siderolabs/talos v1.10.5 v1alpha1_runtime.go: what is copied from the current config before the comparison.
LIVE = set(
    "ca acceptedCAs time certSANs install network sysfs sysctls logging controlPlane kubelet kernel registries pods "
    "seccompProfiles nodeAnnotations nodeLabels nodeTaints".split()
)
LIVE_FEATURES = set("kubernetesTalosAPIAccess kubePrism hostDNS imageCache nodeAddressSortAlgorithm".split())


def config(**machine: Any) -> list[Document]:
    body = {**BASE, "machine": {**BASE["machine"], **machine}}
    return documents.decode(goyaml.dump(body))


def changed(path: str) -> dict[str, Any]:
    """A value which differs from the base's for any key."""
    known = known_keys.fields("MachineConfig")[path].type
    samples = {"string": "x", "map": {"a": "b"}, "list": [], "object": {"a": 1}}
    if path == "registries":
        return {"registries": {"mirrors": {"a": {"endpoints": []}}}}
    if path == "certSANs":
        return {"certSANs": ["a"]}
    if path == "ca":
        return {"ca": {"crt": "YQ==", "key": "YQ=="}}
    return {path: samples.get(known.kind, {})}


@pytest.mark.parametrize("key", [name for name in known_keys.fields("MachineConfig") if name != "features"])
def test_every_machine_key(key: str) -> None:
    assert reboot_paths(config(), config(**changed(key))) == ([] if key in LIVE else [f"machine.{key}"])


@pytest.mark.parametrize("key", list(known_keys.fields("FeaturesConfig")))
def test_every_feature(key: str) -> None:
    kind = known_keys.fields("FeaturesConfig")[key].type.kind
    value: Any = "v4first" if kind == "string" else False if kind == "bool" else {}
    paths = reboot_paths(config(), config(features={"rbac": True, key: value}))
    assert paths == ([] if key in LIVE_FEATURES else [f"machine.features.{key}"])


def test_absent_and_empty_differ_as_they_do_for_the_node() -> None:
    assert reboot_paths(config(), config(udev={})) == ["machine.udev"]
    assert reboot_paths(config(udev={}), config(udev={"rules": []})) == ["machine.udev.rules"]
    assert reboot_paths(config(udev={"rules": []}), config(udev={"rules": []})) == []


def test_exact_paths() -> None:
    encryption = {"state": {"provider": "luks2", "keys": [{"nodeID": {}, "slot": 0}]}}
    assert reboot_paths(config(systemDiskEncryption={}), config(systemDiskEncryption=encryption)) == [
        "machine.systemDiskEncryption.state"
    ]
    assert reboot_paths(config(env={"A": "b"}), config(env={"A": "c"})) == ["machine.env.A"]


def test_removing_features_reboots() -> None:
    without = {**BASE, "machine": {key: value for key, value in BASE["machine"].items() if key != "features"}}
    assert reboot_paths(config(), documents.decode(goyaml.dump(without))) == ["machine.features"]


def test_other_documents_and_the_cluster_never_reboot() -> None:
    more = documents.decode(
        goyaml.dump({**BASE, "debug": True, "cluster": {"controlPlane": {"endpoint": "https://1.2.3.4:6443"}}})
        + "---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: x\nurl: udp://172.29.51.1:514/\n"
    )
    assert reboot_paths(config(), more) == []
    assert reboot_paths(more, documents.decode(goyaml.dump({**BASE, "persist": False}))) == ["persist"]
