# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoBGP's messages on the wire, the missing programs, and the addresses of the namespace."""

from __future__ import annotations

from pathlib import Path

from lab.bgp import programs
from lab.bgp.addresses import address_of, all_addresses, ipv6_of
from lab.bgp.gobgp import _path, _peer
from lab.bgp.messages import build, message
from lab.bgp.plan import Export, Instance, Peer, Route


def test_a_prefix_is_encoded_as_gobgp_reads_it() -> None:
    path = _path(Route("172.29.52.100/32"))
    # IPAddressPrefix: prefix_len = 1 (varint), prefix = 2 (string); osrg/gobgp v3.10.0 api/attribute.proto
    assert path.nlri.value == b"\x08\x20\x12\x0d172.29.52.100"
    assert path.nlri.type_url == "type.googleapis.com/apipb.IPAddressPrefix"
    assert path.pattrs[1].value == b"\x0a\x070.0.0.0"
    assert (path.family.afi, path.family.safi) == (1, 1)


def test_an_ipv6_prefix_carries_its_next_hop_in_the_reach_attribute() -> None:
    path = _path(Route("fd47:25e1:2f96:52:100::1/128"))
    reach = message("MpReachNLRIAttribute").FromString(path.pattrs[1].value)
    assert list(reach.next_hops) == ["::"] and reach.family.afi == 2
    assert [attribute.type_url.rpartition(".")[2] for attribute in path.pattrs] == [
        "OriginAttribute",
        "MpReachNLRIAttribute",
    ]


def test_graceful_restart_and_families_of_a_peer() -> None:
    peer = _peer(Peer("udm", "172.29.51.1", 64513, "172.29.51.11", families=("ipv4",), restart_seconds=120))
    assert peer.graceful_restart.enabled and peer.graceful_restart.restart_time == 120
    assert peer.graceful_restart.notification_enabled  # the N bit of RFC 8538
    assert [(f.config.family.afi, f.mp_graceful_restart.config.enabled) for f in peer.afi_safis] == [(1, True)]
    assert not _peer(Peer("udm", "172.29.51.1", 64513, "172.29.51.11")).graceful_restart.enabled


def test_the_daemon_retries_as_the_object_says() -> None:
    slow = _peer(Peer("udm", "172.29.51.1", 64513, "172.29.51.11"))
    quick = _peer(Peer("udm", "172.29.51.1", 64513, "172.29.51.11", connect_retry_seconds=5))
    assert (slow.timers.config.connect_retry, quick.timers.config.connect_retry) == (120, 5)


def test_messages_survive_the_wire() -> None:
    request = build("AddPeerRequest", peer=_peer(Peer("udm", "172.29.51.1", 64513, "172.29.51.11", password="x y")))
    assert message("AddPeerRequest").FromString(request.SerializeToString()) == request


def test_what_needs_a_new_session_and_what_does_not() -> None:
    peer = Peer("udm", "172.29.51.1", 64513, "172.29.51.11", exports=(Export(("10.0.0.0/24",)),))
    other = Peer("udm", "172.29.51.1", 64513, "172.29.51.11")
    assert peer.identity() == other.identity()
    assert Instance("i", "n", 1, "r", peers=(peer, other)).routes() == {Route("10.0.0.0/24")}


def test_missing_programs_are_named_with_their_packages(tmp_path: Path) -> None:
    assert programs.find({"HOMEOPS_LAB_BGP": "off"}) == "The lab runs without BGP, because HOMEOPS_LAB_BGP is off."
    original = programs._PLACES
    programs._PLACES = str(tmp_path)
    try:
        sentence = programs.find({"PATH": str(tmp_path)})
    finally:
        programs._PLACES = original
    assert isinstance(sentence, str) and "apt-get install frr gobgpd iproute2 util-linux" in sentence


def test_every_machine_has_both_addresses() -> None:
    assert ipv6_of("172.29.51.1") == "fd47:25e1:2f96:51::1"
    assert address_of("mini02") == address_of("172.29.51.12") == "172.29.51.12"
    assert len(all_addresses()) == 8
