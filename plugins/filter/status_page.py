# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``homeops.cluster.status_page``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_page
short_description: Reports as one HTML page that needs nothing but itself
version_added: 0.1.0
author:
  - The homeops.cluster contributors (@homeops)
positional: _input, title, made
description:
  - Returns a page with the findings, the topology as a drawing, and a table per report. It loads nothing, runs nothing,
    and is readable on a phone.
options:
  _input:
    description:
      - The reports by name - C(services) of M(homeops.cluster.service_status), C(bgp) of M(homeops.cluster.bgp_status),
        C(cluster) of M(homeops.cluster.cluster_status). Any may be missing.
    type: dict
    required: true
  title:
    description: Title of the page.
    type: str
    required: true
  made:
    description: When the reports were made, for people.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ {'services': service_status_result.report} | homeops.cluster.status_page('home-ops', '2026-03-01') }}"
    dest: status.html
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils.derivation import derivation


def _page(reports: dict[str, Any], title: str, made: str) -> str:
    """Return the page; reports that were not made are left out."""
    from ..module_utils.status.page import page

    return page(title, made, {name: report for name, report in reports.items() if report})


class FilterModule:
    """The entry point that Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"status_page": derivation("status_page", _page)}
