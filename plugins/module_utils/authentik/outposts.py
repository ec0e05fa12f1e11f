# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outposts: who is on which, and their settings. Pure.

The server replaces ``providers`` and ``config`` as a whole, takes any key of ``config`` and lets the embedded outpost
be emptied and deleted; what protects them stands here.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError
from . import lint
from .objects import Body

#: What marks the embedded outpost; its key changes when the server makes it anew.
EMBEDDED = "goauthentik.io/outposts/embedded"
#: Under this name people mean it, whatever it is called.
ALIAS = "embedded"

_TEXT, _FLAG, _NUMBER, _MAP, _LIST = (str,), (bool,), (int,), (dict,), (list,)
_NULL: tuple[type, ...] = (type(None),)
#: Keys of ``config`` and what they hold (authentik/outposts/models.py ``OutpostConfig``).
CONFIG: dict[str, tuple[type, ...]] = {
    "authentik_host": _TEXT,
    "authentik_host_browser": _TEXT,
    "authentik_host_insecure": _FLAG,
    "log_level": _TEXT,
    "refresh_interval": _TEXT,
    "object_naming_template": _TEXT,
    "container_image": _TEXT + _NULL,
    "docker_network": _TEXT + _NULL,
    "docker_map_ports": _FLAG,
    "docker_labels": _MAP + _NULL,
    "kubernetes_replicas": _NUMBER,
    "kubernetes_namespace": _TEXT,
    "kubernetes_service_type": _TEXT,
    "kubernetes_ingress_annotations": _MAP,
    "kubernetes_ingress_secret_name": _TEXT + _NULL,
    "kubernetes_ingress_class_name": _TEXT + _NULL,
    "kubernetes_ingress_path_type": _TEXT + _NULL,
    "kubernetes_httproute_annotations": _MAP,
    "kubernetes_httproute_parent_refs": _LIST,
    "kubernetes_disabled_components": _LIST,
    "kubernetes_image_pull_secrets": _LIST,
    "kubernetes_json_patches": _MAP + _NULL,
}
_COMPONENTS = (
    "secret",
    "deployment",
    "service",
    "prometheus servicemonitor",
    "ingress",
    "traefik middleware",
    "httproute",
)
_LEVELS = ("trace", "debug", "info", "warning", "error")


@dataclass(frozen=True)
class Membership:
    """Which providers shall be on an outpost.

    :param attach: to be there.
    :param detach: not to be there.
    :param exact: nobody but ``attach``.
    :param allow_empty: an outpost may lose its last provider.
    """

    attach: frozenset[Any] = frozenset()
    detach: frozenset[Any] = frozenset()
    exact: bool = False
    allow_empty: bool = False

    def of(self, current: Collection[Any]) -> list[Any]:
        """Return the providers that shall be there, given those that are."""
        kept = set() if self.exact else set(current) - self.detach
        # Keys are numbers; a provider that is still to be made goes by its name.
        return sorted(kept | self.attach, key=lambda key: (isinstance(key, str), key))

    def met(self, current: Collection[Any]) -> bool:
        """Tell whether it is as wanted."""
        return set(self.of(current)) == set(current)


def is_embedded(outpost: Mapping[str, Any]) -> bool:
    """Tell whether it is the one inside the server."""
    return outpost.get("managed") == EMBEDDED


def find(outposts: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the outpost of this name; ``embedded`` is the embedded one, found by its mark and never by its text."""
    for outpost in outposts:
        if outpost.get("name") == name or (name == ALIAS and is_embedded(outpost)):
            return outpost
    return None


def missing(outposts: Iterable[Mapping[str, Any]], name: str, param: str) -> InputError:
    """Return the error for an outpost that is not there."""
    names = sorted(str(outpost["name"]) for outpost in outposts)
    remedy = f"There are {', '.join(names) or 'none'}"
    if name == ALIAS:
        remedy = (
            "The server makes it at its start, unless AUTHENTIK_OUTPOSTS__DISABLE_EMBEDDED_OUTPOST is set; restart it"
        )
    return InputError(f"{param}: the server has no outpost called {name}", remedy=remedy, param=param)


def guard_empty(outpost: Mapping[str, Any], wanted: Membership) -> None:
    """Refuse to take the last provider from an outpost.

    :raises InputError: every service behind it would lose its login at once, or the server would refuse it.
    """
    current = outpost.get("providers") or []
    if wanted.of(current) or not current:
        return
    name, count = outpost["name"], len(current)
    if not is_embedded(outpost):
        raise InputError(
            f"outpost {name} would lose all of its {count} providers, and the server keeps no outpost without any",
            remedy="Attach another provider, or remove the outpost",
            param="outposts",
        )
    if not wanted.allow_empty:
        raise InputError(
            f"the embedded outpost ({name}) would lose all of its {count} providers: an empty list replaces the list",
            remedy="Name the providers that shall stay; if none shall, say so a second time with allow_empty: true",
            param="outposts",
        )


def guard_removal(outpost: Mapping[str, Any], *, allowed: bool) -> None:
    """Refuse to delete the embedded outpost unless that is said twice.

    :raises InputError: it would come back at the next start of the server, empty and with another key.
    """
    if is_embedded(outpost) and not allowed:
        raise InputError(
            f"{outpost['name']} is the embedded outpost: the server would make it anew at its next start, without any "
            "provider",
            remedy="Detach providers instead; if it really shall go, say so a second time with allow_embedded: true",
            param="outposts",
        )


def config(wanted: Mapping[str, Any], where: str, *, embedded: bool = False) -> Body:
    """Return settings that an outpost understands.

    :raises InputError: a key that nobody reads (the server stores it silently), a value of the wrong type, or a host
        that a browser cannot reach.
    """
    faults: list[str] = []
    for key, value in wanted.items():
        kinds = CONFIG.get(key)
        if kinds is None:
            near = difflib.get_close_matches(key, CONFIG, 1, 0.5)
            faults.append(f"{key} is no setting of an outpost" + (f", {near[0]} is" if near else ""))
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            told = " or ".join("null" if kind is type(None) else _called(kind) for kind in kinds)
            faults.append(f"{key} is {_called(type(value))}, it must be {told}")
        else:
            faults += _value_faults(key, value, embedded=embedded)
    if faults:
        raise InputError(
            "; ".join(f"{where}.config: {fault}" for fault in faults), remedy="Nothing was written", param="outposts"
        )
    return dict(wanted)


def _value_faults(key: str, value: Any, *, embedded: bool) -> list[str]:
    if key == "log_level" and value not in _LEVELS:
        return [f"log_level {value!r} is none of {', '.join(_LEVELS)}"]
    if key == "kubernetes_disabled_components":
        return [f"{item!r} is no component: {', '.join(_COMPONENTS)}" for item in value if item not in _COMPONENTS]
    # The embedded outpost sends browsers to authentik_host, the others to authentik_host_browser when they have it.
    browsers = key == "authentik_host_browser" or (key == "authentik_host" and embedded)
    if browsers and value:
        return [fault.replace("external_host", key, 1) for fault in lint.external_host(value)]
    if key == "authentik_host" and value and not value.startswith(("http://", "https://")):
        return [f"authentik_host {value!r} is no http:// or https:// address"]
    return []


def _called(kind: type) -> str:
    return {
        "str": "a text",
        "bool": "true or false",
        "int": "a number",
        "dict": "a map",
        "list": "a list",
        "NoneType": "null",
    }.get(kind.__name__, kind.__name__)
