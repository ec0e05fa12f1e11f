#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a kept BGP configuration of a UniFi router back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: udm_bgp_restore
short_description: Put a kept BGP configuration of a UniFi router back
version_added: 0.1.0
description:
  - Uploads what M(homeops.cluster.udm_bgp_peer) kept before it replaced it, after verifying its checksum; or keeps what
    the console holds now, without replacing anything.
  - Uploads nothing when the console already holds it.
options:
  src:
    description:
      - File to put back.
      - A directory stands for the newest backup in it, those aside that hold what a restore has replaced. So a second
        run changes nothing; what was replaced is put back when its file is named.
    type: path
  backup_dir:
    description:
      - Directory in which the configuration that is replaced is kept, as M(homeops.cluster.udm_bgp_peer) does.
      - Without O(src), what the console holds is kept there and nothing else happens.
    type: path
  force:
    description: Put back what was kept of another console or site.
    type: bool
    default: false
extends_documentation_fragment:
  - homeops.cluster.unifi
attributes:
  check_mode:
    description: Verifies the file and compares it with what the console holds, uploads and writes nothing.
    support: full
  diff_mode:
    description: The text before and after, passwords masked.
    support: full
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Keep what the console holds
  homeops.cluster.udm_bgp_restore:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    backup_dir: ~/udm-bgp

- name: Put the newest one back
  homeops.cluster.udm_bgp_restore:
    host: 172.29.51.1
    api_key: "{{ homeops_router_api_key }}"
    src: ~/udm-bgp
"""

RETURN = r"""
src:
  description: File that was put back; empty when only a backup was made.
  returned: always
  type: str
backup:
  description: File that was written; empty for none.
  returned: always
  type: str
checksum:
  description: SHA-256 of the text that the console holds, in check mode of the one it would hold.
  returned: always
  type: str
kept_at:
  description: When the restored configuration was kept.
  returned: with O(src)
  type: str
"""

import os
from collections.abc import Mapping
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.errors import InputError
from ..module_utils.common.runner import run_module
from ..module_utils.frr import masking
from ..module_utils.unifi import backup, session
from ..module_utils.unifi.bgp_config import BgpConfig, Stored
from ..module_utils.unifi.errors import UnifiError

SPEC: dict[str, Any] = {
    "argument_spec": {
        **session.ARGUMENTS,
        "src": {"type": "path"},
        "backup_dir": {"type": "path"},
        "force": {"type": "bool", "default": False},
    },
    "required_one_of": [["src", "backup_dir"]],
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Keep or put back; see DOCUMENTATION."""
    source = _source(params.get("src") or "")
    about, kept = backup.read(source, ctx.read_text) if source else ({}, Stored())
    if source and not params["force"]:
        _same_place(about, params)
    with session.connect(params, ctx) as client:
        store = BgpConfig(client, params["site"])
        held = store.read()
        changed = bool(source) and not held.same(kept)
        written = ""
        keep = params.get("backup_dir") and held.document is not None and (changed or not source)
        if keep and not ctx.check_mode:
            written = _kept_already(params, held) or backup.write(
                params["backup_dir"], params["host"], params["site"], held, by_restore=bool(source)
            )
        if changed and not ctx.check_mode:
            try:
                store.put_back(held, kept)
            except UnifiError as error:
                error.facts.update(changed=error.written, src=source, backup=written)
                raise
    result: dict[str, Any] = {
        "changed": changed,
        "src": source,
        "backup": written,
        "checksum": (kept if changed else held).checksum,
    }
    if source:
        result["kept_at"] = str(about.get("time", ""))
    if ctx.diff_mode and source:
        title = f"BGP configuration of site {params['site']} on {params['host']}"
        result["diff"] = {
            "before": masking.text(held.text),
            "after": masking.text(kept.text),
            "before_header": title,
            "after_header": source,
        }
    return result


def _source(given: str) -> str:
    """Return the file that is meant: a directory stands for the newest backup in it that no restore wrote."""
    return backup.newest(given) if given and os.path.isdir(given) else given


def _same_place(about: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    for key in ("host", "site"):
        if about.get(key) != params[key]:
            raise InputError(
                f"the backup is of another {key}",
                target=f"{about.get(key)} instead of {params[key]}",
                remedy="Give force when it is meant",
                param="force",
            )


def _kept_already(params: Mapping[str, Any], held: Stored) -> str:
    """Return the newest backup when it holds the same object: a second one would say nothing new."""
    found = backup.listed(params["backup_dir"])
    if not found:
        return ""
    try:
        about, kept = backup.read(found[-1])
    except InputError:
        return ""
    same = (
        kept.document == held.document and about.get("host") == params["host"] and about.get("site") == params["site"]
    )
    # What is kept on purpose may be put back without being named; what a restore replaced may not.
    serves = bool(params.get("src")) or not about.get("by_restore")
    return found[-1] if same and serves else ""


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
