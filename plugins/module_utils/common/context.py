# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's ``run(params, ctx)`` may know of the run around it, whichever way it was started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import files
from .errors import InputError


def _no_vault(text: str, passphrase: str) -> str:
    """Refuse: a module process has no ansible-vault."""
    del text, passphrase
    raise InputError(
        "ansible-vault is not at hand", remedy="Run the task on the controller, as the collection's action plugin does"
    )


def _silent(text: str) -> None:
    """Drop a message: a module process has no way to speak before it ends."""


@dataclass
class Context:
    """The run around one task.

    :param check_mode: predict, change nothing.
    :param diff_mode: return a ``diff``.
    :param progress: called with one short line whenever what is awaited changes; never with a secret.
    :param show: prints a text as it is, for a task whose purpose is to show something.
    :param read_text: reads a file of the controller; on the controller side ansible-vault files come decrypted.
    :param encrypt: turns (text, passphrase) into a text in ansible-vault's format; on the controller side only.
    :param decrypt: the way back; InputError when the passphrase is another one.
    """

    check_mode: bool = False
    diff_mode: bool = False
    progress: Callable[[str], None] = _silent
    show: Callable[[str], None] = _silent
    read_text: Callable[[str], str] = files.read_text
    encrypt: Callable[[str, str], str] = _no_vault
    decrypt: Callable[[str, str], str] = _no_vault
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Add a warning to the task's result, once per text."""
        if text not in self.warnings:
            self.warnings.append(text)
