# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a server that starts and for outposts that connect: asked of the system, never assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.context import Context
from ..common.errors import WaitTimeout
from ..common.wait import Deadline, Observation, wait_until
from . import audit
from .client import Client
from .errors import NotTrusted, Starting, TokenRefused, Unreachable

#: Seconds after which a token that is refused is taken to be wrong and not just too early.
_GRACE = 90.0
#: What to do about a certificate that did not come.
_UNTRUSTED = (
    "Look at the Certificate and the Challenges in the server's namespace: an ingress without its certificate shows "
    "one of its own making. If it has got it, the CA that signs it has to be known: a self-made one is given with "
    "ca_file"
)


def wait_ready(client: Client, flows: Iterable[str], timeout: float, ctx: Context) -> dict[str, Any]:
    """Wait until the server is ready, takes the token and has these flows; return the token's user.

    The first start takes minutes: migrations first, then the worker applies the blueprints that make flows and user.
    Its ingress needs minutes for its certificate, too, and shows one of its own making until then.

    :raises WaitTimeout: with what is still missing.
    """
    wanted = sorted(set(flows))
    refused: Deadline | None = None
    untrusted: NotTrusted | None = None

    def look() -> Observation[dict[str, Any]]:
        nonlocal refused, untrusted
        untrusted = None
        try:
            ready, words = client.alive()
            if not ready:
                return Observation(False, words)
            user = client.get("/core/users/me/", doing="asking whose token it is")["user"]
            there = (
                {flow["slug"] for flow in client.all("/flows/instances/", doing="reading the flows")} if wanted else ()
            )
        except (Starting, Unreachable) as error:
            return Observation(False, error.answer)
        except NotTrusted as error:
            untrusted = error
            return Observation(False, error.answer)
        except TokenRefused as error:
            # A token from the environment of the first start is unknown until the worker has made its user.
            refused = refused or Deadline(min(timeout, _GRACE))
            if refused.passed:
                raise
            return Observation(False, error.answer)
        missing = [slug for slug in wanted if slug not in there]
        return Observation(not missing, f"no flow {', '.join(missing)} yet" if missing else "ready", dict(user))

    try:
        found = wait_until(
            look,
            what="Authentik to be ready",
            target=client.connection.target,
            timeout=timeout,
            ctx=ctx,
            interval=2.0,
            remedy="Look at the pods of server and worker: it is the worker that makes the default flows",
            param="token",
        )
    except WaitTimeout as late:
        if untrusted is None:
            raise
        raise WaitTimeout(
            late.attempted, target=late.target, answer=late.answer, remedy=_UNTRUSTED, param=untrusted.param
        ) from None
    return found or {}


def read(client: Client, found: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return who is connected, per key of an outpost."""
    return {
        str(outpost["pk"]): client.all(
            f"/outposts/instances/{outpost['pk']}/health/",
            doing=f"asking who is connected to outpost {outpost['name']}",
        )
        for outpost in found
    }


def wait_connected(client: Client, wanted: Iterable[Mapping[str, Any]], timeout: float, ctx: Context) -> None:
    """Wait until a process of every one of these outposts is connected, in the server's version.

    :raises WaitTimeout: naming those that are not.
    """
    listed = list(wanted)

    def look() -> Observation[None]:
        seen = read(client, listed)
        left = [
            f"{outpost['name']}: {fault}" for outpost in listed if (fault := audit.unhealthy(seen[str(outpost["pk"])]))
        ]
        return Observation(not left, "; ".join(left))

    wait_until(
        look,
        what="outposts to be connected",
        target=client.connection.target,
        timeout=timeout,
        ctx=ctx,
        interval=2.0,
        remedy="Look at the outpost's pods: a pod with another token is another outpost, and its image has to be of "
        "the server's version",
    )
