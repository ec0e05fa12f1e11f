# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``external_secret_sync``: look, ask the operator to look again where it failed, wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..kubernetes.client import Client
from ..kubernetes.errors import KubernetesError, NotFound
from . import states
from .states import State

_ROOT = "/apis/external-secrets.io/v1"
#: Seconds between two wishes for one object that keeps failing: the operator's own next try may be minutes away.
AGAIN = 10.0


class SyncRun:
    """Brings stores and ExternalSecrets to Ready, as far as asking can.

    :param expected: ``(namespace, name)`` that must exist.
    :param force: ``failed``, ``all`` or ``never``.
    """

    def __init__(
        self, client: Client, ctx: Context, stores: list[str], expected: Iterable[tuple[str, str]], force: str
    ) -> None:
        self._client, self._ctx = client, ctx
        self._stores, self._expected, self._force = stores, list(expected), force
        self._asked: dict[str, float] = {}
        # What was synced before it was asked to be synced anew, by path.
        self._before: dict[str, str] = {}
        self._bodies: dict[str, Mapping[str, Any]] = {}
        self.forced: list[str] = []
        self.seen: list[State] = []

    def look(self) -> list[State]:
        """Return every store and ExternalSecret as it is; a kind that is not served is told as missing."""
        try:
            stores, _version = self._client.list(f"{_ROOT}/clustersecretstores")
            secrets, _version = self._client.list(f"{_ROOT}/externalsecrets")
        except NotFound:
            self.seen = [
                State("ClusterSecretStore", "", name, False, "the kinds of External Secrets are not served yet")
                for name in self._stores
            ]
            return self.seen
        self._bodies = {self._path(body): body for body in [*stores, *secrets]}
        by_name = {body["metadata"]["name"]: body for body in stores}
        mine = [body for body in secrets if states.uses(body, self._stores)]
        named = {(body["metadata"]["namespace"], body["metadata"]["name"]) for body in mine}
        found = [
            states.store_state({"kind": "ClusterSecretStore", **by_name[name]})
            if name in by_name
            else State("ClusterSecretStore", "", name, False, "it does not exist")
            for name in self._stores
        ]
        found += [states.secret_state(body) for body in mine]
        found += [
            State("ExternalSecret", space, name, False, "it does not exist")
            for space, name in self._expected
            if (space, name) not in named
        ]
        self.seen = [self._current(one) if one.done else self._explained(one) for one in found]
        return self.seen

    def _current(self, state: State) -> State:
        """Return the state, not done while the operator has not come to a sync that it was asked for."""
        path = self._at(state)
        if state.namespace and path in self._before and self._before[path] == self._synced(path):
            return replace(state, done=False, said="it has been asked to sync anew and has not yet")
        return state

    def _synced(self, path: str) -> str:
        return str((self._bodies[path].get("status") or {}).get("syncedResourceVersion") or "")

    def _path(self, body: Mapping[str, Any]) -> str:
        meta = body["metadata"]
        if not meta.get("namespace"):
            return f"{_ROOT}/clustersecretstores/{meta['name']}"
        return f"{_ROOT}/namespaces/{meta['namespace']}/externalsecrets/{meta['name']}"

    def _at(self, state: State) -> str:
        return self._path({"metadata": {"name": state.name, "namespace": state.namespace}})

    def _explained(self, state: State) -> State:
        """Return the state with the cause out of the Events, which are asked for only when something is wrong."""
        body = self._bodies.get(self._at(state))
        if body is None:
            return state
        # The Events of an object without a namespace are kept in default.
        space = state.namespace or "default"
        try:
            events, _version = self._client.list(
                f"/api/v1/namespaces/{space}/events",
                fields=f"involvedObject.kind={state.kind},involvedObject.name={state.name}",
            )
        except KubernetesError:
            return state
        judge = states.secret_state if state.namespace else states.store_state
        return judge({"kind": state.kind, **body}, events)

    def ask(self, found: Iterable[State]) -> None:
        """Make the operator look again at what failed; stores first, because nothing can be read through a bad one."""
        if self._force == "never":
            return
        listed = list(found)
        bad_store = any(not one.done and not one.namespace for one in listed)
        now = time.monotonic()
        for one in listed:
            wanted = (self._force == "all" and self._at(one) not in self._asked) or (
                not one.done and (not one.namespace or not bad_store) and self._condition(one) == "False"
            )
            path = self._at(one)
            if not wanted or path not in self._bodies or now - self._asked.get(path, -AGAIN) < AGAIN:
                continue
            self._asked[path] = now
            if self._force == "all":
                self._before.setdefault(path, self._synced(path))
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) + f"/{len(self.forced)}"
            self._client.request(
                "PATCH",
                path,
                {"fieldManager": "homeops-sync"},
                {"metadata": {"annotations": {states.FORCE: stamp}}},
                media="application/merge-patch+json",
                attempted=f"asking the operator to look at {one.where} again",
            )
            self.forced.append(one.where)

    def _condition(self, state: State) -> str:
        for one in (self._bodies[self._at(state)].get("status") or {}).get("conditions") or []:
            if one.get("type") == "Ready":
                return str(one.get("status"))
        return ""

    def wait(self, timeout: float) -> list[State]:
        """Wait until everything is Ready.

        :raises WaitTimeout: naming each object that is not, with its cause.
        """

        def once() -> Observation[None]:
            try:
                found = self.look()
                left = [one for one in found if not one.done]
                first = self._force == "all" and not self._asked
                if left or first:
                    self.ask(found)
                if first and self.forced:
                    return Observation(False, f"{len(self.forced)} objects have been asked to sync anew")
            except KubernetesError as error:
                if error.code and error.code < 500:
                    raise
                return Observation(False, f"the Kubernetes API does not answer ({error.answer})")
            told = "; ".join(one.sentence() for one in left[:3]) + (
                f"; and {len(left) - 3} more" if len(left) > 3 else ""
            )
            return Observation(not left, told)

        try:
            wait_until(
                once,
                what=f"the store to be Valid and {max(0, len(self.seen) - len(self._stores)) or 'all'} ExternalSecrets "
                "to be SecretSynced",
                target=self._client.connection.server,
                timeout=timeout,
                ctx=self._ctx,
                interval=1.0,
            )
        except WaitTimeout as error:
            raise self._late(error) from None
        return self.seen

    def _late(self, error: WaitTimeout) -> HomeopsError:
        left = [one for one in self.seen if not one.done]
        stores = [one for one in left if not one.namespace]
        told = stores or left
        answer = "; ".join(one.sentence() for one in told) or error.answer
        return WaitTimeout(
            error.attempted,
            target=error.target,
            answer=answer,
            remedy=states.remedy_of(told),
            facts={"objects": [one.facts() for one in self.seen], "forced": self.forced},
        )
