# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates from memory: reading their validity, and giving a key to ``ssl`` without writing it to a disk."""

from __future__ import annotations

import base64
import datetime
import os
import re
import ssl
import tempfile

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def _tlv(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the DER element at ``at``."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    return tag, at, at + length


def _time(tag: int, text: str) -> datetime.datetime:
    """Read UTCTime (0x17, two-digit year, RFC 5280 4.1.2.5.1) or GeneralizedTime (0x18)."""
    if tag == 0x17:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.UTC)


def validity(pem: bytes) -> tuple[datetime.datetime, datetime.datetime]:
    """Return from when until when the first certificate of a PEM text is valid (UTC).

    Reads the few DER elements in front of ``validity`` (RFC 5280 4.1), which costs nothing; a general X.509 library
    takes 40 ms to import.

    :raises ValueError: not a certificate.
    """
    match = _PEM.search(pem)
    if not match:
        raise ValueError("no certificate")
    try:
        data = base64.b64decode(match[1])
        at = _tlv(data, _tlv(data, 0)[1])[1]
        if data[at] == 0xA0:
            at = _tlv(data, at)[2]
        for _skipped in ("serialNumber", "signature", "issuer"):
            at = _tlv(data, at)[2]
        found = []
        at = _tlv(data, at)[1]
        for _bound in ("notBefore", "notAfter"):
            tag, start, at = _tlv(data, at)
            found.append(_time(tag, data[start:at].decode("ascii")))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error
    return found[0], found[1]


def load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a client certificate and its key to an ``SSLContext``.

    ``ssl`` takes file names only. On Linux the "file" is anonymous memory; elsewhere a file in a directory of its own
    that only this user can enter, removed at once.

    :raises ssl.SSLError: they do not fit together or cannot be read.
    """
    data = certificate.rstrip() + b"\n" + key
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("client", os.MFD_CLOEXEC)
        try:
            os.write(handle, data)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
        return
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "client")
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        context.load_cert_chain(name)
