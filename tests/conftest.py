# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test: nobody leaves this machine, and a slow machine is not a failure."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

CACHE = Path(__file__).resolve().parents[1] / ".cache"

# CI looks for what is known to hold, the same examples on every run; a developer's machine looks for what is not.
settings.register_profile("default", deadline=None, database=DirectoryBasedExampleDatabase(CACHE / "hypothesis"))
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    """End as by an interrupt when somebody ends the run: the fixtures stop their labs, which nobody else would."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def leaves_the_machine(sock: socket.socket, address: Any) -> bool:
    """Whether an address is an internet one, and not on loopback."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        return not ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] not in ("localhost", "")


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Fail the test that connects to another machine: the model is full of a real network's addresses."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto

    def guarded(original: Any) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            if leaves_the_machine(self, arguments[-1]):
                pytest.fail(f"a test would have talked to {arguments[-1]}")
            return original(self, *arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket.socket, "sendto", guarded(sendto))
        yield


@pytest.fixture(autouse=True)
def ansible_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what Ansible writes below its home out of the user's."""
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path_factory.getbasetemp() / "ansible"))
