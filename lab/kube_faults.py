# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the Kubernetes API: answers that are replaced, delayed or cut.

The emulator carries them out itself. A real API server knows none, so a TLS proxy with the same serving certificate is
put between the doors and the server for as long as faults are set; it names the client to the server as an aggregating
front proxy does (``X-Remote-User``, ``X-Remote-Group``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .scenario import HttpFault

if TYPE_CHECKING:
    from .kube_backend import Backend, BackendFiles


class KubeFaults:
    """The list of faults and where it is carried out.

    :param faults: the list itself; entries are used up in place.
    """

    def __init__(self, faults: list[HttpFault]) -> None:
        self.faults = faults
        self.port = 0
        """Where the doors lead while a proxy is in between, else 0."""
        self._backend: Backend | None = None

    async def attach(self, backend: Backend, files: BackendFiles) -> None:
        """Carry the faults out in front of this backend."""
        self._backend = backend
        await self.apply()

    async def detach(self) -> None:
        """The backend goes away."""
        self._backend = None

    async def apply(self) -> None:
        """Bring the current list to the backend."""
        if self._backend is not None and hasattr(self._backend, "set_faults"):
            await self._backend.set_faults([dataclasses.asdict(fault) for fault in self.faults])
