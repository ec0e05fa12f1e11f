# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``homeops.cluster.onepassword_connect``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: onepassword_connect
short_description: A field or file of a 1Password item
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Returns the value of one field of each item, or the text of its file.
  - Each item is read once for all expressions of one task. Nothing is kept on disk.
  - A value that ends in a variable can be printed; use it in the arguments of a task that masks it, or with C(no_log).
    M(homeops.cluster.onepassword_kube_secret) needs no variable at all.
options:
  _terms:
    description: Titles of items.
    type: list
    elements: str
    required: true
  field:
    description: Label of the field, letter by letter, or its id; the password by default.
    type: str
    default: ""
  section:
    description: Section of the field, where several have the label.
    type: str
    default: ""
  file:
    description: Name of a file instead of a field. An item that is a document gives its first file without it.
    type: str
    default: ""
  source:
    description: Where the items are, as M(homeops.cluster.onepassword_item_info) tells.
    type: str
    choices: [connect, file, service_account]
    default: connect
  url:
    description: URL of Connect.
    type: str
    env: [{name: OP_CONNECT_HOST}]
  token:
    description: Token of Connect.
    type: str
    env: [{name: OP_CONNECT_TOKEN}]
  vault:
    description: Name or id of the vault.
    type: str
    env: [{name: OP_VAULT}]
  path:
    description: File of items, plain or encrypted by ansible-vault.
    type: path
  service_account_token:
    description: Token of a 1Password service account.
    type: str
    env: [{name: OP_SERVICE_ACCOUNT_TOKEN}]
  validate_certs:
    description: Whether the certificate of an C(https) URL must be trusted.
    type: bool
    default: true
  ca_path:
    description: PEM file of the CA to trust instead of the system's.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 30
  patience:
    description: Seconds for one question with all its tries.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Use a token
  ansible.builtin.uri:
    url: https://api.example.org/
    headers:
      Authorization: "Bearer {{ lookup('homeops.cluster.onepassword_connect', 'Cloudflare API Token', field='token',
                                       vault='Automation') }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description: One text per title.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.common.errors import HomeopsError
from ..module_utils.onepassword import session
from ..module_utils.onepassword.source import Source, value
from ..plugin_utils.twin import plain

#: Open sources of this process, by what they were opened with. A worker lives for one task.
_OPEN: dict[tuple[tuple[str, str], ...], tuple[Any, Source]] = {}


class LookupModule(LookupBase):
    """The entry point that Ansible looks for."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the values; see DOCUMENTATION."""
        self.set_options(var_options=variables, direct=kwargs)
        options = plain(self.get_options())
        try:
            source = self._source({key: options.get(key) for key in session.ARGUMENTS})
            chosen = [plain(options.get(key)) or "" for key in ("field", "section", "file")]
            return [value(source, plain(term), *chosen) for term in terms]
        except HomeopsError as error:
            raise AnsibleLookupError(str(error)) from None

    def _source(self, options: Mapping[str, Any]) -> Source:
        key = tuple(sorted((name, str(one)) for name, one in options.items()))
        if key not in _OPEN:
            manager = session.opened(options, self._read)
            _OPEN[key] = manager, manager.__enter__()
        return _OPEN[key][1]

    def _read(self, path: str) -> str:
        """Return a file's text, decrypted when ansible-vault has encrypted it."""
        try:
            return str(plain(self._loader.get_text_file_contents(path)))
        except AnsibleError as error:
            raise FileNotFoundError(2, str(error).partition("\n")[0], path) from error
