# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing machine configs: what yaml.v3 reads, identity, secrets, and where texts are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import assume, given, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import (
    documents,
    goyaml,
    machine_config,
    redaction,
    scalars,
)

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from(" \n\t#:-'\"{}[]&*!|>%@`")
)
#: The key ``<<`` is left out: talosctl 1.10.5 writes it without quotes, and then reads it as a merge.
KEYS = TEXT.filter(lambda text: text != "<<")
FREE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, FREE, min_size=1, max_size=4))
def test_what_is_written_reads_back_the_same(value: dict[str, Any]) -> None:
    text = goyaml.dump(value)
    (node,) = goyaml.parse(text)
    assert goyaml.free(node) == value


@given(st.dictionaries(KEYS, FREE, min_size=1, max_size=4))
def test_a_mapping_is_what_its_text_is(value: dict[str, Any]) -> None:
    assert goyaml.free(goyaml.to_node(value)) == value


@given(st.lists(TEXT, min_size=3, max_size=3, unique=True))
def test_keys_have_one_order(keys: list[str]) -> None:
    first = goyaml.sorted_keys(dict.fromkeys(keys))
    assert first == goyaml.sorted_keys(dict.fromkeys(reversed(keys)))


def test_numbers_inside_of_keys_count() -> None:
    # gopkg.in/yaml.v3 sorter_test.go
    ordered = ["a", "a1", "a2", "a10", "b1", "d", "d1"]
    assert goyaml.sorted_keys(dict.fromkeys(reversed(ordered))) == ordered


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("0o755", 493),
        ("0755", 493),
        ("1_000", 1000),
        ("12:30:45", "12:30:45"),
        ("~", None),
        ("1e3", 1000.0),
        ("0x1F", 31),
        (".5", 0.5),
        ("1.", 1.0),
        ("08", 8.0),
        ("-", "-"),
        ("2020-01-01", "2020-01-01T00:00:00Z"),
    ],
)
def test_plain_scalars_as_yaml_v3_reads_them(text: str, value: Any) -> None:
    found = goyaml.resolve(text)
    assert found == value
    assert type(found) in (type(value), goyaml.Plain)


@given(st.integers(0, 10**15))
def test_durations_read_back(value: int) -> None:
    assert scalars.parse_duration(scalars.format_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "written"), [("90s", "1m30s"), ("1h", "1h0m0s"), ("1500ms", "1.5s"), ("250us", "250µs"), ("0", "0s")]
)
def test_durations_as_go_writes_them(text: str, written: str) -> None:
    assert scalars.format_duration(scalars.parse_duration(text)) == written


@pytest.mark.parametrize(
    ("text", "size"), [("1TB", 10**12), ("2.5GiB", 2684354560), ("2.5G", 2500000000), ("1048576", 1048576), ("", None)]
)
def test_sizes(text: str, size: int | None) -> None:
    # siderolabs/talos types/block/bytes_size_test.go
    if size is None:
        with pytest.raises(ValueError, match="invalid"):
            scalars.parse_bytes(text)
    else:
        assert scalars.parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "config not found"),
        ("# only a comment\n", "config not found"),
        ("a: [", "decode error: yaml: "),
        ("apiVersion: v1alpha2\nfoo: 1\n", "missing kind"),
        ("kind: Foo\napiVersion: v1alpha1\n", '"Foo" "v1alpha1": not registered'),
        ("kind: UserVolumeConfig\nname: x\n", '"UserVolumeConfig" "": not registered'),
        ("machine:\n    bogus: 1\n", "unknown keys found during decoding:\nmachine:\n    bogus: 1\n"),
        ("debug: true\ndebug: false\n", 'line 2: mapping key "debug" already defined at line 1'),
        ("machine: {type: a}\n---\nmachine: {type: b}\n", "duplicate document /v1alpha1/ is not allowed"),
        ("- a\n", "expected a mapping node"),
        ("machine:\n  kubelet:\n    extraConfig:\n      d: 2020-01-01\n", "quote it"),
    ],
)
def test_refusals_in_talos_words(text: str, words: str) -> None:
    with pytest.raises(documents.ConfigError) as refusal:
        documents.decode(text)
    assert words in refusal.value.text


@pytest.mark.parametrize("name", ["password", "tokn"])
def test_unknown_secrets_are_masked_in_the_refusal(name: str) -> None:
    with pytest.raises(documents.ConfigError) as refusal:
        documents.decode(f"machine:\n  registry:\n    {name}: hunter2\n")
    assert name in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@given(st.text(max_size=200))
def test_any_text_is_a_config_or_refused(text: str) -> None:
    try:
        documents.decode(text)
    except documents.ConfigError:
        return


def test_the_order_of_keys_documents_and_comments_do_not_count() -> None:
    left = (
        "machine: {type: worker, token: x}\n---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: udp://a:1\n"
    )
    right = (
        "# x\napiVersion: v1alpha1\nkind: KmsgLogConfig\nurl: udp://a:1\nname: a\n"
        "---\nmachine:\n  token: x\n  type: worker\n"
    )
    assert documents.same(documents.decode(left), documents.decode(right))
    assert not documents.same(documents.decode(left), documents.decode("machine: {type: worker, token: x}\n"))


SECRET_PATHS = [
    "machine.token",
    "machine.ca.key",
    "cluster.secret",
    "cluster.token",
    "cluster.secretboxEncryptionSecret",
    "cluster.aescbcEncryptionSecret",
    "cluster.ca.key",
    "cluster.aggregatorCA.key",
    "cluster.serviceAccount.key",
    "cluster.etcd.ca.key",
    "machine.registries.config.docker.auth.password",
    "machine.registries.config.docker.auth.auth",
    "machine.registries.config.docker.auth.identityToken",
    "machine.systemDiskEncryption.state.keys.*.static.passphrase",
    "machine.network.interfaces.*.wireguard.privateKey",
    "machine.network.interfaces.*.vip.hcloud.apiToken",
]


@pytest.mark.parametrize("path", SECRET_PATHS)
def test_what_talos_redacts_is_secret(path: str) -> None:
    assert redaction.is_secret(tuple(path.split(".")), "value")


@pytest.mark.parametrize(
    ("path", "value", "secret"),
    [
        ("machine.env.HTTP_PROXY", "http://user:word@proxy:1", True),
        ("machine.env.HTTP_PROXY", "http://proxy:1", False),
        ("machine.env.API_TOKEN", "x", True),
        ("environment.*", "TS_AUTHKEY=tskey", True),
        ("environment.*", "TS_ROUTES=10.0.0.0/8", False),
        ("configFiles.*.content", "configure lldp portidsubtype ifname", False),
        ("configFiles.*.content", "password = hunter2", True),
        ("cluster.inlineManifests.*.contents", "kind: Secret\ndata: {}", True),
        ("cluster.inlineManifests.*.contents", "kind: Namespace", False),
        ("machine.files.*.content", "-----BEGIN EC PRIVATE KEY-----\nx", True),
        ("cluster.apiServer.extraArgs.service-account-key-file", "/etc/x", False),
        ("machine.ca.crt", "LS0t", False),
        ("machine.sysctls.vm.dirty_ratio", "5", False),
    ],
)
def test_what_may_hold_a_secret(path: str, value: str, secret: bool) -> None:
    assert redaction.is_secret(tuple(path.split(".")), value) is secret


GIVEN = {
    "secrets": {"cluster": {"id": "i"}},
    "cluster_name": "home-ops",
    "endpoint": "https://172.29.51.10:6443",
    "talos_version": "v1.10.5",
    "kubernetes_version": "v1.31.1",
}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"talos_version": "v1.12.0"}, 'Talos "v1.12.0"'),
        ({"machine_type": "init"}, "Use controlplane or worker"),
        ({"endpoint": "https://172.29.51.10"}, "Write https://172.29.51.10:6443"),
        ({"endpoint": "172.29.51.10:6443"}, "no https URL"),
        ({"kubernetes_version": "latest"}, "no Kubernetes version"),
        ({"cluster_name": ""}, "cluster_name is empty"),
        ({}, "the secrets bundle has no "),
    ],
)
def test_input_that_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        machine_config.generate(machine_config.ConfigInput(**{**GIVEN, **more}))
    assert words.lower() in str(refusal.value).lower()


@given(st.dictionaries(KEYS, TEXT, max_size=5))
def test_string_maps_survive_the_way_through_text(values: dict[str, str]) -> None:
    assume(all("\x00" not in key + value for key, value in values.items()))
    body = {"machine": {"sysctls": values}}
    first = documents.encode([documents.decode_node(goyaml.to_node(body))])
    second = documents.decode(first)
    assert (second[0].body["machine"].get("sysctls") or {}) == values
    # other YAML readers see the same text
    assert (yaml.safe_load(first)["machine"].get("sysctls") or {}) == values


def test_a_merge_key_is_written_as_talosctl_writes_it() -> None:
    assert goyaml.dump({"machine": {"sysctls": {"<<": "x"}}}) == "machine:\n    sysctls:\n        <<: x\n"
