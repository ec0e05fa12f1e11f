# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of the machine itself: status, versions, extensions, services, time, META, hardware, network."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from .documents import dig
from .spec import extension_status

if TYPE_CHECKING:
    from .node import Node

_EXTENSION_VERSIONS = {"iscsi-tools": "v0.2.0", "lldpd": "1.0.19"}


def machine_status(node: Node) -> dict[str, Any]:
    """The stage and its conditions."""
    conditions = [{"name": name, "reason": reason} for name, reason in node.unmet()]
    return {"machine": {"stage": node.state, "status": {"ready": not conditions, "unmetConditions": conditions}}}


def machine_type(node: Node) -> dict[str, Any]:
    """``controlplane`` or ``worker``, ``unknown`` without a config."""
    return {"machine-type": node.machine_type or "unknown"}


def extensions(node: Node) -> dict[str, Any]:
    """The extensions of the running image, and the schematic as one of them."""
    out: dict[str, Any] = {}
    for number, name in enumerate(node.storage.extensions):
        metadata = extension_status(name, "")
        metadata["version"] = _EXTENSION_VERSIONS.get(metadata["name"], node.storage.version)
        compatibility = {"talos": {"version": ">= v1.0.0"}}
        out[str(number)] = {
            "image": f"{number}.sqsh",
            "metadata": {**metadata, "compatibility": compatibility},
        }
    out[str(len(out))] = {
        "image": f"{len(out)}.sqsh",
        "metadata": {
            "name": "schematic",
            "version": node.storage.schematic,
            "author": "Image Factory",
            "description": "Virtual extension which specifies the schematic of the image built with Image Factory.",
            "compatibility": {"talos": {"version": ">= v1.0.0"}},
            "extraInfo": _schematic_text(node),
        },
    }
    return out


def _schematic_text(node: Node) -> str:
    if not node.storage.extensions:
        return "customization: {}\n"
    items = "".join(f"            - {name}\n" for name in node.storage.extensions)
    return f"customization:\n    systemExtensions:\n        officialExtensions:\n{items}"


def extension_configs(node: Node) -> dict[str, Any]:
    """ExtensionServiceConfig documents of the active config."""
    out = {}
    for document in node.active.named("ExtensionServiceConfig") if node.active else []:
        spec: dict[str, Any] = {}
        if document.get("configFiles"):
            spec["files"] = [
                {"content": item.get("content", ""), "mountPath": item.get("mountPath", "")}
                for item in document["configFiles"]
            ]
        if document.get("environment"):
            spec["environment"] = document["environment"]
        out[str(document.get("name"))] = spec
    return out


def services(node: Node) -> dict[str, Any]:
    """Services which run or ran."""
    return {
        service.id: {
            "running": service.running,
            "healthy": service.healthy is True,
            "unknown": service.healthy is None,
        }
        for service in node.services
        if service.state not in (0, 1, 2)
    }


def time_status(node: Node) -> dict[str, Any]:
    """Whether the clock is in sync."""
    disabled = bool(dig(node.machine_config, "machine.time.disabled"))
    return {"node": {"synced": node.time_synced, "epoch": 1 if node.time_synced else 0, "syncDisabled": disabled}}


def version(node: Node) -> dict[str, Any]:
    """The running version."""
    return {"version": {"version": node.storage.version}}


def security(node: Node) -> dict[str, Any]:
    """How the node was booted."""
    return {
        "securitystate": {
            "secureBoot": False,
            "uKISigningKeyFingerprint": "",
            "pcrSigningKeyFingerprint": "",
            "selinuxState": "disabled",
            "bootedWithUKI": True,
        }
    }


def meta_keys(node: Node) -> dict[str, Any]:
    """META keys by their hexadecimal number."""
    return {
        f"0x{key:02x}": {"value": value.decode(errors="replace")} for key, value in sorted(node.storage.meta.items())
    }


def platform(node: Node) -> dict[str, Any]:
    """The platform."""
    return {"platformmetadata": {"platform": "metal", "hostname": node.hostname}}


# -- hardware ----------------------------------------------------------------------------------------------------------
def system_information(node: Node) -> dict[str, Any]:
    """SMBIOS."""
    return {
        "systeminformation": {
            "manufacturer": "Apple Inc.",
            "productName": "Macmini8,1",
            "version": "1.0",
            "serialnumber": "C07" + node.spec.uuid.replace("-", "")[:9].upper(),
            "uuid": node.spec.uuid,
            "wakeUpType": "Power Switch",
        }
    }


def processors(node: Node) -> dict[str, Any]:
    """The CPU."""
    return {
        "CPU-0": {
            "socket": "U3E1",
            "manufacturer": "Intel(R) Corporation",
            "productName": "Intel(R) Core(TM) i7-8700B CPU @ 3.20GHz",
            "maxSpeedMhz": 4600,
            "bootSpeedMhz": 3200,
            "status": 65,
            "coreCount": 6,
            "coreEnabled": 6,
            "threadCount": 12,
        }
    }


def memory(node: Node) -> dict[str, Any]:
    """Two memory modules."""
    return {
        f"DIMM{slot}": {"sizeMiB": 8192, "deviceLocator": f"DIMM{slot}", "speed": 2667, "manufacturer": "Micron"}
        for slot in (0, 1)
    }


# -- network -----------------------------------------------------------------------------------------------------------
def hostname(node: Node) -> dict[str, Any]:
    """Host and domain name."""
    configured = str(dig(node.machine_config, "machine.network.hostname") or "")
    return {"hostname": {"hostname": node.hostname, "domainname": configured.partition(".")[2]}}


def links(node: Node) -> dict[str, Any]:
    """The loopback and the physical links."""
    out: dict[str, Any] = {
        "lo": {
            "index": 1,
            "type": "loopback",
            "linkIndex": 0,
            "flags": "UP,LOOPBACK,RUNNING,LOWER_UP",
            "hardwareAddr": "00:00:00:00:00:00",
            "permanentAddr": "",
            "broadcastAddr": "00:00:00:00:00:00",
            "mtu": 65536,
            "queueDisc": "noqueue",
            "operationalState": "unknown",
            "kind": "",
            "slaveKind": "",
            "linkState": True,
            "port": "Other",
            "duplex": "Unknown",
        }
    }
    for index, link in enumerate(node.spec.links, start=8):
        spec: dict[str, Any] = {
            "index": index,
            "type": "ether",
            "linkIndex": 0,
            "flags": "UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP" if link.up else "UP,BROADCAST,MULTICAST",
            "hardwareAddr": link.mac,
            "permanentAddr": link.mac,
            "broadcastAddr": "ff:ff:ff:ff:ff:ff",
            "mtu": 1500,
            "queueDisc": "mq",
            "operationalState": "up" if link.up else "down",
            "kind": "",
            "slaveKind": "",
            "busPath": link.bus_path,
            "driver": link.driver,
            "linkState": link.up,
            "speedMbit": link.speed if link.up else 0,
            "port": "TwistedPair",
            "duplex": "Full" if link.up else "Unknown",
        }
        out[link.name] = {"altNames": link.alt_names, **spec} if link.alt_names else spec
    return out


def _first_link(node: Node) -> str:
    return node.spec.links[0].name if node.spec.links else "eth0"


def vip(node: Node) -> str:
    """The shared address when this node holds it: the etcd leader does."""
    etcd = node.storage.etcd
    if etcd is None or etcd.leader is None or etcd.leader.node is not node:
        return ""
    for item in dig(node.machine_config, "machine.network.interfaces") or []:
        if dig(item, "vip.ip"):
            return str(dig(item, "vip.ip"))
    return ""


def addresses(node: Node) -> dict[str, Any]:
    """Addresses on links."""
    link = _first_link(node)
    pairs = [("lo", "127.0.0.1/8", "host"), (link, f"{node.spec.address}/24", "global")]
    if vip(node):
        pairs.append((link, f"{vip(node)}/32", "global"))
    return {
        f"{name}/{address}": {
            "address": address,
            "local": address.split("/", maxsplit=1)[0],
            "linkIndex": 1 if name == "lo" else 8,
            "linkName": name,
            "family": "inet4",
            "scope": scope,
            "flags": "permanent",
            "priority": 0,
        }
        for name, address, scope in pairs
    }


def node_addresses(node: Node) -> dict[str, Any]:
    """The address sets."""
    own = [f"{node.spec.address}/24"]
    shared = [f"{vip(node)}/32"] if vip(node) else []
    sets = {"default": own, "current": [*shared, *own], "routed": own, "accumulative": [*shared, *own]}
    out: dict[str, Any] = {}
    for name, items in sets.items():
        suffixes = ("",) if name == "default" else ("", "-no-k8s")
        for suffix in suffixes:
            out[f"{name}{suffix}"] = {"addresses": items, "sortAlgorithm": "v1"}
        if name != "default":
            out[f"{name}-only-k8s"] = {"addresses": [], "sortAlgorithm": "v1"}
    return out


def routes(node: Node) -> dict[str, Any]:
    """The default route and the link's own net."""
    gateway = node.spec.address.rsplit(".", 1)[0] + ".1"
    net = node.spec.address.rsplit(".", 1)[0] + ".0/24"
    common = {"family": "inet4", "outLinkIndex": 8, "outLinkName": _first_link(node), "table": "main"}
    tail = {"type": "unicast", "flags": "", "protocol": "boot"}
    return {
        f"inet4/{gateway}//1024": {
            "family": "inet4",
            "dst": "",
            "src": "",
            "gateway": gateway,
            **common,
            "priority": 1024,
            "scope": "global",
            **tail,
        },
        f"inet4//{net}/1024": {
            "family": "inet4",
            "dst": net,
            "src": node.spec.address,
            "gateway": "",
            **common,
            "priority": 1024,
            "scope": "link",
            **tail,
        },
    }


def network_status(node: Node) -> dict[str, Any]:
    """What of the network is up."""
    return {"status": {"addressReady": True, "connectivityReady": True, "hostnameReady": True, "etcFilesReady": True}}


def resolvers(node: Node) -> dict[str, Any]:
    """DNS servers."""
    configured = dig(node.machine_config, "machine.network.nameservers")
    gateway = node.spec.address.rsplit(".", 1)[0] + ".1"
    return {"resolvers": {"dnsServers": list(configured or [gateway]), "searchDomains": []}}


def time_servers(node: Node) -> dict[str, Any]:
    """NTP servers."""
    return {
        "timeservers": {
            "timeServers": list(dig(node.machine_config, "machine.time.servers") or ["time.cloudflare.com"])
        }
    }


def os_secrets(node: Node) -> dict[str, Any]:
    """The OS root secrets (sensitive)."""
    config = node.machine_config
    if not config:
        return {}
    return {
        "os": {
            "issuingCA": dig(config, "machine.ca"),
            "acceptedCAs": [{"crt": dig(config, "machine.ca.crt")}],
            "certSANIPs": [],
            "certSANDNSNames": [],
            "token": dig(config, "machine.token"),
        }
    }


def machine_token(node: Node) -> dict[str, Any]:
    """The unique machine token, empty on metal."""
    return {"unique-machine-token": {"token": base64.b64encode(b"").decode()}}


PRODUCERS: dict[tuple[str, str], Any] = {
    ("runtime", "machinestatuses.runtime.talos.dev"): machine_status,
    ("config", "machinetypes.config.talos.dev"): machine_type,
    ("runtime", "extensionstatuses.runtime.talos.dev"): extensions,
    ("runtime", "extensionserviceconfigs.runtime.talos.dev"): extension_configs,
    ("runtime", "services.v1alpha1.talos.dev"): services,
    ("runtime", "timestatuses.v1alpha1.talos.dev"): time_status,
    ("runtime", "versions.runtime.talos.dev"): version,
    ("runtime", "securitystates.talos.dev"): security,
    ("runtime", "metakeys.runtime.talos.dev"): meta_keys,
    ("runtime", "platformmetadatas.talos.dev"): platform,
    ("runtime", "uniquemachinetokens.runtime.talos.dev"): machine_token,
    ("hardware", "systeminformations.hardware.talos.dev"): system_information,
    ("hardware", "processors.hardware.talos.dev"): processors,
    ("hardware", "memorymodules.hardware.talos.dev"): memory,
    ("network", "hostnamestatuses.net.talos.dev"): hostname,
    ("network", "linkstatuses.net.talos.dev"): links,
    ("network", "addressstatuses.net.talos.dev"): addresses,
    ("network", "nodeaddresses.net.talos.dev"): node_addresses,
    ("network", "routestatuses.net.talos.dev"): routes,
    ("network", "networkstatuses.net.talos.dev"): network_status,
    ("network", "resolverstatuses.net.talos.dev"): resolvers,
    ("network", "timeserverstatuses.net.talos.dev"): time_servers,
    ("secrets", "osrootsecrets.secrets.talos.dev"): os_secrets,
}
