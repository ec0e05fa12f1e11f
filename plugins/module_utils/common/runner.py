# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module side of the two ways to start a ``run(params, ctx)``; the other is ``plugin_utils/twin.py``.

A module file of this collection holds ``SPEC`` (the keyword arguments of ``AnsibleModule``), ``run(params, ctx)`` that
returns the result or raises a ``HomeopsError``, and a ``main()`` that calls :func:`run_module`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .context import Context
from .errors import HomeopsError

Run = Callable[[Mapping[str, Any], Context], dict[str, Any]]


def run_module(spec: Mapping[str, Any], run: Run) -> None:
    """Start ``run`` as an ordinary module process and leave it, with ``exit_json`` or ``fail_json``."""
    module = AnsibleModule(**spec)
    ctx = Context(check_mode=module.check_mode, diff_mode=module._diff)
    try:
        result = run(module.params, ctx)
    except HomeopsError as error:
        _warn(module, ctx)
        module.fail_json(msg=str(error), **error.facts)
    _warn(module, ctx)
    module.exit_json(**result)


def _warn(module: AnsibleModule, ctx: Context) -> None:
    for text in ctx.warnings:
        module.warn(text)
