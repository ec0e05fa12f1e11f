# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Image Factory at its door (siderolabs/image-factory ``docs/api.md``).

It has an installer for a schematic only when somebody has given it that schematic: nobody can compute a text back from
its id. The vanilla one is there from the beginning.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml
from aiohttp import web

from .. import yaml_text
from ..authority import Authority
from ..public_site import PublicSite
from ..state import LabState
from .schematics import SchematicError, canonical, identifier

PORT = 8443
HOST = "172.29.51.23"
NAME = "factory.talos.dev"


class ImageFactory:
    """The stand-in.

    :param host: where it listens; :param authority: signs the certificate of ``factory.talos.dev``.
    """

    def __init__(self, state: LabState, host: str, authority: Authority) -> None:
        self.host = host
        self.schematics: dict[str, str] = {}
        self.add({})
        self.requests: Counter[str] = Counter()
        self._site = PublicSite(state, "factory", NAME, host, PORT, authority)

    def add(self, body: Any) -> str:
        """Take a schematic and return its id.

        :raises SchematicError: it is none.
        """
        text = canonical(body)
        self.schematics[identifier(text)] = text
        return identifier(text)

    def knows(self, schematic: str) -> bool:
        """Whether an installer of this schematic can be pulled."""
        return schematic in self.schematics

    async def start(self) -> None:
        """Listen; raises :class:`LabError` when the address is taken."""
        app = web.Application()
        app.router.add_post("/schematics", self._create)
        app.router.add_get("/schematics/{id}", self._read)
        await self._site.start(app)

    async def stop(self) -> None:
        """Listen no more."""
        await self._site.stop()

    def status(self) -> dict[str, Any]:
        """Return the ids that it knows, and how often each call came."""
        return {
            "listen": f"{self.host}:{PORT}",
            "schematics": sorted(self.schematics),
            "requests": dict(sorted(self.requests.items())),
        }

    async def _create(self, request: web.Request) -> web.Response:
        self.requests["create"] += 1
        try:
            schematic = self.add(yaml_text.load(await request.text()))
        except (SchematicError, yaml.YAMLError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.json_response({"id": schematic, "schematic": self.schematics[schematic]}, status=201)

    async def _read(self, request: web.Request) -> web.Response:
        self.requests["read"] += 1
        text = self.schematics.get(request.match_info["id"])
        if text is None:
            return web.Response(status=404, text="schematic not found\n")
        return web.Response(text=text, content_type="application/yaml")
