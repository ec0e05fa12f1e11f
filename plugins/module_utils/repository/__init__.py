# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An existing GitOps repository as data: files, documents with lines, what Flux would apply, indices.

The way in is :func:`view.read`: it reads the files below a path (``files``), their YAML with node marks
(``documents``), follows the root kustomization through the Flux Kustomizations (``flux``, ``build``), adds what the
pinned charts make (``charts``) and the Talos and FRR files, and returns a :class:`view.Repository`. Nothing here raises
for what a repository holds: what cannot be read is a :class:`files.Fault`, which the check REP001 or REP002 reports.
No network, no process; time and memory are bounded by ``limits``.
"""
