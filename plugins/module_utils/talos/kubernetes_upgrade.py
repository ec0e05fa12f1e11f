# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the Kubernetes of a cluster to another version: the steps of ``talos_kubernetes_upgrade``, in order.

Look at every node, plan the whole way, pull every image; then one component of one node after the other: guard, edit
its machine config, and prove by what runs. The first step that fails ends the run. What is done is read from the nodes
each time, so that the next run goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..common.wait import Deadline, Observation, wait_until
from ..kubernetes.client import Client
from ..kubernetes.errors import KubernetesError
from ..longhorn import replicas, volumes
from . import (
    documents,
    health,
    kubernetes_images as images,
    kubernetes_plan as planning,
    kubernetes_state as observed,
    node_config,
    operations,
    state,
)
from .client import TalosClient
from .connection import NodeMode, Target, connect
from .errors import ConnectionLost, TalosError
from .guard import Guard
from .identity import Identity
from .kubernetes_plan import NodeState, Plan, Step, Version

#: What the node that is about to change may lack: the step may be what mends it.
_OWN = ("staticPods", "nodeReady", "services", "service kubelet", "stage booting")


@dataclass(frozen=True)
class Options:
    """How to upgrade; see the module's options of the same names."""

    confirm: str = ""
    hardware_ids: Mapping[str, str] = field(default_factory=dict)
    longhorn_namespace: str = "longhorn-system"
    pull_timeout: float = 600.0
    health_timeout: float = 300.0
    step_timeout: float = 300.0
    call_timeout: float = 10.0
    tolerated: tuple[str, ...] = ()


@dataclass
class KubernetesUpgrade:
    """One upgrade of one cluster."""

    targets: Sequence[Target]
    identity: Identity
    version: Version
    kube: Client
    guard: Guard
    options: Options
    ctx: Context
    result: dict[str, Any] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Upgrade what is behind, and return the module's result.

        :raises InputError: it must not happen, or is not confirmed; nothing was sent.
        :raises HomeopsError: a step failed; what was done before it stays.
        """
        nodes = state.each_node(
            self.targets,
            lambda target: observed.observe(
                target,
                self.identity,
                self.kube,
                self.options.call_timeout,
                self.options.hardware_ids.get(target.label, ""),
            ),
        )
        plan = planning.plan(self.version, nodes)
        self.result.update(
            changed=False,
            version=str(self.version),
            nodes=_told(nodes),
            steps=_texts(plan.steps),
            confirmed=planning.parse(self.options.confirm) == self.version,
        )
        if plan.refusals:
            raise InputError(
                f"Kubernetes is not brought to {self.version}",
                answer="; ".join(plan.refusals),
                remedy="Nothing was sent",
                param="version",
                facts=self.result,
            )
        if not plan.steps:
            return self.result
        self._confirm()
        for text in plan.notes:
            self.ctx.warn(text)
        if self.ctx.diff_mode:
            self.result["diff"] = _diff(nodes, plan)
        if self.ctx.check_mode:
            return {**self.result, "changed": True}
        self._pull(plan)
        for step in plan.steps:
            self._step(step, plan)
        return {**self.result, "changed": True}

    def _confirm(self) -> None:
        said = self.options.confirm.strip()
        if self.ctx.check_mode or self.result["confirmed"]:
            return
        raise InputError(
            f"Kubernetes is not brought to {self.version}",
            answer=f"confirm says {said!r}" if said else "confirm is empty",
            remedy=f"Name the version that is wanted: {self.version}. Nothing was sent",
            param="confirm",
            facts=self.result,
        )

    def _pull(self, plan: Plan) -> None:
        """Have every image on its node before the first component goes.

        :raises HomeopsError: no registry has one of them; nothing was changed.
        """

        def pull(target: Target) -> None:
            wanted = [step for step in plan.steps if step.node == target.label and step.component != planning.PROXY]
            for step in wanted:
                self.ctx.progress(f"{target.label} pulls {step.image}")
                client, _mode = connect(target, self.identity, self.options.call_timeout)
                with client:
                    system = step.component == planning.KUBELET
                    operations.pull_image(client, step.image, system=system, timeout=self.options.pull_timeout)

        try:
            state.each_node(self.targets, pull)
        except TalosError as refusal:
            # What it tells is in the new one.
            raise self._unpulled(refusal) from None

    def _unpulled(self, error: TalosError) -> HomeopsError:
        return HomeopsError(
            error.attempted,
            target=error.target,
            answer=error.details or error.answer,
            remedy="Does this version exist, and does the node reach the registry? No machine config was changed",
            param="version",
            facts=self.result,
        )

    # -- one step --------------------------------------------------------------------------------------------------
    def _step(self, step: Step, plan: Plan) -> None:
        target = next(item for item in self.targets if item.label == step.node)
        self.ctx.progress(step.text)
        deadline = Deadline(self.options.health_timeout + self.options.step_timeout)
        try:
            with ExitStack() as stack:
                cluster = self._cluster_of(target, deadline)
                if step.component != planning.PROXY:
                    doing = f"changing {step.component} of this node"
                    stack.enter_context(self.guard.alone(target, cluster, doing, deadline, self.ctx))
                    self._require_health(target)
                self._edit_and_prove(target, step)
        except HomeopsError as error:
            raise self._stopped(step, plan, error) from error
        self.done.append(step)

    def _cluster_of(self, target: Target, deadline: Deadline) -> Mapping[str, Any]:
        """Return section ``cluster`` of the node's config, waiting for a node that has just been busy."""

        def look() -> Observation[Mapping[str, Any]]:
            def read(client: TalosClient) -> Observation[Mapping[str, Any]]:
                body = images.body_of(node_config.read_config(client, "v1alpha1"))
                return Observation(True, "", body.get("cluster") or {})

            return self._ask(target, read)

        found = wait_until(
            look, what=f"{target.label} to answer", target=target.label, timeout=deadline.left, ctx=self.ctx
        )
        return found or {}

    def _require_health(self, target: Target) -> None:
        """Wait until everything else is healthy: nodes, etcd with all its voters and no alarm, Longhorn's volumes."""

        def look() -> Observation[None]:
            nodes = state.each_node(
                self.targets,
                lambda item: state.look(item, self.identity, self.options.call_timeout, health.PARTS),
            )
            lacks = []
            for name, missing in health.missing(nodes, self.options.tolerated).items():
                mine = name == target.label
                lacks += [f"{name}: {text}" for text in missing if not (mine and text.startswith(_OWN))]
            if not lacks:
                lacks += self._longhorn(target)
            return Observation(not lacks, "; ".join(lacks))

        wait_until(
            look,
            what="every other node, etcd and Longhorn to be healthy",
            target=target.label,
            timeout=self.options.health_timeout,
            ctx=self.ctx,
            interval=1.0,
            remedy="Heal that first",
        )

    def _longhorn(self, target: Target) -> list[str]:
        try:
            rows = volumes.read(self.kube, self.options.longhorn_namespace)
        except KubernetesError as error:
            return [f"Longhorn cannot be asked: {error.answer or error}"]
        return list(replicas.judge(rows or [], target.label).reasons)

    def _edit_and_prove(self, target: Target, step: Step) -> None:
        """Send the config until it is stored, and wait for what runs to follow."""

        def work(client: TalosClient) -> Observation[None]:
            config = node_config.read_config(client, "persistent")
            body = images.body_of(config)
            if images.configured(body).get(step.component) != step.image:
                self._send(client, config, step)
                return Observation(False, "the machine config was sent")
            if step.component == planning.PROXY:
                return self._roll_proxy(step.image) if images.uses_proxy(body) else Observation(True, "not used")
            return self._runs(client, target, step)

        wait_until(
            lambda: self._ask(target, work),
            what=f"{step.component} of {target.label} to run {planning.tag(step.image)}",
            target=target.label,
            timeout=self.options.step_timeout,
            ctx=self.ctx,
            interval=0.3,
        )

    def _send(self, client: TalosClient, config: list[documents.Document], step: Step) -> None:
        document = documents.v1alpha1(config)
        if document is None:
            raise HomeopsError(
                "reading the machine config", target=client.target, answer="it holds no v1alpha1 document"
            )
        images.set_image(document.body, step.component, step.image)
        try:
            # Never AUTO: should the node think that this needs a reboot, it must say so instead of rebooting.
            client.apply_configuration(documents.encode(config).encode(), "NO_REBOOT")
        except ConnectionLost:
            self.ctx.warn(f"{step.node}: the connection ended before the answer; waiting tells what happened")

    def _runs(self, client: TalosClient, target: Target, step: Step) -> Observation[None]:
        wanted = planning.parse(planning.tag(step.image))
        name = observed.nodename(client, target.label)
        if step.component == planning.KUBELET:
            service = next((item for item in client.services() if item.id == "kubelet"), None)
            if service is None or service.state != "Running" or service.healthy is not True:
                return Observation(False, "the service kubelet is not healthy yet")
            version, ready = observed.kubelet(self.kube, name)
            return Observation(
                version == wanted and ready,
                f"its kubelet reports {version or 'nothing'}{'' if ready else ', not Ready'}",
            )
        pod = observed.static_pods(client, name).get(step.component)
        if pod is None:
            return Observation(False, "the static pod is not there yet")
        reason = f" ({pod.reason})" if pod.reason else ""
        running = planning.tag(pod.image) or "nothing"
        return Observation(
            pod.ready and planning.parse(running) == wanted,
            f"the static pod runs {running} and is {'ready' if pod.ready else 'not ready'}{reason}",
        )

    def _roll_proxy(self, image: str) -> Observation[None]:
        """Give the DaemonSet the image that the machine configs name; Talos writes it only when it is missing."""
        running = observed.proxy_image(self.kube)
        if not running:
            return Observation(True, "no DaemonSet kube-proxy")
        if running != image:
            container = {"name": "kube-proxy", "image": image}
            patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
            self.kube.request(
                "PATCH",
                observed.PROXY_PATH,
                body=patch,
                media="application/strategic-merge-patch+json",
                attempted="giving DaemonSet kube-system/kube-proxy its image",
            )
            return Observation(False, "the DaemonSet was changed")
        found = self.kube.get(observed.PROXY_PATH)
        status = found.get("status") or {}
        wanted = int(status.get("desiredNumberScheduled") or 0)
        current = status.get("observedGeneration") == found["metadata"].get("generation")
        counts = [int(status.get(key) or 0) for key in ("updatedNumberScheduled", "numberAvailable")]
        return Observation(current and min(counts) >= wanted, f"{min(counts)} of {wanted} pods of kube-proxy are new")

    def _ask(self, target: Target, work: Any) -> Observation[Any]:
        """Look at one node; one that is away for now is a state, one that refuses is an error."""
        try:
            client, mode = connect(target, self.identity, self.options.call_timeout)
            with client:
                if mode is NodeMode.MAINTENANCE:
                    raise HomeopsError(
                        "upgrading this node", target=target.label, answer="it is in maintenance: it lost its config"
                    )
                found: Observation[Any] = work(client)
                return found
        except TalosError as error:
            if error.permanent or not error.transient:
                raise
            return Observation(False, (error.details or error.answer or str(error)).splitlines()[0])
        except KubernetesError as error:
            return Observation(False, f"the Kubernetes API: {error.answer or error}".splitlines()[0])

    def _stopped(self, step: Step, plan: Plan, error: HomeopsError) -> HomeopsError:
        """Return the failure of a step with the way on and the way back."""
        rest = plan.steps[len(self.done) :]
        before = planning.parse(step.before)
        same = before is not None and before.minor == self.version.minor
        back = (
            f"or set the version back to {before} and run it again to go back"
            if same and before != self.version
            else "API servers do not go back over a minor release: the way back is the etcd snapshot"
        )
        return HomeopsError(
            f"bringing {step.component} to {planning.tag(step.image)}",
            target=step.node,
            answer=error.answer or str(error),
            remedy=(
                f"{error.remedy + '. ' if error.remedy else ''}{len(self.done)} of {len(plan.steps)} steps are done "
                f"and stay, the other nodes are as they were. Run the same again to go on, {back}"
            ),
            param=error.param,
            facts={
                **self.result,
                "changed": bool(self.done) or step.edit,
                "done": _texts(self.done),
                "left": _texts(rest),
            },
        )


def _texts(steps: Sequence[Step]) -> list[str]:
    return [step.text for step in steps]


def _told(nodes: Sequence[NodeState]) -> dict[str, dict[str, str]]:
    """Return what every node runs, as a module returns it."""
    return {node.name: {key: str(version or "") for key, version in node.running.items()} for node in nodes}


def _diff(nodes: Sequence[NodeState], plan: Plan) -> dict[str, str]:
    def shown(states: Sequence[NodeState]) -> str:
        return "".join(f"{node.name} {key}: {image}\n" for node in states for key, image in node.configured.items())

    end = list(nodes)
    for step in plan.steps:
        end = planning.after(end, step)
    title = "Kubernetes: images in the machine configs"
    return {"before": shown(nodes), "after": shown(end), "before_header": title, "after_header": title}
