# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all tests of the phase ``bgp``, brought to where each file of them begins."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.model import bgp, router
from ansible_collections.homeops.cluster.plugins.modules import cilium_bgp_policy
from tests.harness.bgp import BGP, CILIUM, PLURALS, Kubernetes, Router, until
from tests.harness.gitops_tree import home_model, router_text
from tests.harness.lab import CHECKOUT, Lab

NET = "127.92"
PHASES = "preflight,talos,kubernetes,cni"
SERVICES = "/api/v1/namespaces/default/services"
SECRETS = "/api/v1/namespaces/kube-system/secrets"


def cluster_options() -> dict[str, Any]:
    """What the home's model says to ``cilium_bgp_policy``."""
    return bgp.policy(home_model())


def router_options() -> dict[str, Any]:
    """What the home's model says to ``udm_bgp_peer``."""
    return router.peers(home_model())


def call(module: Any, ctx: Context | None = None, /, **given: Any) -> dict[str, Any]:
    """Run a module in this process: for what is asked, a playbook would take seconds."""
    checked = ArgumentSpecValidator(module.SPEC["argument_spec"]).validate(given)
    assert not checked.error_messages, checked.error_messages
    result: dict[str, Any] = module.run(checked.validated_parameters, ctx or Context())
    return result


def door(router: Router) -> dict[str, Any]:
    """The options with which the router's modules reach the lab's console."""
    return {key: router.record[key] for key in ("host", "port", "api_key", "fingerprint")}


def state_command(lab: Lab) -> list[str]:
    """The command that reaches the lab's vtysh, as the inventory names it."""
    return [sys.executable, str(CHECKOUT / "lab" / "unifi" / "vtysh.py"), "--dir", str(lab.directory)]


def stored(router: Router) -> str:
    """The text that the console holds; empty when it holds none."""
    found = router.ask("GET", BGP).body
    return str(found[0]["frr_bgpd_config"]) if found else ""


class BgpLab:
    """The lab, which is started when it is first asked for, and anew when a test has ended it.

    :param directories: returns a new directory at each call.
    """

    def __init__(self, directories: Callable[[], Path]) -> None:
        self._directories = directories
        self._lab: Lab | None = None

    def before_the_phase(self) -> Lab:
        """Return it with a cluster, and with nothing of what the phase brings."""
        lab = self._running(PHASES)
        reset(lab)
        return lab

    def after_the_phase(self) -> Lab:
        """Return it as the phase leaves it where there is no Service."""
        lab = self._running(f"{PHASES},bgp")
        tidy(lab)
        if not stands(lab):
            reset(lab)
            run = lab.play("-t", "bgp")
            assert run.rc == 0, run.output[-3000:]
        return lab

    def down(self) -> None:
        """End it."""
        if self._lab is not None:
            self._lab.down()
        self._lab = None

    def _running(self, phases: str) -> Lab:
        if self._lab is not None and self._lab.answers():
            return self._lab
        self.down()
        lab = self._lab = Lab(NET, self._directories())
        lab.up("--quiet", "--scenario", str(CHECKOUT / "lab" / "scenarios" / "fast.yml"))
        run = lab.play("-t", phases)
        if run.rc != 0:
            self.down()
        assert run.rc == 0, run.output[-3000:]
        return lab


def tidy(lab: Lab) -> None:
    """Take back what tests do beside the phase: faults, and Services with an address."""
    lab.heal()
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    for service in kubernetes.ask("GET", SERVICES)["items"]:
        if service["spec"].get("type") == "LoadBalancer":
            kubernetes.ask("DELETE", f"{SERVICES}/{service['metadata']['name']}")


def stands(lab: Lab) -> bool:
    """Whether the phase has run and nothing was changed since."""
    if stored(Router(lab.directory)) != router_text(home_model()):
        return False
    kubeconfig = str(lab.controller / "kubeconfig")
    return not call(cilium_bgp_policy, Context(check_mode=True), **cluster_options(), kubeconfig=kubeconfig)["changed"]


def reset(lab: Lab) -> None:
    """Take away everything that the phase and its tests leave, at both ends and on the controller."""
    tidy(lab)
    kubernetes, router = Kubernetes(lab.controller / "kubeconfig"), Router(lab.directory)
    for plural in PLURALS.values():
        for item in kubernetes.ask("GET", f"{CILIUM}/{plural}")["items"]:
            kubernetes.ask("DELETE", f"{CILIUM}/{plural}/{item['metadata']['name']}")
    for secret in kubernetes.ask("GET", SECRETS)["items"]:
        if secret["metadata"]["name"] == bgp.AUTH_SECRET:
            kubernetes.ask("DELETE", f"{SECRETS}/{bgp.AUTH_SECRET}")
    if router.ask("GET", BGP).body:
        router.ask("DELETE", BGP, {})
    shutil.rmtree(lab.controller / "udm-bgp", ignore_errors=True)

    def silent() -> bool:
        status = lab.status()
        return status["console"]["pending"] == 0 and not status["bgp"]["gobgpd"] and status["bgp"]["bgpd"]["running"]

    until("neither end speaks", silent)
