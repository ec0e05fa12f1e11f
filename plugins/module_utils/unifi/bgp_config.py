# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BGP configuration that a console stores: one object per site, replaced as a whole.

``/v2/api/site/<site>/bgp/config``: GET answers an array of no or one object, POST creates and replaces, DELETE removes
(jamesbraid/go-unifi ``unifi/bgp_config.generated.go``). A POST without ``enabled`` switches BGP off, and every POST
restarts the routing daemon, also with the same text: so everything that was read is sent back, and nothing is sent that
changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .client import Client
from .errors import UnifiError, Unreachable

TEXT = "frr_bgpd_config"
#: What the console takes at most (its own field patterns).
_FILE_NAME, DESCRIPTION = 256, 128


class ConcurrentEdit(UnifiError):
    """Somebody else changed the configuration between our reading and our writing, or right after it."""


@dataclass(frozen=True)
class Stored:
    """What the console holds.

    :param document: the object as the console gave it; None when there is none.
    """

    document: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The FRR text, empty when there is no configuration."""
        return str((self.document or {}).get(TEXT) or "")

    @property
    def enabled(self) -> bool:
        """Whether the console runs it."""
        return bool((self.document or {}).get("enabled"))

    @property
    def description(self) -> str:
        """The console's own description of it."""
        return str((self.document or {}).get("description") or "")

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return checksum(self.text)

    def same(self, other: Stored) -> bool:
        """Whether text and switch are the same, whatever the console keeps beside them."""
        return (self.text, self.enabled, self.document is None) == (
            other.text,
            other.enabled,
            other.document is None,
        )


def checksum(text: str) -> str:
    """Return the SHA-256 of a text, as hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class BgpConfig:
    """Reads and writes the BGP configuration of one site."""

    def __init__(self, client: Client, site: str) -> None:
        self._client = client
        self._path = f"/site/{site}/bgp/config"
        self.site = site

    def read(self) -> Stored:
        """Return what the console holds.

        :raises UnifiError: also a 404: this path always answers, if only with an empty array.
        """
        found = self._client.v2("GET", self._path, doing=f"reading the BGP configuration of site {self.site}")
        if isinstance(found, list):
            return Stored(dict(found[0])) if found and isinstance(found[0], Mapping) else Stored()
        if isinstance(found, Mapping):
            return Stored(dict(found)) if found else Stored()
        return Stored()

    def write(
        self,
        planned_on: Stored,
        text: str,
        *,
        enabled: bool = True,
        file_name: str = "",
        description: str | None = None,
    ) -> Stored:
        """Replace the text, if the console still holds what the plan was made on, and return what it then holds.

        :param file_name: used when the console has none yet; ``uploaded_file_name`` is required.
        :raises ConcurrentEdit: it holds something else; ``written`` says whether ours was there first.
        :raises UnifiError: with ``written`` when it may hold the new text all the same.
        """
        self._guard(planned_on)
        document = dict(planned_on.document or {})
        document[TEXT] = text
        document["enabled"] = enabled
        document["uploaded_file_name"] = str(document.get("uploaded_file_name") or file_name)[:_FILE_NAME]
        if description is not None:
            document["description"] = description[:DESCRIPTION]
        wanted = Stored(document)
        return self._replace(wanted)

    def put_back(self, planned_on: Stored, earlier: Stored) -> Stored:
        """Make the console hold an earlier object again, or none."""
        self._guard(planned_on)
        if earlier.document is not None:
            kept = {key: value for key, value in (planned_on.document or {}).items() if key in ("_id", "site_id")}
            document = {**earlier.document, **kept}
            if not kept:
                # The object that had this id is gone; the console makes a new one.
                document.pop("_id", None)
            return self._replace(Stored(document))
        self._client.v2("DELETE", self._path, {}, doing=f"removing the BGP configuration of site {self.site}")
        return self._confirmed(Stored())

    def _guard(self, planned_on: Stored) -> None:
        """Read again just before writing: a write replaces everything, also what somebody changed a moment ago.

        So every key counts, the description and those that are not known here included.
        """
        if self.read().document != planned_on.document:
            raise ConcurrentEdit(
                f"writing the BGP configuration of site {self.site}",
                target=self._client.door.name,
                answer="somebody else has changed it since it was read",
                remedy="Nothing was written. Run again",
            )

    def _replace(self, wanted: Stored) -> Stored:
        doing = f"writing the BGP configuration of site {self.site}"
        try:
            self._client.v2("POST", self._path, dict(wanted.document or {}), doing=doing)
        except Unreachable as error:
            # It may have been stored all the same, and a second POST would restart the daemon again.
            if not error.sent:
                raise
            found = self._after_write()
            if found.same(wanted):
                return found
            raise
        return self._confirmed(wanted)

    def _confirmed(self, wanted: Stored) -> Stored:
        """Read what the console holds after a write: it is its word that counts."""
        found = self._after_write()
        if not found.same(wanted):
            error = ConcurrentEdit(
                f"writing the BGP configuration of site {self.site}",
                target=self._client.door.name,
                answer="the console accepted it, but holds something else now",
                remedy="Somebody else may have written at the same moment. Run again",
            )
            error.written = True
            raise error
        return found

    def _after_write(self) -> Stored:
        """Read again; when that fails, the error says that something may have been written."""
        try:
            return self.read()
        except UnifiError as error:
            error.written = True
            raise
