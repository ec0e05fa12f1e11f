# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.gitops_tree_of``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gitops_tree_of
short_description: The whole GitOps tree, from the model
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns every file of the repository that Flux reconciles, path by path; the same model gives the same bytes.
  - The components are folders of templates, those of the role C(gitops) and further ones of the owner.
positional: directories, flux_components, flux_components_kept
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
  flux_components:
    description: The install manifest of Flux; without it the tree holds Flux' sync objects only.
    type: str
    default: ""
  flux_components_kept:
    description: The repository holds an install manifest of its own, which is listed and left.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Have the tree in the repository
  homeops.cluster.git_tree:
    url: "{{ homeops_gitops.repository }}"
    branch: "{{ homeops_gitops.branch }}"
    files: "{{ homeops_model | homeops.cluster.gitops_tree_of }}"
"""

RETURN = r"""
_value:
  description: Text of each file by its path in the repository.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


def _tree(model: Any, directories: Any = (), flux_components: str = "", kept: bool = False) -> Any:
    from ..module_utils.gitops import library, tree

    return tree.render(model, library.read([library.own(), *directories]), flux_components, kept=kept)


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"gitops_tree_of": derivation("gitops_tree_of", _tree)}
