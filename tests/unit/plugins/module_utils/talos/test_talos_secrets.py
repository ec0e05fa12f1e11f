# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, secrets bundles and talosconfigs have the shapes that Talos makes itself."""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import ssl
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import identity, pki, secrets, talosconfig
from ansible_collections.homeops.cluster.plugins.module_utils.talos.errors import ClientCertificateExpired

NOW_REAL = datetime.datetime.now(datetime.UTC)
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="session")
def bundle() -> secrets.SecretsBundle:
    return secrets.generate(NOW)


@pytest.fixture
def content(bundle: secrets.SecretsBundle) -> dict[str, Any]:
    return copy.deepcopy(bundle.as_dict())


@given(st.binary(max_size=80))
def test_key_labels_go_both_ways(body: bytes) -> None:
    encoded = base64.encodebytes(body)
    talos = b"-----BEGIN ED25519 PRIVATE KEY-----\n" + encoded + b"-----END ED25519 PRIVATE KEY-----\n"
    plain = b"-----BEGIN PRIVATE KEY-----\n" + encoded + b"-----END PRIVATE KEY-----\n"
    assert identity.standard_key(talos) == plain
    assert identity.talos_key(plain) == talos
    assert identity.standard_key(plain) == plain
    assert identity.talos_key(talos) == talos


@pytest.mark.parametrize("label", [b"EC PRIVATE KEY", b"RSA PRIVATE KEY"])
def test_other_labels_stay(label: bytes) -> None:
    pem = b"-----BEGIN " + label + b"-----\nAAAA\n-----END " + label + b"-----\n"
    assert identity.standard_key(pem) == pem
    assert identity.talos_key(pem) == pem


@pytest.mark.parametrize(
    ("name", "subject", "kind", "label"),
    [
        ("etcd", "O=etcd", ec.EllipticCurvePrivateKey, b"EC PRIVATE KEY"),
        ("k8s", "O=kubernetes", ec.EllipticCurvePrivateKey, b"EC PRIVATE KEY"),
        ("k8s_aggregator", "", ec.EllipticCurvePrivateKey, b"EC PRIVATE KEY"),
        ("os", "O=talos", ed25519.Ed25519PrivateKey, b"ED25519 PRIVATE KEY"),
    ],
)
def test_authorities(name: str, subject: str, kind: type, label: bytes, bundle: Any) -> None:
    ca = getattr(bundle, name)
    certificate = ca.certificate
    assert certificate.subject.rfc4514_string() == subject == certificate.issuer.rfc4514_string()
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc - NOW == datetime.timedelta(hours=87600)
    assert certificate.serial_number.bit_length() <= 128
    key = pki.load_key(ca.key)
    assert isinstance(key, kind)
    assert key.public_key() == certificate.public_key()
    assert ca.key.startswith(b"-----BEGIN " + label + b"-----")
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_cert_sign
    assert not usage.value.crl_sign
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca
    assert list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    assert len(certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest) == 20
    certificate.verify_directly_issued_by(certificate)


def test_bundle_values(bundle: secrets.SecretsBundle) -> None:
    assert len(base64.urlsafe_b64decode(bundle.cluster_id)) == 32
    for value in (bundle.cluster_secret, bundle.secretbox_encryption_secret):
        assert len(base64.b64decode(value, validate=True)) == 32
    key = pki.load_key(bundle.k8s_service_account_key)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 4096
    assert bundle.k8s_service_account_key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert bundle.bootstrap_token != bundle.trustd_token


def test_bundle_round_trip(bundle: secrets.SecretsBundle) -> None:
    assert secrets.parse(bundle.to_yaml()) == bundle
    assert list(yaml.safe_load(bundle.to_yaml())) == ["cluster", "secrets", "trustdinfo", "certs"]


def test_nothing_secret_in_representations(bundle: secrets.SecretsBundle) -> None:
    shown = repr(bundle) + repr(bundle.os) + repr(identity.Identity(b"a", b"b", b"secret")) + str(bundle.authorities())
    assert "PRIVATE" not in shown
    assert "secret" not in shown
    assert bundle.cluster_secret not in shown


@pytest.mark.parametrize(
    "path",
    [
        "cluster.id",
        "cluster.secret",
        "secrets.bootstraptoken",
        "secrets.secretboxencryptionsecret",
        "trustdinfo.token",
        "certs.etcd.crt",
        "certs.k8s.key",
        "certs.k8saggregator.crt",
        "certs.k8sserviceaccount.key",
        "certs.os.key",
    ],
)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_missing_keys_are_named(path: str, how: str, content: dict[str, Any]) -> None:
    *parents, last = path.split(".")
    at = content
    for key in parents:
        at = at[key]
    if how == "absent":
        del at[last]
    else:
        at[last] = ""
    with pytest.raises(InputError, match=rf"\(bundle\.yaml\): missing: {path}\."):
        secrets.parse(yaml.safe_dump(content), "bundle.yaml")


def test_a_truncated_file_names_all_that_is_missing(bundle: secrets.SecretsBundle) -> None:
    text = bundle.to_yaml()
    cut = text[: text.index("    k8saggregator:")]
    with pytest.raises(InputError) as raised:
        secrets.parse(cut)
    for path in ("certs.k8saggregator.crt", "certs.k8sserviceaccount.key", "certs.os.crt", "certs.os.key"):
        assert path in str(raised.value)
    assert "certs.k8s.key" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["certs"]["os"].update(crt="%%%"), "certs.os.crt is not base64 of a PEM certificate"),
        (lambda c: c["certs"]["os"].update(key=c["certs"]["os"]["crt"]), "certs.os.key is not base64 of a PEM private"),
        (lambda c: c["certs"]["os"].update(key=c["certs"]["k8s"]["key"]), "certs.os.key does not belong to"),
        (lambda c: c["secrets"].update(bootstraptoken="nope"), "secrets.bootstraptoken is not of the form"),
        (lambda c: c["secrets"].update(secretboxencryptionsecret="AAAA"), "is not base64 of 32 bytes"),
    ],
)
def test_wrong_values_are_named_without_being_shown(change: Any, words: str, content: dict[str, Any]) -> None:
    change(content)
    with pytest.raises(InputError, match=words) as raised:
        secrets.parse(yaml.safe_dump(content))
    assert "LS0t" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("- a\n- b\n", "not a mapping"),
        ("cluster: {id: [", "not YAML \\(line 1\\)"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted by ansible-vault"),
    ],
)
def test_not_a_bundle(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        secrets.parse(text)


def test_older_bundles_with_aescbc(content: dict[str, Any]) -> None:
    content["secrets"]["aescbcencryptionsecret"] = content["secrets"].pop("secretboxencryptionsecret")
    parsed = secrets.parse(yaml.safe_dump(content))
    assert parsed.secretbox_encryption_secret == ""
    assert parsed.as_dict() == content


def test_admin_certificate(bundle: secrets.SecretsBundle) -> None:
    issued = pki.admin_certificate(bundle.os, ["os:reader", "os:admin"], NOW)
    certificate = issued.certificate
    assert [item.value for item in certificate.subject] == ["os:admin", "os:reader"]
    assert {item.oid for item in certificate.subject} == {NameOID.ORGANIZATION_NAME}
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    held = bundle.os.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == held.digest
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(hours=8760)
    assert certificate.not_valid_before_utc == NOW - datetime.timedelta(seconds=10)
    assert isinstance(pki.load_key(issued.key), ed25519.Ed25519PrivateKey)
    assert issued.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----")
    assert pki.signed_by(certificate, bundle.os.crt)
    assert not pki.signed_by(certificate, bundle.k8s.crt)
    assert not [item for item in certificate.extensions if isinstance(item.value, x509.BasicConstraints)]


@pytest.mark.parametrize("name", ["os", "k8s"])
def test_server_certificates_stand_strict_verification(name: str, bundle: secrets.SecretsBundle) -> None:
    ca = getattr(bundle, name)
    issued = pki.server_certificate(ca, "mini01", ["mini01", "172.29.51.11"], NOW)
    names = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mini01"]
    assert [str(item) for item in names.get_values_for_type(x509.IPAddress)] == ["172.29.51.11"]
    assert type(pki.load_key(issued.key)) is type(pki.load_key(ca.key))
    assert pki.signed_by(issued.certificate, ca.crt)


def handshake(bundle: secrets.SecretsBundle, server: pki.CertificateAndKey, folder: Any) -> None:
    """Shake hands in memory, both sides verifying strictly; raises ssl.SSLError."""
    client = pki.admin_certificate(bundle.os, ["os:admin"], NOW_REAL)
    contexts = []
    for purpose, pair in ((ssl.PROTOCOL_TLS_CLIENT, client), (ssl.PROTOCOL_TLS_SERVER, server)):
        context = ssl.SSLContext(purpose)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=bundle.os.crt.decode())
        path = folder / "pair.pem"
        path.write_bytes(pair.crt + identity.standard_key(pair.key))
        context.load_cert_chain(path)
        contexts.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        contexts[0].wrap_bio(to_client, to_server, server_hostname="172.29.51.11"),
        contexts[1].wrap_bio(to_server, to_client, server_side=True),
    ]
    for _unused in range(4):
        for side in sides:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert sides[1].getpeercert()["subject"] == ((("organizationName", "os:admin"),),)


def test_strict_verifiers_accept_both_leaves(tmp_path: Any) -> None:
    """Python 3.13 verifies strictly by default; without the authority's key identifier it refuses."""
    bundle = secrets_of_today()
    handshake(bundle, pki.server_certificate(bundle.os, "mini01", ["172.29.51.11"], NOW_REAL), tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"172\.29\.51\.11"):
        handshake(bundle, pki.server_certificate(bundle.os, "mini01", ["172.29.51.12"], NOW_REAL), tmp_path)


def secrets_of_today() -> secrets.SecretsBundle:
    ca = pki.new_ca("talos", NOW_REAL, kubernetes=False)
    return secrets.SecretsBundle("i", "s", "b", "t", "x", ca, ca, ca, b"", ca)


def test_talosconfig_round_trip(bundle: secrets.SecretsBundle) -> None:
    text = talosconfig.talosconfig_text("home-ops", bundle, ["172.29.51.11"], ["172.29.51.12"], NOW)
    content = yaml.safe_load(text)
    assert content["context"] == "home-ops"
    assert content["contexts"]["home-ops"]["endpoints"] == ["172.29.51.11"]
    assert content["contexts"]["home-ops"]["nodes"] == ["172.29.51.12"]
    read = identity.parse_talosconfig(text)
    assert read.ca == bundle.os.crt
    assert read.expires == NOW + datetime.timedelta(hours=8760)
    read.check(NOW)
    with pytest.raises(ClientCertificateExpired):
        read.check(NOW + 366 * DAY)


ARGUMENTS: dict[str, Any] = {"endpoints": ["172.29.51.11"], "nodes": [], "now": NOW}


def renewal(text: str | None, bundle: Any, **more: Any) -> str:
    return talosconfig.renewal_reason(text, "home-ops", bundle, **{**ARGUMENTS, **more})


def test_a_good_talosconfig_stays(bundle: secrets.SecretsBundle) -> None:
    text = talosconfig.talosconfig_text("home-ops", bundle, **ARGUMENTS)
    assert renewal(text, bundle) == ""
    assert renewal(text, bundle, now=NOW + 334 * DAY) == ""


def test_reasons_to_renew(bundle: secrets.SecretsBundle) -> None:
    text = talosconfig.talosconfig_text("home-ops", bundle, **ARGUMENTS)
    assert renewal(None, bundle) == "it does not exist"
    assert renewal("x: 1\n", bundle) == "it has no contexts"
    assert renewal(text, bundle, now=NOW + 336 * DAY) == "it expires at 2027-03-01"
    assert renewal(text, bundle, now=NOW + 366 * DAY) == "its client certificate has expired"
    assert renewal(text, bundle, endpoints=["172.29.51.12"]) == "its endpoints differ"
    assert renewal(text, bundle, nodes=["a"]) == "its nodes differ"
    assert renewal(text, bundle, roles=["os:reader"]) == "its roles are os:admin"
    other = pki.new_ca("talos", NOW, kubernetes=False)
    entry = yaml.safe_load(text)
    entry["contexts"]["home-ops"]["ca"] = base64.b64encode(other.crt).decode()
    assert renewal(yaml.safe_dump(entry), bundle) == "its CA is not the bundle's"
    entry = yaml.safe_load(text)
    forged = pki.admin_certificate(other, ["os:admin"], NOW)
    entry["contexts"]["home-ops"].update(
        crt=base64.b64encode(forged.crt).decode(), key=base64.b64encode(forged.key).decode()
    )
    assert renewal(yaml.safe_dump(entry), bundle) == "its client certificate is not signed by the bundle's CA"
    entry = yaml.safe_load(text)
    entry["contexts"]["home-ops"]["key"] = base64.b64encode(forged.key).decode()
    assert renewal(yaml.safe_dump(entry), bundle) == "its key does not belong to its client certificate"


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        ("contexts: [", None, "not YAML"),
        ("context: a\ncontexts: {}\n", None, "no contexts"),
        ("context: a\ncontexts: {b: {}}\n", None, "no context 'a', only b"),
        ("context: a\ncontexts: {a: {}}\n", None, "context 'a' has no ca"),
        ("context: a\ncontexts: {a: {ca: '%'}}\n", None, "ca of context 'a' is not base64"),
        ("context: a\ncontexts: {a: {ca: QQ==, crt: QQ==, key: QQ==}}\n", None, "ca of context 'a' is not a cert"),
        ("context: a\ncontexts: {a: {}, c: {}}\n", "d", "no context 'd', only a, c"),
    ],
)
def test_unusable_talosconfigs(text: str, context: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        identity.parse_talosconfig(text, context)
