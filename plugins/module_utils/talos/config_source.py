# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a desired machine config comes from: a ready text, or a secrets bundle and patches.

Shared by ``talos_config`` and ``talos_apply``; options in the fragment ``homeops.cluster.talos_config_source``. Configs
exist in memory only.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from . import documents, machine_config, patch, schematic, secrets, validation
from .documents import Document

#: Argument spec of the options.
OPTIONS: dict[str, dict[str, Any]] = {
    "config": {"type": "str", "no_log": True},
    "secrets": {"type": "str", "no_log": True},
    "secrets_file": {"type": "path", "no_log": False},
    "cluster_name": {"type": "str"},
    "endpoint": {"type": "str"},
    "talos_version": {"type": "str"},
    "kubernetes_version": {"type": "str"},
    "machine_type": {"type": "str", "choices": ["controlplane", "worker"], "default": "controlplane"},
    "additional_sans": {"type": "list", "elements": "str", "default": []},
    "installer_image": {"type": "str"},
    "install_disk": {"type": "str"},
    "patches": {"type": "list", "elements": "raw", "default": [], "no_log": False},
}

_VAULT = "$ANSIBLE_VAULT;"


def check_sources(params: Mapping[str, Any]) -> None:
    """Refuse more than one source; an empty one counts as none, so that roles can pass all of them.

    :raises InputError: two are given.
    """
    given = [name for name in ("config", "secrets", "secrets_file") if params.get(name)]
    if len(given) > 1:
        raise InputError(
            f"{' and '.join(given)} are given together", remedy="Give one source of the machine config", param=given[1]
        )


@dataclass(frozen=True)
class Desired:
    """A node's desired machine config.

    :param text: the bytes that are sent, comment-free.
    :param documents: decoded from that very text.
    """

    text: str
    documents: list[Document]

    @property
    def sha256(self) -> str:
        """The digest of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def machine(self) -> Mapping[str, Any]:
        """The ``machine`` section."""
        legacy = documents.v1alpha1(self.documents)
        return (legacy.body.get("machine") or {}) if legacy else {}

    @property
    def cluster(self) -> Mapping[str, Any]:
        """The ``cluster`` section."""
        legacy = documents.v1alpha1(self.documents)
        return (legacy.body.get("cluster") or {}) if legacy else {}

    @property
    def control_plane(self) -> bool:
        """Whether the node is a control plane."""
        return self.machine.get("type") in validation.CONTROL_PLANE_TYPES


def bundle_of(params: Mapping[str, Any], ctx: Context) -> secrets.SecretsBundle:
    """Return the secrets bundle of the parameters ``secrets`` or ``secrets_file``.

    In check mode a file that does not exist yet stands for the bundle which an earlier task of the same run would have
    generated: a throw-away one takes its place, so that all else can still be predicted.

    :raises InputError: none is given, the file cannot be read, or it is no bundle.
    """
    if params.get("secrets"):
        return secrets.parse(params["secrets"])
    path = params.get("secrets_file")
    if not path:
        raise InputError(
            "there is nothing to make a machine config of",
            remedy="Give config, or secrets or secrets_file with cluster_name, endpoint and the versions",
            param="secrets_file",
        )
    if ctx.check_mode and not os.path.exists(os.path.expanduser(path)):
        return secrets.generate(datetime.datetime.now(datetime.UTC))
    try:
        text = ctx.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            "the secrets bundle cannot be read",
            target=str(path),
            answer=str(reason),
            remedy="A run without --limit makes it (site.yml -t talos), or put yours there",
            param="secrets_file",
        ) from error
    if text.startswith(_VAULT):
        raise InputError(
            "the secrets bundle is encrypted with ansible-vault",
            target=str(path),
            remedy="Run the task on the controller (the default), where Ansible decrypts it, or give secrets",
            param="secrets_file",
        )
    return secrets.parse(text, str(path), param="secrets_file")


def desired(params: Mapping[str, Any], ctx: Context, bundle: secrets.SecretsBundle | None = None) -> Desired:
    """Return the machine config which the parameters describe, patched and checked offline.

    :param bundle: a bundle that is already read, for many nodes.
    :raises InputError: something is missing or refused, in Talos' own words where it would refuse it.
    """
    check_sources(params)
    patches: Sequence[Any] = params.get("patches") or ()
    if params.get("config"):
        made = patch.apply(documents.decode(params["config"], param="config"), patches)
    else:
        for name in ("cluster_name", "endpoint", "talos_version", "kubernetes_version"):
            if not params.get(name):
                raise InputError(
                    f"{name} is missing", remedy="It is needed to generate a machine config from secrets", param=name
                )
        given = bundle or bundle_of(params, ctx)
        made = machine_config.generate(
            machine_config.ConfigInput(
                secrets=given.as_dict(),
                cluster_name=params["cluster_name"],
                endpoint=params["endpoint"],
                talos_version=params["talos_version"],
                kubernetes_version=params["kubernetes_version"],
                machine_type=params.get("machine_type") or "controlplane",
                additional_sans=params.get("additional_sans") or (),
                installer_image=params.get("installer_image") or "",
                install_disk=params.get("install_disk") or "",
                patches=patches,
            )
        )
    text = documents.encode(made)
    result = Desired(text, documents.decode(text, param="config"))
    if documents.v1alpha1(result.documents) is None:
        raise InputError(
            "the machine config has no v1alpha1 document (machine, cluster)",
            remedy="Give the whole config of the node; a document of its own is not enough",
            param="config",
        )
    image = (result.machine.get("install") or {}).get("image")
    if image:
        schematic.check_installer(
            image,
            params.get("talos_version") or "",
            param="installer_image" if params.get("installer_image") else "patches",
        )
    return result


def warnings_of(wanted: Desired, *, requires_install: bool) -> list[str]:
    """Return Talos' warnings about a config.

    :raises ConfigError: what Talos would refuse.
    """
    return validation.check(wanted.documents, param="patches", requires_install=requires_install)
