#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute an Image Factory schematic offline."""

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_schematic
short_description: Compute an Image Factory schematic offline
version_added: 0.1.0
description:
  - Returns the canonical text and the id of a schematic and the reference of its installer. Nothing is contacted, since
    the id is the digest of the text.
  - Finds extension names which the factory would take and then fail to build, such as C(siderolabs/ext-lldpd), the
    service of the extension C(siderolabs/lldpd).
options:
  extensions:
    description: Official system extensions, in the order that counts for the id.
    type: list
    elements: str
    default: []
  extra_kernel_args:
    description: Kernel arguments of the image; their order counts for the id.
    type: list
    elements: str
    default: []
  meta:
    description: META values of the image.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Number of the value.
        type: int
        required: true
      value:
        description: The value.
        type: str
        required: true
  schematic:
    description: A whole schematic with the factory's own keys, instead of O(extensions) and the others.
    type: dict
  known_extensions:
    description: Names of the factory's list for this version, when it is at hand; all other names are then refused.
    type: list
    elements: str
    default: []
  allow_unknown_names:
    description: Only warn about extension names that look wrong.
    type: bool
    default: false
  talos_version:
    description: Version of Talos for the installer's reference.
    type: str
    required: true
  secureboot:
    description: Return the installer for secure boot.
    type: bool
    default: false
  factory:
    description: Host of the Image Factory.
    type: str
    default: factory.talos.dev
  expected_id:
    description: Id that has to come out; another one is refused, with the difference when only the order differs.
    type: str
attributes:
  check_mode:
    support: full
    description: Computes only.
  diff_mode:
    support: none
    description: Changes nothing.
requirements:
  - PyYAML
author:
  - The homeops.cluster contributors (@homeops)
"""

EXAMPLES = r"""
- name: The minis' image
  homeops.cluster.talos_schematic:
    talos_version: v1.10.5
    extensions:
      - siderolabs/iscsi-tools
      - siderolabs/lldpd
      - siderolabs/usb-modem-drivers
      - siderolabs/thunderbolt
  register: image
"""

RETURN = r"""
id:
  description: The schematic's id.
  type: str
  returned: always
  sample: 046889043a3a6b4df4d2b999d8cf2b9ac013aae7cbda98f8b53b99ac226cf0f3
installer:
  description: Reference of the installer image.
  type: str
  returned: always
  sample: factory.talos.dev/installer/046889043a3a6b4df4d2b999d8cf2b9ac013aae7cbda98f8b53b99ac226cf0f3:v1.10.5
schematic:
  description: The canonical text, which C(POST /schematics) of the factory takes.
  type: str
  returned: always
problems:
  description: What is wrong with extension names.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.talos import schematic

SPEC: dict[str, Any] = {
    "argument_spec": {
        "extensions": {"type": "list", "elements": "str", "default": []},
        "extra_kernel_args": {"type": "list", "elements": "str", "default": []},
        "meta": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "key": {"type": "int", "required": True, "no_log": False},
                "value": {"type": "str", "required": True},
            },
        },
        "schematic": {"type": "dict"},
        "known_extensions": {"type": "list", "elements": "str", "default": []},
        "allow_unknown_names": {"type": "bool", "default": False},
        "talos_version": {"type": "str", "required": True},
        "secureboot": {"type": "bool", "default": False},
        "factory": {"type": "str", "default": schematic.FACTORY},
        "expected_id": {"type": "str"},
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Return id, installer and canonical text."""
    extensions, arguments = params["extensions"], params["extra_kernel_args"]
    if params["schematic"] is not None:
        if extensions or arguments or params["meta"]:
            raise InputError(
                "schematic is given beside extensions, extra_kernel_args or meta",
                remedy="Put them into schematic, or leave schematic out",
                param="schematic",
            )
        made = schematic.schematic(params["schematic"])
        custom = params["schematic"].get("customization") or {}
        extensions = (custom.get("systemExtensions") or {}).get("officialExtensions") or []
    else:
        made = schematic.from_extensions(extensions, arguments, params["meta"])
    problems = schematic.check_extensions(extensions, params["known_extensions"])
    if problems and not params["allow_unknown_names"]:
        raise InputError(
            "the extensions are refused",
            answer="; ".join(problems),
            remedy="Correct them, or set allow_unknown_names: true to keep an id that is in use",
            param="extensions",
            facts={"id": made.id, "problems": problems},
        )
    for problem in problems:
        ctx.warn(problem)
    wanted = params["expected_id"]
    if wanted and wanted != made.id:
        order = schematic.same_in_other_order(wanted, extensions, arguments) if params["schematic"] is None else ""
        raise InputError(
            f"the schematic's id is {made.id}, not {wanted}",
            remedy=f"The id comes out with another order: {order}"
            if order
            else "Compare extensions and kernel arguments",
            param="expected_id",
            facts={"id": made.id},
        )
    installer = schematic.installer(
        made.id, params["talos_version"], secureboot=params["secureboot"], factory=params["factory"]
    )
    return {"changed": False, "id": made.id, "installer": installer, "schematic": made.text, "problems": problems}


def main() -> None:
    """Start as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
