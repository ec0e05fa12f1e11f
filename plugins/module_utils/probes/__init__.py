# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the doors of the systems before a run, all of them at the same time, read only.

Each question is asked by the client of its system and answered by facts (``checks.doors``); what they mean is decided
there. Nothing here raises for a system that does not answer: that is a fact too.
"""
