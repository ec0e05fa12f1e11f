# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates that the lab's External Secrets can carry out."""

from __future__ import annotations

import pytest

from lab.controllers.external_secrets.controller import _seconds
from lab.controllers.external_secrets.gotemplate import TemplateError, render

VALUES = {"name": " op ", "pass": "s3:c/ret", "a-b": "dashed"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("{{ .name }}", " op "),
        ("{{.name | trim}}", "op"),
        ("{{ .name | trim | b64enc }}", "b3A="),
        ("{{ trim .name }}", "op"),
        ('{{ index . "a-b" }}', "dashed"),
        ('{{ printf "%s:%s" .pass .a-b }}', "s3:c/ret:dashed"),
        ("db://{{ .name | trim }}:{{ .pass }}@host", "db://op:s3:c/ret@host"),
    ],
)
def test_what_is_understood(text: str, wanted: str) -> None:
    assert render(text, VALUES, "key") == wanted


@pytest.mark.parametrize(
    ("text", "words"), [("{{ .none }}", "no entry for key"), ("{{ .name | shout }}", 'function "shout" not defined')]
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        render(text, VALUES, "key")


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("15m", 900), ("1h30m", 5400), ("0", 0), ("0s", 0)])
def test_durations(text: str, seconds: float) -> None:
    assert _seconds(text) == seconds
