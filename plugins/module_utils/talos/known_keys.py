# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of Talos 1.10 machine config documents: every key, its type, and how Talos writes and merges it.

Source: the Go structs of siderolabs/talos v1.10.5 ``pkg/machinery/config/types/**`` (field order, ``yaml`` and
``merge`` tags). One string per struct, fields in the order in which Talos writes them:

- ``name:type`` is always written, ``name?:type`` only when not empty (Go's ``omitempty``), a trailing ``!`` marks a
  value which a patch replaces as a whole (``merge:"replace"``);
- ``*T`` may be absent (so ``false`` and ``{}`` differ from absent), ``[]T`` is a list, ``{}T`` a map from string,
  ``[key]T`` a list whose items merge by that key; capitalised names are structs; ``object`` is a free-form mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

#: Document kind to struct; the v1alpha1 document (``machine``, ``cluster``) has no kind.
KINDS: dict[str, str] = {
    "": "Config",
    "EthernetConfig": "EthernetConfig",
    "EventSinkConfig": "EventSink",
    "ExtensionServiceConfig": "ExtensionServiceConfig",
    "KmsgLogConfig": "KmsgLog",
    "KubeSpanEndpointsConfig": "KubespanEndpointsConfig",
    "NetworkDefaultActionConfig": "DefaultActionConfig",
    "NetworkRuleConfig": "RuleConfig",
    "PCIDriverRebindConfig": "PCIDriverRebindConfig",
    "SideroLinkConfig": "SideroLinkConfig",
    "TrustedRootsConfig": "TrustedRootsConfig",
    "UserVolumeConfig": "UserVolumeConfig",
    "VolumeConfig": "VolumeConfig",
    "WatchdogTimerConfig": "WatchdogTimer",
}

#: Values of the enumerations; the first one is the zero value.
ENUMS: dict[str, tuple[str, ...]] = {
    "action": ("accept", "block"),
    "filesystem": ("none", "xfs", "vfat", "ext4", "iso9660", "swap"),
    "protocol": ("Protocol(0)", "icmp", "tcp", "udp", "icmpv6"),
    "provider": ("none", "luks2"),
}

STRUCTS: dict[str, str] = {
    "Config": "version:string debug?:*bool persist?:*bool machine:*MachineConfig cluster:*ClusterConfig",
    "MachineConfig": (
        "type:string token:string ca?:*certkey acceptedCAs?:[]*cert certSANs:[]string "
        "controlPlane?:*MachineControlPlaneConfig kubelet?:*KubeletConfig pods?:[]object network?:*NetworkConfig "
        "disks?:[]*MachineDisk install?:*InstallConfig files?:[]*MachineFile env?:{}string time?:*TimeConfig "
        "sysctls?:{}string sysfs?:{}string registries?:RegistriesConfig "
        "systemDiskEncryption?:*SystemDiskEncryptionConfig features?:*FeaturesConfig udev?:*UdevConfig "
        "logging?:*LoggingConfig kernel?:*KernelConfig seccompProfiles?:[]*MachineSeccompProfile "
        "baseRuntimeSpecOverrides?:object nodeLabels?:{}string nodeAnnotations?:{}string nodeTaints?:{}string"
    ),
    "ClusterConfig": (
        "id?:string secret?:string controlPlane:*ControlPlaneConfig clusterName?:string "
        "network?:*ClusterNetworkConfig token?:string aescbcEncryptionSecret?:string "
        "secretboxEncryptionSecret?:string ca?:*certkey acceptedCAs?:[]*cert aggregatorCA?:*certkey "
        "serviceAccount?:*key apiServer?:*APIServerConfig controllerManager?:*ControllerManagerConfig "
        "proxy?:*ProxyConfig scheduler?:*SchedulerConfig discovery?:*ClusterDiscoveryConfig etcd?:*EtcdConfig "
        "coreDNS?:*CoreDNS externalCloudProvider?:*ExternalCloudProviderConfig extraManifests?:[]string "
        "extraManifestHeaders?:{}string inlineManifests?:[]ClusterInlineManifest "
        "adminKubeconfig?:*AdminKubeconfigConfig allowSchedulingOnMasters?:*bool "
        "allowSchedulingOnControlPlanes?:*bool"
    ),
    "APIServerConfig": (
        "image?:string extraArgs?:{}string extraVolumes?:[]VolumeMountConfig env?:{}string certSANs?:[]string "
        "disablePodSecurityPolicy?:*bool admissionControl?:[name]*AdmissionPluginConfig auditPolicy?:object! "
        "resources?:*ResourcesConfig authorizationConfig?:[]*AuthorizationConfigAuthorizerConfig"
    ),
    "AdminKubeconfigConfig": "certLifetime?:duration",
    "AdmissionPluginConfig": "name:string configuration:object",
    "AuthorizationConfigAuthorizerConfig": "type:string name:string webhook?:object",
    "Bond": (
        "interfaces:[]string deviceSelectors?:[]NetworkDeviceSelector arpIPTarget?:[]string mode:string "
        "xmitHashPolicy?:string lacpRate?:string adActorSystem?:string arpValidate?:string arpAllTargets?:string "
        "primary?:string primaryReselect?:string failOverMac?:string adSelect?:string miimon?:uint updelay?:uint "
        "downdelay?:uint arpInterval?:uint resendIgmp?:uint minLinks?:uint lpInterval?:uint packetsPerSlave?:uint "
        "numPeerNotif?:uint tlbDynamicLb?:uint allSlavesActive?:uint useCarrier?:*bool adActorSysPrio?:uint "
        "adUserPortKey?:uint peerNotifyDelay?:uint"
    ),
    "Bridge": "interfaces:[]string stp?:*STP vlan?:*BridgeVLAN",
    "BridgePort": "master?:string",
    "BridgeVLAN": "vlanFiltering?:*bool",
    "CNIConfig": "name?:string urls?:[]string flannel?:*FlannelCNIConfig",
    "ClusterDiscoveryConfig": "enabled?:*bool registries:DiscoveryRegistriesConfig",
    "ClusterInlineManifest": "name:string contents:string",
    "ClusterNetworkConfig": "cni?:*CNIConfig dnsDomain:string podSubnets:[]string! serviceSubnets:[]string!",
    "ConfigFile": "content:string mountPath:string",
    "ControlPlaneConfig": "endpoint:*url localAPIServerPort?:int",
    "ControllerManagerConfig": (
        "image?:string extraArgs?:{}string extraVolumes?:[]VolumeMountConfig env?:{}string resources?:*ResourcesConfig"
    ),
    "CoreDNS": "disabled?:*bool image?:string",
    "DHCPOptions": "routeMetric:uint ipv4?:*bool ipv6?:*bool duidv6?:string",
    "DefaultActionConfig": "apiVersion?:string kind:string ingress:action",
    "Device": (
        "interface?:string deviceSelector?:*NetworkDeviceSelector addresses?:[]string cidr?:string routes?:[]*Route "
        "bond?:*Bond bridge?:*Bridge bridgePort?:*BridgePort vlans?:[vlanId]*Vlan mtu?:int dhcp?:*bool "
        "ignore?:*bool dummy?:*bool dhcpOptions?:*DHCPOptions wireguard?:*DeviceWireguardConfig "
        "vip?:*DeviceVIPConfig"
    ),
    "DeviceVIPConfig": "ip?:string equinixMetal?:*VIPEquinixMetalConfig hcloud?:*VIPHCloudConfig",
    "DeviceWireguardConfig": "privateKey?:string listenPort?:int firewallMark?:int peers?:[]*DeviceWireguardPeer",
    "DeviceWireguardPeer": (
        "publicKey?:string endpoint?:string persistentKeepaliveInterval?:duration allowedIPs?:[]string"
    ),
    "DiscoveryRegistriesConfig": "kubernetes:RegistryKubernetesConfig service:RegistryServiceConfig",
    "DiskPartition": "size?:disksize mountpoint?:string",
    "DiskSelector": "match?:cel",
    "EncryptionConfig": (
        "provider:string keys:[]*EncryptionKey cipher?:string keySize?:uint blockSize?:uint options?:[]string"
    ),
    "EncryptionKey": (
        "static?:*EncryptionKeyStatic nodeID?:*EncryptionKeyNodeID kms?:*EncryptionKeyKMS slot:int "
        "tpm?:*EncryptionKeyTPM"
    ),
    "EncryptionKeyKMS": "endpoint:string",
    "EncryptionKeyNodeID": "",
    "EncryptionKeyStatic": "passphrase?:string",
    "EncryptionKeyTPM": "checkSecurebootStatusOnEnroll?:*bool",
    "EtcdConfig": (
        "image?:string ca:*certkey extraArgs?:{}string subnet?:string advertisedSubnets?:[]string "
        "listenSubnets?:[]string"
    ),
    "EthernetChannelsConfig": "rx?:*uint tx?:*uint other?:*uint combined?:*uint",
    "EthernetConfig": (
        "apiVersion?:string kind:string name:string features?:{}bool rings?:*EthernetRingsConfig "
        "channels?:*EthernetChannelsConfig"
    ),
    "EthernetRingsConfig": (
        "rx?:*uint tx?:*uint rx-mini?:*uint rx-jumbo?:*uint rx-buf-len?:*uint cqe-size?:*uint tx-push?:*bool "
        "rx-push?:*bool tx-push-buf-len?:*uint tcp-data-split?:*bool"
    ),
    "EventSink": "apiVersion?:string kind:string endpoint:string",
    "ExtensionServiceConfig": (
        "apiVersion?:string kind:string name:string configFiles?:[mountPath]ConfigFile environment?:[]string"
    ),
    "ExternalCloudProviderConfig": "enabled?:*bool manifests?:[]string",
    "ExtraHost": "ip:string aliases:[]string",
    "ExtraMount": (
        "destination:string type?:string source?:string options?:[]string uidMappings?:[]LinuxIDMapping "
        "gidMappings?:[]LinuxIDMapping"
    ),
    "FeaturesConfig": (
        "rbac?:*bool stableHostname?:*bool kubernetesTalosAPIAccess?:*KubernetesTalosAPIAccessConfig "
        "apidCheckExtKeyUsage?:*bool diskQuotaSupport?:*bool kubePrism?:*KubePrism hostDNS?:*HostDNSConfig "
        "imageCache?:*ImageCacheConfig nodeAddressSortAlgorithm?:string"
    ),
    "FilesystemSpec": "type?:filesystem",
    "FlannelCNIConfig": "extraArgs?:[]string",
    "HostDNSConfig": "enabled?:*bool forwardKubeDNSToHost?:*bool resolveMemberNames?:*bool",
    "ImageCacheConfig": "localEnabled?:*bool",
    "IngressRule": "subnet:prefix except?:prefix",
    "InstallConfig": (
        "disk?:string diskSelector?:*InstallDiskSelector extraKernelArgs?:[]string image?:string "
        "extensions?:[]InstallExtensionConfig bootloader?:*bool wipe:*bool legacyBIOSSupport?:*bool"
    ),
    "InstallDiskSelector": (
        "size?:*sizematch name?:string model?:string serial?:string modalias?:string uuid?:string wwid?:string "
        "type?:string busPath?:string"
    ),
    "InstallExtensionConfig": "image:string",
    "KernelConfig": "modules?:[]*KernelModuleConfig",
    "KernelModuleConfig": "name:string parameters?:[]string",
    "KmsgLog": "apiVersion?:string kind:string name:string url:url",
    "KubePrism": "enabled?:*bool port?:int",
    "KubeSpanFilters": "endpoints?:[]string",
    "KubeletConfig": (
        "image?:string clusterDNS?:[]string extraArgs?:{}string extraMounts?:[]ExtraMount extraConfig?:object "
        "credentialProviderConfig?:object defaultRuntimeSeccompProfileEnabled?:*bool registerWithFQDN?:*bool "
        "nodeIP?:*KubeletNodeIPConfig skipNodeRegistration?:*bool disableManifestsDirectory?:*bool"
    ),
    "KubeletNodeIPConfig": "validSubnets?:[]string",
    "KubernetesTalosAPIAccessConfig": "enabled?:*bool allowedRoles?:[]string allowedKubernetesNamespaces?:[]string",
    "KubespanEndpointsConfig": "apiVersion?:string kind:string extraAnnouncedEndpoints:[]addrport",
    "LinuxIDMapping": "containerID:uint hostID:uint size:uint",
    "LoggingConfig": "destinations:[]LoggingDestination",
    "LoggingDestination": "endpoint:*url format:string extraTags?:{}string",
    "MachineControlPlaneConfig": (
        "controllerManager?:*MachineControllerManagerConfig scheduler?:*MachineSchedulerConfig"
    ),
    "MachineControllerManagerConfig": "disabled?:*bool",
    "MachineDisk": "device?:string partitions?:[]*DiskPartition",
    "MachineFile": "content:string permissions:mode path:string op:string",
    "MachineSchedulerConfig": "disabled?:*bool",
    "MachineSeccompProfile": "name:string value:object",
    "NetworkConfig": (
        "hostname?:string interfaces?:[interface]*Device nameservers?:[]string searchDomains?:[]string "
        "extraHostEntries?:[]*ExtraHost kubespan?:*NetworkKubeSpan disableSearchDomain?:*bool"
    ),
    "NetworkDeviceSelector": (
        "busPath?:string hardwareAddr?:string permanentAddr?:string pciID?:string driver?:string physical?:*bool"
    ),
    "NetworkKubeSpan": (
        "enabled?:*bool advertiseKubernetesNetworks?:*bool allowDownPeerBypass?:*bool harvestExtraEndpoints?:*bool "
        "mtu?:*uint filters?:*KubeSpanFilters"
    ),
    "PCIDriverRebindConfig": "apiVersion?:string kind:string name:string targetDriver:string",
    "ProvisioningSpec": "diskSelector?:DiskSelector grow?:*bool minSize?:bytesize maxSize?:bytesize",
    "ProxyConfig": "disabled?:*bool image?:string mode?:string extraArgs?:{}string",
    "RegistriesConfig": "mirrors?:{}*RegistryMirrorConfig config?:{}*RegistryConfig",
    "RegistryAuthConfig": "username?:string password?:string auth?:string identityToken?:string",
    "RegistryConfig": "tls?:*RegistryTLSConfig auth?:*RegistryAuthConfig",
    "RegistryKubernetesConfig": "disabled?:*bool",
    "RegistryMirrorConfig": "endpoints:[]string overridePath?:*bool skipFallback?:*bool",
    "RegistryServiceConfig": "disabled?:*bool endpoint?:string",
    "RegistryTLSConfig": "clientIdentity?:*certkey ca?:base64 insecureSkipVerify?:*bool",
    "ResourcesConfig": "requests?:object limits?:object",
    "Route": "network:string gateway:string source?:string metric?:uint mtu?:uint",
    "RuleConfig": "apiVersion?:string kind:string name:string portSelector:RulePortSelector ingress:[]IngressRule!",
    "RulePortSelector": "ports:[]portrange! protocol:protocol",
    "STP": "enabled?:*bool",
    "SchedulerConfig": (
        "image?:string extraArgs?:{}string extraVolumes?:[]VolumeMountConfig env?:{}string "
        "resources?:*ResourcesConfig config?:object"
    ),
    "SideroLinkConfig": "apiVersion?:string kind:string apiUrl:url uniqueToken?:string",
    "SystemDiskEncryptionConfig": "state?:*EncryptionConfig ephemeral?:*EncryptionConfig",
    "TimeConfig": "disabled?:*bool servers?:[]string bootTimeout?:duration",
    "TrustedRootsConfig": "apiVersion?:string kind:string name:string certificates:string",
    "UdevConfig": "rules?:[]string",
    "UserVolumeConfig": (
        "apiVersion?:string kind:string name:string provisioning?:ProvisioningSpec filesystem?:FilesystemSpec "
        "encryption?:VolumeEncryptionSpec"
    ),
    "VIPEquinixMetalConfig": "apiToken:string",
    "VIPHCloudConfig": "apiToken:string",
    "Vlan": (
        "addresses?:[]string cidr?:string routes:[]*Route dhcp?:*bool vlanId:uint mtu?:uint vip?:*DeviceVIPConfig "
        "dhcpOptions?:*DHCPOptions"
    ),
    "VolumeConfig": "apiVersion?:string kind:string name:string provisioning?:ProvisioningSpec",
    "VolumeEncryptionKey": (
        "slot:int static?:*EncryptionKeyStatic nodeID?:*EncryptionKeyNodeID kms?:*EncryptionKeyKMS "
        "tpm?:*EncryptionKeyTPM"
    ),
    "VolumeEncryptionSpec": (
        "provider:provider keys:[]VolumeEncryptionKey cipher?:string keySize?:uint blockSize?:uint options?:[]string"
    ),
    "VolumeMountConfig": "hostPath:string mountPath:string readonly?:bool",
    "WatchdogTimer": "apiVersion?:string kind:string device:string timeout?:duration",
}


@dataclass(frozen=True)
class Type:
    """The type of one value.

    :param kind: ``struct``, ``list``, ``map``, ``object`` or the name of a scalar.
    :param name: the struct's name.
    :param item: the type of a list's items or a map's values.
    :param key: the key by which a list's items merge; empty when they do not.
    :param optional: absent differs from empty.
    """

    kind: str
    name: str = ""
    item: Type | None = None
    key: str = ""
    optional: bool = False

    @property
    def inner(self) -> Type:
        """The type of the items of a list or map."""
        if self.item is None:
            raise TypeError(f"{self.kind} has no items")
        return self.item


@dataclass(frozen=True)
class Field:
    """One key of a struct.

    :param omit_empty: not written when empty.
    :param replace: a patch replaces the value instead of merging it.
    """

    name: str
    type: Type
    omit_empty: bool
    replace: bool


def _parse_type(text: str) -> Type:
    if text.startswith("*"):
        inner = _parse_type(text[1:])
        return Type(inner.kind, inner.name, inner.item, inner.key, optional=True)
    if text.startswith("["):
        key, _bracket, rest = text[1:].partition("]")
        return Type("list", item=_parse_type(rest), key=key)
    if text.startswith("{}"):
        return Type("map", item=_parse_type(text[2:]))
    return Type("struct", name=text) if text[0].isupper() else Type(text)


@cache
def fields(struct: str) -> dict[str, Field]:
    """Return the fields of a struct by key, in the order in which Talos writes them."""
    result: dict[str, Field] = {}
    for entry in STRUCTS[struct].split():
        name, _colon, type_text = entry.partition(":")
        result[name.rstrip("?")] = Field(
            name.rstrip("?"), _parse_type(type_text.rstrip("!")), name.endswith("?"), type_text.endswith("!")
        )
    return result
