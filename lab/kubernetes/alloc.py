# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster addresses and node ports of Services (``pkg/registry/core/service``)."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

from .errors import Cause, invalid, invalid_value

Object = dict[str, Any]
_FIRST_PORT, _LAST_PORT = 30000, 32767


class Services:
    """What is taken, and the filling in of a Service's spec at storage (these values have no field manager)."""

    def __init__(self, cidr: str) -> None:
        self.network = ipaddress.ip_network(cidr)
        self.addresses: dict[str, str] = {}
        self.ports: dict[int, str] = {}
        self._random = random.Random(cidr)

    def fill(self, obj: Object, old: Object | None) -> None:
        """Allocate in place what the spec leaves open; values of ``old`` stay.

        :raises ApiError: 422 for an address or port that is taken or out of range.
        """
        spec = obj["spec"]
        before = (old or {}).get("spec") or {}
        if spec.get("type") == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(name, None)
            return
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if name not in spec and name in before:
                spec[name] = before[name]
        if spec.get("type") == "ClusterIP" and before.get("type") in ("NodePort", "LoadBalancer"):
            for name in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts"):
                if spec.get(name) == before.get(name):
                    spec.pop(name, None)
        elif spec.get("type") == "NodePort" and before.get("type") == "LoadBalancer":
            spec.pop("allocateLoadBalancerNodePorts", None)
        address = spec.get("clusterIP") or (spec.get("clusterIPs") or [""])[0]
        if address and spec.get("clusterIP") != (before.get("clusterIP") or address) and before:
            spec["clusterIPs"] = [spec["clusterIP"]]
        if not address:
            address = self._free_address()
        elif address != "None" and not before:
            self._check_address(address, obj["metadata"]["name"])
        spec["clusterIP"] = address
        spec.setdefault("clusterIPs", [address])
        # A headless Service without selector may have addresses of both families.
        both = address == "None" and not spec.get("selector")
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if both else "SingleStack")
        spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if spec["ipFamilyPolicy"] == "RequireDualStack" else ["IPv4"])
        self._fill_ports(spec, before, obj["metadata"]["name"])

    def _fill_ports(self, spec: Object, before: Object, name: str) -> None:
        kind = spec.get("type")
        wants = kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True))
        known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in before.get("ports") or ()}
        mine = set(known.values())
        for index, port in enumerate(spec.get("ports") or ()):
            if not wants:
                if kind == "ClusterIP":
                    port.pop("nodePort", None)
                continue
            if port.get("nodePort"):
                number = port["nodePort"]
                if number not in mine and number in self.ports:
                    cause = invalid_value(
                        f"spec.ports[{index}].nodePort", str(number), "provided port is already allocated"
                    )
                    raise invalid("Service", "", name, [cause])
            else:
                port["nodePort"] = known.get((port.get("protocol"), port.get("port"))) or self._free_port()

    def _free_address(self) -> str:
        size = self.network.num_addresses
        while True:
            address = str(self.network[self._random.randrange(10, size - 1)])
            if address not in self.addresses:
                return address

    def _check_address(self, address: str, name: str) -> None:
        try:
            inside = ipaddress.ip_address(address) in self.network
        except ValueError:
            inside = False
        if not inside:
            text = (
                f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. "
                f"The range of valid IPs is {self.network}"
            )
        elif address in self.addresses:
            text = f"failed to allocate IP {address}: provided IP is already allocated"
        else:
            return
        cause = Cause("FieldValueInvalid", f'Invalid value: []string{{"{address}"}}: {text}', "spec.clusterIPs")
        raise invalid("Service", "", name, [cause])

    def _free_port(self) -> int:
        while True:
            port = self._random.randint(_FIRST_PORT, _LAST_PORT)
            if port not in self.ports:
                return port

    def note(self, obj: Object) -> None:
        """Mark what a stored Service uses."""
        uid = obj["metadata"]["uid"]
        for address in obj["spec"].get("clusterIPs") or ():
            if address != "None":
                self.addresses[address] = uid
        for port in obj["spec"].get("ports") or ():
            if port.get("nodePort"):
                self.ports[port["nodePort"]] = uid

    def release(self, obj: Object) -> None:
        """Give back what a deleted Service used."""
        uid = obj["metadata"]["uid"]
        self.addresses = {address: owner for address, owner in self.addresses.items() if owner != uid}
        self.ports = {port: owner for port, owner in self.ports.items() if owner != uid}
