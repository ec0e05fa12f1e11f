# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the model: pure derivations with plain values in and one sentence when something is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.common.errors import HomeopsError
from .twin import plain


def derivation(name: str, derive: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``derive`` as a filter.

    :param name: the filter's name, for messages.
    :param derive: takes the model, keyed by subject, and further plain values; lets ``KeyError`` through for a key that
        the model lacks.
    """

    @wraps(derive)
    def filtered(*values: Any) -> Any:
        try:
            return derive(*(plain(value) for value in values))
        except KeyError as error:
            raise AnsibleFilterError(f"{name}: the model has no key {error}.") from error
        except HomeopsError as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered
