# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a server for people and for other modules; secrets are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..common.context import Context
from . import audit, health, kinds, outposts, session, tokens
from .client import Client
from .errors import AuthentikError, NoPermission

_PATHS = {
    "providers": ("/providers/all/", {}),
    "proxy": (kinds.PROVIDERS["proxy"].path, {}),
    "applications": (kinds.APPLICATION.path, {"superuser_full_list": True}),
    "outposts": (kinds.OUTPOST.path, {}),
    "bindings": (kinds.BINDING.path, {}),
    "flows": ("/flows/instances/", {}),
    "groups": (kinds.GROUP.path, {"include_users": False}),
    "tokens": (kinds.TOKEN.path, {}),
}
_FINDINGS = ("proxy", "applications", "outposts", "bindings", "flows", "tokens")
#: Fields that are shown; what is not here is a secret, or noise.
_SHOWN = {
    "providers": (
        "pk name component meta_model_name assigned_application_slug external_host internal_host mode "
        "internal_host_ssl_validation skip_path_regex cookie_domain"
    ),
    "applications": "pk slug name provider meta_launch_url meta_publisher meta_description group policy_engine_mode",
    "outposts": "pk name type managed config token_identifier refresh_interval_s",
    "bindings": "pk target group user policy order negate enabled",
    "flows": "pk slug name designation",
    "groups": "pk name is_superuser users attributes",
    "tokens": "identifier intent user description expiring managed",
}


class Info:
    """Reads one server."""

    def __init__(self, client: Client, ctx: Context) -> None:
        self._client, self._ctx = client, ctx

    def wait(self, flows: Iterable[str], timeout: float) -> None:
        """Wait until the server is ready and has these flows."""
        health.wait_ready(self._client, flows, timeout, self._ctx)

    def connected(self, names: Iterable[str], timeout: float) -> None:
        """Wait until a process of each of these outposts is connected.

        :raises InputError: there is no such outpost.
        """
        seen = self._client.all(kinds.OUTPOST.path, doing="reading the outposts")
        wanted = []
        for name in names:
            found = outposts.find(seen, name)
            if found is None:
                raise outposts.missing(seen, name, "connected")
            wanted.append(found)
        health.wait_connected(self._client, wanted, timeout, self._ctx)

    def read(self, gather: set[str], *, soon: int, fail_on: str = "never") -> dict[str, Any]:
        """Return what is asked for.

        :raises AuthentikError: a finding has the level that must not be.
        """
        session.check_version(self._client, self._ctx)
        user = self._client.get("/core/users/me/", doing="asking whose token it is")["user"]
        if not user.get("is_superuser"):
            self._ctx.warn(
                f"{user['username']}, whose token it is, is no superuser: lists hold only what that user may see"
            )
        parts = {part for part in gather if part != "findings"} | (set(_FINDINGS) if "findings" in gather else set())
        if "providers" in gather:
            parts.add("proxy")
        if not parts:
            return self._result(user, {})
        read = {part: self._part(part) for part in sorted(parts)}
        entries = health.read(self._client, read["outposts"]) if "outposts" in read else {}
        now = datetime.now(UTC)
        shown: dict[str, Any] = {part: self._shown(part, read, entries, now) for part in sorted(gather - {"findings"})}
        if "findings" in gather:
            world = audit.World(**{part: read[part] for part in _FINDINGS}, health=entries)
            found = audit.audit(world, self._client.version, now, soon=soon)
            shown["findings"] = [finding.as_dict() for finding in found]
            bad = [finding.text for finding in found if fail_on == "warning" or finding.level == fail_on]
            if bad:
                raise AuthentikError(
                    "looking at what the server holds",
                    target=self._client.connection.target,
                    answer="; ".join(bad),
                    remedy="The finding names the object; what the model declares is repaired by the role authentik",
                    facts=self._result(user, shown),
                )
        return self._result(user, shown)

    def _part(self, part: str) -> list[dict[str, Any]]:
        path, query = _PATHS[part]
        try:
            return self._client.all(path, doing=f"reading the {part}", **query)
        except NoPermission as error:
            # A user who may see none of them gets the same answer as one who may not ask.
            self._ctx.warn(f"the {part} cannot be read: {error.answer}")
            return []

    def _shown(
        self, part: str, read: Mapping[str, Any], entries: Mapping[str, Any], now: datetime
    ) -> list[dict[str, Any]]:
        fields = _SHOWN[part].split()
        more = {item["pk"]: item for item in read.get("proxy", ())} if part == "providers" else {}
        found = []
        for item in read[part]:
            whole = {**item, **more.get(item.get("pk"), {})}
            one = {field: whole[field] for field in fields if field in whole}
            if part == "outposts":
                one["providers"] = [entry["name"] for entry in item.get("providers_obj") or ()]
                one["health"] = entries.get(str(item["pk"]), [])
            elif part == "tokens":
                one.update(tokens.life(item, now).facts())
            found.append(one)
        return found

    def _result(self, user: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "changed": False,
            "available": True,
            "version": str(self._client.version),
            "user": user["username"],
            "superuser": bool(user.get("is_superuser")),
            **shown,
            **session.facts(self._client),
        }
