# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server takes and an outpost then does badly: hosts, schemes and ports, paths without login. Pure.

Every function yields sentences that start with what they are about; none means that nothing is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: A name that only the cluster's own DNS knows.
_INSIDE = re.compile(r"\.svc(?:\.|$)|\.cluster\.local$")
#: Ports that speak one scheme, whoever listens.
_SCHEME_OF = {80: "http", 443: "https", 8443: "https"}
#: Paths that no allow-list means; what matches all of them opens the whole service.
_ANYWHERE = ("/", "/index.html", "/a7f3/9c1e", "/settings/users")
_API = ("/api/", "/api/v1/query", "/api/dashboards/home")
#: Go's regular expressions do not have these; Python's do.
_NOT_GO = re.compile(r"\(\?(?:[=!]|<[=!]|\(|P=)|\\\d")


@dataclass(frozen=True)
class Host:
    """A claim on a host: ``name`` claims ``host[:port]``."""

    host: str
    name: str
    application: str = ""

    def told(self) -> str:
        """Name the owner."""
        return f"provider {self.name}" + (f" (application {self.application})" if self.application else "")


def host_of(url: str) -> str:
    """Return ``host[:port]`` of an external host as an outpost compares it: lower case, no default port, no path."""
    try:
        found = urlsplit(url.strip().lower())
        port = found.port
    except ValueError:
        return ""
    if not found.hostname:
        return ""
    return found.hostname + (f":{port}" if port and port != {"http": 80, "https": 443}.get(found.scheme) else "")


def external_host(url: str) -> Iterator[str]:
    """Judge the address that browsers use."""
    try:
        found = urlsplit(url)
        host = found.hostname or ""
        _port = found.port
    except ValueError:
        found, host = urlsplit(""), ""
    if found.scheme not in ("http", "https") or not host:
        yield f"external_host {url!r} is no http:// or https:// address"
        return
    if found.path.strip("/") or found.query or found.fragment:
        yield f"external_host {url} has a path; an outpost compares the host alone"
    if _INSIDE.search(host):
        yield f"external_host {url} is a name inside the cluster; a browser would be sent where it cannot go"


def internal_host(url: str) -> Iterator[str]:
    """Judge the address of the service behind the outpost."""
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        yield f"internal_host {url!r} is no address"
        return
    if found.scheme not in ("http", "https") or not found.hostname:
        yield f"internal_host {url!r} is no http:// or https:// address"
        return
    meant = _SCHEME_OF.get(port or 0)
    if meant and meant != found.scheme:
        yield (
            f"internal_host {url} speaks {found.scheme} to port {port}, where {meant} is spoken; "
            f"use {meant}://{found.netloc} or the port of the Service that speaks {found.scheme}"
        )


def skip_paths(patterns: Iterable[str], *, open_api: bool = False) -> Iterator[str]:
    """Judge the paths that need no login, one regular expression each, unanchored and in Go's syntax.

    :param open_api: the owner has said that everything below ``/api/`` may be open.
    """
    for pattern in patterns:
        try:
            found = re.compile(pattern)
        except re.error as error:
            yield f"skip path {pattern!r} is no regular expression ({error}); an outpost drops it and logs that"
            continue
        if _NOT_GO.search(pattern):
            yield f"skip path {pattern!r} uses what Go's regular expressions do not have; an outpost drops it"
        elif all(found.search(path) for path in _ANYWHERE):
            yield f"skip path {pattern!r} opens every path without login"
        elif not open_api and all(found.search(path) for path in _API):
            yield f"skip path {pattern!r} opens the whole API without login"


def doubled(claims: Iterable[Host]) -> Iterator[str]:
    """Name every host that several providers claim; of two, an outpost serves the last by name and says nothing."""
    owners: dict[str, list[Host]] = {}
    for claim in claims:
        if claim.host:
            owners.setdefault(claim.host, []).append(claim)
    for host, found in sorted(owners.items()):
        if len(found) > 1:
            told = " and ".join(claim.told() for claim in sorted(found, key=lambda claim: claim.name))
            yield f"host {host} is claimed by {told}"


def proxy_provider(body: Mapping[str, Any], *, open_api: bool = False) -> Iterator[str]:
    """Judge a proxy provider's fields together."""
    mode = body.get("mode") or "proxy"
    yield from external_host(str(body.get("external_host") or ""))
    if mode == "proxy":
        if body.get("internal_host"):
            yield from internal_host(str(body["internal_host"]))
        else:
            yield "internal_host is needed in mode proxy: the outpost itself talks to the service"
    if mode == "forward_domain":
        domain, host = str(body.get("cookie_domain") or ""), host_of(str(body.get("external_host") or ""))
        if not domain:
            yield "cookie_domain is needed in mode forward_domain: it is the domain whose hosts share the login"
        elif not (host.partition(":")[0] == domain or host.partition(":")[0].endswith(f".{domain}")):
            yield f"external_host {body.get('external_host')} is not below cookie_domain {domain}"
    yield from skip_paths(lines(body.get("skip_path_regex")), open_api=open_api)
    if body.get("basic_auth_enabled") and not (
        body.get("basic_auth_user_attribute") and body.get("basic_auth_password_attribute")
    ):
        yield "basic_auth_enabled needs basic_auth_user_attribute and basic_auth_password_attribute"


def lines(text: Any) -> list[str]:
    """Return the patterns of a ``skip_path_regex``, one per line."""
    return [line.strip() for line in str(text or "").splitlines() if line.strip()]
