# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option by which findings of checks are set aside; its spec is in ``module_utils/checks/suppress.py``."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of what a user sets aside."""

    DOCUMENTATION = r"""
options:
  ignore:
    description:
      - Checks, or single findings, that are to have another severity. They stay in every report, with the reason.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: Id of the check.
        type: str
        required: true
      reason:
        description: Why, for whoever reads the report.
        type: str
        required: true
      severity:
        description: The severity instead.
        type: str
        choices: [ignore, warn, error]
        default: ignore
      key:
        description:
          - The one finding that is meant, by its key path or by what it is about (C(kind/namespace/name),
            C(node/mini01)), as the report names it; all of the check when left out.
        type: str
        default: ''
"""
