#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Kubernetes objects, many queries in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_info
short_description: Read Kubernetes objects, many queries in one call
version_added: 0.1.0
description:
  - Reads objects by name or by selector. Several queries share one connection pool and one discovery.
  - The values of Secrets are masked unless O(reveal=true).
options:
  kind:
    description: Kind, plural, singular or short name, also C(deployments.apps). For a single query.
    type: str
  api_version:
    description: C(apiVersion) of the kind; the preferred one by default.
    type: str
  name:
    description: Name of one object; without it all that fit are read.
    type: str
  namespace:
    description: Namespace. Without it, selections look everywhere and a name is looked for in C(default).
    type: str
  labels:
    description: Label selector.
    type: str
  fields:
    description: Field selector.
    type: str
  jmespath:
    description: Expression over the list of objects; its value becomes RV(value).
    type: str
  queries:
    description: Queries, each with the options above.
    type: list
    elements: dict
    suboptions:
      kind:
        description: Kind, plural, singular or short name.
        type: str
        required: true
      api_version:
        description: Its apiVersion.
        type: str
      name:
        description: Name of one object.
        type: str
      namespace:
        description: Namespace.
        type: str
      labels:
        description: Label selector.
        type: str
      fields:
        description: Field selector.
        type: str
      jmespath:
        description: Expression over the list of objects.
        type: str
  reveal:
    description: Return the values of Secrets; give the task C(no_log) then.
    type: bool
    default: false
  managed_fields:
    description: Return C(metadata.managedFields) too.
    type: bool
    default: false
  assume_absent:
    description:
      - In check mode, take the cluster as empty and do not connect, because an earlier step of the same run would
        create it.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.kubernetes
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
requirements:
  - jmespath, for O(jmespath)
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Read the nodes and the agents of Cilium
  homeops.cluster.kube_info:
    kubeconfig: "{{ homeops_kubeconfig }}"
    queries:
      - kind: Node
      - kind: DaemonSet
        name: cilium
        namespace: kube-system
        jmespath: "[0].status.numberAvailable"
  register: cluster
"""

RETURN = r"""
resources:
  description: The objects of a single query; of several queries, all objects one after the other.
  returned: always
  type: list
  elements: dict
value:
  description: Value of the single query's expression.
  returned: when jmespath is given
  type: raw
results:
  description: One entry per query, in their order.
  returned: always
  type: list
  elements: dict
  contains:
    served:
      description: Whether the API knows the kind.
      type: bool
    resources:
      description: The objects found.
      type: list
      elements: dict
    value:
      description: Value of the query's expression.
      type: raw
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import live, session, wait
from ..module_utils.kubernetes.client import Client
from ..module_utils.kubernetes.discovery import Discovery, Resource
from ..module_utils.kubernetes.errors import NotFound
from ..module_utils.kubernetes.redact import without_secrets

_QUERY: dict[str, Any] = {
    key: {"type": "str"} for key in ("kind", "api_version", "name", "namespace", "labels", "fields", "jmespath")
}

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        **_QUERY,
        "queries": {
            "type": "list",
            "elements": "dict",
            "options": {**_QUERY, "kind": {"type": "str", "required": True}},
        },
        "reveal": {"type": "bool", "default": False},
        "managed_fields": {"type": "bool", "default": False},
        "assume_absent": {"type": "bool", "default": False},
    },
    "required_one_of": [["kind", "queries"]],
    "mutually_exclusive": [["kind", "queries"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Read; see DOCUMENTATION."""
    queries: list[Mapping[str, Any]] = params.get("queries") or [params]
    expressions = [
        wait.compiled(query["jmespath"], "queries" if params.get("queries") else "jmespath")
        if query.get("jmespath")
        else None
        for query in queries
    ]
    if ctx.check_mode and params["assume_absent"]:
        found: list[tuple[bool, list[dict[str, Any]]]] = [(False, []) for query in queries]
    else:
        with session.connect(params, ctx) as client:
            found = _read(client, queries)
    results = []
    for expression, (served, bodies) in zip(expressions, found, strict=True):
        shown = [_shown(body, params) for body in bodies]
        result: dict[str, Any] = {"served": served, "resources": shown}
        if expression is not None:
            result["value"] = _evaluate(expression, shown)
        results.append(result)
    answer: dict[str, Any] = {
        "changed": False,
        "results": results,
        "resources": [body for result in results for body in result["resources"]],
    }
    if not params.get("queries") and "value" in results[0]:
        answer["value"] = results[0]["value"]
    return answer


def _read(client: Client, queries: list[Mapping[str, Any]]) -> list[tuple[bool, list[dict[str, Any]]]]:
    """Return for every query whether its kind is served, and the objects."""
    discovery = Discovery(client)
    resources = [discovery.search(query["kind"], query.get("api_version") or "") for query in queries]

    def ask(job: tuple[Mapping[str, Any], Resource | None]) -> tuple[bool, list[dict[str, Any]]]:
        query, resource = job
        if resource is None:
            return False, []
        name = query.get("name") or ""
        namespace = query.get("namespace") or ("default" if name else "") if resource.namespaced else ""
        try:
            if name:
                body = client.get(resource.path(namespace, name), attempted=f"reading {resource.kind} {name}")
                return True, [live.whole(body, resource)]
            items, _version = client.list(
                resource.path(namespace),
                labels=query.get("labels") or "",
                fields=query.get("fields") or "",
                attempted=f"reading {resource.plural}",
            )
        except NotFound:
            return True, []
        return True, [live.whole(item, resource) for item in items]

    return list(client.map(ask, zip(queries, resources, strict=True)))


def _shown(body: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    if not params["managed_fields"]:
        metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
        body = {**body, "metadata": metadata}
    return body if params["reveal"] else without_secrets(body)


def _evaluate(expression: Any, bodies: list[dict[str, Any]]) -> Any:
    try:
        return expression.search(bodies)
    except ValueError as error:  # every JMESPathError is a ValueError
        text = str(error).splitlines()[0]
        raise InputError("the JMESPath expression cannot be evaluated", answer=text, param="jmespath") from None


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
