# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The editor where its rules meet: contexts, order of definition, groups, removal, refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.frr import desired as want, edit, lint, masking, text
from ansible_collections.homeops.cluster.plugins.module_utils.frr.errors import FrrError
from ansible_collections.homeops.cluster.plugins.module_utils.frr.view import view
from tests.unit.plugins.module_utils.frr import frr_samples as samples

CONTEXTS = """router bgp 64513
 neighbor 10.0.0.1 remote-as 1
 address-family ipv4 unicast
  neighbor 10.0.0.1 activate
  network 10.0.0.0/8
 neighbor 10.0.0.2 remote-as 2
 maximum-paths ibgp 4
"""


def test_a_line_that_closed_a_family_is_replaced_by_an_exit_of_ours() -> None:
    gone = want.Peer("10.0.0.2", remote_as="2")
    raw = edit.remove(CONTEXTS, samples.declared(gone))
    assert raw == CONTEXTS.replace(" neighbor 10.0.0.2 remote-as 2\n", " exit-address-family\n")
    before = next(line for line in text.parse(CONTEXTS) if line.words[:1] == ("maximum-paths",))
    after = next(line for line in text.parse(raw) if line.words[:1] == ("maximum-paths",))
    assert before.context == after.context == text.Context("router", "64513")


@pytest.mark.parametrize(
    ("short", "kind"),
    [
        ("neigh 10.0.0.1 remote 64512", "router"),
        ("addr ipv6 uni", "router"),
        ("neighbor 10.0.0.1 activ", "family"),
        ("ne 10.0.0.1 activ", "family"),
        ("bgp router-id 1.1.1.1", "router"),
        ("route-map A permit 10", "top"),
        ("ip prefix-list A permit any", "top"),
        ("neighbor 10.0.0.1 peer-group G", "family"),
        ("maximum-paths 3", "family"),
    ],
)
def test_a_line_acts_where_its_command_belongs(short: str, kind: str) -> None:
    raw = f"router bgp 1\nneighbor G peer-group\nneighbor 10.0.0.1 remote-as 2\naddress-family ipv4 unicast\n{short}\n"
    line = text.parse(raw)[-1]
    assert (line.context.kind, line.known) == (kind, True)


@pytest.mark.parametrize("short", ["exi", "ip community-list standard A permit 1:1", "exit-vrf", "hostnam"])
def test_a_rejected_line_leaves_the_context_alone(short: str) -> None:
    lines = text.parse(f"router bgp 1\naddress-family ipv4 unicast\n{short}\nneighbor 10.0.0.1 activate\n")
    assert lines[-1].context.kind == ("top" if short == "hostnam" else "family")


def test_a_line_that_says_it_already_stays_as_it_is_written() -> None:
    raw = (
        "router bgp 64513\n\tneigh FD00:0::2 remote 64512\n\tneigh FD00:0::2 descr   my  node\n"
        "address-family ipv6\n neighbor fd00::2 activ\n"
    )
    peer = want.Peer("fd00::2", remote_as="64512", description="my node", families=(want.IPV6,))
    edited = edit.apply(raw, samples.declared(peer))
    assert all(line in text.split(edited) for line in text.split(raw))


def test_a_group_is_defined_before_its_members_and_members_before_the_families() -> None:
    raw = (
        "router bgp 64513\n address-family ipv4 unicast\n  network 10.0.0.0/8\n exit-address-family\n"
        " neighbor 172.29.51.11 remote-as 64512\nexit\n"
    )
    member = want.Peer("172.29.51.11", group="cluster")
    edited = edit.apply(raw, samples.declared(samples.GROUP, member))
    assert not view(text.parse(edited)).routers["64513"].premature
    words = [line.text for line in text.parse(edited)]
    assert (
        words.index("neighbor cluster peer-group")
        < words.index("neighbor 172.29.51.11 peer-group cluster")
        < words.index("address-family ipv4 unicast")
    )


def test_exact_removes_in_its_own_instance_only() -> None:
    raw = (
        "router bgp 64513\n neighbor 10.0.0.1 remote-as 1\n bgp listen range 10.9.0.0/16 peer-group OTHER\n"
        "router bgp 64513 vrf guests\n neighbor 10.0.0.1 remote-as 1\n"
    )
    edited = edit.apply(raw, samples.declared(*samples.plain_peers(), exact=True))
    routers = view(text.parse(edited)).routers
    assert set(routers["64513"].peers) == set(samples.NODES)
    assert not routers["64513"].ranges
    assert set(routers["64513 vrf guests"].peers) == {"10.0.0.1"}


def test_absent_without_neighbours_takes_all_that_use_the_block() -> None:
    whole = samples.declared(samples.GROUP, want.Peer("172.29.51.11", group="cluster"))
    mine = samples.declared(want.Peer("10.0.0.9", remote_as="9", families=(want.IPV4,)), name="mine")
    both = edit.apply(edit.apply("! head\n", whole), mine)
    left = edit.remove(both, want.Desired("home-ops", samples.ASN))
    router = view(text.parse(left)).routers["64513"]
    assert set(router.peers) == {"10.0.0.9"}
    assert "HOME-OPS" not in left
    assert edit.markers("mine")[0] in left
    assert "network 172.29.0.0/18" not in left


def test_a_family_that_is_emptied_stays() -> None:
    raw = (
        "router bgp 64513\n neighbor 172.29.51.11 remote-as 1\n address-family ipv4 unicast\n"
        "  neighbor 172.29.51.11 activate\n exit-address-family\n maximum-paths ibgp 4\n"
    )
    left = edit.remove(raw, samples.declared(want.Peer("172.29.51.11", remote_as="1")))
    assert left == "".join(line for line in text.split(raw) if "172.29.51.11" not in line)


def test_absent_of_one_keeps_the_block_for_the_others() -> None:
    raw = edit.apply("", samples.declared(*samples.plain_peers()))
    left = edit.remove(raw, samples.declared(samples.plain_peers()[0]))
    assert set(view(text.parse(left)).routers["64513"].peers) == set(samples.NODES[1:])
    assert edit.markers("home-ops")[0] in left


def test_networks_that_are_no_longer_announced_go() -> None:
    raw = edit.apply("", samples.declared(*samples.plain_peers()))
    fewer = replace(samples.V4, announce=("172.29.48.0/20",))
    edited = edit.apply(
        raw, samples.declared(*samples.plain_peers(), policies={want.IPV4: fewer, want.IPV6: samples.V6})
    )
    assert "network 172.29.48.0/20" in edited
    assert "172.29.0.0/18" not in edited


def test_a_network_that_somebody_else_originates_stays_theirs() -> None:
    held = "router bgp 64513\n address-family ipv4 unicast\n  network 10.0.0.0/8\n exit-address-family\nexit\n"
    quiet = replace(samples.V4, announce=("10.0.0.0/8",), originate=False)
    loud = replace(quiet, originate=True)
    for policy in (quiet, loud):
        desired = samples.declared(*samples.plain_peers(), policies={want.IPV4: policy, want.IPV6: samples.V6})
        raw = edit.apply(held, desired)
        assert edit.apply(raw, desired) == raw
        assert raw.count("network 10.0.0.0/8\n") == 1
        # Ours no longer, but it never was.
        assert edit.remove(raw, want.Desired("home-ops", samples.ASN)).count("network 10.0.0.0/8\n") == 1
    both = edit.apply(edit.apply(held, samples.declared(*samples.plain_peers())), desired)
    assert both.count("network 10.0.0.0/8\n") == 1 and "172.29.0.0/18" not in both


def test_there_and_back_leaves_the_networks_of_a_persons_text() -> None:
    held = samples.fixture("clean")
    desired = samples.declared(samples.GROUP, *(want.Peer(node, group="cluster") for node in samples.NODES))
    left = edit.remove(edit.apply(held, desired), desired)
    networks = [line for line in text.split(held) if " network " in line and "import" not in line]
    assert networks and [line for line in text.split(left) if line in networks] == networks


def test_a_network_with_a_policy_of_its_own_is_left_to_it() -> None:
    held = "router bgp 64513\n address-family ipv4 unicast\n  network 172.29.0.0/18 route-map X\n"
    raw = edit.apply(held, samples.declared(*samples.plain_peers()))
    assert raw.count("network 172.29.0.0/18") == 1


def test_a_new_line_never_joins_the_last_one() -> None:
    edited = edit.apply("router bgp 64513\r\n bgp deterministic-med", samples.declared(*samples.plain_peers()))
    assert " bgp deterministic-med\r\n" in text.split(edited)
    assert all(line.endswith("\r\n") for line in text.split(edited))


def test_a_block_behind_the_router_moves_before_it() -> None:
    raw = edit.apply("", samples.declared(*samples.plain_peers()))
    first, last = edit.markers("home-ops")
    block, _marker, rest = raw.partition(last + "\n")
    moved = rest + block + last + "\n"
    assert edit.apply(moved, samples.declared(*samples.plain_peers())) == raw
    assert "late-policy" in [fault.id for fault in lint.lint(text.parse(moved))]
    assert first in block


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("\ufeffrouter bgp 64513\n", "byte order mark"),
        ("router bgp 64999\n", "router bgp 64999, but AS 64513"),
        ("hostname a\nend\nrouter bgp 64513\n", "line 3 stands after"),
        ("exit\nhostname a\n", "line 2 stands after"),
        (f"{edit.markers('home-ops')[0]}\nhostname a\n", "not one pair"),
    ],
)
def test_what_cannot_be_edited_is_refused_in_words(raw: str, words: str) -> None:
    with pytest.raises(FrrError, match=words):
        edit.apply(raw, samples.declared(*samples.plain_peers()))


def test_a_last_end_stays_last() -> None:
    edited = edit.apply("hostname a\nend\n", samples.declared(*samples.plain_peers()))
    assert text.split(edited)[-1] == "end\n"
    assert "64513" in view(text.parse(edited)).routers


def test_passwords_are_masked_in_every_spelling() -> None:
    raw = (
        "router bgp 1\n neighbor 10.0.0.1 password s3cret-a\n neigh 10.0.0.2 passw s3cret-b\r\n"
        "enable password s3cret-c\nkey-string s3cret-d\nip ospf message-digest-key 1 md5 s3cret-e\n"
        " neighbor 10.0.0.1 description the password of nobody\n! a comment\n"
        "! neighbor 10.0.0.1 password s3cret-f\n#neigh 10.0.0.2 passw s3cret-g\r\n  !! # password s3cret-h\n"
        "!password 8 s3cret-i\n"
    )
    shown = masking.text(raw)
    assert "s3cret" not in shown
    assert "the password of nobody" in shown and "! a comment\n" in shown
    assert "! neighbor 10.0.0.1 password " in shown
    assert len(text.split(shown)) == len(text.split(raw))
    assert masking.text(raw.replace("s3cret-a", "other")) != shown


@pytest.mark.skipif(not samples.BGPD, reason="bgpd is not installed")
def test_every_feature_is_understood_by_the_daemon(tmp_path: Path) -> None:
    everything = want.Peer(
        "172.29.51.11",
        remote_as="64512",
        description="mini01 in the cellar",
        password="one-word!",
        keepalive=3,
        hold=9,
        connect_retry=10,
        update_source="172.29.51.1",
        ebgp_multihop=2,
        bfd=True,
        passive=True,
        shutdown=True,
        graceful_restart="helper",
        families=(want.IPV4, want.IPV6),
        next_hop="fd47:25e1:2f96:51::11",
    )
    desired = samples.declared(
        samples.GROUP6,
        everything,
        ranges={"fd47:25e1:2f96:51::/64": "cluster-v6"},
        listen_limit=10,
        restart_seconds=100,
        stale_path_seconds=200,
        multipath_relax=True,
    )
    raw = edit.apply("", desired)
    assert samples.bgpd_faults(raw, tmp_path) == []
    for words in (
        "password one-word!",
        "bfd",
        "graceful-restart-helper",
        "set ipv6 next-hop global",
        "listen limit 10",
    ):
        assert words in raw
