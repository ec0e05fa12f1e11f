# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""git_tree against real repositories: what it writes, what it leaves, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError, InputError
from ansible_collections.homeops.cluster.plugins.module_utils.git.errors import (
    GitDenied,
    GitRefused,
    GitUnreachable,
)
from tests.harness.git_remote import Remote, git, sealed
from tests.harness.git_server import GitServer

Have = Callable[..., dict[str, Any]]
TREE = sealed(
    clusters__home__kustomization="root: 1",
    infrastructure__longhorn__release="version: 1.10.1",
    infrastructure__longhorn__values="image: longhorn:1.10.1",
    infrastructure__metrics__release="version: 3.13.0",
)
TOKEN = "canary-token-4f1d"


def changed(result: dict[str, Any]) -> dict[str, str]:
    return {entry["path"]: entry["change"] for entry in result["changed_files"]}


def test_the_first_run_creates_the_branch(remote: Remote, have: Have) -> None:
    result = have(TREE)
    assert result["changed"]
    assert result["before"] == ""
    assert set(changed(result)) == set(TREE)
    assert {path: text + "\n" for path, text in remote.files().items()} == TREE
    assert git(remote.path, "rev-parse", "main") == result["commit"]


def test_the_second_run_commits_nothing(remote: Remote, have: Have) -> None:
    first = have(TREE)
    second = have(TREE)
    assert not second["changed"]
    assert second["commit"] == first["commit"]
    assert "diff" not in second
    assert len(remote.history()) == 1


def test_a_change_is_one_commit_with_a_line_that_tells_it(remote: Remote, have: Have) -> None:
    have(TREE)
    newer = TREE | sealed(
        infrastructure__longhorn__release="version: 1.10.2", infrastructure__longhorn__values="image: longhorn:1.10.2"
    )
    result = have(newer)
    assert remote.history() == ["Update infrastructure/longhorn from 1.10.1 to 1.10.2", *remote.history()[1:]]
    assert len(remote.history()) == 2
    assert (
        remote.touched()
        == sorted(changed(result))
        == ["infrastructure/longhorn/release.yaml", "infrastructure/longhorn/values.yaml"]
    )
    assert "-version: 1.10.1\n+version: 1.10.2\n" in result["diff"]["prepared"]


def test_what_is_rendered_no_more_is_removed(remote: Remote, have: Have) -> None:
    have(TREE)
    fewer = {path: text for path, text in TREE.items() if "metrics" not in path}
    result = have(fewer)
    assert changed(result) == {"infrastructure/metrics/release.yaml": "removed"}
    assert remote.history()[0] == "Remove infrastructure/metrics"
    assert set(remote.files()) == set(fewer)


def test_foreign_files_stay_untouched(remote: Remote, have: Have) -> None:
    remote.work(README="mine", infrastructure__own__release="---\nmine: true\n")
    have(TREE)
    have({path: text for path, text in TREE.items() if "metrics" not in path})
    assert remote.files()["infrastructure/own/release.yaml"] == "---\nmine: true"
    assert remote.files()["README.yaml"] == "mine"


def test_a_foreign_file_in_the_way_is_refused(remote: Remote, have: Have) -> None:
    theirs = remote.work(infrastructure__longhorn__release="---\nmine: true\n")
    with pytest.raises(GitRefused, match=r"infrastructure/longhorn/release\.yaml was not rendered by us"):
        have(TREE)
    assert git(remote.path, "rev-parse", "main") == theirs
    have(TREE, take_over=True)
    assert set(remote.files()) == set(TREE)


def test_a_foreign_file_where_a_folder_must_be_is_refused_even_with_take_over(remote: Remote, have: Have) -> None:
    remote.work(infrastructure__longhorn="x: 1\n")
    (remote.other / "infrastructure/longhorn.yaml").rename(remote.other / "infrastructure/longhorn")
    git(remote.other, "add", "--all")
    git(remote.other, "commit", "--quiet", "--message", "A file")
    git(remote.other, "push", "--quiet", "origin", "HEAD:main")
    with pytest.raises(GitRefused, match="infrastructure/longhorn was not rendered by us"):
        have(TREE, take_over=True)


def test_a_rendered_file_that_was_edited_is_refused(remote: Remote, have: Have) -> None:
    have(TREE)
    path = "infrastructure/longhorn/release.yaml"
    edited = TREE[path].replace("1.10.1", "1.9.0")
    theirs = remote.work(infrastructure__longhorn__release=edited)
    with pytest.raises(GitRefused, match="was edited since the last render"):
        have(TREE)
    assert git(remote.path, "rev-parse", "main") == theirs
    kept = have({name: text for name, text in TREE.items() if name != path})
    assert kept["left"] == [path]
    assert kept["warnings"]
    have(TREE, take_over=True)
    assert remote.files()[path] + "\n" == TREE[path]


def test_what_holds_data_goes_only_when_it_is_named_and_check_mode_says_the_same(remote: Remote, have: Have) -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: films, namespace: media}"
    full = TREE | sealed(infrastructure__media__claim=claim)
    have(full)
    told = []
    for check in (True, False):
        with pytest.raises(GitRefused, match=r"media/films of media \(which Flux would delete\)") as caught:
            have(TREE, check=check, remove=["longhorn"])
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "-e gitops_remove=longhorn,media" in told[0]
    assert len(remote.history()) == 1
    assert changed(have(TREE, remove=["media"])) == {"infrastructure/media/claim.yaml": "removed"}
    assert not have(TREE, remove=["media"])["changed"]


def test_flux_is_never_taken_out_of_its_tree(remote: Remote, have: Have) -> None:
    folder = "clusters__home__flux-system__"
    listed = {f"{folder}kustomization": "resources: [gotk-components.yaml, gotk-sync.yaml]"}
    have(TREE | sealed(**{f"{folder}gotk-components": "kind: Namespace"}, **listed))
    less = TREE | sealed(**{f"{folder}kustomization": "resources: [gotk-sync.yaml]"})
    told = []
    for check in (True, False):
        with pytest.raises(GitRefused, match="Flux would prune itself") as caught:
            have(less, check=check, take_over=True, remove=["flux-system"])
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert len(remote.history()) == 1


def test_somebody_elses_commits_are_built_upon(remote: Remote, have: Have) -> None:
    have(TREE)
    theirs = remote.work(own="mine")
    result = have(TREE | sealed(infrastructure__metrics__release="version: 3.14.0"))
    assert git(remote.path, "rev-parse", "main^") == theirs
    assert result["before"] == theirs


def test_check_mode_predicts_and_touches_nothing(remote: Remote, have: Have, tmp_path: Path) -> None:
    predicted = have(TREE, check=True)
    assert predicted["changed"]
    assert predicted["commit"] == ""
    assert not git(remote.path, "branch")
    assert not (tmp_path / "controller").exists()
    done = have(TREE)
    assert (predicted["changed_files"], predicted["message"]) == (done["changed_files"], done["message"])
    assert predicted["diff"] == done["diff"]
    remote.work(own="mine")
    controller = tmp_path / "controller" / "tree.git"
    before = sorted(str(path) for path in controller.rglob("*"))
    newer = TREE | sealed(infrastructure__metrics__release="version: 3.14.0")
    assert changed(have(newer, check=True)) == {"infrastructure/metrics/release.yaml": "changed"}
    assert sorted(str(path) for path in controller.rglob("*")) == before
    assert remote.history()[0] == "Work of the owner"


class TestCheckout:
    """The owner's own working copy as the controller's repository."""

    @pytest.fixture
    def copy(self, remote: Remote, have: Have, tmp_path: Path) -> Path:
        have(TREE)
        git(tmp_path, "clone", "--quiet", str(remote.path), "copy")
        return tmp_path / "copy"

    NEWER = TREE | sealed(infrastructure__metrics__release="version: 3.14.0")

    def test_it_follows(self, remote: Remote, have: Have, copy: Path) -> None:
        remote.work(own="mine")
        result = have(self.NEWER, directory=str(copy))
        assert git(copy, "rev-parse", "HEAD") == result["commit"] == git(remote.path, "rev-parse", "main")
        assert git(copy, "status", "--porcelain") == ""
        assert (copy / "own.yaml").read_text() == "mine"
        assert not have(self.NEWER, directory=str(copy))["changed"]

    def test_check_mode_leaves_it_as_it_is(self, remote: Remote, have: Have, copy: Path) -> None:
        remote.work(own="mine")
        before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
        assert have(self.NEWER, directory=str(copy), check=True)["changed"]
        assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before

    def test_a_dirty_one_is_refused(self, remote: Remote, have: Have, copy: Path) -> None:
        path = copy / "infrastructure/metrics/release.yaml"
        path.write_text("work in progress")
        with pytest.raises(GitRefused, match=r"not committed: infrastructure/metrics/release\.yaml"):
            have(self.NEWER, directory=str(copy))
        with pytest.raises(GitRefused, match="not committed"):
            have(self.NEWER, directory=str(copy), check=True)
        assert path.read_text() == "work in progress"
        assert len(remote.history()) == 1

    def test_an_untracked_file_matters_only_where_ours_go(self, have: Have, copy: Path) -> None:
        (copy / "notes.txt").write_text("mine")
        have(self.NEWER, directory=str(copy))
        added = self.NEWER | sealed(infrastructure__new__release="version: 1.0.0")
        (copy / "infrastructure/new").mkdir()
        (copy / "infrastructure/new/release.yaml").write_text("mine")
        with pytest.raises(GitRefused, match="not committed"):
            have(added, directory=str(copy))

    def test_commits_that_were_never_pushed_are_refused(self, remote: Remote, have: Have, copy: Path) -> None:
        (copy / "own.yaml").write_text("mine")
        git(copy, "add", "--all")
        git(copy, "commit", "--quiet", "--message", "My own work")
        with pytest.raises(GitRefused, match=r"has 1 commits of its own that were never pushed .*My own work"):
            have(self.NEWER, directory=str(copy))
        remote.work(theirs="theirs")
        for check in (True, False):
            with pytest.raises(GitRefused, match="has diverged from the repository"):
                have(self.NEWER, directory=str(copy), check=check)
        assert git(copy, "log", "-1", "--format=%s") == "My own work"
        assert remote.history()[0] == "Work of the owner"

    def test_another_branch_is_refused(self, have: Have, copy: Path) -> None:
        git(copy, "checkout", "--quiet", "-b", "experiment")
        with pytest.raises(GitRefused, match="is on experiment, not on main"):
            have(self.NEWER, directory=str(copy))

    def test_its_hooks_do_not_run(self, have: Have, copy: Path) -> None:
        for name in ("pre-push", "pre-commit", "post-merge", "reference-transaction"):
            hook = copy / ".git" / "hooks" / name
            hook.write_text(f"#!/bin/sh\ntouch {copy}/ran-{name}\nexit 1\n")
            hook.chmod(0o755)
        have(self.NEWER, directory=str(copy))
        assert not list(copy.glob("ran-*"))

    def test_another_directory_is_refused(self, have: Have, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").write_text("mine")
        with pytest.raises(InputError, match="no repository and not empty"):
            have(TREE, directory=str(tmp_path / "full"))


def test_a_race_is_lost_without_a_trace(
    remote: Remote, have: Have, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Somebody pushes between our look and our push."""
    from ansible_collections.homeops.cluster.plugins.module_utils.git import repository

    have(TREE)
    commit = repository.Repository.commit

    def slow(self: Any, *arguments: Any) -> str:
        made = commit(self, *arguments)
        remote.work(own="mine")
        return made

    monkeypatch.setattr(repository.Repository, "commit", slow)
    newer = TREE | sealed(infrastructure__metrics__release="version: 3.14.0")
    with pytest.raises(GitRefused, match="somebody else has pushed in the meantime"):
        have(newer)
    assert remote.history()[0] == "Work of the owner"
    monkeypatch.setattr(repository.Repository, "commit", commit)
    have(newer)
    assert remote.history()[:2] == ["Update infrastructure/metrics from 3.13.0 to 3.14.0", "Work of the owner"]


def test_a_protected_branch_is_told(remote: Remote, have: Have) -> None:
    hook = remote.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitRefused, match=r"main is protected.*The server protects the branch"):
        have(TREE)


def test_an_unreachable_repository_is_told(have: Have, tmp_path: Path) -> None:
    with pytest.raises(GitUnreachable, match=r"Asking the repository for its branches on file:.*failed"):
        have(TREE, url=(tmp_path / "nowhere.git").as_uri())
    with pytest.raises(GitUnreachable, match=r"(?i)connection refused|failed to connect"):
        have(TREE, url="http://127.0.0.1:9/tree.git")


def test_a_missing_branch_is_told(remote: Remote, have: Have) -> None:
    have(TREE)
    with pytest.raises(GitRefused, match="the repository has only main"):
        have(TREE, branch="production")


@pytest.mark.parametrize("path", ["../x.yaml", "/etc/x.yaml", ".git/config", "a//b.yaml", "a/.GIT/hooks/x", ""])
def test_a_path_out_of_the_repository_is_refused(remote: Remote, have: Have, path: str) -> None:
    with pytest.raises(InputError, match="no path of a file"):
        have({path: TREE["clusters/home/kustomization.yaml"]})
    assert not git(remote.path, "branch")


def test_an_empty_tree_is_refused(have: Have) -> None:
    with pytest.raises(InputError, match="no files"):
        have({})


def test_existing_only_looks(remote: Remote, have: Have, tmp_path: Path) -> None:
    needed = ["clusters/home/kustomization.yaml"]
    with pytest.raises(GitRefused, match="the branch is empty"):
        have(state="existing", needed=needed)
    remote.work(own="mine")
    with pytest.raises(GitRefused, match="there is no such file"):
        have(state="existing", needed=needed)
    commit = remote.work(clusters__home__kustomization="root: 1")
    result = have(state="existing", needed=needed)
    assert not result["changed"]
    assert result["commit"] == commit
    assert not (tmp_path / "controller").exists()


class TestHttp:
    """Over HTTP with a token."""

    def test_the_token_opens_the_door(self, remote: Remote, have: Have) -> None:
        with GitServer(remote.path.parent, TOKEN) as server:
            have(TREE, url=server.url("tree.git"), token=TOKEN)
            newer = TREE | sealed(infrastructure__metrics__release="version: 3.14.0")
            have(newer, url=server.url("tree.git"), token=TOKEN)
            before = len(server.seen)
            assert not have(newer, url=server.url("tree.git"), token=TOKEN)["changed"]
            # Only the branches are asked for when nothing has moved: one greeting, one list.
            assert len(server.seen[before:]) <= 2
        assert len(remote.history()) == 2

    @pytest.mark.parametrize("token", ["", "wrong-token"])
    def test_a_wrong_token_is_told_and_never_asked_for(self, remote: Remote, have: Have, token: str) -> None:
        with GitServer(remote.path.parent, TOKEN) as server, pytest.raises(GitDenied, match="token is still valid"):
            have(TREE, url=server.url("tree.git"), token=token)

    def test_a_server_that_hangs_is_given_up(self, remote: Remote, have: Have) -> None:
        with GitServer(remote.path.parent, slow=5) as server:
            with pytest.raises(GitUnreachable, match="no answer within 1 s"):
                have(TREE, url=server.url("tree.git"), timeout=1)
            server.slow = 0
            have(TREE, url=server.url("tree.git"))

    def test_the_token_shows_up_nowhere(
        self, remote: Remote, have: Have, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not among the arguments of any program, not in a file, not in a message, whatever is traced."""
        log = tmp_path / "argv"
        real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
        wrapper = tmp_path / "bin" / "git"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
        monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
        monkeypatch.setenv("GIT_CURL_VERBOSE", "1")
        told = ""
        with GitServer(remote.path.parent, TOKEN) as server:
            told += str(have(TREE, url=server.url("tree.git"), token=TOKEN))
            server.token = "another"
            with pytest.raises(HomeopsError) as caught:
                have(TREE, url=server.url("tree.git"), token=TOKEN)
            told += str(caught.value)
        assert "push" in log.read_text()
        assert TOKEN not in told + log.read_text()
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [str(path) for path in written if TOKEN.encode() in path.read_bytes()] == []

    def test_a_password_in_the_url_is_refused(self, have: Have) -> None:
        with pytest.raises(InputError, match="carries a password") as caught:
            have(TREE, url=f"http://x:{TOKEN}@127.0.0.1:9/tree.git")
        assert TOKEN not in str(caught.value)
