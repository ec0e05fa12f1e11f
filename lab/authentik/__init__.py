# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Authentik server: its API, its router, and the outpost that is embedded in it.

It follows goauthentik/authentik at ``version/2025.12.4`` and 77 recorded answers of such a server. It shares no code
with the collection that is tested against it.
"""
