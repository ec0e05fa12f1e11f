# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare repository and somebody else who works in it, by the ordinary git."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homeops.cluster.plugins.module_utils.gitops.seal import seal

WHO = ["-c", "user.name=Owner", "-c", "user.email=owner@example.net", "-c", "commit.gpgSign=false"]


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=directory, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sealed(**files: str) -> dict[str, str]:
    """Files by their path, ``__`` standing for a slash."""
    return {f"{name.replace('__', '/')}.yaml": seal(f"---\n{text}\n") for name, text in files.items()}


@dataclass
class Remote:
    """A bare repository, and a checkout by which somebody else works in it."""

    path: Path
    other: Path

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def history(self) -> list[str]:
        return git(self.path, "log", "--format=%s", "main").splitlines()

    def files(self, commit: str = "main") -> dict[str, str]:
        names = git(self.path, "ls-tree", "-r", "--name-only", commit).splitlines()
        return {name: git(self.path, "show", f"{commit}:{name}") for name in names}

    def touched(self, commit: str = "main") -> list[str]:
        return git(self.path, "show", "--name-only", "--format=", commit).splitlines()

    def work(self, message: str = "Work of the owner", **files: str) -> str:
        """Commit and push files as somebody else does."""
        if not (self.other / ".git").exists():
            self.other.mkdir(exist_ok=True)
            git(self.other, "init", "--quiet", "--initial-branch=main", ".")
            git(self.other, "remote", "add", "origin", str(self.path))
        if git(self.path, "branch", "--list", "main"):
            git(self.other, "fetch", "--quiet", "origin")
            git(self.other, "reset", "--quiet", "--hard", "origin/main")
        for name, text in files.items():
            path = self.other / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.other, "add", "--all")
        git(self.other, "commit", "--quiet", "--message", message)
        git(self.other, "push", "--quiet", "origin", "HEAD:main")
        return git(self.other, "rev-parse", "HEAD")
