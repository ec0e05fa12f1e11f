# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Kubernetes whether a node may reboot, wait until it may, and see that it is back; ``spare_plan`` decides.

etcd's quorum says nothing of the volumes: two of three etcd voters may be well while a replica of Longhorn is still
being rebuilt on one of them. Nothing is connected before the first question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, InputError, WaitTimeout
from ..common.wait import Deadline, Observation, wait_until
from ..kubernetes.client import Client, segment
from ..kubernetes.errors import Forbidden, KubernetesError, NotFound, NotTrusted, Unauthorized
from ..longhorn import volumes
from . import spare_plan
from .spare_plan import Verdict

#: Seconds for which an API that does not answer is asked again: its address may just be moving to another node.
SILENCE = 60.0
#: Seconds between two looks.
INTERVAL = 1.0
CNI_PATH = "/apis/apps/v1/namespaces/kube-system/daemonsets/cilium"

#: What asking again does not change.
_HOPELESS = (Forbidden, InputError, NotTrusted, Unauthorized)


@dataclass
class Spare:
    """Who is asked, beside etcd, before a node reboots.

    :param connect: makes the client of the cluster's API.
    :param namespace: Longhorn's.
    :param patience: seconds for which nodes and volumes are waited for.
    :param unreachable: ``refuse`` the reboot when the API cannot be asked, or ``reboot`` all the same.
    """

    connect: Callable[[], Client]
    namespace: str = "longhorn-system"
    patience: float = 300.0
    unreachable: str = "refuse"
    _client: Client | None = field(default=None, init=False, repr=False)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def look(self, name: str) -> Verdict:
        """Judge once.

        :param name: the node's name in Kubernetes.
        :raises KubernetesError: the API cannot be asked.
        :raises InputError: the kubeconfig cannot be used.
        """
        kube = self._kube()
        nodes, _version = kube.list("/api/v1/nodes", attempted="reading the nodes")
        try:
            cni = bool(kube.get(CNI_PATH, attempted="reading DaemonSet kube-system/cilium"))
        except NotFound:
            cni = False
        return spare_plan.judge(name, nodes, cni, volumes.read(kube, self.namespace) or [])

    def require(
        self, name: str, target: str, deadline: Deadline, ctx: Context, facts: Mapping[str, Any], *, bare: bool
    ) -> Verdict:
        """Wait until the node may reboot.

        :param target: the node's name for people.
        :param facts: the module's result so far, for the error.
        :param bare: etcd is proved to hold nothing, so that there is no Kubernetes that could answer.
        :raises HomeopsError: it may not; nothing was sent.
        """
        heard: HomeopsError | None = None
        silence = Deadline(0)

        def look() -> Observation[Verdict]:
            nonlocal heard, silence
            try:
                found = self.look(name)
            except (KubernetesError, InputError) as error:
                if heard is None:
                    silence = Deadline(SILENCE)
                heard = error
                if bare or isinstance(error, _HOPELESS) or silence.passed:
                    return Observation(True, "", Verdict())
                return Observation(False, f"the Kubernetes API cannot be asked: {error.finding()}")
            heard = None
            return Observation(not found.reasons or found.hopeless, "; ".join(found.reasons), found)

        try:
            found = wait_until(
                look,
                what="Kubernetes to spare this node",
                target=target,
                timeout=min(self.patience, deadline.left),
                ctx=ctx,
                interval=INTERVAL,
            )
        except WaitTimeout as error:
            if heard is None:
                raise _refused(target, error.answer.partition("still: ")[2] or error.answer, facts) from error
            found = None
        if heard is not None and not bare:
            self._unasked(heard, target, ctx, facts)
        if found is not None and found.reasons:
            raise _refused(target, "; ".join(found.reasons), facts)
        return found or Verdict()

    def _unasked(self, error: HomeopsError, target: str, ctx: Context, facts: Mapping[str, Any]) -> None:
        """Refuse, or warn where that was asked for."""
        text = f"Kubernetes cannot be asked whether it can spare the node: {error.finding()}"
        if self.unreachable == "reboot":
            ctx.warn(f"{target}: {text}. It reboots all the same, as kubernetes_unreachable says")
            return
        cure = error.remedy.strip().rstrip(".") or "Bring the API back"
        # pylint does not see what KubernetesError derives from, two relative imports away.
        raise HomeopsError(  # pylint: disable=bad-exception-cause
            "rebooting this node",
            target=target,
            answer=f"etcd can spare it, but {text}",
            remedy=f"{cure}. When every volume is known to be healthy, kubernetes_unreachable: reboot goes by etcd's "
            "quorum alone. Nothing was sent",
            param="kubernetes_unreachable",
            facts=facts,
        ) from error

    def foresee(self, name: str) -> list[str]:
        """Return what would hold the reboot up now, as sentences.

        :raises KubernetesError: the API cannot be asked.
        :raises InputError: the kubeconfig cannot be used.
        """
        return [f"the reboot would wait, and then be refused: {reason}" for reason in self.look(name).reasons]

    def unforeseen(self, error: HomeopsError) -> str:
        """Say what it means that the API cannot be asked."""
        what = "go on all the same" if self.unreachable == "reboot" else "be refused"
        return f"the reboot would {what}: Kubernetes cannot be asked whether it can spare the node: {error.finding()}"

    def missing(self, name: str, boot_id: str) -> str:
        """Say what a rebooted node lacks to be back in Kubernetes; empty when it is."""
        try:
            node = self._kube().get(f"/api/v1/nodes/{segment(name)}", attempted=f"reading node {name}")
        except NotFound:
            node = None
        except KubernetesError as error:
            return f"the Kubernetes API cannot be asked: {error.finding()}"
        return spare_plan.missing(node, boot_id)

    def _kube(self) -> Client:
        if self._client is None:
            self._client = self.connect()
        return self._client


def _refused(target: str, answer: str, facts: Mapping[str, Any]) -> HomeopsError:
    return HomeopsError(
        "rebooting this node",
        target=target,
        answer=answer,
        remedy="Heal that and run the same again, give it more time, or store the machine config for a later reboot "
        "(reboot_policy: staged); without a kubeconfig only etcd is asked. Nothing was sent",
        param="health_timeout",
        facts=facts,
    )
