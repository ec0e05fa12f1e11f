# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller side of a module: the same ``SPEC`` and ``run`` without a module process.

An action plugin runs inside the worker that Ansible forks anyway, so it costs about a tenth of a module process, can
show progress while it waits, and inherits what the parent has imported.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.common.context import Context
from ..module_utils.common.errors import HomeopsError, InputError

display = Display()

#: Keywords of ``AnsibleModule`` that the argument validator understands too.
_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
#: Python's own scalars, of which Ansible's tagged ones are subclasses.
_SCALARS: tuple[Any, ...] = (str, bytes, int, float)


def plain(value: Any) -> Any:
    """Return ``value`` in Python's own types: Ansible's tagged strings and lazy containers cannot be dumped as YAML."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in _SCALARS:
        if isinstance(value, kind):
            return kind.__new__(kind, value)
    return value


def _vault(passphrase: str) -> VaultLib:
    return VaultLib([("default", VaultSecret(passphrase.encode()))])


def _encrypt(text: str, passphrase: str) -> str:
    """Return a text as ``ansible-vault encrypt`` writes it."""
    encrypted: bytes = _vault(passphrase).encrypt(text.encode(), VaultSecret(passphrase.encode()))
    return encrypted.decode()


def _decrypt(text: str, passphrase: str) -> str:
    """Return what ``ansible-vault encrypt`` was given."""
    try:
        decrypted: bytes = _vault(passphrase).decrypt(text.encode())
    except AnsibleError as error:
        raise InputError(
            "the file cannot be decrypted",
            answer="it was encrypted with another passphrase, or it is damaged",
            remedy="Give the passphrase that the backup was made with",
            param="passphrase",
        ) from error
    return decrypted.decode()


class Twin(ActionBase):
    """Base of every action twin; a subclass only names its module.

    :cvar face: the module file, with ``SPEC`` and ``run``.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    face: ModuleType

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the arguments, run the module's ``run`` here and mask what its spec calls secret."""
        result = super().run(tmp, task_vars)
        spec: Mapping[str, Any] = self.face.SPEC
        checked = ArgumentSpecValidator(
            spec["argument_spec"], **{key: spec[key] for key in _RULES if key in spec}
        ).validate(self.arguments(plain(self._task.args), task_vars or {}))
        if checked.error_messages:
            raise AnsibleActionFail(f"{self._task.action}: {'; '.join(checked.error_messages)}")
        ctx = Context(
            check_mode=bool(self._task.check_mode),
            diff_mode=bool(self._task.diff),
            show=display.display,
            progress=self._progress((task_vars or {}).get("inventory_hostname", "")),
            read_text=self._read_text,
            encrypt=_encrypt,
            decrypt=_decrypt,
        )
        try:
            result.update(self.face.run(checked.validated_parameters, ctx))
        except HomeopsError as error:
            result.update(error.facts, failed=True, msg=f"{str(error).rstrip(chr(46))}{self._source_of(error.param)}.")
        for text in ctx.warnings:
            display.warning(str(remove_values(text, checked._no_log_values)))
        return remove_values(result, checked._no_log_values)

    def _read_text(self, path: str) -> str:
        """Return a file's text as Ansible reads it: decrypted when ansible-vault has encrypted it."""
        full = os.path.abspath(os.path.expanduser(path))
        try:
            return plain(self._loader.get_text_file_contents(full))
        except AnsibleFileNotFound as error:
            raise FileNotFoundError(2, "No such file or directory", full) from error
        except AnsibleError as error:
            raise InputError(
                "the file cannot be read",
                target=full,
                answer=str(error).partition("\n")[0],
                remedy="Check its permissions, and the vault password when ansible-vault has encrypted it",
            ) from error

    def arguments(self, given: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments to validate; a subclass does here what only the controller can: find files, render."""
        del task_vars  # for subclasses
        return given

    def _progress(self, host: str) -> Any:
        """Return a printer of ``[role] host · step · text`` lines."""
        role = self._task._role.get_name().rpartition(".")[2] if self._task._role else "play"
        step = self._task.name or self._task.action
        began = time.monotonic()

        def tell(text: str) -> None:
            display.display(
                f"  [{role}] {host} · {step} · {text} ({time.monotonic() - began:.0f} s)", color="bright blue"
            )

        return tell

    def _source_of(self, param: str) -> str:
        """Say which inventory expression the task gave for ``param``, for the end of an error message."""
        if not param:
            return ""
        given = (self._task.get_ds() or {}).get(self._task.action) or {}
        raw = given.get(param) if isinstance(given, Mapping) else None
        names = re.findall(r"\b(?:homeops|[a-z]+)_[a-z0-9_.\[\]]+", str(raw)) if raw else []
        where = f", set from {', '.join(dict.fromkeys(names))} in the inventory" if names else ""
        return f" (parameter {param}{where})"
