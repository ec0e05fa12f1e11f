# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``cilium install`` and Helm's ``--set``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from lab.controllers.cilium import flags


def settings(*texts: str, string: bool = False) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in texts:
        flags.apply_setting(values, text, string=string)
    return values


# The cases are those of helm's own documentation of --set ("The Format and Limitations of --set").
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name=value", {"name": "value"}),
        ("a=b,c=d", {"a": "b", "c": "d"}),
        ("outer.inner=value", {"outer": {"inner": "value"}}),
        ("name={a, b, c}", {"name": ["a", "b", "c"]}),
        ("name=[]", {"name": []}),
        ("servers[0].port=80", {"servers": [{"port": 80}]}),
        ("servers[0].port=80,servers[0].host=example", {"servers": [{"port": 80, "host": "example"}]}),
        (r"name=value1\,value2", {"name": "value1,value2"}),
        (r"nodeSelector.kubernetes\.io/role=master", {"nodeSelector": {"kubernetes.io/role": "master"}}),
        (
            "on=true,off=false,n=7445,minus=-1,octal=0755",
            {"on": True, "off": False, "n": 7445, "minus": -1, "octal": "0755"},
        ),
        ("empty={}", {"empty": []}),
        ("image=a:1=2", {"image": "a:1=2"}),
    ],
)
def test_helm_settings(text: str, wanted: dict[str, Any]) -> None:
    assert settings(text) == wanted


def test_string_settings_stay_text_and_later_ones_win() -> None:
    assert settings("port=7445,on=true", string=True) == {"port": "7445", "on": "true"}
    assert settings("a.b=1", "a.c=2", "a.b=3") == {"a": {"b": 3, "c": 2}}
    assert settings("a=1", "a.b=2") == {"a": {"b": 2}}


@pytest.mark.parametrize("text", ["novalue", "=x", "a[x]=1"])
def test_a_setting_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(flags.FlagError, match="failed parsing --set data"):
        settings(text)


keys = st.text("abcdefgh", min_size=1, max_size=6)


@given(st.lists(keys, min_size=1, max_size=4), st.integers(-(10**9), 10**9))
def test_a_number_under_any_path_comes_out_as_that_number(path: list[str], number: int) -> None:
    values: Any = settings(f"{'.'.join(path)}={number}")
    for key in path:
        values = values[key]
    assert values == number


def test_flags_in_all_their_spellings() -> None:
    parsed = flags.parse(
        [
            "install",
            "--version",
            "v1.17.6",
            "--set=a=1",
            "--set-string",
            "b=2",
            "-f",
            "/x",
            "--values=/y,/z",
            "-n",
            "ks",
            "--wait",
        ]
    )
    assert parsed.version == "1.17.6"
    assert parsed.namespace == "ks"
    assert parsed.wait
    assert parsed.files == ["/x", "/y", "/z"]
    assert parsed.settings == [("a=1", False), ("b=2", True)]
    assert not flags.parse(["install", "--wait=false"]).wait


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["install", "--helm-set", "a=1"], "unknown flag: --helm-set"),
        (["install", "--version"], "flag needs an argument: --version"),
        (["status"], 'unknown command "status" for "cilium"'),
        ([], 'unknown command "" for "cilium"'),
        (["install", "now"], 'unknown command "now" for "cilium install"'),
    ],
)
def test_what_the_cli_does_not_know(arguments: list[str], text: str) -> None:
    with pytest.raises(flags.FlagError) as error:
        flags.parse(arguments)
    assert str(error.value) == text


def test_values_files_merge_as_helm_merges_them() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "e": 5}
    assert flags.merge_values(base, {"a": {"c": [3]}, "d": {"x": 1}, "e": None}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"x": 1},
    }
    assert base["e"] == 5
