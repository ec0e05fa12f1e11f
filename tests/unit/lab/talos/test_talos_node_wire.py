# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node on the wire: TLS and roles, proxying, resources, streams, etcd calls, faults."""

from __future__ import annotations

import asyncio
import base64
import datetime
import gzip
import hashlib
import io
import tarfile
from typing import Any

import pytest
import yaml
from cryptography import x509

from lab.talos import tls, wire

M, S = "machine.MachineService/", "cosi.resource.State/"
CUT = Exception  # how a refused handshake shows depends on when the client notices


def test_certificates(bench: Any) -> None:
    """The leaf carries every name the node may be called by; clients of other CAs, expired ones and others fail."""

    async def body(b: Any) -> None:
        await b.configured(0)
        leaf = b[0].listener.leaf.certificate
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = {str(item) for item in names.get_values_for_type(x509.IPAddress)}
        assert addresses == {b[0].spec.listen, b[0].spec.address}
        assert names.get_values_for_type(x509.DNSName) == ["mini01"]
        assert (await b.call(b[0], M + "Version")).messages[0].version.tag == "v1.10.5"
        other = tls.new_ca()
        foreign = {
            "crt": base64.b64encode(other.crt).decode(),
            "key": base64.b64encode(other.key).decode(),
        }
        for context in (
            b.context(ca=foreign),
            b.context(lifetime=datetime.timedelta(seconds=-1)),
            b.context(server=True),
            b.insecure(),
        ):
            with pytest.raises(CUT):
                await asyncio.wait_for(b.call(b[0], M + "Version", context=context), 3)

    bench(body)


def test_roles(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.configured(0)
        reader, nobody = b.context(("os:reader",)), b.context(("nobody",))
        assert (await b.call(b[0], M + "Version", context=reader)).messages
        refused = (7, "not authorized")
        assert await b.refused(b[0], M + "Reboot", context=reader) == refused
        assert await b.refused(b[0], M + "Version", context=nobody) == refused
        config = {"namespace": "config", "type": "MachineConfigs.config.talos.dev", "id": "v1alpha1"}
        assert await b.refused(b[0], S + "Get", context=reader, **config) == refused

    bench(body)


def test_a_call_that_comes_in_while_the_node_goes_down_is_one_to_repeat(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.configured(0)
        listener, mode = b[0].listener, b[0].listener.mode
        assert (await b.call(b[0], M + "Version")).messages  # the connection is there
        listener.mode = ""
        code, text = await b.refused(b[0], M + "Version")
        listener.mode = mode
        assert code == 14 and "connection refused" in text

    bench(body)


def test_proxying(bench: Any) -> None:
    """``nodes`` concatenates and keeps failures inside an OK answer; ``node`` is one to one."""

    async def body(b: Any) -> None:
        await b.configured(0, 1)
        metadata = [("nodes", b[0].spec.address), ("nodes", b[1].spec.listen), ("nodes", b[2].spec.address)]
        answer = await b.call(b[0], M + "Version", metadata=metadata)
        by_name = {message.metadata.hostname: message for message in answer.messages}
        assert set(by_name) == {b[0].spec.address, b[1].spec.listen, b[2].spec.address}
        assert by_name[b[0].spec.address].version.tag == "v1.10.5"
        failed = by_name[b[2].spec.address].metadata
        assert failed.status.code == 14
        assert failed.error.startswith("rpc error: code = Unavailable desc = connection error: ")
        single = await b.call(b[0], M + "Hostname", metadata={"node": b[1].spec.address})
        assert single.messages[0].hostname == "mini02"
        assert single.messages[0].metadata.hostname == ""
        two = [("node", "a"), ("node", "b")]
        assert await b.refused(b[0], M + "Hostname", metadata=two) == (3, "node metadata must be single-valued")
        status = {"namespace": "runtime", "type": "MachineStatuses.runtime.talos.dev", "id": "machine"}
        assert await b.refused(b[0], S + "Get", metadata={"nodes": "x"}, **status) == (
            3,
            "one-2-many proxying is not supported for COSI methods",
        )

    bench(body)


def test_resources(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.configured(0)
        node = b[0]
        item = await b.resource(node, "config", "MachineConfigs.config.talos.dev", "persistent")
        spec = wire.message("talos.resource.definitions.MachineConfigSpec").FromString(item.spec.proto_spec)
        assert spec.yaml_marshalled == node.storage.state
        assert item.spec.yaml_spec.encode() == node.storage.state
        version = int(item.metadata.version)
        await b.apply(node, node.storage.state + b"\n", mode="STAGED")
        item = await b.resource(node, "config", "MachineConfigs.config.talos.dev", "persistent")
        assert int(item.metadata.version) == version + 1
        disk = yaml.safe_load((await b.resource(node, "runtime", "Disks.block.talos.dev", "sda")).spec.yaml_spec)
        assert (disk["model"], disk["transport"], disk["size"]) == ("Portable SSD T5", "usb", 1000**4)
        missing = {"namespace": "runtime", "type": "Disks.block.talos.dev", "id": "sdz"}
        assert await b.refused(node, S + "Get", **missing) == (
            5,
            "resource Disks.block.talos.dev(runtime/sdz@undefined) doesn't exist",
        )
        assert await b.refused(node, S + "Get", namespace="runtime", type="Foos.talos.dev", id="x") == (
            7,
            'resource type "Foos.talos.dev" is not supported',
        )
        assert await b.refused(node, S + "Get", namespace="foo", type="Disks.block.talos.dev", id="x") == (
            7,
            'namespace "foo" is not supported',
        )
        assert await b.refused(node, S + "Update") == (7, "write access is not allowed")
        options = {"id_query": {"regexp": "^nvme"}}
        found = await b.call(node, S + "List", namespace="runtime", type="Disks.block.talos.dev", options=options)
        assert [answer.resource.metadata.id for answer in found] == ["nvme0n1"]

    bench(body)


def test_every_resource_type_fits_its_columns(bench: Any) -> None:
    """Every resource the node shows has the keys which its definition prints."""

    async def body(b: Any) -> None:
        await b.running()
        store = b[0].listener.api.state.store
        shown = 0
        for (namespace, kind), _unused in list(store._producers.items()):
            assert kind in store.definitions, kind
            columns = store.definitions[kind]["printColumns"]
            for item in store.listing(namespace, kind).values():
                spec = yaml.safe_load(item.yaml)
                for column in columns:
                    first = column["jsonPath"].strip("{}").lstrip("@.").split(".")[0].split("[")[0]
                    optional = {"errorMessage", "location", "size", "model", "serial", "wwid", "kind", "rotational"}
                    if first and isinstance(spec, dict) and first not in optional:
                        known = first in spec or first in {"modalias", "uuid", "label", "pretty_size", "prettySize"}
                        assert known or not spec.get(first), (kind, first)
                shown += 1
        assert shown > 150

    bench(body)


def test_watch_starts_with_an_empty_message_and_tells_changes(bench: Any) -> None:
    async def body(b: Any) -> None:
        node = b[0]
        state = node.listener.api.state
        request = wire.message("cosi.resource.WatchRequest")(
            namespace="runtime", type="MachineStatuses.runtime.talos.dev", id="machine", api_version=1
        )
        caller = type("Caller", (), {"admin": True})()
        stream = state.Watch(request, caller).__aiter__()
        assert not (await stream.__anext__()).event
        first = (await stream.__anext__()).event[0]
        assert (first.event_type, yaml.safe_load(first.resource.spec.yaml_spec)["stage"]) == (0, "maintenance")
        coming = asyncio.ensure_future(stream.__anext__())
        await b.configured(0)
        event = (await coming).event[0]
        assert event.event_type == 1
        assert yaml.safe_load(event.old.spec.yaml_spec)["stage"] == "maintenance"

    bench(body)


def test_streams(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        packed = (await b.call(b[0], M + "Kubeconfig"))[0].bytes
        raw = gzip.decompress(packed)
        assert len(raw) % 512 != 0  # neither padding nor trailer
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            member = archive.next()
        assert (member.name, member.mode) == ("kubeconfig", 0o600)
        kubeconfig = yaml.safe_load(raw[512:])
        assert kubeconfig["current-context"] == "admin@home-ops"
        data = b"".join(part.bytes for part in await b.call(b[0], M + "EtcdSnapshot"))
        assert len(data) % 512 == 32
        assert data[-32:] == hashlib.sha256(data[:-32]).digest()
        read = await b.call(b[0], M + "Read", path="/proc/sys/kernel/random/boot_id")
        assert read[0].bytes.decode().strip() == b[0].boot_id
        assert await b.refused(b[0], M + "Read", path="/etc") == (2, "path must be a regular file")
        code, _unused = await b.refused(b[0], M + "Read", path="/nope")
        assert code == 5

    bench(body)


def test_etcd_without_quorum(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        await b.until(lambda: b[0].kubernetes_up)
        await b[1].stop()
        assert b[0].kubernetes_up
        await b[2].stop()
        assert not b[0].kubernetes_up
        assert await b.refused(b[0], M + "EtcdMemberList") == (2, "etcdserver: no leader")
        status = (await b.call(b[0], M + "EtcdStatus")).messages[0].member_status
        assert (status.leader, list(status.errors)) == (0, ["etcdserver: no leader"])
        await b[1].start()
        await b.until(lambda: b[0].kubernetes_up)

    bench(body)


def test_member_removal_and_leadership(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.running()
        answer = await b.call(b[0], M + "EtcdForfeitLeadership")
        assert answer.messages[0].member in ("mini02", "mini03")
        assert (await b.call(b[0], M + "EtcdForfeitLeadership")).messages[0].member == ""
        assert await b.refused(b[0], M + "EtcdRemoveMemberByID", member_id=1) == (5, "etcdserver: member not found")
        await b.call(b[2], M + "EtcdLeaveCluster")
        members = (await b.call(b[0], M + "EtcdMemberList")).messages[0].members
        assert sorted(member.hostname for member in members) == ["mini01", "mini02"]

    bench(body)


def test_a_second_bootstrap_splits_the_cluster(bench: Any) -> None:
    """Nothing in Talos prevents it when the first cluster cannot be seen: the caller must look first."""

    async def body(b: Any) -> None:
        b.delays.etcd_start = 0.3
        await b.configured(0, 1)
        await b.call(b[0], M + "Bootstrap")
        await b.call(b[1], M + "Bootstrap")
        await b.until(lambda: b[0].etcd_up and b[1].etcd_up)
        assert len(b.cluster.etcds) == 2

    bench(body)


def test_faults(bench: Any) -> None:
    async def body(b: Any) -> None:
        await b.configured(0, 1)
        node = b[0]
        node.faults.errors = {"Version": {"code": 14, "message": "not now", "times": 1}}
        assert await b.refused(node, M + "Version") == (14, "not now")
        node.faults.delay = {"Version": 0.2}
        started = asyncio.get_running_loop().time()
        await b.call(node, M + "Version")
        assert asyncio.get_running_loop().time() - started >= 0.2
        node.faults.reset = {"MachineService.Version": 1}
        with pytest.raises(CUT):
            await b.call(node, M + "Version")
        await b.call(node, M + "Version")
        node.faults.drop = {"ApplyConfiguration": 1}
        changed = node.storage.state + b"# later\n"
        with pytest.raises(CUT):
            await b.apply(node, changed, mode="NO_REBOOT")
        assert node.storage.state == changed  # carried out, but never answered
        node.faults.time_not_synced = True
        assert node.unmet()[0][0] == "time"
        node.faults.time_not_synced = False
        b[2].faults.stuck_learner = True
        await b.call(node, M + "Bootstrap")
        await b.until(lambda: b[1].etcd_voter)  # first: etcd admits one learner at a time, and the next one gets stuck
        await b.configured(2)
        await b.until(lambda: b[2].etcd_up)
        await asyncio.sleep(0.1)
        assert not b[2].etcd_voter
        b[2].faults.stuck_learner = False
        await b.until(lambda: b[2].etcd_voter)
        node.faults.etcd_alarm = "NOSPACE"
        alarms = (await b.call(node, M + "EtcdAlarmList")).messages[0].member_alarms
        assert [(a.member_id, a.alarm) for a in alarms] == [(node.storage.member.id, 1)]
        await b.call(node, M + "EtcdAlarmDisarm")
        assert not (await b.call(node, M + "EtcdAlarmList")).messages[0].member_alarms
        b[1].faults.die_at = "Reboot"
        with pytest.raises(CUT):
            await b.call(b[1], M + "Reboot")
        assert not b[1].powered

    bench(body)


def test_missing_disk_and_wrong_ca(bench: Any, talos_config: Any) -> None:
    async def body(b: Any) -> None:
        b[0].faults.missing_disks = ["nvme0n1"]
        code, text = await b.refused(b[0], M + "ApplyConfiguration", insecure=True, data=talos_config(), mode=1)
        assert code == 3
        assert "no disks matched the expression" in text
        b[0].faults.missing_disks = []
        b[0].faults.wrong_ca = True
        await b.configured(0)
        with pytest.raises(CUT):
            await b.call(b[0], M + "Version")

    bench(body)


VOLUME = b"""---
apiVersion: v1alpha1
kind: UserVolumeConfig
name: longhorn-ssd
provisioning:
  diskSelector:
    match: disk.model == "Portable SSD T5"
"""


@pytest.mark.parametrize(
    ("what", "least", "words"),
    [
        ("vfat", b"", "no disks matched for volume"),
        (
            "gpt",
            b"  maxSize: 1TB\n",
            "error creating partition: error allocating partition: partition size must be greater than sector size",
        ),
        ("gpt", b"  minSize: 1GB\n", "no disks matched for volume"),
    ],
)
def test_a_disk_that_is_not_blank(bench: Any, talos_config: Any, what: str, least: bytes, words: str) -> None:
    """siderolabs/talos v1.10 ``internal/volumes/disk.go``, and what people saw: issue 10917."""

    async def body(b: Any) -> None:
        node = b[0]

        async def spec(kind: str, name: str, **how: Any) -> Any:
            return yaml.safe_load((await b.resource(node, "runtime", kind, name, **how)).spec.yaml_spec)

        blank = await spec("DiscoveredVolumes.block.talos.dev", "sda", insecure=True)
        assert (blank["name"], blank["type"], blank["size"]) == ("", "disk", 1000**4)
        node.faults.foreign_disks = {"sda": what}
        held = await spec("DiscoveredVolumes.block.talos.dev", "sda", insecure=True)
        assert held["name"] == what
        if what == "gpt":
            part = await spec("DiscoveredVolumes.block.talos.dev", "sda1", insecure=True)
            assert (part["parent_dev_path"], part["name"], part["partition_index"]) == ("/dev/sda", "", 1)
            assert held["probed_size"] - part["size"] < 3 * 1024**2
        data = talos_config() + VOLUME + (least or b"  minSize: 1GB\n")
        await b.apply(node, data, mode="AUTO", insecure=True)
        await b.until(lambda: node.booted)
        failed = await spec("VolumeStatuses.block.talos.dev", "u-longhorn-ssd")
        assert (failed["phase"], failed["errorMessage"]) == ("failed", words)
        # A person wipes the disk, and Talos tries again by itself.
        await b.call(node, "storage.StorageService/BlockDeviceWipe", devices=[{"device": "sda"}])
        assert node.faults.foreign_disks == {}
        await b.until(lambda: node.storage.user_volumes == {"longhorn-ssd": "sda"})
        ready = await spec("VolumeStatuses.block.talos.dev", "u-longhorn-ssd")
        assert (ready["phase"], ready["location"]) == ("ready", "/dev/sda1")
        assert (await spec("DiscoveredVolumes.block.talos.dev", "sda1"))["partition_label"] == "u-longhorn-ssd"

    bench(body)
