# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a repository holds: a finding or a clean skip, never an exception, and within the limits of the reader."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.checks import engine
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.repository import documents, files, limits, view
from ansible_collections.homeops.cluster.plugins.module_utils.repository.spot import Fault
from tests.harness import gitops_base
from tests.harness.gitops_edits import write

_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
_OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


def judge(folder: Path) -> engine.Report:
    return engine.run_checks(engine.Case(repository=view.read(str(folder))))


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    write(gitops_base.files(), tmp_path)
    return tmp_path


HOSTILE: dict[str, bytes] = {
    "laughs.yaml": _LAUGHS.encode(),
    "circle.yaml": b"a: &a\n  b: *a\n",
    "list-circle.yaml": b"&a [*a]\n",
    "key-circle.yaml": b"&a {*a : x}\n",
    "flow.yaml": b"[" * 100_000,
    "maps.yaml": b"{a: " * 50_000,
    "dashes.yaml": b"- " * 100_000 + b"a",
    "questions.yaml": b"? " * 100_000 + b"a",
    "stairs.yaml": b"\n".join(b" " * depth + b"a:" for depth in range(2_000)),
    "anchors.yaml": b"\n".join(b"k%d: &k%d [*k%d]" % (n, n, n - 1) if n else b"k0: &k0 [x]" for n in range(400)),
    "latin.yaml": "name: caf\u00e9\n".encode("latin-1"),
    "utf16.yaml": "name: x\n".encode("utf-16"),
    "binary.yaml": bytes(range(256)) * 16,
    "nul.yaml": b"a: \0\n",
    "tab.yaml": b"a:\n\tb: 1\n",
    "twice.yaml": b"a: 1\na: 2\n",
    "alias.yaml": b"a: *nothing\n",
    "tag.yaml": b"a: !!python/object/apply:os.system [id]\n",
    "complex.yaml": b"? [a, b]\n: c\n",
    "number.yaml": b"a: " + b"9" * 5_000 + b"\n",
    "unclosed.yaml": b'a: "x\n',
    "control.yaml": b"a: \x07\n",
}
#: Of these the reader takes what is there.
HARMLESS: dict[str, bytes] = {
    "unknown.yaml": b"apiVersion: nowhere.example/v9\nkind: Nothing\nmetadata: {name: [1], labels: x}\n",
    "shapes.yaml": b"apiVersion: v1\nkind: Service\nmetadata: []\nspec: {type: LoadBalancer, ports: {a: 1}}\n",
    "empty.yaml": b"",
    "kinds.yaml": b"---\nkind: []\napiVersion: v1alpha1\n---\nkind: {a: 1}\napiVersion: [1]\nmetadata: 3\n",
    "bom.yaml": b"\xef\xbb\xbfa: 1\n",
    "null.yaml": b"---\n---\n~\n",
    "list.yaml": b"apiVersion: v1\nkind: List\nitems: [1, {}, {apiVersion: v1, kind: Secret}]\n",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_a_finding(name: str, tree: Path) -> None:
    (tree / "apps" / "wiki" / name).write_bytes(HOSTILE[name])
    report = judge(tree)
    assert {(finding.id, finding.file) for finding in report.findings} <= {
        ("REP001", f"apps/wiki/{name}"),
        ("REP002", f"apps/wiki/{name}"),
    }
    # What can be read of them is nothing to be told of; the rest is told.
    if name not in ("number.yaml", "tag.yaml"):
        assert report.findings


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_an_odd_file_breaks_nothing(name: str, tree: Path) -> None:
    (tree / "infrastructure" / "external-dns" / name).write_bytes(HARMLESS[name])
    for finding in judge(tree).findings:
        assert finding.file == f"infrastructure/external-dns/{name}", finding


def test_a_file_of_fifty_megabytes_is_passed_over(tree: Path) -> None:
    with open(tree / "huge.yaml", "wb") as stream:
        stream.truncate(50 * 1024 * 1024)
    tracemalloc.start()
    report = judge(tree)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(finding.id, finding.file) for finding in report.findings] == [("REP002", "huge.yaml")]
    assert peak < 50 * 1024 * 1024


def test_links_are_followed_only_inside(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("password: canary-31c5\n", encoding="utf-8")
    os.symlink(tree, tree / "loop")
    os.symlink("self.yaml", tree / "self.yaml")
    os.symlink(outside, tree / "out.yaml")
    os.symlink("/dev/zero", tree / "zero.yaml")
    os.mkfifo(tree / "pipe.yaml")
    report = judge(tree)
    assert {finding.file for finding in report.findings} == {"loop", "self.yaml", "out.yaml", "zero.yaml", "pipe.yaml"}
    assert {finding.id for finding in report.findings} == {"REP002"}
    assert "canary" not in repr(report.findings)


def test_a_name_that_is_no_utf8(tree: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.yaml"))).write_bytes(b"a: 1\n")
    (finding,) = judge(tree).findings
    assert finding.id == "REP001"
    repr(finding).encode("utf-8")


def test_directories_that_hold_each_other(tree: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tree / "apps" / one).mkdir()
        text = f"resources: [../{other}]\n"
        (tree / "apps" / one / "kustomization.yaml").write_text(text, encoding="utf-8")
    path = tree / "apps" / "wiki" / "kustomization.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("  - wiki.yaml\n", "  - wiki.yaml\n  - ../a\n"), encoding="utf-8"
    )
    assert {finding.id for finding in judge(tree).findings} == {"REP001"}


def test_a_lattice_of_directories_is_bounded(tree: Path) -> None:
    for level in range(25):
        for side in "lr":
            folder = tree / "apps" / f"{level}{side}"
            folder.mkdir()
            below = f"resources: [../{level + 1}l, ../{level + 1}r]\n" if level < 24 else "resources: [x.yaml]\n"
            (folder / "kustomization.yaml").write_text(below, encoding="utf-8")
            (folder / "x.yaml").write_text(_OBJECT, encoding="utf-8")
    path = tree / "apps" / "wiki" / "kustomization.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("  - wiki.yaml\n", "  - wiki.yaml\n  - ../0l\n"), encoding="utf-8"
    )
    assert "REP002" in {finding.id for finding in judge(tree).findings}


def test_circles_of_flux_and_of_tasks(tree: Path) -> None:
    (tree / "taskfiles" / "talos.yml").write_text(
        "includes: {again: ../Taskfile.yml, talos: talos.yml}\ntasks: {apply: {}}\n", encoding="utf-8"
    )
    text = (tree / "clusters/home-ops/apps.yaml").read_text(encoding="utf-8")
    text = text.replace("path: ./apps/authentik", "path: ./clusters/home-ops")
    (tree / "clusters/home-ops/apps.yaml").write_text(text, encoding="utf-8")
    judge(tree)


def test_what_is_no_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no directory"):
        view.read(str(tmp_path / "nowhere"))
    assert judge(tmp_path).findings == []


def test_limits_stop_the_reader(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FILES", 10)
    assert any("first 10 files" in finding.summary for finding in judge(tree).findings)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "TOTAL_BYTES", 5_000)
    assert any("5000 bytes" in finding.summary for finding in judge(tree).findings)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "DIRECTORIES_DEEP", 1)
    assert any("too deep" in finding.summary for finding in judge(tree).findings)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text(max_size=12),
    st.sampled_from(
        ["172.29.52.1/24", "10.0.0.0/8", "fd00::/64", "${x}", "http://a.b.svc:80", "s3://b/", "1.17.6", "*"]
    ),
)
_KEYS = st.sampled_from(
    """apiVersion kind metadata name namespace labels annotations spec rules host http paths path backend service port
    ports type selector matchLabels matchExpressions key operator values blocks start stop cidr serviceSelector
    resources
    patches target patch dependsOn healthChecks chart version sourceRef postBuild substitute data stringData items
    virtualRouters neighbors peerAddress bgpInstances peers localASN families advertisements advertisementType template
    containers env valueFrom secretKeyRef volumes secret groups parameters provisioner machine cluster network install
    nodes clusterName talosVersion endpoint clusterPodNets networkInterfaces vip ip patches tasks cmds deps vars
    includes
    secretStoreRef remoteRef property external_host internal_host mode redirect_uris""".split()
)
_KINDS = st.sampled_from(
    [
        ("v1", "Service"),
        ("v1", "Secret"),
        ("v1", "ConfigMap"),
        ("apps/v1", "Deployment"),
        ("networking.k8s.io/v1", "Ingress"),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
        ("cilium.io/v2alpha1", "CiliumLoadBalancerIPPool"),
        ("cilium.io/v2alpha1", "CiliumBGPPeeringPolicy"),
        ("cilium.io/v2alpha1", "CiliumBGPClusterConfig"),
        ("cilium.io/v2alpha1", "CiliumBGPPeerConfig"),
        ("cilium.io/v2alpha1", "CiliumBGPAdvertisement"),
        ("external-secrets.io/v1", "ExternalSecret"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("longhorn.io/v1beta2", "RecurringJob"),
        ("postgresql.cnpg.io/v1", "Cluster"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
        ("monitoring.coreos.com/v1", "PrometheusRule"),
        ("v1alpha1", "UserVolumeConfig"),
        ("v1", "List"),
    ]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=20,
)


@st.composite
def _document(draw: Any) -> Any:
    value = draw(st.dictionaries(_KEYS, _VALUES, max_size=5))
    if draw(st.booleans()):
        value["apiVersion"], value["kind"] = draw(_KINDS)
    return value


@st.composite
def _mutated(draw: Any) -> dict[str, str]:
    """The right tree with a random piece of one file cut, doubled, or replaced."""
    tree = gitops_base.files()
    for _round in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(sorted(tree)))
        text = tree[path]
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 60))
        put = draw(
            st.one_of(st.just(""), st.text(max_size=20), st.sampled_from(["[]", "{}", "null", "- ", ": ", "&a ", "*a"]))
        )
        tree[path] = text[:start] + put + text[start + length :]
    return tree


_SETTINGS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_SETTINGS
@given(_mutated())
def test_no_change_to_a_file_raises(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    write({path: text.encode("utf-8", "replace").decode("utf-8") for path, text in tree.items()}, folder)
    first = judge(folder).findings
    assert first == judge(folder).findings


@_SETTINGS
@given(st.lists(_document(), min_size=1, max_size=6))
def test_no_document_raises(tmp_path_factory: pytest.TempPathFactory, made: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("made")
    tree = gitops_base.files()
    names = ["apps/authentik", "talos", "talos/patches", "clusters/home-ops", "apps/database", "taskfiles"]
    for index, (document, place) in enumerate(zip(made, names, strict=False)):
        tree[f"{place}/made{index}.yaml"] = json.dumps(document)
    tree["clusters/home-ops/kustomization.yaml"] = json.dumps(made[0])
    write(tree, folder)
    judge(folder)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.yaml", "talconfig.yaml", "frr.conf", "README.md", "run.sh", "Taskfile.yml", "kustomization.yaml"):
        (folder / name).write_bytes(raw)
    judge(folder)


_PLAIN = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), _PLAIN),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(_PLAIN, inner)),
        max_leaves=30,
    )
)
def test_documents_are_read_as_they_are(value: Any) -> None:
    faults: list[Fault] = []
    file = files.File("x.yaml", files.YAML, 0, json.dumps([value], ensure_ascii=False))
    (document,) = documents.read(file, documents.Budget(), faults)
    assert (document.value, faults) == ([value], [])


_POOL = "apiVersion: cilium.io/v2alpha1\nkind: CiliumLoadBalancerIPPool\nmetadata: {name: x}\nspec: "
#: Files over which a careless comparison of each with each, or an expression that backtracks, would run for hours.
SLOW: dict[str, str] = {
    "talos/talconfig.yaml": "clusterName: x\ntalosVersion: v1.10.5\nnodes: []\nclusterPodNets: "
    + json.dumps([f"10.{n // 256}.{n % 256}.0/24" for n in range(5_000)]),
    "router/frr.conf": "\n" * 500_000,
    "scripts/apply.sh": "grep -c x " * 50_000,
    "docs/README.md": "[" * 500_000,
    "infrastructure/cilium-pools/pools.yaml": _POOL
    + json.dumps({"blocks": [{"start": f"10.0.{n // 250}.{n % 250}"} for n in range(5_000)]}),
    "apps/authentik/ingress.yaml": "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\nspec: "
    + json.dumps({"rules": [{"host": "a.example.net"}] * 5_000}),
    "apps/authentik/flows.yaml": "".join(
        f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}, namespace: n{n}}}\n" for n in range(1_900)
    ),
    "clusters/home-ops/apps.yaml": "".join(
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: k{n}, namespace: flux-system}}\nspec: {{path: ./p{n}, dependsOn: [{{name: k{n + 1}}}]}}\n"
        for n in range(1_500)
    ),
}


@pytest.mark.parametrize("path", sorted(SLOW))
def test_what_could_run_for_hours_ends(path: str, tree: Path) -> None:
    (tree / path).write_text(SLOW[path], encoding="utf-8")
    report = judge(tree)
    assert len(report.findings) < (engine.MOST + 1) * 20


def test_variables_that_would_fill_the_memory(tree: Path) -> None:
    big = "x" * 100_000
    (tree / "apps/wiki/secret.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
        + "".join(f"  k{n}: ${{cluster_name}}${{cluster_name}}\n" for n in range(2_000)),
        encoding="utf-8",
    )
    path = tree / "clusters/home-ops/apps.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("cluster_name: home-ops", f"cluster_name: {big}"), encoding="utf-8"
    )
    tracemalloc.start()
    judge(tree)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 1024 * 1024
