# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The install manifest of Flux: fetched or read, and held against its pinned digest before anything is done with it."""

from __future__ import annotations

import hashlib
import re
import urllib.error
from collections.abc import Callable
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from .errors import ManifestError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"^# Flux Version: *(v[0-9][^\s]*)$", re.M)
#: A manifest of all components has about half of it.
LARGEST = 8 * 2**20


def checked(source: str, sha256: str, read: Callable[[str], bytes], *, version: str = "") -> str:
    """Return the manifest's text.

    :param source: URL or path, for messages; :param sha256: the pinned digest; :param read: fetches the source.
    :param version: refuse another version of Flux, where the manifest says one.
    :raises ManifestError: no digest is pinned, the manifest has another one, or is none.
    """
    wanted = sha256.strip().lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(wanted):
        raise ManifestError(
            "reading the install manifest of Flux",
            target=source,
            answer="no SHA-256 is pinned for it" if not wanted else f"{sha256!r} is no SHA-256",
            remedy="Fetch the file once by a way you trust, read it, and write its SHA-256 into the model "
            "(homeops_flux_manifest_sha256)",
        )
    data = read(source)
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise ManifestError(
            "reading the install manifest of Flux",
            target=source,
            answer=f"its SHA-256 is {found} and {wanted} is pinned",
            remedy="Nothing was applied. Find out why the file changed before you pin another digest",
        )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ManifestError("reading the install manifest of Flux", target=source, answer="it is not UTF-8") from None
    says = _VERSION.search(text)
    if version and says and says[1] != version:
        raise ManifestError(
            "reading the install manifest of Flux",
            target=source,
            answer=f"it installs {says[1]} and {version} is wanted (homeops_versions.flux)",
            remedy="Give the manifest of that version, with its digest",
        )
    return text


def fetch(source: str, *, timeout: float = 60, ca_file: str = "") -> bytes:
    """Return the bytes of an ``https://`` or ``http://`` URL, ``file://`` URL or path.

    :raises ManifestError: it cannot be had.
    """
    scheme = urlsplit(source).scheme
    attempted = "fetching the install manifest of Flux"
    if scheme not in ("http", "https"):
        path = urlsplit(source).path if scheme == "file" else source
        try:
            with open(path, "rb") as file:
                return file.read(LARGEST)
        except OSError as error:
            raise ManifestError(attempted, target=source, answer=error.strerror or str(error)) from None
    try:
        with open_url(source, timeout=timeout, ca_path=ca_file or None) as answer:
            data = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        raise ManifestError(attempted, target=source, answer=f"HTTP {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        remedy = "Without a way there, give the file itself"
        raise ManifestError(attempted, target=source, answer=str(reason), remedy=remedy) from None
    if len(data) > LARGEST:
        raise ManifestError(attempted, target=source, answer=f"it is larger than {LARGEST} bytes")
    return bytes(data)
