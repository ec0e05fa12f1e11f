# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Below HTTP: TLS as the kubeconfig wants it, and transport errors as sentences."""

from __future__ import annotations

import http.client
import ssl

from ..common.certificates import load_client_certificate
from ..common.errors import InputError
from ..common.https import transport_text
from .config import ANEW, Connection
from .errors import NotTrusted, Unreachable

#: What the server sends after the handshake when it refuses our certificate (TLS 1.3: seen at the first read).
_ALERTS = (
    "ALERT_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "CERTIFICATE_REQUIRED",
    "ALERT_ACCESS_DENIED",
)


def tls_context(connection: Connection) -> ssl.SSLContext:
    """Return the TLS settings of a connection: its CA only (environment variables have no say), its client certificate.

    :raises InputError: CA, certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if connection.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif connection.ca is not None:
            context.load_verify_locations(cadata=connection.ca.decode("ascii", "replace"))
        else:
            context.load_default_certs()
    except ssl.SSLError:
        raise InputError(
            "the CA in the kubeconfig cannot be read", target=connection.source, remedy=ANEW, param="kubeconfig"
        ) from None
    if connection.certificate is not None and connection.key is not None:
        try:
            load_client_certificate(context, connection.certificate, connection.key)
        except ssl.SSLError:
            raise InputError(
                "the client certificate and key in the kubeconfig do not fit together or cannot be read",
                target=connection.source,
                remedy=ANEW,
                param="kubeconfig",
            ) from None
    return context


def explain(
    error: Exception, connection: Connection, timeout: float, attempted: str, *, fresh: bool
) -> NotTrusted | Unreachable:
    """Turn a transport error into a sentence.

    :param fresh: the connection was opened for this request; one that was kept may just have been closed.
    """
    target, source = connection.server, connection.source
    if isinstance(error, ssl.SSLCertVerificationError):
        if "mismatch" in error.verify_message or "not valid for" in error.verify_message:
            return NotTrusted(
                attempted,
                target=target,
                answer=f"the server's certificate is not for {connection.server_name or connection.host}",
                remedy=f"Set tls-server-name in the {source}, or use an address that the certificate carries",
                param="kubeconfig",
            )
        return NotTrusted(
            attempted,
            target=target,
            answer=f"the server's certificate is not trusted by the CA of the {source} ({error.verify_message})",
            remedy="The kubeconfig belongs to another cluster or the cluster was made anew; fetch it again",
            param="kubeconfig",
        )
    if isinstance(error, ssl.SSLError) and any(alert in str(error).upper() for alert in _ALERTS):
        return NotTrusted(
            attempted,
            target=target,
            answer=f"the server refuses the client certificate of the {source} ({error.reason})",
            remedy="Fetch the kubeconfig of this cluster again",
            param="kubeconfig",
        )
    unreachable = Unreachable(
        attempted,
        target=target,
        answer=transport_text(error, timeout),
        remedy="Check that the API server runs and that this machine reaches the address",
        param="kubeconfig",
    )
    broken = isinstance(error, (ConnectionResetError, BrokenPipeError, http.client.HTTPException, ssl.SSLEOFError))
    unreachable.again = broken or (not fresh and not isinstance(error, TimeoutError))
    return unreachable
