# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May a node reboot: what Kubernetes and Longhorn say, and what it means that they say nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.common.wait import Deadline
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.errors import (
    NotFound,
    Unauthorized,
    Unreachable,
)
from ansible_collections.homeops.cluster.plugins.module_utils.longhorn.replicas import VolumeRow
from ansible_collections.homeops.cluster.plugins.module_utils.talos import spare, spare_plan

NAMES = ("mini01", "mini02", "mini03")
DEGRADED = VolumeRow("pvc-1", "media/films", 1, "attached", "degraded", 2, ("mini03",))
FACTS = {"changed": False}


def node(name: str, ready: bool = True, boot: str = "b1", message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready), "reason": "KubeletNotReady", "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [condition], "nodeInfo": {"bootID": boot}}}


def nodes(*away: str) -> list[dict[str, Any]]:
    return [node(name, name not in away) for name in NAMES]


# -- the plan ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "cni", "volumes", "reasons"),
    [
        ((), True, [], ()),
        (("mini01",), True, [], ()),
        (("mini03",), True, [], ("node mini03 is not Ready (KubeletNotReady)",)),
        # No CNI yet, and one that has come and gone.
        (NAMES, False, [], ()),
        (NAMES, True, [], ("node mini02 is not Ready (KubeletNotReady)", "node mini03 is not Ready (KubeletNotReady)")),
        # Another CNI than Cilium: a Ready node tells.
        (("mini02",), False, [], ("node mini02 is not Ready (KubeletNotReady)",)),
        (
            (),
            True,
            [DEGRADED],
            ("volume pvc-1 (media/films) is degraded: 1 of 2 replicas are good",),
        ),
        # Volumes count whatever the nodes say.
        (NAMES, False, [DEGRADED], ("volume pvc-1 (media/films) is degraded: 1 of 2 replicas are good",)),
    ],
)
def test_what_keeps_a_node_from_rebooting(
    away: tuple[str, ...], cni: bool, volumes: list[VolumeRow], reasons: tuple[str, ...]
) -> None:
    found = spare_plan.judge("mini01", nodes(*away), cni, volumes)
    assert found.reasons == reasons
    assert found.ready is ("mini01" not in away)


def test_a_node_that_kubernetes_does_not_know_was_not_ready() -> None:
    assert spare_plan.judge("mini09", nodes(), True, []) == spare_plan.Verdict((), False)
    bare = [{"metadata": {"name": "mini02"}, "status": {"conditions": None}}, node("mini03")]
    assert spare_plan.judge("mini01", bare, True, []).reasons == (
        "node mini02 is not Ready (its kubelet has not reported)",
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "Kubernetes does not list the node"),
        # Ready, and said before the reboot.
        (node("mini01", boot="b0"), "its kubelet has not reported since the reboot"),
        (node("mini01", False, message="no CNI."), "its Node is not Ready (no CNI)"),
        (node("mini01", boot=""), ""),
        (node("mini01"), ""),
    ],
)
def test_when_a_node_is_back(found: Any, text: str) -> None:
    assert spare_plan.missing(found, "b1") == text


# -- asking -----------------------------------------------------------------------------------------------------------


class Api:
    """Answers one look after the other; the last one for ever."""

    def __init__(self, *answers: Any, cni: bool = True) -> None:
        self.answers, self.cni, self.looks, self.closed = list(answers), cni, 0, 0

    def list(self, path: str, *, attempted: str = "") -> tuple[list[dict[str, Any]], str]:
        if path != "/api/v1/nodes":
            raise NotFound(attempted, answer="the API does not serve this path")
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer, "1"

    def get(self, path: str, *, attempted: str = "") -> Any:
        if path == spare.CNI_PATH and self.cni:
            return {"kind": "DaemonSet"}
        found = [one for one in self.answers[0] if path.endswith(f"/{one['metadata']['name']}")]
        if not found:
            raise NotFound(attempted, answer="not found")
        return found[0]

    def map(self, work: Callable[[Any], Any], items: Any) -> Any:
        return map(work, items)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "SILENCE", 0.0)
    monkeypatch.setattr(spare, "INTERVAL", 0.01)


def asked(api: Api, ctx: Context | None = None, *, bare: bool = False, **more: Any) -> spare_plan.Verdict:
    who = spare.Spare(lambda: cast(Client, api), **{"patience": 0.05, **more})
    return who.require("mini01", "mini01", Deadline(5), ctx or Context(), FACTS, bare=bare)


SILENT = Unreachable("reading the nodes", target="https://vip:6443", answer="connection refused", remedy="Check it.")


def test_it_waits_until_the_others_are_well_and_says_for_whom() -> None:
    told: list[str] = []
    api = Api(nodes("mini02"), nodes("mini02"), nodes())
    assert asked(api, Context(progress=told.append), patience=5).ready
    assert api.looks == 3
    assert "node mini02 is not Ready" in told[0]


def test_the_patience_has_an_end_and_the_refusal_names_who_is_not_well() -> None:
    with pytest.raises(HomeopsError, match=r"node mini02 is not Ready.*Nothing was sent") as refusal:
        asked(Api(nodes("mini02")))
    assert "reboot_policy: staged" in str(refusal.value)
    assert (refusal.value.param, refusal.value.facts) == ("health_timeout", FACTS)


def test_a_volume_that_no_waiting_heals_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = VolumeRow("pvc-2", "media/music", 1, "attached", "healthy", 1, ("mini01",))
    monkeypatch.setattr(spare.volumes, "read", lambda kube, namespace: [alone])
    api = Api(nodes())
    with pytest.raises(HomeopsError, match=r"pvc-2 \(media/music\).*Nothing was sent"):
        asked(api, patience=600)
    assert api.looks == 1


def test_an_api_that_does_not_answer_refuses() -> None:
    api = Api(SILENT)
    with pytest.raises(HomeopsError, match=r"etcd can spare it.*connection refused.*Nothing was sent") as refusal:
        asked(api)
    assert "kubernetes_unreachable: reboot" in str(refusal.value)
    assert (refusal.value.param, refusal.value.facts) == ("kubernetes_unreachable", FACTS)


def test_an_api_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "SILENCE", 5.0)
    api = Api(SILENT, SILENT, nodes())
    assert asked(api, patience=5).ready
    assert api.looks == 3


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized("reading the nodes", answer="401", remedy="Fetch a fresh kubeconfig"),
        InputError("the client certificate in the kubeconfig expired", target="~/kubeconfig", remedy="Fetch it anew"),
    ],
)
def test_what_asking_again_does_not_change_is_not_asked_again(
    error: HomeopsError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare, "SILENCE", 60.0)
    api = Api(error)
    with pytest.raises(HomeopsError, match=r"Fetch .*Nothing was sent"):
        asked(api, patience=60)
    assert api.looks == 1


def test_the_owner_may_leave_it_to_etcd() -> None:
    ctx = Context()
    assert asked(Api(SILENT), ctx, unreachable="reboot") == spare_plan.Verdict()
    assert "connection refused. It reboots all the same" in ctx.warnings[0]
    with pytest.raises(HomeopsError, match="mini02"):
        asked(Api(nodes("mini02")), unreachable="reboot")


def test_without_any_data_of_etcd_there_is_no_kubernetes_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "SILENCE", 60.0)
    ctx, api = Context(), Api(SILENT)
    assert asked(api, ctx, bare=True, patience=60) == spare_plan.Verdict()
    assert (api.looks, ctx.warnings) == (1, [])


def test_a_prediction_looks_once() -> None:
    api = Api(nodes("mini03"))
    who = spare.Spare(lambda: cast(Client, api))
    (text,) = who.foresee("mini01")
    assert text == "the reboot would wait, and then be refused: node mini03 is not Ready (KubeletNotReady)"
    assert api.looks == 1
    assert "would be refused" in who.unforeseen(SILENT)
    assert who.missing("mini02", "b1") == ""
    assert who.missing("mini09", "b1") == "Kubernetes does not list the node"
    who.close()
    assert api.closed == 1


def test_nothing_is_connected_before_the_first_question() -> None:
    def connect() -> Client:
        raise AssertionError

    spare.Spare(connect).close()
