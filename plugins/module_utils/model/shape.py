# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model must look like: one schema per subject, in the order of ``homeops_model``.

Here stands only what one value can be judged by; whether values agree with each other is what the checks ask.
"""

from __future__ import annotations

from . import leaves
from .schema import Free, Keys, ListOf

_NAMES = leaves.text("a name")
#: Names under which people write a BGP password down; both ends take it from the item homeops_secrets.items.bgp.
_PASSWORD_KEYS = dict.fromkeys(("password", "md5", "auth_password", "md5_password", "secret"), "BGP007")
#: Machine-config keys that look as if they could be put here, with the check that says where they belong.
_MACHINE_KEYS = {
    "userVolumes": "TAL006",
    "disks": "TAL006",
    "machine_disks": "TAL006",
    "env": "TAL007",
    "files": "TAL007",
    "extensionServiceConfigs": "TAL007",
    "kubelet_extra_args": "TAL009",
}

CLUSTER = Keys(
    need={
        "name": leaves.name(),
        "vip": leaves.address(),
        "dns_domain": leaves.host(),
        "timezone": leaves.pattern(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)*", "a time zone such as America/New_York"),
        "schedule_on_control_planes": leaves.boolean(),
    },
    may={"additional_sans": ListOf(leaves.san())},
)

_COMPONENTS = (
    "cilium_cli",
    "external_secrets",
    "onepassword_connect",
    "cert_manager",
    "ingress_nginx",
    "external_dns",
    "external_dns_unifi_webhook",
    "cloudflared",
    "longhorn",
    "snapshot_controller",
    "metrics_server",
    "kube_prometheus_stack",
    "prometheus_operator_crds",
    "blackbox_exporter",
    "node_exporter",
    "cloudnative_pg",
    "barman_cloud_plugin",
    "barman_cloud_chart",
    "postgresql",
    "authentik",
    "kubernetes_dashboard",
    "headlamp",
)
VERSIONS = Keys(
    need={key: leaves.version() for key in ("talos", "kubernetes", "cilium", "flux")},
    may={key: leaves.version() for key in _COMPONENTS},
)

NODES = ListOf(
    Keys(
        need={
            "name": leaves.name(),
            "address": leaves.address(),
            "role": leaves.one_of("controlplane", "worker"),
        },
        # Serial number or UUID of the machine: day two refuses another one at the same address.
        may={"ipv6": leaves.address(6), "hardware_id": leaves.text("a serial number or UUID")},
    ),
    least=1,
)

_VLAN = Keys(
    need={"vlan": leaves.number(1, 4094, "a VLAN id"), "ipv4": leaves.cidr(4), "gateway": leaves.address(4)},
    may={"ipv6": leaves.cidr(6)},
)
NETWORKS = Keys(
    need={
        "management": _VLAN,
        "load_balancers": _VLAN,
        "supernet": Keys(need={"ipv4": leaves.cidr(4)}, may={"ipv6": leaves.cidr(6)}),
        "pods": Keys(
            need={"ipv4": leaves.cidr(4), "ipv4_node_mask": leaves.number(8, 30, "a prefix length")},
            may={"ipv6": leaves.cidr(6), "ipv6_node_mask": leaves.number(32, 126, "a prefix length")},
        ),
        "services": Keys(need={"ipv4": leaves.cidr(4)}, may={"ipv6": leaves.cidr(6)}),
        "ipv6_enabled": leaves.boolean(),
        "interface": leaves.pattern(r"[A-Za-z0-9_.:-]{1,15}", "a Linux interface name (at most 15 characters)"),
    },
    may={"delegated_ipv6": leaves.cidr(6)},
)

LOAD_BALANCERS = Keys(
    need={
        "selector_label": leaves.pattern(
            r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?",
            "a label key such as io.cilium/lb-ipam-pool",
        ),
        "pools": ListOf(
            Keys(
                need={"name": leaves.name()},
                # Any text: whether it is a network of either family is asked where the pool is put together.
                may={"start": leaves.address(), "stop": leaves.address(), "cidr": leaves.text("a network")},
            ),
            least=1,
        ),
    },
    may={"pinned": Keys(rest=leaves.address())},
)

BGP = Keys(
    need={
        "cluster_asn": leaves.number(1, 4294967295, "an AS number"),
        "router": Keys(
            need={
                "asn": leaves.number(1, 4294967295, "an AS number"),
                "address": leaves.address(claim="BGP015"),
                "router_id": leaves.address(4),
                "peer_group": leaves.pattern(r"[A-Za-z0-9_.-]{1,63}", "a name without blanks"),
            },
            claims=_PASSWORD_KEYS,
        ),
        "api": leaves.one_of("auto", "legacy", "v2"),
        # The limits of the CRDs of Cilium 1.17 (CiliumBGPPeerConfig, CiliumBGPPeeringPolicy).
        "graceful_restart_seconds": leaves.number(1, 4095, "a number of seconds"),
        "connect_retry_seconds": leaves.number(1, 2147483647, "a number of seconds"),
        "hold_seconds": leaves.number(3, 65535, "a number of seconds"),
        "keepalive_seconds": leaves.number(1, 65535, "a number of seconds"),
        "announce_pods": leaves.boolean(),
        "advertised_pools": ListOf(leaves.name(), least=1),
        "maximum_paths": leaves.number(1, 256, "a number of paths"),
        "authentication": leaves.boolean(),
    },
    may={"communities": Keys(rest=leaves.community())},
    claims=_PASSWORD_KEYS,
)

_ARGUMENTS = Keys(rest=leaves.text("text (quote numbers: flags and sysctls are texts)"))
TALOS = Keys(
    need={
        "extensions": ListOf(
            leaves.pattern(r"[a-z0-9.-]+/[a-z0-9._-]+", "an extension's name such as siderolabs/iscsi-tools")
        ),
        "factory": leaves.text("the Image Factory's host name"),
        "install_disk_selector": Keys(
            may={
                **{
                    key: leaves.text("text to match")
                    for key in ("model", "serial", "modalias", "uuid", "wwid", "name", "busPath", "size")
                },
                "type": leaves.one_of("ssd", "hdd", "nvme", "sd"),
            }
        ),
        "install_wipe": leaves.boolean(),
        "route_metric": leaves.number(1, 4294967295),
        "kubelet_extra_config": Keys(rest=Free()),
        "sysctls": _ARGUMENTS,
        "udev_rules": ListOf(leaves.text("a udev rule")),
        "encrypted_partitions": ListOf(leaves.one_of("state", "ephemeral")),
        "user_volumes": ListOf(
            Keys(
                need={
                    # The partition label is u-<name> and a GPT label holds 36 characters.
                    "name": leaves.pattern(r"[A-Za-z0-9-]{1,34}", "1 to 34 letters, digits and dashes"),
                    "match": leaves.text("a CEL expression"),
                    "max_size": leaves.size(),
                    "filesystem": leaves.one_of("xfs", "ext4"),
                }
            )
        ),
        "etcd_extra_args": _ARGUMENTS,
        "admission_plugins": ListOf(leaves.pattern(r"[A-Z][A-Za-z]+", "an admission plugin's name")),
        "leader_election": _ARGUMENTS,
        "kubeprism_port": leaves.number(1, 65535, "a port"),
    },
    may={
        "kernel_args": ListOf(leaves.text("a kernel argument")),
        "ipv6_gateway": leaves.address(6),
        "lldpd_config": leaves.text("the text of lldpd.conf"),
    },
    claims=_MACHINE_KEYS,
)

CILIUM = Keys(
    need={
        "namespace": leaves.name(),
        "hubble": leaves.boolean(),
        "operator_replicas": leaves.number(1, 10),
        "acceleration": leaves.one_of("disabled", "native", "best-effort", "testing-only"),
        "load_balancer_algorithm": leaves.one_of("maglev", "random"),
        "load_balancer_mode": leaves.one_of("snat", "dsr", "hybrid"),
        "prometheus": leaves.boolean(),
    },
    may={"extra_values": Keys(rest=Free())},
)

_EXTERNAL_DNS = Keys(
    need={
        "owner_id": _NAMES,
        "prefix": leaves.text("a prefix of TXT records"),
        "policy": leaves.one_of("sync", "upsert-only", "create-only"),
    }
)
DNS = Keys(
    need={
        "internal_zone": leaves.host(),
        "public_zone": leaves.host(),
        "acme_email": leaves.pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
        "external_dns": Keys(need={"public": _EXTERNAL_DNS, "internal": _EXTERNAL_DNS}),
    },
    may={"tunnel": Keys(need={"name": _NAMES, "id": leaves.pattern(r"[0-9a-f-]{36}", "a tunnel id (a UUID)")})},
)

_FIELD = leaves.text("a field's name")
_RECIPE = Keys(
    may={
        "length": leaves.number(1, 64, "a number of characters"),
        "symbols": leaves.boolean(),
        "hex": leaves.number(1, 256, "a number of bytes"),
        "base64": leaves.number(1, 256, "a number of bytes"),
        "value": leaves.text("the value itself, which is no secret"),
    }
)
_SECRET_KEYS = Keys(rest=leaves.text("an item, or an item and a field: item.field"))
SECRETS = Keys(
    need={
        "vault": _NAMES,
        "connect_server": _NAMES,
        "connect_token_name": _NAMES,
        "items": Keys(
            rest=Keys(
                need={"title": leaves.text("an item's title")},
                may={
                    "field": _FIELD,
                    "fields": ListOf(_FIELD, least=1),
                    "document": leaves.boolean(),
                    "generate": Keys(rest=_RECIPE),
                },
            )
        ),
    },
    may={
        "external": ListOf(
            Keys(
                need={
                    "name": leaves.object_name(),
                    "namespaces": ListOf(leaves.text("a namespace"), least=1),
                    "keys": _SECRET_KEYS,
                },
                may={
                    "refresh": leaves.duration(),
                    "secret": leaves.object_name(),
                    "type": leaves.text("a Secret's type"),
                    "template": Keys(rest=leaves.text("a text; <key> in it is that key's value")),
                },
            )
        ),
        "bootstrap": ListOf(
            Keys(
                need={"name": leaves.object_name(), "namespace": leaves.text("a namespace"), "keys": _SECRET_KEYS},
                may={
                    "type": leaves.text("a Secret's type"),
                    "format": leaves.one_of("plain", "connect-credentials", "connect-token"),
                },
            )
        ),
    },
)

GITOPS = Keys(
    need={
        "repository": leaves.pattern(
            r"https://[^\s@/]+/\S+|ssh://(?:[^\s@/:]+@)?[^\s@/]+/\S+", "an https:// or ssh:// URL without a password"
        ),
        "branch": _NAMES,
        "path": leaves.pattern(r"(?!/)(?!.*\.\.)\S+", "a path inside the repository"),
        "interval": leaves.duration(),
        "source_interval": leaves.duration(),
        "mode": leaves.one_of("render", "existing"),
    },
    may={
        # false leaves a component out of the rendered tree.
        "components": Keys(rest=leaves.boolean()),
        # Further resources of the root kustomization.yaml: what the owner writes himself.
        "extra_resources": ListOf(leaves.pattern(r"(?!/)(?!.*\.\.)\S+", "a path below the cluster's folder")),
        # The Secret with which Flux reads a repository that is not public.
        "secret": leaves.name(),
        "groups": Keys(may={"viewers": ListOf(_NAMES), "operators": ListOf(_NAMES)}),
    },
)

_ARCHIVE = leaves.pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "an archive's name without blanks (at most 63)")
STORAGE = Keys(
    need={
        "user_volume": _NAMES,
        "disk_tags": ListOf(leaves.name()),
        "reserved_percent": leaves.number(0, 90, "a percentage"),
        "default_replicas": leaves.number(1, 20, "a number of replicas"),
    },
    may={
        "backup": Keys(
            need={
                "bucket": leaves.pattern(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name"),
                "region": leaves.pattern(r"[a-z0-9-]+", "a region such as us-west-2"),
            }
        ),
        "postgresql": Keys(
            need={
                "instances": leaves.number(1, 20, "a number of instances"),
                "size": leaves.size(),
                "backup_schedule": leaves.text("a schedule"),
            },
            may={
                # The name under which it archives below the bucket's postgresql/, instead of the Cluster's own.
                "archive": _ARCHIVE,
                # Whose archive it is rebuilt from when it is created, and up to which moment (the newest without it).
                "recover_from": _ARCHIVE,
                "recover_until": leaves.moment(claim="MOD015"),
            },
        ),
    },
)

IDENTITY = Keys(
    need={
        "host": leaves.host(),
        "namespace": leaves.name(),
        "outpost": _NAMES,
        "cookie_domain": leaves.host(),
        "flows": Keys(need={"authorization": _NAMES, "invalidation": _NAMES}),
    },
    may={
        # Groups that services may let in; they are made, and never removed.
        "groups": ListOf(_NAMES),
        # A proxy outpost beside the embedded one; services go there by their option outpost.
        "external_outpost": Keys(
            need={"name": _NAMES, "namespace": leaves.name()}, may={"replicas": leaves.number(1, 10)}
        ),
        "radius": Keys(
            need={"client_networks": ListOf(leaves.cidr(4), least=1)},
            may={"provider": _NAMES, "application": leaves.name(), "outpost": _NAMES},
        ),
    },
)

MONITORING = Keys(
    need={
        "namespace": leaves.name(),
        "release": leaves.name(),
        "prometheus_storage": leaves.size(),
        "grafana_storage": leaves.size(),
    }
)

#: What a service says about its login.
_LOGIN = {
    # Instead of <name>.<internal zone>.
    "host": leaves.host(),
    "description": leaves.text("a description"),
    "icon": leaves.pattern(r"https?://\S+|fa://\S+|/\S*", "an icon's URL, or fa://fa-name"),
    # Who may enter, of homeops_identity.groups; everybody who can log in when there are none.
    "groups": ListOf(_NAMES),
    "mode": leaves.one_of("proxy", "forward_single", "forward_domain"),
    # Paths that need no login, as regular expressions; opening all of /api/ takes a second word.
    "skip_paths": ListOf(leaves.text("a regular expression")),
    "open_api": leaves.boolean(),
    # Paths that the status asks for without a login, to see that they are not open.
    "api_paths": ListOf(leaves.pattern(r"/[!-~]*", "a path such as /api/v1/status")),
    "outpost": _NAMES,
    "oidc": Keys(
        need={
            "redirect_uris": ListOf(
                Keys(need={"url": leaves.text("a URL")}, may={"matching_mode": leaves.one_of("strict", "regex")}),
                least=1,
                claim="IDP004",
            )
        },
        may={"client_id": _NAMES, "public": leaves.boolean(), "scopes": ListOf(_NAMES)},
    ),
}
SERVICES = ListOf(
    Keys(
        need={
            "name": leaves.name(),
            "title": leaves.text("a title"),
            "namespace": leaves.name(),
            "service": leaves.name(),
            "port": leaves.number(1, 65535, "a port"),
            "auth": leaves.one_of("proxy", "forward", "oidc", "none"),
        },
        may={
            "scheme": leaves.one_of("http", "https"),
            **_LOGIN,
            # An address of its own in the LAN, beside the name.
            "load_balancer": Keys(
                need={
                    "pool": leaves.name(),
                    "selector": Keys(rest=leaves.text("a label's value")),
                    "ports": ListOf(
                        Keys(
                            need={"name": leaves.name(), "port": leaves.number(1, 65535, "a port")},
                            may={
                                "target_port": leaves.number(1, 65535, "a port"),
                                "protocol": leaves.one_of("TCP", "UDP"),
                            },
                        ),
                        least=1,
                    ),
                },
                may={"address": leaves.address(4), "allow_lan_bypass": leaves.boolean()},
            ),
        },
    )
)

MODEL = Keys(
    need={
        "cluster": CLUSTER,
        "versions": VERSIONS,
        "nodes": NODES,
        "networks": NETWORKS,
        "load_balancers": LOAD_BALANCERS,
        "bgp": BGP,
        "talos": TALOS,
        "cilium": CILIUM,
        "dns": DNS,
        "secrets": SECRETS,
        "gitops": GITOPS,
        "storage": STORAGE,
        "identity": IDENTITY,
        "monitoring": MONITORING,
        "services": SERVICES,
    }
)
