# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore of PostgreSQL finds in the lab's object store."""

from __future__ import annotations

import asyncio
import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from lab.controllers.api import SECRETS
from lab.controllers.platform import cnpg_plan as plan, cnpg_store
from lab.controllers.platform.state import Archive, Platform

STORE = {"spec": {"configuration": {"destinationPath": "s3://bucket/postgresql/"}}}
BACKUP = datetime.datetime(2026, 1, 5, 3, 0, tzinfo=datetime.UTC)
OLD, NEW = ("s3://bucket/postgresql", "pg"), ("s3://bucket/postgresql", "pg-2")


def restored(archives: dict[tuple[str, str], Archive], **recovery: Any) -> Any:
    """Restore ``pg`` into ``pg-2``."""
    source = {"name": "lost", "plugin": {"parameters": {"barmanObjectName": "store", "serverName": "pg"}}}
    plugin = {"name": "barman", "parameters": {"barmanObjectName": "store", "serverName": "pg-2"}}
    cluster = {
        "metadata": {"name": "pg", "namespace": "db"},
        "spec": {
            "bootstrap": {"recovery": {"source": "lost", **recovery}},
            "externalClusters": [source],
            "plugins": [plugin],
        },
    }
    world: Any = SimpleNamespace(
        mirrors={plan.CLUSTERS: {("db", "pg"): cluster}, plan.OBJECT_STORES: {("db", "store"): STORE}, SECRETS: {}},
        platform=Platform(archives=archives),
        delays=SimpleNamespace(kubernetes=SimpleNamespace(job=0)),
    )
    world.mirrors = {key: SimpleNamespace(get=lambda *name, of=of: of.get(name)) for key, of in world.mirrors.items()}
    job = plan.recovery_job(cluster, "pg-1")
    pod = {"metadata": {"namespace": "db", **job["spec"]["template"]["metadata"]}}
    assert cnpg_store.is_restore(pod)
    return asyncio.run(cnpg_store.restore(world, pod))


@pytest.mark.parametrize(
    ("archives", "recovery", "words"),
    [
        ({OLD: Archive(True, [BACKUP])}, {}, ""),
        ({OLD: Archive(True, [BACKUP])}, {"recoveryTarget": {"targetTime": "2026-01-05T04:00:00+01:00"}}, ""),
        (
            {OLD: Archive(True, [BACKUP])},
            {"recoveryTarget": {"targetTime": "2026-01-05T03:59:59+01:00"}},
            "no target backup found",
        ),
        ({}, {}, "no target backup found"),
        # Log files alone are no backup.
        ({OLD: Archive(True)}, {}, "no target backup found"),
        ({("s3://other", "pg"): Archive(True, [BACKUP])}, {}, "no target backup found"),
        ({OLD: Archive(True, [BACKUP]), NEW: Archive(True)}, {}, "failed for server pg-2: Expected empty archive"),
        # Where it would write is looked at first.
        ({NEW: Archive(True)}, {}, "failed for server pg-2: Expected empty archive"),
        ({OLD: Archive(True, [BACKUP])}, {"source": "gone"}, "missing external cluster: gone"),
    ],
)
def test_a_restore_needs_a_backup_and_an_empty_archive(
    archives: dict[tuple[str, str], Archive], recovery: dict[str, Any], words: str
) -> None:
    outcome = restored(archives, **recovery)
    assert (outcome.code, words in outcome.output) == (1 if words else 0, True)
