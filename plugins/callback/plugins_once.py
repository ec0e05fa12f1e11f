# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback plugins_once."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plugins_once
type: aggregate
short_description: Loads the filters once a run instead of once a task
version_added: 0.1.0
description:
  - Ansible forks a worker for every task and every host, and finds its filters in the worker, again in each. What the
    parent has loaded is there in every worker, so this callback looks up one filter of Ansible's own and one of this
    collection in the parent, before the first task. Either lookup loads all filters beside it.
  - Prints nothing and changes nothing of the run but its time.
requirements:
  - It must be enabled with C(callbacks_enabled = homeops.cluster.plugins_once) in C(ansible.cfg), or by
    E(ANSIBLE_CALLBACKS_ENABLED).
author:
  - The homeops.cluster maintainers (@homeops)
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

#: One of each place: a lookup loads every plugin that lies beside the one it looks for.
_FILTERS = ("ansible.builtin.default", "homeops.cluster.node_doors")
_TESTS = ("ansible.builtin.equalto",)


class CallbackModule(CallbackBase):
    """Looks filters and tests up before there are workers."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "homeops.cluster.plugins_once"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Load them; a plugin that cannot be loaded is the business of the task that needs it."""
        del playbook  # of Ansible's interface
        for loader, names in ((filter_loader, _FILTERS), (test_loader, _TESTS)):
            for name in names:
                try:
                    loader.get(name)
                except (AnsibleError, ImportError, KeyError) as error:
                    self._display.vvv(f"plugins_once: {name} was not loaded: {error}")
