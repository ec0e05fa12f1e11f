# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cilium in a repository: every place that installs its chart, compared with Talos' files and with each other.

CIL003 and CIL005 judge the model and a repository by one function: they stand in ``checks/cilium.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...model.leaves import exact_version
from ...repository.spot import dig, string, yes
from ...repository.view import ChartUse, Repository
from ..cilium import unknown_keys
from ..registry import BOTH, REPO, Breach, also
from . import bgp
from .plan import Plan


def _uses(repository: Repository) -> Iterator[ChartUse]:
    """Yield the uses whose values are all known: what ``valuesFrom`` adds is not."""
    for use in repository.chart("cilium"):
        if use.release is None or not use.release.object.get("spec", "valuesFrom"):
            yield use


def _first(uses: list[ChartUse]) -> ChartUse | None:
    """Return the use that the others are compared with: the HelmRelease, else the first one."""
    return next((use for use in uses if use.release is not None), uses[0] if uses else None)


@also("CIL001", REPO)
def one_version(repository: Repository) -> Iterator[Breach]:
    """The HelmRelease's version is the one that counts; commands of tasks and scripts and image tags are compared."""
    uses = [use for use in repository.chart("cilium") if exact_version(use.version)]
    right = _first(uses)
    for use in uses:
        wanted = right.version.removeprefix("v") if right else ""
        if use.version.removeprefix("v") != wanted:
            yield Breach(use.version_at, f"Cilium {use.version} here, {wanted} elsewhere.", wanted)
        for keys in (("image",), ("operator", "image"), ("preflight", "image")):
            tag = string(dig(use.values, *keys, "tag")).partition("@")[0]
            if tag and tag.removeprefix("v") != use.version.removeprefix("v"):
                text = f"The image tag is {tag}, the chart's version {use.version}."
                yield Breach(use.at(*keys, "tag"), text, "no image tag")


@also("CIL001", BOTH)
def same_version(case: Any) -> Iterator[Breach]:
    """The inventory's version is compared with that of the HelmRelease, or of the first command."""
    wanted = case.model.maybe("versions", "cilium")
    use = _first([use for use in case.repository.chart("cilium") if exact_version(use.version)])
    if use is not None and wanted and use.version.removeprefix("v") != wanted.removeprefix("v"):
        yield Breach(use.version_at, f"Cilium is {use.version} here, and {wanted} in the inventory.", wanted)


@also("CIL002", REPO)
def proxy_replaced(repository: Repository) -> Iterator[Breach]:
    """Talos' files say whether kube-proxy runs (it does by default), the values whether Cilium replaces it."""
    fragments = [
        fragment for fragment in repository.talos.fragments if fragment.get("cluster", "proxy", "disabled") is True
    ]
    talos = bool(repository.talos.talconfigs or repository.talos.fragments)
    for use in _uses(repository) if talos else ():
        replaced = yes(use.values.get("kubeProxyReplacement"))
        if fragments and not replaced and use.values:
            shown = json.dumps(use.values.get("kubeProxyReplacement"), default=str)
            text = f"Talos does not run kube-proxy ({fragments[0].document.file}), and kubeProxyReplacement is {shown}."
            yield Breach(use.at("kubeProxyReplacement"), text, "true")
        elif replaced and not fragments:
            text = "kubeProxyReplacement is true, and nothing in Talos' files disables kube-proxy."
            yield Breach(use.at("kubeProxyReplacement"), text, "cluster.proxy.disabled: true in the machine config")


@also("CIL004", REPO)
def chart_keys(repository: Repository) -> Iterator[Breach]:
    """Judged for chart 1.17, and for commands that name no version."""
    for use in repository.chart("cilium"):
        if use.version and not use.version.removeprefix("v").startswith("1.17."):
            continue
        for path, right in unknown_keys(use.values):
            yield Breach(use.at(*path), f"The chart of Cilium does not read the key {'.'.join(path)}.", right)


@also("CIL006", REPO)
def no_l2(repository: Repository) -> Iterator[Breach]:
    """Judged when addresses are announced by BGP and no L2 policy is applied."""
    if not any(item.kind.startswith("CiliumBGP") for item in bgp.objects(repository)):
        return
    if repository.of("CiliumL2AnnouncementPolicy"):
        return
    for use in repository.chart("cilium"):
        if yes(dig(use.values, "l2announcements", "enabled")):
            text = "l2announcements.enabled is true, and addresses are announced by BGP."
            yield Breach(use.at("l2announcements", "enabled"), text, "false")


@also("CIL007", REPO)
def api_door(repository: Repository) -> Iterator[Breach]:
    """Every use that says host and port is compared with KubePrism's port and with the VIP in Talos' files."""
    prism = "7445"
    for fragment in repository.talos.fragments:
        given = fragment.get("machine", "features", "kubePrism", "port")
        prism = string(given) or prism
    plan = Plan(repository)
    right = {("localhost", prism), ("127.0.0.1", prism), *((str(host.address), "6443") for host in plan.vips)}
    first: tuple[str, str] | None = None
    for use in repository.chart("cilium"):
        host, port = string(use.values.get("k8sServiceHost")), string(use.values.get("k8sServicePort"))
        if not host:
            continue
        door = (host, port or "6443")
        if first is None:
            first = door
        if door != first:
            text = f"Cilium would look for the API at {host}:{port} here, and at {':'.join(first)} elsewhere."
            yield Breach(use.at("k8sServiceHost"), text, f"localhost and {prism}")
        elif door not in right and (plan.vips or host in ("localhost", "127.0.0.1")):
            yield Breach(
                use.at("k8sServiceHost"), f"Cilium would look for the API at {host}:{port}.", f"localhost and {prism}"
            )
