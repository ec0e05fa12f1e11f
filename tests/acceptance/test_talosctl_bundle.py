# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets bundles and talosconfigs against the real talosctl, when it is on PATH; see also the machine config tests."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.talos import identity, pki, secrets, talosconfig

NOW = datetime.datetime.now(datetime.UTC)

TALOSCTL = shutil.which("talosctl")
pytestmark = pytest.mark.skipif(TALOSCTL is None, reason="talosctl is not on PATH")


def talosctl(folder: Path, *arguments: str) -> str:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(TALOSCTL), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def bundle() -> secrets.SecretsBundle:
    return secrets.generate(NOW)


def test_talosctl_takes_our_bundle(tmp_path: Path, bundle: secrets.SecretsBundle) -> None:
    (tmp_path / "secrets.yaml").write_text(bundle.to_yaml())
    talosctl(
        tmp_path, "gen", "config", "--with-secrets", "secrets.yaml", "-o", "out", "lab", "https://172.29.51.10:6443"
    )
    for kind in ("controlplane", "worker"):
        talosctl(tmp_path, "validate", "--mode", "metal", "--config", f"out/{kind}.yaml")
    config = yaml.safe_load((tmp_path / "out" / "controlplane.yaml").read_text())
    content = bundle.as_dict()
    assert config["machine"]["ca"] == content["certs"]["os"]
    assert config["machine"]["token"] == bundle.trustd_token
    assert config["cluster"]["id"] == bundle.cluster_id
    assert config["cluster"]["etcd"]["ca"] == content["certs"]["etcd"]
    assert config["cluster"]["serviceAccount"] == content["certs"]["k8sserviceaccount"]
    # The talosconfig which talosctl has made of our CA is one that we would keep.
    made = (tmp_path / "out" / "talosconfig").read_text()
    assert pki.signed_by(identity.parse_talosconfig(made).certificate, bundle.os.crt)
    assert talosconfig.renewal_reason(made, "lab", bundle, [], [], datetime.datetime.now(datetime.UTC)) == ""


def test_we_read_talosctls_bundle(tmp_path: Path) -> None:
    talosctl(tmp_path, "gen", "secrets", "-o", "secrets.yaml")
    text = (tmp_path / "secrets.yaml").read_text()
    theirs = secrets.parse(text)
    assert theirs.to_yaml() == text, "not a byte differs on the way through"


def test_our_authorities_have_the_shape_of_theirs(tmp_path: Path, bundle: secrets.SecretsBundle) -> None:
    talosctl(tmp_path, "gen", "secrets", "-o", "secrets.yaml")
    theirs = secrets.parse((tmp_path / "secrets.yaml").read_text())
    for name in ("etcd", "k8s", "k8s_aggregator", "os"):
        ours, real = getattr(bundle, name).certificate, getattr(theirs, name).certificate
        assert ours.subject == real.subject
        assert ours.issuer == real.issuer
        assert ours.signature_algorithm_oid == real.signature_algorithm_oid
        assert [(item.oid, item.critical) for item in ours.extensions] == [
            (item.oid, item.critical) for item in real.extensions
        ]
        for mine, other in zip(ours.extensions, real.extensions, strict=True):
            if mine.oid.dotted_string != "2.5.29.14":  # random in both
                assert mine.value == other.value
        life = ours.not_valid_after_utc - ours.not_valid_before_utc
        assert life == real.not_valid_after_utc - real.not_valid_before_utc
        assert getattr(bundle, name).key.splitlines()[0] == getattr(theirs, name).key.splitlines()[0]
    assert bundle.k8s_service_account_key.splitlines()[0] == theirs.k8s_service_account_key.splitlines()[0]


def test_talosctl_reads_our_talosconfig(tmp_path: Path, bundle: secrets.SecretsBundle) -> None:
    path = tmp_path / "talosconfig"
    path.write_text(talosconfig.talosconfig_text("home-ops", bundle, ["172.29.51.11"], ["172.29.51.12"], NOW))
    shown = talosctl(tmp_path, "config", "info", "--talosconfig", str(path))
    assert "home-ops" in shown
    assert "os:admin" in shown
    assert "172.29.51.11" in shown
    assert "1 year" in shown
