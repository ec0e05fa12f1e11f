# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place of the collection that starts a program, and only one that the user names.

The console's API knows no session state, so it is read with the router's own ``vtysh``, usually over SSH; and whoever
has FRR at hand may let it check a text. Both are options that are empty by default; ``auto`` names for the second
whatever of FRR there is. Words are handed over one by one, never through a shell.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import FrrError

#: bgpd tells rejected lines this way; its exit code is 0 all the same.
_REJECTED = re.compile(r"on config line (\d+)")
#: bgpd tells reasons beside them, without line numbers: ``% Configure the peer-group first``, or a description behind
#: ``% Configuration failed.``; an unknown command has none.
_REASON = re.compile(r"^(?:% (?!Configuration failed)|Error description: )(.+?)\.?\s*$", re.MULTILINE)
#: vtysh: ``line 4: % Unknown command[25]: ...``; the number in brackets is the node.
_UNKNOWN = re.compile(r"^line (\d+): (?:% )?([^:\[\n]*)", re.MULTILINE)
#: Where FRR's packages put the two programs, beside what PATH says.
_PLACES = {
    "vtysh": ("/usr/bin/vtysh", "/usr/local/bin/vtysh"),
    "bgpd": ("/usr/lib/frr/bgpd", "/usr/libexec/frr/bgpd", "/usr/sbin/bgpd"),
}


#: Stands for a command: whatever of FRR is at hand.
AUTO = "auto"


@dataclass(frozen=True)
class Rejection:
    """One line that a dry run rejects; ``line`` is 1-based, ``reason`` empty when the program gives none."""

    line: int
    program: str
    reason: str = ""


class StateUnavailable(FrrError):
    """The state command could not be run, or gave no state."""


#: What a shell ends with when it cannot run a program, or does not find it.
_NO_PROGRAM = (126, 127)


class NoShell(StateUnavailable):
    """There is no program to ask: trying again cannot help."""


@dataclass(frozen=True)
class Shell:
    """Asks the routing daemon: ``argv`` is the command in front of ``-c '<show command>'``.

    OpenSSH joins its words with blanks for the far side's shell, so behind it the show command is quoted.
    """

    argv: tuple[str, ...]
    timeout: float = 15.0

    def json(self, command: str) -> dict[str, Any]:
        """Return the answer to one show command.

        :raises StateUnavailable: the command cannot be run, fails, or answers no JSON.
        """
        return self._documents([command], f"asking the router for '{command}'")[0]

    def json_all(self, commands: Sequence[str]) -> list[dict[str, Any]]:
        """Return the answers to several show commands from one run: a login over SSH costs more than what is asked.

        :raises StateUnavailable: as :meth:`json` raises it.
        """
        return self._documents(commands, f"asking the router for '{commands[0]}' and {len(commands) - 1} more")

    def text(self, command: str) -> str:
        """Return the answer to one command as it is; it may hold passwords.

        :raises StateUnavailable: the command cannot be run, or fails.
        """
        return self._answer([command], f"asking the router for '{command}'")

    def _documents(self, commands: Sequence[str], doing: str) -> list[dict[str, Any]]:
        documents = _each(self._answer(commands, doing), doing, self.argv)
        if len(documents) != len(commands):
            # One that has nothing to say may print nothing, and then only a run of its own tells which it was.
            if len(commands) > 1:
                return [self.json(command) for command in commands]
            documents = [{}]
        return [document if isinstance(document, dict) else {} for document in documents]

    def _answer(self, commands: Sequence[str], doing: str) -> str:
        far = bool(self.argv) and os.path.basename(self.argv[0]) == "ssh"
        words = [word for command in commands for word in ("-c", shlex.quote(command) if far else command)]
        done = _run([*self.argv, *words], self.timeout, doing)
        out = done.stdout.strip()
        if done.returncode != 0:
            said = (done.stderr.strip() or out).splitlines()
            answer = f"it ended with {done.returncode}{f': {said[-1]}' if said else ''}"
            if done.returncode in _NO_PROGRAM:
                raise _unavailable(doing, self.argv, answer, kind=NoShell)
            raise _unavailable(doing, self.argv, answer)
        return out


def _each(text: str, doing: str, argv: Sequence[str]) -> list[Any]:
    """Return the JSON documents that stand one behind the other."""
    found, rest, decoder = [], text.lstrip(), json.JSONDecoder()
    while rest:
        try:
            document, end = decoder.raw_decode(rest)
        except ValueError as error:
            raise _unavailable(doing, argv, "its answer is no JSON") from error
        found.append(document)
        rest = rest[end:].lstrip()
    return found


def dry_run(argv: Sequence[str], text: str, timeout: float = 30.0) -> list[Rejection]:
    """Let ``vtysh`` or ``bgpd`` read a text without using it, and return the lines it rejects.

    A dry run that crashes says nothing about the text (bgpd 8.4 does when a line removes something): it returns none.

    :param argv: the program, ``bgpd`` or ``vtysh`` by the name of its last word.
    """
    program = os.path.basename(argv[-1])
    if program not in ("bgpd", "vtysh"):
        raise FrrError(
            "checking the text",
            target=" ".join(argv),
            answer="only vtysh and bgpd can be asked",
            remedy="Give the path of one of them",
            param="validate_command",
        )
    # The text holds passwords: the folder and with it the file are the owner's alone, and gone afterwards.
    with tempfile.TemporaryDirectory(prefix="homeops-frr-") as folder:
        path = os.path.join(folder, "bgpd.conf")
        with open(
            os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline=""
        ) as file:
            # A log file cannot be opened here, and a line that only fails here says nothing; its number must stay.
            file.write(re.sub(r"(?m)^([ \t]*)log file .*?(\r?)$", r"\1! log file\2", text))
        if program == "vtysh":
            arguments = ["--config_dir", folder, "--vty_socket", folder, "-C", "-f", path]
        else:
            own = ["-i", f"{folder}/pid", "--vty_socket", folder, "-z", f"{folder}/zserv"]
            arguments = ["-S", "-Z", "-C", "-p", "0", "-f", path, *own, "--log", "stdout"]
        done = _run([*argv, *arguments], timeout, f"checking the text with {program}", param="validate_command")
        if done.returncode < 0:
            return []
        if program == "vtysh":
            said = {int(number): words.strip() for number, words in _UNKNOWN.findall(done.stdout + done.stderr)}
            return [Rejection(number, program, words) for number, words in sorted(said.items())]
        found = sorted({int(number) for number in _REJECTED.findall(done.stdout)})
        reasons = _REASON.findall(done.stderr)
        if len(reasons) == len(found):
            return [Rejection(number, program, words) for number, words in zip(found, reasons, strict=True)]
        # Which of them belongs to which line cannot be told.
        among = f"bgpd says: {', '.join(dict.fromkeys(reasons))}" if reasons else ""
        return [Rejection(number, program, among) for number in found]


def rejections(given: Sequence[str], text: str, owned: Collection[int]) -> list[Rejection]:
    """Return the lines that the given command rejects, or for ``auto`` every program of FRR that is at hand.

    bgpd rejects lines of FRR's other daemons, which may well be in the text of a router: when both are asked, vtysh
    decides about the lines that are not ``owned``. A program that was not named and cannot be run says nothing.
    """
    if list(given) != [AUTO]:
        return dry_run(given, text) if given else []
    found, asked = [], 0
    for name, places in _PLACES.items():
        program = shutil.which(name) or next((place for place in places if os.access(place, os.X_OK)), None)
        if program is None:
            continue
        try:
            rejected = dry_run([program], text)
        except StateUnavailable:
            continue
        found += [item for item in rejected if not asked or item.line in owned]
        asked += 1
    return found


def _run(
    argv: Sequence[str], timeout: float, doing: str, param: str = "state_command"
) -> subprocess.CompletedProcess[str]:
    """Run the user's command with nothing to read, so that it cannot wait for a password."""
    try:
        return subprocess.run(  # noqa: S603 (the user's own command, without a shell)
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unavailable(doing, argv, f"no answer within {timeout:g} s", param) from error
    except OSError as error:
        raise _unavailable(doing, argv, f"{argv[0]}: {error.strerror or error}", param, kind=NoShell) from error


def _unavailable(
    doing: str,
    argv: Sequence[str],
    answer: str,
    param: str = "state_command",
    kind: type[StateUnavailable] = StateUnavailable,
) -> StateUnavailable:
    return kind(
        doing,
        target=" ".join(argv),
        answer=answer,
        remedy=f"Run it by hand; without {param} only the stored text can be checked",
        param=param,
    )
