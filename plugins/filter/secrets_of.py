# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.secrets_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets_of
short_description: What the model says of secrets
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns one of the derivations of C(homeops_secrets) - V(items), the declared items; V(generated), those of which
    something can be generated, as M(homeops.cluster.onepassword_item) takes them; V(bootstrap), the Secrets that the
    phase writes itself; V(connect), the manifests of Connect with the values that the repository has; V(store), the
    cluster store; V(external), every ExternalSecret.
positional: what
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  what:
    description: Which one.
    type: str
    choices: [items, generated, bootstrap, connect, store, external]
    required: true
"""

EXAMPLES = r"""
- name: Tell what is missing
  homeops.cluster.onepassword_item_info:
    items: "{{ homeops_model | homeops.cluster.secrets_of('items') }}"
"""

RETURN = r"""
_value:
  description: What was asked for.
  type: raw
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


def _of(model: Any, what: str) -> Any:
    from ..module_utils.common.errors import InputError
    from ..module_utils.model import secrets

    parts: dict[str, Callable[[Any], Any]] = {
        "items": secrets.items,
        "generated": secrets.generated,
        "bootstrap": secrets.bootstrap,
        "connect": _connect,
        "store": secrets.cluster_store,
        "external": secrets.external_secrets,
    }
    if what not in parts:
        raise InputError(f"secrets_of knows no {what!r}", remedy=f"Use one of {', '.join(parts)}")
    return parts[what](model)


def _connect(model: Any) -> list[Any]:
    from ..module_utils.gitops import library, templates, tree
    from ..module_utils.model import secrets

    files = tree.component_files(model, library.read([library.own()]), secrets.NAMESPACE)
    wanted = [path for path in files if path.endswith(("/namespace.yaml", "/connect.yaml"))]
    return [body for path in sorted(wanted, reverse=True) for body in templates.load(files[path], path)]


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"secrets_of": derivation("secrets_of", _of)}
