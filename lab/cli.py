# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: up, down, status, fault, power, serve."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import control, process
from .scenario import Scenario, ScenarioError
from .state import CHECKOUT, HOME_NET, LabError, LabState, lab_net

START_TIMEOUT = 60.0
DEFAULT_SCENARIO = CHECKOUT / "lab" / "scenarios" / "default.yml"


def main(argv: list[str] | None = None) -> int:
    """Run one command; failures are one sentence on stderr and exit code 1."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments, LabState.from_environment())
    except (LabError, ScenarioError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(prog="python -m lab", description="The embedded lab: nodes and cluster on loopback.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the lab and return when its nodes answer")
    up.add_argument("--if-needed", action="store_true", help="say nothing when it runs already")
    up.add_argument("--quiet", action="store_true", help="print nothing but errors")
    up.add_argument("--scenario", type=Path, metavar="FILE", help="delays and faults (YAML)")
    up.set_defaults(run=run_up)
    down = commands.add_parser("down", help="stop the lab and remove its directory")
    down.set_defaults(run=run_down)
    status = commands.add_parser("status", help="show what runs; exit code 3 when nothing does")
    status.add_argument("--json", action="store_true", help="everything, as JSON")
    status.set_defaults(run=run_status)
    fault = commands.add_parser(
        "fault", help="set a fault: NODE die | NODE FAULT [VALUE] | console JSON | connect JSON"
    )
    fault.add_argument("--list", action="store_true", help="show the faults that are set")
    fault.add_argument("--clear", action="store_true", help="take all faults back")
    fault.add_argument("target", nargs="?", help="a node, console, connect, kube, workload, door, or delays.<path>")
    fault.add_argument("words", nargs="*", help="the fault and its value")
    fault.set_defaults(run=run_fault)
    power = commands.add_parser("power", help="press a node's power switch")
    power.add_argument("state", choices=("on", "off"))
    power.add_argument("node")
    power.set_defaults(run=run_power)
    serve = commands.add_parser("serve", help="run the lab in the foreground (up starts this)")
    serve.add_argument("--scenario", type=Path, metavar="FILE", help="delays and faults (YAML)")
    serve.set_defaults(run=run_serve)
    return root


# -- commands ------------------------------------------------------------------------------------------------------
def run_up(arguments: argparse.Namespace, state: LabState) -> int:
    """Start the lab unless it runs."""
    if not arguments.if_needed or not answers(state):
        load_scenario(arguments.scenario)
        with state.lock("launch.lock"):
            running = answers(state)
            if running and not arguments.if_needed:
                same_net(state)
                say(arguments, f"The lab is already running (pid {running['pid']}); `python -m lab down` stops it.")
            if not running:
                began = time.monotonic()
                launch(state, arguments.scenario)
                say(arguments, f"The lab is up after {time.monotonic() - began:.1f} s.")
    same_net(state)
    if not arguments.quiet:
        print_status(ask(state, {"do": "status"}))
    return 0


def run_down(arguments: argparse.Namespace, state: LabState) -> int:
    """Stop the lab; nothing of it is left."""
    owner, stopped = str(state.root), False
    try:
        control.ask(state.socket, {"do": "stop"}, timeout=5.0)
        stopped = True
        deadline = time.monotonic() + 10.0
        while process.processes_of(owner) and time.monotonic() < deadline:
            time.sleep(0.03)
    except (ConnectionError, LabError):
        pass
    ended = process.end_processes(owner)
    existed = state.exists()
    state.remove()
    # A daemon that was between fork and exec a moment ago finds no directory and ends; nobody need wait for that.
    process.end_processes(owner)
    if left := process.processes_of(owner):
        raise LabError(f"These processes of the lab could not be ended: {', '.join(map(str, left))}.")
    print("The lab is stopped." if stopped or ended or existed else f"No lab runs in {state.root}.")
    return 0


def run_status(arguments: argparse.Namespace, state: LabState) -> int:
    """Show what runs."""
    try:
        status = control.ask(state.socket, {"do": "status"}, timeout=15.0)
    except ConnectionError:
        if arguments.json:
            print(json.dumps({"running": False, "directory": str(state.root)}))
        else:
            print(f"No lab runs in {state.root}; `python -m lab up` starts one.")
        return 3
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        print_status(status)
    return 0


def run_fault(arguments: argparse.Namespace, state: LabState) -> int:
    """Set, list or clear faults."""
    if arguments.clear:
        request: dict[str, Any] = {"do": "clear"}
    elif arguments.list or not arguments.target:
        request = {"do": "faults"}
    else:
        request = {"do": "fault", "target": arguments.target, "words": arguments.words}
    answer = ask(state, request)
    if arguments.words == ["die"]:
        print(f"{arguments.target} is off; `python -m lab power on {arguments.target}` starts it again.")
    else:
        print(json.dumps(answer, indent=2))
    return 0


def run_power(arguments: argparse.Namespace, state: LabState) -> int:
    """Switch a node on or off."""
    node = ask(state, {"do": "power", "node": arguments.node, "on": arguments.state == "on"}, timeout=60.0)
    print(f"{node['name']} is {'on' if node['powered'] else 'off'} ({node['stage']}).")
    return 0


def run_serve(arguments: argparse.Namespace, state: LabState) -> int:
    """Run the daemon here."""
    from . import daemon

    return daemon.main(state, load_scenario(arguments.scenario))


# -- helpers -------------------------------------------------------------------------------------------------------
def load_scenario(path: Path | None) -> Scenario:
    """Return the scenario of the file, else the default one."""
    return Scenario.load(path or DEFAULT_SCENARIO)


def answers(state: LabState) -> dict[str, Any] | None:
    """Return the daemon's pid and net when one answers."""
    try:
        return control.ask(state.socket, {"do": "ping"}, timeout=5.0)
    except (ConnectionError, LabError):
        return None


def ask(state: LabState, request: dict[str, Any], timeout: float = 15.0) -> Any:
    """Ask the daemon; :class:`LabError` when none runs."""
    try:
        return control.ask(state.socket, request, timeout)
    except ConnectionError:
        raise LabError(f"No lab runs in {state.root}; `python -m lab up` starts one.") from None


def same_net(state: LabState) -> None:
    """Refuse to go on when the lab that runs here has another net than the one asked for."""
    net, running = lab_net(), (answers(state) or {}).get("net")
    if running and running != net:
        raise LabError(
            f"The lab in {state.root} runs on {running}, not on {net}; use HOMEOPS_LAB_NET={running}, or another "
            f"HOMEOPS_LAB_DIR for a second lab."
        )


def launch(state: LabState, scenario: Path | None) -> None:
    """Start the daemon and wait until it answers."""
    lab_net()
    end_leftovers(state)
    state.failure.unlink(missing_ok=True)
    command = [process.python(), "-m", "lab", "serve"]
    if scenario:
        command += ["--scenario", str(scenario.resolve())]
    environment = {"HOMEOPS_LAB_DIR": str(state.root), "PYTHONUNBUFFERED": "1"}
    log = state.logs / "daemon.log"
    pid = process.spawn_detached(command, owner=str(state.root), log=log, cwd=CHECKOUT, extra=environment)
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if answers(state):
            return
        if ended(pid):
            try:
                raise LabError(state.failure.read_text(encoding="utf-8"))
            except OSError:
                raise LabError(f"The lab's daemon ended while it was starting; see {log}.") from None
        time.sleep(0.03)
    raise LabError(f"The lab did not start within {START_TIMEOUT:.0f} s; see {log}.")


def end_leftovers(state: LabState) -> None:
    """End what a killed daemon left, so that a new one finds its addresses free."""
    process.end_processes(str(state.root))
    state.socket.unlink(missing_ok=True)


def ended(pid: int) -> bool:
    """Tell whether a child of ours has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not Path(f"/proc/{pid}").exists()


def say(arguments: argparse.Namespace, text: str) -> None:
    """Print unless told to be quiet."""
    if not arguments.quiet:
        print(text)


def print_status(status: dict[str, Any]) -> None:
    """Print what runs where, as a table."""
    print(f"The lab runs (pid {status['pid']}, scenario {status['scenario']}); logs are in {status['directory']}/logs.")
    rows = [("", "listens on", "stands for", "state")]
    for node in status["nodes"]:
        state = node["stage"] if node["powered"] else "off"
        if node["kubernetes_ready"]:
            state += ", Ready in Kubernetes"
        rows.append((node["name"], node["listen"], f"{node['address']}:50000", state))
    kubernetes = status["kubernetes"]
    for door in kubernetes["doors"]:
        state = f"open ({kubernetes['backend']})" if door["open"] else "closed"
        name = "vip" if door["name"] == "vip" else f"{door['name']} api"
        home = HOME_NET + door["listen"].removeprefix(status["net"])
        rows.append((name, door["listen"], home, state))
    rows += bgp_rows(status)
    rows += web_rows(status)
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in (kubernetes["problem"], status["bgp"]["problem"]):
        if problem:
            print(f"  {problem}")


def web_rows(status: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the rows of the ingress controllers' addresses and of Authentik."""
    rows = [
        ("ingress", door["listen"][0], f"{door['stands_for']}:443", f"{len(status['web']['hosts'])} certificates")
        for door in status["web"]["doors"]
        if door["listen"]
    ]
    authentik = status["web"]["authentik"]
    if not authentik["running"]:
        return rows
    asked = sum(count for key, count in authentik["requests"].items() if "/api/v3/" in key)
    state = f"{authentik['version']}, {authentik['applications']} applications, {asked} API requests"
    return [*rows, ("authentik", "(ingress)", "authentik-server:80", state)]


def bgp_rows(status: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the rows of console, 1Password Connect, router and speakers."""
    console, bgp, connect = status["console"], status["bgp"], status["connect"]
    held = "nothing stored" if not console["stored"] else "BGP enabled" if console["enabled"] else "BGP disabled"
    home = HOME_NET + console["listen"].removeprefix(status["net"]).rpartition(":")[0]
    rows = [("console", console["listen"], f"{home}:443", f"{held}, {console['uploads']} uploads")]
    state = "closed"
    if connect["open"]:
        state = ", ".join(f"{count} items in {name}" for name, count in connect["vaults"].items() if count)
    rows.append(("1Password", connect["listen"], f"{HOME_NET}{connect['listen'].removeprefix(status['net'])}", state))
    if not bgp["available"]:
        return rows
    sessions = bgp["sessions"].values()
    up = sum(session["state"] == "Established" for session in sessions)
    accepted = sum(sum(session["accepted"].values()) for session in sessions)
    state = f"{up} of {len(sessions)} sessions, {accepted} prefixes accepted, {bgp['bgpd']['restarts']} restarts"
    if refused := len(bgp["bgpd"]["refused_lines"]):
        state += f", {refused} lines refused"
    rows.append(("bgpd", "(namespace)", f"{home}:179", state if bgp["bgpd"]["running"] else "not running"))
    for speaker in bgp["gobgpd"]:
        state = f"pid {speaker['pid']}" if speaker["running"] else "not running"
        rows.append((f"{speaker['node']} bgp", "(namespace)", f"instance {speaker['instance']}", state))
    return rows
