#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module repository_adopt."""

from __future__ import annotations

DOCUMENTATION = r"""
module: repository_adopt
short_description: Writes an inventory with a model out of an existing GitOps repository
version_added: 0.1.0
description:
  - Reads a checkout of a repository and writes an inventory whose model says the same, nodes, networks, BGP, pools,
    services, versions and the names of the items in 1Password.
  - Behind each value stands the file and line that it comes from. Above a value that the repository does not have
    stands why it is what it is. A key that nothing decides is left out, commented, with the question to answer;
    M(homeops.cluster.model_check) names all of them until they are filled in.
  - Never writes into an inventory that is there. Text that Ansible would evaluate is not taken over.
  - No system is contacted, and nothing of the repository is run or changed. Values of secrets are not read.
options:
  path:
    description: Folder of the checkout.
    type: path
    required: true
  name:
    description: Name of the inventory, and of a cluster that has none in the repository.
    type: str
    required: true
  dest:
    description: Folder of the inventory, which must not be there; C(inventories/<name>) when left out.
    type: path
attributes:
  check_mode:
    support: full
    description: Everything is decided as ever, and nothing is written.
  diff_mode:
    support: none
    description: All files are new.
requirements:
  - netaddr
  - PyYAML
author:
  - The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Begin with what runs already
  homeops.cluster.repository_adopt:
    path: ~/src/home-ops
    name: house
"""

RETURN = r"""
dest:
  description: Folder of the inventory.
  returned: success
  type: str
files:
  description: Files that were (or in check mode would be) written, below RV(dest).
  returned: success
  type: list
  elements: str
open:
  description: The keys that a person has to fill in.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Key path in the inventory.
      type: str
      sample: homeops_networks.management.vlan
    question:
      description: What is to be answered.
      type: str
defaults:
  description: The values that are defaults, because the repository does not have them.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Key path in the inventory.
      type: str
    reason:
      description: Why the value is what it is.
      type: str
findings:
  description:
    - What the checks say of the model beside the keys of RV(open), in the form of
      M(homeops.cluster.model_check).
  returned: success
  type: list
  elements: dict
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from ..module_utils.adopt import derive
from ..module_utils.checks.report import counted, one_line
from ..module_utils.common import files
from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError
from ..module_utils.common.libraries import need
from ..module_utils.common.runner import run_module
from ..module_utils.model import world
from ..module_utils.repository import view

SPEC: dict[str, Any] = {
    "argument_spec": {
        "path": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "dest": {"type": "path"},
    },
    "supports_check_mode": True,
}
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Adopt a repository; see DOCUMENTATION for the parameters and RETURN for the result.

    :raises InputError: the name is none, there is no such checkout, or the inventory is there already.
    """
    need("adopting the repository", netaddr=world.AVAILABLE)
    name = params["name"]
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of an inventory",
            remedy="Use lower-case letters, digits and dashes",
            param="name",
        )
    dest = os.path.abspath(params["dest"] or os.path.join("inventories", name))
    if os.path.lexists(dest):
        raise InputError(
            "the inventory is there already, and nothing of it is overwritten",
            target=dest,
            remedy="Choose another name, or move it away",
            param="name",
        )
    ctx.progress(f"reading {params['path']}")
    made = derive.adopt(view.read(params["path"]), name)
    if not ctx.check_mode:
        _write(dest, made.files)
    asked = {key for key, _question in made.open}
    rest = [item for item in made.report.findings if not (item.id == "MOD002" and item.key in asked)]
    lines = [f"The inventory {dest}: {counted(len(made.files), 'file')}, {counted(len(made.open), 'open key')}."]
    lines += [f"  {key}: {question}" for key, question in made.open]
    if rest:
        lines += ["What the checks say of it:", *(f"  {one_line(item)}" for item in rest)]
    ctx.show("\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8"))
    return {
        "changed": True,
        "dest": dest,
        "files": sorted(made.files),
        "open": [{"key": key, "question": question} for key, question in made.open],
        "defaults": [{"key": key, "reason": reason} for key, reason in made.defaults],
        "findings": [item.as_dict() for item in rest],
    }


def _write(dest: str, texts: Mapping[str, str]) -> None:
    """Write the whole inventory or nothing."""
    staging = ""
    try:
        os.makedirs(os.path.dirname(dest), exist_ok=True)
        staging = tempfile.mkdtemp(prefix=f".{os.path.basename(dest)}.", dir=os.path.dirname(dest))
        for path, text in texts.items():
            # Below a folder of the usual mode: the staging folder itself is its owner's alone.
            files.write_shared(os.path.join(staging, "inventory", path), text)
        os.rename(os.path.join(staging, "inventory"), dest)
    except OSError as error:
        raise HomeopsError(
            "writing the inventory",
            target=dest,
            answer=error.strerror or str(error),
            remedy="Choose a folder that you may write to",
            param="dest",
        ) from error
    finally:
        if staging and os.path.isdir(staging):
            shutil.rmtree(staging)


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
