# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three router configurations that the home had, rebuilt: what each element of them was, in their order."""

from __future__ import annotations

NODES = (11, 12, 13)


def no_auth() -> str:
    """The one that works: a group, both policies, ``le``; with the policies after the router."""
    members = "".join(f" neighbor 172.29.51.{n} peer-group home-ops\n" for n in NODES)
    return f"""! -*- bgp -*-
frr defaults traditional
router bgp 64513
 bgp router-id 172.29.51.1
 bgp log-neighbor-changes
 no bgp network import-check
 neighbor home-ops peer-group
 neighbor home-ops remote-as 64512
{members} address-family ipv4 unicast
  redistribute connected
  redistribute static
  network 172.29.0.0/18
  neighbor home-ops activate
  neighbor home-ops soft-reconfiguration inbound
  neighbor home-ops route-map HOME-OPS-IN in
  neighbor home-ops route-map HOME-OPS-OUT out
 exit-address-family
 address-family ipv6 unicast
  network fd47:25e1:2f96::/60
  neighbor home-ops activate
  neighbor home-ops soft-reconfiguration inbound
  neighbor home-ops route-map HOME-OPS-IN6 in
  neighbor home-ops route-map HOME-OPS-OUT6 out
 exit-address-family
!
ip prefix-list LB-POOL seq 10 permit 172.29.52.0/24 le 32
ip prefix-list POD-ROUTES seq 10 permit 10.244.0.0/16 le 32
ip prefix-list LB-POOL6 seq 10 permit fd47:25e1:2f96:52::/64 le 128
ip prefix-list LAN seq 10 permit 172.29.0.0/18 le 32
ip prefix-list LAN6 seq 10 permit fd47:25e1:2f96::/60 le 128
route-map HOME-OPS-IN permit 10
 match ip address prefix-list LB-POOL
route-map HOME-OPS-IN permit 20
 match ip address prefix-list POD-ROUTES
route-map HOME-OPS-OUT permit 10
 match ip address prefix-list LAN
route-map HOME-OPS-IN6 permit 10
 match ipv6 address prefix-list LB-POOL6
route-map HOME-OPS-OUT6 permit 10
 match ipv6 address prefix-list LAN6
"""


def plain() -> str:
    """Neighbours that are activated, and nothing else: no policy in either direction."""
    declared = "".join(f" neighbor 172.29.51.{n} remote-as 64512\n" for n in NODES)
    declared += "".join(f" neighbor fd47:25e1:2f96:51::{n} remote-as 64512\n" for n in NODES)
    v4 = "".join(f"  neighbor 172.29.51.{n} activate\n" for n in NODES)
    v6 = "".join(f"  neighbor fd47:25e1:2f96:51::{n} activate\n" for n in NODES)
    return f"""frr defaults traditional
router bgp 64513
 bgp router-id 172.29.51.1
{declared} address-family ipv4 unicast
{v4} exit-address-family
 address-family ipv6 unicast
{v6} exit-address-family
"""


def bgp_only(password: str = "") -> str:
    """Prefix-lists without ``le``, and six lines that FRR does not take where they stand."""
    neighbors = ""
    for n in NODES:
        neighbors += f" neighbor 172.29.51.{n} remote-as 64512\n"
        neighbors += f" neighbor 172.29.51.{n} password {password}\n" if password else ""
    v4, v6 = (
        "".join(
            f"  neighbor 172.29.51.{n} activate\n"
            f"  neighbor 172.29.51.{n} soft-reconfiguration inbound\n"
            f"  neighbor 172.29.51.{n} route-map {inward} in\n"
            f"  neighbor 172.29.51.{n} route-map DENY-ALL out\n"
            for n in NODES
        )
        for inward in ("K8S-IN", "K8S-IN6")
    )
    return f"""frr defaults traditional
router bgp 64513
 bgp router-id 172.29.51.1
{neighbors} address-family ipv4 unicast
{v4} exit-address-family
 address-family ipv6 unicast
{v6} exit-address-family
exit
!
ip prefix-list LB-V4 seq 10 permit 172.29.52.0/24
ip prefix-list LB-V4 seq 20 permit 172.29.52.0/25
ip prefix-list LB-V4 seq 30 permit 172.29.52.128/25
ipv6 prefix-list LB-V6 seq 10 permit fd47:25e1:2f96:52::/64
ipv6 prefix-list LB-V6 seq 20 permit fd47:25e1:2f96:52:100::/120
ip community-list standard K8S permit 64512:100
ip community-list standard PODS permit 64512:200
route-map K8S-IN permit 10
 match ip address prefix-list LB-V4
 set local-preference 200
 set community 64513:100
route-map K8S-IN deny 65535
route-map K8S-IN6 permit 10
 match ipv6 address prefix-list LB-V6
 set local-preference 200
route-map K8S-IN6 deny 65535
route-map DENY-ALL deny 10
exit
bgp graceful-restart
bgp graceful-restart restart-time 120
bgp bestpath as-path multipath-relax
bgp bestpath compare-routerid
"""
