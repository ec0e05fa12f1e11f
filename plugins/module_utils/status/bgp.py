# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP from both ends: what the cluster announces against what the router has, per neighbour, pod range and Service.

Pure: the answers come from ``cilium_bgp_info`` and from the router's daemon (``neighbors`` and ``routes`` as the
modules for the router return them). An end that could not be asked is a finding, not a gap. Of each way the first
broken link is told: address, pool, announcement, session, acceptance, paths, installation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import declared
from .report import Finding, worst_of
from .table import columns

#: Version of the report's shape; a key may be added without a new one, none is renamed or removed.
SCHEMA = 1
ESTABLISHED = "Established"
NOTHING = "-"

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class NeighborRow:
    """One node and the router, from both ends; ``-`` where an end says nothing."""

    node: str
    address: str
    router: str
    family: str
    cluster_state: str
    router_state: str
    announced: str
    accepted: str
    up_seconds: int | None


@dataclass(frozen=True)
class RouteRow:
    """One prefix that the router must have: a Service's address, or a node's pods.

    :param kind: ``service`` or ``pods``.
    :param wanted: nodes that announce it.
    :param accepted: nodes from which the router has it, None when the router could not be asked.
    :param paths: paths that the router uses at once.
    :param broken: the first broken link, ``""`` when there is none.
    """

    kind: str
    name: str
    prefix: str
    pool: str
    wanted: tuple[str, ...]
    accepted: tuple[str, ...] | None
    paths: int | None
    broken: str


@dataclass
class Report:
    """The whole answer.

    :ivar notes: what was not proved, or is still to come, and is no fault of this network.
    """

    neighbors: list[NeighborRow] = field(default_factory=list)
    routes: list[RouteRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """``ok``, ``warning`` or ``error``."""
        return worst_of(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "schema": SCHEMA,
            "worst": self.worst,
            "neighbors": [asdict(row) for row in self.neighbors],
            "routes": [asdict(row) for row in self.routes],
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Ends:
    """What both ends said.

    :param nodes: address by node.
    :param router: the router's address.
    :param cluster: answer of ``cilium_bgp_info``, None when it could not be asked.
    :param live: ``neighbors`` and ``routes`` of the router's daemon, None when it could not be asked.
    :param admission: whether the text that the router stores would accept each prefix; judged without ``live``.
    :param faults: faults of that text, each with ``line`` and ``message``.
    :param maximum_paths: paths that the router may use at once, 0 = not known.
    :param require_state: whether a router whose daemon nobody may ask is a fault, because a proof is wanted.
    :param waited: how a wait for the router ended that was in vain.
    :param pinned: addresses that the model promises.
    :param pending: whether the Services of these addresses may still be to come.
    """

    nodes: Mapping[str, str]
    router: str
    cluster: Answer | None
    live: Answer | None
    cluster_reason: str = ""
    router_reason: str = ""
    maximum_paths: int = 0
    admission: tuple[Answer, ...] = ()
    faults: tuple[Answer, ...] = ()
    require_state: bool = False
    waited: str = ""
    pinned: tuple[declared.Pin, ...] = ()
    pending: bool = False


def build(ends: Ends) -> Report:
    """Hold both ends against each other."""
    report = Report()
    if ends.cluster is None:
        report.findings.append(Finding("error", "cluster", ends.cluster_reason or "it could not be asked"))
    if ends.live is None:
        report.findings.append(_silent(ends))
    for fault in ends.faults:
        line = f"line {fault['line']} of its text: " if fault.get("line") else ""
        report.findings.append(Finding("warning", "router", f"{line}{fault.get('message')}"))
    report.neighbors = neighbors(ends)
    report.findings += _sessions(report.neighbors, ends)
    report.routes = routes(ends)
    report.findings += [Finding("error", row.name, row.broken) for row in report.routes if row.broken]
    if ends.cluster is not None:
        findings, report.notes = declared.judge(ends.pinned, ends.cluster.get("services") or [], ends.pending)
        report.findings += findings
    kernel = (ends.live or {}).get("kernel") or {}
    if kernel and not kernel.get("asked"):
        why = f" ({kernel['reason']})" if kernel.get("reason") else ""
        report.notes.append(f"zebra could not be asked{why}: whether the router's kernel has the routes is not proved")
    told = {finding.text for finding in report.findings}
    for entry in (ends.cluster or {}).get("findings") or []:
        if entry["text"] not in told:
            report.findings.append(Finding(str(entry["severity"]), str(entry["subject"]), str(entry["text"])))
    if ends.waited and report.worst != "error":
        report.findings.append(
            Finding("warning", "router", f"all is there now, but not when waited for: {ends.waited}")
        )
    return report


def _silent(ends: Ends) -> Finding:
    """Return what it means that the router's daemon told nothing."""
    if ends.router_reason:
        return Finding("error", "router", ends.router_reason)
    text = (
        "without a state command nobody knows its sessions and routes: NOTHING PAST THE TEXT THAT IT STORES IS PROVED. "
        "Name a command that reaches its vtysh in homeops_router_state_command"
    )
    if ends.require_state:
        return Finding("error", "router", f"{text}, or accept this with bgp_status_require_state: false")
    return Finding("warning", "router", text)


def expected(cluster: Answer, nodes: Mapping[str, str], maximum_paths: int = 0) -> list[dict[str, Any]]:
    """Return what the router must have accepted: prefix, the neighbours it comes from, and how many paths.

    :param cluster: answer of ``cilium_bgp_info``.
    :param nodes: address by node.
    """
    found = []
    for prefix, _kind, _name, _pool, wanted, _broken in _wanted(cluster):
        if wanted:
            width = min(len(wanted), maximum_paths) if maximum_paths else len(wanted)
            known = [nodes[node] for node in wanted if node in nodes]
            found.append({"prefix": prefix, "neighbors": known, "paths": max(1, width)})
    return found


def _wanted(cluster: Answer) -> list[tuple[str, str, str, str, tuple[str, ...], str]]:
    """Return (prefix, kind, name, pool, nodes, first broken link on the cluster's side) of everything to announce."""
    found = []
    for row in cluster.get("services") or []:
        if row.get("foreign"):  # another implementation's, such as loadBalancerClass tailscale
            continue
        name = f"{row['namespace']}/{row['name']}"
        address = str(row.get("address") or "")
        broken = str(row.get("broken") or "")
        # Two pools may share a label's value (one per family), so the pool's selector is asked and not its name.
        if address and not broken and row.get("pool") and row.get("pool_selects") is False:
            broken = f"{address} comes from pool {row['pool']}, which does not select it: its label asks for "
            broken += str(row.get("label") or "none")
        elif address and not row.get("pool") and not broken:
            broken = f"{address} lies in no pool"
        elif address and broken:
            broken = f"{address} is not announced: {broken}"
        found.append(
            (host(address), "service", name, str(row.get("pool") or ""), tuple(row.get("nodes") or ()), broken)
        )
    for row in cluster.get("pods") or []:
        found.append((str(row["cidr"]), "pods", f"pods of {row['node']}", "", (str(row["node"]),), ""))
    return found


def host(address: str) -> str:
    """Return the prefix of one address, ``""`` for none."""
    if not address:
        return ""
    return str(ipaddress.ip_network(address))


def neighbors(ends: Ends) -> list[NeighborRow]:
    """Return one row per node and family."""
    sessions = {
        str(one["node"]): one
        for one in (ends.cluster or {}).get("sessions") or []
        if str(one.get("peer_address")) == ends.router
    }
    rows = []
    for node, address in ends.nodes.items():
        mine = sessions.get(node)
        theirs = [one for one in (ends.live or {}).get("neighbors") or [] if one.get("neighbor") == address]
        for one in theirs or [{}]:
            family = str(one.get("family") or "")
            sent = (mine or {}).get("advertised") or {}
            rows.append(
                NeighborRow(
                    node=node,
                    address=address,
                    router=ends.router,
                    family=family or NOTHING,
                    cluster_state=str(mine["state"]) if mine else NOTHING,
                    router_state=_state(one) if ends.live is not None else NOTHING,
                    announced=str(sent.get(family.replace(" ", "/"), NOTHING)) if family else NOTHING,
                    accepted=str(one.get("accepted_prefixes", NOTHING)),
                    up_seconds=one.get("up_seconds"),
                )
            )
    return rows


def _state(one: Answer) -> str:
    if not one:
        return "no neighbour"
    if one.get("established") or one.get("state") != ESTABLISHED:
        return str(one.get("state"))
    return f"{one.get('state')} ({one.get('peer_state')})"


def _sessions(rows: Iterable[NeighborRow], ends: Ends) -> list[Finding]:
    """Return what is wrong with sessions, once per node."""
    found = []
    follows = {
        str(node): str(policy["kind"])
        for policy in (ends.cluster or {}).get("policies") or []
        for node in policy.get("effective_nodes") or []
    }
    details = {
        (str(one.get("neighbor")), str(one.get("family"))): one for one in (ends.live or {}).get("neighbors") or []
    }
    for row in rows:
        if ends.cluster is not None and row.node not in follows:
            found.append(Finding("error", row.node, "no BGP policy of the cluster selects it"))
        elif row.cluster_state not in (NOTHING, "established"):
            found.append(
                Finding("error", row.node, f"Cilium says its session with {row.router} is {row.cluster_state}")
            )
        if row.router_state in (NOTHING, ESTABLISHED):
            continue
        one = details.get((row.address, row.family)) or {}
        why = "; ".join(str(one[key]) for key in ("last_reset", "last_error") if one.get(key))
        text = f"the router says {row.address} is {row.router_state}"
        if row.router_state == "no neighbour":
            text = f"the router has no neighbour {row.address}"
        found.append(Finding("error", row.node, f"{text}{f' ({why})' if why else ''}"))
    return list(dict.fromkeys(found))


def routes(ends: Ends) -> list[RouteRow]:
    """Return one row per prefix that the cluster announces, or should."""
    if ends.cluster is None:
        return []
    table = {str(one["prefix"]): one for one in (ends.live or {}).get("routes") or []}
    by_address = {address: node for node, address in ends.nodes.items()}
    rows = []
    for prefix, kind, name, pool, wanted, broken in _wanted(ends.cluster):
        accepted: tuple[str, ...] | None = None
        paths = None
        if ends.live is not None and prefix:
            route = table.get(prefix) or {}
            accepted = tuple(sorted(by_address.get(str(item), str(item)) for item in route.get("neighbors") or []))
            paths = int(route.get("paths") or 0)
            if not broken:
                broken = _refused(prefix, wanted, accepted, route, ends) or _narrow(prefix, wanted, route, ends)
        elif prefix and not broken:
            broken = _unwelcome(prefix, ends)
        rows.append(RouteRow(kind, name, prefix, pool, wanted, accepted, paths, broken))
    return rows


def _refused(prefix: str, wanted: tuple[str, ...], accepted: tuple[str, ...], route: Answer, ends: Ends) -> str:
    """Return the first broken link on the router's side, ``""`` when there is none."""
    lacking = [node for node in wanted if node not in accepted]
    if not lacking:
        return ""
    stale = "only stale routes are left" if route.get("stale") and not accepted else ""
    up = {str(one.get("neighbor")) for one in (ends.live or {}).get("neighbors") or [] if one.get("established")}
    down = [node for node in lacking if ends.nodes.get(node) not in up]
    if down:
        why = f"no session with {', '.join(down)}"
    else:
        why = "the sessions stand, so a filter of the router refuses it or the agent does not send it"
    return f"{prefix} is announced by {', '.join(lacking)} and not accepted by the router: {stale or why}"


def _narrow(prefix: str, wanted: tuple[str, ...], route: Answer, ends: Ends) -> str:
    """Return what the router does not use of what it has accepted, ``""`` when traffic takes every way it should."""
    by_address = {address: node for node, address in ends.nodes.items()}
    most = min(len(wanted), ends.maximum_paths) if ends.maximum_paths else len(wanted)
    paths = int(route.get("paths") or 0)
    if paths < most:
        used = {by_address.get(str(item), str(item)) for item in route.get("used") or []}
        idle = [node for node in wanted if node not in used] if "used" in route else []
        which = f"{'' if most == len(wanted) else 'one of '}{', '.join(idle)}"
        named = f": missing is {which}, whose route is accepted and not used beside the best one" if idle else ""
        return f"{prefix} has {paths} of {most} paths at the router{named}"
    lost = [by_address.get(str(hop), str(hop)) for hop in route.get("not_installed") or []]
    if lost:
        return f"{prefix} is accepted over {', '.join(lost)}, and the router's kernel has not installed that"
    return ""


def _unwelcome(prefix: str, ends: Ends) -> str:
    """Return why the text that the router stores would refuse a prefix, ``""`` when it would not or nobody knows."""
    for entry in ends.admission:
        if entry.get("prefix") == prefix and not entry.get("accepted"):
            line = f" (line {entry['line']})" if entry.get("line") else ""
            return f"the router's text refuses {prefix} from {entry.get('neighbor')}: {entry.get('why')}{line}"
    return ""


_NEIGHBORS = ("NODE", "ADDRESS", "FAMILY", "CILIUM", "ROUTER", "ANNOUNCED", "ACCEPTED", "UP")
_ROUTES = ("WHAT", "PREFIX", "POOL", "ANNOUNCED BY", "ACCEPTED FROM", "PATHS", "STATE")


def render(report: Report) -> str:
    """Return both tables, then one line per finding, worst first, then the verdict."""
    parts = [
        columns(
            _NEIGHBORS,
            [
                (
                    r.node,
                    r.address,
                    r.family,
                    r.cluster_state,
                    r.router_state,
                    r.announced,
                    r.accepted,
                    _age(r.up_seconds),
                )
                for r in report.neighbors
            ],
        )
    ]
    if report.routes:
        parts.append(columns(_ROUTES, [_cells(row) for row in report.routes]))
    findings = sorted(report.findings, key=lambda finding: finding.severity != "error")
    if findings:
        parts.append("\n".join(f"{f.severity.upper():8} {f.subject}: {f.text}" for f in findings))
    parts += ["\n".join(f"NOTE     {note}" for note in report.notes)] if report.notes else []
    verdict = "every session stands and every prefix is accepted"
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning")}
    told = ", ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items() if n)
    return "\n\n".join([*parts, told or verdict])


def _cells(row: RouteRow) -> tuple[str, ...]:
    return (
        row.name,
        row.prefix or NOTHING,
        row.pool or NOTHING,
        ", ".join(row.wanted) or NOTHING,
        NOTHING if row.accepted is None else ", ".join(row.accepted) or "nobody",
        NOTHING if row.paths is None else str(row.paths),
        "broken" if row.broken else "ok" if row.accepted is not None else "unknown",
    )


def _age(seconds: int | None) -> str:
    if not seconds:
        return NOTHING
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
