#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have rendered files in a branch of a Git repository, with at most one commit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: git_tree
short_description: Have rendered files in a branch of a Git repository
version_added: 0.1.0
description:
  - Compares the files with the newest commit of the branch and, when they differ, pushes one commit on top of it. The
    line of the history tells what has changed.
  - Never pushes by force, and touches nobody else's files. A rendered file says in its first line that it is one, with
    a digest of the rest. By that the module knows which files an earlier run has made (they are changed, and removed
    when they are rendered no more), which ones somebody has edited since (it refuses to overwrite them), and which ones
    were never its own (they stay; where a rendered file would go, it refuses).
  - Refuses a commit after which Flux would prune itself, because its install manifest is applied no more, and one that
    loses what data goes with (a claim, a database cluster, the namespace of a component that holds data), unless
    O(remove) names the component.
  - Nothing points to the new commit before the server has taken it, so a run that fails leaves both sides as they were.
  - Needs the program C(git), 2.31 or later. Hooks do not run, and nothing is asked for.
options:
  url:
    description: The repository, C(https://), C(ssh://), C(http://) or C(file://), without a password.
    type: str
    required: true
  branch:
    description: The branch. It is created when the repository is empty.
    type: str
    default: main
  directory:
    description:
      - The repository on the controller. One that does not exist is made, bare; it may be removed at any time.
      - Give the owner's own checkout to have it follow. It must then be on O(branch), without changes that are not
        committed and without commits that were not pushed.
    type: path
    required: true
  files:
    description: Text of each file by its path, as the filter P(homeops.cluster.gitops_tree_of#filter) returns it.
    type: dict
    default: {}
  state:
    description:
      - V(present) has O(files) in the branch, and no others of an earlier run.
      - V(existing) writes nothing and fails unless O(needed) are there.
    type: str
    choices: [present, existing]
    default: present
  needed:
    description: Paths that must be there with O(state=existing).
    type: list
    elements: str
    default: []
  token:
    description: Token for C(https://). It is sent as the password of O(user), and is never an argument of a program.
    type: str
  user:
    description: User name that goes with O(token).
    type: str
    default: x-access-token
  ca_file:
    description: Certificates to trust at the server.
    type: path
  take_over:
    description: Overwrite files at our paths that are not ours, or were edited.
    type: bool
    default: false
  remove:
    description:
      - Names of components (of their folders) whose claims, database clusters and namespaces may leave the tree.
      - Flux leaves those of the collection's own components in the cluster; they carry C(prune) V(disabled).
    type: list
    elements: str
    default: []
  author_name:
    description: Name in the commit.
    type: str
    default: homeops.cluster
  author_email:
    description: E-mail address in the commit.
    type: str
    default: homeops@localhost
  message_prefix:
    description: Put before the line of the history.
    type: str
    default: ""
  timeout:
    description: Seconds for each call of C(git).
    type: int
    default: 60
attributes:
  check_mode:
    description: Reads the branch into a temporary repository and predicts from there.
    support: full
  diff_mode:
    description: The change as one patch.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Have the tree in the repository
  homeops.cluster.git_tree:
    url: https://github.com/geoffdavis/talos-gitops
    branch: main
    directory: ~/.local/state/homeops/home-ops/gitops.git
    token: "{{ lookup('ansible.builtin.env', 'GITHUB_TOKEN') }}"
    files: "{{ homeops_model | homeops.cluster.gitops_tree_of }}"

- name: Have the tree without Longhorn, whose namespace holds data
  homeops.cluster.git_tree:
    url: https://github.com/geoffdavis/talos-gitops
    directory: ~/.local/state/homeops/home-ops/gitops.git
    files: "{{ homeops_model | homeops.cluster.gitops_tree_of }}"
    remove: [longhorn]

- name: Look whether the owner's own tree is there
  homeops.cluster.git_tree:
    url: https://github.com/geoffdavis/talos-gitops
    directory: ~/.local/state/homeops/home-ops/gitops.git
    state: existing
    needed: [clusters/home-ops/kustomization.yaml]
"""

RETURN = r"""
commit:
  description: Newest commit of the branch afterwards; in check mode, before. Empty when the repository is.
  returned: success
  type: str
before:
  description: Newest commit of the branch before.
  returned: success
  type: str
branch:
  description: The branch.
  returned: success
  type: str
message:
  description: The line of the history; empty when nothing has changed.
  returned: success
  type: str
changed_files:
  description: One entry per file, with C(path) and C(change) added, changed or removed.
  returned: success
  type: list
  elements: dict
left:
  description: Files that were rendered once and edited since, and are not rendered any more. They are left.
  returned: success
  type: list
  elements: str
files:
  description: Number of O(files); with O(state=existing), of the files of the branch.
  returned: success
  type: int
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.git import tree_run
from ..module_utils.git.program import Access
from ..module_utils.git.repository import Repository

SPEC: dict[str, Any] = {
    "argument_spec": {
        "url": {"type": "str", "required": True},
        "branch": {"type": "str", "default": "main"},
        "directory": {"type": "path", "required": True},
        "files": {"type": "dict", "default": {}},
        "state": {"type": "str", "choices": ["present", "existing"], "default": "present"},
        "needed": {"type": "list", "elements": "str", "default": []},
        "token": {"type": "str", "no_log": True},
        "user": {"type": "str", "default": "x-access-token"},
        "ca_file": {"type": "path"},
        "take_over": {"type": "bool", "default": False},
        "remove": {"type": "list", "elements": "str", "default": []},
        "author_name": {"type": "str", "default": "homeops.cluster"},
        "author_email": {"type": "str", "default": "homeops@localhost"},
        "message_prefix": {"type": "str", "default": ""},
        "timeout": {"type": "int", "default": 60},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Have the files in the branch, or look whether others are there; see DOCUMENTATION."""
    access = Access(params["url"], user=params["user"], token=params["token"] or "", ca_file=params["ca_file"] or "")
    repository = Repository(access, params["branch"], tree_run.directory(params["directory"]), float(params["timeout"]))
    if params["state"] == "existing":
        return tree_run.look(repository, params["needed"], ctx)
    if not params["files"]:
        raise InputError(
            "there are no files to have in the branch",
            remedy="An empty tree would take the whole cluster down; give files, or state: existing",
            param="files",
        )
    options = tree_run.Options(
        take_over=params["take_over"],
        remove=tuple(params["remove"]),
        author=(params["author_name"], params["author_email"]),
        prefix=params["message_prefix"],
    )
    return tree_run.have(repository, params["files"], options, ctx)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
