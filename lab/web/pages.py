# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx itself answers, and the page of a service."""

from __future__ import annotations

from ..authentik.messages import Reply

REASONS = {
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Authorization Required",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
HTTP_TO_HTTPS = "The plain HTTP request was sent to HTTPS port"


def nginx(status: int, title: str = "", detail: str = "") -> Reply:
    """Return a page of nginx."""
    title = title or f"{status} {REASONS[status]}"
    heading = f"{status} {REASONS[status]}"
    more = f"<center>{detail}</center>\r\n" if detail else ""
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{heading}</h1></center>\r\n{more}"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Reply(status, page.encode(), {"Content-Type": "text/html"})


def plain_http_to_https() -> Reply:
    """Return what a TLS port answers to plain HTTP."""
    return nginx(400, f"400 {HTTP_TO_HTTPS}", HTTP_TO_HTTPS)


def service(namespace: str, name: str, port: int, path: str) -> Reply:
    """Return the page of a service's pod."""
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{name}.{namespace}</title></head>\n"
        f"<body><h1>{name}.{namespace}:{port}</h1></body></html>\n"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "X-Lab-Service": f"{namespace}/{name}", "X-Lab-Path": path}
    return Reply(200, page.encode(), headers)


def upstream_error() -> Reply:
    """Return the outpost's page for a service that it does not reach."""
    page = "<!DOCTYPE html>\n<title>Bad Gateway</title>\n<h1>Error proxying to upstream server</h1>\n"
    return Reply(502, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
