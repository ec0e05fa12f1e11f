# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller side of kube_apply: it finds the files of roles and plays, and renders templates."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.template import trust_as_template

from ..modules import kube_apply
from ..plugin_utils.twin import Twin, plain


class ActionModule(Twin):
    """Controller-side twin of the module of the same name."""

    face = kube_apply

    def arguments(self, given: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Find ``src`` as ``copy`` does and render ``template`` as ``template`` does."""
        result = dict(given)
        if given.get("src") is not None:
            result["src"] = [self._find("files", path) for path in _listed(given["src"])]
        if given.get("template") is not None:
            variables = {**task_vars, **(given.get("template_vars") or {})}
            result["template"] = [self._rendered(path, variables) for path in _listed(given["template"])]
        return result

    def _find(self, folder: str, path: Any) -> str:
        try:
            return str(self._find_needle(folder, os.path.expanduser(str(path))))
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"{self._task.action}: {path} was not found in {folder}/: {error.message}"
            ) from None

    def _rendered(self, path: Any, variables: dict[str, Any]) -> dict[str, str]:
        """Return the template's text with the variables filled in, and where it came from."""
        source = self._find("templates", path)
        text = trust_as_template(self._loader.get_text_file_contents(source))
        roots = [*variables.get("ansible_search_path", []), self._loader.get_basedir(), os.path.dirname(source)]
        searched = [folder for root in roots for folder in (os.path.join(root, "templates"), root)]
        templar = self._templar.copy_with_new_env(searchpath=searched, available_variables=variables)
        try:
            rendered = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
        except AnsibleError as error:
            raise AnsibleActionFail(f"{self._task.action}: rendering {source} failed: {error.message}") from None
        return {"source": source, "text": plain(rendered) if isinstance(rendered, str) else str(rendered or "")}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
