# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelets of all machines: what becomes of a pod that is bound to one of them.

A pod starts when the volumes and variables it names exist and, unless it uses the host's network, when a CNI runs on
its machine; containers of Jobs run a program (:mod:`lab.controllers.programs`) and end, all others become ready after
the declared delay. Containers do not survive a reboot, and a machine without power runs none.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from dataclasses import dataclass
from typing import Any

from . import needs, programs
from .api import CONFIG_MAPS, NODES, PODS, SECRETS, Object, Resource
from .base import Controller, Memory, merge_conditions, timestamp
from .manager import Host, Outcome, World
from .node import NO_CNI, runs_cni
from .pods import CILIUM_AGENT, container_id, has_labels, is_finished, is_ready, node_ready, started_on


@dataclass
class Run:
    """One pod on one boot of its machine."""

    restarts: int = 0
    task: asyncio.Task[Outcome] | None = None
    since: str = ""


@dataclass(frozen=True)
class State:
    """What a pod's status says: phase, readiness, why it waits, and how its containers ended."""

    phase: str
    ready: bool = False
    waiting: str = ""
    message: str = ""
    restarts: int = 0
    outcome: Outcome | None = None

    @property
    def summary(self) -> tuple[str, bool, str, str, int]:
        """What is compared to decide whether to write."""
        return self.phase, self.ready, self.waiting, self.message if self.waiting else "", self.restarts


class Kubelet(Controller):
    """Runs the pods of every machine that is up."""

    watches = (PODS, NODES, SECRETS, CONFIG_MAPS)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._runs: dict[tuple[str, str], Run] = {}
        self._started = Memory()
        self._restarted = Memory()

    async def reconcile(self) -> None:
        """Move every bound pod one step."""
        hosts = {host.name: host for host in self.world.hosts()}
        pods = [p for p in self.mirror(PODS) if p["spec"].get("nodeName")]
        alive = {(p["metadata"]["uid"], hosts[n].boot_id) for p in pods if (n := p["spec"]["nodeName"]) in hosts}
        for key in set(self._runs) - alive:
            run = self._runs.pop(key)
            if run.task:
                run.task.cancel()
        self._started.keep(self._runs)
        self._restarted.keep((key, run.restarts) for key, run in self._runs.items())
        networks = {host.name: runs_cni(pods, host) for host in hosts.values()}
        for pod in pods:
            host = hosts.get(pod["spec"]["nodeName"])
            if host is None or not host.alive:
                await self._lost(pod)
            elif pod["metadata"].get("deletionTimestamp"):
                await self.api.delete(PODS, pod)
            elif not is_finished(pod):
                await self._step(pod, host, networks[host.name])

    async def _lost(self, pod: Object) -> None:
        """A node that is not Ready any more takes its pods out of service (node life cycle controller)."""
        node = self.mirror(NODES).get("", pod["spec"]["nodeName"])
        if is_ready(pod) and (node is None or not node_ready(node)):
            status = pod["status"]
            conditions = [
                {**c, "status": "False", "lastTransitionTime": timestamp()} if c["type"] == "Ready" else c
                for c in status["conditions"]
            ]
            await self.api.merge(PODS.of(pod, "status"), {"status": {"conditions": conditions}})

    async def _step(self, pod: Object, host: Host, network: bool) -> None:
        key = (pod["metadata"]["uid"], host.boot_id)
        run = self._runs.setdefault(key, Run(since=timestamp()))
        state = self._state(pod, host, network, key, run)
        stale = state.phase == "Running" and not state.waiting and not started_on(pod, host.boot_id)
        if stale or state.summary != current_summary(pod):
            await self.api.merge(PODS.of(pod, "status"), {"status": self._status(pod, host, run, state)})

    def _state(self, pod: Object, host: Host, network: bool, key: Any, run: Run) -> State:
        # Who runs already has what it needed: a Secret that goes away later does not stop it.
        runs = is_ready(pod) and started_on(pod, host.boot_id)
        if not runs and (missing := needs.missing_volume(pod, self._find)):
            return State("Pending", waiting="ContainerCreating", message=missing)
        if not pod["spec"].get("hostNetwork") and not network:
            return State("Pending", waiting="ContainerCreating", message=NO_CNI)
        if not runs and (missing := needs.missing_environment(pod, self._find)):
            return State("Pending", waiting="CreateContainerConfigError", message=missing)
        if fault := self._fault(pod):
            return State("Pending", waiting=fault.reason, message=fault.message)
        if trouble := self._trouble(pod, runs):
            return trouble
        started = self._started.since(key)
        if programs.is_job(pod):
            return self._job_state(pod, host, key, run)
        if not self.due(started, self._delay(pod)):
            return State("Pending", waiting="ContainerCreating")
        if problem := programs.unreachable_api(pod, host):
            return State("Running", waiting="CrashLoopBackOff", message=problem, restarts=1)
        return State("Running", ready=True, restarts=run.restarts)

    def _delay(self, pod: Object) -> float:
        if has_labels(pod, CILIUM_AGENT):
            return self.world.delays.cilium.agent
        if has_labels(pod, {"io.cilium/app": "operator"}):
            return self.world.delays.cilium.operator
        return self.world.delays.kubernetes.rollout

    def _job_state(self, pod: Object, host: Host, key: Any, run: Run) -> State:
        """Run the program; a failed container of ``restartPolicy: OnFailure`` is started again in place."""
        if run.restarts and not self.due(
            self._restarted.since((key, run.restarts)), self.world.delays.kubernetes.restart
        ):
            return State("Running", waiting="CrashLoopBackOff", restarts=run.restarts)
        if run.task is None:
            run.task = asyncio.get_running_loop().create_task(programs.run(self.world, pod, host))
            run.task.add_done_callback(lambda _: self.wake.set())
        if not run.task.done():
            return State("Running", ready=True, restarts=run.restarts)
        outcome = run.task.result()
        self._log(pod, outcome)
        if outcome.code == 0:
            return State("Succeeded", restarts=run.restarts, outcome=outcome)
        if pod["spec"].get("restartPolicy") == "Never":
            return State("Failed", restarts=run.restarts, outcome=outcome)
        run.restarts, run.task = run.restarts + 1, None
        self.wake.set()
        return State("Running", waiting="CrashLoopBackOff", restarts=run.restarts, outcome=outcome)

    def _fault(self, pod: Object) -> Any:
        for owner in pod["metadata"].get("ownerReferences") or []:
            for kind, name in programs.owner_names(owner):
                meta = {"name": name, "namespace": pod["metadata"]["namespace"]}
                if fault := self.world.fault_for(kind, {"metadata": meta, "spec": pod["spec"]}):
                    return fault
        return None

    def _trouble(self, pod: Object, runs: bool) -> State | None:
        """What the platform's own programs make of a pod: one that crashes, is not ready, or waits for its volume."""
        platform, namespace = self.world.platform, pod["metadata"]["namespace"]
        if not runs:
            for claim in needs.claims_of(pod):
                if message := platform.unattachable.get((namespace, claim)):
                    return State("Pending", waiting="ContainerCreating", message=message)
        for owner in pod["metadata"].get("ownerReferences") or [] if platform.trouble else []:
            for kind, name in programs.owner_names(owner):
                if kind == "Deployment" and (trouble := platform.trouble.get((namespace, name))):
                    return State("Running", waiting=trouble.reason, message=trouble.message, restarts=trouble.restarts)
        return None

    def _find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self.mirror(resource).get(namespace, name)

    def _log(self, pod: Object, outcome: Outcome) -> None:
        """Keep what a container wrote, in a private file per pod."""
        directory = self.world.logs / "pods"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{pod['metadata']['namespace']}_{pod['metadata']['name']}.log"
        with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(outcome.output.rstrip() + "\n")

    def _status(self, pod: Object, host: Host, run: Run, state: State) -> Object:
        old = pod.get("status") or {}
        finished = state.phase in ("Succeeded", "Failed")
        flags = {"Initialized": state.phase != "Pending", "Ready": state.ready, "ContainersReady": state.ready}
        why = {"reason": "PodCompleted"} if finished else {"reason": "ContainersNotReady"}
        conditions = [
            {"type": kind, "status": str(value), **({} if value else why), **_message(kind, state)}
            for kind, value in {**flags, "PodScheduled": True}.items()
        ]
        status = {
            "phase": state.phase,
            "hostIP": host.address,
            "hostIPs": [{"ip": host.address}],
            "startTime": old.get("startTime") or run.since,
            "conditions": merge_conditions(old.get("conditions"), conditions),
            "containerStatuses": [_container(pod, c, state, run, host) for c in pod["spec"].get("containers") or []],
        }
        if state.phase != "Pending":
            address = host.address if pod["spec"].get("hostNetwork") else self._pod_ip(pod)
            if address:
                status |= {"podIP": address, "podIPs": [{"ip": address}]}
        return status

    def _pod_ip(self, pod: Object) -> str:
        """Return the pod's address: the one it has, else the next free one of its node's block."""
        known = (pod.get("status") or {}).get("podIP")
        node = self.mirror(NODES).get("", pod["spec"]["nodeName"])
        block = ((node or {}).get("spec") or {}).get("podCIDR")
        if known or not block:
            return known or ""
        taken = {(p.get("status") or {}).get("podIP") for p in self.mirror(PODS)}
        return next((str(a) for a in list(ipaddress.ip_network(block).hosts())[1:] if str(a) not in taken), "")


def current_summary(pod: Object) -> tuple[str, bool, str, str, int]:
    """Return what :attr:`State.summary` is compared with."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or [{}]
    waits = [c["state"]["waiting"] for c in containers if (c.get("state") or {}).get("waiting")]
    reason, message = (waits[0]["reason"], waits[0].get("message", "")) if waits else ("", "")
    return status.get("phase", ""), is_ready(pod), reason, message, containers[0].get("restartCount", 0)


def _message(kind: str, state: State) -> Object:
    return {"message": state.message} if state.message and kind in ("Ready", "ContainersReady") else {}


def _container(pod: Object, container: Object, state: State, run: Run, host: Host) -> Object:
    result: Object = {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"] if state.phase != "Pending" else "",
        "ready": state.ready,
        "started": state.ready,
        "restartCount": state.restarts,
        "lastState": {},
    }
    if state.phase != "Pending":
        result["containerID"] = container_id(pod, container["name"], host.boot_id, state.restarts)
    ended = None
    if state.outcome is not None:
        ended = {
            "exitCode": state.outcome.code,
            "reason": "Completed" if state.outcome.code == 0 else "Error",
            "startedAt": run.since,
            "finishedAt": timestamp(),
        }
        wants_log = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if state.outcome.code and wants_log:
            ended["message"] = state.outcome.output[-2048:]
    if state.waiting:
        waiting = {"reason": state.waiting, **({"message": state.message} if state.message else {})}
        result |= {"state": {"waiting": waiting}, "lastState": {"terminated": ended} if ended else {}}
    elif ended:
        result["state"] = {"terminated": ended}
    else:
        result["state"] = {"running": {"startedAt": run.since}}
    return result
