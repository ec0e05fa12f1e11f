# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the model: pure derivations with plain values in and one sentence when something is missing.

Ansible loads every filter of a collection as soon as it looks for one, and does so in every worker, that is once per
task. So what a filter derives with is imported when it is used, and no sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from importlib import import_module
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.common.errors import HomeopsError
from .twin import plain

_UTILS = f"{__package__.rpartition('.')[0]}.module_utils"


def derivation(name: str, derive: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return a derivation as a filter.

    :param name: the filter's name, for messages.
    :param derive: takes the model, keyed by subject, and further plain values; lets ``KeyError`` through for a key that
        the model lacks. As a text, ``package.module:function`` below ``module_utils``, imported at its first use.
    """

    def filtered(*values: Any) -> Any:
        try:
            work = _found(derive) if isinstance(derive, str) else derive
            return work(*(_Parts(value) if isinstance(value, Mapping) else plain(value) for value in values))
        except KeyError as error:
            raise AnsibleFilterError(f"{name}: the model has no key {error}.") from error
        except HomeopsError as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered if isinstance(derive, str) else wraps(derive)(filtered)


class _Parts(Mapping[str, Any]):
    """A mapping whose values become plain when they are asked for: a derivation needs a few subjects of the model, and
    what it does not ask for is never rendered.
    """

    def __init__(self, raw: Mapping[Any, Any]) -> None:
        self._raw = raw
        self._plain: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._plain:
            self._plain[key] = plain(self._raw[key])
        return self._plain[key]

    def __iter__(self) -> Iterator[str]:
        return (plain(key) for key in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def _found(where: str) -> Callable[..., Any]:
    module, _colon, function = where.partition(":")
    return getattr(import_module(f"{_UTILS}.{module}"), function)
