# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installer exists only of a schematic that somebody has given to the Image Factory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.talos import node_state, schematic
from lab.authority import Authority
from lab.factory.server import PORT, ImageFactory
from lab.state import LabState
from tests.harness.talos_nodes import TalosNodes

NET = "127.48"
HOST = f"{NET}.51.23"
MADE = schematic.from_extensions(["siderolabs/iscsi-tools"], ["quiet"], [])
INSTALLER = f"factory.talos.dev/installer/{MADE.id}:v1.10.5"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[TalosNodes]:
    """Two nodes in maintenance that pull from a factory which knows nothing yet."""
    with TalosNodes(tmp_path, net=NET, count=2, install=0.1, reboot=0.1) as nodes:
        yield nodes


@pytest.fixture
def factory(nodes: TalosNodes, tmp_path: Path) -> Iterator[ImageFactory]:
    authority = Authority("Somebody public")
    (tmp_path / "lab").mkdir()
    made = ImageFactory(LabState(tmp_path / "lab"), HOST, authority)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    nodes.nodes[0].cluster.schematics = made.knows
    nodes.call(made.start())
    yield made
    nodes.call(made.stop())


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    door = {"factory_door": f"{HOST}:{PORT}", "factory_ca_file": str(tmp_path / "ca.crt")}
    return {"installer_image": INSTALLER, "schematic": MADE.text, **door}


def test_the_first_install_gives_the_factory_what_it_lacks(
    nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any]
) -> None:
    predicted = nodes.apply(1, ctx=Context(check_mode=True), **given)
    assert "the Image Factory is given the schematic, which it did not know" in predicted["notes"]
    assert not factory.knows(MADE.id)
    assert nodes.apply(1, **given)["notes"] == predicted["notes"]
    assert nodes.nodes[0].installed and factory.schematics[MADE.id] == MADE.text
    assert nodes.apply(2, **given)["notes"] == []
    # A node that has its Talos needs no factory.
    asked = dict(factory.requests)
    assert not nodes.apply(1, **given)["changed"]
    assert dict(factory.requests) == asked == {"read": 3, "create": 1}


def test_an_installer_that_nobody_can_pull_is_told_soon(
    nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_state, "FALLEN_BACK", 1.0)
    with pytest.raises(HomeopsError, match="in maintenance again, so the install has failed") as told:
        nodes.apply(1, **{**given, "schematic": ""})
    assert INSTALLER in str(told.value)
    assert not nodes.nodes[0].installed
    # The same command, with what it takes, goes on from there.
    assert nodes.apply(1, **given)["action"] == "install"
    assert nodes.nodes[0].installed


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"factory_door": f"{HOST}:1"}, "connection refused"),
        ({"factory_ca_file": ""}, "TLS failed"),
        ({"factory_door": "nowhere"}, "door is no address"),
        ({"schematic": "customization: {}\n"}, "is not the installer's"),
    ],
)
def test_a_factory_that_cannot_be_asked_stops_the_node_before_anything_is_sent(
    nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any], change: dict[str, str], text: str
) -> None:
    for check_mode in (True, False):
        with pytest.raises(HomeopsError, match=text):
            nodes.apply(1, ctx=Context(check_mode=check_mode), **{**given, **change})
    assert nodes.nodes[0].state == "maintenance"
    assert not factory.knows(MADE.id)


def test_a_schematic_that_the_factory_refuses_is_told_in_its_words(
    nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any]
) -> None:
    text = "customization: {}\nsomething: else\n"
    image = f"factory.talos.dev/installer/{schematic.Schematic(text).id}:v1.10.5"
    with pytest.raises(HomeopsError, match=r"field something not found.*HTTP 400"):
        nodes.apply(1, **{**given, "schematic": text, "installer_image": image})
    assert nodes.nodes[0].state == "maintenance"


def test_an_image_of_no_factory_asks_nobody(nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any]) -> None:
    nodes.apply(1, **{**given, "installer_image": "ghcr.io/siderolabs/installer:v1.10.5"})
    assert nodes.nodes[0].installed
    assert not factory.requests


def test_input_error_names_the_option(nodes: TalosNodes, factory: ImageFactory, given: dict[str, Any]) -> None:
    with pytest.raises(InputError) as told:
        nodes.apply(1, **{**given, "factory_door": "nowhere"})
    assert told.value.param == "factory_door"
