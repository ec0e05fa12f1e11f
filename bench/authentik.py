# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What six services behind the login cost: requests, and time beyond the server's own answers.

    .venv/bin/python bench/authentik.py [--rounds 5] [--delay 0.02]

The peer does what scripts do, on the same server in the same round: for every service one request per object that it
looks up or makes, each on a connection of its own. A no-op of the module is measured twice: the call itself, and a
whole playbook of which the start-up of an empty one, measured in every round, is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "collections")]

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context  # noqa: E402
from ansible_collections.homeops.cluster.plugins.modules import authentik_service  # noqa: E402
from lab.scenario import AuthentikDelays  # noqa: E402
from tests.harness.authentik import AuthentikServer  # noqa: E402

#: Of issue 4.
COLD, WARM, OWN = 25, 8, 1.0
SIX = ("longhorn", "grafana", "prometheus", "alertmanager", "dashboard", "hubble")


def services() -> list[dict[str, Any]]:
    """Return the options of six services, each for one group."""
    return [
        {
            "slug": slug,
            "name": slug.title(),
            "mode": "proxy",
            "external_host": f"https://{slug}.example.org",
            "internal_host": f"http://{slug}.{slug}.svc.cluster.local:80",
            "groups": ["authentik Admins"],
        }
        for slug in SIX
    ]


def module(connection: dict[str, Any]) -> tuple[int, float, float, bool]:
    """Run the module; return requests, seconds, seconds beyond the server's answers, and whether it changed."""
    spec = authentik_service.SPEC["argument_spec"]
    checked = ArgumentSpecValidator(spec).validate({**connection, "services": services(), "exact": True})
    began = time.perf_counter()
    found = authentik_service.run(checked.validated_parameters, Context())
    took = time.perf_counter() - began
    return sum(found["requests"].values()), took, took - found["waited"], found["changed"]


class Peer:
    """One request per object, each on its own connection, as scripts do."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self.url, self.token, self.requests = connection["url"], connection["token"], 0

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request."""
        self.requests += 1
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v3{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def find(self, path: str, field: str, value: str) -> dict[str, Any] | None:
        """Look one object up by a filter, and make sure that it is the one."""
        query = f"{field}={urllib.parse.quote(value)}&superuser_full_list=true"
        found = self.ask("GET", f"{path}?{query}")["results"]
        return next((item for item in found if str(item[field.partition("__")[0]]) == value), None)

    def run(self) -> tuple[int, float]:
        """Have the six services; return requests and seconds."""
        began, self.requests = time.perf_counter(), 0
        for service in services():
            slug = service["slug"]
            flows = [
                self.find("/flows/instances/", "slug", f"default-provider-{name}")
                for name in ("authorization-implicit-consent", "invalidation-flow")
            ]
            group = self.find("/core/groups/", "name", "authentik Admins")
            if group is None or flows[0] is None or flows[1] is None:
                sys.exit("the server has no default flows or no group of administrators")
            provider = self.find("/providers/proxy/", "name__iexact", f"{slug}-proxy") or self.ask(
                "POST",
                "/providers/proxy/",
                {
                    "name": f"{slug}-proxy",
                    "authorization_flow": flows[0]["pk"],
                    "invalidation_flow": flows[1]["pk"],
                    "mode": "proxy",
                    "external_host": service["external_host"],
                    "internal_host": service["internal_host"],
                },
            )
            application = self.find("/core/applications/", "slug", slug) or self.ask(
                "POST", "/core/applications/", {"name": slug, "slug": slug, "provider": provider["pk"]}
            )
            bound = self.ask("GET", f"/policies/bindings/?target={application['pk']}")["results"]
            if not bound:
                body = {"target": application["pk"], "group": group["pk"], "order": 0}
                self.ask("POST", "/policies/bindings/", body)
            outpost = self.ask("GET", "/outposts/instances/")["results"][0]
            if provider["pk"] not in outpost["providers"]:
                body = {"type": "proxy", "providers": [*outpost["providers"], provider["pk"]]}
                self.ask("PATCH", f"/outposts/instances/{outpost['pk']}/", body)
        return self.requests, time.perf_counter() - began


def playbook(folder: Path, connection: dict[str, Any] | None) -> float:
    """Run a playbook with the module, or an empty one; return its seconds."""
    tasks: list[dict[str, Any]] = [{"name": "Nothing", "ansible.builtin.meta": "noop"}]
    if connection:
        options = {**connection, "services": services(), "exact": True}
        tasks = [{"name": "Have the services", "homeops.cluster.authentik_service": options}]
    path = folder / f"play-{bool(connection)}.yml"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}]))
    began = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(path)],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "home"), "HOMEOPS_LAB_AUTOSTART": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - began


def main() -> int:
    """Measure, print, and say whether the promises are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.02, help="seconds that the server takes per request")
    given = parser.parse_args()
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("cold", "warm", "peer cold", "peer warm", "play")}
    with tempfile.TemporaryDirectory() as name:
        for _round in range(given.rounds):
            for contender in ("module", "peer"):
                delays = AuthentikDelays(blueprints=0, outpost=0, answer=given.delay)
                with AuthentikServer(delays=delays) as server:
                    connection = {"url": server.url, "token": server.token}
                    if contender == "peer":
                        peer = Peer(connection)
                        rows["peer cold"].append(peer.run())
                        rows["peer warm"].append(peer.run())
                        continue
                    requests, took, own, changed = module(connection)
                    assert changed
                    rows["cold"].append((requests, took, own))
                    requests, took, own, changed = module(connection)
                    assert not changed
                    rows["warm"].append((requests, took, own))
                    empty = playbook(Path(name), None)
                    rows["play"].append((requests, playbook(Path(name), connection) - empty - (took - own)))
    told = {key: [statistics.median(column) for column in zip(*row, strict=True)] for key, row in rows.items()}
    print(f"six services, {given.rounds} rounds, {given.delay * 1000:.0f} ms per answer, medians")
    for key, label in (("cold", "module, new"), ("warm", "module, no change")):
        print(f"  {label:<22}{told[key][0]:>4.0f} requests {told[key][1]:>7.3f} s, own time {told[key][2]:.3f} s")
    for key, label in (("peer cold", "script, new"), ("peer warm", "script, no change")):
        print(f"  {label:<22}{told[key][0]:>4.0f} requests {told[key][1]:>7.3f} s")
    print(f"  no change as a playbook, start-up and answers aside: {told['play'][1]:.3f} s (at most {OWN:.0f} s)")
    ratio = {
        (key, column): told[key][column] / told[f"peer {key}"][column] for key in ("cold", "warm") for column in (0, 1)
    }
    print(
        f"  module to script: {ratio['cold', 0]:.2f} of the requests and {ratio['cold', 1]:.2f} of the time when new, "
        f"{ratio['warm', 0]:.2f} and {ratio['warm', 1]:.2f} when nothing changes"
    )
    kept = told["cold"][0] <= COLD and told["warm"][0] <= WARM and max(told["warm"][2], told["play"][1]) < OWN
    print("kept" if kept else f"NOT kept: at most {COLD} and {WARM} requests, own time under {OWN:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
