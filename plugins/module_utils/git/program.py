# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that starts git.

Git is asked as a machine asks it: no prompt, no hook, no pager, messages in English, a deadline for every call. The
token is never an argument: it travels as configuration in the environment (``GIT_CONFIG_*``, git 2.31 and later), bound
to the repository's own URL, and is taken out of every text that comes back.
"""

from __future__ import annotations

import base64
import functools
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..common.errors import InputError
from .errors import GitDenied, GitError, GitUnreachable

#: Variables that point git elsewhere or make it talk about credentials.
_DROPPED = re.compile(r"GIT_(?!SSH|SSL|PROXY)|SSH_ASKPASS|GCM_")
_DENIED = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|returned error: 40[13]"
    r"|invalid username or token|access denied|not allowed to push",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"unable to access|could not resolve|connection (?:refused|reset|timed out)|failed to connect|timed out"
    r"|does not appear to be a git repository|repository .* not found|could not read from remote|early eof"
    r"|returned error: (?:404|5\d\d)|no such file or directory",
    re.IGNORECASE,
)
#: ``GIT_CONFIG_COUNT`` came with it.
_OLDEST = (2, 31)
_NOISE = re.compile(r"^(?:hint|warning|remote: *$)", re.IGNORECASE)


@dataclass(frozen=True)
class Access:
    """How the repository is reached.

    :param token: sent as the password of ``user`` to an ``https://`` or ``http://`` URL.
    :param ca_file: certificates to trust beside the system's.
    """

    url: str
    user: str = "x-access-token"
    token: str = field(default="", repr=False)
    ca_file: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.password:
            raise InputError(
                "the repository's URL carries a password",
                remedy="Give the URL without it, and the password as token",
                param="url",
            )

    def secrets(self) -> tuple[str, ...]:
        """Return every form in which the token could show up in a text."""
        return (self.token, self._basic()) if self.token else ()

    def _basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self.token}".encode()).decode()

    def settings(self) -> dict[str, str]:
        """Return git's configuration for it."""
        found = {
            "core.hooksPath": os.devnull,
            "core.fsmonitor": "false",
            "credential.interactive": "false",
            "protocol.ext.allow": "never",
            "http.lowSpeedLimit": "500",
            "http.lowSpeedTime": "30",
            "maintenance.auto": "false",
            "gc.auto": "0",
        }
        if self.token and self.url.startswith(("http://", "https://")):
            found["credential.helper"] = ""
            found[f"http.{self.url}.extraHeader"] = f"Authorization: Basic {self._basic()}"
        if self.ca_file:
            found["http.sslCAInfo"] = self.ca_file
        return found


class Git:
    """Runs git in one repository.

    :param directory: the working copy, or the repository itself when it is bare.
    :param timeout: seconds for each call.
    """

    def __init__(self, access: Access, directory: str, timeout: float = 60.0) -> None:
        self.access, self.directory, self._timeout = access, directory, timeout
        self._program = shutil.which("git") or ""
        if not self._program:
            raise InputError(
                "git is not installed on the controller", remedy="Install it: it is the one program needed"
            )
        _judge_version(self._program)

    def text(
        self, *words: str, doing: str = "", given: str | None = None, extra: Mapping[str, str] | None = None
    ) -> str:
        """Return what git prints.

        :param doing: what this call is for, as a gerund phrase.
        :param given: standard input.
        :param extra: further variables of the environment.
        :raises GitError: with git's own last words.
        """
        return self.raw(*words, doing=doing, given=None if given is None else given.encode(), extra=extra).decode(
            "utf-8", "surrogateescape"
        )

    def raw(
        self, *words: str, doing: str = "", given: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> bytes:
        """Return what git prints, as bytes; see :meth:`text`."""
        doing = doing or f"asking git ({words[0]})"
        done, told = self._start(words, given, extra or {}, doing)
        if done.returncode == 0:
            return done.stdout
        raise self._failed(told, doing)

    def succeeds(self, *words: str) -> bool:
        """Whether git ends with 0; for questions whose answer is the exit code."""
        done, _told = self._start(words, None, {}, f"asking git ({words[0]})")
        return done.returncode == 0

    def answer(self, *words: str) -> str:
        """Return the one line that git prints, empty when it has no answer."""
        done, _told = self._start(words, None, {}, f"asking git ({words[0]})")
        return done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else ""

    def _failed(self, told: str, doing: str) -> GitError:
        lines = [line.strip() for line in told.splitlines() if line.strip() and not _NOISE.match(line.strip())]
        answer = next(
            (line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))), lines[-1] if lines else ""
        )
        answer = re.sub(r"^(?:fatal|error): *", "", answer)
        kind: type[GitError] = GitError
        remedy = ""
        if _DENIED.search(told):
            kind, remedy = GitDenied, "Look whether the token is still valid and may write to this repository"
        elif _UNREACHABLE.search(told):
            kind, remedy = GitUnreachable, "Look whether the URL is right and the server answers from here"
        error = kind(doing, target=self.access.url, answer=answer, remedy=remedy)
        error.told = told
        return error

    def _start(
        self, words: Sequence[str], given: bytes | None, extra: Mapping[str, str], doing: str
    ) -> tuple[subprocess.CompletedProcess[bytes], str]:
        process = subprocess.Popen(  # noqa: S603 (git itself, without a shell)
            [self._program, *words],
            cwd=self.directory,
            env={**_environment(self.access.settings()), **extra},
            stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A group of its own: at the deadline the transport that git has started must go as well.
            start_new_session=True,
        )
        try:
            out, err = process.communicate(given, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise GitUnreachable(
                doing,
                target=self.access.url,
                answer=f"no answer within {self._timeout:.0f} s",
                remedy="Look whether the server answers from here; a slow one needs a longer timeout",
            ) from None
        told = err.decode("utf-8", "replace")
        for secret in self.access.secrets():
            told = told.replace(secret, "***")
        return subprocess.CompletedProcess(list(words), process.returncode, out, err), told


@functools.lru_cache(maxsize=4)
def _judge_version(program: str) -> None:
    """Refuse a git that does not read its configuration from the environment: it would run hooks and know no token."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    if not match or (int(match[1]), int(match[2])) < _OLDEST:
        raise InputError(
            "this git is too old",
            answer=done.stdout.strip() or done.stderr.strip(),
            remedy=f"Install {_OLDEST[0]}.{_OLDEST[1]} or later",
        )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
    found |= {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "GIT_OPTIONAL_LOCKS": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    found.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=15")
    for number, (name, value) in enumerate(settings.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = name
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found
