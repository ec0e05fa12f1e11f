# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for many objects in one call, with one deadline and a line that says what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

try:
    import jmespath
except ImportError:  # ansible-test imports without third-party packages
    jmespath = None

from ..common.context import Context
from ..common.errors import InputError, WaitTimeout
from ..common.wait import Observation, wait_until
from . import causes
from .client import Client
from .discovery import Discovery, Resource
from .errors import KubernetesError, NotFound, Unreachable
from .live import whole
from .readiness import Readiness, condition, readiness

#: Seconds between two looks.
INTERVAL = 0.5
#: Seconds after which a kind that is not served is looked up again.
REDISCOVER = 2.0
#: Workloads whose pods are asked why, when a wait ends in vain.
EXPLAINED = 2


class Failed(KubernetesError):
    """An awaited object says that it will not get there."""


@dataclass(frozen=True)
class Target:
    """What to wait for.

    :param name: one object; empty = all that fit ``labels``, at least ``count``.
    :param api_version: empty = the preferred version of the kind.
    :param condition: wait for this condition; empty = the rule of the kind.
    :param status: the status that the condition must have.
    :param jmespath: wait until this expression over the object is true.
    :param absent: wait until it is gone.
    """

    kind: str
    name: str = ""
    namespace: str = ""
    api_version: str = ""
    labels: str = ""
    count: int = 1
    condition: str = ""
    status: str = "True"
    jmespath: str = ""
    absent: bool = False

    def __str__(self) -> str:
        """``Deployment kube-system/coredns``."""
        place = f"{self.namespace}/" if self.namespace else ""
        if self.name:
            return f"{self.kind} {place}{self.name}"
        return f"{self.kind} {place}*" + (f" ({self.labels})" if self.labels else "")


#: Argument spec of one target, shared by ``kube_wait.targets`` and ``kube_apply.wait_conditions``.
ARGUMENTS: dict[str, Any] = {
    "kind": {"type": "str", "required": True},
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "api_version": {"type": "str"},
    "labels": {"type": "str"},
    "count": {"type": "int", "default": 1},
    "condition": {"type": "str"},
    "status": {"type": "str", "default": "True"},
    "jmespath": {"type": "str"},
    "state": {"type": "str", "choices": ["ready", "absent"], "default": "ready"},
}


def parse(options: Mapping[str, Any], param: str) -> Target:
    """Read one target from module parameters.

    :raises InputError: the JMESPath expression is wrong, or two ways to be ready are asked for.
    """
    expression, kind = str(options.get("jmespath") or ""), str(options.get("kind") or "")
    if expression and options.get("condition"):
        raise InputError(
            f"the target {kind} asks for a condition and a jmespath", remedy="Keep one of them", param=param
        )
    if expression:
        compiled(expression, param)
    return Target(
        kind=kind,
        name=str(options.get("name") or ""),
        namespace=str(options.get("namespace") or ""),
        api_version=str(options.get("api_version") or ""),
        labels=str(options.get("labels") or ""),
        count=int(options.get("count") or 0),
        condition=str(options.get("condition") or ""),
        status=str(options.get("status") or "True"),
        jmespath=expression,
        absent=options.get("state") == "absent",
    )


def compiled(expression: str, param: str) -> Any:
    """Return the compiled JMESPath expression.

    :raises InputError: not an expression, or the package is missing.
    """
    if jmespath is None:
        raise InputError(
            "the Python package jmespath is missing", remedy="Install it: pip install jmespath", param=param
        )
    try:
        return jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        answer = str(error).splitlines()[0]
        raise InputError(f"{expression!r} is not a JMESPath expression", answer=answer, param=param) from None


def judge(target: Target, body: Mapping[str, Any]) -> Readiness:
    """Tell whether one live object is what the target waits for."""
    if target.jmespath:
        try:
            value = compiled(target.jmespath, "jmespath").search(body)
        except jmespath.exceptions.JMESPathError as error:
            return Readiness(False, f"{target.jmespath} cannot be evaluated: {str(error).splitlines()[0]}")
        shown = "" if isinstance(value, (dict, list)) else f" ({value})"
        return Readiness(bool(value), target.jmespath + (" holds" if value else f" does not hold yet{shown}"))
    if target.condition:
        return condition(body, target.condition, target.status)
    return readiness(body)


def assess(target: Target, found: list[Mapping[str, Any]]) -> Readiness:
    """Tell whether a target is reached, given all live objects that it selects."""
    if target.absent:
        if not found:
            return Readiness(True, "gone")
        held = found[0]["metadata"].get("finalizers") or []
        waits = f", held by finalizer {', '.join(held)}" if held else ""
        return Readiness(False, f"{'still there' if len(found) == 1 else f'{len(found)} are still there'}{waits}")
    if target.name and not found:
        return Readiness(False, "does not exist yet")
    looks = [(body, judge(target, body)) for body in found]
    for body, look in looks:
        if look.failed:
            return look if target.name else Readiness(False, f"{body['metadata']['name']}: {look.state}", failed=True)
    ready = sum(look.ready for body, look in looks)
    if ready == len(looks) and ready >= (1 if target.name else target.count):
        return looks[0][1] if target.name else Readiness(True, f"{ready} ready")
    if target.name:
        return looks[0][1]
    missing = next((f"; {body['metadata']['name']}: {look.state}" for body, look in looks if not look.ready), "")
    return Readiness(False, f"{ready} of {max(target.count, len(looks))} ready{missing}")


class Waiter:
    """Waits for targets against one API server."""

    def __init__(self, client: Client, discovery: Discovery, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._discovery, self._sleep = client, discovery, sleep
        self._discovered = time.monotonic()
        #: What the last look found missing: objects that are not ready, and what to do about an API that is silent.
        self._unready: list[Mapping[str, Any]] = []
        self._remedy = ""
        self._advice = "See what it says in its status and its events"

    def wait(
        self, targets: Iterable[Target], *, timeout: float, ctx: Context, interval: float = INTERVAL, param: str = ""
    ) -> list[dict[str, Any]]:
        """Wait until every target is reached and return the state of each.

        :param param: the module parameter that names the targets, for an object that failed.
        :raises WaitTimeout: with what is still missing, and why as far as pods tell.
        :raises Failed: an object failed for good, and why as far as pods tell.
        """
        wanted = list(dict.fromkeys(targets))
        if not wanted:
            return []
        what = str(wanted[0]) if len(wanted) == 1 else f"{len(wanted)} targets"
        if all(target.absent for target in wanted):
            what += " to be gone"
            self._advice = "See what holds it: a finalizer, or for a pod a node that does not answer"
        try:
            value = wait_until(
                lambda: self._look(wanted, param),
                what=what,
                target=self._client.connection.server,
                timeout=timeout,
                ctx=ctx,
                interval=interval,
                sleep=self._sleep,
                param="wait_timeout",
            )
        except WaitTimeout as error:
            answer, remedy = self._explained(error.answer)
            raise WaitTimeout(
                error.attempted, target=error.target, answer=answer, remedy=remedy, param=error.param
            ) from None
        return value or []

    def look(self, targets: Iterable[Target]) -> list[dict[str, Any]]:
        """Look once and return the state of each target; nothing is awaited."""
        wanted = list(dict.fromkeys(targets))
        return [_facts(target, look) for target, look in zip(wanted, self._assess(wanted), strict=True)]

    def _look(self, targets: list[Target], param: str) -> Observation[list[dict[str, Any]]]:
        self._unready, self._remedy = [], ""
        try:
            looks = self._assess(targets)
        except Unreachable as error:
            self._remedy = error.remedy
            return Observation(False, f"the API is not reachable: {error.answer}")
        except KubernetesError as error:
            if not error.passing:
                raise
            self._remedy = error.remedy
            return Observation(False, error.answer)
        for target, look in zip(targets, looks, strict=True):
            if look.failed:
                self._unready = [body for body in self._unready if judge(target, body).failed]
                answer, remedy = self._explained(look.state)
                raise Failed(
                    f"waiting for {target}",
                    target=self._client.connection.server,
                    answer=answer,
                    remedy=remedy,
                    param=param,
                )
        missing = [f"{target}: {look.state}" for target, look in zip(targets, looks, strict=True) if not look.ready]
        if not missing:
            return Observation(True, "", [_facts(target, look) for target, look in zip(targets, looks, strict=True)])
        more = f"; and {len(missing) - 3} more" if len(missing) > 3 else ""
        return Observation(False, "; ".join(missing[:3]) + more)

    def _explained(self, answer: str) -> tuple[str, str]:
        """Return the answer with what the pods of unready workloads say, and what to do."""
        told, remedies = [answer], [self._remedy] if self._remedy else []
        for body in [body for body in self._unready if body.get("kind") in causes.WORKLOADS][:EXPLAINED]:
            text, remedy = causes.explain(self._client, body)
            told += [text] if text else []
            remedies += [remedy] if remedy else []
        return "; ".join(told), remedies[0] if remedies else self._advice

    def _assess(self, targets: list[Target]) -> list[Readiness]:
        """Look at all targets with one request per kind and namespace (or object)."""
        resources = [self._resource(target) for target in targets]
        jobs: dict[tuple[Resource, str, str, str], None] = {}
        names: dict[tuple[Resource, str], int] = {}
        for target, resource in zip(targets, resources, strict=True):
            if resource is not None and target.name:
                names[resource, _place(resource, target)] = names.get((resource, _place(resource, target)), 0) + 1
        keys = []
        for target, resource in zip(targets, resources, strict=True):
            key = None
            if resource is not None:
                namespace = _place(resource, target)
                single = target.name and names[resource, namespace] <= 2
                key = (resource, namespace, target.name if single else "", "" if target.name else target.labels)
                jobs[key] = None
            keys.append(key)
        found = dict(zip(jobs, self._client.map(self._ask, jobs), strict=True))
        looks = []
        for target, key in zip(targets, keys, strict=True):
            if key is None:
                text = "its kind is not served" if target.absent else "its kind is not served yet"
                looks.append(Readiness(target.absent, text))
                continue
            bodies: list[Mapping[str, Any]] = [
                body for body in found[key] if not target.name or body["metadata"]["name"] == target.name
            ]
            looks.append(assess(target, bodies))
            if not target.absent and not looks[-1].ready:
                self._unready += [body for body in bodies if not judge(target, body).ready]
        return looks

    def _ask(self, job: tuple[Resource, str, str, str]) -> list[dict[str, Any]]:
        resource, namespace, name, labels = job
        try:
            if name:
                return [self._client.get(resource.path(namespace, name), attempted=f"reading {resource.kind} {name}")]
            items, _version = self._client.list(
                resource.path(namespace), labels=labels, attempted=f"reading {resource.plural}"
            )
        except NotFound:
            return []
        return [whole(item, resource) for item in items]

    def _resource(self, target: Target) -> Resource | None:
        """Find the kind; one that is missing is looked up again every few seconds, its definition may be on its way."""
        found = self._discovery.search(target.kind, target.api_version)
        if found is None and time.monotonic() - self._discovered > REDISCOVER:
            self._discovered = time.monotonic()
            self._discovery = Discovery(self._client)
            found = self._discovery.search(target.kind, target.api_version)
        return found


def _place(resource: Resource, target: Target) -> str:
    """Return the namespace to look in: a named object without one lives in ``default``, a selection everywhere."""
    if not resource.namespaced:
        return ""
    return target.namespace or ("default" if target.name else "")


def _facts(target: Target, look: Readiness) -> dict[str, Any]:
    return {
        "kind": target.kind,
        "name": target.name,
        "namespace": target.namespace,
        "ready": look.ready,
        "state": look.state,
    }
