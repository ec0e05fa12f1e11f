# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and declarations for the tests of the FRR editor, and the real programs that judge its results."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.frr import desired as want

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "frr"
BGPD = next((path for path in ("/usr/lib/frr/bgpd", "/usr/sbin/bgpd") if Path(path).exists()), None)
VTYSH = shutil.which("vtysh")
ASN = 64513


def fixture(name: str) -> str:
    """Return one of the three router texts, byte for byte."""
    return (FIXTURES / f"{name}.conf").read_bytes().decode()


def vtysh_faults(text: str, folder: Path) -> str:
    """Return what ``vtysh -C`` says about a text; empty when it passes."""
    assert VTYSH
    (folder / "vtysh.conf").touch()
    file = folder / "checked.conf"
    file.write_bytes(text.encode())
    command = [VTYSH, "--config_dir", str(folder), "--vty_socket", str(folder / "none"), "-C", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def bgpd_faults(text: str, folder: Path) -> list[int]:
    """Return the numbers of the lines that ``bgpd -C`` rejects; its exit code says nothing."""
    assert BGPD
    file = folder / "checked.conf"
    file.write_bytes(text.encode())
    (folder / "vty").mkdir(exist_ok=True)
    files = ["-i", str(folder / "pid"), "--vty_socket", str(folder / "vty"), "-z", str(folder / "z")]
    done = subprocess.run(
        [BGPD, "-S", "-Z", "-C", "-p", "0", "-f", str(file), *files, "--log", "stdout"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode >= 0, f"bgpd -C died of signal {-done.returncode}"
    return [int(number) for number in re.findall(r"on config line (\d+)", done.stdout)]


V4 = want.Policy(
    accept=(want.Accept("172.29.52.0/24", 24, 32), want.Accept("10.244.0.0/16", 24, 24)),
    announce=("172.29.0.0/18",),
    originate=True,
    maximum_paths=3,
    local_preference=200,
    communities=("64513:100",),
    maximum_prefix=250,
)
V6 = want.Policy(
    accept=(want.Accept("fd47:25e1:2f96:52::/64", 64, 128),), announce=("fd47:25e1:2f96::/56",), maximum_paths=3
)
GROUP = want.Peer("cluster", True, remote_as="64512", keepalive=30, hold=90, connect_retry=10, families=(want.IPV4,))
GROUP6 = want.Peer("cluster-v6", True, remote_as="64512", families=(want.IPV6,))
NODES = ("172.29.51.11", "172.29.51.12", "172.29.51.13")


def plain_peers() -> tuple[want.Peer, ...]:
    """Three neighbours without a group."""
    return tuple(
        want.Peer(address, remote_as="64512", description=f"mini0{number}", families=(want.IPV4,))
        for number, address in enumerate(NODES, start=1)
    )


def declared(*peers: want.Peer, **changes: object) -> want.Desired:
    """A declaration of these peers with the usual policies."""
    values: dict[str, object] = {
        "name": "home-ops",
        "asn": ASN,
        "router_id": "172.29.51.1",
        "peers": peers,
        "policies": {want.IPV4: V4, want.IPV6: V6},
        "graceful_restart": True,
    }
    return want.Desired(**{**values, **changes})  # type: ignore[arg-type]


def _peer(address: str) -> st.SearchStrategy[want.Peer]:
    return st.builds(
        want.Peer,
        name=st.just(address),
        group=st.sampled_from(["", "", "cluster"]),
        remote_as=st.just("64512"),
        description=st.sampled_from(["", "mini", "a  node with ! and #"]),
        password=st.sampled_from(["", "s3cret!"]),
        update_source=st.sampled_from(["", "172.29.51.1"]),
        ebgp_multihop=st.sampled_from([None, 2]),
        bfd=st.booleans(),
        passive=st.booleans(),
        shutdown=st.booleans(),
    )


def _grouped(peer: want.Peer) -> want.Peer:
    """Give a neighbour without group its families, and an IPv6 next hop when it carries IPv6 over IPv4."""
    if peer.group:
        return peer
    six = peer.bfd and ":" not in peer.name
    return replace(
        peer,
        families=(want.IPV4, want.IPV6) if six else want.default_families(peer.name),
        next_hop=f"fd47:25e1:2f96:51::{peer.name.rsplit('.', 1)[-1]}" if six else "",
    )


@st.composite
def declarations(draw: st.DrawFn) -> want.Desired:
    """Any declaration over a handful of neighbours, with or without groups."""
    addresses = draw(st.lists(st.sampled_from([*NODES, "fd47:25e1:2f96:51::11"]), unique=True, max_size=4))
    peers = [_grouped(draw(_peer(address))) for address in addresses]
    peers = [p if not (p.group and ":" in p.name) else want.Peer(p.name, group="cluster-v6") for p in peers]
    groups = [group for group in (GROUP, GROUP6) if any(peer.group == group.name for peer in peers)]
    policies = {
        want.IPV4: replace(
            V4,
            announce=draw(st.sampled_from([("172.29.0.0/18",), ("172.29.48.0/20",), ()])),
            originate=draw(st.booleans()),
        ),
        want.IPV6: replace(
            V6,
            announce=draw(st.sampled_from([("fd47:25e1:2f96::/56",), ("fd47:25e1:2f96::/57",)])),
            originate=draw(st.booleans()),
        ),
    }
    listening = draw(st.booleans())
    if listening and GROUP6 not in groups:
        groups.append(GROUP6)
    return declared(
        *groups,
        *peers,
        policies=policies,
        ranges={"fd47:25e1:2f96:51::/64": "cluster-v6"} if listening else {},
        listen_limit=20 if listening else None,
        exact=draw(st.booleans()),
        graceful_restart=draw(st.sampled_from([None, True, False])),
        restart_seconds=draw(st.sampled_from([None, 120])),
        multipath_relax=draw(st.sampled_from([None, True, False])),
    )


@dataclass(frozen=True)
class Sample:
    """A text with the lines that no declaration may touch, and those that only an exact set may."""

    text: str
    foreign: tuple[str, ...]
    peers: tuple[str, ...]


_TOP = [
    "! a comment of ours",
    "# another",
    "",
    "hostname udm",
    "frr defaults traditional",
    "log syslog informational",
    "ip prefix-list FOREIGN seq 5 permit 10.9.0.0/16 le 24",
    "ip prefix-list FOREIGN-6 permit fd00::/8",
    "bgp community-list standard LB permit 64512:100",
    "access-list 7 permit 10.0.0.0/8",
]
_ROUTER = ["timers bgp 10 30", "bgp deterministic-med", "no bgp ebgp-requires-policy", "coalesce-time 1200", "! kept"]
#: Of others, though two of the networks are those that a declaration may announce, one of them in a longer spelling.
_FAMILY = [
    "network 10.7.0.0/16",
    "network 172.29.0.0/18",
    "netw 172.29.48.0/20",
    "redistribute connected",
    "redistr stat",
    "distance bgp 20 200 200",
    "! kept too",
]
_FAMILY6 = ["network fd47:25e1:2f96::/56", "network FD47:25E1:2F96::/57", "! kept too"]
_INSIDE = {"ipv4 unicast": _FAMILY, "ipv6": _FAMILY6, "ipv4 multicast": _FAMILY[-1:]}


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A text that both programs pass: flat or indented, abbreviated, blocks closed or not, any line end."""
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    pieces: list[tuple[str, str]] = []

    def put(kind: str, text: str, depth: int = 0) -> None:
        indent = draw(st.sampled_from(["", " ", "\t", " " * depth, "   "]))
        pieces.append((kind, f"{indent}{text}" if text else ""))

    def top() -> None:
        for text in draw(st.lists(st.sampled_from(_TOP), max_size=3)):
            put("foreign", text)
        if draw(st.booleans()):
            put("foreign", "route-map FOREIGN permit 10")
            put("foreign", "match ip address prefix-list FOREIGN", 1)
            if draw(st.booleans()):
                put("foreign", "exit")

    top()
    if draw(st.integers(0, 5)):
        put("foreign", draw(st.sampled_from([f"router bgp {ASN}", f"rout bgp {ASN}"])))
        _instance(draw, put)
    top()
    closed = not pieces or not pieces[-1][1] or draw(st.booleans())
    text = end.join(raw for _kind, raw in pieces) + (end if closed and pieces else "")

    def of(wanted: str) -> tuple[str, ...]:
        return tuple(raw for kind, raw in pieces if kind == wanted)

    return Sample(text, of("foreign"), of("peer"))


def _instance(draw: st.DrawFn, put: object) -> None:
    """Write the inside of ``router bgp``: settings, neighbours of others and of ours, families."""
    assert callable(put)
    for text in draw(st.lists(st.sampled_from(_ROUTER), max_size=3)):
        put("foreign", text, 1)
    if draw(st.booleans()):
        put(
            "ours",
            draw(st.sampled_from(["bgp router-id 10.9.9.9", "bgp router-i 172.29.51.1", "bgp graceful-restart"])),
        )
    foreign = draw(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "FD00:0::2"]), unique=True, max_size=3))
    ours = draw(st.lists(st.sampled_from(NODES), unique=True, max_size=3))
    late = draw(st.booleans())
    for address in foreign:
        put("peer", f"neighbor {address} remote-as 64999", 1)
        if draw(st.booleans()):
            put("peer", f"neigh {address} desc somebody's  router ! {address}", 1)
    for address in ours:
        put("ours", f"neighbor {address} remote-as {draw(st.sampled_from(['64512', '64600']))}", 1)
        for line in draw(st.lists(st.sampled_from(["password old", "timers 5 15", "descr old", "bfd"]), max_size=2)):
            put("ours", f"neighbor {address} {line}", 1)
    for family in draw(st.lists(st.sampled_from(["ipv4 unicast", "ipv6", "ipv4 multicast"]), unique=True, max_size=2)):
        put("foreign", f"address-family {family}", 1)
        used = []
        for line in draw(st.lists(st.sampled_from(_INSIDE[family]), max_size=3)):
            put("foreign", line, 2)
        for address in [*foreign, *ours]:
            if draw(st.booleans()) and family != "ipv4 multicast":
                put("ours" if address in ours else "peer", f"neighbor {address} activate", 2)
                used.append(address)
        if draw(st.booleans()):
            put("foreign", draw(st.sampled_from(["exit-address-family", "exit", "quit"])), 1)
    if late:
        # Fits no family, so it leaves an open one: taking it out must not move the lines behind it.
        address = draw(st.sampled_from(["10.0.0.7", NODES[0]]))
        kind = "ours" if address in NODES else "peer"
        if address not in ours:
            put(kind, f"neighbor {address} remote-as 64512", 1)
        put(kind, f"neighbor {address} port 179", 1)
        put(
            "foreign",
            draw(st.sampled_from(["maximum-paths ibgp 4", "distance bgp 21 200 200", "bgp always-compare-med"])),
            1,
        )
    if draw(st.booleans()):
        put("foreign", "exit")
        if draw(st.booleans()):
            put("foreign", "hostname behind")
