# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications: slugs that can be, and whose an application is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from .objects import Body
from .version import Version

#: Slugs that are paths of the server's own below /application/o/.
RESERVED = ("authorize", "token", "device", "userinfo", "introspect", "revoke")
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")
#: Options that are fields as they are.
PLAIN = ("group", "open_in_new_tab", "policy_engine_mode", "meta_launch_url", "meta_description", "meta_publisher")


def check_slug(slug: str, where: str) -> None:
    """Refuse what cannot be a slug.

    :raises InputError: before the server would.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            f"{where}: {slug!r} is no slug",
            remedy="Use letters, digits, dashes and underscores",
            param=where.partition("[")[0],
        )
    if slug in RESERVED:
        raise InputError(
            f"{where}: the slug {slug} is reserved: /application/o/{slug}/ is the server's own",
            remedy="Choose another slug",
            param=where.partition("[")[0],
        )


def desired(item: Mapping[str, Any], version: Version, where: str, ctx: Context) -> Body:
    """Return the fields of one application, without its provider.

    :raises InputError: the slug cannot be.
    """
    slug = str(item["slug"])
    check_slug(slug, where)
    body: Body = {"slug": slug}
    if item.get("name") is not None:
        body["name"] = str(item["name"])
    for option in PLAIN:
        if item.get(option) is not None:
            body[option] = item[option]
    if item.get("meta_icon") is not None:
        if version.icon_writable:
            body["meta_icon"] = item["meta_icon"]
        elif item["meta_icon"]:
            ctx.warn(f"Authentik {version} takes no icon of an application by its API; 2025.12 is the first that does")
    return body


def is_ours(application: Mapping[str, Any], owner: str) -> bool:
    """Tell whether this owner's runs have made it: the publisher says so."""
    return application.get("meta_publisher") == owner
