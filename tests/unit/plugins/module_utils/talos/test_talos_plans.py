# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts: when to bootstrap, what is missing to health, which kubeconfig still does."""

from __future__ import annotations

import base64
import copy
import datetime
import gzip
import io
import tarfile
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common import files
from ansible_collections.homeops.cluster.plugins.module_utils.talos import (
    errors,
    health,
    kubeconfig,
    node_config,
    pki,
    state,
)
from ansible_collections.homeops.cluster.plugins.module_utils.talos.bootstrap import Act, Standing, decide
from ansible_collections.homeops.cluster.plugins.module_utils.talos.client import Resource
from ansible_collections.homeops.cluster.plugins.module_utils.talos.connection import Target

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
MONTH = datetime.timedelta(days=30)
STANDINGS = st.dictionaries(
    st.sampled_from(["mini01", "mini02", "mini03", "mini04", "mini05"]), st.sampled_from(list(Standing)), min_size=1
)


# -- bootstrap ---------------------------------------------------------------------------------------------------------
@given(STANDINGS, st.booleans())
def test_data_anywhere_forbids_a_bootstrap(standings: dict[str, Standing], planned: bool) -> None:
    decision = decide(standings, planned=planned)
    has_data = {Standing.MEMBERS, Standing.DATA} & set(standings.values())
    assert (decision.act is Act.NOTHING) == bool(has_data)


@given(STANDINGS)
def test_only_a_unanimous_no_allows_a_bootstrap(standings: dict[str, Standing]) -> None:
    allowed = decide(standings).act is Act.BOOTSTRAP
    assert allowed == (set(standings.values()) == {Standing.EMPTY})


@given(STANDINGS)
def test_check_mode_promises_no_less(standings: dict[str, Standing]) -> None:
    """What a run would do now, check mode says; it may promise more, for nodes that earlier steps would bring up."""
    act, planned = decide(standings).act, decide(standings, planned=True).act
    assert planned == act or (act is Act.WAIT and planned is Act.BOOTSTRAP)
    unasked = {Standing.UNREACHABLE, Standing.WORKER} & set(standings.values())
    assert not (unasked and planned is Act.BOOTSTRAP)


def test_who_forbids_is_named() -> None:
    why = decide({"mini01": Standing.EMPTY, "mini02": Standing.DATA, "mini03": Standing.UNREACHABLE}).why
    assert "mini02 its etcd has data" in why
    assert "mini01" not in why


# -- health ------------------------------------------------------------------------------------------------------------
def healthy(name: str, member: int) -> dict[str, Any]:
    return {
        "name": name,
        "mode": "configured",
        "stage": "running",
        "ready": True,
        "unmet": [],
        "services": [
            {"id": "etcd", "state": "Running", "healthy": True, "message": ""},
            {"id": "udevd", "state": "Running", "healthy": None, "message": ""},
            {"id": "ext-lldpd", "state": "Waiting", "healthy": None, "message": "Waiting for extension service config"},
        ],
        "etcd": {
            "running": True,
            "control_plane": True,
            "voter": True,
            "member_id": f"{member:016x}",
            "leader_id": f"{1:016x}",
            "reason": "",
            "members": [{"id": f"{number:016x}", "hostname": "", "learner": False} for number in (1, 2, 3)],
            "alarms": [],
        },
    }


@pytest.fixture
def three() -> list[dict[str, Any]]:
    return copy.deepcopy([healthy(f"mini0{number}", number) for number in (1, 2, 3)])


def test_nothing_is_missing(three: list[dict[str, Any]]) -> None:
    assert health.missing(three) == {"mini01": [], "mini02": [], "mini03": []}
    worker = healthy("worker", 9)
    worker["etcd"] = {**state.NO_ETCD, "reason": "member list is only available on control plane nodes"}
    assert health.missing([*three, worker])["worker"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n: n.update(stage="booting"), "stage booting"),
        (lambda n: n.update(unmet=[{"name": "nodeReady", "reason": "not ready"}]), "nodeReady: not ready"),
        (lambda n: n["services"][0].update(state="Preparing", message="why"), "service etcd preparing (why)"),
        (lambda n: n["services"][0].update(healthy=False), "service etcd not healthy"),
        (lambda n: n["services"][2].update(state="Failed", message="boom"), "service ext-lldpd failed (boom)"),
        (lambda n: n["etcd"].update(running=False, reason="refused"), "etcd does not answer (refused)"),
        (lambda n: n["etcd"].update(voter=False), "its etcd member is a learner"),
        (lambda n: n["etcd"].update(leader_id=""), "etcd has no leader"),
        (lambda n: n["etcd"].update(leader_id="0000000000000003"), "the nodes do not agree on the etcd leader"),
        (lambda n: n["etcd"]["members"].pop(), "etcd has 2 of 3 voting members"),
        (lambda n: n["etcd"]["members"].pop(), "the nodes do not agree on the etcd members"),
        (
            lambda n: n["etcd"]["alarms"].append({"member_id": "1", "alarm": "NOSPACE"}),
            "etcd alarm NOSPACE of member 1",
        ),
        (lambda n: n.update(mode="unreachable", reason="gone"), "unreachable: gone"),
        (lambda n: n.update(mode="maintenance"), "in maintenance: it has no machine config"),
    ],
)
def test_each_fault_is_named(change: Any, words: str, three: list[dict[str, Any]]) -> None:
    change(three[1])
    assert words in health.missing(three)["mini02"]


def test_a_split_cluster_is_not_healthy(three: list[dict[str, Any]]) -> None:
    """Two clusters, each happy on its own."""
    three[2]["etcd"].update(leader_id=f"{7:016x}", member_id=f"{7:016x}")
    three[2]["etcd"]["members"] = [{"id": f"{7:016x}", "hostname": "", "learner": False}]
    found = health.missing(three)
    assert all("the nodes do not agree on the etcd members" in lacks for lacks in found.values())


def test_tolerated_conditions(three: list[dict[str, Any]]) -> None:
    three[0]["unmet"] = [{"name": "nodeReady", "reason": "a"}, {"name": "time", "reason": "b"}]
    assert health.missing(three, ["nodeReady"])["mini01"] == ["time: b"]


# -- many nodes --------------------------------------------------------------------------------------------------------
@given(st.lists(st.text(min_size=1), max_size=12))
def test_answers_keep_the_order(names: list[str]) -> None:
    assert state.each_node([Target(name) for name in names], lambda target: target.node) == names


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        (
            "failed to query etcd status: rpc error: code = Unavailable desc = connection error: desc = "
            '"transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"',
            "dial tcp 127.0.0.1:2379: connect: connection refused",
        ),
        ("rpc error: code = Unknown desc = etcdserver: no leader", "etcdserver: no leader"),
        ("etcdserver: no leader", "etcdserver: no leader"),
        ("odd: desc = ", "odd: desc = "),
    ],
)
def test_the_cause_is_told_without_its_shells(details: str, cause: str) -> None:
    assert state.innermost(details) == cause


def test_config_state() -> None:
    def config(active: tuple[str, float], persistent: tuple[str, float] | None) -> Any:
        held = {"v1alpha1": active, "persistent": persistent}

        class Client:
            target = "mini01"

            def cosi_get(self, namespace: str, kind: str, identifier: str) -> Resource | None:
                found = held[identifier]
                return found and Resource(namespace, kind, identifier, raw=found[0].encode(), updated=found[1])

        return node_config.config_state(Client())  # type: ignore[arg-type]

    one, two = "version: v1alpha1\nmachine: {type: worker}\n", "version: v1alpha1\nmachine: {type: controlplane}\n"
    assert config((one, 5.0), (one, 1.0)) == "in_sync"
    assert config((f"# a comment\n{one}", 1.0), (one, 2.0)) == "in_sync"
    assert config((one, 1.0), (two, 2.0)) == "staged"
    assert config((two, 2.0), (one, 1.0)) == "try"
    assert config((two, 2.0), None) == "unknown"
    # A change may be in another document than the first.
    assert config((one, 1.0), (f"{one}---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\n", 2.0)) == "staged"


# -- kubeconfig --------------------------------------------------------------------------------------------------------
def packed(text: str, cut: bool = True) -> bytes:
    """Return gzip of a tar with one member; without padding and trailer as Talos writes it."""
    buffer = io.BytesIO()
    info = tarfile.TarInfo("kubeconfig")
    info.size, info.mode = len(text.encode()), 0o600
    if cut:
        buffer.write(info.tobuf())
        buffer.write(text.encode())
    else:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue())


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), st.booleans())
def test_archives_with_and_without_padding(text: str, cut: bool) -> None:
    assert kubeconfig.unpack(packed(text, cut)) == text


def test_a_padded_tar_is_the_exception() -> None:
    """The trap is real: the ordinary way to read such an archive fails."""
    data = io.BytesIO(packed("apiVersion: v1\n"))
    with tarfile.open(fileobj=data, mode="r:gz") as archive, pytest.raises(tarfile.ReadError, match="unexpected end"):
        archive.getmember("kubeconfig")


@pytest.mark.parametrize("data", [b"", b"not gzip", gzip.compress(b"not a tar" * 100), gzip.compress(b""), packed(" ")])
def test_broken_archives(data: bytes) -> None:
    with pytest.raises(errors.ProtocolError, match="npacking the kubeconfig"):
        kubeconfig.unpack(data)


@pytest.fixture(scope="module")
def authority() -> pki.CertificateAndKey:
    return pki.new_ca("kubernetes", NOW, kubernetes=True)


def text_of(ca: pki.CertificateAndKey, issuer: pki.CertificateAndKey | None = None, **cluster: str) -> str:
    issued = pki.admin_certificate(issuer or ca, ["system:masters"], NOW)

    def encoded(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    return yaml.safe_dump(
        {
            "clusters": [
                {
                    "name": "home-ops",
                    "cluster": {
                        "server": "https://172.29.51.10:6443",
                        "certificate-authority-data": encoded(ca.crt),
                        **cluster,
                    },
                }
            ],
            "users": [
                {
                    "name": "admin@home-ops",
                    "user": {"client-certificate-data": encoded(issued.crt), "client-key-data": encoded(issued.key)},
                }
            ],
            "contexts": [
                {"name": "admin@home-ops", "context": {"cluster": "home-ops", "user": "admin@home-ops"}},
            ],
            "current-context": "admin@home-ops",
        }
    )


def test_when_a_kubeconfig_does(authority: pki.CertificateAndKey) -> None:
    wanted = kubeconfig.Wanted(authority.crt, "https://172.29.51.10:6443")
    other = pki.new_ca("kubernetes", NOW, kubernetes=True)

    def reason(text: str | None, now: datetime.datetime = NOW, wanted: kubeconfig.Wanted = wanted) -> str:
        return kubeconfig.renewal_reason(text, wanted, now, MONTH)

    good = text_of(authority)
    assert reason(good) == ""
    assert reason(good, NOW + datetime.timedelta(days=334)) == ""
    assert reason(good, NOW + datetime.timedelta(days=336)).startswith("its client certificate expires at 2027-03-01")
    assert reason(None) == "it does not exist"
    assert reason(text_of(other)) == "its CA is not the cluster's"
    assert reason(text_of(authority, other)) == "its client certificate is not signed by the cluster's CA"
    moved = kubeconfig.Wanted(authority.crt, "https://127.29.51.10:6443", "172.29.51.10")
    assert reason(good, wanted=moved) == "its server is https://172.29.51.10:6443"
    assert reason(kubeconfig.with_server(good, moved), wanted=moved) == ""
    assert reason(kubeconfig.with_server(good, moved)) == "its server is https://127.29.51.10:6443"
    assert kubeconfig.with_server(kubeconfig.with_server(good, moved), wanted) == kubeconfig.with_server(good, wanted)
    for text in ("", "[]", "a: 1", good.replace("current-context", "x"), good.replace("LS0t", "%%%%")):
        assert reason(text) == "it is not a kubeconfig with a client certificate"


def test_wanted_of_a_machine_config(authority: pki.CertificateAndKey) -> None:
    old = pki.new_ca("kubernetes", NOW, kubernetes=True)
    config: dict[str, Any] = {
        "cluster": {
            "ca": {"crt": base64.b64encode(authority.crt).decode()},
            "acceptedCAs": [{"crt": base64.b64encode(old.crt).decode()}],
            "controlPlane": {"endpoint": "https://172.29.51.10:6443"},
        }
    }
    wanted = kubeconfig.wanted_of(config)
    assert wanted.server == "https://172.29.51.10:6443"
    assert wanted.ca == old.crt + authority.crt
    assert kubeconfig.wanted_of(config, "https://door", "name") == kubeconfig.Wanted(wanted.ca, "https://door", "name")
    for broken in ({}, {"cluster": {"ca": {"crt": "QQ=="}}}, {"cluster": {"ca": None, "controlPlane": {}}}):
        with pytest.raises(errors.ProtocolError, match=r"no usable cluster\.ca or controlPlane\.endpoint"):
            kubeconfig.wanted_of(broken)


# -- files -------------------------------------------------------------------------------------------------------------
def test_private_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "secret"
    files.create_private(str(path), "one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        files.create_private(str(path), "two")
    assert path.read_text() == "one"
    files.write_private(str(path), "three")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("three", 0o600)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    files.create_private(str(path) + "2", "no links here")
    with pytest.raises(FileExistsError):
        files.create_private(str(path) + "2", "again")
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(PermissionError):
        files.write_private(str(path), "four")
    assert sorted(item.name for item in path.parent.iterdir()) == ["secret", "secret2"]
    assert path.read_text() == "three"
