# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine configs as the node reads them: several YAML documents, one of them the v1alpha1 config.

Facts: siderolabs/talos v1.10 ``pkg/machinery/config/configloader``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from . import schema
from .goyaml import dump

KINDS = (
    "UserVolumeConfig VolumeConfig ExtensionServiceConfig KmsgLogConfig EventSinkConfig WatchdogTimerConfig "
    "TrustedRootsConfig SideroLinkConfig NetworkDefaultActionConfig NetworkRuleConfig EthernetConfig "
    "KubeSpanEndpointsConfig PCIDriverRebindConfig"
).split()
GO_TYPES = {
    "UserVolumeConfig": "*block.UserVolumeConfigV1Alpha1",
    "VolumeConfig": "*block.VolumeConfigV1Alpha1",
    "ExtensionServiceConfig": "*extensions.ServiceConfigV1Alpha1",
    "KmsgLogConfig": "*runtime.KmsgLogV1Alpha1",
    "EventSinkConfig": "*runtime.EventSinkV1Alpha1",
    "WatchdogTimerConfig": "*runtime.WatchdogTimerV1Alpha1",
    "TrustedRootsConfig": "*security.TrustedRootsConfigV1Alpha1",
    "SideroLinkConfig": "*siderolink.ConfigV1Alpha1",
    "NetworkDefaultActionConfig": "*network.DefaultActionConfigV1Alpha1",
    "NetworkRuleConfig": "*network.RuleConfigV1Alpha1",
    "EthernetConfig": "*network.EthernetConfigV1Alpha1",
    "KubeSpanEndpointsConfig": "*network.KubespanEndpointsConfigV1Alpha1",
    "PCIDriverRebindConfig": "*hardware.PCIDriverRebindConfigV1Alpha1",
}
_LEGACY = {"machine", "cluster", "debug", "persist"}


class ConfigError(Exception):
    """A machine config that cannot be decoded, in Talos' words."""


@dataclass
class Config:
    """A decoded machine config; ``raw`` are the bytes as submitted."""

    raw: bytes
    v1alpha1: dict[str, Any] | None = None
    documents: list[dict[str, Any]] = field(default_factory=list)
    """The other documents, in order."""

    @property
    def machine_type(self) -> str:
        """``controlplane`` or ``worker``, empty without a v1alpha1 document."""
        if self.v1alpha1 is None:
            return ""
        kind = dig(self.v1alpha1, "machine.type")
        return "controlplane" if kind in ("controlplane", "init") else "worker"

    def named(self, kind: str) -> list[dict[str, Any]]:
        """The documents of this kind."""
        return [document for document in self.documents if document.get("kind") == kind]


def dig(tree: Any, path: str) -> Any:
    """The value at a dotted path, ``None`` when any part is missing."""
    for part in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(part)
    return tree


def parse(data: bytes) -> Config:
    """Decode the documents.

    :raises ConfigError: with the text that the node answers.
    """
    try:
        nodes = [node for node in yaml.compose_all(data.decode(), Loader=yaml.SafeLoader) if node is not None]
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 0
        problem = str(error.problem)
        if problem.startswith(
            "expected the node content"
        ):  # libyaml counts from the line before, and says it otherwise
            line, problem = line - 1, "did not find expected node content"
        problem = re.sub(r"^found character .* that cannot start", "found character that cannot start", problem)
        raise ConfigError(f"decode error: yaml: line {line}: {problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("decode error: yaml: control characters are not allowed") from error
    config = Config(data)
    known: set[tuple[str, str, str]] = set()
    for node in nodes:
        head = _head(node)
        identity = (head.get("apiVersion", ""), head.get("kind", "") or "v1alpha1", head.get("name", ""))
        if identity in known:
            raise ConfigError("duplicate document {}/{}/{} is not allowed".format(*identity))
        known.add(identity)
        kind = _kind(head)
        document = _decode(node, kind)
        if kind:
            config.documents.append(document)
        else:
            config.v1alpha1 = document
    if config.v1alpha1 is None and not config.documents:
        raise ConfigError("config not found")
    return config


def _head(node: yaml.Node) -> dict[str, str]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        str(key.value): item.value if isinstance(item, yaml.ScalarNode) else ""
        for key, item in node.value
        if key.value in ("apiVersion", "kind", "name") or key.value in _LEGACY
    }


def _kind(head: dict[str, str]) -> str:
    """The registered kind, empty for the v1alpha1 config."""
    kind = head.get("kind", "")
    version = "v1alpha1" if _LEGACY & set(head) else head.get("apiVersion", "")
    if not kind:
        if version == "v1alpha1":
            return ""
        raise ConfigError("missing kind")
    if kind not in KINDS or version != "v1alpha1":
        raise ConfigError(f'"{kind}" "{version}": not registered')
    return kind


def _decode(node: yaml.Node, kind: str) -> dict[str, Any]:
    name = kind or "Config"
    try:
        document = schema.decode(node, name)
    except (schema.TypeError_, schema.Refused) as error:
        go_type = GO_TYPES.get(kind, "*v1alpha1.Config")
        raise ConfigError(f"error decoding {kind} to {go_type}: {error}") from error
    extra = schema.unknown(node, name)
    if extra is not None:
        raise ConfigError(f"unknown keys found during decoding:\n{dump(schema.encode(extra, 'any'))}")
    return document


def encode(config: Config) -> str:
    """All documents in their comment-free form."""
    parts = []
    if config.v1alpha1 is not None:
        parts.append(dump(schema.encode(config.v1alpha1, "Config")))
    parts += [dump(schema.encode(document, str(document["kind"]))) for document in config.documents]
    return "---\n".join(parts)


def encode_v1alpha1(document: dict[str, Any]) -> str:
    """The v1alpha1 document in its comment-free form."""
    return dump(schema.encode(document, "Config"))
