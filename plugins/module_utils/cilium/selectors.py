# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors as Cilium and Kubernetes read them. No I/O.

A selector is a ``LabelSelector`` in JSON form: ``{"matchLabels": {}, "matchExpressions": [{key, operator, values}]}``.
What an absent one means depends on the place: nothing in the BGP kinds' service and advertisement selectors, everything
in node selectors and pools (cilium/cilium ``Documentation/network/bgp-control-plane``, ``lb-ipam.rst``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Selector = Mapping[str, Any]

#: The form that upstream documents for "select all" (``bgp-control-plane-v2.rst``): it works where nil selects nothing.
EVERYTHING: dict[str, Any] = {
    "matchExpressions": [{"key": "homeops.cluster/nowhere", "operator": "NotIn", "values": ["never-used-value"]}]
}
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
#: apimachinery ``util/validation``: IsQualifiedName and IsValidLabelValue.
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(
    rf"(?:(?=[^/]{{1,253}}/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?{_NAME}"
)
_VALUE = re.compile(rf"(?:{_NAME})?")


def is_key(text: str) -> bool:
    """Whether a text can be the key of a label."""
    return bool(_KEY.fullmatch(text))


def is_value(text: str) -> bool:
    """Whether a text can be the value of a label."""
    return bool(_VALUE.fullmatch(text))


def matches(selector: Selector | None, labels: Mapping[str, str], *, absent: bool) -> bool:
    """Whether a selector fits labels.

    :param absent: what no selector at all means at this place.
    """
    if selector is None:
        return absent
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_fits(entry, labels) for entry in selector.get("matchExpressions") or [])


def _fits(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = entry.get("key", ""), entry.get("operator"), entry.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def faults(selector: Selector | None) -> Iterator[tuple[str, Any, str, str]]:
    """Yield ``(field, value, reason, use)`` for what the CRDs' schemas let through and no selector can be built from.

    The schemas check operators and label values, but neither keys nor whether an operator has the values it needs.
    """
    for key in (selector or {}).get("matchLabels") or {}:
        if not is_key(key):
            yield f"matchLabels.{key}", key, "is not a label key", "a key such as io.cilium/lb-ipam-pool"
    for index, entry in enumerate((selector or {}).get("matchExpressions") or []):
        where = f"matchExpressions[{index}]"
        key, operator, values = entry.get("key", ""), entry.get("operator"), entry.get("values") or []
        if not is_key(key):
            yield f"{where}.key", key, "is not a label key", "a key such as io.cilium/lb-ipam-pool"
        if operator not in _OPERATORS:
            yield f"{where}.operator", operator, "is not an operator", ", ".join(_OPERATORS)
        elif operator in ("In", "NotIn") and not values:
            yield f"{where}.values", values, f"is empty, and {operator} compares with values", "at least one value"
        elif operator in ("Exists", "DoesNotExist") and values:
            yield f"{where}.values", values, f"is set, and {operator} takes no values", "no values"
        for value in values:
            if not is_value(value):
                yield f"{where}.values", value, "is not a label value", "letters, digits, - _ . (at most 63)"


def allowed(selector: Selector | None, key: str) -> frozenset[str] | None:
    """Return the values that a label may have for a selector to fit, None when they are not a closed list."""
    found: frozenset[str] | None = None
    labels = (selector or {}).get("matchLabels") or {}
    if key in labels:
        found = frozenset([labels[key]])
    for entry in (selector or {}).get("matchExpressions") or []:
        if entry.get("key") == key and entry.get("operator") == "In":
            values = frozenset(entry.get("values") or [])
            found = values if found is None else found & values
    return found


def narrowed(selector: Selector | None, key: str, operator: str, value: str) -> dict[str, Any]:
    """Return a selector that asks one thing more of the label ``key``."""
    plain = widened(selector, key) or {}
    entries = [*(plain.get("matchExpressions") or []), {"key": key, "operator": operator, "values": [value]}]
    return {**plain, "matchExpressions": entries}


def widened(selector: Selector | None, key: str) -> dict[str, Any] | None:
    """Return a selector without anything that is asked of the label ``key``; None when nothing is left to ask."""
    if selector is None:
        return None
    entries = [entry for entry in selector.get("matchExpressions") or [] if entry.get("key") != key]
    labels = {name: value for name, value in (selector.get("matchLabels") or {}).items() if name != key}
    plain: dict[str, Any] = {}
    if labels:
        plain["matchLabels"] = labels
    if entries:
        plain["matchExpressions"] = entries
    return plain or None


def asks(selector: Selector | None, key: str) -> bool:
    """Whether a selector asks anything of the label ``key``."""
    return any(entry.get("key") == key for entry in (selector or {}).get("matchExpressions") or []) or key in (
        (selector or {}).get("matchLabels") or {}
    )


def canonical(selector: Selector | None) -> dict[str, Any] | None:
    """Return one form for selectors that say the same in another order; nothing asked is None."""
    if not selector:
        return None
    result: dict[str, Any] = {}
    if selector.get("matchLabels"):
        result["matchLabels"] = dict(sorted(selector["matchLabels"].items()))
    if selector.get("matchExpressions"):
        entries = [
            {
                "key": entry.get("key"),
                "operator": entry.get("operator"),
                **({"values": sorted(entry["values"])} if entry.get("values") else {}),
            }
            for entry in selector["matchExpressions"]
        ]
        result["matchExpressions"] = sorted(entries, key=repr)
    return result or None
