# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of Kubernetes' components in a machine config. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import kubernetes_plan as plan
from .documents import Document, v1alpha1

Object = Mapping[str, Any]


def body_of(config: Iterable[Document]) -> dict[str, Any]:
    """Return the v1alpha1 document's content, {} when there is none."""
    found = v1alpha1(config)
    return dict(found.body) if found else {}


def is_control_plane(body: Object) -> bool:
    """Whether a machine config makes a control plane."""
    return (body.get("machine") or {}).get("type") == "controlplane"


def configured(body: Object) -> dict[str, str]:
    """Return the images that a machine config names, of those components which the node runs.

    That of a kube-proxy which is disabled is among them when it is there: Talos keeps it in step, too.
    """
    found = {}
    for component, path in plan.COMPONENTS.items():
        if component != plan.KUBELET and not is_control_plane(body):
            continue
        at: Any = body
        for key in path:
            at = (at or {}).get(key)
        if at or component != plan.PROXY or uses_proxy(body):
            found[component] = str(at or "")
    return found


def uses_proxy(body: Object) -> bool:
    """Whether Talos is to bring kube-proxy."""
    return not ((body.get("cluster") or {}).get("proxy") or {}).get("disabled")


def set_image(body: dict[str, Any], component: str, image: str) -> None:
    """Write a component's image into a machine config."""
    *parents, last = plan.COMPONENTS[component]
    at = body
    for key in parents:
        at = at.setdefault(key, {})
    at[last] = image


def moved(old: Iterable[Document], new: Iterable[Document]) -> list[str]:
    """Return which components would get another version, ``kubelet v1.31.1 -> v1.31.6``."""
    before, after = configured(body_of(old)), configured(body_of(new))
    pairs = {name: (plan.tag(image), plan.tag(after[name])) for name, image in before.items() if name in after}
    return [f"{name} {left} -> {right}" for name, (left, right) in pairs.items() if left != right]
