# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of Cilium's objects: what one consists of, and what is known of the cluster around them. No I/O.

The rows are numbered; each was stored without a word by a kube-apiserver with the CRDs of Cilium 1.17, and its effect
is what the agent or the operator does with it (cilium/cilium ``pkg/bgpv1/manager``, ``operator/pkg/bgpv2``,
``operator/pkg/lbipam``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

ERROR, WARNING = "error", "warning"
#: The state of a Secret that a peer's password comes from.
MISSING, EMPTY, FILLED = "missing", "empty", "filled"


@dataclass(frozen=True)
class Finding:
    """One fault.

    :param row: which row of the table; 0 = a fault of a selector, which may stand anywhere.
    :param rule: id of the check of the model that guards the same, ``""`` when there is none.
    :param subject: ``CiliumBGPPeerConfig udm``.
    :param use: what to write instead.
    :param other: the second object that the fault is about, ``""`` for none.
    """

    row: int
    subject: str
    field: str
    value: Any
    reason: str
    use: str
    rule: str = ""
    severity: str = ERROR
    other: str = ""

    def sentence(self) -> str:
        """Return field, value, reason and the value to use, in one line."""
        shown = "absent" if self.value is None else repr(self.value)
        where = f"{self.subject}, {self.field}" if self.field else self.subject
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{where} is {shown}: {self.reason}; use {self.use}{rule}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "row": self.row,
            "rule": self.rule,
            "severity": self.severity,
            "subject": self.subject,
            "field": self.field,
            "value": self.value,
            "reason": self.reason,
            "use": self.use,
            "text": self.sentence(),
        }


@dataclass(frozen=True)
class Around:
    """What is known of the cluster beside the objects that are judged; None = not known, and not judged.

    :param nodes: labels per node.
    :param secrets: :data:`MISSING`, :data:`EMPTY` or :data:`FILLED` per name.
    :param pools: live or wanted pools.
    :param services: Services of all namespaces.
    :param complete: the objects are everything there is, so that what nothing refers to is dead.
    :param migrating: both kinds may select one node for a moment.
    """

    nodes: Mapping[str, Mapping[str, str]] | None = None
    secrets: Mapping[str, str] | None = None
    pools: Iterable[Body] | None = None
    services: Iterable[Body] | None = None
    pool_label: str = "io.cilium/lb-ipam-pool"
    complete: bool = True
    migrating: bool = False
