# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of the modules that judge a state; its spec is in ``module_utils/status/verdict.py``."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of when a verdict fails the task."""

    DOCUMENTATION = r"""
options:
  fail_on:
    description: The mildest severity that fails the task.
    type: str
    choices: [error, warning, never]
    default: error
"""
