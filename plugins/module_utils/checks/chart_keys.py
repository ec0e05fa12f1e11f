# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that the chart of Cilium 1.17.6 reads.

Source: cilium/cilium v1.17.6 ``install/kubernetes/cilium``: the keys of ``values.yaml`` and every ``.Values.<key>``
of the templates, because some keys that work stand in ``values.yaml`` as comments only (``kubeProxyReplacement``).
"""

from __future__ import annotations

_CILIUM_1_17_TEXT = """
MTU affinity agent agentNotReadyTaintKey aksbyocni alibabacloud annotateK8sNode annotations apiRateLimit
authentication autoDirectNodeRoutes azure bandwidthManager bgpControlPlane bpf bpfClockProbe certgen cgroup
ciliumEndpointSlice cleanBpfState cleanState cluster clusterHealthPort clustermesh cni commonLabels
conntrackGCInterval conntrackGCMaxInterval crdWaitTimeout customCalls daemon dashboards debug defaultLBServiceIPAM
devices directRoutingSkipUnreachable disableEndpointCRD disableEnvoyVersionCheck disableIptablesFeederRules dnsPolicy
dnsPolicyUnloadOnShutdown dnsProxy egressGateway egressMasqueradeInterfaces enableCiliumEndpointSlice
enableCnpStatusUpdates enableCriticalPriorityClass enableIPv4BIGTCP enableIPv4Masquerade enableIPv6BIGTCP
enableIPv6Masquerade enableIdentityMark enableInternalTrafficPolicy enableK8sEndpointSlice enableK8sEventHandover
enableK8sTerminatingEndpoint enableLBIPAM enableMasqueradeRouteSource enableNonDefaultDenyPolicies
enableRuntimeDeviceDetection enableXTSocketFallback encryption endpointHealthChecking endpointLockdownOnMapOverflow
endpointRoutes eni envoy envoyConfig etcd externalWorkloads extraArgs extraConfig extraContainers extraEnv
extraHostPathMounts extraInitContainers extraVolumeMounts extraVolumes forceDeviceDetection fragmentTracking
gatewayAPI gke healthCheckICMPFailureThreshold healthChecking healthPort highScaleIPcache hostFirewall hostPort
hostServices hubble identityAllocationMode identityChangeGracePeriod image imagePullSecrets ingressController
initResources installNoConntrackIptablesRules ipMasqAgent ipam iptablesLockTimeout iptablesRandomFully ipv4
ipv4NativeRoutingCIDR ipv6 ipv6NativeRoutingCIDR k8s k8sClientRateLimit k8sNetworkPolicy k8sServiceHost
k8sServiceLookupConfigMapName k8sServiceLookupNamespace k8sServicePort keepDeprecatedLabels keepDeprecatedProbes
kubeConfigPath kubeProxyReplacement kubeProxyReplacementHealthzBindAddr l2NeighDiscovery l2announcements
l2podAnnouncements l7Proxy labels livenessProbe loadBalancer localRedirectPolicy logOptions logSystemLoad maglev
monitor name namespaceOverride nat nat46x64Gateway nodeIPAM nodePort nodeSelector nodeSelectorLabels nodeinit operator
pmtuDiscovery podAnnotations podLabels podSecurityContext policyAuditMode policyCIDRMatchMode policyEnforcementMode
pprof preflight priorityClassName prometheus rbac readinessProbe resourceQuotas resources rollOutCiliumPods
routingMode scheduling sctp securityContext serviceAccounts serviceNoBackendResponse sessionAffinity sleepAfterInit
socketLB startupProbe svcSourceRangeCheck synchronizeK8sNodes sysctlfix terminationGracePeriodSeconds tls tolerations
tunnelPort tunnelProtocol tunnelSourcePortRange updateStrategy upgradeCompatibility vtep waitForKubeProxy
wellKnownIdentities
"""
#: Keys at the top.
CILIUM_1_17 = frozenset(_CILIUM_1_17_TEXT.split())

#: Keys one level below, for those maps where mistakes are common.
CILIUM_1_17_INNER: dict[str, frozenset[str]] = {
    "bgpControlPlane": frozenset(["enabled", "secretsNamespace", "statusReport"]),
    "loadBalancer": frozenset(
        (
            "acceleration",
            "algorithm",
            "dsrDispatch",
            "experimental",
            "l7",
            "mode",
            "protocolDifferentiation",
            "serviceTopology",
            "standalone",
        )
    ),
    "l2announcements": frozenset(["enabled", "leaseDuration", "leaseRenewDeadline", "leaseRetryPeriod"]),
    "ipv4": frozenset(["enabled"]),
    "ipv6": frozenset(["enabled"]),
    "ipam": frozenset(
        ["ciliumNodeUpdateRate", "installUplinkRoutesForDelegatedIPAM", "mode", "multiPoolPreAllocation", "operator"]
    ),
}

#: Keys that look right and do nothing, with the one that does.
MISTAKEN = {
    "tunnel": "routingMode and tunnelProtocol",
    "enableIPv4": "ipv4.enabled",
    "enableIPv6": "ipv6.enabled",
    "bgp": "bgpControlPlane.enabled",
    "datapathMode": "bpf.datapathMode",
    "enable-lb-ipam": "enableLBIPAM",
    "loadBalancer.l2": "l2announcements.enabled",
    "bgpControlPlane.secretNamespace": "secretsNamespace",
}
