# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff between two configs as Talos prints it.

Talos uses github.com/hexops/gotextdiff: Myers' greedy algorithm preferring deletions, three lines of context, hunks
closer than six lines joined. Python's difflib would group lines differently.
"""

from __future__ import annotations

import difflib
from typing import Any

from .documents import encode, encode_v1alpha1

EDGE = 3
GAP = 2 * EDGE
LARGE = 400
"""Lines of difference from which the exact algorithm would take too much memory (an inline manifest that was added)."""


def documents(before: Any, after: Any) -> str:
    """A unified diff of two configs in their comment-free form, empty when they are equal."""
    return unified(encode(before), encode(after))


def v1alpha1(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The same for two v1alpha1 documents alone."""
    return unified(encode_v1alpha1(before), encode_v1alpha1(after))


def _trace(a: list[str], b: list[str]) -> list[dict[int, int]]:
    """Per edit distance the furthest x on each diagonal k = x - y."""
    furthest: dict[int, int] = {1: 0}
    trace = []
    for distance in range(len(a) + len(b) + 1):
        for k in range(-distance, distance + 1, 2):
            down = k == -distance or (k != distance and furthest.get(k - 1, 0) < furthest.get(k + 1, 0))
            x = furthest.get(k + 1, 0) if down else furthest.get(k - 1, 0) + 1
            y = x - k
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x, y = x + 1, y + 1
            furthest[k] = x
            if x == len(a) and y == len(b):
                trace.append(dict(furthest))
                return trace
        trace.append(dict(furthest))
    return trace


def _blocks(a: list[str], b: list[str]) -> list[tuple[int, int, list[str]]]:
    """Edits of large texts: the same change, perhaps with the lines grouped otherwise."""
    edits: list[tuple[int, int, list[str]]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag in ("delete", "replace"):
            edits.append((i1, i2, []))
        if tag in ("insert", "replace"):
            edits.append((i2, i2, b[j1:j2]))
    return edits


def _edits(a: list[str], b: list[str]) -> list[tuple[int, int, list[str]]]:
    """Edits (from, to, new lines): a[from:to] becomes the new lines; one kind of edit each."""
    trace = _trace(a, b)
    points = []
    x, y, distance = len(a), len(b), len(trace) - 1
    while x > 0 and y > 0 and distance > 0:
        points.append((x, y))
        reached, k = trace[distance], x - y
        down = k == -distance or (k != distance and reached.get(k - 1, 0) < reached.get(k + 1, 0))
        previous = k + 1 if down else k - 1
        x = reached.get(previous, 0)
        y = x - previous
        distance -= 1
    if x >= 0 and y >= 0:
        points.append((x, y))
    edits: list[tuple[int, int, list[str]]] = []
    x = y = 0
    for to_x, to_y in reversed(points):
        start = x
        while to_x - to_y > x - y:
            x += 1
            if x == len(a):
                break
        if x > start:
            edits.append((start, x, []))
        first = y
        while to_x - to_y < x - y:
            y += 1
        if y > first:
            edits.append((x, x, b[first:y]))
        step = max(0, to_x - x)
        x, y = x + step, y + step
        if x >= len(a) and y >= len(b):
            break
    return edits


def unified(before: str, after: str) -> str:
    """A unified diff with headers ``--- a`` and ``+++ b``, empty when the texts are equal."""
    a, b = before.splitlines(True), after.splitlines(True)
    large = abs(len(a) - len(b)) > LARGE or len(a) + len(b) > 20 * LARGE
    edits = _blocks(a, b) if large else _edits(a, b)
    if not edits:
        return ""
    hunks: list[tuple[int, int, list[str]]] = []
    last = shift = 0
    for start, end, new in edits:
        if hunks and start <= last + GAP:
            hunks[-1][2].extend(" " + line for line in a[last:start])
        else:
            if hunks:
                hunks[-1][2].extend(" " + line for line in a[last : last + EDGE])
            first = max(0, start - EDGE)
            hunks.append((first + 1, first + shift + 1, [" " + line for line in a[first:start]]))
        hunks[-1][2].extend("-" + line for line in a[start:end])
        hunks[-1][2].extend("+" + line for line in new)
        shift += len(new) - (end - start)
        last = end
    hunks[-1][2].extend(" " + line for line in a[last : last + EDGE])
    out = ["--- a\n", "+++ b\n"]
    for old, now, lines in hunks:
        removed = sum(line[0] != "+" for line in lines)
        added = sum(line[0] != "-" for line in lines)
        counts = [f",{count}" if count > 1 else "" for count in (removed, added)]
        out.append(f"@@ -{old}{counts[0]} +{now}{counts[1]} @@\n")
        out.extend(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return "".join(out)
