# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real requests to many hosts at once, as a browser without a session would make them, none of which is followed.

A certificate that cannot be verified is not the end of a probe: the verdict is kept, and the page is asked for all the
same, so that one answer tells of both.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ..common.errors import InputError
from ..common.https import Https, transport_text

#: Requests that are under way at once.
WORKERS = 16
#: Bytes of a page that are read, for its title.
READ = 16384
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Target:
    """One request: ``GET https://<host><path>``.

    :param door: ``address:port`` to dial instead of the host's own; the name in the certificate stays the host's.
    """

    host: str
    path: str = "/"
    door: str = ""

    @property
    def dialled(self) -> tuple[str, int]:
        """Address and port to connect to.

        :raises InputError: the door is none.
        """
        if not self.door:
            return self.host, 443
        name, colon, port = self.door.rpartition(":")
        if not colon:
            return self.door, 443
        if not port.isdigit() or not name:
            raise InputError(
                "the door is not an address to connect to",
                target=self.door,
                remedy="Give host:port, such as 192.0.2.10:443",
                param="door",
            )
        return name.removeprefix("[").removesuffix("]"), int(port)


def probe(targets: Sequence[Target], *, ca_file: str = "", timeout: float = 10.0) -> list[dict[str, Any]]:
    """Make every request, at most :data:`WORKERS` at once, and return one answer each, in their order.

    :returns: ``host``, ``path``, ``status``, ``location``, ``title``, ``tls`` (``problem``, ``issuer``, ``not_after``)
        and ``error``, which is empty when an answer came.
    :raises InputError: the CA's file cannot be used, or a door is none.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            "the CA file cannot be read",
            target=ca_file,
            answer=str(getattr(error, "strerror", None) or error),
            param="ca_file",
        ) from error
    doors = [target.dialled for target in targets]
    with ThreadPoolExecutor(max_workers=max(1, min(WORKERS, len(targets)))) as pool:
        return list(pool.map(lambda job: _one(job[0], job[1], context, timeout), zip(targets, doors, strict=True)))


def astray(answer: Mapping[str, Any], host: str) -> str:
    """Return why an answer does not lead to a host, empty when it does."""
    if answer["error"]:
        return str(answer["error"])
    status, location = int(answer["status"]), str(answer["location"])
    if not (300 <= status < 400 and location):
        unknown = " (the outpost does not serve this host)" if status == 400 else ""
        said = f" ({answer['title']})" if answer["title"] else unknown
        return f"answers {status}{said}"
    found = urlsplit(location).hostname or str(answer["host"])
    return "" if found.lower() == host.lower() else f"leads to {found}"


def _one(target: Target, door: tuple[str, int], context: ssl.SSLContext, timeout: float) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "host": target.host,
        "path": target.path,
        "status": None,
        "location": "",
        "title": "",
        "tls": {},
        "error": "",
    }
    try:
        problem = ""
        try:
            link = _connected(target.host, door, context, timeout)
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message or str(error)
            link = _connected(target.host, door, _trusting(), timeout)
    except OSError as error:
        return {**answer, "error": transport_text(error, timeout)}
    try:
        answer["tls"] = {"problem": problem, **_certificate(link)}
        link.request("GET", target.path, headers={"Host": target.host, "Accept": "text/html", "User-Agent": "homeops"})
        response = link.getresponse()
        page = response.read(READ).decode("utf-8", "replace")
        title = _TITLE.search(page)
        answer.update(
            status=response.status,
            location=response.getheader("Location") or "",
            title=" ".join(title.group(1).split())[:120] if title else "",
        )
    except (OSError, http.client.HTTPException) as error:
        answer["error"] = transport_text(error, timeout)
    finally:
        link.close()
    return answer


def _connected(host: str, door: tuple[str, int], context: ssl.SSLContext, timeout: float) -> Https:
    link = Https(*door, timeout, context, host)
    link.connect()
    return link


def _trusting() -> ssl.SSLContext:
    """Return a context for looking only: nothing is sent over it but a request without a secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate(link: Https) -> dict[str, Any]:
    """Return issuer and end of the certificate; of an untrusted one Python tells nothing."""
    found: dict[str, Any] | None = link.sock.getpeercert() if isinstance(link.sock, ssl.SSLSocket) else None
    if not found:
        return {"issuer": "", "not_after": ""}
    issuer = {key: value for part in found.get("issuer", ()) for key, value in part}
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
    return {
        "issuer": issuer.get("commonName") or issuer.get("organizationName") or "",
        "not_after": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
