# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles flux and platform as a play runs them, against a cluster that has what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.flux_cluster import CHECKOUT, FluxCluster

from .conftest import REPOSITORY

PLAY = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": [{"role": "homeops.cluster.flux"}, {"role": "homeops.cluster.platform"}],
    }
]


@pytest.fixture
def play(running: str, cluster: FluxCluster, tmp_path: Path) -> Any:
    """Run the play with these variables over those of the lab's doors; return exit code and output."""
    record = cluster.git.record()
    doors = {
        "homeops_versions": {"flux": "v2.4.0"},
        "homeops_gitops": {
            "repository": REPOSITORY,
            "branch": "main",
            "path": "clusters/home-ops",
            "interval": "10m",
            "source_interval": "1m",
        },
        "homeops_flux_manifest": record["flux_manifest"],
        "homeops_flux_manifest_sha256": record["flux_manifest_sha256"],
        "homeops_state_dir": str(cluster.server.directory),
        "platform_wait_timeout": 30,
        "ansible_python_interpreter": sys.executable,
    }

    def run(*arguments: str, **changes: Any) -> tuple[int, str]:
        (tmp_path / "play.yml").write_text(json.dumps(PLAY))
        (tmp_path / "vars.json").write_text(json.dumps({**doors, **changes}))
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                *("-i", "localhost,", "-e", f"@{tmp_path / 'vars.json'}", *arguments, str(tmp_path / "play.yml")),
            ],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
                "ANSIBLE_HOME": str(tmp_path / "home"),
                "ANSIBLE_NOCOLOR": "1",
            },
            text=True,
            capture_output=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_cluster_that_is_as_wanted_is_left_alone(play: Any) -> None:
    code, output = play()
    assert code == 0, output
    assert "changed=0" in output
    assert "4 of 4 Kustomizations, 1 of 1 HelmReleases ready." in output


def test_another_manifest_is_refused_before_anything_is_applied(play: Any) -> None:
    code, output = play("--check", homeops_flux_manifest_sha256="0" * 64)
    assert code != 0
    assert "Nothing was applied" in " ".join(output.split())
    code, output = play(homeops_flux_manifest_sha256="")
    assert code != 0
    assert "homeops_flux_manifest_sha256" in output
