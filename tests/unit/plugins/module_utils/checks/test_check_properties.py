# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for any input: arithmetic agrees with the standard library, and nothing makes a check raise."""

from __future__ import annotations

import copy
import ipaddress
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, example, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine, report
from ansible_collections.homeops.cluster.plugins.module_utils.checks.talos import seconds
from ansible_collections.homeops.cluster.plugins.module_utils.model import world

Judge = Callable[..., engine.Report]
#: The fixtures are never changed, so one of each serves all examples.
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(["10.0.0.0/8", "::/0", "0.0.0.0", "v1.10.5", "{{ x }}", "12:30:45", "😀", "\x00", "1" * 5000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)

NETWORKS_6 = st.builds(
    lambda address, size: ipaddress.IPv6Network((address, size), strict=False), st.ip_addresses(v=6), st.integers(8, 64)
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path of a model, the root first."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def put(model: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the model with a value at a path."""
    if not path:
        return value
    changed = copy.deepcopy(model)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


def without(model: Any, path: tuple[Any, ...]) -> Any:
    """A copy of the model without what stands at a path."""
    changed = copy.deepcopy(model)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return changed


@SHARED
@given(data=st.data())
def test_whatever_stands_in_a_place_gives_findings_and_no_exception(
    home: dict[str, Any], judged: Judge, groups: dict[str, list[str]], data: st.DataObject
) -> None:
    # With IPv6 enabled more of the model is needed.
    model: Any = put(home, ("networks", "ipv6_enabled"), data.draw(st.booleans()))
    for _time in range(data.draw(st.integers(min_value=1, max_value=3))):
        path = data.draw(st.sampled_from(list(paths(model))))
        if path and data.draw(st.booleans()):
            model = without(model, path)
        else:
            model = put(model, path, data.draw(JSON))
    found = judged(model, groups)
    if found.of("error"):
        assert report.failure(found)
    # A check may only be passed over when something is reported that explains it.
    assert not found.passed_over or found.findings


@SHARED
@given(key=st.text(max_size=30), value=JSON, data=st.data())
def test_a_foreign_key_is_always_found(
    home: dict[str, Any], judged: Judge, key: str, value: Any, data: st.DataObject
) -> None:
    places = [path for path in paths(home) if isinstance(_at(home, path), dict)]
    # Maps whose keys are free.
    places = [
        path
        for path in places
        if path
        not in {
            ("load_balancers", "pinned"),
            ("bgp", "communities"),
            ("secrets", "items"),
            # An unknown component is refused by the renderer, which knows them.
            ("gitops", "components"),
        }
        and path[:1] not in {("cilium",)}
        and not (path[:1] == ("secrets",) and path[-1] in {"generate", "keys", "template"})
        and path[:2]
        not in {("talos", name) for name in ("sysctls", "etcd_extra_args", "leader_election", "kubelet_extra_config")}
    ]
    path = data.draw(st.sampled_from(places))
    if key in _at(home, path):
        return
    changed = put(home, (*path, key), value)
    found = judged(changed)
    assert {item.id for item in found.findings} & {"MOD001", "BGP007", "TAL006", "TAL007", "TAL009"}, (
        path,
        key,
    )


@SHARED
@given(address=st.ip_addresses(v=4), prefix=st.integers(min_value=8, max_value=30))
def test_network_form_agrees_with_the_standard_library(
    home: dict[str, Any], judged: Judge, address: ipaddress.IPv4Address, prefix: int
) -> None:
    text = f"{address}/{prefix}"
    found = [item for item in judged(put(home, ("networks", "pods", "ipv4"), text)).findings if item.id == "NET001"]
    network = ipaddress.ip_network(text, strict=False)
    assert bool(found) == (str(network) != text)
    if found:
        assert found[0].use == str(network)


@SHARED
@given(one=st.ip_addresses(v=4), other=st.ip_addresses(v=4), sizes=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_overlap_agrees_with_the_standard_library(
    home: dict[str, Any],
    judged: Judge,
    one: ipaddress.IPv4Address,
    other: ipaddress.IPv4Address,
    sizes: tuple[int, int],
) -> None:
    pods, services = (
        ipaddress.ip_network(f"{item}/{size}", strict=False) for item, size in zip((one, other), sizes, strict=True)
    )
    model = put(put(home, ("networks", "pods", "ipv4"), str(pods)), ("networks", "services", "ipv4"), str(services))
    told = {item.key for item in judged(model).findings if item.id == "NET002"}
    pair = "homeops_networks.services.ipv4" in told
    others = [ipaddress.ip_network(home["networks"][name]["ipv4"]) for name in ("management", "load_balancers")]
    assert pair == (services.overlaps(pods) or any(services.overlaps(item) for item in others))


@SHARED
@given(prefix=st.integers(8, 30), mask=st.integers(8, 30))
def test_blocks_per_node_agree_with_the_standard_library(
    home: dict[str, Any], judged: Judge, prefix: int, mask: int
) -> None:
    network = ipaddress.ip_network(f"10.0.0.0/{prefix}")
    model = put(put(home, ("networks", "pods", "ipv4"), str(network)), ("networks", "pods", "ipv4_node_mask"), mask)
    blocks = list(itertools.islice(network.subnets(new_prefix=mask), 3)) if mask >= prefix else []
    told = {item.key for item in judged(model).findings if item.id == "NET003"}
    assert ("homeops_networks.pods.ipv4_node_mask" in told) == (len(blocks) < 3)


@SHARED
@given(extra=st.lists(NETWORKS_6, max_size=2, unique=True), prefix=st.integers(48, 64))
@example(extra=[ipaddress.IPv6Network("fd00::/8")], prefix=48)
def test_the_proposed_supernet_holds_every_vlan(
    home: dict[str, Any], judged: Judge, extra: list[ipaddress.IPv6Network], prefix: int
) -> None:
    outer = ipaddress.ip_network(f"fd47:25e1:2f96::/{prefix}")
    model = put(home, ("networks", "supernet", "ipv6"), str(outer))
    vlans = [ipaddress.ip_network(home["networks"][name]["ipv6"]) for name in ("management", "load_balancers")]
    for subject, network in zip(("management", "load_balancers"), extra, strict=False):
        model = put(model, ("networks", subject, "ipv6"), str(network))
        vlans[("management", "load_balancers").index(subject)] = network
    found = [item for item in judged(model).findings if item.id == "NET004"]
    assert bool(found) == any(not vlan.subnet_of(outer) for vlan in vlans)
    if found:
        proposed = ipaddress.ip_network(found[0].use)
        assert outer.subnet_of(proposed)
        assert all(vlan.subnet_of(proposed) for vlan in vlans)


@given(parts=st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["h", "m", "s", "ms"])), min_size=1, max_size=4))
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    size = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    expected = sum(amount * size[unit] for amount, unit in parts)
    found = seconds("".join(f"{amount}{unit}" for amount, unit in parts))
    assert found is not None
    assert abs(found - expected) < 1e-6


def test_a_quite_different_site_raises_no_false_alarm(home: dict[str, Any], judged: Judge) -> None:
    """Dual stack, one control plane and two workers, other numbers and names, no tunnel, no backups, own services."""
    v6 = "fd00:aa:bb"
    model = copy.deepcopy(home)
    model["cluster"] |= {"name": "attic", "vip": "10.20.0.5", "dns_domain": "attic.internal", "timezone": "UTC"}
    del model["cluster"]["additional_sans"]
    model["versions"] = {"talos": "v1.11.3", "kubernetes": "v1.33.5", "cilium": "1.18.4", "flux": "v2.7.0"}
    model["nodes"] = [
        {"name": "a", "address": "10.20.0.10", "role": "controlplane"},
        {"name": "b", "address": "10.20.3.11", "role": "worker"},
        {"name": "c", "address": "10.20.3.12", "role": "worker"},
    ]
    model["networks"] = {
        "management": {"vlan": 7, "ipv4": "10.20.0.0/22", "gateway": "10.20.3.254", "ipv6": f"{v6}:7::/64"},
        "load_balancers": {"vlan": 8, "ipv4": "10.20.4.0/26", "gateway": "10.20.4.62", "ipv6": f"{v6}:8::/64"},
        "supernet": {"ipv4": "10.20.0.0/21", "ipv6": f"{v6}::/60"},
        "pods": {"ipv4": "100.64.0.0/14", "ipv4_node_mask": 22, "ipv6": f"{v6}:100::/56", "ipv6_node_mask": 64},
        "services": {"ipv4": "100.96.0.0/16", "ipv6": f"{v6}:ff::/112"},
        "ipv6_enabled": True,
        "interface": "eno1",
    }
    model["load_balancers"] = {
        "selector_label": "pool",
        "pools": [
            {"name": "four", "cidr": "10.20.4.0/28"},
            {"name": "six", "start": f"{v6}:8::1", "stop": f"{v6}:8::ff"},
        ],
        "pinned": {"web": f"{v6}:8::10", "mail": "10.20.4.3"},
    }
    model["bgp"] |= {
        "cluster_asn": 4200000002,
        "advertised_pools": ["six", "four"],
        "maximum_paths": 16,
        "authentication": True,
    }
    model["bgp"]["router"] |= {"asn": 65010, "address": "10.20.3.254", "router_id": "10.255.0.1"}
    model["talos"] |= {
        "extensions": [],
        "user_volumes": [{"name": "data", "match": "!system_disk", "max_size": "200GiB", "filesystem": "ext4"}],
    }
    del model["talos"]["lldpd_config"]
    model["cilium"]["extra_values"] = {
        "tunnelProtocol": "geneve",
        "loadBalancer": {"mode": "dsr", "dsrDispatch": "geneve"},
        "devices": ["en+"],
    }
    model["dns"] |= {"internal_zone": "attic.example.net", "public_zone": "example.org"}
    del model["dns"]["tunnel"]
    model["storage"] = {"user_volume": "data", "disk_tags": [], "reserved_percent": 0, "default_replicas": 3}
    model["identity"] |= {"host": "login.example.org", "cookie_domain": "example.net", "groups": []}
    model["services"] = []
    found = judged(model, {"control_plane": ["a"], "worker": ["b", "c"], "all": ["a", "b", "c"]})
    assert found.findings == []
    assert found.passed_over == []


def test_positions_stay_true_behind_a_wrong_element(home: dict[str, Any], judged: Judge) -> None:
    model = put(put(home, ("nodes", 0), "mini01"), ("nodes", 2, "address"), "172.29.51.300")
    keys = {item.key for item in judged(model).findings if item.id == "MOD003"}
    assert keys == {"homeops_nodes[0]", "homeops_nodes[2].address"}


def test_the_view_passes_over_what_cannot_be_trusted(home: dict[str, Any]) -> None:
    view = world.World(put(home, ("nodes", 1, "address"), 7))
    assert [node.name for node in view.nodes] == ["mini01", "mini03"]
    assert [node.path for node in view.nodes] == [("nodes", 0), ("nodes", 2)]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value
