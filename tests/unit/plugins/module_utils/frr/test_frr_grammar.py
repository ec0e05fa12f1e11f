# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The word lists of the grammar against those of a running bgpd."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.frr import grammar
from tests.unit.plugins.module_utils.frr import frr_samples as samples

pytestmark = pytest.mark.skipif(not (samples.BGPD and samples.VTYSH), reason="FRR is not installed")

#: Words that only a person at a terminal types, and those which ``list`` prints but no configuration holds.
_TERMINAL = {"find", "list", "output", "clear", "terminal"}


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, list[str]]]:
    """The commands of each node, as bgpd lists them; it listens nowhere."""
    # Not pytest's own folder: the path of a unix socket may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="frr"))
    (folder / "vtysh.conf").touch()
    (folder / "b.conf").write_text("router bgp 65000\n")
    own = ["-i", f"{folder}/pid", "--vty_socket", str(folder), "-z", f"{folder}/z", "--log", f"file:{folder}/log"]
    daemon = subprocess.Popen(
        [str(samples.BGPD), "-S", "-Z", "-n", "-f", f"{folder}/b.conf", *own, "-P", "0", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not (folder / "bgpd.vty").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)

        def listed(*entering: str) -> list[str]:
            words = [word for command in ("conf t", *entering, "list") for word in ("-c", command)]
            command = [
                str(samples.VTYSH),
                "--vty_socket",
                str(folder),
                "--config_dir",
                str(folder),
                "-d",
                "bgpd",
                *words,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            lines = (re.sub(r"^(\[no\]|no) +", "", line.strip()) for line in done.stdout.splitlines())
            return [line for line in lines if re.match(r"[a-z]", line)]

        yield {
            "top": listed(),
            "router": listed("router bgp 65000"),
            "ipv4": listed("router bgp 65000", "address-family ipv4 unicast"),
            "ipv6": listed("router bgp 65000", "address-family ipv6 unicast"),
            "route-map": listed("route-map X permit 10"),
        }
    finally:
        daemon.terminate()
        daemon.wait()
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("node", "kind"),
    [("router", "router"), ("ipv4", "family"), ("ipv6", "family"), ("route-map", "route-map")],
)
def test_every_command_of_a_node_fits_its_context(nodes: dict[str, list[str]], node: str, kind: str) -> None:
    assert len(nodes[node]) > 20
    unknown = set()
    for command in nodes[node]:
        words = [
            "10.0.0.1" if word.startswith("<A.B.C.D|") else word
            for word in re.sub(r"\[[^]]*\]?.*", "", command).replace("<import|export>", "import").split()
        ]
        if not words or words[0] in _TERMINAL or any(mark in "".join(words[:3]) for mark in "<({"):
            continue
        if not grammar.fits(kind, words):
            unknown.add(" ".join(words[:3]))
    assert unknown == set()


def test_no_attribute_of_a_neighbour_is_missing(nodes: dict[str, list[str]]) -> None:
    def attributes(node: str) -> set[str]:
        found = (re.match(r"neighbor <\S+ ([a-zA-Z][\w-]*)", line) for line in nodes[node])
        return {match[1] for match in found if match}

    assert attributes("ipv4") | attributes("ipv6") <= grammar.FAMILY_ATTRIBUTES
    assert attributes("router") <= grammar.ROUTER_ATTRIBUTES | grammar.FAMILY_ATTRIBUTES
    assert len(attributes("ipv4")) > 15 and len(attributes("router")) > 15


def test_router_commands_fit_no_other_context(nodes: dict[str, list[str]]) -> None:
    family = {line.split()[0] for line in nodes["ipv4"]}
    top = {line.split()[0] for line in nodes["top"]}
    own = {line.split()[0] for line in nodes["router"]} - family - top - _TERMINAL
    assert {"address-family", "coalesce-time", "timers"} <= own
    for word in own:
        if re.fullmatch(r"[a-z-]+", word):
            assert grammar.fits("family", [word, "x"]) is None
            assert grammar.fits("top", [word, "x"]) is None
