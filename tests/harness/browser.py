# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser without any network, and what it makes of a page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: Its own services off, so that what it asks for is what the page asks for.
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --hide-scrollbars --mute-audio "
    "--force-prefers-reduced-motion --virtual-time-budget=2000"
).split()


def program() -> str:
    """Return the browser that is there, an empty text for none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), "")


def _alone() -> list[str]:
    """Return the words that run a command without a network: nothing that a page wants can leave this machine."""
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page: its picture, its document, and every address that the page asked for."""

    picture: Path
    document: str
    wanted: list[str]


def look(page: Path, width: int, height: int, folder: Path) -> Seen:
    """Open a file in a window of this size (pixels)."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, log = folder / "page.png", folder / "net.json"
    common = [*_alone(), program(), *QUIET, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"]
    env = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}

    def run(*more: str) -> str:
        done = subprocess.run(
            [*common, *more, page.as_uri()], env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run(f"--screenshot={picture}", f"--log-net-log={log}")
    return Seen(picture, run("--dump-dom"), _wanted(json.loads(log.read_text(encoding="utf-8"))))


def _wanted(log: dict[str, Any]) -> list[str]:
    """Return the addresses of all requests in a network log that a page made.

    The browser's own requests, the opening of the page among them, have no page's origin as their initiator.
    """
    asked = [event["params"] for event in log["events"] if "url" in event.get("params", {})]
    return sorted({str(one["url"]) for one in asked if one.get("initiator", "not an origin") != "not an origin"})
