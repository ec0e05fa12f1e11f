# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bare repositories on disk: read by path and commit, and once written to as somebody else.

Everything is asked of ``git`` itself; only the tip of a branch is read from its file, because the source-controller
looks at it all the time.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

_WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Somebody else"), ("EMAIL", "somebody@example.net"))
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


class GitError(Exception):
    """What git says when it cannot do what was asked."""


def environment(**extra: str) -> dict[str, str]:
    """Return an environment in which git reads nobody's configuration and asks nothing."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **quiet, **extra}


async def git(
    *words: str, where: Path | None = None, data: bytes | None = None, extra: Mapping[str, str] | None = None
) -> bytes:
    """Run git and return what it prints.

    :param extra: further environment variables.
    :raises GitError: with the last line that it complained with.
    """
    process = await asyncio.create_subprocess_exec(
        *("git", *words),
        cwd=where,
        env=environment(**(extra or {})),
        stdin=asyncio.subprocess.PIPE if data is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate(data)
    if process.returncode:
        lines = error.decode(errors="replace").strip().splitlines()
        raise GitError(lines[-1] if lines else f"git {words[0]} ended with {process.returncode}")
    return out


class Repository:
    """One bare repository.

    :param path: its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Tell whether it is there."""
        return (self.path / "HEAD").is_file()

    async def create(self, branch: str = "main") -> None:
        """Make it, empty, as a new repository of a hosting service is."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Without a template there are no sample hooks, which would be executable.
        await git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", ".", where=self.path)
        await git("config", "http.receivepack", "true", where=self.path)

    def tip(self, reference: str) -> str:
        """Return the commit of ``refs/heads/main`` and the like; empty when there is none."""
        try:
            return (self.path / reference).read_text(encoding="ascii").strip()
        except OSError:
            pass
        try:
            packed = (self.path / "packed-refs").read_text(encoding="utf-8")
        except OSError:
            return ""
        found = [line.partition(" ") for line in packed.splitlines() if not line.startswith(("#", "^"))]
        return next((commit for commit, _space, name in found if name == reference), "")

    async def knows(self, commit: str) -> bool:
        """Tell whether a commit is in the repository."""
        try:
            await git("cat-file", "-e", f"{commit}^{{commit}}", where=self.path)
        except GitError:
            return False
        return True

    async def files(self, commit: str) -> tuple[dict[str, bytes], bytes]:
        """Return every file of a commit by its path, and the archive that they came in."""
        archive = await git("archive", "--format=tar", commit, where=self.path)
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name] = content.read()
        return found, archive

    async def commit(self, path: str, text: str, message: str, branch: str = "main") -> str:
        """Write one file on top of a branch as somebody else does, and return the commit."""
        reference = f"refs/heads/{branch}"
        parent = self.tip(reference)
        index = {"GIT_INDEX_FILE": str(self.path / "somebody.index")}
        blob = (await git("hash-object", "-w", "--stdin", where=self.path, data=text.encode())).decode().strip()
        await git("read-tree", parent or "--empty", where=self.path, extra=index)
        entry = f"100644,{blob},{path}"
        await git("update-index", "--add", "--cacheinfo", entry, where=self.path, extra=index)
        tree = (await git("write-tree", where=self.path, extra=index)).decode().strip()
        above = ("-p", parent) if parent else ()
        made = await git("commit-tree", tree, *above, "-m", message, where=self.path, extra=_WHO)
        await git("update-ref", reference, made.decode().strip(), where=self.path)
        return made.decode().strip()


class Repositories:
    """All repositories below one directory, each ``<owner>/<name>.git``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, name: str) -> Repository | None:
        """Return the repository ``owner/name``; None for what is not such a name."""
        name = name.strip("/").removesuffix(".git")
        return Repository(self.root / f"{name}.git") if _NAME.fullmatch(name) and ".." not in name else None

    def of_url(self, url: str) -> Repository | None:
        """Return the repository that stands for a URL of a hosting service: the last two parts of its path count."""
        path = re.sub(r"^(?:[a-z+]+://[^/]*/|[^/@]+@[^:/]+:)", "", url).strip("/")
        return self.at("/".join(path.split("/")[-2:]))
