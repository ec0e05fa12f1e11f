# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults for the repository of ``gitops_base.py``: one change each, and the check that has to find it."""

from __future__ import annotations

from . import gitops_base
from .gitops_edits import Changes, Fault, append, edit

_CLUSTER = "clusters/home-ops/infrastructure.yaml"
_APPS = "clusters/home-ops/apps.yaml"
_CILIUM = "infrastructure/cilium/release.yaml"
_POOLS = "infrastructure/cilium-pools/pools.yaml"
_BGP = "infrastructure/cilium-pools/bgp.yaml"
_INGRESS = "infrastructure/ingress-nginx/release.yaml"
_DNS = "infrastructure/external-dns/release.yaml"
_LONGHORN = "infrastructure/longhorn/release.yaml"
_CLASSES = "infrastructure/longhorn/classes.yaml"
_MONITORING = "infrastructure/monitoring/release.yaml"
_AUTHENTIK = "apps/authentik/release.yaml"
_WIKI = "apps/wiki/wiki.yaml"
_SECRET = "apps/wiki/secret.yaml"
_TALOS = "talos/talconfig.yaml"
_PATCH = "talos/patches/cluster.yaml"
_MACHINE = "talos/patches/machine.yaml"
_ROUTER = "router/frr.conf"
_TASKS = "Taskfile.yml"
_TASKS_TALOS = "taskfiles/talos.yml"
_SCRIPT = "scripts/apply.sh"

_IPV6_PODS = ("clusterPodNets:\n  - 10.244.0.0/16\n", "clusterPodNets:\n  - 10.244.0.0/16\n  - fd47:1:2:f500::/56\n")
_IPV6_SERVICES = ("clusterSvcNets:\n  - 10.96.0.0/12\n", "clusterSvcNets:\n  - 10.96.0.0/12\n  - fd47:1:2:f600::/108\n")
_NEW_LONGHORN = ((" 1.10.1", " 1.12.0"),)

BROKEN = [
    Fault("NET001", edit(_TALOS, "- 10.244.0.0/16", "- 10.244.1.0/16"), use="10.244.0.0/16"),
    Fault("NET001", edit(_ROUTER, "permit 172.29.52.0/24 le 32", "permit 172.29.52.1/24 le 32")),
    Fault("NET002", edit(_TALOS, "- 10.96.0.0/12", "- 10.244.0.0/20")),
    Fault("NET003", {_CILIUM: (("MaskSize: 24", "MaskSize: 17"),)}),
    Fault("NET004", edit(_ROUTER, "network 172.29.0.0/18", "network 172.29.0.0/20"), use="172.29.0.0/"),
    Fault("NET005", {"bootstrap-config.yaml": "network:\n  lb_pool: 172.29.51.100-172.29.51.199\n"}),
    Fault(
        "NET005",
        {"old/pools.yaml": gitops_base.files()[_POOLS].replace("52.100", "52.110").rpartition("---")[0]},
        note="second",
    ),
    Fault(
        "NET006", edit(_POOLS, "172.29.52.100\n      stop: 172.29.52.199", "172.29.52.100\n      stop: 172.29.52.205")
    ),
    Fault("NET007", edit(_INGRESS, "ips: 172.29.52.200", "ips: 172.29.52.150")),
    Fault(
        "NET007",
        edit(_INGRESS, "lbipam.cilium.io/ips: 172.29.52.200", "external-dns.alpha.kubernetes.io/target: 172.29.52.201"),
        use="172.29.52.201",
        note="target",
    ),
    Fault("NET008", {_TALOS: (_IPV6_PODS, _IPV6_SERVICES), _LONGHORN: _NEW_LONGHORN}, file=_CILIUM),
    Fault(
        "NET009",
        {
            _TALOS: gitops_base.files()[_TALOS].replace("vip: {ip: 172.29.51.10}", "vip: {ip: 172.29.51.11}"),
        },
    ),
    Fault(
        "NET010",
        edit(
            _ROUTER,
            " neighbor 172.29.51.13 peer-group home-ops\n",
            " neighbor 172.29.51.13 peer-group home-ops\n neighbor fd47:1:2:51::11 remote-as 64512\n",
        ),
    ),
    Fault("NET011", edit(_CILIUM, "devices: [enp3s0f0]", "devices: [eth0]"), use="enp3s0f0"),
    Fault("NET012", edit(_DNS, "https://172.29.51.1", "https://192.168.1.1"), use="https://172.29.51.1"),
    Fault(
        "BGP001",
        edit(_BGP, "        matchLabels:\n          advertise: bgp", "        matchLabels:\n          advertise: lb"),
    ),
    Fault(
        "BGP002",
        edit(_BGP, "      selector:\n        matchExpressions:", "        selector:\n         matchExpressions:"),
    ),
    Fault("BGP003", edit(_BGP, "        addresses: [LoadBalancerIP]", "        addresses: [LoadBalancerIPs]")),
    Fault(
        "BGP003",
        edit(
            _BGP,
            "    - advertisementType: PodCIDR",
            "    - advertisementType: PodCIDR\n      attributes: {localPref: 200}",
        ),
        use="localPreference",
        note="attribute",
    ),
    Fault("BGP004", edit(_BGP, "values: [bgp-default, bgp-ingress]", "values: [bgp-ingress]"), file=_POOLS),
    Fault(
        "BGP005",
        edit(
            _INGRESS,
            "labels:\n          io.cilium/lb-ipam-pool: bgp-ingress\n        annotations:\n",
            "annotations:\n          io.cilium/lb-ipam-pool: bgp-ingress\n",
        ),
        use="label",
    ),
    Fault(
        "BGP006",
        edit(
            _BGP,
            "  gracefulRestart: {enabled: true",
            "  authSecretRef: cilium-bgp-auth\n  gracefulRestart: {enabled: true",
        ),
    ),
    Fault(
        "BGP007",
        {
            _ROUTER: (
                (
                    " neighbor home-ops remote-as 64512\n",
                    " neighbor home-ops remote-as 64512\n neighbor home-ops password hunter2\n",
                ),
            ),
            _BGP: (
                (
                    "  gracefulRestart: {enabled: true",
                    "  authSecretRef: cilium-bgp-auth\n  gracefulRestart: {enabled: true",
                ),
            ),
        },
    ),
    Fault("BGP008", edit(_ROUTER, "permit 172.29.52.0/24 le 32", "permit 172.29.52.0/24"), use="le 32"),
    Fault("BGP009", edit(_ROUTER, "  neighbor home-ops route-map OUT-V4 out\n", "")),
    Fault(
        "BGP010",
        edit(_ROUTER, "router bgp 64513\n", "ip community-list standard LB permit 64512:100\nrouter bgp 64513\n"),
    ),
    Fault(
        "BGP010",
        edit(_ROUTER, "match ip address prefix-list PODS-V4", "match ip address prefix-list PODS"),
        note="dangling",
    ),
    Fault(
        "BGP011",
        edit(
            _ROUTER,
            "!\nroute-map IN-V4 permit 10",
            "ip prefix-list V6 seq 10 permit fd47:1:2:52::/64 le 128\n!\nroute-map IN-V4 permit 10",
        ),
    ),
    Fault(
        "BGP012",
        edit(_ROUTER, "route-map IN-V4 permit 20\n match ip address prefix-list PODS-V4\n", ""),
        note="pods-refused",
    ),
    Fault("BGP012", edit(_BGP, "    - advertisementType: PodCIDR\n", ""), file=_ROUTER, note="pods-accepted"),
    Fault("BGP013", edit(_ROUTER, "permit 172.29.0.0/18", "permit 172.29.0.0/18 le 32")),
    Fault("BGP014", {"router/old.conf": gitops_base.files()[_ROUTER]}, file="router/old.conf"),
    Fault("BGP015", edit(_BGP, "peerAddress: 172.29.51.1", "peerAddress: 172.29.51.1/32")),
    Fault("BGP016", edit(_BGP, "peerASN: 64513", "peerASN: 64999"), use="64513"),
    Fault("BGP017", edit(_ROUTER, "  maximum-paths 3\n", ""), use="maximum-paths 3"),
    Fault("BGP018", edit(_POOLS, "  name: bgp-default\n", "  name: bgp-default\n  namespace: kube-system\n")),
    Fault(
        "BGP019",
        append(
            _SECRET, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: wiki-database}\nstringData: {password: ''}\n"
        ),
    ),
    Fault("CIL001", edit(_TASKS, "cilium install --version 1.17.6", "cilium install --version 1.16.1"), use="1.17.6"),
    Fault("CIL002", edit(_PATCH, "    disabled: true", "    disabled: false"), file=_CILIUM),
    Fault(
        "CIL003",
        edit(_CILIUM, "    bgpControlPlane:\n      enabled: true", "    bgpControlPlane:\n      enabled: false"),
    ),
    Fault("CIL004", edit(_CILIUM, "    devices:", "    enableIPv6: true\n    devices:"), use="ipv6.enabled"),
    Fault("CIL005", edit(_CILIUM, "mode: snat", "mode: dsr"), use="snat"),
    Fault(
        "CIL006",
        edit(_CILIUM, "    l2announcements:\n      enabled: false", "    l2announcements:\n      enabled: true"),
    ),
    Fault(
        "CIL007",
        edit(
            _TASKS,
            "cilium install --version 1.17.6",
            "cilium install --version 1.17.6 --set kubeProxyReplacement=true --set "
            "k8sServiceHost=172.29.51.10 --set k8sServicePort=6443",
        ),
    ),
    Fault(
        "TAL001",
        edit(
            _MACHINE,
            "image: "
            "factory.talos.dev/installer/ced720bf79203f5297a63edcdbbf43a0922c2a66dcfa6676b1cc1ce46d105be1:v1.10.5",
            "image: https://example.org/v1.10.5/metal-amd64.raw.xz",
        ),
    ),
    Fault("TAL002", edit(_MACHINE, "wipe: false", "wipe: true")),
    Fault("TAL003", edit(_PATCH, "dnsDomain: cluster.local", "dnsDomain: k8s.example.net"), use="cluster.local"),
    Fault(
        "TAL004", edit(_PATCH, "https://authentik.k8s.example.net/application", "https://sso.example.net/application")
    ),
    Fault(
        "TAL005",
        {
            "talos/patches/volume-ext4.yaml": gitops_base.files()["talos/patches/volume.yaml"].replace("xfs", "ext4"),
            _TALOS: (('"@./patches/volume.yaml"', '"@./patches/volume.yaml"\n  - "@./patches/volume-ext4.yaml"'),),
        },
        file="talos/patches/volume.yaml",
    ),
    Fault(
        "TAL005",
        edit(_LONGHORN, "      defaultDataPath: /var/mnt/longhorn-ssd\n", "      defaultDataPath: /var/mnt/ssd\n"),
        note="path",
    ),
    Fault(
        "TAL006", edit(_MACHINE, "  kubelet:\n", "  disks:\n    - device: /dev/disk/by-id/usb-Samsung*\n  kubelet:\n")
    ),
    Fault(
        "TAL007",
        edit(
            _MACHINE,
            "  kubelet:\n",
            "  files:\n    - {path: /usr/local/etc/lldpd/lldpd.conf, content: x}\n  kubelet:\n",
        ),
    ),
    Fault("TAL008", {"talos/patches/old.yaml": "machine:\n  sysctls:\n    vm.dirty_ratio: '5'\n"}),
    Fault(
        "TAL009",
        edit(_MACHINE, "      rotate-server-certificates: true", "      shutdown-grace-period: 30s"),
        use="shutdownGracePeriod",
    ),
    Fault("TAL010", edit(".tool-versions", "talosctl 1.10.5", "talosctl 1.8.3"), use="1.10"),
    Fault("TAL010", edit(".tool-versions", "kubectl 1.31.2", "kubectl 1.28.0"), note="kubectl"),
    Fault(
        "TAL011",
        {
            _TASKS_TALOS: (("    prompt: Everything on the nodes is lost. Go on?\n", ""),),
            _LONGHORN: (("      defaultDataPath: /var/mnt/longhorn-ssd\n", ""),),
            _CLASSES: (("path: /var/mnt/longhorn-ssd", "path: /var/lib/longhorn"),),
            "talos/patches/volume.yaml": (("name: longhorn-ssd", "name: media"),),
        },
    ),
    Fault(
        "TAL012",
        {_TALOS: (_IPV6_PODS, _IPV6_SERVICES), _CILIUM: (("    devices:", "    ipv6: {enabled: true}\n    devices:"),)},
    ),
    Fault(
        "GIT001",
        {
            **append(
                _APPS,
                "---\n"
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
                "kind: Kustomization\n"
                "metadata: {name: apps-wiki, namespace: flux-system}\n"
                "spec: {path: ./apps/extra, prune: true, interval: 10m, sourceRef: {kind: GitRepository, name: "
                "flux-system}}\n",
            ),
            "apps/extra/note.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note, namespace: wiki}\n",
        },
        note="name-twice",
    ),
    Fault(
        "GIT001",
        {
            "clusters/home-ops/extra.yaml": (
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
                "kind: Kustomization\n"
                "metadata: {name: extra, namespace: flux-system}\n"
                "spec: {path: ./apps/wiki}\n"
            )
        },
    ),
    Fault(
        "GIT002",
        edit(
            _APPS,
            "    - name: infrastructure-cert-manager-issuers\n    - name: infrastructure-monitoring\n",
            "    - name: infrastructure-monitoring\n",
        ),
        file="apps/authentik/ingress.yaml",
        use="infrastructure-cert-manager-issuers",
    ),
    Fault(
        "GIT003",
        {
            _CLUSTER: (
                (
                    "    - name: infrastructure-onepassword\n    - name: infrastructure-monitoring-crds\n",
                    "    - name: infrastructure-onepassword\n    - name: infrastructure-monitoring\n",
                ),
                (
                    "  dependsOn:\n    - name: infrastructure-longhorn\n  healthChecks:",
                    "  dependsOn:\n"
                    "    - name: infrastructure-sources\n"
                    "    - name: infrastructure-monitoring-crds\n"
                    "  healthChecks:",
                ),
            )
        },
        file=_MONITORING,
    ),
    Fault(
        "GIT004", edit(_CLUSTER, "      namespace: monitoring\n", "      namespace: observability\n"), use="monitoring"
    ),
    Fault(
        "GIT004",
        {
            _CLUSTER: (
                ("      namespace: monitoring\n", "      namespace: observability\n"),
                ("  wait: false\n", "  wait: true\n"),
            )
        },
        severity="warn",
        note="waits",
    ),
    Fault(
        "GIT005",
        edit(_SECRET, "external-secrets.io/v1\n", "external-secrets.io/v1beta1\n"),
        use="external-secrets.io/v1",
    ),
    Fault(
        "GIT005", edit("apps/wiki/kustomization.yaml", "config.k8s.io/v1beta1", "config.k8s.io/v1"), note="kustomize"
    ),
    Fault(
        "GIT006",
        append("apps/authentik/flows.yaml", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: wiki}\n"),
        file="apps/wiki/namespace.yaml",
    ),
    Fault("GIT007", {"apps/wiki/old.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old}\n"}),
    Fault(
        "GIT008",
        append(
            "infrastructure/sources/repositories.yaml",
            "---\n"
            "apiVersion: source.toolkit.fluxcd.io/v1\n"
            "kind: HelmRepository\n"
            "metadata: {name: grafana, namespace: flux-system}\n",
        ),
    ),
    Fault("GIT009", {"apps/authentik/empty/kustomization.yaml": "resources: []\n"}),
    Fault("GIT010", edit("clusters/home-ops/flux-system/gotk-components.yaml", "v2.4.0", "v2.3.0"), file=_TASKS),
    Fault("GIT010", {"clusters/home-ops/kustomization.yaml": (("  - flux-system\n", ""),)}, note="not-included"),
    Fault("GIT011", edit(_TASKS, "--version 0.20.4", "--version 0.18.2"), use="0.20.4"),
    Fault("GIT011", edit(_MONITORING, "      version: 75.18.1\n", "      version: 75.x\n"), note="range"),
    Fault("GIT012", edit(_APPS, "cluster_name: home-ops", "cluster_name: homelab"), use="home-ops"),
    Fault("GIT012", edit(_APPS, "cluster_name: home-ops", "cluster_name: home-ops\n      domain: x"), note="unused"),
    Fault(
        "GIT013",
        edit(
            "infrastructure/longhorn/kustomization.yaml",
            "  - rules.yaml",
            "  - rules.yaml\n  - https://example.org/x/manifest.yaml",
        ),
    ),
    Fault(
        "SEC001",
        edit(_WIKI, "{name: wiki-database, key: password}", "{name: wiki-database, key: pass}"),
        use="password",
    ),
    Fault(
        "SEC001",
        edit(_WIKI, "{name: wiki-database, key", "{name: wiki-databases, key"),
        use="wiki-database",
        note="name",
    ),
    Fault(
        "SEC002",
        edit(
            _SECRET,
            "{key: Wiki Database - home-ops, property: username}",
            "{key: wiki database home-ops, property: username}",
        ),
    ),
    Fault("SEC003", edit(_SECRET, "name: onepassword-connect}", "name: onepassword}"), use="onepassword-connect"),
    Fault(
        "SEC003",
        append(_SCRIPT, "op item create --vault Private --title 'Cloudflare API Token' --category login\n"),
        use="Automation",
        note="vault",
    ),
    Fault(
        "SEC004",
        append(
            _SECRET,
            "---\n"
            "apiVersion: external-secrets.io/v1\n"
            "kind: ExternalSecret\n"
            "metadata: {name: wiki-backup}\n"
            "spec:\n"
            "  secretStoreRef: {kind: ClusterSecretStore, name: onepassword-connect}\n"
            "  data:\n"
            "    - secretKey: user\n"
            "      remoteRef: {key: Wiki Database - home-ops, property: user-name}\n",
        ),
    ),
    Fault(
        "SEC005", append(_SCRIPT, "op connect token create home-ops-token --server home-ops-cluster\n"), file=_SCRIPT
    ),
    Fault("SEC006", edit(_WIKI, "postgres-rw.database.svc", "postgres-rw.databases.svc"), use="postgres-rw.database"),
    Fault("SEC007", {"talos/talosconfig.backup.1": "context: home-ops\n"}),
    Fault("SEC007", {"scripts/__pycache__/x.cpython-312.pyc": "x"}, note="compiled"),
    Fault("DNS001", edit(_DNS, "    excludeDomains: [k8s.example.net]\n", ""), use="excludeDomains: [k8s.example.net]"),
    Fault("DNS002", edit(_INGRESS, "hostname: ingress.k8s.example.net", "hostname: wiki.k8s.example.net")),
    Fault("DNS003", edit(_INGRESS, "hostname: ingress.k8s.example.net", "hostname: '*.homelab.local'")),
    Fault("DNS004", edit(_DNS, "    txtOwnerId: home-ops\n", "    txtOwnerId: home-ops\n    zoneIdFilters: [x]\n")),
    Fault(
        "ING001",
        edit(_AUTHENTIK, "external_host: https://longhorn.k8s", "external_host: https://storage.k8s"),
        file="apps/authentik/ingress.yaml",
    ),
    Fault(
        "ING002",
        {
            _LONGHORN: (("        type: ClusterIP", "        type: LoadBalancer"),),
            _POOLS: (("      io.cilium/lb-ipam-pool: bgp-default\n", "      app: longhorn-ui\n"),),
            _BGP: (
                (
                    "          - {key: io.cilium/lb-ipam-pool, operator: In, values: [bgp-default, bgp-ingress]}",
                    "          - {key: nothing, operator: DoesNotExist}",
                ),
            ),
            _CLUSTER: (
                (
                    "    - name: infrastructure-onepassword\n    - name: infrastructure-monitoring-crds\n",
                    "    - name: infrastructure-onepassword\n"
                    "    - name: infrastructure-cilium-pools\n"
                    "    - name: infrastructure-monitoring-crds\n",
                ),
            ),
        },
    ),
    Fault(
        "ING003",
        edit(_WIKI, "cluster-issuer: letsencrypt-prod", "cluster-issuer: letsencrypt-production"),
        use="letsencrypt-prod",
    ),
    Fault("ING004", edit(_WIKI, "ingressClassName: nginx-internal", "ingressClassName: traefik")),
    Fault(
        "ING004",
        edit(_INGRESS, "    controller:\n", "    defaultbackend: {}\n    controller:\n"),
        use="defaultBackend",
        note="key",
    ),
    Fault("IDP001", edit(_AUTHENTIK, "svc.cluster.local:80", "svc.cluster.local:8000"), use="port 80"),
    Fault("IDP001", edit(_AUTHENTIK, "internal_host: http://", "internal_host: https://"), note="scheme"),
    Fault("IDP002", edit(_AUTHENTIK, "mode: proxy", "mode: forward_single"), use="proxy"),
    Fault(
        "IDP003",
        edit(
            "apps/authentik/flows.yaml",
            "invalidation_flow: default-provider-invalidation-flow",
            "invalidation_flow: 11111111-1111-1111-1111-111111111111",
        ),
    ),
    Fault("IDP004", append(_SCRIPT, 'curl -d \'{"redirect_uris": "https://grafana.k8s.example.net/login"}\' "$URL"\n')),
    Fault(
        "IDP005",
        append("apps/authentik/flows.yaml", "  AUTHENTIK_OUTPOST_ID: 9f1c2f7e-8f0e-4a56-b4d3-1d6b5a1c9e00\n"),
        file=_AUTHENTIK,
    ),
    Fault("STO001", edit(_LONGHORN, "defaultReplicaCount: 3", "replicaCount: 3"), use="defaultReplicaCount"),
    Fault("STO002", edit(_CLASSES, "diskSelector: ssd", "diskSelector: nvme")),
    Fault(
        "STO003",
        edit(_CLASSES, "  diskSelector: ssd", "  diskSelector: ssd\n  mkfsExt4Parameters: -O x"),
        use="mkfsParams",
    ),
    Fault("STO004", edit(_CLASSES, "groups: [database]", "groups: [db]")),
    Fault(
        "STO005",
        append(
            "apps/database/cluster.yaml",
            "---\n"
            "apiVersion: barmancloud.cnpg.io/v1\n"
            "kind: ObjectStore\n"
            "metadata: {name: backup, namespace: database}\n"
            "spec: {configuration: {destinationPath: s3://longhorn-backup/postgres}}\n",
        ),
        use="longhorn-backups-home-ops",
    ),
    Fault(
        "STO006", edit("apps/database/cluster.yaml", "schedule: 0 0 3 * * *", "schedule: 0 3 * * *"), use="0 0 3 * * *"
    ),
    Fault("STO007", edit(_CLASSES, "reclaimPolicy: Retain", "reclaimPolicy: Delete"), use="Retain"),
    Fault(
        "MON001",
        edit("apps/wiki/monitor.yaml", "  labels: {release: kube-prometheus-stack}\n", ""),
        use="release: kube-prometheus-stack",
    ),
    Fault("MON002", edit("apps/wiki/monitor.yaml", "port: http}", "port: metrics}"), use="http"),
    Fault("MON002", edit("apps/wiki/monitor.yaml", "{app: wiki}", "{app: wikis}"), note="labels"),
    Fault("MON003", edit(_MONITORING, "        retention: 10d", "        retentionDays: 10")),
    Fault(
        "MON004",
        edit("infrastructure/longhorn/rules.yaml", "longhorn_volume_robustness", "longhorn_backup_target_healthy"),
    ),
    Fault("BOO001", append(_SCRIPT, "kubectl get nodes | grep -q home-ops\n"), use="mini"),
    Fault("BOO002", append(_SCRIPT, "kubectl get nodes --no-headers | grep -c Ready\n")),
    Fault("BOO003", append(_SCRIPT, "n=$(kubectl get pods | grep -c wiki || echo 0)\n")),
    Fault(
        "BOO004",
        edit(
            _TASKS,
            "  cni:\n",
            "  all:\n"
            "    deps: [phase-talos, phase-cni]\n"
            "  phase-talos: {cmds: [{task: talos:apply}]}\n"
            "  phase-cni: {cmds: [{task: cni}]}\n"
            "  cni:\n",
        ),
    ),
    Fault("BOO005", append(_SCRIPT, "kubectl get pods -n kube-system | grep etcd\n")),
    Fault("BOO006", append(_SCRIPT, "kubectl get pods -n wiki | grep Running\n")),
    Fault("BOO007", edit("docs/README.md", "`task talos:apply`", "`task talos:apply-config`"), use="talos:apply"),
    Fault("BOO007", edit("docs/README.md", "../scripts/apply.sh", "../scripts/apply-all.sh"), note="file"),
    Fault("REP001", append("apps/authentik/flows.yaml", "data: {}\n")),
    Fault(
        "REP001",
        edit("apps/wiki/kustomization.yaml", "  - monitor.yaml", "  - monitor.yaml\n  - gone.yaml"),
        note="resource",
    ),
]

#: Values that look like a fault of the check and are none.
RIGHT: dict[str, Changes] = {
    "BGP009-switched-off": edit(
        _ROUTER, " bgp router-id 172.29.51.1\n", " bgp router-id 172.29.51.1\n no bgp ebgp-requires-policy\n"
    ),
    "DNS002-paths": append(
        "apps/authentik/ingress.yaml",
        "---\n"
        "apiVersion: networking.k8s.io/v1\n"
        "kind: Ingress\n"
        "metadata: {name: wiki-outpost, namespace: authentik}\n"
        "spec:\n"
        "  ingressClassName: nginx-internal\n"
        "  rules:\n"
        "    - host: wiki.k8s.example.net\n"
        "      http:\n"
        "        paths:\n"
        "          - path: /outpost.goauthentik.io\n"
        "            pathType: Prefix\n"
        "            backend: {service: {name: ak-outpost-proxy, port: {number: 9000}}}\n",
    ),
    "ING002-allowed": {
        _LONGHORN: (
            (
                "        type: ClusterIP",
                "        type: ClusterIP\n        annotations: {homeops.cluster/allow-lan-bypass: 'true'}",
            ),
        )
    },
    "GIT012-default": edit(_WIKI, '"${cluster_name}"', '"${cluster_name}-${other:=x}"'),
    "SEC007-ignored": {"talosconfig": "context: x\n", "clusterconfig/mini01.yaml": "machine: {}\n"},
    "MON001-switched-off": {
        "apps/wiki/monitor.yaml": (("  labels: {release: kube-prometheus-stack}\n", ""),),
        _MONITORING: (
            (
                "        retention: 10d",
                "        retention: 10d\n        serviceMonitorSelectorNilUsesHelmValues: false",
            ),
        ),
    },
    "BOO002-whole-word": append(_SCRIPT, "kubectl get nodes --no-headers | grep -cw Ready\n"),
    "TAL008-in-a-script": {
        "talos/patches/old.yaml": "machine:\n  sysctls:\n    vm.dirty_ratio: '5'\n",
        _SCRIPT: (("set -eu\n", "set -eu\ntalosctl patch mc --patch @talos/patches/old.yaml\n"),),
    },
    "GIT007-in-a-script": {
        "apps/wiki/old.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old}\n",
        _SCRIPT: (("set -eu\n", "set -eu\nkubectl apply -f apps/wiki/old.yaml\n"),),
    },
    "STO005-two-on-purpose": append(
        "apps/database/cluster.yaml",
        "---\n"
        "apiVersion: barmancloud.cnpg.io/v1\n"
        "kind: ObjectStore\n"
        "metadata: {name: backup, namespace: database}\n"
        "spec: {configuration: {destinationPath: s3://postgres-archive/x}}\n",
    ),
}
