# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of secrets' names, of storage, and of what the owner adds to the tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model.schema import Path
from ..model.world import World
from .registry import ERROR, MODEL, WARN, Breach, also, check

_RUN = "verified by running over the files of a real home-lab"
_SECRETS = ("secrets", "bgp", "platform", "identity")
#: One field of a cron line: numbers, ranges, lists, steps, names.
_CRON = re.compile(
    r"(?:\*|\?|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/\d+)?(?:,(?:\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/\d+)?)*"
)


def folded(text: str) -> str:
    """Return a name without what people write differently: case, blanks, dashes."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _items(world: World) -> Iterator[tuple[Path, dict[str, str]]]:
    for name, item in world.get("secrets", "items").items():
        yield ("secrets", "items", name), item


@check(
    "SEC002",
    ERROR,
    "secrets",
    _SECRETS,
    rule="A 1Password item has one title.",
    why="Titles are looked up letter by letter: the second spelling finds nothing, or another item.",
    broken="'Talos Secrets - home-ops' and 'talos secrets home-ops'",
    right="one title, written the same wherever it is used",
    ground=_RUN,
)
def titles(world: World) -> Iterator[Breach]:
    """Titles that differ in case, blanks and dashes only are taken for one."""
    first: dict[str, str] = {}
    for path, item in _items(world):
        title = item.get("title")
        if title is None:
            continue
        if first.setdefault(folded(title), title) != title:
            yield Breach(
                (*path, "title"),
                f"The title {title!r} is elsewhere written {first[folded(title)]!r}.",
                first[folded(title)],
            )


@check(
    "SEC004",
    ERROR,
    "secrets",
    _SECRETS,
    rule="A field of an item has one name.",
    why="A field is looked up letter by letter: the ExternalSecret that uses the other spelling never becomes ready.",
    broken="field 'access key id' and field 'access_key_id' of one item",
    right="one spelling, that of the item",
    ground=_RUN,
)
def fields(world: World) -> Iterator[Breach]:
    """Fields of one title are compared."""
    first: dict[tuple[str, str], str] = {}
    for path, item in _items(world):
        if not {"title", "field"} <= item.keys():
            continue
        title, field = item["title"], item["field"]
        known = first.setdefault((title, folded(field)), field)
        if known != field:
            yield Breach((*path, "field"), f"The field {field!r} of {title!r} is elsewhere written {known!r}.", known)


@check(
    "STO006",
    ERROR,
    "storage",
    ("platform",),
    rule="The backup schedule of PostgreSQL has six fields, seconds first.",
    why="CloudNativePG reads the first field as seconds: five fields mean another time, with a warning at most.",
    broken="0 3 * * *",
    right="0 0 3 * * *",
    ground="cloudnative-pg/cloudnative-pg v1.28 docs/src/backup.md, scheduledbackup_webhook.go",
)
def schedule(world: World) -> Iterator[Breach]:
    """Names such as @daily are understood by CloudNativePG as well."""
    path = ("storage", "postgresql", "backup_schedule")
    given = world.maybe(*path)
    text, use = wrong_schedule(given) if given is not None else ("", None)
    if text:
        yield Breach(path, text, use)


def wrong_schedule(text: str) -> tuple[str, str | None]:
    """Return what is wrong with a schedule of CloudNativePG, and what to use; empty when nothing is."""
    if re.fullmatch(r"@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)", text):
        return "", None
    parts = text.split()
    if len(parts) != 6:
        return f"{text!r} has {len(parts)} fields.", f"0 {' '.join(parts)}" if len(parts) == 5 else None
    return ("", None) if all(_CRON.fullmatch(part) for part in parts) else (f"{text!r} is no schedule.", None)


@check(
    "STO007",
    WARN,
    "storage",
    ("platform",),
    rule="There are not more replicas than nodes.",
    why="Each replica needs a node of its own: volumes stay degraded for ever, and so does their alert.",
    broken="default_replicas: 3 on 2 nodes",
    right="default_replicas: 2",
    ground="verified by running; Longhorn: hard anti-affinity of replicas",
)
def replicas(world: World) -> Iterator[Breach]:
    """PostgreSQL's instances are spread over nodes in the same way."""
    count = len(world.get("nodes"))
    for path in (("storage", "default_replicas"), ("storage", "postgresql", "instances")):
        number = world.maybe(*path)
        if number is not None and number > count:
            yield Breach(path, f"{path[-1]} is {number}, and there are {count} nodes.", str(count))


#: The name of the Cluster, which the barman plugin archives under when it is told none.
_ARCHIVE = "postgresql-cluster"


@check(
    "MOD015",
    ERROR,
    "storage",
    ("platform",),
    rule="A PostgreSQL that is rebuilt reads one archive of the object store, and writes to another.",
    why="It is restored from nothing, or into an archive that is not empty, which the plugin refuses: it never starts.",
    broken="recover_from: postgresql-cluster, and no archive",
    right="recover_from: postgresql-cluster, archive: postgresql-cluster-2",
    ground="cloudnative-pg/plugin-barman-cloud v0.5.0 internal/cnpgi/restore/restore.go, pull request 458",
)
def recovery(world: World) -> Iterator[Breach]:
    """The Cluster archives under its own name, postgresql-cluster, when storage.postgresql.archive is not there.
    recover_until goes with recover_from and is a moment with its time zone."""
    path: Path = ("storage", "postgresql")
    for problem in world.claimed("MOD015"):
        yield Breach(problem.path, f"{problem.text[:1].upper()}{problem.text[1:]}.", problem.use)
    given = world.maybe(*path, default={})
    source = given.get("recover_from")
    # A name that the schema has refused already is no default either.
    target = given.get("archive") if world.raw((*path, "archive")) is not None else _ARCHIVE
    if source is None:
        if "recover_until" in given and world.raw((*path, "recover_from")) is None:
            yield Breach((*path, "recover_until"), "No archive is named that would be recovered until then.")
        return
    if world.raw(("storage", "backup")) is None:
        text = f"The archive {source} is in no object store: homeops_storage.backup is not there."
        yield Breach((*path, "recover_from"), text)
    if source == target:
        text = f"The database would archive under {target}, which it is rebuilt from."
        key, use = ("archive", "{}") if "archive" in given else ("recover_from", "archive: {}")
        yield Breach((*path, key), text, use.format(_following(target)))


def _following(name: str) -> str:
    """Return the name of the archive that comes after one: ``pg`` has ``pg-2``, and that has ``pg-3``."""
    head, _unused, number = name.rpartition("-")
    return f"{head}-{int(number) + 1}" if head and re.fullmatch(r"[0-9]{1,4}", number) else f"{name}-2"


@also("GIT013", MODEL)
def remote_resources(world: World) -> Iterator[Breach]:
    """The tree that is rendered names files only, so what remains is gitops.extra_resources."""
    for path, text in world.texts("gitops", "extra_resources"):
        if "://" in text or text.startswith("github.com/"):
            yield Breach(path, f"{text} is fetched whenever the tree is built.", "a file of the repository")
