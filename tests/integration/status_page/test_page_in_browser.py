# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a browser: what it shows, in which colours, on a desk and on a phone, and that it asks nobody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ansible_collections.homeops.cluster.plugins.module_utils.status import page
from tests.harness import browser
from tests.unit.plugins.module_utils.status.chain_world import Facts
from tests.unit.plugins.module_utils.status.test_status_page import reports

pytestmark = pytest.mark.skipif(not browser.program(), reason="no Chromium is found (Debian package chromium)")

#: Backgrounds of the states in daylight, as the page's own style says.
COLOURS = {
    name: tuple(int(hexed[at : at + 2], 16) for at in (0, 2, 4))
    for name, hexed in re.findall(r"--(\w+)-bg:#([0-9a-f]{6})", page._STYLE.partition("@media")[0])
}


def broken_dns(given: Facts) -> None:
    given["records"].pop(0)


def seen(folder: Path, change: Callable[[Facts], None] | None, width: int = 1280, height: int = 1600) -> browser.Seen:
    path = folder / "status.html"
    path.write_text(page.page("home-ops", "2026-03-01 00:00 UTC", reports(change)), encoding="utf-8")
    return browser.look(path, width, height, folder / "browser")


def pixels(picture: Path) -> Counter[tuple[int, ...]]:
    with Image.open(picture) as image:
        return Counter({colour: count for count, colour in image.convert("RGB").getcolors(1 << 24) or []})


def test_a_request_would_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "other.html"
    path.write_text('<img src="http://127.0.0.1:1/picture.png">', encoding="utf-8")
    assert browser.look(path, 400, 300, tmp_path / "browser").wanted == ["http://127.0.0.1:1/picture.png"]


def test_a_page_where_all_stands(tmp_path: Path) -> None:
    found = seen(tmp_path, None)
    count = pixels(found.picture)
    assert count[COLOURS["good"]] > 2000
    assert count[COLOURS["bad"]] == 0
    assert found.wanted == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    found = seen(tmp_path, broken_dns)
    count = pixels(found.picture)
    assert count[COLOURS["bad"]] > 300
    assert count[COLOURS["good"]] > count[COLOURS["bad"]]
    rows = re.findall(r"<tr>(.*?)</tr>", found.document.partition("services")[2].partition("</table>")[0], re.DOTALL)
    assert [len(re.findall("<t[hd]>", row)) for row in rows] == [13] * 5
    assert found.document.count('class="edge') == 10
    assert found.wanted == []


def test_a_phone_shows_cards_and_no_wide_table(tmp_path: Path) -> None:
    found = seen(tmp_path, broken_dns, width=500, height=1400)
    with Image.open(found.picture) as image:
        assert image.size == (500, 1400)
        # The paper's colour at both edges: nothing sticks out to the side.
        edges = [image.convert("RGB").getpixel((x, y)) for x in (1, 498) for y in range(0, 1400, 50)]
    assert Counter(edges).most_common(1)[0] == ((0xF6, 0xF7, 0xF9), len(edges))
