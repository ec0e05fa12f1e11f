# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts in the middle of operations: a node of a lab goes dark at its n-th moment, and everything must come back.

A moment is a call that changes something (when it arrives, and when it is carried out but not yet answered), a phase
of a sequence, a write to disk, a service or a static pod that starts: ``Node.moments`` of the lab. An operation is
anything that can be run again (:class:`Operation`); it is run until the power goes, and again once it is back. What has
been put into etcd and Kubernetes before must be there afterwards.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from lab.talos.services import RUNNING
from tests.harness.lab import Lab
from tests.harness.operator import NODES, Operator

SEED = {"survives": "yes"}
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@dataclass(frozen=True)
class Operation:
    """Something that is done to a node.

    :param run: does it, with the node's name and the seconds that it may wait; raises ``HomeopsError``.
    :param moments: how many moments one undisturbed run has for each node, to choose one of them.
    :param settle: what the owner does once it is done, such as bringing a reset node back.
    :param done: whether the lab's status shows that it was done to the node.
    :param prepare: what happens before it, with the power on.
    :param heed: what the owner does who reads a failure, before the same is done again; true when the failure says that
        there is nothing left to do again.
    :param once: a run that has succeeded is not repeated, because there is nothing that a second one may do.
    """

    name: str
    run: Callable[[str, int], Any]
    moments: Mapping[str, int]
    done: Callable[[Mapping[str, Any], str], bool]
    settle: Callable[[str], None] = lambda _name: None
    prepare: Callable[[], None] = lambda: None
    heed: Callable[[str], bool] = lambda _said: False
    once: bool = False


@dataclass(frozen=True)
class Cut:
    """One power cut.

    :param after: at which moment of the node, counted from the start of the operation.
    :param patient: the power comes back while the first run still waits; else after it has given up.
    """

    operation: Operation
    node: str
    after: int
    patient: bool

    @property
    def text(self) -> str:
        """The cut for people."""
        back = "power comes back at once" if self.patient else "power comes back after the run has given up"
        return f"{self.operation.name} of {self.node}, power lost at moment {self.after}, {back}"


@dataclass
class Outcome:
    """What became of one cut.

    :param struck: the moment at which the power went; ``after the end`` when the operation was faster.
    :param said: the failures of all runs.
    :param heeded: set when the last one of them said what else to do, and it was done.
    """

    cut: Cut
    struck: str = ""
    runs: int = 0
    said: list[str] = field(default_factory=list)
    heeded: str = ""

    @property
    def text(self) -> str:
        """The outcome for people."""
        return f"{self.cut.text}: at {self.struck}, finished by run {self.runs}" + self.heeded


def choose(seed: int, count: int, operations: Sequence[Operation]) -> list[Cut]:
    """Return random cuts, each operation in its turn; the same for the same seed."""
    chance = random.Random(seed)
    cuts = []
    for number in range(count):
        operation = operations[number % len(operations)]
        node = chance.choice(NODES)
        after = chance.randint(1, operation.moments[node])
        cuts.append(Cut(operation, node, after, chance.random() < 0.5))
    return cuts


class PowerCuts(Operator):
    """Cuts in one lab.

    :param brief: seconds that the run may wait which loses its node; :param patient: those of the runs after it.
    """

    def __init__(self, lab: Lab, brief: int = 5, patient: int = 180) -> None:
        super().__init__(lab)
        self.brief, self.patient, self.uid = brief, patient, ""
        self._struck = ""

    # -- data ------------------------------------------------------------------------------------------------------
    def plant(self) -> None:
        """Put something into etcd and into Kubernetes that has to survive."""
        self.ask("etcd", put=SEED)
        seed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "power-cuts"}, "data": SEED}
        with self.kube() as client:
            self.uid = client.request("POST", CONFIG_MAPS, body=seed)["metadata"]["uid"]

    def check_data(self) -> None:
        """The seed is there: in the one etcd of all nodes, and in Kubernetes, where it is still the same object."""
        (etcd,) = self.ask("status")["cluster"]["etcd"]
        assert etcd["keys"] == SEED, etcd
        with self.kube() as client:
            found = client.get(f"{CONFIG_MAPS}/power-cuts")
        assert (found["data"], found["metadata"]["uid"]) == (SEED, self.uid)

    # -- one cut ---------------------------------------------------------------------------------------------------
    def make(self, cut: Cut) -> Outcome:
        """Run the operation, cut the power, give it back, and run it again until it is done."""
        outcome = Outcome(cut)
        cut.operation.prepare()
        before = self.nodes()[cut.node]["moments"]
        self.fault(cut.node, "die_after", str(cut.after))
        end = threading.Event()
        helper = threading.Thread(target=self._give_back, args=(cut.node, end))
        if cut.patient:
            helper.start()
        try:
            finished = self._try(cut, outcome, self.patient if cut.patient else self.brief)
        finally:
            end.set()
            if cut.patient:
                helper.join()
        if "die_after" in self.ask("faults")["nodes"].get(cut.node, {}):
            passed = self.nodes()[cut.node]["moments"] - before
            self._struck = f"the end, after {passed} moments"
            self.fault(cut.node, "die_after", "0")
            self.ask("power", node=cut.node, on=False)
        elif not cut.patient:
            self._struck = self.nodes()[cut.node]["last_moment"]
        outcome.struck = self._struck
        if not self.nodes()[cut.node]["powered"]:
            self.ask("power", node=cut.node, on=True)
        if not (finished and cut.operation.once):
            self._finish(cut, outcome)
        assert cut.operation.done(self.nodes(), cut.node), self.nodes()
        cut.operation.settle(cut.node)
        self.healthy()
        self.check_data()
        return outcome

    def _give_back(self, name: str, end: threading.Event) -> None:
        while not end.wait(0.05):
            node = self.nodes()[name]
            if not node["powered"]:
                self._struck = node["last_moment"]
                time.sleep(0.3)
                self.ask("power", node=name, on=True)
                return

    def _try(self, cut: Cut, outcome: Outcome, seconds: int) -> bool:
        outcome.runs += 1
        try:
            cut.operation.run(cut.node, seconds)
        except HomeopsError as error:
            # Whoever cannot finish says what to do.
            assert error.remedy or error.answer, str(error)
            outcome.said.append(str(error))
            return False
        return True

    def _finish(self, cut: Cut, outcome: Outcome) -> None:
        """The owner does the same again; that must be enough, at most after a look at what the failure said."""
        for _unused in range(3):
            self.settled()
            if self._try(cut, outcome, self.patient):
                break
            if cut.operation.heed(outcome.said[-1]):
                outcome.heeded = " and what its answer asked for"
                break
        else:
            raise AssertionError("\n".join([cut.text, outcome.struck, *outcome.said]))

    def settled(self, seconds: float = 120.0) -> None:
        """Wait until every node is on its feet, in whatever state: one without an etcd to join boots for ever."""
        deadline = time.monotonic() + seconds
        while not all(self._stands(node) for node in self.nodes().values()):
            assert time.monotonic() < deadline, self.nodes()
            time.sleep(0.2)

    def _stands(self, node: Mapping[str, Any]) -> bool:
        waits = node["stage"] == "booting" and node["services"].get("cri") == RUNNING
        return node["stage"] in ("running", "maintenance") or (waits and not self.quorum())

    def quorum(self) -> bool:
        """Whether any etcd can be written to."""
        return any(etcd["quorum"] for etcd in self.ask("status")["cluster"]["etcd"])

    def healthy(self, seconds: float = 120.0) -> None:
        """Wait until all nodes run with their votes and are Ready."""
        deadline = time.monotonic() + seconds
        while True:
            nodes = self.nodes()
            if all(
                node["stage"] == "running"
                and node["etcd"]
                and node["etcd"]["up"]
                and not node["etcd"]["learner"]
                and node["kubernetes_ready"]
                and not node["unmet"]
                for node in nodes.values()
            ):
                return
            assert time.monotonic() < deadline, nodes
            time.sleep(0.2)
