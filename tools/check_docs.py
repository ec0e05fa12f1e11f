# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the page of each check, or say which are out of date: ``python -m tools.check_docs [--check]``.

Pages: ``docs/checks/<id>.md`` and the index ``docs/checks/README.md``; everything in them stands in the register of the
checks, so that a check and its page cannot drift apart.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .markdown import table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "checks"
PACKAGE = "ansible_collections.homeops.cluster.plugins.module_utils.checks"
NOTE = "<!-- Written by `make docs` from plugins/module_utils/checks. -->"
_TITLES = {"bgp": "BGP", "dns": "DNS"}
#: What a check judges, in words.
_SCOPES = {
    "model": "the model",
    "repo": "a repository",
    "both": "model and repository together",
    "live": "running systems",
    "doors": "the systems that a run is about to use",
}
INTRODUCTION = """\
The model of the inventory is checked before any system is contacted, then, read only, the systems that the run is about
to use; an existing GitOps repository is checked without contacting any. An **error** ends the run, a **warn** is shown
and the run goes on. Each finding names the key, the file and the line, says what breaks and, where it can be computed,
which value to use.

Every page says what the check judges. A check that has no function for the model says why no model can break it.

A finding that is meant can be accepted, with a reason that stays in the report:

```yaml
preflight_ignore:
  - id: BGP016
    key: homeops_bgp.router.asn # only this one, or an object (kind/namespace/name, node/mini01); without it all
    reason: The provider assigned this number.
    severity: warn # ignore (default), warn or error
```

A run of everything makes all checks, and so does `-t preflight`; `-t <phase>` makes those of that phase, and asks only
the systems that it uses. `-e preflight_live=false` asks none.
"""


def register() -> dict[str, Any]:
    """Return the registered checks by id."""
    collections = str(ROOT / "collections")
    if collections not in sys.path:
        sys.path.insert(0, collections)
    importlib.import_module(f"{PACKAGE}.engine")
    return dict(sorted(importlib.import_module(f"{PACKAGE}.registry").REGISTER.items()))


def page(check: Any) -> str:
    """Return the page of one check."""
    phases = "all" if len(check.phases) == len(_phases()) else ", ".join(f"`{phase}`" for phase in check.phases)
    return "\n".join(
        [
            f"# {check.id}: {check.rule}",
            "",
            NOTE,
            "",
            "| severity | area | phases | judges |",
            "|---|---|---|---|",
            table(check.severity, check.area, phases, ", ".join(_SCOPES[scope] for scope in check.scopes)),
            "",
            f"**Why.** {check.why}",
            "",
            *_notes(check),
            "| | |",
            "|---|---|",
            table("wrong", check.broken),
            table("right", check.right),
            "",
            f"Ground: {check.ground}.",
            "",
        ]
    )


def render() -> dict[Path, str]:
    """Return every page: absolute path -> text."""
    checks = register()
    index = ["# Checks", "", NOTE, "", INTRODUCTION]
    for area in dict.fromkeys(check.area for check in checks.values()):
        index += [f"## {_TITLES.get(area, area.capitalize())}", "", "| check | severity | rule |", "|---|---|---|"]
        index += [
            table(f"[{check.id}]({check.id}.md)", check.severity, check.rule)
            for check in checks.values()
            if check.area == area
        ]
        index.append("")
    pages = {FOLDER / f"{check.id}.md": page(check) for check in checks.values()}
    return {FOLDER / "README.md": "\n".join(index).rstrip() + "\n", **pages}


def _notes(check: Any) -> list[str]:
    """Return what is told of each scope; nothing twice."""
    told: dict[str, list[str]] = {}
    for scope in check.scopes:
        told.setdefault(check.notes[scope], []).append(_SCOPES[scope])
    lines: list[str] = []
    for note, scopes in told.items():
        words = ", ".join(scopes)
        lines += [note if len(told) == 1 else f"**{words[:1].upper()}{words[1:]}.** {note}", ""]
    if check.settled:
        lines += [f"**No model can break it.** {check.settled}", ""]
    return lines


def orphans(pages: dict[Path, str]) -> list[Path]:
    """Return pages of checks that there are no more."""
    return [path for path in sorted(FOLDER.glob("*.md")) if path not in pages]


def _phases() -> tuple[str, ...]:
    return tuple(importlib.import_module(f"{PACKAGE}.registry").PHASES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="write the page of each check")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    check = parser.parse_args(arguments).check
    pages = render()
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    gone = orphans(pages)
    if check:
        for path in [*stale, *gone]:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for path in gone:
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
