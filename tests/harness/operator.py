# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who works on a lab without plays: its daemon, its doors, and modules that run in this process."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import session
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from tests.harness.lab import Lab

NODES = ("mini01", "mini02", "mini03")


class Operator:
    """Works on one lab, which has gone through the phases ``talos`` and ``kubernetes``."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def ask(self, do: str, **request: Any) -> Any:
        """Send one request to the lab's daemon."""
        return self.lab.ask(do, **request)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """What the lab says of each node."""
        return self.lab.nodes()

    def fault(self, name: str, fault: str, value: str) -> None:
        """Set one fault of a node."""
        self.lab.fault(name, fault, value)

    def call(self, module: Any, ctx: Context | None = None, **given: Any) -> dict[str, Any]:
        """Run a module here, against the lab."""
        checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        return dict(module.run(checked.validated_parameters, ctx or Context()))

    def door(self, name: str) -> dict[str, Any]:
        """How to reach a node."""
        last = 10 + int(name[-1])
        return {"name": name, "node": f"{self.lab.net}.51.{last}", "server_name": f"172.29.51.{last}"}

    @property
    def doors(self) -> list[dict[str, Any]]:
        """How to reach every node."""
        return [self.door(name) for name in NODES]

    def disarm(self) -> None:
        """Have etcd forget its alarms, as an owner does who has cured the cause."""
        self.ask("etcd", put={}, disarm=True)

    @property
    def talos(self) -> dict[str, Any]:
        """What every module of Talos is given."""
        return {
            "talosconfig": str(self.lab.controller / "talosconfig"),
            "lock_dir": str(self.lab.home / "locks"),
            "timeout": 5,
        }

    @property
    def kubeconfig(self) -> str:
        """The path of the lab's kubeconfig."""
        return str(self.lab.controller / "kubeconfig")

    def kube(self) -> Client:
        """A client of the lab's Kubernetes."""
        return session.connect({"kubeconfig": self.kubeconfig}, Context())
