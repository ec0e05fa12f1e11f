# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ansible-test sanity`` on a release of the collection, with environments which survive between runs.

What is checked is what a user installs and what Galaxy's importer checks: the tree is built as for a release and
unpacked again, and no entry of an ignore file is needed. The rest of the checkout (the lab, the tests, the tools) is no
part of it and is held to ruff and mypy, as the release is too.

ansible-test keeps environments below ``$HOME/.ansible/test``: HOME is redirected into the checkout's ``.cache``. It
wants to fetch the bootstrap script of pip from a site of its own; :data:`GET_PIP` put into its download slot does the
same with the pip wheel that ``tools/setup.sh`` left in ``.cache/wheels``, so that only the package index is asked for
anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".cache" / "sanity"
PIP_WHEEL = ROOT / ".cache" / "wheels" / "pip-24.2-py3-none-any.whl"
#: Pythons which ansible-core 2.19 can test a controller-only collection with.
PYTHONS = ("3.11", "3.12", "3.13")

#: Imported by ansible-test through runpy with ``GET_PIP=<its own path>`` and pip's arguments in ``sys.argv``.
GET_PIP = '''\
"""Install pip from the wheel which lies beside this file."""

import os
import sys

WHEEL = os.path.join(os.path.dirname(os.path.abspath(os.environ["GET_PIP"])), "pip-24.2-py3-none-any.whl")
sys.path.insert(0, WHEEL)

from pip._internal.cli.main import main

# The real script's own switches, which pip does not know.
OWN = ("--no-setuptools", "--no-wheel")
arguments = [WHEEL if item.startswith("pip==") else item for item in sys.argv[1:] if item not in OWN]
sys.exit(main(["install", "--upgrade", *arguments]))
'''


def project_files() -> list[str]:
    """Return what git has or would take, relative to the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in answer.split("\0") if name)


def copy(names: Iterable[str], target: Path) -> None:
    """Copy these files of the checkout; one that is gone by now is left out."""
    for name in names:
        source = ROOT / name
        if source.is_symlink() or source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def release(folder: Path, environment: Mapping[str, str]) -> Path:
    """Build the collection, unpack it where ansible-test wants it, and return that place.

    It becomes a git repository, as a clone would be: only then does ansible-test look at links.
    """
    source, tree = folder / "source", folder / "ansible_collections" / "homeops" / "cluster"
    copy(project_files(), source)
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(folder)]
    subprocess.run(build, cwd=source, env=environment, check=True)
    (archive,) = folder.glob("homeops-cluster-*.tar.gz")
    tree.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(tree, filter="data")
    for command in (["git", "init", "--quiet"], ["git", "add", "--all", "--force"]):
        subprocess.run(command, cwd=tree, check=True)
    return tree


def prepare_home() -> None:
    """Fill ansible-test's download slot with our stand-in and the wheel that it installs."""
    slot = HOME / ".ansible" / "test" / "cache"
    slot.mkdir(parents=True, exist_ok=True)
    (slot / "get_pip_24_2.py").write_text(GET_PIP)
    shutil.copy2(PIP_WHEEL, slot / PIP_WHEEL.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sanity tests; arguments go to ``ansible-test sanity`` (a test's name, for one)."""
    prepare_home()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        **os.environ,
        "HOME": str(HOME),
        "ANSIBLE_HOME": str(HOME / ".ansible"),
        # Only this environment and the system: shims of version managers start nothing.
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    # The checkout's own settings name paths which are not in the copy.
    environment.pop("ANSIBLE_CONFIG", None)
    with tempfile.TemporaryDirectory(prefix="homeops-sanity-") as folder:
        tree = release(Path(folder), environment)
        command = ["ansible-test", "sanity", "--local", "--python", version, "--color", "no", "-v"]
        status = subprocess.run([*command, *(arguments or [])], cwd=tree, env=environment, check=False).returncode
    others = ", ".join(other for other in PYTHONS if other != version)
    print(f"note: sanity ran on Python {version}; not run on {others}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
