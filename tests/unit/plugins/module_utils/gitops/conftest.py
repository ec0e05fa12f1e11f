# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of the real home model."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.gitops import library, tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from tests.harness.gitops_tree import Object, home_model, objects


@pytest.fixture(scope="session")
def folders() -> dict[str, Folder]:
    return library.read([library.own()])


@pytest.fixture
def model() -> dict[str, Any]:
    return copy.deepcopy(home_model())


@pytest.fixture(scope="session")
def home(folders: dict[str, Folder]) -> dict[str, str]:
    """The tree of the home."""
    return tree.render(home_model(), folders)


@pytest.fixture(scope="session")
def there(home: dict[str, str]) -> list[Object]:
    """Every object of the home's tree."""
    return list(objects(home))
