# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The core's pages, as a browser that is not logged in meets them: redirects to the login, and the login."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

from .calls import Call
from .embedded import INTERNAL
from .messages import Reply, Request, json_reply, text_reply
from .oauth2 import discovery
from .providers import application_of
from .store import Store

LOGIN = "/flows/-/default/authentication/"
FLOW = "default-authentication-flow"
_PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <title>{title} - authentik</title>
  </head>
  <body>
    <ak-flow-executor slug="{slug}"><h1>{title}</h1></ak-flow-executor>
  </body>
</html>
"""
_WELL_KNOWN = re.compile(r"/application/o/([-a-zA-Z0-9_]+)/(\.well-known/openid-configuration|jwks/?)$")
_FLOW = re.compile(r"/if/flow/([-a-zA-Z0-9_]+)/$")


def page(request: Request, store: Store) -> Reply:
    """Answer a path of the core outside the API."""
    path = request.path
    if found := _WELL_KNOWN.match(path):
        return _well_known(found.group(1), found.group(2), request, store)
    if path == "/application/o/authorize/":
        return _authorize(request, store)
    if path == LOGIN:
        slug = FLOW if store.find("flows", slug=FLOW) else "initial-setup"
        query = request.target.partition("?")[2]
        return _moved(f"/if/flow/{slug}/{'?' if query else ''}{query}")
    if found := _FLOW.match(path):
        flow = store.find("flows", slug=found.group(1))
        if flow is None:
            return _error(404, "Not Found")
        title = html.escape(flow["title"])
        return text_reply(200, _PAGE.format(title=title, slug=flow["slug"]), "text/html; charset=utf-8")
    if path == "/" or path.startswith(("/if/user/", "/if/admin/")):
        return _moved(f"{LOGIN}?next={quote(request.target, safe='/')}")
    return _error(404, "Not Found")


def _authorize(request: Request, store: Store) -> Reply:
    client = request.query.get("client_id", "")
    provider = next((row for row in store.rows("providers") if client and row.get("client_id") == client), None)
    if provider is None:
        return _error(400, "The client identifier (client_id) is missing or invalid.")
    wanted = request.query.get("redirect_uri", "")
    if not any(_matches(uri, wanted) for uri in provider["redirect_uris"]):
        return _error(
            400, "The request fails due to a missing, invalid, or mismatching redirection URI (redirect_uri)."
        )
    if application_of(provider["pk"], Call(store)) is None:
        return _error(404, "Not Found")
    return _moved(f"{LOGIN}?next={quote(request.target, safe='/')}")


def _matches(uri: dict[str, str], wanted: str) -> bool:
    if uri["matching_mode"] == "strict":
        return uri["url"] == wanted
    try:
        return re.fullmatch(uri["url"], wanted) is not None
    except re.error:
        return False


def _well_known(slug: str, what: str, request: Request, store: Store) -> Reply:
    application = store.find("applications", slug=slug)
    provider = store.tables["providers"].get(application["provider"]) if application else None
    if provider is None or provider["type"] not in ("oauth2", "proxy"):
        return _error(404, "Not Found")
    if what.startswith("jwks"):
        return json_reply(200, {"keys": []} if provider["signing_key"] else {})
    return json_reply(200, discovery(slug, provider, request.root if request.host else INTERNAL))


def _moved(location: str) -> Reply:
    return Reply(302, b"", {"Location": location, "Content-Type": "text/html; charset=utf-8"})


def _error(status: int, text: str) -> Reply:
    body = f"<!DOCTYPE html>\n<title>{text} - authentik</title>\n<h1>{text}</h1>\n"
    return text_reply(status, body, "text/html; charset=utf-8")
