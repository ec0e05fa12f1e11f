# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a model, one or more per check that judges it, and unusual values that are right.

Each is a small change to the home inventory: ``{path: value}``, where ``...`` as a value takes the key away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Changes = dict[tuple[Any, ...], Any]


@dataclass(frozen=True)
class Broken:
    """A violating fixture: where the finding must point, and the value it must offer (``...``: whatever)."""

    id: str
    changes: Changes
    key: str
    use: Any = ...
    severity: str = ""
    groups: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.id}-{self.key}"


IPV6_ON: Changes = {
    ("networks", "ipv6_enabled"): True,
    ("bgp", "advertised_pools"): ["bgp-default", "bgp-ingress", "bgp-reserved", "bgp-default-ipv6"],
    # Newer than the releases without dual stack.
    ("versions", "longhorn"): "1.12.0",
}
EXTRA = ("cilium", "extra_values")
DB = "homeops_storage.postgresql"
DASHBOARD = 4
WIKI: dict[str, Any] = {
    "name": "wiki",
    "title": "Wiki",
    "namespace": "wiki",
    "service": "wiki",
    "port": 3000,
    "auth": "oidc",
    "oidc": {"redirect_uris": [{"url": "https://wiki.k8s.home.geoffdavis.com/callback"}]},
}
LAN: dict[str, Any] = {
    "pool": "bgp-default",
    "address": "172.29.52.120",
    "selector": {"app": "wiki"},
    "ports": [{"name": "http", "port": 80}],
}
OPEN = {**{key: value for key, value in WIKI.items() if key != "oidc"}, "auth": "none"}


def database(**changes: str) -> Changes:
    """Keys of PostgreSQL that are there for a rebuild."""
    return {("storage", "postgresql", key): value for key, value in changes.items()}


def wiki(**changes: Any) -> Changes:
    """One more service."""
    return {("services", 6): {**WIKI, **changes}}


UUID = "3f1c2f7e-8f0e-4a56-b4d3-1d6b5a1c9e00"

BROKEN = [
    Broken("MOD001", {("bgp", "colour"): "red"}, "homeops_bgp.colour", None),
    Broken(
        "MOD001",
        {("nodes", 1, "adress"): "172.29.51.12", ("nodes", 1, "address"): ...},
        "homeops_nodes[1].adress",
        "address",
    ),
    Broken("MOD002", {("cluster", "vip"): ...}, "homeops_cluster.vip", None),
    Broken("MOD002", {("secrets",): ...}, "homeops_secrets", None),
    Broken("MOD002", {("identity",): None}, "homeops_identity", None),
    Broken("MOD003", {("networks", "pods", "ipv4"): "10.244.0.0/33"}, "homeops_networks.pods.ipv4", None),
    Broken("MOD003", {("networks", "management", "ipv4"): "fd00::/64"}, "homeops_networks.management.ipv4", None),
    Broken("MOD003", {("bgp", "hold_seconds"): "90"}, "homeops_bgp.hold_seconds", "90"),
    Broken("MOD003", {("versions", "headlamp"): 0.4}, "homeops_versions.headlamp", '"0.4"'),
    Broken("MOD003", {("bgp", "communities", "pods"): 38707400}, "homeops_bgp.communities.pods", None),
    Broken("MOD003", {("bgp", "api"): "legacyy"}, "homeops_bgp.api", "legacy"),
    Broken("MOD003", {("gitops", "repository"): "https://me:hunter2@example.org/r"}, "homeops_gitops.repository", None),
    Broken("MOD004", {("nodes", 1, "address"): "172.29.51.11"}, "homeops_nodes[1].address", None),
    Broken(
        "MOD004",
        {("nodes", 2, "name"): "mini02"},
        "homeops_nodes[2].name",
        None,
        groups={"control_plane": ["mini01", "mini02"]},
    ),
    Broken("MOD005", {("versions", "talos"): "v1.99.0"}, "homeops_versions.talos"),
    Broken("MOD005", {("versions", "talos"): "1.10.5"}, "homeops_versions.talos", "v1.10.5"),
    Broken("MOD005", {("versions", "kubernetes"): "v1.34.0"}, "homeops_versions.kubernetes", "v1.28 to v1.33"),
    Broken("MOD005", {("versions", "cilium"): "latest"}, "homeops_versions.cilium", None),
    Broken("MOD005", {("versions", "cilium"): "v1.17.6"}, "homeops_versions.cilium", "1.17.6"),
    Broken("MOD006", {}, "homeops_nodes", groups={"control_plane": ["mini01", "mini02", "mini03", "mini04"]}),
    Broken("MOD006", {}, "homeops_nodes[2].name", groups={"control_plane": ["mini01", "mini02"], "router": ["mini03"]}),
    Broken("MOD007", {("versions", "kubernetes"): "v1.28.9"}, "homeops_versions.cilium"),
    Broken("MOD008", {("bgp", "hold_seconds"): 20}, "homeops_bgp.hold_seconds", "90"),
    Broken("MOD008", {("bgp", "hold_seconds"): 60}, "homeops_bgp.hold_seconds", "90", severity="warn"),
    Broken(
        "MOD008",
        {("talos", "etcd_extra_args", "election-timeout"): "400"},
        "homeops_talos.etcd_extra_args.election-timeout",
        "500",
    ),
    Broken(
        "MOD008",
        {("talos", "leader_election", "leader-elect-renew-deadline"): "1m"},
        "homeops_talos.leader_election.leader-elect-lease-duration",
    ),
    Broken(
        "MOD008",
        {("talos", "kubelet_extra_config", "shutdownGracePeriod"): "5s"},
        "homeops_talos.kubelet_extra_config.shutdownGracePeriodCriticalPods",
    ),
    Broken(
        "MOD009",
        {
            ("nodes", 3): {"name": "mini04", "address": "172.29.51.14", "role": "controlplane"},
            ("bgp", "maximum_paths"): 4,
        },
        "homeops_nodes",
        "3 or 5",
        groups={"control_plane": ["mini01", "mini02", "mini03", "mini04"]},
    ),
    Broken("MOD010", {("nodes", 0, "address"): "172.29.15.11"}, "homeops_nodes[0].address"),
    Broken("MOD010", {("nodes", 0, "address"): "172.29.51.255"}, "homeops_nodes[0].address"),
    Broken(
        "MOD010", {("networks", "load_balancers", "gateway"): "172.29.53.1"}, "homeops_networks.load_balancers.gateway"
    ),
    Broken("MOD011", {EXTRA: {"hubble": {"enabled": False}}}, "homeops_cilium.extra_values.hubble.enabled"),
    Broken("MOD012", {("networks", "services", "ipv4"): "11.0.0.0/8"}, "homeops_networks.services.ipv4", "11.0.0.0/12"),
    Broken("MOD012", {("networks", "services", "ipv4"): "10.96.0.0/29"}, "homeops_networks.services.ipv4"),
    Broken("NET001", {("networks", "pods", "ipv4"): "10.244.1.0/16"}, "homeops_networks.pods.ipv4", "10.244.0.0/16"),
    Broken(
        "NET001",
        {("networks", "services", "ipv6"): "fd47:25e1:2f96:f600::1/108"},
        "homeops_networks.services.ipv6",
        "fd47:25e1:2f96:f600::/108",
    ),
    Broken(
        "NET001",
        {("load_balancers", "pools", 3, "cidr"): "fd47:25e1:2f96:52:100::7/120"},
        "homeops_load_balancers.pools[3].cidr",
        "fd47:25e1:2f96:52:100::/120",
    ),
    Broken("NET002", {("networks", "services", "ipv4"): "10.244.128.0/20"}, "homeops_networks.services.ipv4"),
    Broken(
        "NET002", {("networks", "services", "ipv6"): "fd47:25e1:2f96:51:1000::/108"}, "homeops_networks.services.ipv6"
    ),
    Broken("NET003", {("networks", "pods", "ipv4"): "10.244.0.0/23"}, "homeops_networks.pods.ipv4_node_mask"),
    Broken(
        "NET003", {("networks", "pods", "ipv6"): "fd47:25e1:2f96:f500::/64"}, "homeops_networks.pods.ipv6_node_mask"
    ),
    Broken(
        "NET003",
        {("networks", "pods", "ipv4"): "10.244.0.0/25", ("networks", "pods", "ipv4_node_mask"): 27},
        "homeops_networks.pods.ipv4",
        "a network from /8 to /24",
    ),
    Broken(
        "NET003",
        {("networks", "pods", "ipv6"): "fd48::/32"},
        "homeops_networks.pods.ipv6",
        "a network from /48 to /64",
    ),
    Broken(
        "NET004",
        {("networks", "supernet", "ipv6"): "fd47:25e1:2f96::/60"},
        "homeops_networks.supernet.ipv6",
        # The source home-lab's fault; /56 is what it must become at least, and /57 holds :0 to :7f.
        "fd47:25e1:2f96::/57",
    ),
    Broken(
        "NET005",
        {
            ("load_balancers", "pools", 2, "name"): "bgp-default",
            ("bgp", "advertised_pools"): ["bgp-default", "bgp-ingress"],
        },
        "homeops_load_balancers.pools[2].name",
    ),
    Broken(
        "NET005",
        {
            ("load_balancers", "pools", 2, "start"): "172.29.54.50",
            ("load_balancers", "pools", 2, "stop"): "172.29.54.99",
        },
        "homeops_load_balancers.pools[2]",
    ),
    Broken("NET006", {("load_balancers", "pools", 2, "stop"): "172.29.52.100"}, "homeops_load_balancers.pools[2]"),
    Broken("NET006", {("load_balancers", "pools", 2, "start"): "172.29.52.1"}, "homeops_load_balancers.pools[2]"),
    Broken("NET006", {("load_balancers", "pools", 2, "stop"): "172.29.52.49"}, "homeops_load_balancers.pools[2]"),
    Broken("NET006", {("load_balancers", "pools", 2, "stop"): "fd00::1"}, "homeops_load_balancers.pools[2]"),
    Broken("NET006", {("load_balancers", "pools", 2, "stop"): ...}, "homeops_load_balancers.pools[2]"),
    Broken("NET006", {("load_balancers", "pools", 3, "cidr"): "fd47::/200"}, "homeops_load_balancers.pools[3]"),
    Broken(
        "NET006",
        {
            ("load_balancers", "pools", 2, "start"): "172.29.51.50",
            ("load_balancers", "pools", 2, "stop"): "172.29.51.99",
        },
        "homeops_load_balancers.pools[2]",
    ),
    Broken(
        "NET007",
        {("load_balancers", "pinned", "mosquitto"): "172.29.52.230"},
        "homeops_load_balancers.pinned.mosquitto",
    ),
    Broken(
        "NET007",
        {("load_balancers", "pinned", "mosquitto"): "172.29.52.201"},
        "homeops_load_balancers.pinned.mosquitto",
    ),
    Broken("NET008", {("bgp", "advertised_pools", 3): "bgp-default-ipv6"}, "homeops_bgp.advertised_pools[3]"),
    Broken(
        "NET008",
        {**IPV6_ON, ("networks", "services", "ipv6"): ...},
        "homeops_networks.services",
        severity="error",
    ),
    Broken("NET008", {**IPV6_ON, ("networks", "pods", "ipv6"): ...}, "homeops_networks.pods", severity="error"),
    Broken("NET009", {("cluster", "vip"): "172.29.51.11"}, "homeops_cluster.vip", severity="error"),
    Broken("NET009", {("cluster", "vip"): "172.29.52.150"}, "homeops_cluster.vip", severity="error"),
    Broken("NET009", {("cluster", "vip"): "fd47:25e1:2f96:51::10"}, "homeops_cluster.vip"),
    Broken(
        "NET010", {("bgp", "router", "address"): "fd47:25e1:2f96:51::1"}, "homeops_bgp.router.address", "172.29.51.1"
    ),
    Broken("NET011", {EXTRA: {"devices": "eth0"}}, "homeops_cilium.extra_values.devices", "enp3s0f0"),
    Broken("NET012", {("bgp", "router", "address"): "172.29.51.254"}, "homeops_bgp.router.address", "172.29.51.1"),
    Broken("BGP004", {("bgp", "advertised_pools"): ["bgp-default", "bgp-ingress"]}, "homeops_bgp.advertised_pools"),
    Broken("BGP004", {("bgp", "advertised_pools", 3): "bgp-media"}, "homeops_bgp.advertised_pools[3]"),
    Broken("BGP006", {("bgp", "authentication"): True, ("secrets", "items", "bgp"): ...}, "homeops_bgp.authentication"),
    Broken(
        "BGP006",
        {("bgp", "authentication"): True, ("secrets", "items", "bgp", "field"): ...},
        "homeops_secrets.items.bgp",
        "field: password",
    ),
    Broken("BGP007", {("bgp", "router", "password"): "hunter2"}, "homeops_bgp.router.password"),
    Broken("BGP015", {("bgp", "router", "address"): "172.29.51.1/32"}, "homeops_bgp.router.address", "172.29.51.1"),
    Broken("BGP016", {("bgp", "router", "asn"): 64512}, "homeops_bgp.router.asn", "64513"),
    Broken("BGP016", {("bgp", "router", "asn"): 3320}, "homeops_bgp.router.asn"),
    Broken("BGP017", {("bgp", "maximum_paths"): 1}, "homeops_bgp.maximum_paths", "3"),
    Broken("CIL001", {EXTRA: {"image": {"tag": "v1.16.1"}}}, "homeops_cilium.extra_values.image.tag"),
    Broken(
        "CIL002", {EXTRA: {"kubeProxyReplacement": False}}, "homeops_cilium.extra_values.kubeProxyReplacement", "true"
    ),
    Broken(
        "CIL003",
        {EXTRA: {"bgpControlPlane": {"enabled": False}}},
        "homeops_cilium.extra_values.bgpControlPlane.enabled",
        "true",
    ),
    Broken("CIL004", {EXTRA: {"enableIPv6": True}}, "homeops_cilium.extra_values.enableIPv6", "ipv6.enabled"),
    Broken(
        "CIL004", {EXTRA: {"datapathMode": "netkit"}}, "homeops_cilium.extra_values.datapathMode", "bpf.datapathMode"
    ),
    Broken(
        "CIL004",
        {EXTRA: {"bgpControlPlane": {"secretNamespace": "x"}}},
        "homeops_cilium.extra_values.bgpControlPlane.secretNamespace",
        "secretsNamespace",
    ),
    Broken("CIL004", {EXTRA: {"routngMode": "native"}}, "homeops_cilium.extra_values.routngMode", "routingMode"),
    Broken("CIL005", {("cilium", "load_balancer_mode"): "dsr"}, "homeops_cilium.load_balancer_mode", "snat"),
    Broken(
        "CIL005", {EXTRA: {"loadBalancer": {"mode": "dsr"}}}, "homeops_cilium.extra_values.loadBalancer.mode", "snat"
    ),
    Broken(
        "CIL006",
        {EXTRA: {"l2announcements": {"enabled": True}}},
        "homeops_cilium.extra_values.l2announcements.enabled",
        "false",
    ),
    Broken("CIL007", {EXTRA: {"k8sServiceHost": "10.96.0.1"}}, "homeops_cilium.extra_values.k8sServiceHost"),
    Broken(
        "TAL001",
        {("talos", "factory"): "https://factory.talos.dev/image/abc/v1.10.5/metal-amd64.raw.xz"},
        "homeops_talos.factory",
        "factory.talos.dev",
    ),
    Broken("TAL002", {("talos", "install_wipe"): True}, "homeops_talos.install_wipe", "false"),
    Broken(
        "TAL003", {("cluster", "dns_domain"): "k8s.home.geoffdavis.com"}, "homeops_cluster.dns_domain", "cluster.local"
    ),
    Broken(
        "TAL003",
        {EXTRA: {"extraConfig": {"x": "http://a.b.svc.lab.local:80"}}},
        "homeops_cilium.extra_values.extraConfig.x",
        "cluster.local",
    ),
    Broken("TAL005", {("storage", "user_volume"): "ssd"}, "homeops_storage.user_volume", "longhorn-ssd"),
    Broken(
        "TAL005",
        {
            ("talos", "user_volumes", 1): {
                "name": "two",
                "match": 'disk.model == "Portable SSD T5"',
                "max_size": "1TB",
                "filesystem": "ext4",
            }
        },
        "homeops_talos.user_volumes[1].match",
    ),
    Broken(
        "TAL006",
        {("talos", "user_volumes", 0, "match"): "/dev/disk/by-id/usb-Samsung*"},
        "homeops_talos.user_volumes[0].match",
    ),
    Broken("TAL006", {("talos", "userVolumes"): []}, "homeops_talos.userVolumes", "homeops_talos.user_volumes"),
    Broken("TAL007", {("talos", "lldpd_config"): ...}, "homeops_talos.extensions"),
    Broken("TAL007", {("talos", "extensions"): ["siderolabs/iscsi-tools"]}, "homeops_talos.lldpd_config"),
    Broken("TAL007", {("talos", "files"): []}, "homeops_talos.files", "homeops_talos.lldpd_config"),
    Broken(
        "TAL007", {("talos", "extensions", 4): "siderolabs/ext-foo"}, "homeops_talos.extensions[4]", "siderolabs/foo"
    ),
    Broken(
        "TAL009",
        {("talos", "kubelet_extra_config", "shutdown-grace-period"): "30s"},
        "homeops_talos.kubelet_extra_config.shutdown-grace-period",
        "shutdownGracePeriod",
    ),
    Broken(
        "TAL009",
        {("talos", "kubelet_extra_config", "port"): 10250},
        "homeops_talos.kubelet_extra_config.port",
        "remove it",
    ),
    Broken("TAL009", {("talos", "kubelet_extra_args"): {}}, "homeops_talos.kubelet_extra_args"),
    Broken("TAL012", {**IPV6_ON, ("versions", "longhorn"): "1.10.1"}, "homeops_networks.ipv6_enabled", "false"),
    Broken("GIT011", {("versions", "cert_manager"): ">=1.19"}, "homeops_versions.cert_manager"),
    Broken(
        "SEC002",
        {("secrets", "items", "bgp", "title"): "GitHub personal access token"},
        "homeops_secrets.items.bgp.title",
        "GitHub Personal Access Token",
    ),
    Broken(
        "SEC004",
        {("secrets", "items", "second"): {"title": "Home-ops Unifi API", "field": "Pass-word"}},
        "homeops_secrets.items.second.field",
        "password",
    ),
    Broken(
        "DNS001",
        {("dns", "external_dns", "internal", "owner_id"): "home-ops"},
        "homeops_dns.external_dns.internal.owner_id",
        "home-ops-internal",
    ),
    Broken("DNS002", {("services", 2, "name"): "grafana"}, "homeops_services[2].name"),
    Broken("DNS002", {("services", 2, "name"): "authentik"}, "homeops_services[2].name"),
    Broken(
        "DNS003",
        {("identity", "host"): "login.homelab.local"},
        "homeops_identity.host",
        "login.k8s.home.geoffdavis.com",
    ),
    Broken(
        "DNS004",
        {("identity", "cookie_domain"): "home.example.net"},
        "homeops_identity.cookie_domain",
        "k8s.home.geoffdavis.com",
    ),
    Broken("IDP001", {("services", DASHBOARD, "scheme"): ...}, "homeops_services[4].port", "scheme: https"),
    Broken("IDP001", {("services", 2, "port"): 80}, "homeops_services[2].port", "port 9090, scheme http"),
    Broken(
        "IDP001",
        {("services", 1, "service"): "prometheus-stack-grafana"},
        "homeops_services[1].service",
        "kube-prometheus-stack-grafana",
    ),
    Broken("IDP003", {("identity", "flows", "authorization"): UUID}, "homeops_identity.flows.authorization"),
    Broken(
        "IDP003",
        {("identity", "flows", "invalidation"): "default-provider-authorization-implicit-consent"},
        "homeops_identity.flows.invalidation",
        "default-provider-invalidation-flow",
    ),
    Broken("IDP005", {("identity", "outpost"): UUID}, "homeops_identity.outpost", "embedded"),
    Broken(
        "STO006",
        {("storage", "postgresql", "backup_schedule"): "0 3 * * *"},
        "homeops_storage.postgresql.backup_schedule",
        "0 0 3 * * *",
    ),
    Broken(
        "STO006",
        {("storage", "postgresql", "backup_schedule"): "0 0 3 * * $"},
        "homeops_storage.postgresql.backup_schedule",
        None,
    ),
    Broken("STO007", {("storage", "default_replicas"): 4}, "homeops_storage.default_replicas", "3"),
    Broken(
        "MOD015", database(recover_from="postgresql-cluster"), f"{DB}.recover_from", "archive: postgresql-cluster-2"
    ),
    Broken("MOD015", database(recover_from="pg-9", archive="pg-9"), f"{DB}.archive", "pg-10"),
    Broken("MOD015", {("storage", "backup"): ..., **database(recover_from="old")}, f"{DB}.recover_from", None),
    Broken("MOD015", database(recover_until="2026-11-28T03:00:00Z"), f"{DB}.recover_until", None),
    Broken("MOD015", database(recover_from="old", recover_until="2026-11-28T03:00:00"), f"{DB}.recover_until", None),
    Broken("DNS002", wiki(host="grafana.k8s.home.geoffdavis.com"), "homeops_services[6].host"),
    Broken("DNS003", wiki(host="wiki.homelab.local"), "homeops_services[6].host", "wiki.k8s.home.geoffdavis.com"),
    Broken(
        "NET007",
        {("services", 6): {**OPEN, "load_balancer": {**LAN, "address": "172.29.52.60"}}},
        "homeops_services[6].load_balancer.address",
        "an address from 172.29.52.100 to 172.29.52.199",
    ),
    Broken(
        "BGP005",
        {("services", 6): {**OPEN, "load_balancer": {**LAN, "pool": "bgp-defautl"}}},
        "homeops_services[6].load_balancer.pool",
        "bgp-default",
    ),
    Broken(
        "BGP019",
        {
            ("secrets", "external", 1, "secret"): "cloudflare-api-token",
            ("secrets", "external", 1, "namespaces"): ["cert-manager"],
        },
        "homeops_secrets.external[1].name",
    ),
    Broken(
        "BGP019",
        {("secrets", "bootstrap", 1, "name"): "onepassword-connect-credentials"},
        "homeops_secrets.bootstrap[1].name",
    ),
    Broken(
        "SEC003",
        {("secrets", "external", 0, "keys"): {"api-token": "cloudflar"}},
        "homeops_secrets.external[0].keys.api-token",
        "cloudflare",
    ),
    Broken(
        "SEC003",
        {("secrets", "external", 7, "keys", "password"): "postgresql_authentik.pasword"},
        "homeops_secrets.external[7].keys.password",
        "postgresql_authentik.password",
    ),
    Broken(
        "SEC003",
        {("secrets", "external", 2, "keys"): {"credentials.json": "cloudflare_tunnel.file"}},
        "homeops_secrets.external[2].keys['credentials.json']",
        "cloudflare_tunnel",
    ),
    Broken(
        "SEC005",
        {
            ("secrets", "bootstrap", 2): {
                "name": "second-token",
                "namespace": "onepassword-connect",
                "keys": {"token": "github"},
                "format": "connect-token",
            }
        },
        "homeops_secrets.bootstrap[2].keys.token",
        "connect_token",
    ),
    Broken("ING001", {("services", 1, "outpost"): "elsewhere"}, "homeops_services[1].outpost", "embedded"),
    Broken("ING001", {("identity", "outpost"): "home-outpost"}, "homeops_identity.outpost", "embedded"),
    Broken(
        "ING001",
        {("gitops", "mode"): "existing", ("services", 1, "outpost"): "elsewhere"},
        "homeops_services[1].outpost",
        "embedded",
    ),
    Broken("ING002", {("services", 1, "load_balancer"): LAN}, "homeops_services[1].load_balancer"),
    Broken("IDP002", {("services", 1, "mode"): "forward_single"}, "homeops_services[1].mode", "proxy"),
    Broken(
        "IDP004", wiki(oidc={"redirect_uris": "https://wiki.example.net/"}), "homeops_services[6].oidc.redirect_uris"
    ),
    Broken(
        "IDP004",
        wiki(oidc={"redirect_uris": [{"url": "https://wiki.example.net/*"}]}),
        "homeops_services[6].oidc.redirect_uris[0].url",
        r"matching_mode: regex, url: https://wiki\.example\.net/.*",
    ),
    Broken(
        "IDP004",
        wiki(oidc={"redirect_uris": [{"url": "https://wiki(", "matching_mode": "regex"}]}),
        "homeops_services[6].oidc.redirect_uris[0].url",
        None,
    ),
    Broken(
        "GIT013", {("gitops", "extra_resources"): ["https://example.org/x.yaml"]}, "homeops_gitops.extra_resources[0]"
    ),
    Broken("GIT006", wiki(name="grafana", host="other.k8s.home.geoffdavis.com"), "homeops_services[6].name", None),
    Broken(
        "MOD014",
        {("versions", "flux"): "v2.3.0"},
        "homeops_versions.flux",
        "a release tested with it, or Kubernetes v1.25 to v1.30",
    ),
    Broken("MOD013", {("services", 6): {**OPEN, "auth": "oidc"}}, "homeops_services[6]"),
    Broken("MOD013", wiki(auth="proxy"), "homeops_services[6].oidc", "auth: oidc"),
    Broken("MOD013", wiki(skip_paths=["^/x$"]), "homeops_services[6].skip_paths", None),
    Broken("MOD013", {("services", 1, "groups"): ["Grafana Admin"]}, "homeops_services[1].groups[0]", "Grafana Admins"),
]

#: Unusual, and well: per check one change that comes near to what it looks for.
RIGHT: dict[str, Changes] = {
    "MOD001": {EXTRA: {"extraArgs": ["--x"]}},
    "MOD002": {("cluster", "additional_sans"): ..., ("bgp", "communities"): ...},
    "MOD003": {("versions", "headlamp"): "0.4"},
    "MOD004": {("nodes", 1, "address"): "172.29.51.21"},
    "MOD005": {("versions", "kubernetes"): "v1.32.0", ("versions", "talos"): "v1.12.0-beta.1"},
    "MOD006": {},
    "MOD007": {("versions", "kubernetes"): "v1.31.14", ("versions", "cilium"): "1.18.2"},
    "MOD008": {("bgp", "hold_seconds"): 9, ("bgp", "keepalive_seconds"): 3},
    "MOD009": {},
    "MOD010": {("nodes", 0, "address"): "172.29.51.254"},
    "MOD011": {EXTRA: {"hubble": {"metrics": {"enabled": ["dns"]}}, "operator": {"replicas": 1}}},
    "MOD012": {
        ("networks", "services", "ipv6"): "fd47:25e1:2f96:f600::/64",
        ("versions", "kubernetes"): "v1.33.1",
        ("versions", "cilium"): "1.18.2",
        ("versions", "flux"): "v2.5.1",
    },
    "NET001": {("networks", "pods", "ipv4"): "10.50.0.0/16"},
    "NET002": {("networks", "services", "ipv4"): "10.245.0.0/16"},
    "NET003": {("networks", "pods", "ipv4"): "10.244.0.0/22"},
    "NET004": {("networks", "supernet", "ipv4"): "172.29.48.0/21"},
    "NET005": {("load_balancers", "pools", 2, "start"): "172.29.52.2"},
    "NET006": {("load_balancers", "pools", 1, "stop"): "172.29.52.254"},
    "NET007": {("load_balancers", "pinned"): ...},
    "NET008": IPV6_ON,
    "NET009": {("cluster", "vip"): "172.29.51.254"},
    "NET010": {},
    "NET011": {EXTRA: {"devices": "enp+", "nodePort": {"directRoutingDevice": "enp3s0f0"}}},
    "NET012": {("bgp", "router", "router_id"): "10.0.0.1"},
    "BGP004": {("load_balancers", "pools", 2): ..., ("bgp", "advertised_pools"): ["bgp-ingress", "bgp-default"]},
    "BGP006": {("bgp", "authentication"): True},
    "BGP007": {("bgp", "authentication"): True},
    "BGP015": {},
    "BGP016": {("bgp", "cluster_asn"): 4200000001, ("bgp", "router", "asn"): 65534},
    "BGP017": {("bgp", "maximum_paths"): 8},
    "CIL001": {EXTRA: {"image": {"tag": "v1.17.6"}}},
    "CIL002": {EXTRA: {"kubeProxyReplacement": "true"}},
    "CIL003": {EXTRA: {"bgpControlPlane": {"statusReport": {"enabled": True}}}},
    "CIL004": {EXTRA: {"sessionAffinity": True, "policyAuditMode": False, "loadBalancer": {"dsrDispatch": "opt"}}},
    "CIL005": {("cilium", "load_balancer_mode"): "dsr", EXTRA: {"routingMode": "native"}},
    "CIL006": {EXTRA: {"l2announcements": {"leaseDuration": "3s"}}},
    "CIL007": {EXTRA: {"k8sServiceHost": "172.29.51.10", "k8sServicePort": 6443}},
    "TAL001": {("talos", "factory"): "factory.example.org:5000"},
    "TAL002": {},
    "TAL003": {("cluster", "dns_domain"): "lab.internal"},
    "TAL005": {
        ("talos", "user_volumes", 1): {
            "name": "media",
            "match": "disk.size > 2u * TiB",
            "max_size": "2TB",
            "filesystem": "xfs",
        }
    },
    "TAL006": {("talos", "user_volumes", 0, "match"): "disk.transport == 'usb' && !system_disk"},
    "TAL007": {("talos", "extensions"): ["siderolabs/iscsi-tools"], ("talos", "lldpd_config"): ...},
    "TAL009": {("talos", "kubelet_extra_config", "maxPods"): 250},
    "TAL012": IPV6_ON,
    "GIT011": {("versions", "cert_manager"): "v1.20.0-alpha.1"},
    "SEC002": {("secrets", "items", "second"): {"title": "Home-ops Unifi API", "field": "username"}},
    "SEC004": {("secrets", "items", "second"): {"title": "Other", "field": "Pass-word"}},
    "DNS001": {
        ("dns", "internal_zone"): "home.example.net",
        ("identity", "host"): "a.home.example.net",
        ("identity", "cookie_domain"): "example.net",
    },
    "DNS002": {("services", 2, "name"): "metrics"},
    "DNS003": {("identity", "host"): "login.geoffdavis.com"},
    "DNS004": {("identity", "cookie_domain"): "geoffdavis.com"},
    "IDP001": wiki(),
    "IDP003": {("identity", "flows", "authorization"): "my-consent"},
    "IDP005": {("identity", "outpost"): "home-outpost", ("gitops", "mode"): "existing"},
    "BGP005": {("services", 6): {**OPEN, "load_balancer": LAN}},
    "BGP019": {("secrets", "external", 1, "secret"): "cloudflare-api-token"},
    "SEC003": {("secrets", "external", 0, "keys"): {"api-token": "cloudflare.token"}},
    "SEC005": {("secrets", "bootstrap", 1, "namespace"): "external-secrets"},
    "ING001": {
        ("gitops", "mode"): "existing",
        ("identity", "external_outpost"): {"name": "radius", "namespace": "authentik"},
        ("services", 1, "outpost"): "radius",
    },
    "ING002": {("services", 1, "load_balancer"): {**LAN, "allow_lan_bypass": True}},
    "IDP002": {("services", 1, "auth"): "forward", ("services", 1, "mode"): "forward_domain"},
    "IDP004": wiki(oidc={"redirect_uris": [{"url": "https://wiki\\.example\\.net/.*", "matching_mode": "regex"}]}),
    "GIT006": wiki(host="docs.k8s.home.geoffdavis.com"),
    "GIT013": {("gitops", "extra_resources"): ["apps/mine"]},
    "MOD014": {("versions", "flux"): "v2.9.1"},
    "MOD013": wiki(groups=["Grafana Editors"]),
    "STO006": {("storage", "postgresql", "backup_schedule"): "0 */15 3-5 * * MON,FRI"},
    "STO007": {("storage", "default_replicas"): 2},
    "MOD015": database(archive="pg", recover_from="postgresql-cluster", recover_until="2026-11-28T03:00:00.5+01:00"),
}
