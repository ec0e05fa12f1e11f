# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a node: the CA, client certificate and key of a talosconfig."""

from __future__ import annotations

import base64
import binascii
import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

try:
    import yaml
    from cryptography import x509
except ImportError as error:  # reported by require(), where it is needed
    _MISSING: ImportError | None = error
else:
    _MISSING = None

from ..common import files
from ..common.errors import InputError
from .errors import ClientCertificateExpired

TALOS_ED25519_LABEL = "ED25519 PRIVATE KEY"
PKCS8_LABEL = "PRIVATE KEY"


def standard_key(pem: bytes) -> bytes:
    """Return a key with the label which OpenSSL knows.

    Talos writes Ed25519 keys as PKCS#8 under the label ``ED25519 PRIVATE KEY`` (siderolabs/crypto ``x509``), which
    neither ``ssl`` nor ``cryptography`` accept. Other keys are returned as they are.
    """
    return _relabel(pem, TALOS_ED25519_LABEL, PKCS8_LABEL)


def talos_key(pem: bytes) -> bytes:
    """Return an Ed25519 PKCS#8 key with the label which Talos writes; the reverse of :func:`standard_key`."""
    return _relabel(pem, PKCS8_LABEL, TALOS_ED25519_LABEL)


def _relabel(pem: bytes, old: str, new: str) -> bytes:
    for edge in ("BEGIN", "END"):
        pem = pem.replace(f"-----{edge} {old}-----".encode(), f"-----{edge} {new}-----".encode())
    return pem


@dataclass(frozen=True)
class Identity:
    """PEM bytes of one talosconfig context.

    :param ca: the certificates to trust, one or more.
    :param crt: the client certificate.
    :param key: its private key, with Talos' or the standard label.
    :param source: where it is from, for messages.
    """

    ca: bytes
    crt: bytes
    key: bytes
    source: str = "talosconfig"

    def __repr__(self) -> str:
        return f"Identity(source={self.source!r})"

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The client certificate, parsed."""
        return x509.load_pem_x509_certificate(self.crt)

    @property
    def expires(self) -> datetime.datetime:
        """End of the client certificate's validity, in UTC."""
        return self.certificate.not_valid_after_utc

    def check(self, now: datetime.datetime | None = None) -> None:
        """Refuse an expired client certificate here, where the cause can be told.

        :raises ClientCertificateExpired: the node would only hang up.
        """
        now = now or datetime.datetime.now(datetime.UTC)
        if self.expires <= now:
            raise ClientCertificateExpired(
                "using the client certificate",
                target=self.source,
                answer=f"it expired at {self.expires:%Y-%m-%d %H:%M} UTC, {_days(now - self.expires)} ago",
                remedy="Renew the talosconfig: talos_config writes a new one from the secrets bundle",
                param="talosconfig",
            )


def _days(span: datetime.timedelta) -> str:
    days = span.days
    if days == 0:
        return "less than a day"
    return "1 day" if days == 1 else f"{days} days"


def require() -> None:
    """Raise an error that names the missing Python package, if one is missing."""
    if _MISSING is not None:
        raise InputError(
            f"the Python package {_MISSING.name} is missing on the controller",
            remedy="Install the collection's requirements.txt into the Python that runs Ansible",
        )


def load_talosconfig(
    path: str, context: str | None = None, read_text: Callable[[str], str] = files.read_text
) -> Identity:
    """Read one context of a talosconfig file.

    :param context: its name; default is the file's current context.
    :param read_text: ``Context.read_text`` of a run, which decrypts what ansible-vault has encrypted.
    :raises InputError: missing file, not a talosconfig, unknown context, unreadable certificate.
    """
    require()
    path = os.path.expanduser(path)
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            "the talosconfig cannot be read",
            target=path,
            answer=str(reason),
            remedy="Give the path of a talosconfig, or let talos_config write one from the secrets bundle",
            param="talosconfig",
        ) from error
    return parse_talosconfig(text, context, source=path)


def parse_talosconfig(text: str, context: str | None = None, *, source: str = "talosconfig") -> Identity:
    """Return the identity in a talosconfig's text; see :func:`load_talosconfig`.

    Shape (siderolabs/talos v1.10 ``pkg/machinery/client/config``): ``context: <name>`` and
    ``contexts: {<name>: {endpoints, nodes, ca, crt, key}}``, the last three base64 of PEM.
    """
    require()

    def wrong(what: str, remedy: str = "", param: str = "talosconfig") -> InputError:
        return InputError("the talosconfig is not usable", target=source, answer=what, remedy=remedy, param=param)

    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise wrong(f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    contexts = content.get("contexts") if isinstance(content, Mapping) else None
    if not isinstance(contexts, Mapping) or not contexts:
        raise wrong("it has no contexts")
    name = context or content.get("context") or ""
    if name not in contexts:
        known = ", ".join(sorted(map(str, contexts)))
        raise wrong(f"it has no context {name!r}, only {known}", "Name one of these contexts", "context")
    chosen = contexts[name]
    parts: dict[str, bytes] = {}
    for key in ("ca", "crt", "key"):
        value = chosen.get(key) if isinstance(chosen, Mapping) else None
        if not isinstance(value, str) or not value:
            raise wrong(f"context {name!r} has no {key}")
        try:
            parts[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise wrong(f"{key} of context {name!r} is not base64") from None
    identity = Identity(**parts, source=f"{source}, context {name}")
    for what, pem in (("ca", identity.ca), ("crt", identity.crt)):
        try:
            x509.load_pem_x509_certificate(pem)
        except ValueError:
            raise wrong(f"{what} of context {name!r} is not a certificate") from None
    return identity
