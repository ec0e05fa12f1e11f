# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.modules import git_tree
from tests.harness.git_remote import Remote, git


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    path = tmp_path / "server" / "tree.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    git(path, "config", "http.receivepack", "true")
    return Remote(path, tmp_path / "somebody")


@pytest.fixture
def have(remote: Remote, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the module as its twin does: arguments checked against its spec, then ``run``."""

    def run(files: dict[str, str] | None = None, *, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"url": remote.url, "directory": str(tmp_path / "controller" / "tree.git"), **params}
        if files is not None:
            given["files"] = files
        checked = ArgumentSpecValidator(git_tree.SPEC["argument_spec"]).validate(given)
        assert not checked.error_messages, checked.error_messages
        ctx = Context(check_mode=check, diff_mode=True)
        result = git_tree.run(checked.validated_parameters, ctx)
        return {**result, "warnings": ctx.warnings}

    return run
