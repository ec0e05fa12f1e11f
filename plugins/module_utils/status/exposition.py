# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_LABEL = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True)
class Gauge:
    """One metric.

    :param name: with its unit at the end, where it has one.
    :param told: what it says, in one sentence.
    :param labels: names of its labels, which every sample has in this order.
    """

    name: str
    told: str
    labels: tuple[str, ...] = ()


@dataclass
class Family:
    """The samples of one metric: values of its labels -> value."""

    gauge: Gauge
    samples: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, labels: Sequence[object], value: float) -> None:
        """Have a sample; a second one of the same labels replaces the first, since a file with both is refused."""
        if len(labels) != len(self.gauge.labels):
            raise ValueError(f"{self.gauge.name} has the labels {', '.join(self.gauge.labels)}")
        self.samples[tuple(map(str, labels))] = value


def render(families: Iterable[Family]) -> str:
    """Return the text; a metric without samples is left out."""
    lines = []
    for family in families:
        if not family.samples:
            continue
        gauge = family.gauge
        lines += [f"# HELP {gauge.name} {gauge.told.translate(_HELP)}", f"# TYPE {gauge.name} gauge"]
        for values, value in family.samples.items():
            lines.append(f"{gauge.name}{_labels(dict(zip(gauge.labels, values, strict=True)))} {_number(value)}")
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{value.translate(_LABEL)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
