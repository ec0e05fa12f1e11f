# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of versions: known ones, that fit each other, each pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.leaves import exact_version
from ..model.world import World
from .registry import ERROR, EVERY, WARN, Breach, check

#: Talos minor -> first and last Kubernetes minor (siderolabs/talos pkg/machinery/compatibility/talos19 to talos112).
TALOS_KUBERNETES = {"1.9": (27, 32), "1.10": (28, 33), "1.11": (29, 34), "1.12": (30, 35)}
#: Cilium minor -> first and last Kubernetes minor that its releases are tested with (cilium/cilium v1.16 to v1.19
#: Documentation/network/kubernetes/compatibility.rst).
CILIUM_KUBERNETES = {"1.16": (27, 30), "1.17": (29, 32), "1.18": (30, 33), "1.19": (31, 34)}
#: Flux minor -> first and last Kubernetes minor that its releases are tested with (release pages of ControlPlane's
#: Enterprise Distribution for Flux, which has the same controllers, v2.3 to v2.8).
FLUX_KUBERNETES = {"2.3": (25, 30), "2.4": (26, 32), "2.5": (27, 33), "2.7": (29, 35), "2.8": (30, 35)}

_FORMS = {"talos": "v1.10.5", "kubernetes": "v1.31.1", "cilium": "1.17.6", "flux": "v2.4.0"}
_TRIPLE = re.compile(r"(v?)(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.]+)?")


def _minor(text: str) -> str:
    """Return ``1.10`` of ``v1.10.5``, empty when the text is no such version."""
    match = _TRIPLE.fullmatch(text)
    return f"{int(match.group(2))}.{int(match.group(3))}" if match else ""


def _span(bounds: tuple[int, int]) -> str:
    return f"v1.{bounds[0]} to v1.{bounds[1]}"


@check(
    "MOD005",
    ERROR,
    "versions",
    EVERY,
    rule="Talos, Kubernetes, Cilium and Flux have known versions, and Talos supports the Kubernetes version.",
    why="An unknown version has no image to install, and Talos refuses a Kubernetes version that it does not support.",
    broken="kubernetes v1.34.0 with talos v1.10.5",
    right="kubernetes v1.31.1 (Talos 1.10 supports v1.28 to v1.33)",
    ground="siderolabs/talos pkg/machinery/compatibility",
)
def known_versions(world: World) -> Iterator[Breach]:
    """Known are the minor versions whose compatibility has been looked up; the patch level is not judged."""
    minors: dict[str, str] = {}
    for name, sample in _FORMS.items():
        text = world.maybe("versions", name)
        if text is None:
            continue
        match = _TRIPLE.fullmatch(text)
        prefix = "v" if sample.startswith("v") else ""
        if match and match.group(1) == prefix:
            minors[name] = _minor(text)
        else:
            use = prefix + text.removeprefix("v") if match else None
            yield Breach(("versions", name), f"{text!r} is not a {name} version of the form {sample}.", use)
    for name, known in (("talos", TALOS_KUBERNETES), ("cilium", CILIUM_KUBERNETES)):
        if name in minors and minors[name] not in known:
            yield Breach(
                ("versions", name),
                f"{world.get('versions', name)} is a {name} version that the collection does not know.",
                f"one of {', '.join(known)}",
            )
    bounds = TALOS_KUBERNETES.get(minors.get("talos", ""))
    kubernetes = minors.get("kubernetes")
    if bounds and kubernetes and not _within(kubernetes, bounds):
        text = (
            f"Talos {world.get('versions', 'talos')} does not support Kubernetes {world.get('versions', 'kubernetes')}."
        )
        yield Breach(("versions", "kubernetes"), text, _span(bounds))


def _within(minor: str, bounds: tuple[int, int]) -> bool:
    major, _unused, number = minor.partition(".")
    return major == "1" and bounds[0] <= int(number) <= bounds[1]


@check(
    "MOD007",
    WARN,
    "versions",
    ("kubernetes", "cni"),
    rule="The Cilium release is tested with the Kubernetes version.",
    why="It will probably work, but nobody has tested it: read the release notes of both before an upgrade.",
    broken="cilium 1.16.6 with kubernetes v1.31.1",
    right="cilium 1.17.6 with kubernetes v1.31.1 (tested with v1.29 to v1.32)",
    ground="cilium/cilium Documentation/network/kubernetes/compatibility.rst",
)
def cilium_tested(world: World) -> Iterator[Breach]:
    """A Kubernetes version that Talos does not support is left to MOD005."""
    yield from _tested(world, "cilium", CILIUM_KUBERNETES)


@check(
    "MOD014",
    WARN,
    "versions",
    ("kubernetes", "gitops"),
    rule="The Flux release is tested with the Kubernetes version.",
    why="It will probably work, but nobody has tested it: read the release notes of both before an upgrade.",
    broken="flux v2.3.0 with kubernetes v1.31.1",
    right="flux v2.4.0 with kubernetes v1.31.1 (tested with v1.26 to v1.32)",
    ground="release pages of ControlPlane's Enterprise Distribution for Flux",
)
def flux_tested(world: World) -> Iterator[Breach]:
    """A Kubernetes version that Talos does not support is left to MOD005, and a release that is in no table is not
    judged."""
    yield from _tested(world, "flux", FLUX_KUBERNETES)


def _tested(world: World, name: str, table: dict[str, tuple[int, int]]) -> Iterator[Breach]:
    bounds = table.get(_minor(world.get("versions", name)))
    supported = TALOS_KUBERNETES.get(_minor(world.get("versions", "talos")))
    kubernetes = _minor(world.get("versions", "kubernetes"))
    if bounds and kubernetes and not _within(kubernetes, bounds) and (not supported or _within(kubernetes, supported)):
        release, wanted = world.get("versions", name), world.get("versions", "kubernetes")
        text = f"{name.capitalize()} {release} is not tested with Kubernetes {wanted}."
        yield Breach(("versions", name), text, f"a release tested with it, or Kubernetes {_span(bounds)}")


@check(
    "GIT011",
    WARN,
    "gitops",
    ("gitops", "secrets", "platform", "identity"),
    rule="Every version is pinned.",
    why="A range or a moving tag is another version next month: what was tested is not what runs.",
    broken="cert_manager: 1.x",
    right="cert_manager: v1.19.1",
    ground="verified by running over the files of a real home-lab",
)
def pinned(world: World) -> Iterator[Breach]:
    """The versions that MOD005 judges are left to it."""
    for name, text in world.get("versions").items():
        if name not in _FORMS and not exact_version(text):
            yield Breach(("versions", name), f"{text!r} does not name one version.")
