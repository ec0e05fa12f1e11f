# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report: ask every system at once, judge, compare with the history, and write down what is wanted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..common import files
from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..status import options
from ..talos import config_source
from ..talos.connection import identity_of, target_of
from ..talos.identity import Identity
from ..talos.secrets import SecretsBundle
from . import access, certificates, cluster, delivery, document, history, network, nodes, page, storage
from .areas import AREAS, FAILS, PER_NODE, Area, Facts, Thresholds, Wanted
from .gather import Answer, gather, unasked
from .sources import KINDS, Sources

JUDGES: Mapping[str, Callable[[Facts], Area]] = {
    "nodes": nodes.nodes,
    "etcd": nodes.etcd,
    "kubernetes": cluster.kubernetes,
    "cilium": cluster.cilium,
    "bgp": network.bgp,
    "pools": network.pools,
    "flux": delivery.flux,
    "secrets": delivery.secrets,
    "storage": storage.storage,
    "certificates": certificates.certificates,
    "identity": access.identity,
    "services": access.services,
}
#: Findings of the worst severity that a failure tells; all are in the report.
_TOLD = 12


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Make the report; see the module ``cluster_report``.

    :raises HomeopsError: a finding has a severity that must not be. Everything has been written down before.
    """
    began, now = time.monotonic(), datetime.now(UTC)
    names = [target_of(node).label for node in params["nodes"]]
    shown = _shown(params, names)
    areas = _areas(params, limited=len(shown) < len(names))
    _check_timeouts(params["timeouts"])
    blank: dict[str, str] = {}
    identity = _identity(params, ctx, blank)
    sources = Sources(params, ctx, areas, shown, identity, _bundle(params, ctx, areas, blank))
    answers = gather(sources.jobs()) if areas else {}
    answers.update({kind: unasked(kind, reason) for kind, reason in sources.unasked.items()})
    answers = {name: _compared(answer, sources) for name, answer in answers.items()}
    wanted = _wanted(params, names, shown, now)
    facts = Facts(wanted, answers)
    judged = [_judged(area, facts) for area in areas]
    _notes(judged, blank)
    lines, kept, strange = _history(params, ctx)
    report = document.build(
        facts,
        judged,
        history.trends(judged, lines, now),
        {area.name: history.state_since(area, lines, now) for area in judged},
        cluster=params["cluster"],
        seconds=time.monotonic() - began,
    )
    text = document.render(report, _detail(params, areas))
    if not ctx.check_mode:
        whole = len(shown) == len(names)
        new = history.line(now, params["cluster"], report["worst"], judged, whole=whole)
        _write_history(params, ctx, history.extended(kept, new, params["history_length"]), strange, bool(kept))
        _write(params["dest"], lambda path: files.write_shared(path, document.text(report)), "dest")
        drawn = {area.name: area.report for area in judged if area.report}
        _write(params["page_dest"], lambda path: files.write_shared(path, page.page(report, drawn)), "page_dest")
    if params["show"]:
        ctx.show(text)
    return _verdict({"changed": False, "report": report, "table": text}, params["fail_on"])


def _shown(params: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return the nodes that the report is about.

    :raises InputError: one is not among the nodes.
    """
    for name in params["only_nodes"]:
        if name not in names:
            raise InputError(
                f"{name} is none of the nodes", answer=f"they are {', '.join(names) or 'none'}", param="only_nodes"
            )
    return tuple(name for name in names if not params["only_nodes"] or name in params["only_nodes"])


def _areas(params: Mapping[str, Any], *, limited: bool) -> tuple[str, ...]:
    """Return the areas in their order: those that are named, else all; of some nodes only what nodes are in."""
    if params["areas"]:
        return tuple(area for area in AREAS if area in params["areas"])
    return PER_NODE if limited else AREAS


def _check_timeouts(timeouts: Mapping[str, Any]) -> None:
    """Refuse a timeout that would be used for nothing.

    :raises InputError: an unknown kind of system, or no number of seconds.
    """
    for kind, seconds in timeouts.items():
        if kind not in KINDS:
            raise InputError(f"{kind} is no kind of system", answer=f"they are {', '.join(KINDS)}", param="timeouts")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            raise InputError(f"the timeout of {kind} is no number of seconds", target=str(seconds), param="timeouts")


def _identity(params: Mapping[str, Any], ctx: Context, blank: dict[str, str]) -> Identity | None:
    """Return the client of the Talos API; without a usable one the nodes say so themselves, and the report goes on."""
    try:
        return identity_of(params, ctx)
    except HomeopsError as error:
        blank["talosconfig"] = str(error).rstrip(".")
        return None


def _bundle(
    params: Mapping[str, Any], ctx: Context, areas: Sequence[str], blank: dict[str, str]
) -> SecretsBundle | None:
    """Return the secrets for the declared machine configs; without them nobody can tell how the nodes differ."""
    if not params.get("machine_config") or "nodes" not in areas:
        return None
    try:
        return config_source.bundle_of(params["machine_config"], ctx)
    except HomeopsError as error:
        blank["machine configs"] = str(error).rstrip(".")
        return None


def _compared(answer: Answer, sources: Sources) -> Answer:
    """Return a node's answer with its machine configs held against the declared one, and no longer in it."""
    if not isinstance(answer.value, dict) or "held" not in answer.value:
        return answer
    value = {key: item for key, item in answer.value.items() if key != "held"}
    return replace(answer, value={**value, **sources.compare(value["name"], answer.value["held"])})


def _wanted(params: Mapping[str, Any], names: Sequence[str], shown: tuple[str, ...], now: datetime) -> Wanted:
    addresses = [str(node.get("address") or node.get("server_name") or node["node"]) for node in params["nodes"]]
    return Wanted(
        nodes=dict(zip(names, addresses, strict=True)),
        shown=shown,
        now=now,
        talos=params["talos_version"],
        kubernetes=params["kubernetes_version"],
        workloads=tuple(params["workloads"]),
        router=params["router"],
        maximum_paths=params["maximum_paths"],
        services=tuple(options.service(entry) for entry in params["declared"].get("services") or []),
        thresholds=Thresholds(**params["thresholds"]),
    )


def _judged(name: str, facts: Facts) -> Area:
    """Judge one area; what was not understood of an answer makes the area unknown, and leaves the others alone."""
    try:
        return JUDGES[name](facts)
    except (AttributeError, KeyError, LookupError, TypeError, ValueError) as error:
        reason = f"an answer was not understood ({type(error).__name__}: {error})"
        area = Area(name, unknown=reason, summary="could not be judged")
        area.find("error", name, reason)
        return area


def _notes(judged: Sequence[Area], blank: Mapping[str, str]) -> None:
    """Tell what could not be used of the controller's own files, in the area of the nodes where there is one."""
    if not judged:
        return
    area = next((one for one in judged if one.name == "nodes"), judged[0])
    for subject, reason in blank.items():
        area.find("warning", subject, reason)


def _detail(params: Mapping[str, Any], areas: Sequence[str]) -> tuple[str, ...]:
    """Return the areas whose rows are shown: those that were asked for by name, else the nodes."""
    return tuple(params["areas"]) or tuple(area for area in ("nodes", "etcd") if area in areas)


def _history(params: Mapping[str, Any], ctx: Context) -> tuple[list[history.Line], list[str], int]:
    """Return the earlier runs of this cluster, all lines that are kept, and how many are none."""
    path = params.get("history")
    if not path:
        return [], [], 0
    try:
        text = ctx.read_text(path)
    except FileNotFoundError:
        return [], [], 0
    except (OSError, UnicodeDecodeError, HomeopsError) as error:
        ctx.warn(f"The history {path} cannot be read, so there are no trends: {error}")
        return [], [], 1
    kept, lines, strange = history.parse(text, params["cluster"])
    return lines, kept, strange


def _write_history(params: Mapping[str, Any], ctx: Context, text: str, strange: int, known: bool) -> None:
    path = params.get("history")
    if not path:
        return
    if strange and not known:
        ctx.warn(f"{path} is no history of the status; it is left as it is, and this run is not remembered.")
        return
    try:
        files.write_private(path, text)
    except OSError as error:
        ctx.warn(f"The history {path} cannot be written: {error.strerror or error}.")
        return
    if strange:
        ctx.warn(f"{strange} lines of the history {path} could not be understood and are gone.")


def _write(path: str | None, write: Callable[[str], None], param: str) -> None:
    """Write a file that was asked for.

    :raises HomeopsError: it cannot be written.
    """
    if not path:
        return
    try:
        write(path)
    except OSError as error:
        raise HomeopsError(
            "writing the report", target=os.path.expanduser(path), answer=error.strerror or str(error), param=param
        ) from error


def _verdict(result: dict[str, Any], fail_on: str) -> dict[str, Any]:
    """Return the result, or fail with it.

    :raises HomeopsError: a finding has a severity that must not be.
    """
    report = result["report"]
    bad = [one for one in report["findings"] if one["severity"] in FAILS[fail_on]]
    if not bad:
        return result
    told = [f"{one['area']}: {one['subject']}: {one['text']}" for one in bad[:_TOLD]]
    more = f"; and {len(bad) - _TOLD} more" if len(bad) > _TOLD else ""
    raise HomeopsError(
        "finding the cluster as it shall be",
        target=report["cluster"],
        answer="; ".join(told) + more,
        remedy="The first area that is broken is the one to mend: the later ones rest on it",
        # The report itself would bury the message; the files have it.
        facts={"changed": False, "worst": report["worst"]},
    )
