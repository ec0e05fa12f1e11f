# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Talos modules against three simulated nodes, from bare machines to a healthy cluster.

The nodes have a wire codec of their own (the protobuf run time), so agreement means that both follow Talos.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import stat
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError, WaitTimeout
from ansible_collections.homeops.cluster.plugins.module_utils.talos import (
    connection,
    errors,
    machine_config,
    secrets,
    talosconfig,
)
from ansible_collections.homeops.cluster.plugins.modules import (
    talos_bootstrap,
    talos_health,
    talos_info,
    talos_kubeconfig,
    talos_secrets,
)
from lab.scenario import TalosDelays
from lab.talos.cluster import Cluster
from lab.talos.node import Node
from lab.talos.spec import NodeSpec, default_disks

#: A second octet of our own, so that this can run beside a lab.
NET = f"127.{100 + os.getpid() % 100}"
NOW = datetime.datetime.now(datetime.UTC)
QUICK = TalosDelays(
    boot=0.01, install=0.05, reboot=0.05, services=0.02, etcd_start=0.1, etcd_join=0.05, static_pods=0.02, upgrade=0.05
)
VIP = "https://172.29.51.10:6443"


class Minis:
    """Three nodes in an event loop of their own."""

    def __init__(self, folder: Path, bundle: secrets.SecretsBundle) -> None:
        self.folder = folder
        self.bundle = bundle
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.nodes: list[Node] = self.do(self._make)
        self.talosconfig = folder / "talosconfig"
        self.talosconfig.write_text(talosconfig.talosconfig_text("home-ops", bundle, [], [], NOW))

    async def _make(self) -> list[Node]:
        cluster = Cluster()
        nodes = []
        for number in (1, 2, 3):
            spec = NodeSpec(
                name=f"mini0{number}",
                listen=f"{NET}.51.1{number}",
                address=f"172.29.51.1{number}",
                disks=default_disks(number),
                extensions=["siderolabs/iscsi-tools", "siderolabs/thunderbolt"],
            )
            nodes.append(Node(spec, cluster, QUICK))
        for node in nodes:
            await node.start()
        return nodes

    def do(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run something in the nodes' loop."""
        return asyncio.run_coroutine_threadsafe(make(), self.loop).result(20)

    def stop(self) -> None:
        async def stop() -> None:
            for node in self.nodes:
                await node.stop()

        self.do(stop)
        self.loop.call_soon_threadsafe(self.loop.stop)

    @property
    def doors(self) -> list[dict[str, Any]]:
        return [
            {"name": n.name, "node": n.spec.listen, "port": None, "server_name": n.spec.address, "spki_pin": None}
            for n in self.nodes
        ]

    @property
    def common(self) -> dict[str, Any]:
        return {"nodes": self.doors, "talosconfig": str(self.talosconfig), "context": None, "timeout": 5}

    def configure(self, *numbers: int) -> None:
        """Send each node its machine config and wait until it listens with it."""
        for number in numbers or (1, 2, 3):
            door = self.doors[number - 1]
            given = machine_config.ConfigInput(
                secrets=self.bundle.as_dict(),
                cluster_name="home-ops",
                endpoint=VIP,
                talos_version="v1.10.5",
                kubernetes_version="v1.31.1",
                install_disk="/dev/nvme0n1",
                installer_image=f"factory.talos.dev/installer/{self.nodes[number - 1].spec.schematic}:v1.10.5",
            )
            identity = connection.load_talosconfig(str(self.talosconfig))
            client, mode = connection.connect(connection.target_of(door), identity, 5)
            with client:
                assert mode is connection.NodeMode.MAINTENANCE
                client.apply_configuration(machine_config.render(given).encode(), "AUTO")
        for number in numbers or (1, 2, 3):
            wait_for(lambda node=self.nodes[number - 1]: node.api_up)

    def fault(self, *numbers: int, **faults: Any) -> None:
        """Let something go wrong on some nodes, or on all."""

        async def strike() -> None:
            for number in numbers or (1, 2, 3):
                for name, value in faults.items():
                    setattr(self.nodes[number - 1].faults, name, value)
            self.nodes[0].cluster.changed()

        self.do(strike)

    def info(self, *parts: str) -> list[dict[str, Any]]:
        return talos_info.run({**self.common, "gather": list(parts) or ["all"]}, Context())["nodes"]

    def bootstrap(self, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
        params = {**self.common, "bootstrap_node": "mini01", "wait_timeout": 20, "interval": 0.05, **more}
        return talos_bootstrap.run(params, ctx or Context())

    def health(self, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
        params = {**self.common, "tolerate": [], "wait_timeout": 20, "interval": 0.05, **more}
        return talos_health.run(params, ctx or Context())

    def kubeconfig(self, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
        params = {
            **{key: value for key, value in self.common.items() if key != "nodes"},
            **self.doors[0],
            "dest": str(self.folder / "state" / "kubeconfig"),
            "server": None,
            "tls_server_name": None,
            "renew_before": "30d",
            **more,
        }
        return talos_kubeconfig.run(params, ctx or Context())


def wait_for(condition: Callable[[], bool], timeout: float = 10) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the simulated nodes did not get there"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def bundle() -> secrets.SecretsBundle:
    return secrets.generate(NOW)


@pytest.fixture
def minis(tmp_path: Path, bundle: secrets.SecretsBundle) -> Iterator[Minis]:
    minis = Minis(tmp_path, bundle)
    yield minis
    minis.stop()


def test_bare_machines(minis: Minis) -> None:
    for node, number in zip(minis.info(), (1, 2, 3), strict=True):
        assert node["mode"] == "maintenance"
        assert node["stage"] == "maintenance"
        assert node["config"] == "none"
        assert node["reason"] == ""
        assert node["etcd"]["running"] is False
        assert [(disk["dev_path"], disk["model"]) for disk in node["disks"]] == [
            ("/dev/nvme0n1", "APPLE SSD AP0256M"),
            ("/dev/sda", "Portable SSD T5"),
        ]
        assert node["system_disk"] == ""
        assert node["links"][-1]["name"] == "lo" or any(link["name"] == "enp3s0f0" for link in node["links"])
        assert node["uuid"] == minis.nodes[number - 1].spec.uuid
        assert node["certificates"]["spki_pin"] == minis.nodes[number - 1].listener.spki
        assert node["certificates"]["client_expires"] is None


def test_bare_machines_in_check_mode(minis: Minis) -> None:
    """A first run with --check: no talosconfig yet, nodes in maintenance; everything would be done, nothing is."""
    check = Context(check_mode=True)
    minis.talosconfig.unlink()
    assert minis.bootstrap(check) == {
        "changed": True,
        "bootstrap_node": "mini01",
        "standings": dict.fromkeys(("mini01", "mini02", "mini03"), "in maintenance"),
        "reason": "no control plane has etcd data",
    }
    assert minis.kubeconfig(check)["changed"]
    health = minis.health(check)
    assert not health["healthy"]
    assert set(health["missing"]) == {"mini01", "mini02", "mini03"}
    assert not (minis.folder / "state").exists()


def test_maintenance_is_an_error_when_it_counts(minis: Minis) -> None:
    with pytest.raises(errors.TalosError, match="the node is in maintenance"):
        minis.kubeconfig()
    with pytest.raises(WaitTimeout, match="mini01 in maintenance"):
        minis.bootstrap(wait_timeout=0)
    with pytest.raises(WaitTimeout, match="mini01: in maintenance"):
        minis.health(wait_timeout=0)


def test_from_bare_machines_to_a_healthy_cluster(minis: Minis) -> None:
    minis.configure()
    wait_for(lambda: all(node["config"] == "in_sync" for node in minis.info("config")))
    assert {node["etcd"]["control_plane"] for node in minis.info("etcd")} == {True}
    # Check mode first: it promises what the run then does.
    wait_for(lambda: minis.bootstrap(Context(check_mode=True))["standings"]["mini02"] == "no etcd data")
    assert minis.bootstrap(Context(check_mode=True))["changed"]
    assert not any(node.etcd_up for node in minis.nodes)

    first = minis.bootstrap()
    assert (first["changed"], first["bootstrap_node"]) == (True, "mini01")
    again = minis.bootstrap()
    assert (again["changed"], again["bootstrap_node"]) == (False, "")
    assert again["standings"]["mini01"] == "its etcd has members"
    assert not minis.bootstrap(Context(check_mode=True))["changed"]

    # Without a CNI the nodes are not ready in Kubernetes; that one condition may be tolerated.
    told: list[str] = []
    assert minis.health(Context(progress=told.append), tolerate=["nodeReady"]) == {
        "changed": False,
        "healthy": True,
        "missing": {},
    }
    assert {line for line in told if line.endswith("healthy")} >= {f"mini0{n}: healthy" for n in (1, 2, 3)}
    missing = minis.health(Context(check_mode=True))["missing"]
    assert [text for lacks in missing.values() for text in lacks if not text.startswith("nodeReady: ")] == []
    with pytest.raises(WaitTimeout, match="nodeReady"):
        minis.health(wait_timeout=0)

    async def ready() -> None:
        for node in minis.nodes:
            node.kubernetes_ready = True

    minis.do(ready)
    assert minis.health()["healthy"]

    nodes = minis.info()
    assert sum(node["etcd"]["leader"] for node in nodes) == 1
    assert {len(node["etcd"]["members"]) for node in nodes} == {3}
    assert {node["etcd"]["leader_id"] for node in nodes} != {""}
    assert all(node["etcd"]["voter"] and node["etcd"]["db_size"] > 0 for node in nodes)
    for node, simulated in zip(nodes, minis.nodes, strict=True):
        assert node["mode"] == "configured"
        assert (node["stage"], node["ready"], node["unmet"]) == ("running", True, [])
        assert node["version"] == "v1.10.5"
        assert node["hostname"] == simulated.hostname
        assert node["boot_id"] == simulated.boot_id
        assert node["system_disk"] == "/dev/nvme0n1"
        assert node["time_synced"] is True
        assert node["schematic"] == simulated.storage.schematic
        assert {item["name"] for item in node["extensions"]} >= {"iscsi-tools", "thunderbolt"}
        assert node["certificates"]["server_expires"] > NOW.isoformat()
        services = {item["id"]: item for item in node["services"]}
        assert services["etcd"]["state"] == "Running"
        assert any(address["address"].startswith(simulated.spec.address) for address in node["addresses"])


def test_one_broken_node_does_not_hide_the_others(minis: Minis) -> None:
    minis.configure(1, 2)
    minis.do(minis.nodes[2].stop)
    one, two, three = minis.info("status", "etcd")
    assert (one["mode"], two["mode"], three["mode"]) == ("configured", "configured", "unreachable")
    assert three["error"] == "Unreachable"
    assert "connection refused" in three["reason"]
    assert "mini03" in three["reason"]
    assert "permanent" not in one
    # And it forbids a bootstrap: it could hold data.
    with pytest.raises(WaitTimeout, match="mini03 unreachable"):
        minis.bootstrap(wait_timeout=0)
    assert not any(node.storage.member for node in minis.nodes)
    with pytest.raises(HomeopsError, match="mini03 unreachable"):
        minis.bootstrap(Context(check_mode=True))


def test_etcd_data_without_an_answer_forbid_a_second_bootstrap(minis: Minis) -> None:
    minis.configure()
    minis.bootstrap()
    minis.health(tolerate=["nodeReady"])
    minis.fault(etcd_down=True)
    wait_for(lambda: not any(node.etcd_up for node in minis.nodes))
    again = minis.bootstrap(bootstrap_node="mini02")
    assert not again["changed"]
    assert set(again["standings"].values()) == {"its etcd has data but does not answer yet"}


def test_a_lost_answer_is_looked_after(minis: Minis) -> None:
    """The connection breaks after Bootstrap was carried out: it was us, once, and the run goes on."""
    minis.configure()
    minis.fault(1, drop={"Bootstrap": 1})
    result = minis.bootstrap()
    assert result["changed"]
    assert result["standings"]["mini01"] in ("its etcd has members", "its etcd has data but does not answer yet")
    assert len({id(node.storage.etcd) for node in minis.nodes if node.storage.etcd}) == 1


def test_not_ready_yet_is_waited_for(minis: Minis) -> None:
    minis.configure()
    refusal = {"code": 9, "message": "bootstrap is not available yet", "times": 2}
    minis.fault(1, errors={"Bootstrap": refusal})
    told: list[str] = []
    assert minis.bootstrap(Context(progress=told.append))["changed"]
    assert any("mini01: bootstrap is not available yet" in line for line in told)


def test_a_refusal_that_stays_is_told(minis: Minis) -> None:
    minis.configure()
    minis.fault(1, errors={"Bootstrap": {"code": 2, "message": "disk on fire"}})
    with pytest.raises(errors.TalosError, match=r"Bootstrapping etcd on mini01 \(.*\) failed: disk on fire"):
        minis.bootstrap()
    with pytest.raises(InputError, match="Node mini09 is not among the nodes"):
        minis.bootstrap(bootstrap_node="mini09")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"etcd_alarm": "NOSPACE"}, "etcd alarm NOSPACE of member"),
        ({"kubelet_unhealthy": True}, "service kubelet not healthy"),
        ({"etcd_down": True}, "etcd does not answer"),
        ({"time_not_synced": True}, "time: time is not synced"),
    ],
)
def test_what_ails_a_node_is_named(fault: dict[str, Any], words: str, minis: Minis) -> None:
    minis.configure()
    minis.bootstrap()
    minis.health(tolerate=["nodeReady"])
    minis.fault(2, **fault)
    wait_for(lambda: any(words in text for text in minis.health(Context(check_mode=True))["missing"]["mini02"]))
    with pytest.raises(WaitTimeout, match=words):
        minis.health(tolerate=["nodeReady"], wait_timeout=0)


def test_a_learner_is_no_voter(minis: Minis) -> None:
    minis.fault(3, stuck_learner=True)
    minis.configure()
    minis.bootstrap()
    with pytest.raises(WaitTimeout, match="its etcd member is a learner"):
        minis.health(tolerate=["nodeReady"], wait_timeout=3)
    lacks = minis.health(Context(check_mode=True))["missing"]["mini01"]
    # The learner may have come before mini02, which then cannot join: etcd takes one learner at a time.
    assert {"etcd has 1 of 3 voting members", "etcd has 2 of 3 voting members"} & set(lacks)


def test_another_clusters_talosconfig_is_told_at_once(minis: Minis) -> None:
    minis.configure()
    other = secrets.SecretsBundle(**{**vars(minis.bundle), "os": secrets.pki.new_ca("talos", NOW, kubernetes=False)})
    minis.talosconfig.write_text(talosconfig.talosconfig_text("home-ops", other, [], [], NOW))
    began = time.monotonic()
    with pytest.raises(errors.TalosError, match="not signed by the CA of the talosconfig"):
        minis.health(wait_timeout=600)
    with pytest.raises(errors.WrongCA):
        minis.bootstrap(wait_timeout=600)
    assert time.monotonic() - began < 300
    assert {node["error"] for node in minis.info("status")} == {"WrongCA"}


def test_a_client_certificate_of_another_ca_is_refused(minis: Minis) -> None:
    """The node is the right one, only we are not: its CA in the talosconfig, but a certificate of another."""
    minis.configure(1)
    content = yaml.safe_load(minis.talosconfig.read_text())
    stranger = secrets.pki.new_ca("talos", NOW, kubernetes=False)
    issued = secrets.pki.admin_certificate(stranger, ["os:admin"], NOW)
    entry = content["contexts"]["home-ops"]
    entry["crt"], entry["key"] = secrets._base64(issued.crt), secrets._base64(issued.key)
    minis.talosconfig.write_text(yaml.safe_dump(content))
    assert minis.info("status")[0]["error"] == "ClientCertificateRefused"


def test_a_reader_may_read_the_status_only(minis: Minis) -> None:
    minis.configure(1)
    minis.talosconfig.write_text(
        talosconfig.talosconfig_text("home-ops", minis.bundle, [], [], NOW, roles=["os:reader"])
    )
    assert minis.info("status", "etcd", "services", "network")[0]["mode"] == "configured"
    refused = minis.info("config")[0]
    assert "os:admin" in refused["reason"]


@pytest.mark.parametrize(("mode", "expected"), [("STAGED", "staged"), ("TRY", "try")])
def test_staged_and_tried_configs_are_seen(mode: str, expected: str, minis: Minis) -> None:
    minis.configure(1)
    wait_for(lambda: minis.info("config")[0]["config"] == "in_sync")
    identity = connection.load_talosconfig(str(minis.talosconfig))
    client, _unused = connection.connect(connection.target_of(minis.doors[0]), identity, 5)
    with client:
        raw = client.cosi_get("config", "MachineConfigs.config.talos.dev", "persistent").raw
        changed = raw.decode().replace("machine:\n", "machine:\n    sysctls:\n        vm.dirty_ratio: '5'\n", 1)
        answer = client.apply_configuration(changed.encode(), mode, try_timeout=30 if mode == "TRY" else None)
        assert answer.mode == mode
    assert minis.info("config")[0]["config"] == expected


def test_kubeconfig_is_fetched_once(minis: Minis) -> None:
    minis.configure()
    minis.bootstrap()
    dest = minis.folder / "state" / "kubeconfig"
    assert minis.kubeconfig(Context(check_mode=True))["changed"]
    assert not dest.exists()
    first = minis.kubeconfig()
    assert (first["changed"], first["reason"]) == (True, "it does not exist")
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert stat.S_IMODE(dest.parent.stat().st_mode) == 0o700
    content = yaml.safe_load(dest.read_text())
    assert content["clusters"][0]["cluster"]["server"] == VIP
    text = dest.read_text()
    again = minis.kubeconfig()
    assert (again["changed"], again["expires"], dest.read_text()) == (False, first["expires"], text)
    assert "KEY" not in str(first) + str(again)

    door = {"server": "https://127.29.51.10:6443", "tls_server_name": "172.29.51.10"}
    moved = minis.kubeconfig(**door)
    assert moved["reason"] == f"its server is {VIP}"
    cluster = yaml.safe_load(dest.read_text())["clusters"][0]["cluster"]
    assert (cluster["server"], cluster["tls-server-name"]) == (door["server"], door["tls_server_name"])
    assert not minis.kubeconfig(**door)["changed"]
    assert minis.kubeconfig(**{**door, "tls_server_name": None})["reason"] == "its tls-server-name is 172.29.51.10"
    assert minis.kubeconfig(renew_before="400d", server=door["server"])["reason"].startswith(
        "its client certificate ex"
    )


def test_kubeconfig_of_another_cluster_or_broken_is_replaced(minis: Minis, bundle: secrets.SecretsBundle) -> None:
    minis.configure(1)
    dest = minis.folder / "state" / "kubeconfig"
    minis.kubeconfig()
    content = yaml.safe_load(dest.read_text())
    content["clusters"][0]["cluster"]["certificate-authority-data"] = secrets._base64(bundle.etcd.crt)
    dest.write_text(yaml.safe_dump(content))
    assert minis.kubeconfig()["reason"] == "its CA is not the cluster's"
    dest.write_text("not: a kubeconfig\n")
    assert minis.kubeconfig()["reason"] == "it is not a kubeconfig with a client certificate"
    with pytest.raises(InputError, match="'soon' is not a span of time"):
        minis.kubeconfig(renew_before="soon")


def test_a_certificate_that_expires_soon_is_warned_of(minis: Minis) -> None:
    for days, warned in ((40, False), (20, True)):
        lifetime = datetime.timedelta(days=days)
        minis.talosconfig.write_text(
            talosconfig.talosconfig_text("home-ops", minis.bundle, [], [], NOW, lifetime=lifetime)
        )
        ctx = Context()
        result = talos_info.run({**minis.common, "gather": ["status"]}, ctx)
        assert result["talosconfig_expires"] == (NOW + lifetime).replace(microsecond=0).isoformat()
        assert any("expires in 19 days" in text for text in ctx.warnings) == warned


def test_boot_id_proves_a_reboot(minis: Minis) -> None:
    minis.configure(1)
    identity = connection.load_talosconfig(str(minis.talosconfig))
    target = connection.target_of(minis.doors[0])
    client, _unused = connection.connect(target, identity, 5)
    with client:
        before = client.boot_id()
        assert client.reboot()

    def back() -> bool:
        try:
            return connection.connect(target, identity, 5)[0].boot_id() != before
        except errors.TalosError as error:
            if not error.transient:
                raise
            return False

    wait_for(back)


def secrets_params(**more: Any) -> dict[str, Any]:
    return {"path": None, "secrets": None, "state": "present", **more}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secrets.yaml"
    params = secrets_params(path=str(path))
    assert talos_secrets.run(params, Context(check_mode=True)) == {
        "changed": True,
        "path": str(path),
        "authorities": {},
    }
    assert not path.parent.exists()
    made = talos_secrets.run(params, Context())
    assert made["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(made["authorities"]) == {"etcd", "kubernetes", "aggregator", "talos"}
    text = path.read_text()
    for check in (True, False):
        again = talos_secrets.run(params, Context(check_mode=check))
        assert again == {**made, "changed": False}
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path], "no temporary file stays"
    given = talos_secrets.run(secrets_params(secrets=text), Context())
    assert given == {**made, "changed": False, "path": ""}


def test_a_broken_bundle_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("cluster:\n  id: x\n")
    with pytest.raises(InputError, match=r"missing: cluster\.secret") as raised:
        talos_secrets.run(secrets_params(path=str(path)), Context())
    assert raised.value.param == "path"
    assert path.read_text() == "cluster:\n  id: x\n"
    path.write_text("")
    with pytest.raises(InputError, match="it is empty"):
        talos_secrets.run(secrets_params(path=str(path)), Context())


def test_a_race_keeps_the_first_bundle(tmp_path: Path, bundle: secrets.SecretsBundle, monkeypatch: Any) -> None:
    path = tmp_path / "secrets.yaml"

    def slow(now: datetime.datetime) -> secrets.SecretsBundle:
        path.write_text(bundle.to_yaml())
        return secrets.SecretsBundle(**{**vars(bundle), "cluster_id": "theirs"})

    monkeypatch.setattr(secrets, "generate", slow)
    result = talos_secrets.run(secrets_params(path=str(path)), Context())
    assert not result["changed"]
    assert secrets.parse(path.read_text()) == bundle
