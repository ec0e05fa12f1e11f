# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One branch of a repository: what its newest commit holds, and one more commit on top of it.

Everything is done with objects, never in a working copy: a commit is put together, pushed, and only when the server has
taken it does anything here point to it. So a run that fails leaves both sides as they were.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .errors import GitError, GitRefused
from .program import Access, Git

#: What of the branch has been fetched; a name of our own, so that nobody's branches and remotes are touched.
_SEEN = "refs/homeops/seen"
_FILE = "100644"
_DOING = "writing the tree"


@dataclass(frozen=True)
class Entry:
    """One file of a commit: its mode and the id of its content."""

    mode: str
    blob: str


class Repository:
    """A branch at its server, seen through a repository on the controller.

    :param directory: a working copy, a bare repository, or nothing yet.
    """

    def __init__(self, access: Access, branch: str, directory: str, timeout: float) -> None:
        self.branch = branch
        self._access, self._directory, self._timeout = access, directory, timeout
        self._git = Git(access, directory, timeout) if os.path.isdir(directory) and os.listdir(directory) else None

    @property
    def exists(self) -> bool:
        """Whether there is a repository on the controller already."""
        return self._git is not None

    @property
    def git(self) -> Git:
        """The repository on the controller, made when there is none."""
        if self._git is None:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._git = Git(self._access, self._directory, self._timeout)
            self._git.text("init", "--quiet", "--bare", ".", doing="making the repository of the controller")
        return self._git

    def borrowed(self, directory: str) -> Repository:
        """Return the same branch seen through an empty repository that reads this one's objects.

        For predictions: whatever is fetched for them goes away with ``directory``.
        """
        other = Repository(self._access, self.branch, os.path.join(directory, "tree.git"), self._timeout)
        if self._git is not None:
            objects = self._git.text("rev-parse", "--git-path", "objects", doing="looking at the checkout").strip()
            with open(
                os.path.join(other.git.directory, "objects", "info", "alternates"), "w", encoding="utf-8"
            ) as file:
                file.write(os.path.abspath(os.path.join(self._git.directory, objects)) + "\n")
        return other

    def tip(self) -> str:
        """Return the branch's newest commit at the server; empty when the repository is empty.

        :raises GitRefused: the repository has other branches but not this one.
        """
        doing = "asking the repository for its branches"
        answer = self.git.text("ls-remote", "--heads", self._access.url, doing=doing)
        heads = {name.removeprefix("refs/heads/"): sha for sha, _tab, name in map(_split, answer.splitlines())}
        if self.branch in heads:
            return heads[self.branch]
        if heads:
            raise GitRefused(
                f"reading the branch {self.branch}",
                target=self._access.url,
                answer=f"the repository has only {', '.join(sorted(heads)[:5])}",
                remedy="Create the branch, or set homeops_gitops.branch",
            )
        return ""

    def fetch(self, sha: str) -> None:
        """Have the branch's commits up to ``sha`` here."""
        if sha and not self.git.succeeds("cat-file", "-e", f"{sha}^{{tree}}"):
            self.git.text(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                self._access.url,
                f"+refs/heads/{self.branch}:{_SEEN}",
                doing=f"fetching the branch {self.branch}",
            )

    def files(self, sha: str) -> dict[str, Entry]:
        """Return every file of a commit by path."""
        if not sha:
            return {}
        listed = self.git.text("ls-tree", "-r", "-z", sha, doing="listing the files of the branch")
        found = {}
        for line in filter(None, listed.split("\0")):
            about, _tab, path = line.partition("\t")
            mode, _kind, blob = about.split(" ")
            found[path] = Entry(mode, blob)
        return found

    def texts(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Return the content of files; what is no UTF-8 text is left out."""
        if not entries:
            return {}
        asked = "".join(f"{entry.blob}\n" for entry in entries.values()).encode()
        answer = self.git.raw("cat-file", "--batch", doing="reading files of the branch", given=asked)
        found, at = {}, 0
        for path in entries:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].rpartition(b" ")[2])
            try:
                found[path] = answer[end + 1 : end + 1 + size].decode()
            except UnicodeDecodeError:
                pass
            at = end + 1 + size + 1
        return found

    def commit(self, parent: str, changes: Mapping[str, str | None], message: str, author: tuple[str, str]) -> str:
        """Put a commit together and return its id; nothing points to it yet.

        :param changes: new text by path; None removes the file.
        :param author: name and e-mail address.
        """
        git = self.git
        written = {path: text for path, text in changes.items() if text is not None}
        with tempfile.TemporaryDirectory(prefix="homeops-git-") as folder:
            names = []
            for number, text in enumerate(written.values()):
                names.append(os.path.join(folder, str(number)))
                with open(names[-1], "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}
            doing = "writing the files into the repository of the controller"
            # Without filters: line ends and attributes of the owner's own configuration must not change a byte.
            blobs = git.text(
                "hash-object",
                "-w",
                "--no-filters",
                "--stdin-paths",
                doing=doing,
                given="".join(f"{n}\n" for n in names),
            ).split()
            git.text("read-tree", parent or "--empty", doing=doing, extra=index)
            zero = "0" * (len(parent) or 40)
            lines = [f"{_FILE} {blob}\t{path}\0" for path, blob in zip(written, blobs, strict=True)]
            lines += [f"0 {zero}\t{path}\0" for path, text in changes.items() if text is None]
            git.text("update-index", "-z", "--index-info", doing=doing, given="".join(lines), extra=index)
            tree = git.text("write-tree", doing=doing, extra=index).strip()
        name, address = author
        who = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": address,
        }
        parents = ("-p", parent) if parent else ()
        return git.text(
            "commit-tree", tree, *parents, doing="committing the tree", given=f"{message}\n", extra=who
        ).strip()

    def push(self, sha: str) -> None:
        """Have the server move the branch to a commit that stands on its newest one; never by force.

        :raises GitRefused: somebody else was faster, or the server's own rules forbid it.
        """
        doing = f"pushing to the branch {self.branch}"
        try:
            self.git.text("push", "--quiet", self._access.url, f"{sha}:refs/heads/{self.branch}", doing=doing)
        except GitError as error:
            if "[remote rejected]" in error.told:
                raise GitRefused(
                    doing,
                    target=self._access.url,
                    answer=_words_of_server(error.told) or error.answer,
                    remedy="The server protects the branch: allow this token to push, or render on a branch of its own",
                ) from None
            if self.tip_moved(sha):
                raise GitRefused(
                    doing,
                    target=self._access.url,
                    answer="somebody else has pushed in the meantime",
                    remedy="Nothing was written; run again",
                ) from None
            raise
        self.git.text("update-ref", _SEEN, sha, doing=doing)

    def tip_moved(self, sha: str) -> bool:
        """Whether the branch at the server is not what the commit ``sha`` stands on."""
        parents = self.git.text("rev-list", "--parents", "--max-count=1", sha).split()[1:]
        return self.tip() not in (parents or [""])


class Checkout:
    """A working copy of the owner's, if the directory is one: it must be clean, and follows in the end."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def refuse_unless_clean(self, tip: str, paths: Collection[str], seen: Repository) -> None:
        """Refuse a working copy with work in it that is not in the branch yet.

        :param tip: the branch's newest commit.
        :param paths: where files will be written.
        :param seen: where ``tip`` has been fetched to; reads the objects of the working copy.
        :raises GitRefused: telling what is in the way.
        """
        git, branch = self._repository.git, self._repository.branch
        where = git.directory
        head = git.answer("symbolic-ref", "--quiet", "--short", "HEAD")
        if head != branch:
            raise GitRefused(
                _DOING,
                target=where,
                answer=f"the checkout is on {head or 'no branch'}, not on {branch}",
                remedy=f"Check out {branch}, or give another directory",
            )
        status = git.text("status", "--porcelain=v1", "-z", "--untracked-files=all", doing="looking at the checkout")
        mine = [path for state, path in _dirty(status) if state != "??" or path in paths]
        if mine:
            raise GitRefused(
                _DOING,
                target=where,
                answer=f"the checkout has changes that are not committed: {', '.join(mine[:5])}",
                remedy="Commit and push them, or take them back",
            )
        commit = git.answer("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if not commit:
            return
        span = f"{commit}...{tip}" if tip else commit
        counted = seen.git.text("rev-list", "--left-right", "--count", span, doing="comparing the checkout").split()
        ahead, behind = (int(counted[0]), int(counted[1])) if tip else (int(counted[-1]), 0)
        if ahead:
            newest = git.text("log", "--format=%h %s", "--max-count=1", commit).strip()
            state = f"has diverged from the repository: {behind} commits there, and" if behind else "has"
            raise GitRefused(
                _DOING,
                target=where,
                answer=f"the checkout {state} {ahead} commits of its own that were never pushed (newest: {newest})",
                remedy="Push them, rebasing first when needed, or drop them",
            )

    def follow(self, sha: str) -> None:
        """Bring the working copy to a commit that stands on what it has."""
        git = self._repository.git
        if sha and git.answer("rev-parse", "--verify", "--quiet", "HEAD^{commit}") != sha:
            git.text("merge", "--quiet", "--ff-only", sha, doing="bringing the checkout to the new commit")


def checkout(repository: Repository) -> Checkout | None:
    """Return the working copy that the repository's directory is, None when it is bare."""
    bare = repository.git.text("rev-parse", "--is-bare-repository", doing="looking at the directory").strip()
    return None if bare == "true" else Checkout(repository)


def blob_id(text: str, length: int) -> str:
    """Return git's id of a file's content.

    :param length: of the ids of the repository: 40 (SHA-1) or 64 (SHA-256).
    """
    data = text.encode()
    made = hashlib.sha256() if length == 64 else hashlib.sha1(usedforsecurity=False)
    made.update(b"blob %d\0" % len(data) + data)
    return made.hexdigest()


def _words_of_server(told: str) -> str:
    """Return what the server itself said about a push that it rejected."""
    return " ".join(line.removeprefix("remote:").strip() for line in told.splitlines() if line.startswith("remote:"))


def _split(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


def _dirty(status: str) -> list[tuple[str, str]]:
    """Return state and path of each line of ``git status --porcelain=v1 -z``."""
    found = []
    parts = iter(filter(None, status.split("\0")))
    for part in parts:
        found.append((part[:2], part[3:]))
        if part[0] in "RC":
            next(parts, None)
    return found
