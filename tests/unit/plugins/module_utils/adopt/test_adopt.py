# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopting a repository: what is found, what is a default, what stays open, and what must never be taken over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.adopt import derive, draft as drafts, text
from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.model import shape
from ansible_collections.homeops.cluster.plugins.module_utils.model.world import World
from ansible_collections.homeops.cluster.plugins.module_utils.repository import view
from tests.harness import gitops_base
from tests.harness.gitops_edits import Changes, changed, write
from tests.harness.gitops_faults import BROKEN

ROOT = Path(__file__).resolve().parents[5]
#: What the repository of the tests does not have and nobody can tell from it.
OPEN = {
    "homeops_dns.acme_email": "admin@example.net",
    "homeops_networks.load_balancers.vlan": 52,
    "homeops_networks.management.vlan": 51,
    "homeops_talos.install_disk_selector": {"model": "APPLE*"},
    "homeops_talos.user_volumes[0].max_size": "1TB",
}
Adopt = Callable[..., derive.Adopted]


@pytest.fixture(name="adopt")
def _adopt(tmp_path: Path) -> Adopt:
    """Adopt the repository of the tests, with changes."""

    def adopt(changes: Changes | None = None, tree: dict[str, str] | None = None) -> derive.Adopted:
        write(changed(changes or {}, tree), tmp_path)
        return derive.adopt(view.read(str(tmp_path)), "house")

    return adopt


def model(made: derive.Adopted) -> dict[str, Any]:
    """Return the model as the files have it."""
    found: dict[str, Any] = {}
    for subject in shape.MODEL.need:
        found |= yaml.safe_load(made.files[f"group_vars/all/{subject}.yml"]) or {}
    return {key.removeprefix("homeops_"): value for key, value in found.items()}


def test_the_files_say_what_the_repository_says(adopt: Adopt) -> None:
    found = model(adopt())
    assert found["cluster"] == {
        "name": "home-ops", "vip": "172.29.51.10", "dns_domain": "cluster.local", "timezone": "Etc/UTC",
        "schedule_on_control_planes": True,
    }  # fmt: skip
    assert [(node["name"], node["address"], node["role"]) for node in found["nodes"]] == [
        (f"mini0{number}", f"172.29.51.1{number}", "controlplane") for number in (1, 2, 3)
    ]
    assert (found["versions"]["talos"], found["versions"]["flux"]) == ("v1.10.5", "v2.4.0")
    assert (found["versions"]["longhorn"], found["versions"]["onepassword_connect"]) == ("1.10.1", "1.8.1")
    networks = found["networks"]
    assert networks["management"]["ipv4"] == "172.29.51.0/24"
    assert networks["load_balancers"]["ipv4"] == "172.29.52.0/24"
    assert networks["supernet"]["ipv4"] == "172.29.0.0/18"
    assert networks["pods"] == {"ipv4": "10.244.0.0/16", "ipv4_node_mask": 24}
    assert networks["interface"] == "enp3s0f0"
    assert found["load_balancers"]["pools"] == [
        {"name": "bgp-default", "start": "172.29.52.100", "stop": "172.29.52.199"},
        {"name": "bgp-ingress", "start": "172.29.52.200", "stop": "172.29.52.220"},
    ]
    bgp = found["bgp"]
    assert (bgp["cluster_asn"], bgp["router"]["asn"], bgp["router"]["peer_group"]) == (64512, 64513, "home-ops")
    assert (bgp["advertised_pools"], bgp["announce_pods"]) == (["bgp-default", "bgp-ingress"], True)
    assert found["secrets"]["items"]["cloudflare"] == {"title": "Cloudflare API Token", "field": "token"}
    assert found["secrets"]["items"]["wiki_database_home_ops"] == {
        "title": "Wiki Database - home-ops", "fields": ["password", "username"],
    }  # fmt: skip
    assert found["gitops"]["mode"] == "existing"
    assert found["services"] == [
        {"name": "longhorn", "title": "Longhorn", "namespace": "longhorn-system", "service": "longhorn-frontend",
         "port": 80, "auth": "proxy"},
        {"name": "wiki", "title": "Wiki", "namespace": "wiki", "service": "wiki", "port": 3000, "auth": "none"},
    ]  # fmt: skip


def test_a_value_is_followed_by_its_place(adopt: Adopt) -> None:
    made = adopt()
    tree = gitops_base.files()
    seen = 0
    for path, content in made.files.items():
        for line in content.splitlines():
            match = re.search(r": (\S+)  # (\S+):(\d+)$", line)
            # Values that are put together (lists, networks) stand at their beginning.
            if match and match.group(1) not in ("true", "false") and not match.group(1).startswith("["):
                value, file, number = match.groups()
                around = "\n".join(tree[file].splitlines()[int(number) - 1 : int(number) + 20])
                assert value.split("/")[0].strip("'\"").rpartition(".")[0] in around, (path, line)
                seen += 1
    assert seen > 40


def test_what_nothing_decides_is_open_and_the_checks_name_the_same(adopt: Adopt) -> None:
    made = adopt()
    assert {key for key, _question in made.open} == set(OPEN)
    assert {(finding.id, finding.key) for finding in made.report.findings} == {("MOD002", key) for key in OPEN}
    everything = "".join(made.files.values())
    for _key, question in made.open:
        assert f"# OPEN: {question}" in everything
    for _key, reason in made.defaults:
        assert f"# Default: {reason}" in everything


def test_with_the_open_keys_filled_in_the_model_passes_every_check(adopt: Adopt) -> None:
    found = model(adopt())
    for key, value in OPEN.items():
        parent: Any = found
        parts = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key[len("homeops_") :])]
        for part in parts[:-1]:
            parent = parent[part]
        parent[parts[-1]] = value
    report = engine.run_checks(World(found))
    assert [(finding.id, finding.key, finding.summary) for finding in report.of("error")] == []


def test_an_empty_repository_leaves_the_rest_to_a_person(adopt: Adopt) -> None:
    made = adopt(tree={"README.md": "# Nothing\n"})
    asked = {key for key, _question in made.open}
    assert {"homeops_nodes", "homeops_versions.talos", "homeops_bgp.cluster_asn", "homeops_gitops.repository"} <= asked
    missing = {finding.key for finding in made.report.findings if finding.id == "MOD002"}
    assert missing <= asked
    for content in made.files.values():
        assert yaml.safe_load(content) is not None or content.count("# OPEN:")


@pytest.mark.parametrize("fault", BROKEN[::5], ids=str)
def test_a_fault_of_the_repository_ends_no_adoption(fault: Any, adopt: Adopt) -> None:
    made = adopt(fault.changes)
    for content in made.files.values():
        yaml.safe_load(content)


_ODD: list[Any] = [
    None, True, 3, -1, 1.5, "", "a.b", "10.0.0.1/24", [], {}, ["x"], [None], {"a": 1}, [{"a": 1}], "{{ x }}", "x\ny"
]  # fmt: skip


def _spoilt(value: Any, chance: float, random: Random) -> Any:
    """Return a value of which some parts are something else."""
    if random.random() < chance:
        return random.choice(_ODD)
    if isinstance(value, dict):
        return {
            key: item if key in ("apiVersion", "kind") else _spoilt(item, chance, random) for key, item in value.items()
        }
    return [_spoilt(item, chance, random) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(12))
def test_values_of_any_type_end_no_adoption(seed: int, adopt: Adopt) -> None:
    random = Random(seed)
    tree = gitops_base.files()
    for path in tree:
        if path.endswith(".yaml"):
            documents = [document for document in yaml.safe_load_all(tree[path]) if isinstance(document, dict)]
            spoilt = [
                {
                    key: item if key in ("apiVersion", "kind") else _spoilt(item, 0.08, random)
                    for key, item in one.items()
                }
                for one in documents
            ]
            tree[path] = yaml.safe_dump_all(spoilt)
    made = adopt(tree=tree)
    ours = {"group_vars/all/connection.yml", "group_vars/all/model.yml"}
    for path, content in made.files.items():
        yaml.safe_load(content)
        assert path in ours or "{{" not in content


def test_a_template_is_not_taken_over(adopt: Adopt) -> None:
    evil = "{{ lookup('pipe', 'id') }}"
    made = adopt({"talos/talconfig.yaml": (("clusterName: home-ops", f'clusterName: "{evil}"'),)})
    assert (
        "homeops_cluster.name",
        "The repository has a template here, which an inventory would evaluate.",
    ) in made.open
    ours = {"group_vars/all/connection.yml", "group_vars/all/model.yml"}
    for path, content in made.files.items():
        assert path in ours or "{{" not in content


@pytest.mark.parametrize("evil", ["{{ a }}", "{% a %}", "{# a #}", {"{{ a }}": 1}, [["x", "{{ a }}"]]])
def test_a_template_is_seen_wherever_it_stands(evil: Any) -> None:
    draft = drafts.Draft()
    assert not draft.put(("cluster", "name"), evil)
    assert draft.values.get("cluster", {}) == {}
    assert ("cluster", "name") in draft.open


def test_a_value_of_a_wrong_form_becomes_a_question(adopt: Adopt) -> None:
    made = adopt({"talos/talconfig.yaml": (("clusterName: home-ops", "clusterName: Home Ops!"),)})
    assert "homeops_cluster.name" in {key for key, _question in made.open}


def test_an_older_kind_of_policy_and_a_worker_are_understood(adopt: Adopt) -> None:
    tree = gitops_base.files()
    tree["infrastructure/cilium-pools/bgp.yaml"] = """\
---
apiVersion: cilium.io/v2alpha1
kind: CiliumBGPPeeringPolicy
metadata: {name: home}
spec:
  virtualRouters:
    - localASN: 64999
      exportPodCIDR: false
      serviceSelector:
        matchExpressions:
          - {key: io.cilium/lb-ipam-pool, operator: In, values: [bgp-default]}
      neighbors:
        - {peerAddress: 172.29.51.1/32, peerASN: 64513}
"""
    tree["talos/talconfig.yaml"] = tree["talos/talconfig.yaml"].replace("controlPlane: true", "controlPlane: false", 1)
    made = adopt(tree=tree)
    found = model(made)
    assert (found["bgp"]["cluster_asn"], found["bgp"]["router"]["address"]) == (64999, "172.29.51.1")
    assert (found["bgp"]["announce_pods"], found["bgp"]["advertised_pools"]) == (False, ["bgp-default"])
    assert found["nodes"][0]["role"] == "worker"
    assert found["cluster"]["schedule_on_control_planes"] is False
    hosts = yaml.safe_load(made.files["hosts.yml"])["all"]["children"]
    assert (list(hosts["workers"]["hosts"]), list(hosts["control_plane"]["hosts"])) == (
        ["mini01"],
        ["mini02", "mini03"],
    )


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=_TREES, file=st.text(min_size=1), question=st.text())
def test_any_value_is_read_back_as_it_is(value: Any, file: str, question: str) -> None:
    draft = drafts.Draft()
    if not draft.put(("cluster", "extra"), value):
        return
    draft.places[("cluster", "extra")] = drafts.Spot(file, 3)
    draft.ask(("cluster", "vip"), question)
    content = text.files(draft)["group_vars/all/cluster.yml"]
    assert yaml.safe_load(content) == {"homeops_cluster": {"extra": value}}


def test_variables_beside_the_model_are_those_of_the_home_inventory() -> None:
    made = yaml.safe_load(text.files(drafts.Draft())["group_vars/all/connection.yml"])
    home: dict[str, Any] = {}
    for file in sorted((ROOT / "inventories" / "home" / "group_vars" / "all").glob("*.yml")):
        home |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    beside = {
        name for name in home if name != "homeops_model" and name.removeprefix("homeops_") not in shape.MODEL.need
    }
    assert set(made) == beside
    assert {name: made[name] for name in made} == {name: home[name] for name in made}
    assert (
        yaml.safe_load(text.files(drafts.Draft())["group_vars/all/model.yml"])["homeops_model"] == home["homeops_model"]
    )
