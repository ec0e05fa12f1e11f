# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text in the making: lines come and go, and those that stay keep acting where they act.

FRR knows no brackets: what a line means depends on the lines before it. So each line carries the context in which it
is to act, and :meth:`Draft.text` reads the result as FRR would, closing a block with an ``exit`` of our own wherever a
line would otherwise land in another context.
"""

from __future__ import annotations

from collections.abc import Callable

from .desired import Desired, Peer, Words
from .errors import FrrError
from .grammar import FAMILY, ROUTER
from .masking import line as masked
from .text import CLOSED, Context, Line, Reader, parse
from .view import peer_key

Test = Callable[[Line], bool]


class Draft:
    """Lines in the making; every method keeps the lines it does not speak of."""

    def __init__(self, raw: str, lines: list[Line]) -> None:
        self.raw = raw
        self.lines = list(lines)
        self.end = "\r\n" if lines and lines[0].raw.endswith("\r\n") else "\n"

    def drop(self, gone: Test) -> None:
        """Take out lines."""
        self.lines = [line for line in self.lines if not (line.words and gone(line))]

    def drop_block(self, first: str, last: str) -> None:
        """Take out everything from one line to another."""
        standing = [line.text for line in self.lines]
        if first in standing:
            del self.lines[standing.index(first) : standing.index(last) + 1]

    def insert(self, position: int, texts: list[tuple[str, Context | None]]) -> None:
        """Insert lines at a place; a line without a context acts where its command belongs."""
        read = Reader()
        for line in self.lines[:position]:
            read.read(line.raw)
        new = []
        for text, context in texts:
            line = read.read(text + self.end)
            new.append(line if context in (None, line.context) else self._new(text, context))
        self._end_last(position)
        self.lines[position:position] = new

    def add(self, context: Context, words: Words, *, after: Test, else_after: Test | None = None) -> None:
        """Add a line to a context: behind the last line of it that fits, else behind its opening."""
        slots = self._slots(context)
        fitting = [i for i in slots if self.lines[i].context == context and after(self.lines[i])]
        if not fitting and else_after is not None:
            fitting = [i for i in slots if self.lines[i].context == context and else_after(self.lines[i])]
        self._place(fitting[-1] if fitting else slots[0], context, words)

    def add_setting(self, context: Context, words: Words) -> None:
        """Add a setting to a context, in an instance before its first neighbour or family, as FRR itself writes it.

        Behind a neighbour bgpd without zebra refuses ``bgp graceful-restart`` (measured with 8.4.4).
        """
        slots = self._slots(context)
        ends = (i for i, line in enumerate(self.lines) if line.context == context and (_about_peer(line) or line.opens))
        first = next(ends, None)
        early = [i for i in slots if context.kind != ROUTER or first is None or i < first] or slots[:1]
        commands = [i for i in early if self.lines[i].context == context and self.lines[i].words]
        settings = [i for i in commands if not _about_peer(self.lines[i])]
        self._place((settings or early[:1])[-1], context, words)

    def replace(self, line: Line, context: Context, words: Words) -> None:
        """Write other words where a line stands."""
        self.lines[self.lines.index(line)] = self._new(_indent(line.raw) + " ".join(words), context)

    def add_peer(
        self, context: Context, peer: Peer, wanted: list[tuple[Words, Line | None]], anchor: int | None
    ) -> None:
        """Add the lines that define a peer: before all that use it, behind the group it belongs to.

        :param wanted: each line's words, and the line that already said so, to be kept as it is written.
        :param anchor: the line behind which its lines stood; they stay there when that is in time.
        """
        limit = self._first_use(context, peer)
        slots = self._slots(context)
        early = [i for i in slots if i < limit] or slots[:1]
        group = self._definition(context, peer.group) if peer.group else None
        place = anchor if anchor in early else self._behind_neighbours(early, context)
        if group is not None:
            place = max(place, group)
        for offset, (words, line) in enumerate(wanted, start=1):
            if line is None:
                self._place(place + offset - 1, context, words)
            else:
                self._end_last(place + offset)
                self.lines.insert(place + offset, self._ended(line))

    def _behind_neighbours(self, slots: list[int], context: Context) -> int:
        """Return the last of the places behind a neighbour's line, else behind any command, else the first."""
        commands = [i for i in slots if self.lines[i].words and self.lines[i].context == context]
        about_peers = [i for i in commands if self.lines[i].words[0] == "neighbor"]
        return (about_peers or commands or slots[:1])[-1]

    def defined_in_time(self, line: Line, peer: Peer, desired: Desired) -> bool:
        """Whether a defining line stands before all that use the peer, and behind its group's."""
        context = Context(ROUTER, desired.key)
        index = self.lines.index(line)
        group = self._definition(context, peer.group) if peer.group else None
        return index < self._first_use(context, peer) and (group is None or group < index)

    def add_family(self, key: str, family: str) -> None:
        """Add an empty family to an instance, behind everything that it holds."""
        router = Context(ROUTER, key)
        slots = self._slots(router)
        inside = [i for i in slots if self.lines[i].words or self.lines[i].opens == router]
        position = (inside or slots)[-1] + 1
        here = Context(FAMILY, key, family)
        self._end_last(position)
        opener = Line(f" address-family {family}{self.end}", router, ("address-family", *family.split()), opens=here)
        closer = Line(f" exit-address-family{self.end}", here, ("exit-address-family",), leaves=True)
        self.lines[position:position] = [opener, closer]

    def index_of_router(self) -> int:
        """Return where policies go: before the first instance and the comment that introduces it."""
        for index, line in enumerate(self.lines):
            if line.opens is not None and line.opens.kind == ROUTER:
                position = index
                while position > 0 and self.lines[position - 1].text[:1] in ("!", "#"):
                    position -= 1
                introduced = 0 < position < index and not self.lines[position - 1].text
                return position if introduced else index
        return self.index_of_end()

    def index_of_end(self) -> int:
        """Return the last place at which a line still takes effect."""
        read = Reader()
        for index, line in enumerate(self.lines):
            read.read(line.raw)
            if read.here == CLOSED:
                return index
        return len(self.lines)

    def text(self) -> str:
        """Return the text, proven to say of every line what it is to say.

        :raises FrrError: when a line cannot act where it is to act.
        """
        read = Reader()
        placed: list[tuple[str, Line | None]] = []
        for line in self.lines:
            while not _lands(read, line):
                closing = _closing(read, line)
                if closing is None:
                    raise _misplaced(line)
                placed.append((closing + self.end, None))
                read.read(closing)
            read.read(line.raw)
            placed.append((line.raw, line))
        result = "".join(raw for raw, _line in placed)
        for (_raw, wanted), found in zip(placed, parse(result), strict=True):
            if wanted is not None and wanted.words and (wanted.context, wanted.known) != (found.context, found.known):
                raise _misplaced(wanted)
        return result

    def _place(self, index: int, context: Context, words: Words) -> None:
        """Insert a line behind another, indented like its neighbour."""
        before = self.lines[index]
        inner = "  " if context.kind == FAMILY else " "
        indent = _indent(before.raw) if before.context == context and before.words else inner
        self._end_last(index + 1)
        self.lines.insert(index + 1, self._new(indent + " ".join(words), context))

    def _new(self, text: str, context: Context) -> Line:
        words = tuple(text.split())
        negated = words[0] == "no"
        return Line(text + self.end, context, words[1:] if negated else words, negated)

    def _slots(self, context: Context) -> list[int]:
        """Return the lines behind which a line of this context can stand; the opening is the first."""
        read = Reader()
        slots = []
        for index, line in enumerate(self.lines):
            while not _lands(read, line) and (closing := _closing(read, line)):
                read.read(closing)
            read.read(line.raw)
            if read.here == context:
                slots.append(index)
        return slots

    def _definition(self, context: Context, name: str) -> int | None:
        """Return the last line about a peer at router level, before which it may not be used."""
        found = [
            i
            for i, line in enumerate(self.lines)
            if line.context == context and line.words[:1] == ("neighbor",) and peer_key(line.words[1]) == name
        ]
        return found[-1] if found else None

    def _first_use(self, context: Context, peer: Peer) -> int:
        """Return the first line that needs the peer to be defined: its own in a family, a member's, a range's."""
        for index, line in enumerate(self.lines):
            words = line.words
            if line.context.router != context.router or not words:
                continue
            own = line.context.kind == FAMILY and words[0] == "neighbor" and peer_key(words[1]) == peer.key
            member = words[0] == "neighbor" and words[2:] == ("peer-group", peer.name)
            ranged = words[:3] == ("bgp", "listen", "range") and words[-1] == peer.name
            opens = line.opens is not None and line.opens.kind == FAMILY
            if own or opens or (peer.is_group and (member or ranged)):
                return index
        return len(self.lines)

    def _end_last(self, position: int) -> None:
        """Give the last line its end when something follows: the only byte of a foreign line that ever changes."""
        if 0 < position == len(self.lines):
            self.lines[-1] = self._ended(self.lines[-1])

    def _ended(self, line: Line) -> Line:
        if line.raw.endswith("\n"):
            return line
        return Line(line.raw + self.end, line.context, line.words, line.negated, line.known, line.opens, line.leaves)


def _lands(read: Reader, line: Line) -> bool:
    """Whether a line, read next, acts where it is to act."""
    if not line.words:
        return True
    probe = Reader(list(read.stack))
    seen = probe.read(line.raw)
    return seen.context == line.context and seen.known == line.known and seen.opens == line.opens


def _closing(read: Reader, line: Line) -> str | None:
    """Return the line that leaves the innermost block when the wanted one is further out, else None."""
    if line.context not in read.stack[:-1]:
        return None
    return " exit-address-family" if read.here.kind == FAMILY else "exit"


def _misplaced(line: Line) -> FrrError:
    return FrrError(
        "editing the router's BGP text",
        answer=f"the line '{masked(line.text)}' would act in another context afterwards",
        remedy="Close the blocks around it with 'exit-address-family' or 'exit' in the uploaded text",
    )


def _about_peer(line: Line) -> bool:
    return line.words[:1] == ("neighbor",)


def _indent(raw: str) -> str:
    return raw[: len(raw) - len(raw.lstrip(" \t"))]
