# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one node to its machine config: the steps of ``talos_apply``, in order, over one connection.

Look, plan, check the hardware, guard etcd's quorum and what Kubernetes needs, send, prove. Everything is decided by
``apply_plan``; here it is done.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from ..common.wait import Deadline
from ..kubernetes.errors import KubernetesError
from . import (
    apply_plan,
    config_source,
    kubernetes_images,
    kubernetes_state,
    node_state,
    quorum,
    upgrade_plan,
    volumes,
)
from .apply_plan import Observed, Plan
from .client import ApplyAnswer, TalosClient
from .config_source import Desired
from .connection import NodeMode, Target, connect
from .errors import INVALID_ARGUMENT, ConnectionLost, TalosError
from .factory import Supply
from .guard import Guard
from .identity import Identity
from .pki import fingerprint
from .spare import Spare
from .state import etcd_state

#: Seconds in which an accepted config must show in the node's resources.
CONFIG_PATIENCE = 15.0


@dataclass(frozen=True)
class Options:
    """How to apply; see the module's options of the same names.

    :param control_planes: every control plane of the cluster, for the quorum guard.
    :param call_timeout: seconds per call; ``wait_timeout`` for all waits together.
    :param spare: asks Kubernetes before a reboot; None asks etcd alone.
    """

    mode: str = "auto"
    reboot_policy: str = "allow"
    try_timeout: float = 60.0
    check_hardware: bool = True
    wait: bool = True
    wait_timeout: float = 900.0
    call_timeout: float = 10.0
    lock_dir: str | None = None
    tolerated: Sequence[str] = ("nodeReady",)
    kubernetes_policy: str = "allow"
    control_planes: Sequence[Target] = ()
    supply: Supply = field(default_factory=Supply)
    spare: Spare | None = None


@dataclass
class Apply:
    """One apply to one node."""

    target: Target
    identity: Identity | None
    wanted: Desired
    options: Options
    ctx: Context
    result: dict[str, Any] = field(default_factory=dict)
    #: Whether the node was Ready in Kubernetes before its reboot.
    _was_ready: bool = field(default=False, init=False)

    def run(self) -> dict[str, Any]:
        """Do what is needed and return the module's result.

        :raises HomeopsError: with what was attempted; ``facts`` hold what is known so far.
        """
        deadline = Deadline(self.options.wait_timeout)
        client, mode = connect(self.target, self.identity, self.options.call_timeout)
        with client:
            observed = node_state.observe(client, mode)
            plan = apply_plan.plan(
                self.wanted.documents, observed, mode=self.options.mode, reboot_policy=self.options.reboot_policy
            )
            self._tell(plan, observed)
            self._check_kubernetes(plan, observed)
            self._compare_version(client, mode)
            self._check(client, plan, mode)
            self._have_installer(plan)
            if self.ctx.check_mode or not plan.changed:
                if plan.changed:
                    self._dry_run(client, plan, observed)
                    self._foresee(client, plan)
                awaited = self._look_at_volumes(client, plan, mode)
            else:
                self._check_identity(plan)
                with self._guard(client, plan, observed, deadline):
                    self._send(client, plan, deadline)
                awaited = True
        if awaited and not self.ctx.check_mode:  # no lock is held any more
            self._prove_volumes(plan, deadline)
        return self.result

    def _tell(self, plan: Plan, observed: Observed) -> None:
        """Put the plan into the result."""
        self.result.update(
            changed=plan.changed,
            action=plan.action,
            mode=plan.mode.lower(),
            mode_answered="",
            reboot=plan.reboots,
            reboot_paths=plan.reboot_paths,
            pending_reboot=plan.pending_reboot,
            try_open=plan.try_open,
            node_mode=observed.mode.value,
            stage=observed.stage,
            changed_paths=apply_plan.changed_paths(self.wanted.documents, observed) if plan.changed else [],
            boot_id_before="",
            boot_id_after="",
            sha256=self.wanted.sha256,
            hardware={},
            volumes={},
            notes=list(plan.notes),
            config_warnings=[],
        )
        if self.ctx.diff_mode and plan.changed:
            title = f"{self.target.label}: machine config"
            self.result["diff"] = apply_plan.masked_diff(self.wanted.documents, observed, title)

    def _warn(self, text: str) -> None:
        if text not in self.result["config_warnings"]:
            self.result["config_warnings"].append(text)
        self.ctx.warn(f"{self.target.label}: {text}")

    def _check(self, client: TalosClient, plan: Plan, mode: NodeMode) -> None:
        """Validate offline and against the node's hardware.

        :raises InputError: nothing was sent; for hardware the message lists what the node has.
        """
        for text in config_source.warnings_of(self.wanted, requires_install=mode is NodeMode.MAINTENANCE):
            self._warn(text)
        if not self.options.check_hardware:
            return
        report = node_state.check_hardware(client, self.wanted.documents)
        self.result["hardware"] = report.chosen
        for text in report.warnings if plan.changed else [*report.warnings, *report.errors]:
            self._warn(text)
        if plan.changed and report.errors:
            raise InputError(
                "the machine config does not fit this node's hardware, nothing was sent",
                target=client.target,
                answer="; ".join(report.errors),
                remedy=". ".join([*report.remedies, "Correct the selector or the node, or set check_hardware: false"]),
                param="patches",
                facts={"hardware": report.chosen},
            )

    def _check_kubernetes(self, plan: Plan, observed: Observed) -> None:
        """Refuse another Kubernetes version for a node that has one: all API servers would restart at once.

        :raises InputError: nothing was sent.
        """
        if self.options.kubernetes_policy != "refuse" or not plan.changed or not observed.persistent:
            return
        moved = kubernetes_images.moved(observed.persistent, self.wanted.documents)
        if moved:
            raise InputError(
                "the machine config would change the version of Kubernetes, nothing was sent",
                target=self.target.label,
                answer=", ".join(moved),
                remedy="Run playbooks/upgrade_kubernetes.yml, which takes one component after the other",
                param="kubernetes_version",
                facts={**self.result, "changed": False},
            )

    @property
    def _installer(self) -> str:
        """The installer that the config names, empty for none."""
        return str((self.wanted.machine.get("install") or {}).get("image") or "")

    def _have_installer(self, plan: Plan) -> None:
        """Before a first install, have the Image Factory know the schematic of the installer.

        :raises HomeopsError: it cannot be asked, or refuses; nothing was sent to the node.
        """
        if plan.action != "install":
            return
        if self.options.supply.ensure(self._installer, predict=self.ctx.check_mode):
            self.result["notes"].append("the Image Factory is given the schematic, which it did not know")

    def _compare_version(self, client: TalosClient, mode: NodeMode) -> None:
        """Warn of a node that runs another Talos than its config installs: an apply upgrades nothing."""
        wanted = upgrade_plan.image(self._installer)
        if wanted is None or mode is not NodeMode.CONFIGURED:
            return
        differs = upgrade_plan.plan(node_state.running_of(client), wanted).why
        if differs:
            self._warn(f"it runs {differs}. No apply changes that: run playbooks/upgrade_talos.yml")

    def _dry_run(self, client: TalosClient, plan: Plan, observed: Observed) -> None:
        """Let the node validate. Its answer holds private keys and is dropped.

        Not while a config is being tried: any apply, dry or not, would end the node's own fallback.
        """
        if plan.try_open or observed.tried:
            self._warn("a machine config is being tried, so the node was not asked to validate the new one")
            return
        answer = self._hand_over(client, "AUTO", dry_run=True)
        for text in answer.warnings:
            self._warn(text)

    def _hand_over(self, client: TalosClient, mode: str, **how: Any) -> ApplyAnswer:
        """Give the node its config, and say of one that it finds wrong where that comes from.

        :param how: ``dry_run`` or ``try_timeout``.
        :raises InputError: in the node's words; it keeps the config that it has.
        """
        try:
            return client.apply_configuration(self.wanted.text.encode(), mode, **how)
        except TalosError as error:
            if error.code != INVALID_ARGUMENT:
                raise
            # pylint does not see what TalosError derives from, two relative imports away.
            raise InputError(  # pylint: disable=bad-exception-cause
                "the node refuses the machine config and keeps the one it has",
                target=error.target,
                answer=error.answer,
                remedy="Correct the patch that brings this in; talos_config shows the whole config",
                param="patches",
                facts={**self.result, "changed": False},
            ) from error

    def _check_identity(self, plan: Plan) -> None:
        """Refuse a first install which we could not follow.

        :raises InputError: no talosconfig, or one of another CA than the config's.
        """
        if plan.action != "install" or not self.options.wait:
            return
        if self.identity is None and self.ctx.check_mode:
            return  # an earlier task of the same run would have written it
        if self.identity is None:
            raise InputError(
                "the first machine config is not sent: nobody could tell whether the node comes back with it",
                target=self.target.label,
                remedy="Give the talosconfig of the cluster (talos_config writes it), or set wait: false",
                param="talosconfig",
            )
        if not _same_certificate((self.wanted.machine.get("ca") or {}).get("crt") or "", self.identity.ca):
            raise InputError(
                "the talosconfig is of another CA than the machine config",
                target=self.target.label,
                remedy="Make both from the same secrets bundle",
                param="talosconfig",
            )

    # -- the guard ---------------------------------------------------------------------------------------------------

    def _guarding(self) -> Guard:
        return Guard(self.identity, self.options.control_planes, self.options.call_timeout, self.options.lock_dir)

    @contextlib.contextmanager
    def _guard(self, client: TalosClient, plan: Plan, observed: Observed, deadline: Deadline) -> Iterator[None]:
        """Hold the cluster's lock around a reboot, and enter only when etcd and Kubernetes can spare the node.

        What the node is now counts too: one that is to become a worker takes its vote with it. A worker has no vote,
        and replicas of Longhorn like any other node.
        """
        spare = self.options.spare
        control_plane = self.wanted.control_plane or observed.control_plane
        if plan.action != "reboot" or not (control_plane or spare):
            yield
            return
        unsent = {**self.result, "changed": False, "reboot": False}

        def ask_kubernetes(etcd: quorum.Verdict) -> None:
            if spare is not None:
                name = kubernetes_state.nodename(client, self.target.label)
                found = spare.require(name, self.target.label, deadline, self.ctx, unsent, bare=etcd.bare)
                self._was_ready = found.ready

        doing = f"rebooting this {'control plane' if control_plane else 'node'}"
        guard = self._guarding()
        with contextlib.ExitStack() as stack:
            if spare is not None:
                stack.callback(spare.close)
            stack.enter_context(
                guard.alone(self.target, self.wanted.cluster, doing, deadline, self.ctx, unsent, ask_kubernetes)
            )
            yield

    def _foresee(self, client: TalosClient, plan: Plan) -> None:
        """Say what would hold the reboot up; etcd's quorum is a matter of the moment, and so is not foretold."""
        spare = self.options.spare
        if plan.action != "reboot" or spare is None:
            return
        with contextlib.closing(spare):
            try:
                texts = spare.foresee(kubernetes_state.nodename(client, self.target.label))
            except (KubernetesError, InputError) as error:
                texts = [] if self._guarding().verdict(self.target).bare else [spare.unforeseen(error)]
        for text in texts:
            self.result["notes"].append(text)
            self.ctx.warn(f"{self.target.label}: {text}")

    # -- sending and proving -----------------------------------------------------------------------------------------

    def _send(self, client: TalosClient, plan: Plan, deadline: Deadline) -> None:
        configured = plan.action != "install"
        voter = False
        if configured and plan.reboots:
            self.result["boot_id_before"] = client.boot_id()
            voter = self.wanted.control_plane and etcd_state(client)["voter"]
        try_timeout = self.options.try_timeout if plan.mode == "TRY" else None
        try:
            answer = self._hand_over(client, plan.mode, try_timeout=try_timeout)
        except ConnectionLost:
            if not self.options.wait:
                raise
            self._warn(
                "the connection ended before the answer; whether the machine config arrived is proved by waiting"
            )
        else:
            self.result["mode_answered"] = answer.mode.lower() if configured else ""
            for text in answer.warnings:
                self._warn(text)
        client.close()
        if not self.options.wait:
            return
        if plan.reboots:
            self._prove_return(plan, voter, deadline)
        else:
            self._prove_config(plan, deadline)

    def _prove_return(self, plan: Plan, voter: bool, deadline: Deadline) -> None:
        if self.identity is None:  # _check_identity and a configured connection have seen to it
            return
        bootstrapped = voter or not self.wanted.control_plane or self._was_ready
        settled = plan.action == "reboot" and bootstrapped
        tolerated = [name for name in self.options.tolerated if not (self._was_ready and name == "nodeReady")]
        self.result["boot_id_after"] = node_state.wait_until_back(
            self.target,
            self.identity,
            self.wanted.documents,
            node_state.Return(
                old_boot_id=self.result["boot_id_before"],
                stages=("running",) if settled else node_state.AT_WORK,
                voter=voter,
                tolerated=tolerated,
                further=self._missing_in_kubernetes if self._was_ready else None,
            ),
            call_timeout=self.options.call_timeout,
            timeout=deadline.left,
            ctx=self.ctx,
        )
        self.result["pending_reboot"] = False

    def _missing_in_kubernetes(self, client: TalosClient, boot_id: str) -> str:
        """Say what a node that was Ready before lacks to be so again; the next node must not go before."""
        spare = self.options.spare
        if spare is None:
            return ""
        return spare.missing(kubernetes_state.nodename(client, self.target.label), boot_id)

    def _prove_config(self, plan: Plan, deadline: Deadline) -> None:
        node_state.wait_for_config(
            self.target,
            self.identity,
            "v1alpha1" if plan.action == "try" else "persistent",
            self.wanted.documents,
            call_timeout=self.options.call_timeout,
            timeout=min(CONFIG_PATIENCE, deadline.left),
            ctx=self.ctx,
        )

    # -- the user volumes --------------------------------------------------------------------------------------------

    def _awaited_volumes(self, plan: Plan) -> list[str]:
        """Return the user volumes that the node should have: none while their config is not the active one for good."""
        if not self.options.check_hardware or plan.action in ("stage", "try"):
            return []
        if self.result["pending_reboot"] or self.result["try_open"]:
            return []
        return volumes.wanted(self.wanted.documents)

    def _look_at_volumes(self, client: TalosClient, plan: Plan, mode: NodeMode) -> bool:
        """Return whether a volume of a node that gets nothing new is not ready; in check mode it is only told."""
        if mode is not NodeMode.CONFIGURED or plan.changed:
            return False
        found = node_state.volume_states(client, self._awaited_volumes(plan))
        self.result["volumes"] = {state.name: state.phase for state in found}
        lacking = [str(state) for state in found if state.phase != "ready"]
        if lacking and (self.ctx.check_mode or not self.options.wait):
            self._warn("; ".join(lacking))
        return bool(lacking)

    def _prove_volumes(self, plan: Plan, deadline: Deadline) -> None:
        names = self._awaited_volumes(plan)
        if not names or not self.options.wait or self.identity is None:
            return
        found = node_state.wait_for_volumes(
            self.target,
            self.identity,
            names,
            call_timeout=self.options.call_timeout,
            timeout=deadline.left,
            ctx=self.ctx,
            param="patches",
            facts=self.result,
        )
        self.result["volumes"] = {state.name: state.phase for state in found}


def _same_certificate(encoded: str, pem: bytes) -> bool:
    """Whether base64 of PEM is a given certificate; what is no certificate is not."""
    try:
        return fingerprint(base64.b64decode(encoded)) == fingerprint(pem)
    except ValueError:
        return False
