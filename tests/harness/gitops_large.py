# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made repository of any size, with thirty faults of all areas in it, each of which has to be found once."""

from __future__ import annotations

from . import gitops_base
from .gitops_edits import Fault, changed
from .gitops_faults import BROKEN

#: The faults, by what they are called in the table; they do not touch each other.
SEEDED = (
    "NET007-infrastructure/ingress-nginx/release.yaml",
    "NET011-infrastructure/cilium/release.yaml",
    "NET012-infrastructure/external-dns/release.yaml",
    "BGP011-router/frr.conf",
    "BGP013-router/frr.conf",
    "BGP017-router/frr.conf",
    "BGP018-infrastructure/cilium-pools/pools.yaml",
    "CIL001-Taskfile.yml",
    "CIL004-infrastructure/cilium/release.yaml",
    "CIL005-infrastructure/cilium/release.yaml",
    "TAL002-talos/patches/machine.yaml",
    "TAL008-talos/patches/old.yaml",
    "TAL009-talos/patches/machine.yaml",
    "TAL010-.tool-versions",
    "GIT004-clusters/home-ops/infrastructure.yaml",
    "GIT007-apps/wiki/old.yaml",
    "GIT008-infrastructure/sources/repositories.yaml",
    "GIT011-Taskfile.yml",
    "SEC001-apps/wiki/wiki.yaml",
    "SEC006-apps/wiki/wiki.yaml",
    "SEC007-talos/talosconfig.backup.1",
    "DNS001-infrastructure/external-dns/release.yaml",
    "DNS003-infrastructure/ingress-nginx/release.yaml",
    "ING003-apps/wiki/wiki.yaml",
    "IDP001-apps/authentik/release.yaml",
    "STO003-infrastructure/longhorn/classes.yaml",
    "STO006-apps/database/cluster.yaml",
    "MON003-infrastructure/monitoring/release.yaml",
    "BOO003-scripts/apply.sh",
    "BOO007-docs/README.md",
)
_ENTRY = """\
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps-{name}
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/{name}
  prune: true
  wait: true
  dependsOn:
    - name: apps-wiki
    - name: infrastructure-ingress-nginx
    - name: infrastructure-cert-manager-issuers
    - name: infrastructure-longhorn
    - name: infrastructure-onepassword
  postBuild:
    substitute:
      cluster_name: home-ops
  sourceRef: {{kind: GitRepository, name: flux-system}}
"""


def tree(count: int) -> dict[str, str]:
    """Return a right repository of exactly ``count`` files: the base, and as many services like the wiki as fit."""
    found = gitops_base.files()
    base = {path: text for path, text in found.items() if path.startswith("apps/wiki/")}
    number = 0
    while len(found) + len(base) <= count:
        number += 1
        name = f"service{number:03d}"
        for path, text in base.items():
            plain = text.replace("wiki", name).replace("Wiki", f"Service {number}")
            found[path.replace("wiki", name)] = plain
        found["clusters/home-ops/apps.yaml"] += _ENTRY.format(name=name)
    for filler in range(count - len(found)):
        found[f"docs/page{filler:03d}.md"] = f"# Page {filler}\n\nRun `task bootstrap`.\n"
    return found


def faults() -> list[Fault]:
    """Return the seeded faults."""
    by_name = {str(fault): fault for fault in BROKEN}
    return [by_name[name] for name in SEEDED]


def seeded(count: int) -> dict[str, str]:
    """Return a repository of about ``count`` files with every fault in it."""
    found = tree(count - sum(1 for fault in faults() for path in fault.changes if path not in gitops_base.files()))
    for fault in faults():
        found = changed(fault.changes, found)
    return found


def expected() -> list[tuple[str, str]]:
    """Return (check, file) of each seeded fault, sorted."""
    return sorted((fault.id, fault.file or next(iter(fault.changes))) for fault in faults())
