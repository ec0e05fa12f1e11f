# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All questions of one look, from the parameters of ``live_check``."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks.doors import Console, Doors, Items, Login, Name, Node, Proof, Trouble, Vip
from ..checks.live import Live
from ..common.context import Context
from ..talos.connection import Target, target_of
from . import machines, services
from .together import Late, ask_all


@dataclass(frozen=True)
class Seen:
    """What one look has found.

    :param asked: the systems that were asked, by name.
    """

    doors: Doors
    live: Live
    asked: list[str]


def look(params: Mapping[str, Any], ctx: Context) -> Seen:
    """Ask everything that the parameters name at the same time."""
    bundle = functools.cache(lambda: machines.bundle_of(params["secrets_file"], ctx))
    timeout, patience = params["timeout"], params["patience"]
    longer = machines.patience_of(params["talosconfig"], patience, params["boot_patience"], ctx)
    identity, told = machines.credentials(params["talosconfig"], bundle, params["renewed"], ctx)
    targets = [target_of(door) for door in params["nodes"] or []]
    questions: dict[str, Callable[[], Any]] = {
        f"node/{target.label}": functools.partial(machines.look, target, identity, timeout, longer, ctx)
        for target in targets
    }
    # Only these: a name server that says nothing is not to be awaited for as long as a node that boots.
    nodes_take = dict.fromkeys(questions, 2 * timeout + longer)
    vip, console, items, login = (params[name] for name in ("vip", "console", "items", "login"))
    if vip:
        name = vip["server_name"] or vip["host"]
        questions["vip"] = lambda: machines.knock(vip["host"], vip["port"], bundle, name)
    if params["kubeconfig"] and "kubeconfig" not in params["renewed"]:
        questions["kubernetes"] = lambda: services.kubeconfig(params["kubeconfig"], timeout)
    if console:
        zone = console["zone"] or ""
        questions["console"] = lambda: services.console(console, zone=zone, bgp=console["bgp"], ctx=ctx)
    hosts = {services.host_of(one["url"]): one["variable"] for one in params["names"]}
    hosts.pop("", None)
    for host, variable in hosts.items():
        questions[f"name/{host}"] = functools.partial(services.resolve, host, variable)
    if items:
        questions["secrets"] = lambda: services.items(items, generates=items["generates"], read=ctx.read_text)
        token = services.connect_token(items["token"] or "") if items["source"] == "connect" else None
        told = [*told, token] if token else told
    if login:
        questions["login"] = lambda: services.login(login)
    ctx.progress(f"asking {len(questions)} systems")
    answers = ask_all(questions, 2 * timeout + patience, nodes_take)
    nodes = [_node(target, answers[f"node/{target.label}"]) for target in targets]
    kubeconfig = answers.get("kubernetes", [])
    doors = Doors(
        now=datetime.datetime.now(datetime.UTC),
        stranger=identity is None and bool(params["secrets_elsewhere"]),
        platform_first=params["platform_first"],
        nodes=nodes if params["nodes"] is not None else None,
        vip=_or(answers.get("vip"), lambda late: Vip(vip["host"])),
        credentials=[*told, *([] if isinstance(kubeconfig, Late) else kubeconfig)],
        console=_or(answers.get("console"), lambda late: Console(console["host"], _late(late, "the console"))),
        names=[
            _or(answers[f"name/{host}"], functools.partial(_unresolved, host, variable))
            for host, variable in hosts.items()
        ],
        items=_or(answers.get("secrets"), lambda late: Items(items["source"], _late(late))),
        login=_or(answers.get("login"), lambda late: Login(login["url"])),
        proof=_proof(params["bgp_proof"], ctx),
    )
    links = {node.name: _names(node) for node in nodes if node.links}
    return Seen(doors, Live(links=links or None), sorted(questions))


def _names(node: Node) -> list[str]:
    """Return every name of a node's links."""
    return [name for link, spec in node.links.items() for name in (link, *(spec.get("altNames") or ()))]


def _proof(given: Mapping[str, Any] | None, ctx: Context) -> Proof | None:
    return Proof(bool(given["state_command"]), given["required"], ctx.check_mode) if given else None


def _or(answer: Any, instead: Callable[[Late], Any]) -> Any:
    return instead(answer) if isinstance(answer, Late) else answer


def _late(late: Late, who: str = "") -> Trouble:
    return Trouble("Late", f"{who}: {late.text}" if who else late.text)


def _unresolved(host: str, variable: str, late: Late) -> Name:
    return Name(host, variable, _late(late))


def _node(target: Target, answer: Any) -> Node:
    where = f"{target.node}:{target.port}"
    return _or(answer, lambda late: Node(target.label, where, trouble=_late(late)))
