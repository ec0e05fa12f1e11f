# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals, with the bodies that the web framework gives them."""

from __future__ import annotations

from typing import Any

REQUIRED = "This field is required."
NO_NULL = "This field may not be null."
NO_BLANK = "This field may not be blank."
NO_EMPTY = "This list may not be empty."


class Refusal(Exception):
    """A request that is answered with an error.

    :param body: JSON; None for an empty answer.
    """

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


class Invalid(Exception):
    """A value that a field refuses.

    :param detail: a list of sentences, or an object of the parts' own refusals.
    """

    def __init__(self, *sentences: str, detail: Any = None) -> None:
        super().__init__(*sentences)
        self.detail = list(sentences) if detail is None else detail


def bad(body: Any) -> Refusal:
    """Return a 400."""
    return Refusal(400, body)


def not_found(label: str) -> Refusal:
    """Return the 404 for an object of a class."""
    return Refusal(404, {"detail": f"No {label} matches the given query."})


def detail(status: int, text: str) -> Refusal:
    """Return an answer of one sentence."""
    return Refusal(status, {"detail": text})


def forbidden() -> Refusal:
    """Return the 403 of a user without the right."""
    return detail(403, "You do not have permission to perform this action.")


def dangling(key: Any) -> str:
    """Return the sentence for a reference to nothing."""
    return f'Invalid pk "{key}" - object does not exist.'


def taken(label: str, field: str) -> str:
    """Return the sentence for a value that another object has."""
    return f"{label} with this {field} already exists."
