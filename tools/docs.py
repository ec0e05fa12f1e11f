# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated pages, or say which are out of date: ``python -m tools.docs [--check]``.

Pages: ``roles/<role>/README.md``, ``docs/<kind>/<plugin>.md``, ``docs/checks/<id>.md`` and the index
``docs/README.md``. A page below a generated folder that has lost its plugin is removed. The roles' specifications are
held against their defaults, too.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import check_docs, module_pages, role_readme
from .markdown import table, text

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def roles() -> list[role_readme.Role]:
    """Return every role of the collection."""
    folders = sorted(
        path for path in (ROOT / "roles").glob("*") if (path / "tasks").is_dir() or (path / "meta").is_dir()
    )
    return [role_readme.load(folder) for folder in folders]


def guides() -> Iterator[tuple[str, str]]:
    """Yield path below docs/ and title of every page, and folder of pages, that is not generated here."""
    for path in sorted(DOCS.glob("*")):
        if path.is_dir() and path.name not in module_pages.KINDS.values():
            yield f"{path.name}/", path.name.capitalize()
        elif path.suffix == ".md" and path.name != "README.md":
            title = re.search(r"^# +(.+)$", path.read_text(), re.M)
            yield path.name, title[1] if title else path.stem


def render() -> dict[Path, str]:
    """Return every generated page: absolute path -> text."""
    pages: dict[Path, str] = {}
    index = ["# Documentation", "", "<!-- Written by `make docs`. -->", ""]
    found = [f"- [{title}]({name})" for name, title in guides()]
    index += ["## Guides", "", *found, ""] if found else []
    known = roles()
    if known:
        index += ["## Roles", "", "| role | |", "|---|---|"]
    for role in known:
        pages[ROOT / "roles" / role.name / "README.md"] = role_readme.page(role)
        index.append(table(f"[{role.name}](../roles/{role.name}/README.md)", text(role.summary)))
    for kind, folder in module_pages.KINDS.items():
        plugins = module_pages.ask(kind, module_pages.names(kind))
        if plugins:
            index += ["", f"## {folder.capitalize()}", "", f"| {kind} | |", "|---|---|"]
        for name, doc in sorted(plugins.items()):
            pages[DOCS / folder / f"{name}.md"] = module_pages.page(name, kind, doc)
            index.append(table(f"[{name}]({folder}/{name}.md)", text(doc["doc"]["short_description"])))
    index += ["", "## Checks", "", "- [Checks](checks/README.md)"]
    pages |= check_docs.render()
    pages[DOCS / "README.md"] = "\n".join(index) + "\n"
    return pages


def orphans(pages: dict[Path, str]) -> list[Path]:
    """Return pages in generated folders which nothing generates any more."""
    folders = [*module_pages.KINDS.values(), check_docs.FOLDER.name]
    return [path for folder in folders for path in (DOCS / folder).glob("*.md") if path not in pages]


def stale(pages: dict[Path, str]) -> list[Path]:
    """Return pages whose file is missing or says something else."""
    return [path for path, page in pages.items() if not path.is_file() or path.read_text() != page]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="write the generated pages")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    check = parser.parse_args(arguments).check
    faults = [fault for role in roles() for fault in role_readme.faults(role)]
    try:
        pages = render()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    changed, gone = stale(pages), orphans(pages)
    for fault in faults:
        print(fault, file=sys.stderr)
    if check:
        for path in [*changed, *gone]:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if faults or changed or gone else 0
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path])
        print(f"wrote {path.relative_to(ROOT)}")
    for path in gone:
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
