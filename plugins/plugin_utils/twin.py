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
from collections.abc import Callable, Iterable, Mapping
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
from ..module_utils.model import locate
from . import source

display = Display()

#: Keywords of ``AnsibleModule`` that the argument validator understands too.
_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
#: Python's own scalars, of which Ansible's tagged ones are subclasses.
_SCALARS: tuple[Any, ...] = (str, bytes, int, float)

#: What Ansible's validator says: of which argument, of which other one it is a part, and which type it should have.
_ARGUMENT = re.compile(r"(?:argument|option|value of) '(\w+)'|value of (\w+) must|missing required arguments?: (\w+)")
_NESTED = re.compile(r"found in '?(\w+)")
_WANTED = re.compile(r"^argument .* unable to convert to (\w+)")
_SHOWN = {"int": "a whole number", "float": "a number", "bool": "yes or no"}


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
        variables = task_vars or {}
        given = self.arguments(plain(self._task.args), variables)
        checked = ArgumentSpecValidator(
            spec["argument_spec"], **{key: spec[key] for key in _RULES if key in spec}
        ).validate(given)
        # Ansible hands the task's arguments to every callback afterwards. A retry would begin with them, too.
        if checked._no_log_values and not (self._task.until or self._task.retries):
            self._task.args = remove_values(plain(self._task.args), checked._no_log_values)
        if checked.error_messages:
            told = "; ".join(self._refusal(text, given, variables) for text in dict.fromkeys(checked.error_messages))
            raise AnsibleActionFail(f"{self._task.action}: {remove_values(told, checked._no_log_values)}")
        ctx = Context(
            check_mode=bool(self._task.check_mode),
            diff_mode=bool(self._task.diff),
            show=display.display,
            progress=self._progress(variables.get("inventory_hostname", "")),
            read_text=self._read_text,
            encrypt=_encrypt,
            decrypt=_decrypt,
        )
        try:
            result.update(self.face.run(checked.validated_parameters, ctx))
        except HomeopsError as error:
            where = self._source_of(error.param, variables)
            result.update(error.facts, failed=True, msg=f"{str(error).rstrip(chr(46))}{where}.")
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

    def _refusal(self, text: str, given: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
        """Return a finding of Ansible's validator with what was given, what is wanted and where it is set."""
        found = _ARGUMENT.search(text)
        if not found:
            return text
        name = next(filter(None, found.groups()))
        nested = _NESTED.search(text)
        outer = nested.group(1) if nested else ""
        wanted = _WANTED.search(text)
        holder = given.get(outer) if outer else given
        # What should have been a map is not shown: it may hold a secret, and nobody can tell before it is taken apart.
        if wanted and wanted.group(1) in _SHOWN and isinstance(holder, Mapping) and name in holder:
            where = f"{outer}.{name}" if outer else name
            text = f"{where} is {holder[name]!r}, and {_SHOWN[wanted.group(1)]} is wanted"
        return f"{text}{self._source_of(name, variables, outer)}"

    def _source_of(self, param: str, variables: Mapping[str, Any], outer: str = "") -> str:
        """Say what in the inventory gave ``param`` its value, for the end of an error message.

        :param outer: the parameter of which ``param`` is a part, when it is one.
        """
        if not param:
            return ""
        loop = self._task.loop_control
        own = [str(name) for name in (loop.loop_var, loop.index_var) if name] if loop else ["item"]
        try:
            keys = source.keys_of(self._raw(param, outer), variables, own, part=param if outer else "")
            told = source.sentence(keys, self._places(keys, variables))
        except Exception as error:  # noqa: BLE001 (whatever is wrong with this search must not replace the error itself)
            display.vvv(f"{self._task.action}: what sets {param} was not found: {error}")
            told = ""
        return f" (parameter {param}{f', {told}' if told else ''})"

    def _raw(self, param: str, outer: str) -> Any:
        """Return the argument as the task, or ``module_defaults`` around it, has it: untemplated."""
        action = self._task.action
        around = [
            arguments
            for defaults in self._task.module_defaults or []
            for name, arguments in defaults.items()
            if name == action or name.startswith("group/")
        ]
        for arguments in ((self._task.get_ds() or {}).get(action), *around):
            if not isinstance(arguments, Mapping):
                continue
            inner = arguments.get(outer) if outer else None
            if isinstance(inner, Mapping) and param in inner:
                return inner[param]
            if outer and inner is not None:
                return inner
            if not outer and param in arguments:
                return arguments[param]
        return None

    def _places(self, keys: Iterable[source.Key], variables: Mapping[str, Any]) -> Callable[[source.Key], str]:
        """Return what says where a key of the inventory is written; the files are read only if there is one."""
        if not locate.AVAILABLE or not any(key.kind == "inventory" for key in keys):
            return lambda key: ""
        locator = locate.Locator(
            [str(path) for path in variables.get("ansible_inventory_sources") or []],
            str(variables.get("inventory_hostname", "")),
            {name: list(hosts) for name, hosts in (variables.get("groups") or {}).items()},
            templated=False,
        )

        def place(key: source.Key) -> str:
            known = key.own and key.name in variables
            return str((locator.find(key.name, key.path, variables[key.name]) if known else None) or "")

        return place
