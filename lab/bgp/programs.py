# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs the BGP network is made of, and the sentence for when they cannot be had."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Where Debian puts programs that are not for everyone's PATH.
_PLACES = "/usr/lib/frr:/usr/sbin:/sbin:/usr/bin:/bin"
PACKAGES = {"bgpd": "frr", "vtysh": "frr", "gobgpd": "gobgpd", "unshare": "util-linux", "nsenter": "util-linux"}
PACKAGES["ip"] = "iproute2"


@dataclass(frozen=True)
class Programs:
    """Absolute paths."""

    bgpd: str
    vtysh: str
    gobgpd: str
    unshare: str
    nsenter: str
    ip: str


def find(environ: Mapping[str, str]) -> Programs | str:
    """Return the programs, or the sentence that says which Debian packages are missing.

    ``HOMEOPS_LAB_BGP=off`` in the environment does without them.
    """
    if environ.get("HOMEOPS_LAB_BGP", "").lower() in ("off", "no", "0", "false"):
        return "The lab runs without BGP, because HOMEOPS_LAB_BGP is off."
    path = f"{environ.get('PATH', '')}:{_PLACES}"
    found = {name: shutil.which(name, path=path) for name in PACKAGES}
    missing = [name for name, place in found.items() if not place]
    if missing:
        packages = sorted({PACKAGES[name] for name in missing})
        return (
            f"The lab runs without BGP, because {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not "
            f"installed: apt-get install {' '.join(packages)}, then start the lab again."
        )
    return Programs(**{name: str(Path(place).absolute()) for name, place in found.items() if place})
