# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A draft as the files of an inventory: one per subject, each value with where it comes from."""

from __future__ import annotations

import re
from typing import Any

from ..model import shape
from ..model.schema import Path
from .draft import Draft

try:
    import yaml
except ImportError:  # the import tests of ansible-test run without it; reading a repository says so at use
    yaml = None  # type: ignore[assignment]

_CONNECTION = """\
---
# Every system is driven by its own API from the controller, so nothing is logged in to.
ansible_connection: local
ansible_python_interpreter: "{{ ansible_playbook_python }}"

# Where the controller keeps secrets bundle, talosconfig and kubeconfig, each 0600, outside of any checkout.
homeops_state_dir: >-
  {{ lookup('ansible.builtin.env', 'HOMEOPS_STATE_DIR')
     | default('~/.local/state/homeops/' ~ homeops_cluster.name, true) | expanduser }}

# Where the controller knocks for the Kubernetes API; another door (a tunnel, a forwarded port) is written here.
homeops_kubernetes_door: "{{ homeops_cluster.vip }}"
homeops_kubernetes_door_port: 6443

# The Talos secrets bundle of the cluster that runs: put talhelper's talsecret here, decrypted or as ansible-vault, or
# its text into the environment. Without either a new bundle is made, which belongs to no cluster that exists.
homeops_talos_secrets_file: "{{ homeops_state_dir }}/secrets.yaml"
homeops_talos_secrets_text: "{{ lookup('ansible.builtin.env', 'HOMEOPS_TALOS_SECRETS') }}"

# Where the controller itself reads items: connect (1Password Connect), file (YAML, plain or ansible-vault) or
# service_account (1Password's own Python SDK).
homeops_secrets_source: >-
  {{ 'service_account' if homeops_secrets_service_account_token
     else 'connect' if homeops_connect_url else 'file' }}
homeops_secrets_file: "{{ homeops_state_dir }}/items.yaml"
homeops_secrets_service_account_token: "{{ lookup('ansible.builtin.env', 'OP_SERVICE_ACCOUNT_TOKEN') }}"
homeops_connect_url: "{{ lookup('ansible.builtin.env', 'OP_CONNECT_HOST') }}"
homeops_connect_token: "{{ lookup('ansible.builtin.env', 'OP_CONNECT_TOKEN') }}"

# Where the controller pushes to when that is not the URL that Flux is given, and the token with which it may.
homeops_git_url: ""
homeops_git_token: "{{ lookup('ansible.builtin.env', 'HOMEOPS_GIT_TOKEN') }}"
# What installs Flux: a URL or a file on the controller, and its SHA-256, without which nothing is installed.
homeops_flux_manifest: https://github.com/fluxcd/flux2/releases/download/{{ homeops_versions.flux }}/install.yaml
homeops_flux_manifest_sha256: ""

# The key of an API token of a superuser of Authentik.
homeops_authentik_token: "{{ lookup('ansible.builtin.env', 'HOMEOPS_AUTHENTIK_TOKEN') }}"
# Where the controller knocks for the names of services, as host:port; empty means that the names can be resolved.
homeops_ingress_door: ""
# The CA that has signed the ingress' certificates, as a PEM file; empty means a public one.
homeops_ca_file: ""
"""
#: Texts that PyYAML writes on one line, in brackets too, and at least outside of them.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_ONE_LINE = re.compile(r"[ -~]+")
_HEAD = """\
---
# Made by homeops.cluster.repository_adopt. The place behind a value is where the repository has it; a value without one
# says above it why it is what it is. A key that is commented out is open: nothing in the repository decides it.
"""


def files(draft: Draft) -> dict[str, str]:
    """Return text by path below the inventory."""
    folder = "group_vars/all"
    found = {"hosts.yml": _hosts(draft), f"{folder}/connection.yml": _CONNECTION, f"{folder}/model.yml": _model()}
    for subject in shape.MODEL.need:
        lines = _entry(draft, (subject,), f"homeops_{subject}", draft.values.get(subject), "")
        found[f"{folder}/{subject}.yml"] = _HEAD + "\n".join(lines) + "\n"
    return found


def _hosts(draft: Draft) -> str:
    """Return the inventory's hosts; the groups are those that the plays address."""
    lines = ["---", "all:", "  children:"]
    nodes = draft.at("nodes") or []
    for group, role in (("control_plane", "controlplane"), ("workers", "worker")):
        names = [node["name"] for node in nodes if node["role"] == role]
        if names:
            lines += [f"    {group}:", "      hosts:", *(f"        {scalar(item)}:" for item in names)]
        elif group == "control_plane":
            lines += [f"    {group}:", "      hosts: {}"]
    lines += ["    router:", "      hosts:", "        udm:", "    controller:", "      hosts:", "        localhost:"]
    return "\n".join(lines) + "\n"


def _model() -> str:
    lines = [
        "---",
        "# One name for the whole model; a subject that is not there is null, so that the preflight names it.",
    ]
    lines += ["# One expression: Ansible compiles each anew for every task.", "homeops_model: >-", "  {{ {"]
    lines += [f"       '{subject}': homeops_{subject} | default(none)," for subject in shape.MODEL.need]
    lines.append("     } }}")
    return "\n".join(lines) + "\n"


def _entry(draft: Draft, path: Path, key: str, value: Any, indent: str) -> list[str]:
    """Return the lines of one key with its value."""
    lines = []
    if path in draft.open and value is None:
        return [f"{indent}# OPEN: {_line(draft.open[path])}", f"{indent}# {key}:"]
    if path in draft.reasons:
        lines.append(f"{indent}# Default: {_line(draft.reasons[path])}")
    spot = draft.places.get(path)
    where = f"  # {_line(spot.file)}{f':{spot.line}' if spot.line else ''}" if spot is not None and spot.file else ""
    inner = f"{indent}  "
    questions = [item for item in draft.open if item[: len(path)] == path and len(item) > len(path)]
    if isinstance(value, dict) and (value or questions):
        lines.append(f"{indent}{key}:{where}")
        lines += _keys(draft, path, value, inner)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        lines.append(f"{indent}{key}:{where}")
        for index, item in enumerate(value):
            block = _keys(draft, (*path, index), item, f"{inner}  ")
            lines += [f"{inner}- {block[0].lstrip()}", *block[1:]] if block else [f"{inner}- {{}}"]
    elif isinstance(value, str) and "\n" in value.strip("\n") and _literal(value):
        lines.append(f"{indent}{key}: |{'' if value.endswith(chr(10)) else '-'}{where}")
        lines += [f"{inner}{text}" if text else "" for text in value.removesuffix("\n").split("\n")]
    else:
        lines.append(f"{indent}{key}: {scalar(value)}{where}")
    return lines


def _keys(draft: Draft, path: Path, value: dict[str, Any], indent: str) -> list[str]:
    """Return the lines of a map, after its keys those that are open."""
    lines = []
    for key, item in value.items():
        lines += _entry(draft, (*path, key), scalar(key), item, indent)
    for place in draft.open:
        if place[:-1] == path and place[-1] not in value:
            lines += _entry(draft, place, scalar(place[-1]), None, indent)
    return lines


def _literal(text: str) -> bool:
    """Whether a text can stand as a block as it is."""
    rows = text.split("\n")
    return (
        not text.endswith("\n\n")
        and all(row == row.rstrip() and row.isprintable() for row in rows)
        and not rows[0].startswith(" ")
    )


def scalar(value: Any, inside: bool = False) -> str:
    """Return a value on one line of YAML.

    :param inside: whether it stands in brackets, where a comma ends a plain text.
    """
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key, True)}: {scalar(item, True)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(scalar(item, True) for item in value)}]"
    if isinstance(value, str) and not _PLAIN.fullmatch(value) and (inside or not _ONE_LINE.fullmatch(value)):
        # Escapes for everything that is not ASCII: some of it ends a line of YAML.
        return _dumped(value, default_style='"', allow_unicode=False)
    return _dumped(value, allow_unicode=True)


def _dumped(value: Any, **options: Any) -> str:
    text = yaml.safe_dump(value, width=10**9, **options)
    return str(text).removesuffix("\n").removesuffix("\n...")


def _line(text: str) -> str:
    """Return a text that stays within its comment, whatever a file is called."""
    return "".join(char if char.isprintable() else " " for char in text)
