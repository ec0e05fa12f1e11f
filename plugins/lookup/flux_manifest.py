# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``homeops.cluster.flux_manifest``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: flux_manifest
short_description: The install manifest of Flux, refused unless it is the pinned one
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
description:
  - Reads a manifest from a URL or file on the controller and returns its text, if its SHA-256 is the pinned one.
  - Nothing is kept, so a run without a way to the URL needs a file instead.
options:
  _terms:
    description: URL (C(https://), C(http://), C(file://)) or path of the manifest.
    required: true
    type: list
    elements: str
  sha256:
    description: Its pinned SHA-256, hexadecimal.
    type: str
    required: true
  version:
    description: Refuse a manifest that says that it installs another version.
    type: str
    default: ""
  ca_file:
    description:
      - File of the certificates to trust at the server. Empty means those that the machine trusts.
    type: str
    default: ""
  timeout:
    description: Seconds for the download.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Install Flux from a file that was looked at before
  homeops.cluster.kube_apply:
    definition: >-
      {{ lookup('homeops.cluster.flux_manifest', 'files/flux-v2.4.0.yaml', sha256=flux_digest, version='v2.4.0') }}
"""

RETURN = r"""
_raw:
  description: Text of each manifest.
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.common.errors import HomeopsError
from ..module_utils.flux import manifest
from ..plugin_utils.twin import plain


class LookupModule(LookupBase):
    """The entry point that Ansible looks for."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return the texts."""
        self.set_options(var_options=variables, direct=kwargs)
        timeout = self.get_option("timeout")
        # Not of type path: Ansible makes the working directory of a path that is empty.
        ca_file = os.path.expanduser(str(plain(self.get_option("ca_file")) or ""))

        def read(source: str) -> bytes:
            if "://" not in source:
                source = self.find_file_in_search_path(variables, "files", source, ignore_missing=True) or source
            return manifest.fetch(source, timeout=timeout, ca_file=ca_file)

        sha256, version = str(plain(self.get_option("sha256")) or ""), str(plain(self.get_option("version")) or "")
        try:
            return [manifest.checked(str(plain(term)), sha256, read, version=version) for term in terms]
        except HomeopsError as error:
            raise AnsibleLookupError(str(error)) from error
