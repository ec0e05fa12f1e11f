# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.gitops_components_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gitops_components_of
short_description: The components of the GitOps tree, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns what the tree consists of, each component after those that it depends on, with what tells that it works.
positional: directories
options:
  _input:
    description: The whole model, keyed by subject (V(homeops_model)).
    type: dict
    required: true
  directories:
    description: Directories with further components; a folder replaces a component of the same name.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Wait for what tells that a component works
  homeops.cluster.kube_wait:
    targets: "{{ homeops_model | homeops.cluster.gitops_components_of | map(attribute='ready') | flatten }}"
"""

RETURN = r"""
_value:
  description: >-
    Components with C(name), C(title), C(kustomization) (name of the Flux Kustomization), C(path), C(namespace),
    C(depends_on) (Kustomizations), C(timeout) in seconds and C(ready) (targets of C(homeops.cluster.kube_wait)).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


def _components(model: Any, directories: Any = ()) -> Any:
    from ..module_utils.gitops import library, tree

    return tree.facts(model, library.read([library.own(), *directories]))


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"gitops_components_of": derivation("gitops_components_of", _components)}
