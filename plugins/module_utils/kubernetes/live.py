# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the live state of many objects with few requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .client import Client
from .discovery import Resource
from .errors import Forbidden, KubernetesError, NotFound

#: Up to this many objects of one kind and namespace are asked for one by one; more are read with one list.
SINGLE = 4
#: How long (seconds) a kind that was just defined may answer "404 page not found": the server's handlers learn of a
#: CustomResourceDefinition a moment after it says Established.
SETTLE = 10.0

#: (resource, namespace, name)
Place = tuple[Resource, str, str]


def whole(body: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """Return an item of a list with apiVersion and kind, which lists of built-in kinds leave out."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def patiently(ask: Callable[[], Any], *, sleep: Callable[[float], None] = time.sleep) -> Any:
    """Ask again while the path of a freshly defined kind is not served yet."""
    deadline = time.monotonic() + SETTLE
    while True:
        try:
            return ask()
        except NotFound as error:
            if error.is_status and "could not find the requested resource" not in error.message:
                raise
            if time.monotonic() > deadline:
                raise
        sleep(0.1)


def read(
    client: Client, places: Iterable[Place], fresh: frozenset[Resource] = frozenset()
) -> dict[Place, dict[str, Any] | KubernetesError | None]:
    """Return the live object of every place: None when it does not exist, the error when it could not be read.

    :param fresh: kinds that were defined a moment ago.
    """
    wanted: dict[tuple[Resource, str], list[str]] = {}
    for resource, namespace, name in places:
        wanted.setdefault((resource, namespace), []).append(name)
    jobs: list[tuple[Resource, str, str]] = []
    for (resource, namespace), names in wanted.items():
        jobs += [(resource, namespace, "")] if len(names) > SINGLE else [(resource, namespace, name) for name in names]
    found: dict[Place, dict[str, Any] | KubernetesError | None] = {}
    refused: list[tuple[Resource, str, str]] = []
    for (resource, namespace, name), answer in zip(
        jobs, client.map(lambda job: _ask(client, job, fresh), jobs), strict=True
    ):
        if name:
            found[resource, namespace, name] = answer
        elif isinstance(answer, Forbidden):
            refused += [(resource, namespace, each) for each in wanted[resource, namespace]]
        else:
            for each in wanted[resource, namespace]:
                found[resource, namespace, each] = answer.get(each) if isinstance(answer, dict) else answer
    for place, answer in zip(refused, client.map(lambda job: _ask(client, job, fresh), refused), strict=True):
        found[place] = answer
    return found


def _ask(client: Client, job: tuple[Resource, str, str], fresh: frozenset[Resource]) -> Any:
    """Get one object, or list a collection by name; a KubernetesError is returned, not raised."""
    resource, namespace, name = job

    def ask() -> Any:
        if name:
            where = f"{resource.kind} {namespace + '/' if namespace else ''}{name}"
            return client.get(resource.path(namespace, name), attempted=f"reading {where}")
        where = f"the {resource.plural}" + (f" of namespace {namespace}" if namespace else "")
        items, _version = client.list(resource.path(namespace), attempted=f"reading {where}")
        return {item["metadata"]["name"]: whole(item, resource) for item in items}

    try:
        return patiently(ask) if resource in fresh else ask()
    except NotFound as error:
        return None if error.is_status else error
    except KubernetesError as error:
        return error
