# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Talos node held to the real ``talosctl``: skipped where there is none on PATH.

The lab's runner is started as a user would start it; every step is a command of the real client, and what it printed
is the evidence. The last test says what was compared.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TALOSCTL = shutil.which("talosctl") or ""
NET = "127.45"
NODES = [f"{NET}.51.{number}" for number in (11, 12, 13)]
COMPARED: list[str] = []
SAME = '{"cluster":{"clusterName":"home-ops"}}'

pytestmark = pytest.mark.skipif(not TALOSCTL, reason="talosctl is not on PATH")


class Lab:
    """The runner, and talosctl with a configuration of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder, self.process = folder, process

    def run(self, *arguments: str, ok: bool = True, timeout: float = 40) -> str:
        """One command; stdout and stderr together."""
        environment = {**os.environ, "TALOSCONFIG": str(self.folder / "talosconfig"), "HOME": str(self.folder)}
        done = subprocess.run(
            [TALOSCTL, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment,
            timeout=timeout,
            check=False,
        )
        text = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, text
        command = list(arguments)
        while command[0].startswith("-"):
            command = command[2:]
        COMPARED.append(" ".join(command[:2]) if command[0] in ("get", "etcd", "gen") else command[0])
        return text

    def node(self, number: int, *arguments: str, **options: Any) -> str:
        """A command for one node, asked directly."""
        address = NODES[number]
        return self.run("-e", address, "-n", address, *arguments, **options)

    def until(self, holds: Any, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def stage(self, number: int) -> str:
        try:
            text = self.node(number, "get", "machinestatus", "-o", "yaml")
        except AssertionError:
            return ""
        return str(yaml.safe_load(text)["spec"]["stage"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("talosctl")
    delays = [f"--delay={name}=0.2" for name in ("boot", "install", "reboot", "etcd_join", "static_pods", "upgrade")]
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.talos", "--net", NET, "--nodes", "3", "--ready", *delays],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    seen = ""
    while "mini03 127" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    made = Lab(folder, process)
    made.run("gen", "secrets", "-o", "secrets.yaml")
    made.run(
        *("gen", "config", "home-ops", "https://172.29.51.10:6443", "--with-secrets", "secrets.yaml", "-o", "."),
        *("--talos-version", "v1.10", "--kubernetes-version", "1.31.1", "--install-disk", ""),
        *("--config-patch", '{"machine":{"install":{"diskSelector":{"model":"APPLE*"}}}}'),
    )
    try:
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_maintenance(lab: Lab) -> None:
    """Before a config: status and disks are readable, the rest is refused in Talos' words."""
    assert "maintenance" in lab.node(0, "get", "machinestatus", "--insecure")
    disks = lab.node(0, "get", "disks", "--insecure")
    assert "APPLE SSD AP0256M" in disks
    assert "Portable SSD T5" in disks
    assert "API is not implemented in maintenance mode" in lab.node(0, "version", "--insecure", ok=False)
    assert "not authorized" in lab.node(0, "get", "machineconfig", "--insecure", ok=False)
    dry = lab.node(0, "apply-config", "--insecure", "-f", "controlplane.yaml", "--dry-run")
    assert "Node is running in maintenance mode and does not have a config yet." in dry
    refused = lab.node(0, "apply-config", "--insecure", "-f", "controlplane.yaml", "--mode", "staged", ok=False)
    assert "apply configuration --mode='staged' is not supported in maintenance mode" in refused


def test_install_and_bootstrap(lab: Lab) -> None:
    """Apply, install, reboot, bootstrap once, three voters, running and ready."""
    for number in range(3):
        lab.node(number, "apply-config", "--insecure", "-f", "controlplane.yaml")
    lab.until(lambda: all(lab.stage(number) == "booting" for number in range(3)))
    services = lab.node(0, "services")
    assert re.search(r"etcd\s+Preparing\s+\?", services)

    def bootstrapped() -> bool:
        try:
            lab.node(0, "bootstrap")
        except AssertionError as error:
            assert "bootstrap is not available yet" in str(error)
            return False
        return True

    lab.until(bootstrapped)
    lab.until(lambda: all(lab.stage(number) == "running" for number in range(3)))
    members = lab.node(0, "etcd", "members")
    assert all(name in members for name in ("mini01", "mini02", "mini03"))
    assert "etcd data directory is not empty" in lab.node(0, "bootstrap", ok=False)
    status = lab.run("-e", NODES[0], "-n", ",".join(NODES), "etcd", "status")
    assert all(address in status for address in NODES)
    lab.node(0, "health", "--wait-timeout", "20s")


def test_reads(lab: Lab) -> None:
    """What the real client can read: each of these commands parses the node's answer."""
    assert "Enabled:     RBAC" in lab.node(0, "version")
    assert "schematic" in lab.node(0, "get", "extensions")
    assert "Talos (v1.10.5)" in lab.node(0, "get", "members")
    assert "enp3s0f0" in lab.node(0, "get", "links")
    config = lab.node(0, "get", "machineconfig", "v1alpha1", "-o", "jsonpath={.spec}")
    assert yaml.safe_load(config) == yaml.safe_load((lab.folder / "controlplane.yaml").read_text())
    assert re.fullmatch(r"[0-9a-f-]{36}", lab.node(0, "read", "/proc/sys/kernel/random/boot_id").strip())
    assert "hostname" in lab.node(0, "list", "/etc")
    assert "machine stage: running" in lab.node(0, "dmesg")
    assert lab.node(0, "logs", "kubelet")
    lab.node(0, "etcd", "alarm", "list")
    assert "snapshot info" in lab.node(0, "etcd", "snapshot", "snapshot.db")
    kubeconfig = yaml.safe_load(lab.node(0, "kubeconfig", "-"))
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://172.29.51.10:6443"
    assert "is ambiguous" in lab.node(0, "get", "ms", ok=False)  # as on a real v1.10: two types have that alias
    for arguments in (("mounts",), ("memory",), ("time",), ("image", "list"), ("get", "rd"), ("get", "addresses")):
        assert lab.node(0, *arguments)


def test_roles(lab: Lab) -> None:
    """A reader's certificate, issued by the node, may read and no more."""
    lab.node(0, "config", "new", "reader", "--roles", "os:reader")
    options = ("--talosconfig", "reader")
    assert "running" in lab.node(0, *options, "get", "machinestatus")
    assert "not authorized" in lab.node(0, *options, "get", "machineconfig", ok=False)
    assert "not authorized" in lab.node(0, *options, "reboot", "--wait=false", ok=False)


def _changed(lab: Lab, name: str, change: Any) -> str:
    config = yaml.safe_load((lab.folder / "controlplane.yaml").read_text())
    change(config)
    (lab.folder / name).write_text(yaml.safe_dump(config, sort_keys=False))
    return name


def test_apply_modes(lab: Lab) -> None:
    """Live, staged, try and refused changes; the dry run's diff is the one of the real encoder's texts."""
    live = _changed(lab, "live.yaml", lambda config: config["machine"].update(sysctls={"vm.dirty_ratio": "5"}))
    plain = "Applied configuration without a reboot"
    dry = lab.node(0, "apply-config", "-f", live, "--dry-run")
    assert f"{plain} (skipped in dry-run)." in dry
    before, after = (lab.run("machineconfig", "patch", name, "-p", SAME) for name in ("controlplane.yaml", live))
    lines = difflib.unified_diff(before.rstrip("\n").splitlines(), after.rstrip("\n").splitlines(), lineterm="")
    expected = [line for line in lines if line[:1] in "+-" and not line.startswith(("---", "+++"))]
    told = [line for line in dry.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert told == expected
    rebooting = _changed(lab, "reboot.yaml", lambda config: config["machine"].update(udev={"rules": ["x"]}))
    refused = lab.node(0, "apply-config", "-f", rebooting, "--mode", "no-reboot", ok=False)
    assert "this config change can't be applied in immediate mode" in refused
    assert "+    udev:" in refused
    staged = lab.node(0, "apply-config", "-f", rebooting, "--mode", "staged")
    assert "Staged configuration to be applied after the next reboot" in staged
    tried = lab.node(0, "apply-config", "-f", live, "--mode", "try", "--timeout", "1s")
    assert "will be automatically reverted back in 1s" in tried
    assert plain in lab.node(0, "apply-config", "-f", "controlplane.yaml", "--mode", "auto")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("unknown key", lambda c: c["machine"].update(userVolumes=[{"name": "x"}])),
        ("wrong type", lambda c: c["machine"]["install"].update(wipe="abc")),
        ("no CA key", lambda c: c["machine"]["ca"].pop("key")),
        ("no install", lambda c: c["machine"].pop("install")),
        ("interface without a name", lambda c: c["machine"].update(network={"interfaces": [{"dhcp": True}]})),
        ("protected kubelet field", lambda c: c["machine"]["kubelet"].update(extraConfig={"port": 1})),
        ("unknown type", lambda c: c["machine"].update(type="boss")),
        ("CNI", lambda c: c["cluster"]["network"].update(cni={"name": "x"})),
        ("no endpoint", lambda c: c["cluster"].pop("controlPlane")),
        ("two errors", lambda c: (c["cluster"].pop("id"), c["cluster"].pop("secret"))),
        ("disk selector by name", lambda c: c["machine"]["install"].update(diskSelector={"name": "x"})),
        ("encryption without keys", lambda c: c["machine"].update(systemDiskEncryption={"state": {"keys": []}})),
    ],
)
def test_validation_texts(lab: Lab, name: str, change: Any) -> None:
    """The node refuses a config with the text of the real client's own ``validate``."""
    from lab.talos import documents, validation

    path = _changed(lab, "wrong.yaml", change)
    real = lab.run("validate", "-c", path, "-m", "metal", ok=False).strip()
    with pytest.raises((documents.ConfigError, validation.Invalid)) as caught:
        validation.validate(documents.parse((lab.folder / path).read_bytes()), installed=False)
    assert str(caught.value).strip() == real, name


def test_reboot_upgrade_reset(lab: Lab) -> None:
    """The real client follows each sequence by its events and is content with the end."""
    first = ",".join(NODES)
    assert "post check passed" in lab.run("-e", NODES[0], "-n", NODES[1], "reboot", "--wait", "--timeout", "30s")
    lab.until(lambda: lab.stage(1) == "running")
    assert lab.run("-e", NODES[0], "-n", first, "etcd", "members").count("mini02") == 3
    bad = lab.node(1, "upgrade", "--image", "https://factory.talos.dev/image/x/v1.10.5/metal.tar.gz", ok=False)
    assert "error validating installer image" in bad
    vanilla = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
    image = f"factory.talos.dev/installer/{vanilla}:v1.10.6"
    arguments = ("upgrade", "--image", image, "--wait", "--timeout", "30s")
    assert "post check passed" in lab.run("-e", NODES[0], "-n", NODES[1], *arguments)
    lab.until(lambda: lab.stage(1) == "running")
    assert "v1.10.6" in lab.node(1, "version")
    assert vanilla in lab.node(1, "get", "extensions")
    missing = lab.node(1, "reset", "--system-labels-to-wipe", "FOO", "--wait=false", ok=False)
    assert 'failed to get volume status with label "FOO"' in missing
    labels = ("--system-labels-to-wipe", "STATE", "--system-labels-to-wipe", "EPHEMERAL")
    wiped = lab.node(2, "reset", *labels, "--reboot", "--graceful=false", "--wait", "--timeout", "30s")
    assert "post check passed" in wiped
    assert "maintenance" in lab.node(2, "get", "machinestatus", "--insecure")
    assert "mini03" in lab.node(0, "etcd", "members")  # nobody removed the dead member
    lab.node(2, "apply-config", "--insecure", "-f", "controlplane.yaml")
    lab.until(lambda: lab.stage(2) == "running")
    assert lab.node(0, "etcd", "members").count("mini03") == 1


def test_says_what_was_compared(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The evidence: which real client, which commands."""
    version = lab.run("version", "--client", "--short")
    with capsys.disabled():
        counts = {command: COMPARED.count(command) for command in sorted(set(COMPARED)) if command}
        print(f"\n{' '.join(version.split())} accepted the simulated node; commands run: {counts}")
    assert COMPARED
