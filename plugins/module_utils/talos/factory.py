# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Image Factory, which builds installers: it has none of a schematic that nobody has given it.

The id is the digest of the text and is known without it (``schematic``), but the text cannot be computed back: a node
that is to pull an installer of an unknown id is told that there is none, falls back into maintenance and says so on its
console only. API: siderolabs/image-factory ``docs/api.md``, ``POST /schematics`` and, in newer ones,
``GET /schematics/<id>``.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import HomeopsError, InputError
from ..common.https import Https, transport_text
from .schematic import Schematic
from .upgrade_plan import image

#: Argument spec of the options; documented in ``doc_fragments/talos_factory.py``.
OPTIONS: dict[str, dict[str, Any]] = {
    "schematic": {"type": "str"},
    "factory_door": {"type": "str"},
    "factory_ca_file": {"type": "path"},
}
_REMEDY = (
    "The nodes pull their installer from there. Let this controller reach it, or register the schematic by hand "
    "and leave schematic empty"
)


@dataclass(frozen=True)
class Factory:
    """One Image Factory.

    :param host: its name, as in the installer's reference.
    :param door: ``host:port`` to dial instead; the name in the certificate stays the host's.
    :param ca_file: PEM file of the CA to trust instead of the system's.
    :param timeout: seconds per request.
    """

    host: str
    door: str = ""
    ca_file: str = ""
    timeout: float = 30.0

    def knows(self, identifier: str) -> bool:
        """Whether it has been given the schematic; an older factory never says yes.

        :raises HomeopsError: it does not answer.
        """
        status, _body = self._ask("asking for the schematic", "GET", f"/schematics/{identifier}")
        return status == http.client.OK

    def register(self, text: str) -> None:
        """Give it a schematic; one that it knows already stays as it is.

        :raises HomeopsError: it does not answer, refuses the text, or names it otherwise than we do.
        """
        doing = "registering the schematic"
        status, body = self._ask(doing, "POST", "/schematics", text)
        if status not in (http.client.OK, http.client.CREATED):
            raise HomeopsError(
                doing,
                target=self.host,
                answer=f"{body.strip()[:300]} (HTTP {status})",
                remedy="Correct the extensions and kernel arguments (homeops_talos)",
                param="schematic",
            )
        try:
            named = str(json.loads(body)["id"])
        except (ValueError, KeyError, TypeError):
            named = ""
        if named != Schematic(text).id:
            raise HomeopsError(
                doing,
                target=self.host,
                answer=f"it names the schematic {named or 'nothing'} and not {Schematic(text).id}",
                remedy="It is another factory than this version of the collection knows: report it",
                param="schematic",
            )

    def _ask(self, doing: str, method: str, path: str, body: str = "") -> tuple[int, str]:
        name, _colon, port = (self.door or f"{self.host}:443").rpartition(":")
        if not name or not port.isdigit():
            raise InputError(
                "the factory's door is no address", target=self.door, remedy="Give host:port", param="factory_door"
            )
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            connection = Https(name, int(port), self.timeout, context, self.host.partition(":")[0])
            try:
                connection.request(method, path, body.encode() or None, {"Host": self.host})
                answer = connection.getresponse()
                return answer.status, answer.read(65_536).decode("utf-8", "replace")
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            text = transport_text(error, self.timeout)
            raise HomeopsError(doing, target=self.host, answer=text, remedy=_REMEDY, param="schematic") from error


@dataclass(frozen=True)
class Supply:
    """The options of the module: what the factory may have to be given, and how it is reached.

    :param schematic: the installer's canonical text; empty asks nobody for anything.
    """

    schematic: str = ""
    door: str = ""
    ca_file: str = ""

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Supply:
        """Return what a module was given, see :data:`OPTIONS`."""
        return cls(params["schematic"] or "", params["factory_door"] or "", params["factory_ca_file"] or "")

    def ensure(self, reference: str, *, predict: bool = False) -> bool:
        """Have the factory know the schematic of an installer; tell whether it had to be told.

        :param reference: the installer; one of no factory asks for nothing.
        :param predict: only ask.
        :raises HomeopsError: it cannot be asked, or refuses.
        """
        wanted = image(reference)
        if not self.schematic or wanted is None or not wanted.schematic:
            return False
        own = Schematic(self.schematic).id
        if wanted.schematic != own:
            raise InputError(
                "the schematic is not the installer's",
                target=reference,
                answer=f"its id is {own}",
                remedy="Take both from one talos_schematic",
                param="schematic",
            )
        factory = Factory(reference.partition("/")[0], self.door, self.ca_file)
        if factory.knows(own):
            return False
        if not predict:
            factory.register(self.schematic)
        return True
