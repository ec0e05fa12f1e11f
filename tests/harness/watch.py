# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a lab from outside, ten times a second: how many etcd members and API servers are up."""

from __future__ import annotations

import threading

from tests.harness.lab import Lab


class Watch:
    """Use as a context manager; ``etcd`` and ``api`` are the least that were up at any look."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.etcd, self.api, self.looks = lab, 3, 3, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._end.wait(0.1):
            self.looks += 1
            nodes = self.lab.nodes().values()
            self.etcd = min(self.etcd, sum(bool(node["etcd"] and node["etcd"]["up"]) for node in nodes))
            self.api = min(self.api, sum(bool(node["kubernetes_up"]) for node in nodes))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
