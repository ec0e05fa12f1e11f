# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback plugins_once."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plugins_once
type: aggregate
short_description: Loads the filters once a run, and compiles no module of a collection twice
version_added: 0.1.0
description:
  - Ansible forks a worker for every task and every host, and finds its filters in the worker, again in each. What the
    parent has loaded is there in every worker, so this callback looks up one filter of Ansible's own and one of this
    collection in the parent, before the first task. Either lookup loads all filters beside it.
  - Ansible compiles a collection's Python modules whenever it imports them, in every worker of every run. This callback
    has them compiled by Python's own loader, which keeps the result in C(__pycache__) beside the source and takes it
    from there as long as the source is unchanged. Where that directory cannot be written, all stays as it was.
  - Prints nothing and changes nothing of the run but its time.
requirements:
  - It must be enabled with C(callbacks_enabled = homeops.cluster.plugins_once) in C(ansible.cfg), or by
    E(ANSIBLE_CALLBACKS_ENABLED).
author:
  - The homeops.cluster maintainers (@homeops)
"""

import contextlib
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

try:  # private: where it has moved, modules are compiled every time, as without this callback
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionPkgLoaderBase as _Loader
except ImportError:
    _Loader = None

#: One of each place: a lookup loads every plugin that lies beside the one it looks for.
_FILTERS = ("ansible.builtin.default", "homeops.cluster.node_doors")
_TESTS = ("ansible.builtin.equalto",)


def keep_compiled(loader: Any) -> None:
    """Let a loader class of Ansible's take a module's code from Python's own loader, which keeps it between runs.

    Ansible's ``get_code`` returns what is in ``_compiled_code`` and compiles when that is None. A class with another
    way stays as it is, and so does one that was given to this function before.
    """
    compile_anew = getattr(loader, "get_code", None)
    if compile_anew is None or hasattr(compile_anew, "keeps_compiled"):
        return

    def get_code(self: Any, fullname: str) -> CodeType | None:
        path = getattr(self, "_source_code_path", None)
        if path and path.endswith(".py") and getattr(self, "_compiled_code", path) is None:
            with contextlib.suppress(OSError):  # no such file: Ansible knows what such a package is
                self._compiled_code = SourceFileLoader(fullname, path).get_code(fullname)
        code: CodeType | None = compile_anew(self, fullname)
        return code

    get_code.keeps_compiled = True  # type: ignore[attr-defined]
    loader.get_code = get_code


class CallbackModule(CallbackBase):
    """Looks filters and tests up before there are workers."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "homeops.cluster.plugins_once"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Load them; a plugin that cannot be loaded is the business of the task that needs it."""
        del playbook  # of Ansible's interface
        keep_compiled(_Loader)
        for loader, names in ((filter_loader, _FILTERS), (test_loader, _TESTS)):
            for name in names:
                try:
                    loader.get(name)
                except (AnsibleError, ImportError, KeyError) as error:
                    self._display.vvv(f"plugins_once: {name} was not loaded: {error}")
