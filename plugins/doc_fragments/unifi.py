# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module which speaks to a UniFi console shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the connection to a UniFi console."""

    DOCUMENTATION = r"""
options:
  host:
    description: Address or name of the console.
    type: str
    required: true
  port:
    description: Port of its HTTPS server.
    type: int
    default: 443
  api_key:
    description:
      - API key, made in the console under Settings, Control Plane, Integrations.
      - The recommended way. It needs no login, so it is not throttled and asks for no second factor.
    type: str
  username:
    description: User name of a local account without a second factor, when there is no O(api_key).
    type: str
  password:
    description: Its password.
    type: str
  site:
    description: Internal name of the site, which is in the console's URLs; not the name that it shows.
    type: str
    default: default
  validate_certs:
    description: Whether the certificate must be signed by a trusted CA and carry O(host).
    type: bool
    default: true
  ca_path:
    description: PEM file of the CA to trust instead of the system's.
    type: path
  fingerprint:
    description:
      - SHA-256 fingerprint of the console's certificate, in hex with or without colons.
      - The recommended way, because consoles sign their certificate themselves. Nothing else is looked at then, and
        nothing is sent to a console that has another certificate.
    type: str
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 15
"""
