# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentence for a Python library that is not there."""

from __future__ import annotations

from .errors import HomeopsError


def need(doing: str, **available: bool) -> None:
    """Refuse to go on without a library.

    :param doing: what the module is about to do.
    :param available: by the library's name, whether it could be imported.
    :raises HomeopsError: naming the first that could not.
    """
    for name, there in available.items():
        if not there:
            raise HomeopsError(
                doing,
                answer=f"the Python library {name} is not installed for the interpreter that runs Ansible",
                remedy="Install the collection's requirements.txt into it",
            )
