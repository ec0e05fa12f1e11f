# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing talosconfig files, and deciding when one is due for a new client certificate. Reading is in ``identity.py``.

Shape: siderolabs/talos v1.10 ``pkg/machinery/client/config``.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence

try:
    import yaml
except ImportError:  # identity.require() tells
    yaml = None  # type: ignore[assignment]

from ..common.errors import InputError
from . import pki
from .errors import ClientCertificateExpired
from .identity import parse_talosconfig, require
from .secrets import SecretsBundle

ADMIN = ("os:admin",)
#: A client certificate is renewed when less than this is left.
RENEW_BEFORE = datetime.timedelta(days=30)


def talosconfig_text(
    context: str,
    bundle: SecretsBundle,
    endpoints: Sequence[str],
    nodes: Sequence[str],
    now: datetime.datetime,
    roles: Sequence[str] = ADMIN,
    lifetime: datetime.timedelta = pki.CLIENT_LIFETIME,
) -> str:
    """Return a talosconfig with one context and a new client certificate.

    :param context: the context's name; talosctl names it after the cluster.
    :param endpoints: control planes which talosctl contacts; ``nodes`` are whom it asks there by default.
    """
    require()
    issued = pki.admin_certificate(bundle.os, roles, now, lifetime)
    entry: dict[str, object] = {"endpoints": list(endpoints)}
    if nodes:
        entry["nodes"] = list(nodes)
    entry.update({key: base64.b64encode(pem).decode() for key, pem in _parts(bundle, issued).items()})
    content = {"context": context, "contexts": {context: entry}}
    return str(yaml.safe_dump(content, sort_keys=False, indent=4, width=1_000_000))


def _parts(bundle: SecretsBundle, issued: pki.CertificateAndKey) -> dict[str, bytes]:
    return {"ca": bundle.os.crt, "crt": issued.crt, "key": issued.key}


def renewal_reason(
    existing: str | None,
    context: str,
    bundle: SecretsBundle,
    endpoints: Sequence[str],
    nodes: Sequence[str],
    now: datetime.datetime,
    roles: Sequence[str] = ADMIN,
    renew_before: datetime.timedelta = RENEW_BEFORE,
) -> str:
    """Say why the talosconfig has to be written anew; empty when it can stay as it is.

    :param existing: the file's text, None when there is no file.
    """
    require()
    if existing is None:
        return "it does not exist"
    try:
        identity = parse_talosconfig(existing, context)
        identity.check(now)
        key = pki.load_key(identity.key)
    except InputError as error:
        return error.answer or str(error)
    except ClientCertificateExpired:
        return "its client certificate has expired"
    except ValueError:
        return "its key is not a private key"
    content = yaml.safe_load(existing)
    entry = content["contexts"][context]
    certificate = identity.certificate
    held = sorted(str(item.value) for item in certificate.subject)
    reasons = (
        (pki.fingerprint(identity.ca) != pki.fingerprint(bundle.os.crt), "its CA is not the bundle's"),
        (not pki.signed_by(certificate, bundle.os.crt), "its client certificate is not signed by the bundle's CA"),
        (key.public_key() != certificate.public_key(), "its key does not belong to its client certificate"),
        (held != sorted(roles), f"its roles are {', '.join(held) or 'none'}"),
        (certificate.not_valid_after_utc - now < renew_before, f"it expires at {identity.expires:%Y-%m-%d}"),
        (list(entry.get("endpoints") or []) != list(endpoints), "its endpoints differ"),
        (list(entry.get("nodes") or []) != list(nodes), "its nodes differ"),
        (content.get("context") != context, f"its current context is not {context}"),
    )
    return next((reason for applies, reason in reasons if applies), "")
