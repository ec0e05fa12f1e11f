# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a UniFi console answers when it refuses, told in sentences.

Two generations of error bodies exist: v1 ``{"meta": {"rc": "error", "msg": "api.err.X"}, "data": [...]}`` and v2
``{"code": "api.err.X", "message": "...", "errorCode": N}`` (jamesbraid/go-unifi ``unifi/errors.go``). A 404 is only
absence when its body says nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from ..common.errors import HomeopsError


class UnifiError(HomeopsError):
    """The console refused, or could not be asked.

    :cvar status: the HTTP status, 0 when there was no answer.
    :cvar code: the console's own code such as ``api.err.NoPermission``, empty when it gave none.
    :cvar written: whether the console may hold what was to be written all the same.
    """

    status: int = 0
    code: str = ""
    written: bool = False


class Unreachable(UnifiError):
    """No connection, or it broke before the whole answer was there.

    :cvar sent: whether the request may have been carried out all the same.
    """

    sent: bool = False


class CertificateRefused(UnifiError):
    """The console's certificate is not the one that is trusted."""


class LoginFailed(UnifiError):
    """User name and password, or the API key, are not accepted."""


class Throttled(UnifiError):
    """The console refuses further logins for a while."""


class MfaRequired(UnifiError):
    """The account needs a second factor, which no program has."""


class NoPermission(UnifiError):
    """The account or key may not do this."""


class UnsupportedDevice(UnifiError):
    """No adopted gateway of this site can do it."""


class NotFound(UnifiError):
    """The console has no such thing."""


#: How the codes of UniFi OS begin when a login fails.
_NO_LOGIN = "AUTHENTICATION_FAILED"


def describe(status: int, body: bytes) -> tuple[str, str]:
    """Return the console's code and its words out of an error body of either generation, or of none.

    A detail in ``data`` is closer to the cause than the envelope.
    """
    try:
        document: Any = json.loads(body)
    except ValueError:
        text = " ".join(body.decode("utf-8", "replace").split())
        kind = "an HTML page" if text[:1] == "<" else f"'{text[:120]}'" if text else "an empty body"
        return "", f"HTTP {status} with {kind}"
    if not isinstance(document, dict):
        return "", f"HTTP {status}"
    meta = document.get("meta")
    if isinstance(meta, dict):
        details = [item for item in document.get("data") or [] if isinstance(item, dict) and item.get("msg")]
        found = details[0] if details else meta
        code = str(found.get("msg") or "")
        invalid = found.get("validationError")
        where = f" in field {invalid.get('field')}" if isinstance(invalid, dict) and invalid.get("field") else ""
        return code, f"HTTP {status}, {code or 'no code'}{where}"
    code = str(document.get("code") or "")
    words = str(document.get("message") or "")
    return code, f"HTTP {status}, {code or 'no code'}{f': {words}' if words else ''}"


def refusal(attempted: str, target: str, status: int, body: bytes, *, with_key: bool) -> UnifiError:
    """Return the error for an answer that is none of the good ones.

    :param with_key: whether the request came with an API key, not within a session.
    """
    code, words = describe(status, body)
    kind: type[UnifiError] = UnifiError
    remedy = param = ""
    account = "api_key" if with_key else "username"
    if code == "api.err.BgpUnsupportedDevice":
        kind = UnsupportedDevice
        remedy = (
            "BGP needs an adopted gateway whose firmware can do it (UniFi OS 4.1 with Network 9 or newer); look at the "
            "gateway's model and firmware in the console"
        )
    elif status == 404 or code == "api.err.NoSiteContext":
        # Another site than there is answers 401 in the first generation.
        kind, param = NotFound, "site"
        remedy = "Check the site's internal name (not the display name), and the console's version"
    elif status == 429 or code == "AUTHENTICATION_FAILED_LIMIT_REACHED":
        kind, param = Throttled, account
        remedy = "Wait a minute" if with_key else "Wait a minute, or use an API key: it is not limited"
    elif status == 499 or code in ("api.err.Ubic2faTokenRequired", "MFA_AUTH_REQUIRED"):
        kind, param = MfaRequired, account
        remedy = "Use an API key, or a local account without a second factor"
    elif with_key and (status == 401 or code.startswith(_NO_LOGIN)):
        kind, param = LoginFailed, account
        remedy = "Check that the API key is valid, has not been revoked and is of this console"
    elif status == 401 or code.startswith(_NO_LOGIN):
        # UniFi OS answers a wrong password with 403 and this code, older releases with 401.
        kind, param = LoginFailed, "password"
        remedy = "Check the user name and the password"
    elif status == 403 or code == "api.err.NoPermission":
        kind, param = NoPermission, account
        remedy = "Give the account or API key the right to administer the network application"
    elif status == 400:
        remedy = "The console's words say which field it does not like"
    elif status >= 500:
        remedy = "Look at the console itself; a restart of its network application takes some minutes"
    error = kind(attempted, target=target, answer=words, remedy=remedy, param=param)
    error.status, error.code = status, code
    return error
