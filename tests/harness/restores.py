# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of a lab's etcd, to be disturbed by power cuts: what comes before them, and what their failures ask for."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.backup import manifest as backup
from ansible_collections.homeops.cluster.plugins.module_utils.talos import operations, secrets
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.identity import load_talosconfig
from ansible_collections.homeops.cluster.plugins.modules import talos_etcd_restore, talos_etcd_snapshot
from tests.harness.operator import NODES
from tests.harness.power_cuts import Operation, PowerCuts

CLUSTER = "home-ops"
#: Seconds that tell an etcd which starts from one that is lost; the lab's starts in a fraction of one.
PATIENCE = 3
#: What a node that gets the snapshot sees besides what all see.
FIRST = 6


class Restores:
    """Two restores: over data that are lost, which it wipes itself, and after somebody has wiped everything.

    :param go_on: runs ``site.yml``, which a restore asks for whose etcd serves already.
    """

    def __init__(self, cuts: PowerCuts, folder: Path, go_on: Callable[[], None]) -> None:
        self.cuts, self.folder, self.go_on = cuts, folder, go_on
        self._numbers = itertools.count(1)
        self._set = folder
        self._before: set[str] = set()
        self._wipe: list[str] = []

    def operations(self) -> list[Operation]:
        """Each with the number of moments of a node in an undisturbed run: the first node gets the snapshot."""
        wiped = {name: 2 + FIRST * (name == NODES[0]) for name in NODES}
        lost = {name: 12 + FIRST * (name == NODES[0]) for name in NODES}
        return [
            self._operation("restore after a wipe", wiped, self._wiped),
            self._operation("restore over lost data", lost, self._lost),
        ]

    def _operation(self, name: str, moments: Mapping[str, int], prepare: Callable[[], None]) -> Operation:
        return Operation(name, self._run, moments, self._done, prepare=prepare, heed=self._heed, once=True)

    # -- before it -------------------------------------------------------------------------------------------------
    def _kept(self) -> None:
        """Take a backup, and remember which members there were."""
        self._set = self.folder / f"set-{next(self._numbers)}"
        self._call(talos_etcd_snapshot, directory=str(self._set))
        bundle = secrets.parse((self.cuts.lab.controller / "secrets.yaml").read_text(encoding="utf-8"))
        backup.seal(str(self._set), CLUSTER, bundle.cluster_id)
        self._before = {node["etcd"]["id"] for node in self.cuts.nodes().values()}
        self._wipe = []

    def _wiped(self) -> None:
        self._kept()
        identity = load_talosconfig(str(self.cuts.lab.controller / "talosconfig"))
        for name in NODES:
            door = self.cuts.door(name)
            with TalosClient(door["node"], identity=identity, server_name=door["server_name"]) as client:
                operations.reset(client, ["EPHEMERAL"], graceful=False)
        self._until(lambda nodes: all(node["etcd"] is None for node in nodes.values()))
        self.cuts.settled()

    def _lost(self) -> None:
        """Two of three lose their votes, each with its data."""
        self._kept()
        self._wipe = list(NODES)
        for name in NODES[1:]:
            self.cuts.fault(name, "etcd_damaged", "true")
        self._until(lambda _nodes: not self.cuts.quorum())

    def _until(self, condition: Callable[[Mapping[str, Any]], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition(nodes := self.cuts.nodes()):
            assert time.monotonic() < deadline, nodes
            time.sleep(0.1)

    # -- it --------------------------------------------------------------------------------------------------------
    def _call(self, module: Any, **given: Any) -> None:
        talos = dict(self.cuts.talos)
        if module is talos_etcd_snapshot:
            talos.pop("lock_dir")
        self.cuts.call(module, **talos, nodes=self.cuts.doors, cluster=CLUSTER, **given)

    def _run(self, _name: str, seconds: int) -> None:
        self._call(
            talos_etcd_restore,
            path=str(self._set),
            confirm=CLUSTER,
            wipe=self._wipe,
            patience=PATIENCE,
            interval=0.5,
            wait_timeout=seconds + 3 * PATIENCE,
        )

    def _done(self, nodes: Mapping[str, Any], _name: str) -> bool:
        """Every node is a member of an etcd that was not there before."""
        return all(node["etcd"] and node["etcd"]["id"] not in self._before for node in nodes.values())

    def _heed(self, said: str) -> bool:
        """Do what a failure says, and nothing else; true when there is nothing left to restore."""
        if "go on with site.yml" in said:
            self.go_on()
            return True
        if "Name those nodes in wipe" in said:
            found = re.search(r"(mini0\d(?:, mini0\d)*) has data of an etcd that does not serve", said)
            assert found, said
            self._wipe = sorted({*self._wipe, *found[1].split(", ")})
        elif found := re.search(r"with (mini0\d) named in wipe", said):
            self._wipe = sorted({*self._wipe, found[1]})
        return False
