# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render changes in a repository, as a pure question."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.homeops.cluster.plugins.module_utils.git import repository, tree_plan
from ansible_collections.homeops.cluster.plugins.module_utils.git.errors import GitRefused
from ansible_collections.homeops.cluster.plugins.module_utils.git.tree_plan import Change
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.seal import seal

NAMES = st.sampled_from([f"{top}/{name}.yaml" for top in ("apps", "infrastructure/a") for name in ("x", "y", "z")])
SEALED = st.dictionaries(NAMES, st.sampled_from(["a: 1\n", "a: 2\n", "a: 3\n"]).map(seal))


FOREIGN = st.dictionaries(st.sampled_from(["README.md", "own/x.yaml"]), st.sampled_from(["", "mine", "---\na: 1\n"]))


@settings(max_examples=60)
@given(wanted=SEALED, before=SEALED, foreign=FOREIGN)
def test_what_comes_out_is_the_render_and_everybody_elses_files(
    wanted: dict[str, str], before: dict[str, str], foreign: dict[str, str]
) -> None:
    present = {**before, **foreign}
    changes, left = tree_plan.plan(wanted, present, ())
    after = dict(present)
    for change in changes:
        assert after.get(change.path) == change.before
        if change.after is None:
            del after[change.path]
        else:
            after[change.path] = change.after
    assert after == {**foreign, **wanted}
    assert left == []
    assert tree_plan.plan(wanted, after, ()) == ([], [])


def test_what_cannot_be_read_is_in_the_way_too() -> None:
    with pytest.raises(GitRefused, match=r"apps/x\.yaml was not rendered by us"):
        tree_plan.plan({"apps/x.yaml": seal("a: 1\n")}, {}, {"apps/x.yaml"}, take_over=True)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([("infrastructure/a/release.yaml", "s\nv: 1\n", "s\nv: 2\n")], "Update infrastructure/a from 1 to 2"),
        ([("infrastructure/a/release.yaml", "s\nv: 1\nw: 1\n", "s\nv: 2\nw: 3\n")], "Update infrastructure/a"),
        (
            [
                ("infrastructure/a/x.yaml", "s\nimage: r/a:v1\n", "s\nimage: r/a:v2\n"),
                ("infrastructure/b/x.yaml", 's\ntag: "v1"\n', 's\ntag: "v2"\n'),
            ],
            "Update infrastructure/a and infrastructure/b from v1 to v2",
        ),
        ([("apps/services/wiki.yaml", None, "s\n"), ("apps/services/kustomization.yaml", "s\na\n", "s\na\nb\n")], None),
        ([(f"infrastructure/{n}/x.yaml", None, "s\n") for n in "abcdefghij"], "Add 10 files of infrastructure"),
        ([("clusters/home/apps.yaml", "s\na: 1\n", "s\nb: 1\nc: 2\n")], "Update clusters/home"),
        (
            [("infrastructure/a/x.yaml", "s\n", None), ("clusters/home/apps.yaml", "s\na: 1\n", "s\n")],
            "Update infrastructure/a",
        ),
    ],
)
def test_the_line_of_the_history_tells_what_changed(
    changes: list[tuple[str, str | None, str | None]], line: str | None
) -> None:
    told = tree_plan.message([Change(*change) for change in changes])
    assert told == (line or "Update apps/services/wiki and apps/services")
    assert "\n" not in told


def test_a_blob_is_named_as_git_names_it() -> None:
    # `printf 'hello\n' | git hash-object --stdin`
    assert repository.blob_id("hello\n", 40) == "ce013625030ba8dba906f756967f9e9ca394464a"
    # `... | git hash-object --stdin` in a repository with --object-format=sha256
    assert repository.blob_id("hello\n", 64) == "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"
