# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup flux_manifest, with the options as a role gives them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[4]
TEXT = b"# Flux Version: v2.4.0\n"
DIGEST = hashlib.sha256(TEXT).hexdigest()


class Serving(BaseHTTPRequestHandler):
    """Answers every GET with the manifest."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(TEXT)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/install.yaml"
    server.shutdown()


def test_no_certificates_of_one_s_own_means_those_of_the_machine(url: str, tmp_path: Path) -> None:
    """A role passes an empty path on, and what is empty must not become the working directory."""
    book = tmp_path / "play.yml"
    lookup = f"lookup('homeops.cluster.flux_manifest', '{url}', sha256='{DIGEST}', version='v2.4.0', ca_file='')"
    task = {"ansible.builtin.assert": {"that": f"{lookup} is search('v2.4.0')"}}
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    env = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path / "home")}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(book)]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
