# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking again at the ways of services while all that is broken on them is mended by the systems themselves.

An issuer takes minutes for a certificate, external-dns looks once a minute, an outpost takes on what it is told within
seconds (``chain.Link.comes``). Everything else that is broken ends the wait at once: nobody would mend it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..authentik import session as authentik
from ..authentik.info import Info
from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..common.wait import Observation, wait_until
from ..kubernetes import listing, session as kubernetes
from ..kubernetes.cluster_view import ClusterView
from ..probes.together import Late, ask_all
from ..unifi import dns, session as unifi
from . import chain, probe

#: Seconds between two looks.
INTERVAL = 5.0
#: Requests that one question may need, one after another.
_REQUESTS = 3
_RECORDS = ("A", "AAAA", "CNAME")
_IDENTITY = {"providers", "applications", "outposts"}
#: What the facts are called, by the names of the options that hold them.
NAMES = {"resources": "cluster"}

#: The options of the systems that are asked again.
ARGUMENTS: dict[str, Any] = {
    "kubeconfig": {"type": "path"},
    "console": {"type": "dict", "options": unifi.ARGUMENTS},
    "zone": {"type": "str", "default": ""},
    "identity": {"type": "dict", "options": authentik.ARGUMENTS},
    "probes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "str", "default": ["/"]},
        },
    },
    "door": {"type": "str"},
    "ca_file": {"type": "path"},
    "timeout": {"type": "int", "default": 10},
}


@dataclass(frozen=True)
class Waited:
    """What came of it.

    :param looks: how often was looked again.
    :param seconds: that were waited.
    """

    report: chain.Report
    looks: int = 0
    seconds: float = 0.0


class Patience:
    """Decides from one report to the next whether waiting can help, and says what is waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: Of each link that is awaited: since when, and how long it may take.
        self._awaited: dict[tuple[str, str], tuple[float, float]] = {}

    def judge(self, report: chain.Report) -> tuple[bool, str]:
        """Return whether to look again, and which service waits for which links.

        A link that was waited for and is not known now, because its system did not answer this time, is still awaited.
        """
        now = self._clock()
        awaited: dict[tuple[str, str], tuple[float, float]] = {}
        for one in report.chains:
            for link in one.links:
                key = (one.name, link.name)
                since, comes = self._awaited.get(key, (now, link.comes))
                if link.state == chain.BROKEN:
                    # Where another fault has taken the place of the first one, its time begins now.
                    awaited[key] = (since if comes == link.comes else now, link.comes)
                elif link.state == chain.UNKNOWN and key in self._awaited:
                    awaited[key] = (since, comes)
        self._awaited = awaited
        hopeless = any(now - since >= comes for since, comes in awaited.values())
        return bool(awaited) and not hopeless, _told(awaited)


def _told(awaited: Iterable[tuple[str, str]]) -> str:
    """Return who waits for what, services with the same needs together: ``grafana, hubble: certificate, login``."""
    links: dict[str, list[str]] = {}
    for service, link in awaited:
        links.setdefault(service, []).append(link)
    services: dict[str, list[str]] = {}
    for service, needs in links.items():
        services.setdefault(", ".join(needs), []).append(service)
    return "; ".join(f"{', '.join(names)}: {needs}" for needs, names in services.items())


def wait(
    build: Callable[[chain.Facts], chain.Report],
    first: chain.Facts,
    look: Callable[[], chain.Facts],
    timeout: float,
    ctx: Context,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Waited:
    """Judge the first facts, and newer ones as long as that can help; return the last report.

    :param build: judges the ways of all services.
    :param timeout: seconds; 0 judges the first facts only.
    """
    report, looks, began = build(first), 0, clock()
    if timeout <= 0:
        return Waited(report)
    patience, fresh = Patience(clock), True

    def again() -> Observation[None]:
        nonlocal report, looks, fresh
        if not fresh:
            report, looks = build(look()), looks + 1
        fresh = False
        going, told = patience.judge(report)
        return Observation(not going, told)

    try:
        wait_until(
            again,
            what="what comes by itself",
            target="the ways of the services",
            timeout=timeout,
            ctx=ctx,
            interval=INTERVAL,
            sleep=sleep,
            clock=clock,
        )
    except WaitTimeout:
        pass  # the report says what did not come
    return Waited(report, looks, clock() - began if looks else 0.0)


def look(given: Mapping[str, Any], first: chain.Facts, ctx: Context) -> chain.Facts:
    """Ask the systems anew, all at once; what was not asked before is not asked now, and announcements are kept.

    :param given: the options, see :data:`ARGUMENTS`.
    """
    seconds = float(given["timeout"])
    questions: dict[str, Callable[[], Any]] = {}
    if first.cluster is not None:
        questions["cluster"] = lambda: _cluster(given, ctx)
    if first.records is not None and given.get("console"):
        questions["records"] = lambda: _records(given, ctx)
    if first.identity is not None and given.get("identity"):
        questions["identity"] = lambda: _identity(given, ctx)
    if first.probes is not None and given["probes"]:
        questions["probes"] = lambda: _probes(given)
    answers = ask_all({name: _answered(ask) for name, ask in questions.items()}, seconds * _REQUESTS)
    found: dict[str, Any] = {}
    reasons = dict(first.reasons)
    for name, answer in answers.items():
        missed = answer.text if isinstance(answer, Late) else str(answer) if isinstance(answer, HomeopsError) else ""
        found[name] = None if missed else answer
        reasons[name] = missed.rstrip(".")
    return replace(first, **found, now=datetime.now(UTC).isoformat(), reasons={k: v for k, v in reasons.items() if v})


def _answered(ask: Callable[[], Any]) -> Callable[[], Any]:
    """Return a question whose failure is its answer."""

    def asked() -> Any:
        try:
            return ask()
        except HomeopsError as error:
            return error

    return asked


def _cluster(given: Mapping[str, Any], ctx: Context) -> ClusterView:
    with kubernetes.connect({"kubeconfig": given.get("kubeconfig"), "timeout": given["timeout"]}, ctx) as client:
        return ClusterView(listing.listed(client, listing.WAY))


def _records(given: Mapping[str, Any], ctx: Context) -> list[dict[str, Any]]:
    console = given["console"]
    with unifi.connect({**console, "timeout": given["timeout"]}, _quiet(ctx)) as client:
        return dns.chosen(dns.read(client, console["site"]), given["zone"], _RECORDS)


def _identity(given: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    quiet = _quiet(ctx)
    with authentik.connect({**given["identity"], "timeout": given["timeout"]}, quiet) as client:
        return Info(client, quiet).read(set(_IDENTITY), soon=0)


def _probes(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    door = given.get("door") or ""
    targets = [probe.Target(one["host"], path, door) for one in given["probes"] for path in one["paths"]]
    return probe.probe(targets, ca_file=given.get("ca_file") or "", timeout=float(given["timeout"]))


def _quiet(ctx: Context) -> Context:
    """A context whose warnings and retries nobody needs again."""
    return Context(check_mode=ctx.check_mode, read_text=ctx.read_text)
