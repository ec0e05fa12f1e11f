# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and a Talos node, told apart.

:class:`TalosError` carries ``code``, the gRPC status code of the answer, or -1 when no answer came, and ``details``,
the node's own words. Its subclasses name the causes that have different remedies; all other refusals are plain
``TalosError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..common.errors import HomeopsError

if TYPE_CHECKING:
    from .tls import PeerCertificate

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14

#: Code of a failure without an answer.
NO_ANSWER = -1

CODE_NAMES: Mapping[int, str] = {
    0: "OK",
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
    16: "UNAUTHENTICATED",
}


class TalosError(HomeopsError):
    """A Talos node did not do what was asked.

    :param code: gRPC status code of the answer, :data:`NO_ANSWER` when there was none.
    :param details: the node's message as it came; ``answer`` may say more.
    """

    def __init__(
        self,
        attempted: str,
        *,
        code: int = NO_ANSWER,
        details: str = "",
        target: str = "",
        answer: str = "",
        remedy: str = "",
        param: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.code = code
        self.details = details
        super().__init__(attempted, target=target, answer=answer or details, remedy=remedy, param=param, facts=facts)

    #: Whether waiting cannot help: a person has to change something.
    permanent = False

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed a moment later by itself, as while a node boots."""
        return self.code in (UNAVAILABLE, DEADLINE_EXCEEDED)


class Unreachable(TalosError):
    """No connection: refused, no route, no answer in time, unknown name. The node may be off, rebooting or
    elsewhere."""

    @property
    def transient(self) -> bool:
        """It may come back."""
        return True


class ConnectionLost(Unreachable):
    """The connection ended before the answer was complete; whether the request took effect is not known."""


class DeadlineExceeded(TalosError):
    """The node is reachable but did not answer within the timeout."""

    @property
    def transient(self) -> bool:
        """It may only be busy."""
        return True


class CertificateError(TalosError):
    """The node's certificate is not one to trust; nothing was sent.

    :ivar peer: the certificate which the node presented, when it could be read.
    """

    peer: PeerCertificate | None = None


class WrongCA(CertificateError):
    """The node's certificate is not signed by the CA of the talosconfig."""

    permanent = True


class NameMismatch(CertificateError):
    """The node's certificate is trusted but does not carry the expected name or address."""

    permanent = True


class ServerCertificateExpired(CertificateError):
    """The node's certificate is outside of its validity: a clock is wrong, or the node was off for a long time."""


class PinMismatch(CertificateError):
    """The key of the maintenance certificate is not the pinned one."""

    permanent = True


class ClientCertificateExpired(TalosError):
    """The talosconfig's client certificate has expired; found before connecting."""

    permanent = True


class ClientCertificateRefused(TalosError):
    """The node did not accept our client certificate.

    :ivar certain: the node said so in a TLS alert; otherwise it only hung up where it does so for that reason.
    """

    certain: bool = True

    @property
    def transient(self) -> bool:
        """A mere hang-up may also be a node that is shutting down."""
        return not self.certain


class ProtocolError(TalosError):
    """What answered does not speak gRPC over HTTP/2 as a Talos node does."""
