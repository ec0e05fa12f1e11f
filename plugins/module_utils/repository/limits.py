# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a repository is read, so that a hostile one costs bounded time and memory."""

from __future__ import annotations

#: Files looked at. A home-ops repository has a few hundred; ten thousand are a checkout of something else.
FILES = 20_000
#: Directories below each other. Linux paths end at 4096 bytes; no repository of this kind is deeper than ten.
DIRECTORIES_DEEP = 40
#: Bytes of one YAML file. The largest that people commit is a bundle of CRDs of about 4 MB.
YAML_BYTES = 5 * 1024 * 1024
#: Bytes of one other text (documentation, scripts, router configurations).
TEXT_BYTES = 1024 * 1024
#: Bytes of all texts together: it bounds memory, of which parsed YAML needs about thirty times its text.
TOTAL_BYTES = 32 * 1024 * 1024
#: Documents of one file.
DOCUMENTS = 2_000
#: Maps and lists within each other; CRD schemas, the deepest that people have, are at about 40. It bounds recursion.
DEPTH = 100
#: Values of one document after its aliases are followed: a "billion laughs" file is small as text only.
VALUES = 300_000
#: Values of all documents together; it bounds memory as TOTAL_BYTES does, for text that is all punctuation.
ALL_VALUES = 4_000_000
#: Objects that all builds together make: directories that name each other twice double with every step. Large home-ops
#: repositories have about 1,500, CRDs among them; some checks look at pairs of them.
OBJECTS = 5_000
#: Flux Kustomizations. Each is asked what comes before it, by way of others too, which grows with the square.
APPLIED = 1_000
#: Patches of one kustomization.
PATCHES = 200
#: Networks, pools, blocks, buckets and the like that are compared pair by pair.
COMPARED = 300
#: Characters of one command, of one line of documentation: what is longer was not written by a person.
LINE = 2_000
#: Commands of all tasks, scripts and documentation.
COMMANDS = 20_000
#: Characters that the variables of one Flux Kustomization may put into its objects: values can be used without number.
SUBSTITUTED = 4 * 1024 * 1024
#: Kustomizations that name each other in a chain.
KUSTOMIZATIONS_DEEP = 30
#: Directories built in one run; each is built once per parent, so a lattice of them would grow without end.
BUILDS = 2_000
