# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase ``bgp`` of ``site.yml`` and what the console held before: told in words, mended, kept and put back.

The tests of this module are one walk over one lab, in order. What the router has is asked of its own daemon. The way
from nothing, the second run and the change of schemas are walked in ``tests/integration/bgp_phase``.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.modules import udm_bgp_peer
from tests.harness.bgp import Kubernetes, Router, until
from tests.harness.bgp_lab import BgpLab, call, door, router_options, state_command, stored
from tests.harness.lab import Lab
from tests.integration.lab_bgp import router_configs

NODES = {"172.29.51.11", "172.29.51.12", "172.29.51.13"}
#: What the router must have of the Services below.
ADDRESSES = ("172.29.52.201/32", "172.29.52.110/32")
NEIGHBOUR_TASK = "homeops.cluster.udm_bgp : Have the router accept the nodes and what they announce"


@pytest.fixture(scope="module")
def lab(bgp_lab: BgpLab) -> Lab:
    """A lab with a cluster and two Services, before the phase has run."""
    lab = bgp_lab.before_the_phase()
    kubernetes = Kubernetes(lab.controller / "kubeconfig")
    for name, pool, address in (("ingress", "bgp-ingress", ADDRESSES[0]), ("mosquitto", "bgp-default", ADDRESSES[1])):
        kubernetes.ask("POST", "/api/v1/namespaces/default/services", service(name, pool, address.removesuffix("/32")))
    return lab


@pytest.fixture(scope="module")
def router(lab: Lab) -> Router:
    """The router's console and daemon."""
    return Router(lab.directory)


def service(name: str, pool: str, address: str) -> dict[str, Any]:
    """A Service with an address of its own."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "labels": {"io.cilium/lb-ipam-pool": pool},
            "annotations": {"lbipam.cilium.io/ips": address},
        },
        "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80}]},
    }


def paths(router: Router, prefix: str) -> set[str]:
    """The nodes over which the router reaches a prefix: the best path and its equals, stale ones left out."""
    found = router.routes().get(prefix, [])
    used = [path for path in found if (path.get("bestpath") or path.get("multipath")) and not path.get("stale")]
    return {hop["ip"] for path in used for hop in path["nexthops"]}


def declare(lab: Lab, router: Router) -> dict[str, Any]:
    """Have the router declare what the home's model says, as the phase does in one of its tasks."""
    given = {**door(router), **router_options(), "wait": True, "wait_for": "kept", "wait_timeout": 180}
    return call(udm_bgp_peer, **given, state_command=state_command(lab))


def test_every_address_is_accepted_over_every_node(lab: Lab, router: Router) -> None:
    run = lab.play("-t", "bgp")
    assert run.rc == 0, run.output
    for prefix in ADDRESSES:
        assert paths(router, prefix) == NODES, prefix
        assert prefix in run.output


def test_the_diff_of_a_check_run_is_what_the_real_run_changes(lab: Lab, router: Router) -> None:
    before, uploads = stored(router), lab.status()["console"]["uploads"]
    values = (
        "udm_bgp_config={{ homeops_model | homeops.cluster.udm_bgp_of('') | combine({'graceful_restart': false}) }}"
    )
    check = lab.play("--check", "--diff", "-e", values, playbook="playbooks/bgp.yml")
    assert check.rc == 0, check.output
    assert (stored(router), lab.status()["console"]["uploads"]) == (before, uploads)
    real = lab.play("-e", values, playbook="playbooks/bgp.yml")
    assert real.rc == 0, real.output
    assert check.changed == real.changed == {("udm", NEIGHBOUR_TASK)}
    after = stored(router)
    told = {
        line for line in check.output.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")
    }
    gone = {f"-{line}" for line in set(before.splitlines()) - set(after.splitlines())}
    come = {f"+{line}" for line in set(after.splitlines()) - set(before.splitlines())}
    assert gone
    assert told == gone | come
    assert declare(lab, router)["changed"]
    assert sorted(stored(router).splitlines()) == sorted(before.splitlines())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", ["policy"]),
        ("bgp_only", ["le 32"]),
    ],
)
def test_a_text_that_accepts_nothing_is_told_in_words_and_mended(
    lab: Lab, router: Router, name: str, words: list[str]
) -> None:
    held = getattr(router_configs, name)()
    router.upload(held)
    until("the router without a route of the cluster", lambda: not any(paths(router, prefix) for prefix in ADDRESSES))
    told = lab.play(playbook="playbooks/bgp_status.yml")
    assert told.rc != 0
    for word in words:
        assert word in told.output, told.output
    mended = lab.play("-t", "bgp")
    assert mended.rc == 0, mended.output
    for prefix in ADDRESSES:
        assert paths(router, prefix) == NODES
    ours = tuple(f"neighbor {address}" for address in sorted(NODES))
    foreign = [line for line in held.splitlines() if not line.strip().startswith(ours)]
    left = iter(stored(router).splitlines())
    # Byte for byte and in their order; "in" moves on in the iterator.
    missing = [line for line in foreign if line not in left]
    assert [line for line in missing if not line.strip().startswith(("bgp graceful-restart", "bgp bestpath"))] == []


def test_sessions_that_stay_down_bring_the_last_good_text_back(lab: Lab, router: Router) -> None:
    before = stored(router)
    lab.console_fault(session_down_after_change=["mini01", "mini02", "mini03"])
    try:
        values = (
            "udm_bgp_config={{ homeops_model | homeops.cluster.udm_bgp_of('') | combine({'graceful_restart': false}) }}"
        )
        run = lab.play("-e", values, "-e", "udm_bgp_wait_timeout=4", playbook="playbooks/bgp.yml")
        assert run.rc != 0
        assert "Traceback" not in run.output
        assert {failure.host for failure in run.failures} == {"udm"}
        assert stored(router) == before
    finally:
        lab.heal()


def test_backup_and_restore_give_the_same_text_back(lab: Lab, router: Router) -> None:
    until("sessions", lambda: all(facts["state"] == "Established" for facts in router.peers().values()))
    declare(lab, router)
    before = stored(router)
    backup = lab.play(playbook="playbooks/bgp_backup.yml")
    assert backup.rc == 0, backup.output
    kept = sorted((lab.controller / "udm-bgp").rglob("*"), key=lambda path: path.stat().st_mtime)
    newest = next(path for path in reversed(kept) if path.is_file())
    assert {path.stat().st_mode & 0o777 for path in kept if path.is_file()} == {0o600}
    router.upload(router_configs.plain())
    restore = lab.play("-e", f"udm_bgp_restore_from={newest}", playbook="playbooks/bgp_restore.yml")
    assert restore.rc == 0, restore.output
    assert stored(router) == before
