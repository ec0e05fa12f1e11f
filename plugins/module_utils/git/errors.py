# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a repository, told apart by what to do about it."""

from __future__ import annotations

from ..common.errors import HomeopsError


class GitError(HomeopsError):
    """Git could not do what was asked.

    :ivar told: all that git said, without the token.
    """

    told: str = ""


class GitUnreachable(GitError):
    """The repository did not answer, or there is none at that place."""


class GitDenied(GitError):
    """The repository did not accept who we are, or what we may do."""


class GitRefused(GitError):
    """The state of a repository forbids the change; nothing was written."""
