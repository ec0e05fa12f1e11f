# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world outside the cluster: who signs certificates, keeps the public zone and builds installers."""

from __future__ import annotations

from .authority import Authority
from .bgp.addresses import ROUTER
from .cloudflare.server import HOST as CLOUDFLARE_HOST, PORT as CLOUDFLARE_PORT, Cloudflare
from .controllers.platform.dns_zones import CLOUDFLARE
from .controllers.platform.state import PUBLIC_CA, STAGING_CA, Platform
from .factory.server import HOST as FACTORY_HOST, ImageFactory
from .scenario import Scenario
from .state import LabState, door_address
from .unifi.console import PORT as CONSOLE_PORT

CA_FILE = "public-ca.crt"
"""Below the lab's directory: the root that signs what Let's Encrypt would sign; clients of the lab trust it."""


def platform(state: LabState, net: str, scenario: Scenario) -> Platform:
    """Return what the platform's programs share; the roots outlive a restart of the lab."""
    console = f"https://{door_address(ROUTER, net)}:{CONSOLE_PORT}"
    cloudflare_door = f"https://{door_address(CLOUDFLARE_HOST, net)}:{CLOUDFLARE_PORT}"
    return Platform(
        faults=scenario.faults.platform,
        doors={f"https://{ROUTER}": console, CLOUDFLARE: cloudflare_door},
        public=_root(state, PUBLIC_CA, "public-ca"),
        staging=_root(state, STAGING_CA, "staging-ca"),
    )


def _root(state: LabState, name: str, file: str) -> Authority:
    crt, key = state.root / f"{file}.crt", state.root / f"{file}.key"
    if crt.is_file() and key.is_file():
        return Authority(name, (crt.read_bytes(), key.read_bytes()))
    authority = Authority(name)
    state.write(crt, authority.certificate.decode())
    state.write(key, authority.key.decode())
    return authority


def cloudflare(state: LabState, net: str, scenario: Scenario, shared: Platform) -> Cloudflare:
    """Return the stand-in of Cloudflare."""
    host = door_address(CLOUDFLARE_HOST, net)
    return Cloudflare(state, host, scenario.public_zones, scenario.faults.platform, shared.public)


def factory(state: LabState, net: str, shared: Platform) -> ImageFactory:
    """Return the stand-in of the Image Factory."""
    return ImageFactory(state, door_address(FACTORY_HOST, net), shared.public)
