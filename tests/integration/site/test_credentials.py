# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong credentials and absent nodes: one clear sentence each, a failed run, and nothing changed anywhere.

What is wrong in the model itself is tested beside the preflight, offline.
"""

from __future__ import annotations

import base64
import datetime
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.harness.lab import Lab, Run


@pytest.fixture
def lab(walked: Lab, cold: Run, tmp_path: Path) -> Iterator[Lab]:
    """The lab of the walk; the controller's files are put back afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(walked.controller, kept)
    yield walked
    shutil.rmtree(walked.controller)
    shutil.copytree(kept, walked.controller)


def snapshot(lab: Lab) -> tuple[object, ...]:
    """What must not change: boots, stages, and every write that the nodes and the API have seen."""
    calls = {
        name: {call: count for call, count in seen.items() if call.endswith(("ApplyConfiguration", "Bootstrap"))}
        for name, seen in lab.status()["requests"]["talos"].items()
    }
    nodes = {name: (node["boot_id"], node["stage"]) for name, node in lab.nodes().items()}
    return calls, nodes, lab.writes()


def refused(lab: Lab, *args: str) -> Run:
    """Run and see that nothing has changed and that no traceback is shown."""
    before = snapshot(lab)
    run = lab.play(*args)
    assert run.rc != 0, run.output
    assert "Traceback" not in run.output
    assert run.changed == set()
    assert snapshot(lab) == before
    return run


def only_message(run: Run) -> str:
    """The one message of the run; equal failures of several hosts count once."""
    messages = {failure.msg for failure in run.failures}
    assert len(messages) == 1, messages
    return messages.pop()


def test_a_truncated_bundle_is_named_with_what_is_missing(lab: Lab) -> None:
    path = lab.controller / "secrets.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    message = only_message(refused(lab))
    assert str(path) in message
    assert "bundle" in message


def test_a_bundle_without_one_secret_names_that_secret(lab: Lab) -> None:
    path = lab.controller / "secrets.yaml"
    bundle = yaml.safe_load(path.read_text(encoding="utf-8"))
    del bundle["certs"]["etcd"]["key"]
    path.write_text(yaml.safe_dump(bundle), encoding="utf-8")
    assert "certs.etcd.key" in only_message(refused(lab))


def test_a_bundle_of_another_cluster_is_told_from_a_wrong_certificate(lab: Lab) -> None:
    (lab.controller / "secrets.yaml").unlink()
    (lab.controller / "talosconfig").unlink()
    # The preflight sees it: not even new credentials are made on the controller.
    message = only_message(refused(lab))
    for name in ("mini01", "mini02", "mini03"):
        assert f"LIV001 node/{name}" in message
    assert "another CA" in message
    assert not (lab.controller / "secrets.yaml").exists()
    # Without a look at the systems new ones are made, and no node takes them.
    before = snapshot(lab)
    run = lab.play("-e", "preflight_live=false")
    assert run.rc != 0
    assert "Traceback" not in run.output
    assert {host for host, _unused in run.changed} <= {"localhost"}
    assert snapshot(lab) == before
    assert all("CA" in failure.msg or "certificate" in failure.msg for failure in run.failures)
    assert {failure.host for failure in run.failures} == {"mini01", "mini02", "mini03"}


def test_an_expired_client_certificate_says_since_when(lab: Lab) -> None:
    expire(lab)
    run = lab.play("-t", "kubernetes")
    assert run.rc != 0
    assert "Traceback" not in run.output
    assert "expired" in only_message(run)
    assert "talosconfig" in only_message(run)


def test_an_expired_client_certificate_is_renewed_by_the_phase_that_owns_it(lab: Lab) -> None:
    expire(lab)
    run = lab.play("-t", "talos")
    assert run.rc == 0, run.output
    assert {host for host, _unused in run.changed} == {"localhost"}
    assert lab.play("-t", "kubernetes").rc == 0


def test_an_absent_node_is_named_and_the_others_stay_as_they_are(lab: Lab) -> None:
    lab.command("power", "off", "mini03")
    try:
        # An earlier run has reached it, so that it may be booting; it is awaited for as long as the inventory says.
        message = only_message(refused(lab, "-e", "preflight_live_patience=2"))
        assert "LIV001 node/mini03" in message
        assert re.search(r"also not after a wait of [2-9] s", message)
        assert f"{lab.net}.51.13:50000" in message
        assert "mini01" not in message.replace("homeops_nodes", "")
        # So does the phase itself, where nobody has looked before.
        run = refused(lab, "-e", "preflight_live=false")
        (failure,) = run.failures
        assert failure.host == "mini03"
        assert f"{lab.net}.51.13:50000" in failure.msg
    finally:
        lab.command("power", "on", "mini03")
        assert lab.play("-t", "kubernetes,cni").rc == 0


def expire(lab: Lab) -> None:
    """Put a client certificate of the right CA that ended yesterday into the talosconfig."""
    bundle = yaml.safe_load((lab.controller / "secrets.yaml").read_text(encoding="utf-8"))
    authority = bundle["certs"]["os"]
    ca = x509.load_pem_x509_certificate(base64.b64decode(authority["crt"]))
    signer = serialization.load_pem_private_key(
        base64.b64decode(authority["key"]).replace(b"ED25519 PRIVATE", b"PRIVATE"), password=None
    )
    assert isinstance(signer, Ed25519PrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    key = Ed25519PrivateKey.generate()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "os:admin")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now - datetime.timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, None)
    )
    path = lab.controller / "talosconfig"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).replace(b"PRIVATE", b"ED25519 PRIVATE")
    context = config["contexts"][config["context"]]
    context["crt"] = base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()
    context["key"] = base64.b64encode(pem).decode()
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
