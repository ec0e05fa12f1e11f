# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the Image Factory's options."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of what ``module_utils/talos/factory.py`` takes."""

    DOCUMENTATION = r"""
options:
  schematic:
    description:
      - Canonical text of the installer's schematic, as M(homeops.cluster.talos_schematic) returns it. The Image Factory
        builds no installer of a schematic that nobody has given it; so before a node is to pull one, the factory that
        the installer's reference names is asked for it, and is given it when it has none.
      - Empty asks for nothing. In check mode it is only asked.
    type: str
  factory_door:
    description: Where the factory is dialled instead, C(host:port). The certificate still has to carry its name.
    type: str
  factory_ca_file:
    description: PEM file of the CA that signs the factory's certificate, instead of the system's.
    type: path
"""
