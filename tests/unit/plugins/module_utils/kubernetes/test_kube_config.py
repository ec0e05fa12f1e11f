# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: what is read, what is refused, and that no credential is shown."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.certificates import (
    load_client_certificate,
    validity,
)
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import config
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.transport import tls_context
from tests.harness.kube_server import make_pki

PKI = make_pki()
CRT, KEY = PKI.issue("admin", organizations=["system:masters"], client=True, days=10)
NOW = datetime.datetime.now(datetime.UTC)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any) -> bytes:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [
            {
                "name": "lab",
                "cluster": {
                    "server": "https://127.29.51.10:6443",
                    "certificate-authority-data": b64(PKI.ca_crt),
                    **(cluster or {}),
                },
            }
        ],
        "users": [
            {
                "name": "admin",
                "user": {"client-certificate-data": b64(CRT), "client-key-data": b64(KEY)} if user is None else user,
            }
        ],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
        **top,
    }
    return yaml.safe_dump(document).encode()


def read(
    data: bytes, context: str | None = None, path: str = "/k/config", now: datetime.datetime = NOW
) -> config.Connection:
    return config.parse(data, context, path, now)


def test_certificates_and_the_name_on_the_servers_certificate() -> None:
    found = read(kubeconfig({"tls-server-name": "172.29.51.10"}))
    assert (found.host, found.port, found.server_name) == ("127.29.51.10", 6443, "172.29.51.10")
    assert (found.ca, found.certificate, found.key, found.insecure) == (PKI.ca_crt, CRT, KEY, False)
    context = tls_context(found)
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_verification_is_off_only_when_the_kubeconfig_says_so() -> None:
    context = tls_context(read(kubeconfig({"insecure-skip-tls-verify": True})))
    assert context.verify_mode is ssl.CERT_NONE


def test_files_are_relative_to_the_kubeconfig_and_data_wins(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(PKI.ca_crt)
    (tmp_path / "token").write_text("secret-token\n")
    cluster = {"certificate-authority-data": None, "certificate-authority": "ca.crt"}
    found = read(kubeconfig(cluster, {"tokenFile": "token"}), path=str(tmp_path / "config"))
    assert (found.ca, found.token) == (PKI.ca_crt, "secret-token")
    wins = read(kubeconfig({"certificate-authority": "gone.crt"}), path=str(tmp_path / "config"))
    assert wins.ca == PKI.ca_crt


def test_nothing_shows_the_credentials() -> None:
    found = read(kubeconfig(user={"token": "canary"}))
    assert "canary" not in repr(found) and "canary" not in str(found)
    assert "PRIVATE" not in repr(read(kubeconfig()))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a: [", "not YAML"),
        (b"a: 1", "names no clusters"),
        (b"", "names no clusters"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3031\n3233\n", "encrypted by ansible-vault"),
        (kubeconfig(**{"current-context": None}), "no current-context"),
        (kubeconfig(**{"current-context": "gone"}), "has no context 'gone' (/k/config): it has lab"),
        (kubeconfig(users=[]), "has no user 'admin' (/k/config): it has none"),
        (kubeconfig({"server": "127.0.0.1:6443"}), "no usable server URL"),
        (kubeconfig({"certificate-authority-data": "%%%="}), "not base64"),
        (kubeconfig({"proxy-url": "http://p:1"}), "proxy"),
        (kubeconfig(user={"client-certificate-data": b64(CRT)}), "only one of client certificate and key"),
        (kubeconfig(user={"client-certificate-data": b64(b"x"), "client-key-data": b64(KEY)}), "cannot be read"),
        (kubeconfig(user={"tokenFile": "gone"}), "No such file"),
        (kubeconfig(user={"username": "u", "password": "canary"}), "password"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(data: bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(data)
    text = str(caught.value)
    assert told in text and "/k/config" in text and "\n" not in text and "canary" not in text
    assert caught.value.param in ("kubeconfig", "context") and caught.value.remedy


def test_an_expired_certificate_is_found_before_anything_is_sent() -> None:
    ends = x509.load_pem_x509_certificate(CRT).not_valid_after_utc
    with pytest.raises(InputError, match=f"expired on {ends:%Y-%m-%d %H:%M} UTC"):
        read(kubeconfig(), now=ends + datetime.timedelta(seconds=1))
    with pytest.raises(InputError, match=r"valid only from .* clock says"):
        read(kubeconfig(), now=NOW - datetime.timedelta(days=2))
    assert read(kubeconfig(), now=ends)


@given(st.integers(-599_616_000, 7_258_118_400), st.integers(1, 2**64))
def test_validity_reads_what_cryptography_wrote(seconds: int, serial: int) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    begins = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=seconds)
    ends = begins + datetime.timedelta(days=400)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(begins).not_valid_after(ends)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    assert validity(b"bag attributes\n" + pem) == (begins, ends)


@given(st.binary(max_size=80))
def test_validity_refuses_what_is_no_certificate(data: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(data) + b"\n-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError):
        validity(pem)


def test_a_key_reaches_ssl_without_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tmp_path.chmod(0o500)
    load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), CRT, KEY)
    assert list(tmp_path.iterdir()) == []
    other = PKI.issue("other", client=True)[1]
    with pytest.raises(ssl.SSLError):
        load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), CRT, other)


def test_the_order_of_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(InputError, match="No kubeconfig was given"):
        config.load()
    with pytest.raises(InputError, match="does not exist"):
        config.load(str(tmp_path / "gone"))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_bytes(kubeconfig({"server": "https://home:1"}))
    (tmp_path / "env").write_bytes(kubeconfig({"server": "https://env:2"}))
    (tmp_path / "given").write_bytes(kubeconfig({"server": "https://given:3"}))
    assert config.load().host == "home"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "env"))
    assert config.load().host == "env"
    assert config.load(str(tmp_path / "given")).host == "given"


def test_the_file_is_read_as_the_run_reads_its_files(tmp_path: Path) -> None:
    found = config.load(
        str(tmp_path / "vaulted"), read_text=lambda path: kubeconfig({"server": f"https://h{path}"}).decode()
    )
    assert found.server == f"https://h{tmp_path}/vaulted"
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a text") as caught:
        config.load(str(tmp_path / "binary"))
    assert caught.value.remedy


def test_what_tls_cannot_use_says_what_to_do() -> None:
    other = PKI.issue("other", client=True)[1]
    for wrong in ({"ca": b"x"}, {"certificate": CRT, "key": other}):
        with pytest.raises(InputError) as caught:
            tls_context(dataclasses.replace(read(kubeconfig()), **wrong))
        assert "Fetch it anew" in caught.value.remedy


def test_an_exec_plugin_is_run_by_the_kubernetes_package(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"from-plugin"}}\'\n'
    )
    plugin.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    path = tmp_path / "config"
    path.write_bytes(kubeconfig({"tls-server-name": "172.29.51.10"}, user))
    found = config.load(str(path))
    assert (found.token, found.server, found.ca) == ("from-plugin", "https://127.29.51.10:6443", PKI.ca_crt)
    assert (found.server_name, found.insecure) == ("172.29.51.10", False)
