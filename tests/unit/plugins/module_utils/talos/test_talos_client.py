# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed calls: what they send, and how they read answers that a well-behaved simulated node never gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.talos import errors, messages as m
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import Identity


@pytest.fixture
def client(cluster: Any, serve: Any, reply: Any) -> Callable[..., tuple[TalosClient, Any]]:
    """Return a client whose server answers every call with these messages (or this status)."""

    def make(*messages: bytes, **more: Any) -> tuple[TalosClient, Any]:
        server = serve(cluster.server, lambda path, body: reply(list(messages), **more), client_ca=cluster.ca)
        identity = Identity(cluster.ca.crt, cluster.client.crt, cluster.client.talos_pem)
        return TalosClient("127.0.0.1", identity=identity, port=server.port, timeout=5, name="mini01"), server

    return make


def answer(schema: m.Schema, **message: Any) -> bytes:
    return m.encode(schema, {"messages": [message]})


@pytest.mark.parametrize(("mode", "number"), [("AUTO", 1), ("no_reboot", 2), ("STAGED", 3), ("TRY", 4)])
def test_apply_always_says_its_mode(mode: str, number: int, client: Any) -> None:
    talos, server = client(answer(m.APPLY_ANSWER, mode=number, mode_details="Applied", warnings=["w"]))
    with talos:
        given = talos.apply_configuration(b"version: v1alpha1\n", mode, dry_run=True, try_timeout=1.5)
    assert (given.mode, given.mode_details, given.warnings) == (mode.upper(), "Applied", ["w"])
    path, body = server.requests[0]
    assert path == "/machine.MachineService/ApplyConfiguration"
    # data=1, mode=4, dry_run=5, try_mode_timeout=6 {seconds=1 nanos=2}
    assert body == (
        b"\x0a\x12version: v1alpha1\n"
        + bytes([0x20, number])
        + b"\x28\x01"
        + b"\x32\x08\x08\x01\x10\x80\xca\xb5\xee\x01"
    )


def test_an_unknown_mode_is_never_sent(client: Any) -> None:
    talos, server = client()
    with talos, pytest.raises(KeyError):
        talos.apply_configuration(b"", "WHENEVER")
    assert not server.requests


def test_an_error_inside_an_answer_is_an_error(client: Any) -> None:
    """A proxying node answers OK and puts the failure of the target into the metadata."""
    broken = {"metadata": {"hostname": "x", "error": "rpc error: no", "status": {"code": 14, "message": "no"}}}
    talos, _unused = client(answer(m.VERSION_ANSWER, **broken))
    with talos, pytest.raises(errors.TalosError, match=r"Reading the version on mini01 .* rpc error: no") as raised:
        talos.version()
    assert raised.value.code == errors.UNAVAILABLE


@pytest.mark.parametrize("message", [b"", b"\x0a\x05ab", b"\xff"])
def test_an_answer_that_is_none(message: bytes, client: Any) -> None:
    talos, _unused = client(message)
    with talos, pytest.raises(errors.ProtocolError):
        talos.version()


def test_folder(client: Any) -> None:
    def entry(**values: str) -> bytes:
        return m.encode(m.FILE_INFO, values)

    talos, server = client(entry(relative_name="."), entry(relative_name="member"), entry(relative_name="x"))
    with talos:
        assert talos.folder("/var/lib/etcd") == ["member", "x"]
    assert server.requests == [("/machine.MachineService/List", b"\x0a\x0d/var/lib/etcd")]
    with client(entry(relative_name="."))[0] as talos:
        assert talos.folder("/var/lib/etcd") == []
    # A folder that is not there fails the call; what fails on the way is told in its entry.
    with client(status=2, message="lstat /var/lib/etcd: no such file or directory")[0] as talos:
        assert talos.folder("/var/lib/etcd") is None
    with client(entry(error="lstat /x: no such file or directory"))[0] as talos:
        assert talos.folder("/x") is None
    broken = client(entry(relative_name="."), entry(error="input/output error"))[0]
    with broken as talos, pytest.raises(errors.TalosError, match="input/output error"):
        talos.folder("/x")
    with client(status=7, message="not authorized")[0] as talos, pytest.raises(errors.TalosError, match="os:admin"):
        talos.folder("/x")


def test_a_missing_resource_is_none(client: Any) -> None:
    missing = "resource Foo(runtime/x@undefined) doesn't exist"
    with client(status=5, message=missing, trailers_only=True)[0] as talos:
        assert talos.cosi_get("runtime", "Foo", "x") is None
    refusing = client(status=7, message="not authorized", trailers_only=True)[0]
    with refusing as talos, pytest.raises(errors.TalosError) as raised:
        talos.cosi_get("runtime", "Foo", "x")
    assert raised.value.code == errors.PERMISSION_DENIED


def test_the_clock_is_told_with_its_fraction(client: Any) -> None:
    moment = {"seconds": 1_800_000_000, "nanos": 250_000_000}
    answer = {"messages": [{"server": "time.example.org", "localtime": moment, "remotetime": {"seconds": 7}}]}
    with client(m.encode(m.TIME_ANSWER, answer))[0] as talos:
        assert talos.local_time() == 1_800_000_000.25


def test_machine_configs_keep_their_exact_bytes(client: Any) -> None:
    text = b"# a comment\nversion: v1alpha1\n---\napiVersion: v1alpha1\nkind: UserVolumeConfig\n"
    resource = {
        "metadata": {
            "type": "MachineConfigs.config.talos.dev",
            "id": "persistent",
            "version": "7",
            "updated": {"seconds": 5, "nanos": 500_000_000},
        },
        "spec": {"proto_spec": m.encode(m.MACHINE_CONFIG_SPEC, {"yaml_marshalled": text}), "yaml_spec": "other: 1\n"},
    }
    with client(m.encode(m.COSI_ANSWER, {"resource": resource}))[0] as talos:
        found = talos.cosi_get("config", "MachineConfigs.config.talos.dev", "persistent")
    assert (found.raw, found.version, found.updated) == (text, "7", 5.5)
    assert found.spec == {"version": "v1alpha1"}
    assert "comment" not in repr(found)


def test_a_closed_connection_is_opened_anew(client: Any) -> None:
    talos, server = client(answer(m.VERSION_ANSWER, version={"tag": "v1.10.5"}), goaway_first=True)
    with talos:
        assert [talos.version().tag, talos.version().tag] == ["v1.10.5", "v1.10.5"]
    assert server.connections == 2


def test_alarms_and_ids(client: Any) -> None:
    big = 0xF4E3D2C1B0A09080
    alarms = [{"member_id": big, "alarm": 1}, {"member_id": 2, "alarm": 0}, {"member_id": 3, "alarm": 9}]
    with client(answer(m.ETCD_ALARMS_ANSWER, member_alarms=alarms))[0] as talos:
        assert talos.etcd_alarms() == [(big, "NOSPACE"), (3, "9")]
    with (
        client(answer(m.ETCD_STATUS_ANSWER))[0] as talos,
        pytest.raises(errors.ProtocolError, match="no member status"),
    ):
        talos.etcd_status()
