# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writers of one outpost: whoever comes when, nobody's provider is lost."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.authentik import membership
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.errors import (
    AuthentikError,
    NoPermission,
    Refused,
    Unreachable,
)
from ansible_collections.homeops.cluster.plugins.module_utils.authentik.outposts import Membership
from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from tests.unit.plugins.module_utils.authentik.objects_of_a_server import EMBEDDED, outpost

PATH = f"/outposts/instances/{EMBEDDED}/"


class Store:
    """One outpost and the groups of a server; a list of providers is replaced, a group's name is unique."""

    def __init__(self, providers: list[int] | None = None) -> None:
        self.outpost = outpost(providers=providers)
        self.groups: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.count = 0


class Api:
    """One caller of the store; every request may take its time before and after it is carried out."""

    class connection:  # noqa: N801
        target = "https://auth.test"

    def __init__(self, store: Store, delay: Callable[[], float] = lambda: 0.0) -> None:
        self.store, self.delay = store, delay
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls.append(name)
        self.before.get(name, lambda: None)()
        time.sleep(self.delay())
        with self.store.lock:
            found = work()
        time.sleep(self.delay())
        return found

    def get(self, path: str, **_more: Any) -> Any:
        assert path == PATH
        return self._call("get", lambda: {**self.store.outpost, "providers": list(self.store.outpost["providers"])})

    def all(self, path: str, *, name: str, **_more: Any) -> Any:
        assert path == "/core/groups/"
        return self._call("list", lambda: [group for group in self.store.groups.values() if group["name"] == name])

    def post(self, path: str, body: Any, **_more: Any) -> Any:
        assert path == "/core/groups/"

        def work() -> Any:
            if any(group["name"] == body["name"] for group in self.store.groups.values()):
                refused = Refused("taking", answer="exists")
                refused.fields = {"name": ("group with this name already exists.",)}
                raise refused
            self.store.count += 1
            made = {"pk": f"group-{self.store.count}", **body}
            self.store.groups[made["pk"]] = made
            return made

        return self._call("post", work)

    def patch(self, path: str, body: dict[str, Any], **_more: Any) -> Any:
        assert path == PATH and body["type"] == "proxy"
        return self._call("patch", lambda: self.store.outpost.update(body))

    def delete(self, path: str, **_more: Any) -> bool:
        key = path.removeprefix("/core/groups/").rstrip("/")
        return bool(self._call("delete", lambda: self.store.groups.pop(key, None)))


def change(api: Api, wanted: Membership, ctx: Context | None = None, **more: Any) -> dict[str, Any]:
    name = "authentik Embedded Outpost"
    return membership.change(cast(Client, api), EMBEDDED, name, membership.Wanted(wanted), ctx or Context(), **more)


def attach(*keys: int) -> Membership:
    return Membership(attach=frozenset(keys))


def test_one_writer_takes_five_requests_and_leaves_nothing() -> None:
    store = Store([1])
    api = Api(store)
    assert change(api, attach(2))["providers"] == [1, 2]
    assert api.calls == ["post", "get", "patch", "get", "delete"]
    assert store.groups == {}


def test_two_writers_at_once_lose_nothing() -> None:
    # Real time, only shorter: a look for the turn comes after a twentieth of its pause.
    hasty = membership.Clock(sleep=lambda seconds: time.sleep(seconds / 20))
    for number in range(100):
        store, chance = Store([9]), random.Random(number)

        def delay(chance: random.Random = chance) -> float:
            return chance.random() * 0.004

        runs = [
            threading.Thread(target=change, args=(Api(store, delay), attach(key)), kwargs={"clock": hasty})
            for key in (1, 2)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(30)
        assert store.outpost["providers"] == [1, 2, 9], f"run {number}"
        assert store.groups == {}


def test_what_a_writer_without_turns_takes_away_is_written_again() -> None:
    store = Store([9])
    api = Api(store)
    theirs = iter([[7], [7, 8]])

    def overwrite() -> None:
        store.outpost["providers"] = next(theirs, store.outpost["providers"])

    # After our write and before we look again.
    api.before["get"] = lambda: overwrite() if "patch" in api.calls else None
    assert set(change(api, attach(1))["providers"]) >= {1, 7, 8}


def test_a_writer_that_always_wins_is_named_in_the_end() -> None:
    store = Store([9])
    api = Api(store)
    api.before["get"] = lambda: store.outpost.update(providers=[9])
    with pytest.raises(AuthentikError, match="another writer has undone it 6 times"):
        change(api, attach(1), clock=membership.Clock(sleep=lambda _seconds: None))
    assert store.groups == {}


class Watch:
    """A clock that goes when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def clock(self) -> membership.Clock:
        return membership.Clock(lambda: self.at, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def left_behind(store: Store) -> None:
    body = {"name": f"homeops.cluster turn {EMBEDDED}", "attributes": {membership.MARK: "dead"}}
    store.groups["dead"] = {"pk": "dead", **body}


def test_a_turn_that_a_dead_run_has_left_is_taken_over() -> None:
    store, watch, ctx = Store(), Watch(), Context()
    left_behind(store)
    assert change(Api(store), attach(1), ctx, clock=watch.clock())["providers"] == [1]
    assert watch.at >= membership.ABANDONED
    assert "has left its turn; taken over" in ctx.warnings[0] and store.groups == {}


def test_a_turn_that_moves_is_never_taken() -> None:
    store, watch = Store(), Watch()
    left_behind(store)
    api = Api(store)
    numbers = iter(range(100000))

    def another() -> None:
        store.groups = {f"g{next(numbers)}": {**next(iter(store.groups.values()))}}
        for key, group in store.groups.items():
            group["pk"] = key

    api.before["list"] = another
    with pytest.raises(AuthentikError, match="another run has had it for 120 s"):
        change(api, attach(1), clock=watch.clock())
    assert "patch" not in api.calls and "delete" not in api.calls


def test_a_turn_whose_answer_was_lost_is_still_ours() -> None:
    store = Store()
    api = Api(store)
    post = api.post

    def lost(path: str, body: Any, **more: Any) -> Any:
        post(path, body, **more)
        error = Unreachable("taking", answer="the connection was closed before the answer came")
        error.sent = True
        raise error

    api.post = lost  # type: ignore[method-assign]
    assert change(api, attach(1))["providers"] == [1]
    assert store.groups == {}


def test_without_the_right_to_make_groups_it_goes_without_turns() -> None:
    store, ctx = Store(), Context()
    api = Api(store)

    def forbidden(*_args: Any, **_more: Any) -> Any:
        raise NoPermission("taking")

    api.post = forbidden  # type: ignore[method-assign]
    assert change(api, attach(1), ctx)["providers"] == [1]
    assert "cannot take turns" in ctx.warnings[0]


def test_an_outpost_that_has_shrunk_meanwhile_is_not_emptied() -> None:
    store = Store([1])
    with pytest.raises(InputError, match="would lose all of its 1 providers"):
        change(Api(store), Membership(detach=frozenset({1})))
    assert store.outpost["providers"] == [1] and store.groups == {}


def test_settings_are_merged_into_what_is_there_now() -> None:
    store = Store([1])
    wanted = membership.Wanted(config={"kubernetes_ingress_annotations": {"a": "b"}, "log_level": "info"})
    membership.change(cast(Client, Api(store)), EMBEDDED, "e", wanted, Context())
    assert store.outpost["config"] == {
        "log_level": "info",
        "authentik_host": "https://auth.test",
        "kubernetes_ingress_annotations": {"a": "b"},
    }
    again = Api(store)
    membership.change(cast(Client, again), EMBEDDED, "e", wanted, Context())
    assert "patch" not in again.calls
