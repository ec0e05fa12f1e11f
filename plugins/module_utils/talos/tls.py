# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS to a node: verified with a client certificate, or unverified for maintenance; every failure gets its own name.

Source of the rules: siderolabs/crypto ``tls``, siderolabs/talos v1.10 ``internal/app/{apid,maintenance}``; ALPN is
``h2`` only.
"""

from __future__ import annotations

import base64
import datetime
import errno
import hashlib
import socket
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import NameOID
except ImportError:  # identity.require() tells
    pass

from ..common.certificates import load_client_certificate
from .errors import (
    CertificateError,
    ClientCertificateRefused,
    ConnectionLost,
    NameMismatch,
    PinMismatch,
    ProtocolError,
    ServerCertificateExpired,
    TalosError,
    Unreachable,
    WrongCA,
)
from .identity import Identity, standard_key
from .tls_socket import TlsSocket

ATTEMPT = "connecting to the Talos API"
E = TypeVar("E", bound=TalosError)

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_NOT_YET_VALID, _EXPIRED, _HOST_MISMATCH, _ADDRESS_MISMATCH = 9, 10, 62, 64


@dataclass(frozen=True)
class Address:
    """Where a node is, and what its certificate must carry (``server_name``, a DNS name or an IP address)."""

    node: str
    port: int
    server_name: str
    name: str = ""

    def __str__(self) -> str:
        host = f"[{self.node}]" if ":" in self.node else self.node
        return f"{self.name} ({host}:{self.port})" if self.name and self.name != self.node else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The ``:authority`` of requests."""
        return f"[{self.node}]:{self.port}" if ":" in self.node else f"{self.node}:{self.port}"


@dataclass(frozen=True)
class PeerCertificate:
    """The certificate which a node presented, trusted or not."""

    der: bytes

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The parsed certificate."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def common_name(self) -> str:
        """Subject CN, empty when there is none."""
        return _common_name(self.certificate.subject)

    @property
    def expires(self) -> datetime.datetime:
        """End of validity, UTC."""
        return self.certificate.not_valid_after_utc

    @cached_property
    def names(self) -> list[str]:
        """DNS names and addresses for which it is valid."""
        try:
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]

    @cached_property
    def spki_pin(self) -> str:
        """Base64 of the SHA-256 of the SubjectPublicKeyInfo."""
        spki = self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(spki).digest()).decode()

    def __str__(self) -> str:
        subject = self.certificate.subject.rfc4514_string() or "(empty)"
        issuer = self.certificate.issuer.rfc4514_string() or "(empty)"
        return f"subject {subject}, issuer {issuer}, valid until {self.expires:%Y-%m-%d %H:%M} UTC"


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def connect_tls(
    address: Address, identity: Identity | None, *, spki_pin: str | None, timeout: float
) -> tuple[TlsSocket, PeerCertificate]:
    """Return a TLS socket which speaks ``h2`` and the certificate of the node.

    With an identity the node must have a certificate of its CA that carries ``address.server_name``, and gets the
    client certificate. Without, nothing is verified but ``spki_pin`` when given, and nothing is presented.

    :raises TalosError: Unreachable, CertificateError's and ClientCertificateRefused's family, ProtocolError.
    """
    if identity is not None:
        identity.check()
    context = _context(identity)
    raw = _tcp(address, timeout)
    try:
        secured = TlsSocket(context, raw, address.server_name)
        secured.handshake(timeout)
    except ssl.SSLCertVerificationError as error:
        raw.close()
        raise _untrusted(address, error, _peek(address, timeout)) from None
    except OSError as error:
        raw.close()
        raise _handshake_failed(address, error, identity, timeout) from None
    try:
        peer = _certificate_of(secured)
        if peer is None:
            raise ProtocolError(
                ATTEMPT,
                target=str(address),
                answer="its certificate cannot be read",
                remedy="Check that address and port are a Talos node's",
                param="node",
            )
        if secured.selected_alpn_protocol() != "h2":
            raise ProtocolError(
                ATTEMPT,
                target=str(address),
                answer="the server does not offer HTTP/2 (ALPN h2)",
                remedy="Check address and port: the Talos API is on port 50000",
                param="port",
            )
        if identity is None and spki_pin and peer.spki_pin != spki_pin:
            raise _with_peer(
                PinMismatch(
                    ATTEMPT,
                    target=str(address),
                    answer=f"its key is {peer.spki_pin}, not the pinned {spki_pin} ({peer})",
                    remedy="A node in maintenance makes a new key at each boot: compare with the node's console",
                    param="spki_pin",
                ),
                peer,
            )
    except BaseException:
        secured.close()
        raise
    return secured, peer


def _context(identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if identity is None:
        # Only for maintenance, where the node cannot have a certificate that could be verified.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=identity.ca.decode("ascii", "ignore"))
    except ssl.SSLError as error:
        raise TalosError(
            "using the CA of the talosconfig",
            target=identity.source,
            answer=f"it is damaged ({error.reason or 'not PEM'})",
            remedy="Write the talosconfig anew from the secrets bundle",
            param="talosconfig",
        ) from None
    try:
        load_client_certificate(context, identity.crt, standard_key(identity.key))
    except ssl.SSLError as error:
        raise TalosError(
            "using the client certificate",
            target=identity.source,
            answer=f"certificate and key do not fit together or are damaged ({error.reason or 'not PEM'})",
            remedy="Write the talosconfig anew from the secrets bundle",
            param="talosconfig",
        ) from None
    return context


def _tcp(address: Address, timeout: float) -> socket.socket:
    try:
        connection = socket.create_connection((address.node, address.port), timeout=timeout)
    except OSError as error:
        raise unreachable(address, error, timeout) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def unreachable(address: Address, error: OSError, timeout: float) -> Unreachable:
    """Name the cause of a failed TCP connection."""
    remedy = "Check that the node is powered on and that its address is right"
    if isinstance(error, socket.gaierror):
        answer, remedy = "the name cannot be resolved", "Give an address, or a name which the controller's DNS knows"
    elif isinstance(error, ConnectionRefusedError):
        answer = "connection refused"
        remedy = (
            "The machine is up but nothing listens there: it may be booting, or not run Talos, or the port is wrong"
        )
    elif isinstance(error, TimeoutError):
        answer = f"no answer within {timeout:g} s"
    elif error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        answer = "no route to the host"
        remedy = "Check that the node is powered on, and the network between the controller and it"
    else:
        answer = error.strerror or type(error).__name__
    return Unreachable(ATTEMPT, target=str(address), answer=answer, remedy=remedy, param="node")


def _peek(address: Address, timeout: float) -> PeerCertificate | None:
    """Return the certificate a node presents, to tell a person about it; nothing is presented or sent."""
    try:
        with _tcp(address, timeout) as raw:
            secured = TlsSocket(_context(None), raw)
            secured.handshake(timeout)
            return _certificate_of(secured)
    except (OSError, TalosError):
        return None


def _certificate_of(secured: TlsSocket) -> PeerCertificate | None:
    peer = PeerCertificate(secured.getpeercert())
    try:
        return peer if peer.certificate else None
    except ValueError:  # OpenSSL takes more than cryptography does
        return None


def _with_peer(error: CertificateError, peer: PeerCertificate) -> CertificateError:
    error.peer = peer
    return error


def _untrusted(address: Address, error: ssl.SSLCertVerificationError, peer: PeerCertificate | None) -> TalosError:
    """Name the cause; without the certificate none can be named for sure, and the node is on its way elsewhere
    anyway."""
    if peer is None:
        return ConnectionLost(
            ATTEMPT,
            target=str(address),
            answer=f"its certificate was not to be trusted ({error.verify_message}), and then the node went away",
            remedy="Try again when the node has finished its change of state",
            param="node",
        )
    seen = f" ({peer})"
    kind: type[CertificateError]
    if error.verify_code in (_HOST_MISMATCH, _ADDRESS_MISMATCH):
        kind, param = NameMismatch, "server_name"
        names = f", only for {', '.join(peer.names)}" if peer.names else ""
        answer = f"its certificate is not valid for {address.server_name}{names}{seen}"
        remedy = (
            "Set server_name to a name or address which the certificate carries, or add this one to machine.certSANs"
        )
    elif error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        kind, param = ServerCertificateExpired, "node"
        state = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        answer = f"a certificate of its chain {state}{seen}"
        remedy = (
            "Compare the clocks of the node and of the controller; a node renews its certificate by itself, so restart "
            "it when its clock is right. When the CA itself has expired, rotate it"
        )
    else:
        kind, param = WrongCA, "talosconfig"
        answer = f"its certificate is not signed by the CA of the talosconfig: {error.verify_message}{seen}"
        remedy = "Use the talosconfig of this node's cluster; a node of another cluster must be reset first"
    return _with_peer(kind(ATTEMPT, target=str(address), answer=answer, remedy=remedy, param=param), peer)


def is_alert(error: OSError) -> bool:
    """Whether the other side ended the TLS session with an alert on our certificate."""
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    return "ALERT" in reason and not any(
        other in reason for other in ("NO_APPLICATION_PROTOCOL", "PROTOCOL_VERSION", "INTERNAL_ERROR", "USER_CANCEL")
    )


def refused(address: Address, identity: Identity | None, alert: str = "") -> ClientCertificateRefused:
    """Return the error for a node that does not accept who we are.

    Under TLS 1.3 the handshake succeeds on our side; the refusal is an alert or a hang-up at the first read.
    """
    if identity is None:
        answer = "the node asks for a client certificate, so it is configured"
        remedy = "Give the talosconfig of its cluster"
    else:
        answer = "client certificate refused"
        answer += f" (TLS alert: {alert})" if alert else " (the node hung up right after the TLS handshake)"
        remedy = (
            f"The client certificate of {identity.source} must be signed by the node's OS CA and be for client "
            "authentication only: write a new talosconfig from the cluster's secrets bundle; also compare the clocks"
        )
    error = ClientCertificateRefused(ATTEMPT, target=str(address), answer=answer, remedy=remedy, param="talosconfig")
    error.certain = error.permanent = bool(alert)
    return error


def alert_text(error: OSError) -> str:
    """Return an alert's name for people: ``unknown ca``."""
    reason = str(getattr(error, "reason", "") or "")
    return reason.rpartition("ALERT_")[2].replace("_", " ").lower()


def _handshake_failed(address: Address, error: OSError, identity: Identity | None, timeout: float) -> TalosError:
    if is_alert(error):
        return refused(address, identity, alert_text(error))
    if isinstance(error, TimeoutError):
        return Unreachable(
            ATTEMPT,
            target=str(address),
            answer=f"it accepts connections but did not answer the TLS handshake within {timeout:g} s",
            remedy="Wait until the node has booted; check address and port",
            param="node",
        )
    if isinstance(error, (ssl.SSLEOFError, ConnectionError)):
        return ConnectionLost(
            ATTEMPT,
            target=str(address),
            answer="it hung up during the TLS handshake",
            remedy="Wait until the node has booted; check address and port",
            param="node",
        )
    reason = str(getattr(error, "reason", "") or error)
    return ProtocolError(
        ATTEMPT,
        target=str(address),
        answer=f"the TLS handshake failed: {reason.replace('_', ' ').lower()}",
        remedy="Check address and port: the Talos API is on port 50000 and speaks TLS",
        param="port",
    )
