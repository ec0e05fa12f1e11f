#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply many Kubernetes manifests in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_apply
short_description: Apply many Kubernetes manifests in one call
version_added: 0.1.0
description:
  - Applies any number of manifests with server-side apply over one connection pool and one discovery, or deletes them.
  - Namespaces and CustomResourceDefinitions go first (and are Established before custom resources follow), webhooks and
    aggregated APIs last. Objects of one order group are sent at once.
  - What is in the cluster already is found by comparing the live object with what this field manager owns; where that
    proves nothing, the server is asked with a dry run. A run that changes nothing writes nothing.
  - Unknown fields are refused by the server (C(fieldValidation=Strict)).
  - When an object fails, the others of its group are finished, later groups are not begun, and the error of every
    failed object is told.
options:
  definition:
    description: Manifests, as one object, a list of objects, or YAML text of any number of documents.
    type: raw
  src:
    description:
      - Files of manifests, or directories of which every C(.yaml), C(.yml) and C(.json) file is read, at any depth.
      - Relative paths are searched for in C(files) of the role or the play, as M(ansible.builtin.copy) does.
    type: list
    elements: path
  template:
    description:
      - Jinja templates of manifests, rendered on the controller; searched for in C(templates) of the role or the play.
    type: list
    elements: raw
  template_vars:
    description: Further variables for O(template).
    type: dict
    default: {}
  namespace:
    description: Namespace of namespaced objects that name none.
    type: str
    default: default
  state:
    description: Whether the objects shall be there.
    type: str
    choices: [present, absent]
    default: present
  field_manager:
    description: Name under which the API records which fields are ours.
    type: str
    default: homeops
  force:
    description: Take over fields that another field manager has set to another value, instead of failing.
    type: bool
    default: false
  prune:
    description:
      - Mark every object as this owner's with a label, and delete what carries the label but is not among the
        manifests.
      - Objects that a controller owns (C(ownerReferences)) are never pruned.
    type: dict
    suboptions:
      owner:
        description: Value of the label.
        type: str
        required: true
      kinds:
        description: Only these kinds are ever deleted, written C(ConfigMap) or C(apps/v1/Deployment).
        type: list
        elements: str
        required: true
      label:
        description: Key of the label.
        type: str
        default: homeops.cluster/owner
  wait:
    description:
      - Wait until what was applied is ready (rollouts, conditions, addresses of load balancers, claims Bound), or, with
        O(state=absent), until it is gone. Not in check mode.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the whole wait.
    type: int
    default: 300
  wait_conditions:
    description:
      - What to wait for, beyond or instead of the rule of a kind. An entry that names an applied object (or all of its
        kind, without a name) replaces its rule; any other entry is awaited too. Implies O(wait).
    type: list
    elements: dict
    suboptions:
      kind:
        description: Kind, plural or short name.
        type: str
        required: true
      name:
        description: Name of one object; without it all that fit are meant.
        type: str
      namespace:
        description: Its namespace.
        type: str
      api_version:
        description: Its apiVersion; the preferred one by default.
        type: str
      labels:
        description: Label selector, when there is no name.
        type: str
      count:
        description: How many objects there must be at least, when there is no name.
        type: int
        default: 1
      condition:
        description: Type of the condition to wait for.
        type: str
      status:
        description: Status that the condition must have.
        type: str
        default: "True"
      jmespath:
        description: Expression over the object that must become true.
        type: str
      state:
        description: Wait until it is ready, or until it is gone.
        type: str
        choices: [ready, absent]
        default: ready
  concurrency:
    description: How many requests may be under way at once.
    type: int
    default: 8
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
    description:
      - Predicts with a server-side dry run; objects whose namespace or kind does not exist yet count as created.
    support: full
  diff_mode:
    description: One diff per changed object, Secret data masked.
    support: full
requirements:
  - jmespath, for C(jmespath) in O(wait_conditions)
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Apply a directory and wait for its rollouts
  homeops.cluster.kube_apply:
    kubeconfig: "{{ homeops_kubeconfig }}"
    src: manifests/metrics-server
    namespace: kube-system
    wait: true

- name: Apply rendered manifests, removing what an earlier release left behind
  homeops.cluster.kube_apply:
    kubeconfig: "{{ homeops_kubeconfig }}"
    template: [namespace.yaml.j2, config.yaml.j2]
    template_vars:
      replicas: 2
    prune:
      owner: monitoring
      kinds: [ConfigMap, apps/v1/Deployment]

- name: Install Cilium with a Job and wait for its DaemonSet
  homeops.cluster.kube_apply:
    kubeconfig: "{{ homeops_kubeconfig }}"
    definition: "{{ cilium_install_objects }}"
    wait_conditions:
      - kind: DaemonSet
        name: cilium
        namespace: kube-system
"""

RETURN = r"""
objects:
  description: One entry per object, in the order of the manifests; pruned objects follow.
  returned: always
  type: list
  elements: dict
  contains:
    api_version:
      description: Its apiVersion.
      type: str
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for cluster-scoped kinds.
      type: str
    name:
      description: Its name.
      type: str
    action:
      description: created, configured, unchanged, deleted, pruned, failed or skipped.
      type: str
    changed:
      description: Whether the cluster holds something else now.
      type: bool
    error:
      description: Why it failed.
      type: str
summary:
  description: Number of objects per action.
  returned: always
  type: dict
  sample: {created: 2, unchanged: 40}
ready:
  description: What was waited for, with the state it reached.
  returned: when waiting
  type: list
  elements: dict
requests:
  description: Requests sent, per HTTP method; dry runs count as DRYRUN.
  returned: always
  type: dict
  sample: {GET: 4}
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes import apply, manifests, prune, session, wait
from ..module_utils.kubernetes.applier import Applier, Item, Options
from ..module_utils.kubernetes.client import Client
from ..module_utils.kubernetes.discovery import Discovery

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "definition": {"type": "raw"},
        "src": {"type": "list", "elements": "path"},
        "template": {"type": "list", "elements": "raw"},
        "template_vars": {"type": "dict", "default": {}},
        "namespace": {"type": "str", "default": "default"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "field_manager": {"type": "str", "default": "homeops"},
        "force": {"type": "bool", "default": False},
        "prune": {
            "type": "dict",
            "options": {
                "owner": {"type": "str", "required": True},
                "kinds": {"type": "list", "elements": "str", "required": True},
                "label": {"type": "str", "default": prune.LABEL},
            },
        },
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
        "wait_conditions": {"type": "list", "elements": "dict", "options": wait.ARGUMENTS},
        "concurrency": {"type": "int", "default": 8},
        "assume_absent": {"type": "bool", "default": False},
    },
    "required_one_of": [["definition", "src", "template"]],
    "supports_check_mode": True,
}


def load(params: Mapping[str, Any]) -> list[manifests.Manifest]:
    """Read all manifests that the parameters name.

    :raises InputError: naming file and line, or the item of ``definition``.
    """
    found = manifests.from_definition(params.get("definition"))
    for path in params.get("src") or []:
        found += manifests.from_path(path)
    for template in params.get("template") or []:
        if not isinstance(template, Mapping):
            raise InputError("templates are rendered by the controller only", target=str(template), param="template")
        found += manifests.from_text(str(template["text"]), str(template["source"]))
    return found


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Apply or delete; see DOCUMENTATION."""
    loaded = load(params)
    targets = [wait.parse(options, "wait_conditions") for options in params.get("wait_conditions") or []]
    owner = prune.parse(params.get("prune"))
    absent = params["state"] == "absent"
    if owner and absent:
        raise InputError("prune removes what is no longer wanted; with state: absent nothing is wanted", param="prune")
    options = Options(params["namespace"], params["field_manager"], params["force"], owner, params["assume_absent"])
    with session.connect(params, ctx, params["concurrency"]) if not _offline(params, ctx) else _NoClient() as client:
        discovery = Discovery(client)
        applier = Applier(client, discovery, options, ctx)
        items = applier.items(loaded, deleting=absent)
        if absent:
            applier.delete(items)
        else:
            applier.apply(items)
            applier.prune(items)
        result = applier.facts()
        result["requests"] = dict(client.sent)
        if ctx.diff_mode:
            result["diff"] = apply.diffs(applier.outcomes)
        if (params["wait"] or targets) and not ctx.check_mode:
            wanted = awaited(items, targets, absent)
            try:
                named = next(name for name in ("definition", "src", "template") if params.get(name) is not None)
                waiter = wait.Waiter(client, discovery)
                result["ready"] = waiter.wait(wanted, timeout=params["wait_timeout"], ctx=ctx, param=named)
            except HomeopsError as error:
                error.facts.update(result)
                raise
            result["requests"] = dict(client.sent)
        return result


def awaited(items: list[Item], targets: list[wait.Target], absent: bool) -> list[wait.Target]:
    """Return what to wait for: every applied object by the rule of its kind unless a given target speaks of it."""
    own = [
        wait.Target(
            item.manifest.kind, item.identity.name, item.identity.namespace, item.manifest.api_version, absent=absent
        )
        for item in items
    ]
    replaced = [target for target in own if not any(_covers(given, target) for given in targets)]
    return replaced + targets


def _covers(given: wait.Target, target: wait.Target) -> bool:
    """Whether a given target is about an applied object; labels select what cannot be known here."""
    return (
        given.kind == target.kind
        and not given.labels
        and given.name in ("", target.name)
        and given.namespace in ("", target.namespace)
        and given.api_version in ("", target.api_version)
    )


def _offline(params: Mapping[str, Any], ctx: Context) -> bool:
    return ctx.check_mode and params["assume_absent"]


class _NoClient(Client):
    """Stands in where no connection is made: the cluster is taken as empty."""

    def __init__(self) -> None:
        """Open nothing, read no kubeconfig: it may not exist yet."""
        self.sent: dict[str, int] = {}

    def close(self) -> None:
        """Nothing is open."""


def hiding(run_: Any) -> Any:
    """Keep the manifests out of the invocation that a module process returns: they may hold Secrets."""

    def hidden(params: Any, ctx: Context) -> dict[str, Any]:
        try:
            return run_(dict(params), ctx)
        finally:
            for key in ("definition", "template"):
                if params.get(key) is not None:
                    params[key] = "<not shown>"

    return hidden


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, hiding(run))


if __name__ == "__main__":
    main()
