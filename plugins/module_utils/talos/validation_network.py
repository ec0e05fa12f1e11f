# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of ``machine.network``, in Talos' words (``types/v1alpha1/v1alpha1_validation.go``)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

_BOND_MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
_EITHER = "[networking.os.device.interface], [networking.os.device.deviceSelector]: "


def subnet_problem(text: str) -> bool:
    """Whether the text is neither a subnet nor an address."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return True
    return False


def _cidr_problem(text: str) -> str:
    """What Go's ``net.ParseCIDR`` or the address check says; empty when it is fine."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return f"invalid CIDR address: {text}" if "/" in text else f'failed to parse IP address "{text}"'
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def validate_network(
    errors: list[str], warnings: list[str], network: Mapping[str, Any], cluster: Mapping[str, Any]
) -> None:
    """Add what is wrong with the interfaces and KubeSpan."""
    devices: Sequence[Mapping[str, Any]] = network.get("interfaces") or []
    members: dict[str, str] = {}
    for device in devices:
        name = device.get("interface", "")
        bond, bridge = device.get("bond"), device.get("bridge")
        if bond is not None and bridge is not None:
            errors.append(
                f'interface has both bridge and bond sections set "{name}": config sections are mutually exclusive'
            )
        if bond is not None and bond.get("interfaces") and bond.get("deviceSelectors"):
            errors.append(
                f'interface "{name}" has both interfaces and selectors set: config sections are mutually exclusive'
            )
        for member in (bridge if bridge is not None else bond or {}).get("interfaces") or []:
            if members.get(member, name) != name:
                errors.append(
                    f'interface "{member}" is declared as part of two separate links: "{members[member]}" and "{name}"'
                )
            members[member] = name
    for device in devices:
        if not device.get("ignore"):
            _device(errors, device)
            _addressing(errors, warnings, device, members)
            _routes(errors, device.get("routes") or [])
    kubespan = network.get("kubespan") or {}
    if kubespan.get("enabled"):
        if (kubespan.get("mtu") or 1420) < 1280:
            errors.append("kubespan link MTU must be at least 1280")
        if not (cluster.get("discovery") or {}).get("enabled"):
            errors.append(".cluster.discovery should be enabled when .machine.network.kubespan is enabled")
        for key in ("id", "secret"):
            if not cluster.get(key):
                errors.append(f".cluster.{key} should be set when .machine.network.kubespan is enabled")


def _device(errors: list[str], device: Mapping[str, Any]) -> None:
    selector = device.get("deviceSelector")
    if not device.get("interface") and selector is None:
        errors.append(_EITHER + "required either config section to be set")
    elif device.get("interface") and selector is not None:
        errors.append(_EITHER + "config sections are mutually exclusive")
    if selector is not None and not selector:
        errors.append("[networking.os.device.deviceSelector]: config section should contain at least one field")
    if device.get("bond") is not None:
        _bond(errors, device["bond"])
    if device.get("wireguard") is not None:
        _wireguard(errors, device["wireguard"])
    for vlan in device.get("vlans") or []:
        where = f"{device.get('interface', '')}.{vlan.get('vlanId', 0)}"
        if vlan.get("addresses") and vlan.get("cidr"):
            errors.append(f"[networking.os.device.vlan] {where}: vlan can't have both .cidr and .addresses set")
        for kind, address in (("CIDR", vlan.get("cidr")), *(("addresses", one) for one in vlan.get("addresses") or [])):
            if address and _cidr_problem(address):
                errors.append(f"[networking.os.device.vlan.{kind}] {where}: {_cidr_problem(address)}")


def _bond(errors: list[str], bond: Mapping[str, Any]) -> None:
    mode = bond.get("mode", "")
    if mode and mode not in _BOND_MODES:
        errors.append(f"invalid bond type {mode}")
    interval = bond.get("miimon", 0)
    for key, label in (("updelay", "upDelay"), ("downdelay", "downDelay")):
        if not interval and bond.get(key):
            errors.append(f"bond.{label} can't be set if miiMon is zero")
        elif interval and bond.get(key, 0) % interval:
            errors.append(f"bond.{label} should be a multiple of miiMon")
    if bond.get("arpIPTarget"):
        errors.append("bond.arpIPTarget is not supported")
    if bond.get("lacpRate") and mode != "802.3ad":
        errors.append("bond.lacpRate is only available in 802.3ad mode")
    if bond.get("adActorSystem"):
        errors.append("bond.adActorSystem is not supported")


def _wireguard(errors: list[str], wireguard: Mapping[str, Any]) -> None:
    if not _is_key(wireguard.get("privateKey", "")):
        errors.append("private key is invalid: it is not the base64 of 32 bytes")
    for peer in wireguard.get("peers") or []:
        if not _is_key(peer.get("publicKey", "")):
            errors.append("public key invalid: it is not the base64 of 32 bytes")
        if peer.get("endpoint") and ":" not in peer["endpoint"]:
            errors.append(f'peer endpoint "{peer["endpoint"]}" is invalid')
        for address in peer.get("allowedIPs") or []:
            if "/" not in address or _cidr_problem(address):
                errors.append(f'peer allowed IP "{address}" is invalid: invalid CIDR address: {address}')


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _addressing(errors: list[str], warnings: list[str], device: Mapping[str, Any], members: Mapping[str, str]) -> None:
    name = device.get("interface", "")
    addresses, cidr, vip = device.get("addresses") or [], device.get("cidr"), device.get("vip")
    if name in members and (device.get("dhcp") or cidr or addresses or vip is not None):
        errors.append(
            f'[networking.os.device] "{name}": '
            "bonded/bridged interface shouldn't have any addressing methods configured"
        )
    if addresses and cidr:
        errors.append(f'[networking.os.device] "{name}": interface can\'t have both .cidr and .addresses set')
    if cidr:
        if _cidr_problem(cidr):
            errors.append(f'[networking.os.device.CIDR] "{name}": {_cidr_problem(cidr)}')
        warnings.append(
            f'"{name}": machine.network.interface.cidr is deprecated, please use machine.network.interface.addresses'
        )
    for address in addresses:
        if _cidr_problem(address):
            errors.append(f'[networking.os.device.addresses] "{name}": {_cidr_problem(address)}')
    if vip is not None and not _is_address(vip.get("ip", "")):
        errors.append(f'[networking.os.device.vip] failed to parse "{vip.get("ip", "")}" as IP address')


def _routes(errors: list[str], routes: Sequence[Mapping[str, Any]]) -> None:
    for position, route in enumerate(routes):
        where = f"networking.os.device.route[{position}]"
        network, gateway, source = (route.get(key, "") for key in ("network", "gateway", "source"))
        if network and ("/" not in network or _cidr_problem(network)):
            errors.append(f'[{where}.network] "{network}": invalid network address')
        if gateway and not _is_address(gateway):
            errors.append(f'[{where}.gateway] "{gateway}": invalid network address')
        if not gateway and not network:
            errors.append(f"[{where}]: either network or gateway should be set")
        if source and not _is_address(source):
            errors.append(f'[{where}.source] "{source}": invalid network address')
