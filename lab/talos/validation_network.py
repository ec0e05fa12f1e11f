# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of ``machine.network`` and of addresses and URLs."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

EXCLUSIVE = "config sections are mutually exclusive"
REQUIRED = "required either config section to be set"
_DNS = re.compile(r"^([a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62}){1}(\.[a-zA-Z0-9_]{1}[a-zA-Z0-9_-]{0,62})*[\._]?$")


def is_dns_name(name: str) -> bool:
    """Whether a name is a DNS name."""
    return bool(name) and len(name) - name.count(".") <= 255 and bool(_DNS.match(name))


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_cidr(text: str) -> bool:
    """Whether it is an address with a prefix length."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text and text.split("/")[1].isdigit()


def is_subnet_or_address(text: str) -> bool:
    """Whether it is either."""
    return is_cidr(text) if "/" in text else is_address(text)


def endpoint_problem(url: str) -> str:
    """What is wrong with a URL, empty when nothing is (siderolabs/net ``ValidateEndpointURI``)."""
    parts = urlsplit(url)
    if not parts.hostname:
        return "hostname must not be blank"
    host = parts.hostname
    if not is_address(host) and not is_dns_name(host):
        return f'"{host}" is not a valid DNS name'
    return ""


def _ip_or_cidr_problem(text: str) -> str:
    if "/" in text:
        return "" if is_cidr(text) else f"invalid CIDR address: {text}"
    return "" if is_address(text) else f'failed to parse IP address "{text}"'


def check(network: dict[str, Any], errors: list[str], warnings: list[str]) -> None:
    """``machine.network``: interfaces, KubeSpan."""
    devices = network.get("interfaces") or []
    paired: dict[str, str] = {}
    for device in devices:
        name = str(device.get("interface", ""))
        bond, bridge = device.get("bond"), device.get("bridge")
        if bond is not None and bridge is not None:
            errors.append(f'interface has both bridge and bond sections set "{name}": {EXCLUSIVE}')
        for member in (bond or bridge or {}).get("interfaces") or []:
            other = paired.get(member, name)
            if other != name:
                errors.append(f'interface "{member}" is declared as part of two separate links: "{other}" and "{name}"')
            paired[member] = name
    for device in devices:
        if not device.get("ignore"):
            _section(device, errors)
            _addressing(device, paired, errors, warnings)
            _routes(device, errors)
    kubespan = network.get("kubespan") or {}
    if kubespan.get("enabled") and int(kubespan.get("mtu", 1420)) < 1280:
        errors.append("kubespan link MTU must be at least 1280")


def _section(device: dict[str, Any], errors: list[str]) -> None:
    name, selector = device.get("interface"), device.get("deviceSelector")
    both = "[networking.os.device.interface], [networking.os.device.deviceSelector]"
    if not name and selector is None:
        errors.append(f"{both}: {REQUIRED}")
    elif name and selector is not None:
        errors.append(f"{both}: {EXCLUSIVE}")
    if selector is not None and not any(value not in ("", None) for value in selector.values()):
        errors.append("[networking.os.device.deviceSelector]: config section should contain at least one field")
    for vlan in device.get("vlans") or []:
        where = f"{name or ''}.{vlan.get('vlanId', 0)}"
        if vlan.get("addresses") and vlan.get("cidr"):
            errors.append(f"[networking.os.device.vlan] {where}: vlan can't have both .cidr and .addresses set")
        for key, values in (
            ("CIDR", [vlan.get("cidr")] if vlan.get("cidr") else []),
            ("addresses", vlan.get("addresses")),
        ):
            for value in values or []:
                problem = _ip_or_cidr_problem(str(value))
                if problem:
                    errors.append(f"[networking.os.device.vlan.{key}] {where}: {problem}")


def _addressing(device: dict[str, Any], paired: dict[str, str], errors: list[str], warnings: list[str]) -> None:
    name = str(device.get("interface", ""))
    addresses, cidr, vip = device.get("addresses") or [], device.get("cidr"), device.get("vip")
    if name in paired and (device.get("dhcp") or cidr or addresses or vip is not None):
        errors.append(
            f'[networking.os.device] "{name}": bonded/bridged interface shouldn\'t have any addressing methods '
            "configured"
        )
    if addresses and cidr:
        errors.append(f'[networking.os.device] "{name}": interface can\'t have both .cidr and .addresses set')
    if cidr:
        problem = _ip_or_cidr_problem(str(cidr))
        if problem:
            errors.append(f'[networking.os.device.CIDR] "{name}": {problem}')
        warnings.append(
            f'"{name}": machine.network.interface.cidr is deprecated, please use machine.network.interface.addresses'
        )
    for address in addresses:
        problem = _ip_or_cidr_problem(str(address))
        if problem:
            errors.append(f'[networking.os.device.addresses] "{name}": {problem}')
    if vip is not None and not is_address(str(vip.get("ip", ""))):
        errors.append(f'[networking.os.device.vip] failed to parse "{vip.get("ip", "")}" as IP address')


def _routes(device: dict[str, Any], errors: list[str]) -> None:
    for index, route in enumerate(device.get("routes") or []):
        where = f"networking.os.device.route[{index}]"
        network, gateway, source = (str(route.get(key, "")) for key in ("network", "gateway", "source"))
        if network and not is_cidr(network):
            errors.append(f'[{where}.network] "{network}": invalid network address')
        if gateway and not is_address(gateway):
            errors.append(f'[{where}.gateway] "{gateway}": invalid network address')
        if not gateway and not network:
            errors.append(f"[{where}]: either network or gateway should be set")
        if source and not is_address(source):
            errors.append(f'[{where}.source] "{source}": invalid network address')
