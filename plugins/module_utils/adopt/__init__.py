# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model for an inventory out of an existing GitOps repository: ``derive`` decides, ``files`` writes it as text.

Each value is one that the repository has (with its place), a default (with the reason), or left open with the question
that a person has to answer. Pure: a ``repository.view.Repository`` comes in, text goes out.
"""
