# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the router's modules share: a console, a declaration, and a stand-in for the router's vtysh."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.unifi import session
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.client import Client
from ansible_collections.homeops.cluster.plugins.module_utils.unifi.transport import Door
from tests.unit.plugins.module_utils.frr import frr_samples as samples
from tests.unit.plugins.module_utils.unifi.unifi_console import KEY, Console

SECRET = "canary-md5-3f"
EXPECTED = [{"prefix": "172.29.52.200/32", "neighbors": list(samples.NODES), "paths": 3}]


@contextmanager
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A console to which every module connects."""
    made = Console()

    def connect(params: Any, ctx: Context) -> Client:
        return Client(Door("127.0.0.1", made.port, plain=True, timeout=5), api_key=params["api_key"])

    monkeypatch.setattr(session, "connect", connect)
    yield made
    made.close()


def run(module: Any, ctx: Context | None = None, **given: Any) -> dict[str, Any]:
    rules = ("mutually_exclusive", "required_one_of")
    validator = ArgumentSpecValidator(
        module.SPEC["argument_spec"], **{key: module.SPEC[key] for key in rules if key in module.SPEC}
    )
    checked = validator.validate({"host": "udm", "api_key": KEY, **given})
    assert not checked.error_messages, checked.error_messages
    return module.run(checked.validated_parameters, ctx or Context(diff_mode=True))


def declare(**more: Any) -> dict[str, Any]:
    return {
        "name": "home-ops",
        "asn": 64513,
        "router_id": "172.29.51.1",
        "neighbors": [
            {"address": node, "remote_as": "64512", "description": f"mini0{number}", "password": SECRET}
            for number, node in enumerate(samples.NODES, start=1)
        ],
        "policies": {"ipv4": {"accept": [{"prefix": "172.29.52.0/24", "le": 32}], "maximum_paths": 3}},
        **more,
    }


def without_password(**more: Any) -> list[dict[str, Any]]:
    return [{"address": node, "remote_as": "64512", **more} for node in samples.NODES]


def holding(console: Console, raw: str, **more: Any) -> None:
    console.document = {
        "_id": "id-0",
        "site_id": "site-1",
        "enabled": True,
        "frr_bgpd_config": raw,
        "uploaded_file_name": "mine.conf",
        "description": "by hand",
        "device_mac": "aa:bb",
        **more,
    }


class Router:
    """Answers for the router's vtysh out of a file, as a program that is really started."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"
        script = folder / "vtysh.py"
        script.write_text(
            "import json, sys\n"
            f"state = json.load(open({str(self.file)!r}))\n"
            "assert sys.argv[1] == '-c'\n"
            "if state is None:\n"
            "    sys.exit('Exiting: failed to connect to any daemons.')\n"
            "if 'exit' in state:\n"
            "    sys.exit(state['exit'])\n"
            "for command in sys.argv[2::2]:\n"
            "    if command.split()[1] in ('ip', 'ipv6') and command not in state:\n"
            "        sys.exit('zebra is not running')\n"
            "    print(json.dumps(state.get(command, {})))\n"
        )
        self.command = [sys.executable, str(script)]

    def shows(self, *nodes: str, uptime: int = 0, prefix: str = "172.29.52.200/32", **path: Any) -> None:
        peers = {
            node: {
                "state": "Established" if node in nodes else "Active",
                "peerState": "OK",
                "pfxRcd": 1 if node in nodes else 0,
                "peerUptimeMsec": uptime,
            }
            for node in samples.NODES
        }
        paths = [
            {"valid": True, "peerId": node, "multipath": True, "nexthops": [{"ip": node, "used": True}], **path}
            for node in nodes
        ]
        self._write(
            {
                "show bgp summary json": {"ipv4Unicast": {"peers": peers}},
                "show bgp ipv4 unicast json": {"routes": {prefix: paths}},
                "show bgp neighbors json": {
                    node: {"lastResetDueTo": "No AFI/SAFI activated for peer"} for node in samples.NODES
                },
            }
        )

    def runs(self, text: str) -> None:
        """Show another running configuration, and everything else as before."""
        self.adds({"show running-config": text})

    def adds(self, more: dict[str, Any]) -> None:
        """Answer more commands."""
        self._write({**json.loads(self.file.read_text()), **more})

    def stops(self) -> None:
        self._write(None)

    def ends_with(self, code: int) -> None:
        self._write({"exit": code})

    def _write(self, state: Any) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self.file)
