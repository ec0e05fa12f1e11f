# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module which speaks to Authentik shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the connection to an Authentik server, and of what several of its modules share.

    ``.objects``: attributes of those that write. ``.flows``: the flows of providers (``options.FLOWS``).
    ``.assume_absent``: a prediction without a server.
    """

    DOCUMENTATION = r"""
options:
  url:
    description: Root of the server, such as C(https://authentik.example.org).
    type: str
    required: true
  token:
    description:
      - Key of a token with the intent C(api), best one that does not expire. A key that has expired is replaced by the
        server, and the old one gets 403 from then on.
    type: str
    required: true
  door:
    description:
      - Address to connect to instead of the one that the name in O(url) resolves to, as C(host:port).
      - The Host header, the TLS server name and the check of the certificate stay those of O(url), so that a server
        behind an ingress can be reached before its name can be resolved.
    type: str
  ca_file:
    description: PEM file of the CA to trust instead of the system's.
    type: path
  validate_certs:
    description: Whether the certificate must be signed by a trusted CA and carry the name in O(url).
    type: bool
    default: true
  timeout:
    description: Seconds that one request may take. Requests are repeated only after 502, 503 and broken connections.
    type: int
    default: 30
"""

    OBJECTS = r"""
attributes:
  check_mode:
    description: Predicts from what the server holds.
    support: full
  diff_mode:
    description: One diff per changed object, secrets masked.
    support: full
"""

    FLOWS = r"""
options:
  authorization_flow:
    description: Slug of the flow that asks for consent.
    type: str
    default: default-provider-authorization-implicit-consent
  invalidation_flow:
    description: Slug of the flow at the end of the session. Left out before Authentik 2024.10, which has none.
    type: str
    default: default-provider-invalidation-flow
"""

    ASSUME_ABSENT = r"""
options:
  assume_absent:
    description:
      - In check mode, take the server as one that has none of them and do not connect, because an earlier step of the
        same run would install it.
    type: bool
    default: false
"""
