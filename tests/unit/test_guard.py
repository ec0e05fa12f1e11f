# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of tests/conftest.py bites."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize("address", ["172.29.51.11", "8.8.8.8", "2001:db8::1", "mini01.example.org"])
def test_no_test_talks_to_another_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for call in (sock.connect, sock.connect_ex):
            with pytest.raises(pytest.fail.Exception, match="would have talked to"):
                call((address, 9))
        with pytest.raises(pytest.fail.Exception, match="would have talked to"):
            sock.sendto(b"x", (address, 9))


def test_loopback_is_free() -> None:
    with socket.create_server(("127.29.51.11", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
