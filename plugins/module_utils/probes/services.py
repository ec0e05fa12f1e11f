# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the console, to a name server, to the source of the secrets, to Authentik and to the Kubernetes API."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from ..authentik import client as authentik, kinds, tokens
from ..authentik.errors import AuthentikError, Unreachable
from ..checks.doors import Console, Credential, Items, Login, Name, Trouble
from ..common.certificates import validity
from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..kubernetes import config as kubeconfigs
from ..kubernetes.client import Client as KubernetesClient
from ..kubernetes.errors import NotTrusted, Unauthorized
from ..onepassword import report, session as secrets
from ..unifi import devices, dns, session as consoles
from .machines import trouble_of

#: Items of Connect are read over so many connections.
_READERS = 4
#: Types of DNS records that say where a name leads, and who made them.
_RECORDS = ("A", "AAAA", "CNAME", "TXT")
#: What makes names be resolved by somebody else than the controller.
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def console(params: Mapping[str, Any], *, zone: str, bgp: bool, ctx: Context) -> Console:
    """Read what the console holds.

    :param zone: of the DNS records that are wanted; none when it is empty.
    :param bgp: whether its gateway has to be able to do BGP.
    """
    where = f"{params['host']}:{params['port']}"
    try:
        with consoles.connect(params, Context(read_text=ctx.read_text)) as client:
            if bgp:
                devices.require_bgp(client, params["site"])
            records = dns.chosen(dns.read(client, params["site"]), zone, _RECORDS) if zone else None
    except HomeopsError as error:
        found = trouble_of(error)
        return Console(where, Trouble(found.kind, f"the console at {where}: {found.text}", found.remedy))
    return Console(where, records=records)


def host_of(url: str) -> str:
    """Return the host of a URL or of git's ``user@host:path``, empty when there is none to be resolved."""
    if "://" in url:
        host = urlsplit(url).hostname or ""
    else:
        host = url.partition(":")[0].rpartition("@")[2] if ":" in url and not url.startswith(("/", ".")) else ""
    return "" if _is_address(host) else host


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def resolve(host: str, variable: str) -> Name:
    """Ask the controller's resolver for a name; behind a proxy that is the proxy's business."""
    if any(os.environ.get(name) for name in _PROXIES):
        return Name(host, variable)
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        text = error.strerror or str(error)
        return Name(host, variable, Trouble("NameError", text, "Correct the name, or the controller's resolver"))
    return Name(host, variable)


def items(params: Mapping[str, Any], *, generates: bool, read: Callable[[str], str]) -> Items:
    """Compare the declared items with what the source of the secrets has.

    :param params: the options of ``onepassword.session``, and ``items``.
    :param generates: the run makes what has a recipe.
    """
    declared: Sequence[Mapping[str, Any]] = params["items"]
    kind = params.get("source") or "connect"
    where = {"file": str(params.get("path") or "the file of items"), "connect": str(params.get("url") or "Connect")}
    name = where.get(kind, "1Password")
    readers = _READERS if kind == "connect" else 1
    shares = [share for share in (declared[at::readers] for at in range(readers)) if share]

    def compared(share: Sequence[Mapping[str, Any]]) -> list[report.Row]:
        with secrets.opened(params, read) as source:
            return report.report(share, source.find)

    try:
        if len(shares) <= 1:
            rows = [row for share in shares for row in compared(share)]
        else:
            with ThreadPoolExecutor(len(shares)) as pool:
                rows = [row for found in pool.map(compared, shares) for row in found]
    except HomeopsError as error:
        return Items(name, trouble_of(error))
    wrong = [row for row in rows if not (generates and row.missing and set(row.missing) <= set(row.generated))]
    return Items(name, rows=[row.facts() for row in sorted(wrong, key=lambda row: row.title)])


def connect_token(token: str) -> Credential | None:
    """Return the end that a token of Connect says of itself; None when it says none."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        expires = datetime.datetime.fromtimestamp(int(claims["exp"]), datetime.UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error):
        return None
    return Credential("the token of Connect", "connect_token", "a new token of the Connect server", expires)


def login(params: Mapping[str, Any]) -> Login:
    """Ask Authentik, once, whether it is there, and whose token it is."""
    token = str(params.get("token") or "").strip()
    try:
        client = authentik.Client(
            authentik.Connection(
                url=params["url"],
                token=token,
                door=params.get("door") or "",
                ca_file=params.get("ca_file") or "",
                validate_certs=params.get("validate_certs", True),
                timeout=params.get("timeout") or 5,
            )
        )
    except InputError as error:
        return Login(str(params["url"]), there=True, trouble=trouble_of(error))
    where = client.connection.target
    with client:
        try:
            there, _words = client.alive()
            if not there:
                return Login(where)
            if not token:
                text = "there is no token for its API"
                return Login(where, True, Trouble("TokenRefused", text, "Set HOMEOPS_AUTHENTIK_TOKEN"))
            user = client.get("/core/users/me/", doing="asking whose token it is")["user"]
            found = client.all(
                kinds.TOKEN.path, doing="reading the tokens", intent="api", user__username=user["username"]
            )
        except Unreachable:
            return Login(where)
        except AuthentikError as error:
            return Login(where, True, trouble_of(error))
    now = datetime.datetime.now(datetime.UTC)
    mine = [one for one in found if one.get("intent") == "api" and one.get("user") in (user.get("pk"), None)]
    lives = [tokens.life(one, now).seconds for one in mine]
    return Login(where, True, None, str(user["username"]), bool(user.get("is_superuser")), lives)


def kubeconfig(path: str, timeout: float) -> list[Credential]:
    """Look at a kubeconfig and ask the API whether it takes it; one that is not there yet is nothing to tell of.

    An API that does not answer is left to the phase that waits for it.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        return []
    what, renew = f"the client certificate of {path}", "phase kubernetes fetches a new kubeconfig"
    try:
        connection = kubeconfigs.load(path)
    except InputError as error:
        return [Credential(what, "state_dir", renew, trouble=Trouble(type(error).__name__, str(error)))]
    expires = validity(connection.certificate)[1] if connection.certificate is not None else None
    try:
        with KubernetesClient(connection, timeout=timeout, concurrency=1, sleep=lambda seconds: None) as client:
            client.get("/version", attempted="asking the API whether it takes the kubeconfig")
    except (NotTrusted, Unauthorized) as error:
        return [Credential(what, "state_dir", renew, expires, Trouble(type(error).__name__, str(error)))]
    except HomeopsError:
        pass
    return [Credential(what, "state_dir", renew, expires)]
