# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to systems: at the same time, never held up, and answers that need no system to be told apart."""

from __future__ import annotations

import base64
import datetime
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.checks.doors import Node
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.probes import machines, services
from ansible_collections.homeops.cluster.plugins.module_utils.probes.together import Late, ask_all
from ansible_collections.homeops.cluster.plugins.module_utils.talos import secrets
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import Resource, TalosClient
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import Target
from ansible_collections.homeops.cluster.plugins.module_utils.talos.errors import (
    DeadlineExceeded,
    TalosError,
    Unreachable,
    WrongCA,
)
from ansible_collections.homeops.cluster.plugins.module_utils.talos.talosconfig import talosconfig_text

NOW = datetime.datetime.now(datetime.UTC)
TARGET = Target("127.0.0.1", "mini02", 50000)
REFUSED = Unreachable("connecting", answer="connection refused", remedy="It may be booting.")
BUNDLE = secrets.generate(NOW)


def test_answers_come_together_and_a_late_one_holds_up_nobody() -> None:
    met, never = threading.Barrier(2, timeout=10), threading.Event()
    answers = ask_all({"a": met.wait, "b": met.wait, "late": never.wait, "none": lambda: None}, 0.5)
    assert {answers["a"], answers["b"]} == {0, 1}
    assert answers["none"] is None
    assert isinstance(answers["late"], Late) and answers["late"].text == "no answer within 0.5 s"
    never.set()


def test_a_question_that_may_take_longer_gives_no_time_to_the_others() -> None:
    done, never = threading.Event(), threading.Event()
    began = time.monotonic()
    answers = ask_all({"node": lambda: done.wait(0.4) or 1, "late": never.wait}, 0.1, {"node": 600})
    assert answers["node"] == 1
    assert isinstance(answers["late"], Late) and answers["late"].text == "no answer within 0.1 s"
    assert ask_all({"node": lambda: 1, "late": never.wait}, 0.1, {"node": 600})["node"] == 1
    # What is awaited for long costs nothing as soon as it has answered.
    assert time.monotonic() - began < 300
    never.set()


def test_what_a_question_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        ask_all({"a": lambda: 1 / 0, "b": lambda: 1}, 5)
    assert ask_all({}, 5) == {}


class Answers:
    """A node that answers one thing after the other, the last of them for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: TalosError | Node) -> None:
        self.answers, self.asked, self.told = list(answers), 0, list[str]()
        monkeypatch.setattr(machines, "_look", self)
        monkeypatch.setattr(machines, "_PAUSE", 0.02)

    def __call__(self, *_unused: Any) -> Node:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TalosError):
            raise answer
        return answer

    def look(self, patience: float) -> Node:
        return machines.look(TARGET, None, 1, patience, Context(progress=self.told.append))


def test_a_node_that_boots_is_awaited_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    late = DeadlineExceeded("asking", answer="no answer within 1 s")
    node = Answers(monkeypatch, REFUSED, REFUSED, late, Node("mini02", "x", "configured"))
    assert node.look(60).mode == "configured"
    assert [text.partition(" · ")[0] for text in node.told] == [
        "waiting for mini02: connection refused",
        "waiting for mini02: no answer within 1 s",
    ]
    assert node.told[0].endswith(" of 60 s")


def test_a_node_that_stays_away_is_the_error_with_the_time_that_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Answers(monkeypatch, REFUSED)
    trouble = node.look(0.6).trouble
    assert trouble is not None and node.asked > 2
    assert re.fullmatch(r"connection refused, also not after a wait of [1-9]\d? s", trouble.text)
    assert (trouble.kind, trouble.remedy) == ("Unreachable", "It may be booting")


def test_a_node_that_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (Node("mini02", "x", "maintenance"), WrongCA("connecting", answer="it is of another CA")):
        node = Answers(monkeypatch, answer)
        found = node.look(60)
        assert (node.asked, node.told) == (1, [])
        assert found.trouble is None or found.trouble.text == "it is of another CA"


def test_how_long_a_node_is_awaited(tmp_path: Path) -> None:
    path = tmp_path / "talosconfig"
    assert machines.patience_of(None, 5, 180, Context()) == 5
    assert machines.patience_of(str(path), 5, 180, Context()) == 5
    path.touch()
    assert machines.patience_of(str(path), 5, 180, Context()) == 180
    assert machines.patience_of(str(path), 5, 180, Context(check_mode=True)) == 5


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://github.com/me/home-ops", "github.com"),
        ("ssh://git@git.example.org:2222/me/x", "git.example.org"),
        ("git@git.example.org:me/x.git", "git.example.org"),
        ("http://127.29.51.30:3000/me/x.git", ""),
        ("https://[fd00::1]/x", ""),
        ("/srv/install.yaml", ""),
        ("./install.yaml", ""),
        ("", ""),
    ],
)
def test_the_host_that_has_to_be_resolved(url: str, host: str) -> None:
    assert services.host_of(url) == host


def test_a_name_is_left_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert services.resolve("localhost", "gitops").trouble is None

    def fails(*_args: Any, **_options: Any) -> Any:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(services.socket, "getaddrinfo", fails)
    trouble = services.resolve("git.exmaple.org", "gitops").trouble
    assert trouble is not None and trouble.text == "Name or service not known"
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert services.resolve("git.exmaple.org", "gitops").trouble is None


def _token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


def test_the_end_of_a_token_of_connect() -> None:
    found = services.connect_token(_token(exp=1_800_000_000))
    assert found is not None and found.expires == datetime.datetime.fromtimestamp(1_800_000_000, datetime.UTC)
    for token in ("", "ops_x", _token(), _token(exp="soon"), _token(exp=10**30), "a.###.c"):
        assert services.connect_token(token) is None


class Clock(TalosClient):
    """A node of which only the clock is asked."""

    def __init__(self, there: float | None) -> None:
        self.timeout, self.there, self.seen = 10.0, there, 0.0

    def local_time(self) -> float:
        self.seen = self.timeout
        if self.there is None:
            raise TalosError("reading the clock", details="error querying NTP server")
        return time.time() + self.there


@pytest.mark.parametrize(("there", "ahead"), [(3600.0, 3600.0), (-90.0, -90.0), (0.0, 0.0)])
def test_the_difference_of_two_clocks(there: float, ahead: float) -> None:
    client = Clock(there)
    assert machines._ahead(client) == pytest.approx(ahead, abs=2.0)
    assert (client.seen, client.timeout) == (3.0, 10.0)


def test_a_clock_that_is_not_told_is_not_known() -> None:
    assert machines._ahead(Clock(None)) is None
    assert machines._newer(None) is None
    assert machines._newer(Resource("a", "b", "c", updated=time.time() - 900)) == 0.0
    assert machines._newer(Resource("a", "b", "c", updated=time.time() + 900)) == pytest.approx(900, abs=5)


def _file(folder: Path, *, days: int) -> str:
    made = talosconfig_text(
        "x", BUNDLE, ["127.0.0.1"], [], NOW - datetime.timedelta(days=2), lifetime=datetime.timedelta(days=days)
    )
    path = folder / "talosconfig"
    path.write_text(made, encoding="utf-8")
    return str(path)


def test_as_whom_nodes_are_asked(tmp_path: Path) -> None:
    ctx, asked = Context(), []

    def bundle() -> Any:
        asked.append("bundle")
        return BUNDLE

    identity, told = machines.credentials(_file(tmp_path, days=90), bundle, (), ctx)
    assert identity is not None and identity.source.startswith(str(tmp_path)) and not asked
    assert [(one.trouble, one.expires is not None) for one in told] == [(None, True)]
    # One that has ended is told, unless the run makes it anew, and the bundle stands in for it.
    for renewed, many in (((), 1), (("talosconfig",), 0)):
        identity, told = machines.credentials(_file(tmp_path, days=1), bundle, renewed, ctx)
        assert identity is not None and identity.source == "the secrets bundle"
        assert len(told) == many
    Path(tmp_path / "talosconfig").write_text("nothing", encoding="utf-8")
    identity, told = machines.credentials(str(tmp_path / "talosconfig"), lambda: None, (), ctx)
    assert identity is None and told[0].trouble is not None
    assert machines.credentials(str(tmp_path / "none"), lambda: None, (), ctx) == (None, [])


def test_a_bundle_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    (tmp_path / "half").write_text("cluster: {id: x", encoding="utf-8")
    assert machines.bundle_of(str(tmp_path / "half"), Context()) is None
    assert machines.bundle_of(str(tmp_path / "absent"), Context()) is None
    assert machines.bundle_of(None, Context()) is None


def test_a_kubeconfig_is_looked_at_before_it_is_used(tmp_path: Path) -> None:
    assert services.kubeconfig(str(tmp_path / "none"), 1) == []
    (tmp_path / "bad").write_text("clusters: 7\n", encoding="utf-8")
    (told,) = services.kubeconfig(str(tmp_path / "bad"), 1)
    assert told.trouble is not None and told.trouble.kind == "InputError"


def test_items_of_a_file_are_compared_and_what_is_generated_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text("items:\n  One: {token: x}\n", encoding="utf-8")
    declared = [
        {"name": "one", "title": "One", "fields": ["token"]},
        {"name": "two", "title": "Two", "fields": ["password"], "generate": {"password": {"length": 8}}},
    ]
    params = {"source": "file", "path": str(path), "items": declared}
    read = Context().read_text
    found = services.items(params, generates=False, read=read)
    assert [(row["name"], row["state"]) for row in found.rows] == [("one", "ok"), ("two", "missing")]
    assert [row["name"] for row in services.items(params, generates=True, read=read).rows] == ["one"]
    trouble = services.items({**params, "path": str(tmp_path / "none")}, generates=False, read=read).trouble
    assert trouble is not None and trouble.kind == "SourceAbsent"
