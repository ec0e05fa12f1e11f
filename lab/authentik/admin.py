# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server itself: version, public settings, and the tenant's settings."""

from __future__ import annotations

from collections.abc import Mapping

from . import durations
from .calls import Answer, Call
from .errors import bad, forbidden

_SINCE_2025_12 = ("pagination_default_page_size", "pagination_max_page_size")


def version(call: Call) -> Answer:
    """``GET /admin/version/``."""
    if not call.superuser:
        raise forbidden()
    text = call.store.release.text
    return Answer(
        200,
        {
            "version_current": text,
            "version_latest": text,
            "version_latest_valid": True,
            "build_hash": "",
            "outdated": False,
            "outpost_outdated": False,
        },
    )


def config(call: Call) -> Answer:
    """``GET /api/v3/root/config/``, for everybody."""
    return Answer(
        200,
        {
            "error_reporting": {
                "enabled": False,
                "sentry_dsn": "https://sentry@sentry.example.invalid/0",
                "environment": "customer",
                "send_pii": False,
                "traces_sample_rate": 0.1,
            },
            "capabilities": ["can_impersonate", "is_enterprise"],
            "cache_timeout": 300,
            "cache_timeout_flows": 300,
            "cache_timeout_policies": 300,
        },
    )


def settings(call: Call) -> Answer:
    """``GET``, ``PUT`` and ``PATCH /admin/settings/``."""
    if not call.superuser:
        raise forbidden()
    known = dict(call.store.settings)
    if not call.store.release.since(2025, 12):
        for name in _SINCE_2025_12:
            known.pop(name)
    if call.method == "GET":
        return Answer(200, known)
    body = call.body if isinstance(call.body, Mapping) else {}
    for name in ("default_token_duration", "event_retention"):
        if name in body:
            try:
                durations.parse(str(body[name]))
            except ValueError:
                raise bad({name: [f"{body[name]} is not in the correct format of 'hours=3;minutes=1'."]}) from None
    changed = {name: value for name, value in body.items() if name in known}
    call.store.settings.update(changed)
    return Answer(200, {**known, **changed})
