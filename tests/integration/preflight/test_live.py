# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems that a run is about to use, looked at before it: every fault in one report, and nothing changed.

One lab with bare nodes for all tests. Most of them run the module in this process with the doors that the role would
give it; the plays show what the role asks for which phase, and where a run stops.
"""

from __future__ import annotations

import datetime
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.model import secrets
from ansible_collections.homeops.cluster.plugins.module_utils.talos.secrets import generate
from ansible_collections.homeops.cluster.plugins.module_utils.talos.talosconfig import talosconfig_text
from ansible_collections.homeops.cluster.plugins.modules import live_check
from tests.harness.gitops_tree import home_model
from tests.harness.lab import Lab

NAMES = ("mini01", "mini02", "mini03")
Look = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Bare nodes, a console, Connect."""
    running = Lab("127.77", Path(tmp_path_factory.mktemp("live")))
    running.up("--quiet")
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
def look(lab: Lab) -> Iterator[Look]:
    """Look at the lab with the module; findings come back whether they stop a run or not."""

    def run(ctx: Context | None = None, **params: Any) -> dict[str, Any]:
        given = {"model": home_model(), "patience": 1, **params}
        checked = ArgumentSpecValidator(live_check.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        try:
            return live_check.run(checked.validated_parameters, ctx or Context())
        except live_check.NotReady as error:
            return {**error.facts, "failed": str(error)}

    yield run
    lab.command("fault", "--clear")


def doors(lab: Lab) -> list[dict[str, str]]:
    return [
        {"name": name, "node": f"{lab.net}.51.1{number}", "server_name": f"172.29.51.1{number}"}
        for number, name in enumerate(NAMES, 1)
    ]


def console(lab: Lab, **changes: Any) -> dict[str, Any]:
    told = json.loads((lab.directory / "console.json").read_text(encoding="utf-8"))
    door = {key: told[key] for key in ("site", "api_key", "fingerprint")}
    return {"host": f"{lab.net}.51.1", "port": 8443, **door, "bgp": True, "timeout": 5, **changes}


def items(lab: Lab, **changes: Any) -> dict[str, Any]:
    told = json.loads((lab.directory / "connect.json").read_text(encoding="utf-8"))
    found = {"url": told["url"], "token": told["token"], "vault": "Automation", "items": secrets.items(home_model())}
    return {**found, "timeout": 5, "patience": 1, **changes}


def told(result: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["id"], one["object"], one["severity"]) for one in result["findings"]}


@contextmanager
def somebody(host: str, port: int) -> Iterator[None]:
    """A machine that has the address already."""
    with socket.create_server((host, port)):
        yield


def test_bare_nodes_are_ready(lab: Lab, look: Look) -> None:
    result = look(
        nodes=doors(lab),
        vip={"host": f"{lab.net}.51.10", "server_name": "172.29.51.10"},
        talosconfig=str(lab.controller / "talosconfig"),
        kubeconfig=str(lab.controller / "kubeconfig"),
        console=console(lab, zone="k8s.home.geoffdavis.com"),
        items=items(lab),
        login={"url": "https://authentik.k8s.home.geoffdavis.com", "door": f"{lab.net}.52.200:8443"},
        names=[{"url": "https://localhost/x", "variable": "gitops"}],
    )
    assert result["findings"] == []
    systems = [
        "console",
        "kubernetes",
        "login",
        "name/localhost",
        *(f"node/{name}" for name in NAMES),
        "secrets",
        "vip",
    ]
    assert result["asked"] == systems


def test_every_fault_of_the_nodes_is_in_one_report(lab: Lab, look: Look) -> None:
    lab.command("fault", "mini01", "time_not_synced", "true")
    lab.command("fault", "mini02", "missing_disks", '["sda"]')
    lab.command("power", "off", "mini03")
    try:
        with somebody(f"{lab.net}.51.10", 50000):
            result = look(nodes=doors(lab), vip={"host": f"{lab.net}.51.10"}, phase=["talos"])
            assert told(result) == {
                ("LIV001", "node/mini03", "error"),
                ("LIV004", "node/mini02", "error"),
                ("LIV005", "node/mini01", "warn"),
            }
            assert result["failed"].startswith("The systems are not ready for this run: 2 errors.")
            assert f"{lab.net}.51.13:50000" in result["failed"]
            assert "nothing was changed" in result["failed"]
            # Whose the VIP is cannot be told while a node does not say whether it is configured.
            bare = look(nodes=doors(lab)[:2], vip={"host": f"{lab.net}.51.10"}, phase=["kubernetes"])
            assert ("LIV006", "vip", "error") in told(bare)
    finally:
        lab.command("power", "on", "mini03")


def test_a_node_that_an_earlier_run_has_reached_is_awaited_while_it_boots(lab: Lab, look: Look, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    known = tmp_path / "talosconfig"
    known.write_text(talosconfig_text("x", generate(now), [f"{lab.net}.51.11"], [], now), encoding="utf-8")
    lab.command("power", "off", "mini03")
    on = threading.Timer(2, lab.command, ("power", "on", "mini03"))
    lines: list[str] = []
    asked = {"nodes": doors(lab), "phase": ["talos"], "talosconfig": str(known), "renewed": ["talosconfig"]}
    try:
        # Who predicts does not wait, and nobody does before the first run.
        for ctx, changes in ((Context(check_mode=True), {}), (Context(), {"talosconfig": str(tmp_path / "none")})):
            assert told(look(ctx=ctx, **{**asked, **changes})) == {("LIV001", "node/mini03", "error")}
        short = look(boot_patience=1, **asked)
        assert told(short) == {("LIV001", "node/mini03", "error")}
        assert re.search(r"also not after a wait of [1-9]\d? s", short["failed"])
        on.start()
        assert look(ctx=Context(progress=lines.append), boot_patience=60, **asked)["findings"] == []
        assert any(text.startswith("waiting for mini03: ") and text.endswith(" of 60 s") for text in lines)
        assert not any("mini01" in text or "mini02" in text for text in lines)
    finally:
        on.cancel()
        if on.is_alive():
            on.join()
        lab.command("power", "on", "mini03")


def test_a_selector_and_an_interface_that_the_hardware_does_not_have(lab: Lab, look: Look) -> None:
    model = home_model()
    model["talos"]["install_disk_selector"] = {"model": "Samsung*"}
    model["networks"]["interface"] = "eth0"
    result = look(model=model, nodes=doors(lab)[:1], phase=["talos"])
    assert told(result) == {("LIV003", "node/mini01", "error"), ("NET011", "node/mini01", "error")}
    assert "it has" in result["failed"] and "enp3s0f0" in result["failed"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("vfat", "it holds vfat on the whole disk"),
        ("gpt", 'it holds a GPT table with /dev/sda1 (unknown content "Basic data partition", 1000 GB)'),
    ],
)
def test_a_disk_that_is_not_blank_is_told_before_the_node_is_touched(
    lab: Lab, look: Look, what: str, words: str
) -> None:
    lab.command("fault", "mini02", "foreign_disks", json.dumps({"sda": what}))
    result = look(nodes=doors(lab), phase=["talos"])
    assert told(result) == {("LIV004", "node/mini02", "error")}
    (found,) = result["findings"]
    assert "homeops_talos.user_volumes[0].match" in str(found)
    assert words in result["failed"] and "Portable SSD T5" in result["failed"] and "1234567A0002" in result["failed"]
    assert "Nothing wipes it for you" in result["failed"]


@pytest.mark.parametrize(
    ("changes", "fault", "words"),
    [
        pytest.param({"api_key": "wrong"}, {}, "API key", id="a wrong key"),
        pytest.param({"api_key": ""}, {}, "neither an API key nor", id="no key"),
        pytest.param({"port": 9}, {}, "refused", id="nobody there"),
        pytest.param({"fingerprint": "ab" * 32}, {}, "fingerprint", id="another console"),
        pytest.param({}, {"unsupported_device": True}, "BGP needs UniFi OS 4.1", id="a gateway without BGP"),
        pytest.param({}, {"key_revoked": True}, "API key", id="a revoked key"),
    ],
)
def test_a_console_that_cannot_be_used(
    lab: Lab, look: Look, changes: dict[str, Any], fault: dict[str, Any], words: str
) -> None:
    if fault:
        lab.console_fault(**fault)
    result = look(console=console(lab, **changes), phase=["bgp"])
    assert told(result) == {("LIV009", "console", "error")}
    assert words in result["failed"]


def test_a_secret_source_that_lacks_something(lab: Lab, look: Look, tmp_path: Path) -> None:
    token = json.loads((lab.directory / "connect.json").read_text(encoding="utf-8"))["token"]
    assert look(items=items(lab), phase=["secrets"])["findings"] == []
    missing = {"missing": ["Cloudflare API Token"], "missing_field": ["Home-ops Unifi API/password"]}
    lab.command("fault", "connect", json.dumps(missing))
    result = look(items=items(lab), phase=["secrets"])
    assert told(result) == {
        ("LIV013", "item/Cloudflare API Token", "error"),
        ("LIV013", "item/Home-ops Unifi API", "error"),
    }
    assert token not in result["failed"]
    lab.command("fault", "connect", json.dumps({"missing": [], "missing_field": [], "wrong_vault": True}))
    assert told(look(items=items(lab), phase=["secrets"])) == {("LIV012", "secrets", "error")}
    lab.command("fault", "connect", json.dumps({"wrong_vault": False, "down": True}))
    # The phases before it may bring Connect back.
    assert told(look(items=items(lab), phase=["secrets"])) == {("LIV012", "secrets", "warn")}
    lab.command("fault", "--clear")
    absent = items(lab, source="file", path=str(tmp_path / "none.yaml"))
    assert told(look(items=absent, phase=["secrets"])) == {("LIV012", "secrets", "error")}


def test_a_run_stops_where_the_cause_is_and_a_phase_asks_only_its_own_systems(lab: Lab) -> None:
    lab.console_fault(key_revoked=True)
    try:
        run = lab.play("-t", "bgp", "-e", '{"homeops_router_state_command": []}')
        (failure,) = run.failures
        assert "LIV009 console homeops_router_api_key" in failure.msg
        assert "LIV015 router homeops_router_state_command" in failure.msg
        assert "group_vars/router.yml:" in failure.msg
        assert run.changed == set()
        assert not any("bgp" in result.tags and "Validating" not in result.task for result in run.results)
        # Another phase does not care for the console.
        run = lab.play("-t", "talos", "--check", "-v")
        assert run.rc == 0, run.output
        look = run.output.partition("asked:")[2].partition("counts:")[0]
        assert "console" not in look and "secrets" not in look and "node/mini02" in look
        # What is known can be set aside with a reason.
        accept = json.dumps({"preflight_ignore": [{"id": "LIV009", "reason": "the key is being replaced"}]})
        run = lab.play("-t", "bgp", "-e", accept)
        assert all("LIV009" not in failure.msg for failure in run.failures)
        # The lab's router can be asked for its routes.
        assert "LIV015" not in run.output
    finally:
        lab.command("fault", "--clear")


def test_a_disk_that_was_set_aside_stops_its_node_alone_and_can_be_passed_over(lab: Lab) -> None:
    lab.command("fault", "mini02", "foreign_disks", json.dumps({"sda": "gpt"}))
    accept = {"preflight_ignore": [{"id": "LIV004", "reason": "it is wiped later"}]}
    try:
        run = lab.play("-t", "talos", "--check", "-e", json.dumps(accept))
        (failure,) = run.failures
        assert failure.host == "mini02"
        assert "/dev/sda (Portable SSD T5" in failure.msg and "wipe /dev/sda of this node" in failure.msg
        assert "set from homeops_model" in failure.msg
        run = lab.play("-t", "talos", "--check", "-e", json.dumps({**accept, "talos_check_hardware": False}))
        assert run.rc == 0, run.output
    finally:
        lab.command("fault", "--clear")
