# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configured, in maintenance, or not to be trusted: the certificate decides, and each refusal names its cause."""

from __future__ import annotations

import datetime
import socket
import ssl
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import connection, errors, tls
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import NodeMode, Target, connect
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import Identity

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def identity(cluster: Any) -> Identity:
    return Identity(cluster.ca.crt, cluster.client.crt, cluster.client.talos_pem, source="lab.talosconfig")


def status(stage: str) -> bytes:
    """Return Resource{spec{yaml_spec}} in an answer, written by hand: field numbers 1, 2, 2."""
    text = f"stage: {stage}\nstatus:\n    ready: true\n    unmetConditions: []\n".encode()
    spec = b"\x12" + bytes([len(text)]) + text
    resource = b"\x12" + bytes([len(spec)]) + spec
    return b"\x0a" + bytes([len(resource)]) + resource


@pytest.fixture
def stage(reply: Any) -> Any:
    return lambda name: lambda path, body: reply([status(name)])


def target(server: Any, **more: Any) -> Target:
    return Target("127.0.0.1", name="mini01", port=server.port, **{"server_name": "172.29.51.11", **more})


def test_configured(cluster: Any, serve: Any, stage: Any, identity: Identity) -> None:
    server = serve(cluster.server, stage("running"), client_ca=cluster.ca)
    client, mode = connect(target(server), identity, 5)
    with client:
        assert mode is NodeMode.CONFIGURED
        assert client.peer.names == ["mini01", "127.0.0.1", "172.29.51.11"]
        assert client.cosi_get("runtime", "MachineStatuses.runtime.talos.dev", "machine").spec["stage"] == "running"
    assert server.client_certificates == [cluster.client.certificate.public_bytes(tls.Encoding.DER)]


def test_names_are_verified_too(cluster: Any, serve: Any, stage: Any, identity: Identity) -> None:
    server = serve(cluster.server, stage("running"), client_ca=cluster.ca)
    connect(target(server, server_name="mini01"), identity, 5)[0].close()
    for name in ("172.29.51.12", "mini02"):
        with pytest.raises(errors.NameMismatch, match=rf"not valid for {name}, only for mini01, 127") as raised:
            connect(target(server, server_name=name), identity, 5)
        assert raised.value.param == "server_name"
    assert not server.requests


def test_maintenance(maintenance: Any, serve: Any, stage: Any, identity: Identity) -> None:
    server = serve(maintenance, stage("maintenance"))
    for who in (identity, None):
        client, mode = connect(target(server), who, 5)
        client.close()
        assert mode is NodeMode.MAINTENANCE
        assert client.identity is None
    assert set(server.client_certificates) == {None}, "no certificate is presented to a node that is not verified"


def test_maintenance_with_a_pin(maintenance: Any, serve: Any, stage: Any, identity: Identity) -> None:
    server = serve(maintenance, stage("maintenance"))
    pin = tls.PeerCertificate(maintenance.certificate.public_bytes(tls.Encoding.DER)).spki_pin
    connect(target(server, spki_pin=pin), identity, 5)[0].close()
    with pytest.raises(errors.PinMismatch, match="not the pinned AAAA"):
        connect(target(server, spki_pin="AAAA"), identity, 5)


def test_maintenance_certificate_without_maintenance(maintenance: Any, serve: Any, stage: Any, identity: Any) -> None:
    server = serve(maintenance, stage("running"))
    with pytest.raises(errors.TalosError, match="its stage is running"):
        connect(target(server), identity, 5)


def test_a_node_that_leaves_maintenance_while_it_is_looked_at(
    cluster: Any, maintenance: Any, serve: Any, stage: Any, identity: Identity
) -> None:
    """Verified, then looked at, then unverified: whenever the certificate changes, the answer is the new state."""
    for count in (1, 2):
        server = serve(maintenance, stage("running"), later=(count, cluster.server))
        client, mode = connect(target(server), identity, 5)
        client.close()
        assert mode is NodeMode.CONFIGURED


def test_a_node_that_goes_away_while_it_is_looked_at(maintenance: Any, serve: Any, stage: Any, identity: Any) -> None:
    for count in (1, 2):
        server = serve(maintenance, stage("maintenance"), later=(count, None))
        with pytest.raises(errors.ConnectionLost) as raised:
            connect(target(server), identity, 5)
        assert raised.value.transient
        assert not raised.value.permanent


def test_another_cluster_is_never_spoken_to(make_certificate: Any, serve: Any, stage: Any, identity: Identity) -> None:
    other = make_certificate(None, organization="talos")
    server = serve(make_certificate(other, "mini01", names=("172.29.51.11",)), stage("maintenance"))
    with pytest.raises(errors.WrongCA, match="subject CN=mini01, issuer O=talos, valid until") as raised:
        connect(target(server), identity, 5)
    assert raised.value.peer.common_name == "mini01"
    assert not server.requests
    with pytest.raises(errors.WrongCA, match="The node is configured"):
        connect(target(server), None, 5)
    assert not server.requests


def test_expired_server_certificate(cluster: Any, make_certificate: Any, serve: Any, stage: Any, identity: Any) -> None:
    old = make_certificate(cluster.ca, "mini01", names=("172.29.51.11",), begin=NOW - 3 * DAY, end=NOW - 2 * DAY)
    server = serve(old, stage("running"))
    with pytest.raises(errors.ServerCertificateExpired, match="Compare the clocks"):
        connect(target(server), identity, 5)
    young = make_certificate(cluster.ca, "mini01", names=("172.29.51.11",), begin=NOW + DAY, end=NOW + 2 * DAY)
    server = serve(young, stage("running"))
    with pytest.raises(errors.ServerCertificateExpired, match="is not valid yet"):
        connect(target(server), identity, 5)


def test_expired_client_certificate_is_found_before_connecting(cluster: Any, make_certificate: Any, serve: Any) -> None:
    old = make_certificate(cluster.ca, organization="os:admin", client=True, begin=NOW - 9 * DAY, end=NOW - 3 * DAY)
    server = serve(cluster.server, lambda path, body: None)
    identity = Identity(cluster.ca.crt, old.crt, old.pem, source="lab.talosconfig")
    with pytest.raises(errors.ClientCertificateExpired, match=r"expired at .* UTC, 3 days ago\. Renew") as raised:
        connect(target(server), identity, 5)
    assert server.connections == 0
    assert "lab.talosconfig" in str(raised.value)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_refused_client_certificate(version: Any, cluster: Any, make_certificate: Any, serve: Any, stage: Any) -> None:
    stranger = make_certificate(None, organization="talos")
    client = make_certificate(stranger, organization="os:admin", client=True)
    identity = Identity(cluster.ca.crt, client.crt, client.talos_pem)
    server = serve(cluster.server, stage("running"), client_ca=cluster.ca, max_tls=version)
    with pytest.raises(errors.ClientCertificateRefused, match="client certificate refused") as raised:
        connection_of(server, identity)
    assert raised.value.certain
    assert "unknown ca" in str(raised.value)
    assert not server.requests


def connection_of(server: Any, identity: Identity | None) -> None:
    client, _unused = connect(target(server), identity, 5)
    with client:
        client.version()


def test_a_configured_node_without_talosconfig(cluster: Any, serve: Any, stage: Any) -> None:
    server = serve(cluster.server, stage("running"), client_ca=cluster.ca)
    with pytest.raises(errors.WrongCA, match="give the talosconfig"):
        connect(target(server), None, 5)


def test_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.Unreachable, match=rf"mini01 \(127\.0\.0\.1:{port}\) failed: connection refused"):
        connect(Target("127.0.0.1", name="mini01", port=port), None, 5)
    with pytest.raises(errors.Unreachable, match="the name cannot be resolved"):
        connect(Target("no-such-host.invalid"), None, 5)


def test_silent_listener(identity: Identity) -> None:
    silent = r"did not answer the TLS handshake within 0\.2 s"
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(errors.Unreachable, match=silent):
        connect(Target("127.0.0.1", port=listener.getsockname()[1]), identity, 0.2)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b""])
def test_listener_without_tls(greeting: bytes, cluster: Any, serve: Any, identity: Identity) -> None:
    server = serve(cluster.server, lambda path, body: None, greeting=greeting)
    expected = errors.ProtocolError if greeting else errors.ConnectionLost
    with pytest.raises(expected):
        connect(target(server), identity, 5)


def test_server_without_http2(cluster: Any, serve: Any, stage: Any, identity: Identity) -> None:
    server = serve(cluster.server, stage("running"), alpn=())
    with pytest.raises(errors.ProtocolError, match="does not offer HTTP/2"):
        connect(target(server), identity, 5)


def test_key_of_another_certificate(cluster: Any, make_certificate: Any, serve: Any, stage: Any) -> None:
    identity = Identity(cluster.ca.crt, cluster.client.crt, make_certificate(None).pem)
    server = serve(cluster.server, stage("running"))
    with pytest.raises(errors.TalosError, match="do not fit together"):
        connect(target(server), identity, 5)


def test_a_damaged_ca(cluster: Any, serve: Any, stage: Any) -> None:
    server = serve(cluster.server, stage("running"))
    identity = Identity(cluster.ca.crt[:60], cluster.client.crt, cluster.client.pem, source="lab.talosconfig")
    with pytest.raises(errors.TalosError, match=r"CA of the talosconfig on lab\.talosconfig failed: it is damaged"):
        connect(target(server), identity, 5)


def test_options() -> None:
    params = {"node": "127.29.51.11", "port": None, "server_name": "172.29.51.11", "spki_pin": None, "name": "mini01"}
    assert connection.target_of(params) == Target("127.29.51.11", "mini01", 50000, "172.29.51.11", None)
    assert connection.identity_of({"talosconfig": None}, Context()) is None
    missing = {"talosconfig": "/nonexistent/talosconfig", "context": None}
    assert connection.identity_of(missing, Context(check_mode=True)) is None
    with pytest.raises(InputError, match="No such file"):
        connection.identity_of(missing, Context())
