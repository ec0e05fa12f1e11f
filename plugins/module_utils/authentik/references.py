# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that people write to the keys that the server wants: a list is read once, when it is first needed.

Keys differ on every installation and change when an object is made anew, so nobody writes one down.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import InputError
from .client import Client

#: What is referred to: list, the field with its name, and further fields under which it may be asked for.
_LISTS: dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
    "flow": ("/flows/instances/", "slug", (), {}),
    "scope mapping": ("/propertymappings/provider/scope/", "name", ("managed", "scope_name"), {}),
    "property mapping": ("/propertymappings/all/", "name", ("managed",), {}),
    "certificate": ("/crypto/certificatekeypairs/", "name", ("managed",), {"include_details": False}),
    "group": ("/core/groups/", "name", (), {"include_users": False}),
    "user": ("/core/users/", "username", (), {"include_groups": False}),
    "policy": ("/policies/all/", "name", (), {}),
    "service connection": ("/outposts/service_connections/all/", "name", (), {}),
}


class References:
    """Names of one server. Every list costs one request (one per hundred objects), and only when it is needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, list[dict[str, Any]]] = {}

    def objects(self, what: str) -> list[dict[str, Any]]:
        """Return every object of a list."""
        if what not in self._read:
            path, _name, _more, query = _LISTS[what]
            self._read[what] = self._client.all(path, doing=f"reading the {what}s", **query)
        return self._read[what]

    def key(self, what: str, name: str, param: str) -> Any:
        """Return the key of what has this name.

        :raises InputError: there is none, or several.
        """
        return self.object(what, name, param)["pk"]

    def object(self, what: str, name: str, param: str) -> dict[str, Any]:
        """Return what has this name; a scope mapping also by its scope.

        :raises InputError: there is none, or several.
        """
        return pick(self.objects(what), what, name, param)

    def flow(self, slug: str, designation: str, param: str) -> str:
        """Return the key of a flow, whose designation must be the one that the place needs.

        :raises InputError: no such flow, or one that is for something else.
        """
        flows = self.objects("flow")
        right = [flow for flow in flows if flow.get("designation") == designation]
        for flow in flows:
            if flow["slug"] != slug:
                continue
            if flow.get("designation") != designation:
                raise InputError(
                    f"{param}: the flow {slug} is for {flow.get('designation')}, not for {designation}",
                    remedy=f"Flows for {designation} are {_listed(flow['slug'] for flow in right)}",
                    param=param,
                )
            return str(flow["pk"])
        raise InputError(
            f"{param}: the server has no flow with the slug {slug}; it was renamed, or the worker has not applied the "
            "default blueprints yet",
            remedy=f"Flows for {designation} are {_listed(flow['slug'] for flow in right)}",
            param=param,
        )

    def labels(self) -> dict[Any, str]:
        """Return what is known so far: key to name, for diffs."""
        return {item["pk"]: str(item[_LISTS[what][1]]) for what, items in self._read.items() for item in items}


def pick(items: Iterable[Mapping[str, Any]], what: str, name: str, param: str) -> dict[str, Any]:
    """Return the one object that has this name, or failing that one of its other names.

    :raises InputError: there is none, or several.
    """
    _path, first, more, _query = _LISTS[what]
    items = list(items)
    for field in (first, *more):
        found = [item for item in items if item.get(field) == name]
        # A scope may be served by several mappings; the one that the server came with is meant.
        if len(found) > 1 and field == "scope_name":
            found = [item for item in found if item.get("managed")] or found
        if len(found) == 1:
            return dict(found[0])
        if found:
            raise InputError(
                f"{param}: {len(found)} {what}s are called {name}: {_listed(str(item[first]) for item in found)}",
                remedy="Give the full name of the one that is meant",
                param=param,
            )
    names = [str(item[first]) for item in items]
    near = difflib.get_close_matches(name, names, 3, 0.6)
    raise InputError(
        f"{param}: the server has no {what} called {name}",
        remedy=f"Did you mean {_listed(near)}?" if near else f"There are {_listed(names)}",
        param=param,
    )


def _listed(names: Iterable[str]) -> str:
    known = sorted(names)
    more = len(known) - 12
    return ", ".join(known[:12]) + (f" and {more} more" if more > 0 else "") if known else "none"
