# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An FRR text as lines with their contexts, without losing a byte.

``render(parse(raw)) == raw`` for every ``raw``: lines are kept as they are. The context of each line follows FRR's own
rule (see ``grammar.py``), so flat files and shortened keywords are understood as the daemon understands them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import grammar

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
#: What separates words for FRR (``frrstr_split_vec`` in ``lib/command.c``); no other blank of Unicode does.
_BLANK = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True)
class Context:
    """Where a command stands.

    :param kind: ``top``, ``router``, ``family``, ``route-map``, ``other`` (interface, vrf, line, ...) or ``closed``
        (after an ``end`` or a surplus ``exit``: FRR ignores every further line).
    :param router: ``<as>`` or ``<as> vrf <name>`` for ``router`` and ``family``.
    :param name: family name, ``<map> <action> <sequence>`` of a route-map entry, or the opening line of others.
    """

    kind: str
    router: str = ""
    name: str = ""


TOP = Context(grammar.TOP)
CLOSED = Context("closed")


@dataclass(frozen=True, eq=False)
class Line:
    """One line; two lines are the same only when they are one object.

    :param raw: as it stands, line end included.
    :param context: where its command acts; for an opener the context around it.
    :param words: the command with its keywords in full and without ``no``; empty for blanks and comments.
    :param negated: whether it began with ``no``.
    :param known: whether some context on the way out knows the command; FRR rejects the others.
    :param opens: the context that it opens.
    :param leaves: whether it leaves its context.
    """

    raw: str
    context: Context
    words: tuple[str, ...] = ()
    negated: bool = False
    known: bool = True
    opens: Context | None = None
    leaves: bool = False

    @property
    def text(self) -> str:
        """The line without its end and indentation."""
        return self.raw.strip()


def split(raw: str) -> list[str]:
    """Return the lines of a text, each with its end; joined they are the text."""
    return _LINE.findall(raw)


def parse(raw: str) -> list[Line]:
    """Return the lines of an FRR text with their contexts."""
    reader = Reader()
    return [reader.read(line) for line in split(raw)]


def render(lines: Iterable[Line]) -> str:
    """Return the text of the lines, byte for byte."""
    return "".join(line.raw for line in lines)


@dataclass
class Reader:
    """Follows the contexts line by line; ``stack`` holds the open ones, innermost last."""

    stack: list[Context] = field(default_factory=lambda: [TOP])

    @property
    def here(self) -> Context:
        """The innermost open context."""
        return self.stack[-1]

    def read(self, raw: str) -> Line:
        """Return one line in its context, and move on."""
        words = [word for word in _BLANK.split(raw) if word]
        if not words or words[0][0] in "!#":
            return Line(raw, self.here)
        if self.here == CLOSED:
            return Line(raw, CLOSED, tuple(words), known=False)
        negated = words[0] == "no" and len(words) > 1
        command = words[1:] if negated else words
        full = self._place(command)
        if full is None:
            return Line(raw, self.here, tuple(command), negated, known=False)
        here = self.here
        if not negated and grammar.leaves(full):
            self._leave(full[0])
            return Line(raw, here, tuple(full), leaves=True)
        opened = None if negated else _opened(here, full)
        if opened is not None:
            self.stack.append(opened)
        return Line(raw, here, tuple(full), negated, opens=opened)

    def _leave(self, word: str) -> None:
        """Leave one context, or with ``end`` and at the top level the configuration itself."""
        self.stack.pop()
        if word == "end" or not self.stack:
            self.stack = [CLOSED]

    def _place(self, words: list[str]) -> list[str] | None:
        """Make the innermost context that knows the command the current one; None when none does."""
        for depth in range(len(self.stack), 0, -1):
            kind = self.stack[depth - 1].kind
            full = _other(words) if kind == "other" else grammar.fits(kind, words)
            if full == []:
                return None
            if full is not None:
                del self.stack[depth:]
                return full
        innermost = self.here.kind == "other"
        return list(words) if innermost else None


def _other(words: list[str]) -> list[str] | None:
    """Return the words when they leave a context whose commands are not known here, else None."""
    if words[0] == "end" or words[0] == "quit" or (words[0] == "exit" and len(words) == 1):
        return list(words)
    return ["exit"] if words[0].startswith("exit-") else None


def _opened(context: Context, words: list[str]) -> Context | None:
    """Return the context that a command opens, or None."""
    first = words[0]
    if context.kind == grammar.TOP and first == "router" and words[1:2] == ["bgp"] and len(words) > 2:
        vrf = f" {words[3]} {words[4]}" if len(words) > 4 else ""
        return Context(grammar.ROUTER, router=words[2] + vrf)
    if context.kind == grammar.TOP and first == "route-map" and len(words) >= 4:
        return Context(grammar.ROUTE_MAP, name=" ".join(words[1:4]))
    if context.kind == grammar.ROUTER and first == "address-family":
        return Context(grammar.FAMILY, router=context.router, name=grammar.family_name(words))
    if context.kind == grammar.TOP and (
        first in ("bfd", "interface", "line", "nexthop-group", "router", "rpki", "segment-routing", "vrf")
        or words[:2] == ["key", "chain"]
        or (first in ("pbr-map", "l2vpn") and len(words) > 1)
    ):
        return Context("other", name=" ".join(words))
    return None
