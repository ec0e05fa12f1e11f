# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits inside an FRR text that a person wrote: our lines as declared, everybody else's byte for byte.

Ours are a block between two marker comments (lists and maps) and, inside ``router bgp``, the lines about the declared
neighbours and the few settings that are declared. A ``network`` line tells of no neighbour, so the block notes which
of them are ours: one that somebody else wrote stays, whatever is declared. A line that already says what is wanted
stays as it is written, whatever its indentation or abbreviation. In the end the text is laid out so that every foreign
line acts where it acted before (see ``layout.py``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping

from . import desired as want
from .desired import Desired, Setting, Words
from .errors import FrrError
from .grammar import FAMILY, ROUTER
from .layout import Draft
from .text import CLOSED, Context, Line, parse
from .view import View, peer_key, view

Test = Callable[[Line], bool]
#: Begins the lines of our block that note a ``network`` line of ours: family and network follow.
_NOTE = "! originates"


def markers(name: str) -> tuple[str, str]:
    """Return the first and the last line of our block."""
    return f"! BEGIN ANSIBLE MANAGED: udm_bgp_peer {name}", f"! END ANSIBLE MANAGED: udm_bgp_peer {name}"


def apply(raw: str, desired: Desired) -> str:
    """Return the text with the declared part as declared.

    :raises FrrError: when the text cannot be edited without changing the meaning of somebody else's line.
    """
    lines = _checked(raw, desired)
    noted = _noted(lines, desired.name)
    mine = _ours_to_originate(lines, desired, noted)
    draft = Draft(raw, lines)
    router = Context(ROUTER, desired.key)
    fresh = not any(line.opens == router for line in lines)
    _block(draft, desired, mine)
    if fresh:
        _new_router(draft, desired)
    if desired.exact:
        _drop_undeclared(draft, desired)
    for setting in want.router_settings(desired):
        _set(draft, router, setting)
    _peers(draft, router, desired)
    by_default = view(draft.lines).routers[desired.key].default_ipv4
    for family in want.FAMILIES:
        wanted = [
            words
            for peer in desired.peers
            for words in want.family_lines(
                desired, peer, family, active_by_default=family == want.IPV4 and by_default and not peer.group
            )
        ]
        _networks(draft, desired, family, noted[family], mine[family])
        _family(draft, desired, family, wanted)
    return draft.text()


def remove(raw: str, desired: Desired) -> str:
    """Return the text without the declared neighbours and groups; without any declared, without all that use our block.

    The block goes with the last neighbour that uses it. The instance, its settings and its families stay, even when
    they are empty then: nobody can tell who opened them.

    :param desired: only ``name``, ``asn``, ``peers`` and ``ranges`` are looked at.
    """
    lines = _checked(raw, desired)
    seen = view(lines)
    gone = {peer.key for peer in desired.peers} or _users(seen, desired)
    members = _members(seen, desired, gone)
    ranges = {words[3] for words in want.range_lines(desired)}
    draft = Draft(raw, lines)
    router = Context(ROUTER, desired.key)

    def ours(line: Line) -> bool:
        return _peer_of(line, desired.key) in gone | members or (
            line.context == router
            and line.words[:3] == ("bgp", "listen", "range")
            and (line.words[3] in ranges or line.words[-1] in gone)
        )

    draft.drop(ours)
    if not _users(view(draft.lines), desired):
        for family, networks in _noted(lines, desired.name).items():
            draft.drop(lambda line, here=family, gone=networks: _network_of(line, desired.key, here) in gone)  # type: ignore[misc]
        draft.drop_block(*markers(desired.name))
    return draft.text()


def ours(lines: list[Line], desired: Desired) -> set[int]:
    """Return the numbers of the lines that the declaration is responsible for."""
    first, last = markers(desired.name)
    names = {peer.key for peer in desired.peers}
    found, inside = set(), False
    for number, line in enumerate(lines, start=1):
        inside = inside or line.text == first
        if inside or _peer_of(line, desired.key) in names:
            found.add(number)
        inside = inside and line.text != last
    return found


def _checked(raw: str, desired: Desired) -> list[Line]:
    """Parse, and refuse texts in which a new line could not take effect or would stand in the wrong instance."""
    lines = parse(raw)
    doing = "editing the router's BGP text"
    if raw.startswith("\ufeff"):
        raise FrrError(
            doing,
            answer="it begins with a byte order mark, so FRR does not know its first line",
            remedy="Upload the text without it",
        )
    first, last = markers(desired.name)
    marks = [line.text for line in lines if line.text in (first, last)]
    if marks not in ([], [first, last]):
        raise FrrError(
            doing,
            answer=f"the marks around the block of {desired.name} are not one pair ({len(marks)} found)",
            remedy=f"Restore the pair '{first}' and '{last}', or take all of them out",
            param="name",
        )
    for number, line in enumerate(lines, start=1):
        if line.context == CLOSED and line.words:
            raise FrrError(
                doing,
                answer=f"line {number} stands after an 'end' or a surplus 'exit': FRR ignores it and all that follows",
                remedy="Take the surplus line out of the uploaded text first",
            )
        opened = line.opens
        if opened and opened.kind == ROUTER and " " not in opened.router and opened.router != desired.key:
            raise FrrError(
                doing,
                answer=f"line {number} opens router bgp {opened.router}, but AS {desired.asn} is declared",
                remedy="Declare the AS that the router has, or take the other instance out: FRR takes one",
                param="asn",
            )
    return lines


def _block(draft: Draft, desired: Desired, networks: Mapping[str, set[str]]) -> None:
    """Have our block before the router: behind it, FRR would refuse all routes for the first seconds."""
    first, last = markers(desired.name)
    notes = [f"{_NOTE} {family} {network}" for family in want.FAMILIES for network in sorted(networks[family])]
    body = [first, *notes, *want.policy_lines(desired), last]
    standing = [line.text for line in draft.lines]
    routers = [i for i, line in enumerate(draft.lines) if line.opens is not None and line.opens.kind == ROUTER]
    if first in standing:
        begin, until = standing.index(first), standing.index(last) + 1
        if [line.raw.rstrip() for line in draft.lines[begin:until]] == body and (not routers or begin < routers[0]):
            return
        draft.drop_block(first, last)
        position = draft.index_of_router()
        if not routers or begin < routers[0]:
            position = begin
    else:
        position = draft.index_of_router()
    draft.insert(position, [(text, None) for text in body])


def _new_router(draft: Draft, desired: Desired) -> None:
    router = Context(ROUTER, desired.key)
    draft.insert(
        draft.index_of_end(),
        [(f"router bgp {desired.key}", None), (" no bgp default ipv4-unicast", router), ("exit", None)],
    )


def _drop_undeclared(draft: Draft, desired: Desired) -> None:
    declared = {peer.key for peer in desired.peers}
    ranges = set(want.range_lines(desired))
    router = Context(ROUTER, desired.key)

    def undeclared(line: Line) -> bool:
        name = _peer_of(line, desired.key)
        ranged = line.context == router and line.words[:3] == ("bgp", "listen", "range")
        return (name is not None and name not in declared) or (ranged and _normal(line) not in ranges)

    draft.drop(undeclared)


def _set(draft: Draft, context: Context, setting: Setting) -> None:
    """Have one command as wanted, once; another value of it gives way in place."""
    about = [line for line in draft.lines if line.context == context and line.known and setting.is_about(line.words)]
    if setting.value is None:
        draft.drop(lambda line: line in about)
        return
    good = [line for line in about if _normal(line) == setting.words]
    if not about:
        draft.add_setting(context, setting.words)
    elif good:
        draft.drop(lambda line: line in about and line is not good[0])
    else:
        draft.replace(about[0], context, setting.words)
        draft.drop(lambda line: line in about[1:])


def _peers(draft: Draft, context: Context, desired: Desired) -> None:
    """Have the lines at router level about the declared peers exactly as wanted, each defined before it is used."""
    for peer in desired.peers:
        wanted = want.peer_lines(peer)
        standing = [line for line in draft.lines if line.context == context and _peer_of(line, desired.key) == peer.key]
        normal = [_normal(line) for line in standing]
        in_order = bool(normal) and normal[0] == wanted[0] and draft.defined_in_time(standing[0], peer, desired)
        if in_order and sorted(normal) == sorted(wanted):
            continue
        written = dict(zip(normal, standing, strict=True))
        anchor = draft.lines.index(standing[0]) - 1 if standing else None
        draft.drop(lambda line, gone=standing: line in gone)  # type: ignore[misc]
        draft.add_peer(context, peer, [(words, written.get(words)) for words in wanted], anchor)
    wanted_ranges = want.range_lines(desired)
    about = [line for line in draft.lines if line.context == context and line.words[:3] == ("bgp", "listen", "range")]
    declared = {words[3] for words in wanted_ranges}
    draft.drop(lambda line: line in about and line.words[3] in declared and _normal(line) not in wanted_ranges)
    for words in wanted_ranges:
        if words not in [_normal(line) for line in about]:
            draft.add(context, words, after=lambda line: line.words[:1] == ("neighbor",))


def _networks(draft: Draft, desired: Desired, family: str, noted: set[str], ours: set[str]) -> None:
    """Have our ``network`` lines of one family as declared; those of others stay."""
    here = Context(FAMILY, desired.key, family)
    if ours and not any(line.opens == here for line in draft.lines):
        draft.add_family(desired.key, family)
    draft.drop(lambda line: _network_of(line, desired.key, family) in noted - ours)
    for network in sorted(ours):
        _set(draft, here, Setting(("network", network)))


def _family(draft: Draft, desired: Desired, family: str, wanted: list[Words]) -> None:
    """Have the lines in one family about the declared peers exactly as wanted."""
    here = Context(FAMILY, desired.key, family)
    settings = list(want.family_settings(desired, family))
    declared = {peer.key for peer in desired.peers}
    if (wanted or settings) and not any(line.opens == here for line in draft.lines):
        draft.add_family(desired.key, family)
    draft.drop(
        lambda line: line.context == here and _peer_of(line, desired.key) in declared and _normal(line) not in wanted
    )
    if family == want.IPV4 and any(setting.key == ("maximum-paths",) for setting in settings):
        # The same command at router level is about this family, and would win when it comes later.
        router = Context(ROUTER, desired.key)
        draft.drop(
            lambda line: line.context == router and line.words[:1] == ("maximum-paths",) and len(line.words) == 2
        )
    for setting in settings:
        _set(draft, here, setting)
    standing = [_normal(line) for line in draft.lines if line.context == here]
    for words in wanted:
        if words not in standing:
            name = words[2] if words[0] == "no" else words[1]
            draft.add(
                here,
                words,
                after=lambda line, name=name: _peer_of(line, desired.key) == name,  # type: ignore[misc]
                else_after=lambda line: line.words[:1] == ("neighbor",),
            )
    twice: set[Words] = set()
    for line in [line for line in draft.lines if line.context == here and _normal(line) in wanted]:
        if _normal(line) in twice:
            draft.drop(lambda other, gone=line: other is gone)  # type: ignore[misc]
        twice.add(_normal(line))


def _users(seen: View, desired: Desired) -> set[str]:
    """Return the neighbours and groups whose route maps are ours."""
    router = seen.routers.get(desired.key)
    stems = tuple(name for family in want.FAMILIES for name in want.names(desired.name, family))
    found = set()
    for peer in router.peers.values() if router else ():
        maps = [name for entry in peer.families.values() for name in (entry.map_in, entry.map_out) if name]
        if any(name in stems or name.startswith(tuple(f"{stem}-" for stem in stems)) for name in maps):
            found.add(peer.name)
    return found


def _members(seen: View, desired: Desired, groups: Iterable[str]) -> set[str]:
    """Return the members of groups: without its group a neighbour has neither AS nor policy."""
    router = seen.routers.get(desired.key)
    return {peer.name for peer in router.peers.values() if peer.group in set(groups)} if router else set()


def _noted(lines: list[Line], name: str) -> dict[str, set[str]]:
    """Return the networks per family whose ``network`` lines are ours, as our block notes them."""
    first, last = markers(name)
    standing = [line.text for line in lines]
    block = standing[standing.index(first) : standing.index(last)] if first in standing else []
    notes = [note.removeprefix(f"{_NOTE} ").rpartition(" ") for note in block if note.startswith(f"{_NOTE} ")]
    return {family: {network for named, _blank, network in notes if named == family} for family in want.FAMILIES}


def _ours_to_originate(lines: list[Line], desired: Desired, noted: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the declared networks per family whose ``network`` lines are ours, or are to be: nobody else has one."""
    found = {}
    for family in want.FAMILIES:
        standing = {_network_of(line, desired.key, family) for line in lines}
        declared = want.networks(desired, family)
        found[family] = {network for network in declared if network in noted[family] or network not in standing}
    return found


def _network_of(line: Line, key: str, family: str) -> str | None:
    """Return the network that a ``network`` line of this family is about, in the one form of networks."""
    here = Context(FAMILY, key, family)
    if line.context != here or line.negated or not line.known or line.words[:1] != ("network",) or len(line.words) < 2:
        return None
    try:
        return str(ipaddress.ip_network(line.words[1], strict=False))
    except ValueError:
        return None


def _peer_of(line: Line, key: str) -> str | None:
    """Return the neighbour or group that a line inside this instance is about, in the families that are edited here."""
    if line.context.router != key or line.words[:1] != ("neighbor",) or len(line.words) < 2 or not line.known:
        return None
    return peer_key(line.words[1])


def _normal(line: Line) -> Words:
    """Return a line's words, ``no`` included, with addresses in one form."""
    words = line.words
    if words[:1] == ("neighbor",) and len(words) > 1:
        words = (words[0], peer_key(words[1]), *words[2:])
    return ("no", *words) if line.negated else words
