# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The console's answers in both generations of its API, and the refusals.

v1 (``/api/s/<site>/...``) wraps everything in ``meta`` and ``data``; v2 (``/v2/api/site/<site>/...``) answers bare
lists and objects, and errors as ``{code, message, errorCode, details}``. Facts: ubiquiti-community/go-unifi
``unifi/errors.go`` and its forks' measurements of Network 10.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


class Refusal(Exception):
    """A request that is answered with an error.

    :param code: ``api.err.Invalid`` and the like; :param message: for people, and for clients that look into it.
    :param more: further keys of UniFi OS' own answers.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers, self.more = status, code, message, headers or {}, more

    def answer(self, path: str) -> web.Response:
        """Return the answer in the generation of the path."""
        if "/v2/" in path:
            body: dict[str, Any] = {
                "code": self.code,
                "message": self.message,
                "errorCode": self.status,
                "details": {},
            }
        elif "/api/auth/" in path:  # UniFi OS itself, not the Network application
            body = {"code": self.code, "message": self.message, "level": "debug", **self.more}
        else:
            body = {"meta": {"rc": "error", "msg": self.code}, "data": []}
        return plain(body, self.status, self.headers)


def plain(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a bare JSON answer."""
    return web.Response(text=json.dumps(body), status=status, headers=headers, content_type="application/json")


def enveloped(items: list[Any], **meta: Any) -> web.Response:
    """Return a v1 answer."""
    return plain({"meta": {"rc": "ok", **meta}, "data": items})


def bad_gateway() -> web.Response:
    """Return the page of the console's web server when the application behind it does not answer."""
    page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
    return web.Response(text=page, status=502, content_type="text/html")
