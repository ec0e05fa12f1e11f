# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of machine configs offline, in Talos' own words, so that a mistake shows before a node is contacted.

Source: siderolabs/talos v1.10.5 ``types/v1alpha1/v1alpha1_validation.go`` (mode ``metal``); the other documents are in
``validation_documents.py``. Decoding errors (unknown keys, wrong types) come from ``documents.decode``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import documents, hardware, validation_network
from .documents import ConfigError, Document
from .validation_documents import validate_document
from .validation_labels import validate_annotations, validate_labels, validate_taints
from .validation_network import subnet_problem

CONTROL_PLANE_TYPES = ("controlplane", "init")
_PROTECTED = (
    "apiVersion",
    "authentication",
    "authorization",
    "cgroupRoot",
    "kind",
    "kubeletCgroups",
    "port",
    "protectKernelDefaults",
    "resolvConf",
    "rotateCertificates",
    "systemCgroups",
    "staticPodPath",
    "seccompDefault",
)
_DNS = re.compile(r"^([a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})(\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*[._]?$")
_ROLES = ("os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:impersonator")


@dataclass
class Findings:
    """What Talos would say of a config."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The errors as Talos prints them; empty without any."""
        count = len(self.errors)
        if not count:
            return ""
        points = "\n\t".join(f"* {error}" for error in self.errors)
        return f"{count} error{'s' if count > 1 else ''} occurred:\n\t{points}\n\n"

    def when(self, condition: object, text: str) -> None:
        """Add an error when the condition holds."""
        if condition:
            self.errors.append(text)


def validate(config: Sequence[Document], *, requires_install: bool = True) -> Findings:
    """Return what Talos would say of the documents in mode ``metal``.

    :param requires_install: the node is not installed yet (always so in maintenance).
    """
    findings = Findings()
    legacy = documents.v1alpha1(config)
    if legacy is not None:
        _v1alpha1(findings, legacy.body, requires_install)
    for document in config:
        if document.kind:
            problem = validate_document(document)
            findings.when(problem, problem)
    return findings


def check(config: Sequence[Document], *, param: str = "config", requires_install: bool = True) -> list[str]:
    """Refuse what Talos would refuse; return the warnings.

    :raises ConfigError: with all errors.
    """
    findings = validate(config, requires_install=requires_install)
    if findings.errors:
        raise ConfigError("; ".join(findings.errors), param=param)
    return findings.warnings


def _v1alpha1(findings: Findings, body: Mapping[str, Any], requires_install: bool) -> None:
    machine = body.get("machine")
    if machine is None:
        findings.errors.append("machine instructions are required")
        return
    cluster = body.get("cluster")
    given = str(machine.get("type", ""))
    control_plane = given in CONTROL_PLANE_TYPES
    _cluster(findings, cluster, control_plane)
    if requires_install:
        _install(findings, machine.get("install"))
    if given in ("join", ""):
        findings.warnings.append(f'use "worker" instead of "{given}" for machine type')
    findings.when(
        machine.get("ca") is None and not machine.get("acceptedCAs"),
        "issuing CA or some accepted CAs are required (.machine.ca, machine.acceptedCAs)",
    )
    if control_plane:
        _control_plane(findings, machine, cluster or {})
    elif given in ("worker", "join", ""):
        _worker(findings, machine, cluster or {})
    else:
        findings.errors.append(f'unknown machine type "{given}"')
    validation_network.validate_network(findings.errors, findings.warnings, machine.get("network") or {}, cluster or {})
    _machine_rest(findings, machine, control_plane)
    findings.when(body.get("persist") is False, ".persist should be enabled")
    for part in ("config", "mirrors"):
        for name, value in ((machine.get("registries") or {}).get(part) or {}).items():
            findings.when(value is None, f'registries.{part}["{name}"] is null')


def _install(findings: Findings, install: Mapping[str, Any] | None) -> None:
    if install is None:
        findings.errors.append('install instructions are required in "metal" mode')
        return
    selector = install.get("diskSelector")
    if selector is not None:
        try:
            hardware.install_expression(selector)
        except ValueError as error:
            findings.errors.append(f"install disk selector is invalid: {error}")
            selector = None
    findings.when(not install.get("disk") and selector is None, "either install disk or diskSelector should be defined")


def _key(pair: Mapping[str, Any] | None) -> bool:
    return bool(pair and pair.get("key"))


def _control_plane(findings: Findings, machine: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    cni = (cluster.get("network") or {}).get("cni") or {"name": "flannel"}
    name, urls = cni.get("name", ""), cni.get("urls") or []
    flannel = (cni.get("flannel") or {}).get("extraArgs")
    if name in ("flannel", "none"):
        findings.when(urls, f'"urls" field should be empty for "{name}" CNI')
    elif name == "custom":
        if not urls:
            findings.warnings.append('"urls" field should not be empty for "custom" CNI')
    else:
        findings.errors.append('cni name should be one of ["flannel", "custom", "none"]')
    findings.when(flannel and name in ("none", "custom"), f'"flanneldExtraArgs" field should be empty for "{name}" CNI')
    for url in urls if name == "custom" else []:
        problem = endpoint_problem(url)
        findings.when(problem, problem)
    if machine.get("ca") is None:
        findings.errors.append("issuing CA is required (.machine.ca)")
    else:
        findings.when(not _key(machine["ca"]), "issuing CA key is required for controlplane nodes (.machine.ca.key)")


def _worker(findings: Findings, machine: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    for device in (machine.get("network") or {}).get("interfaces") or []:
        for part in (device, *(device.get("vlans") or [])):
            findings.when(part.get("vip") is not None, "virtual (shared) IP is not allowed on non-controlplane nodes")
    ca = machine.get("ca")
    if ca is not None:
        findings.when(_key(ca), "issuing Talos API CA key is not allowed on non-controlplane nodes (.machine.ca)")
        findings.when(
            not ca.get("crt") and not machine.get("acceptedCAs"),
            "trusted CA certificates are required on non-controlplane nodes (.machine.ca.crt, .machine.acceptedCAs)",
        )
    findings.when(
        _key(cluster.get("ca")), "issuing Kubernetes API CA key is not allowed on non-controlplane nodes (.cluster.ca)"
    )


def endpoint_problem(text: str) -> str:
    """Say what is wrong with an endpoint URL (github.com/siderolabs/net ``ValidateEndpointURI``)."""
    url = urlsplit(text)
    if not url.hostname:
        return "hostname must not be blank"
    port = url.netloc.rpartition("]")[2].rpartition(":")
    if port[1] and port[2]:
        if not port[2].isdigit():
            return "port number must be numeric"
        if not 1 <= int(port[2]) <= 65535:
            return "port number must be between 1 and 65535"
    return ""


def _cluster(findings: Findings, cluster: Mapping[str, Any] | None, control_plane: bool) -> None:
    if cluster is None:
        findings.errors.append("cluster instructions are required")
        return
    endpoint = (cluster.get("controlPlane") or {}).get("endpoint")
    if endpoint is None:
        findings.errors.append("cluster controlplane endpoint is required")
        return
    problem = endpoint_problem(endpoint)
    findings.when(problem, f"invalid controlplane endpoint: {problem}")
    domain = (cluster.get("network") or {}).get("dnsDomain")
    findings.when(domain and not _DNS.match(domain), f'"{domain}" is not a valid DNS name')
    external = cluster.get("externalCloudProvider")
    if external is not None:
        manifests = external.get("manifests") or []
        if manifests and not external.get("enabled"):
            findings.errors.append("external cloud provider is disabled, but manifests are provided")
        else:
            for url in manifests:
                problem = endpoint_problem(url)
                findings.when(problem, f'invalid external cloud provider manifest url "{url}": {problem}')
    etcd = cluster.get("etcd")
    if etcd is not None and not control_plane:
        findings.errors.append("etcd config is only allowed on control plane machines")
    elif etcd is not None:
        _etcd(findings, etcd)
    findings.when(
        not control_plane and _key(cluster.get("ca")),
        "cluster CA key is not allowed on non-controlplane nodes (.cluster.ca)",
    )
    _manifests(findings, cluster.get("inlineManifests") or [])
    _discovery(findings, cluster)
    _api_server(findings, cluster.get("apiServer") or {})
    for key, label in (("controllerManager", "controller-manager"), ("scheduler", "scheduler")):
        problem = _resources((cluster.get(key) or {}).get("resources") or {})
        findings.when(problem, f"{label} resource validation failed: {problem}")


def _etcd(findings: Findings, etcd: Mapping[str, Any]) -> None:
    findings.when(etcd.get("ca") is None, "key/cert combination should not be empty")
    advertised = etcd.get("advertisedSubnets") or []
    findings.when(etcd.get("subnet") and advertised, "etcd subnet can't be set when advertised subnets are set")
    for label, subnets in (
        ("advertised", advertised or ([etcd["subnet"]] if etcd.get("subnet") else [])),
        ("listen", etcd.get("listenSubnets") or []),
    ):
        for subnet in subnets:
            bare = subnet.removeprefix("!")
            findings.when(subnet_problem(bare), f'etcd {label} subnet is not valid: "{bare}"')


def _manifests(findings: Findings, manifests: Sequence[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for manifest in manifests:
        name = str(manifest.get("name", ""))
        findings.when(not name.strip(), "inline manifest name can't be empty")
        findings.when(name in seen, f'inline manifest name "{name}" is duplicate')
        seen.add(name)


def _discovery(findings: Findings, cluster: Mapping[str, Any]) -> None:
    discovery = cluster.get("discovery") or {}
    service = (discovery.get("registries") or {}).get("service") or {}
    if not discovery.get("enabled") or service.get("disabled"):
        return
    endpoint = urlsplit(service.get("endpoint") or "https://discovery.talos.dev/")
    if not endpoint.scheme and not endpoint.path.startswith("/"):
        findings.errors.append(
            f'cluster discovery service registry endpoint is invalid: parse "{service["endpoint"]}": '
            "invalid URI for request"
        )
    else:
        findings.when(endpoint.path not in ("", "/"), "cluster discovery service path should be empty")
    findings.when(not cluster.get("id"), "cluster discovery service requires .cluster.id")
    findings.when(not cluster.get("secret"), "cluster discovery service requires .cluster.secret")


def _api_server(findings: Findings, server: Mapping[str, Any]) -> None:
    authorizers = server.get("authorizationConfig")
    for name in (server.get("extraArgs") or {}) if authorizers is not None else ():
        if name == "authorization-mode" or name.startswith("authorization-webhook-"):
            flag = name if name == "authorization-mode" else "authorization-webhook-* flags"
            findings.errors.append(f"{flag} cannot be used in conjunction with AuthorizationConfig")
            return
    for authorizer in authorizers or []:
        for key in ("type", "name"):
            if not (authorizer or {}).get(key):
                findings.errors.append(
                    f"apiserver authorization config validation failed: authorizer {key} must be set"
                )
                return
    problem = _resources(server.get("resources") or {})
    findings.when(problem, f"apiserver resource validation failed: {problem}")


def _resources(resources: Mapping[str, Any]) -> str:
    for part in ("requests", "limits"):
        for key in resources.get(part) or {}:
            if key not in ("cpu", "memory"):
                return f'unsupported pod resource "{key}"'
    return ""


def _machine_rest(findings: Findings, machine: Mapping[str, Any], control_plane: bool) -> None:
    for disk in machine.get("disks") or []:
        partitions = (disk or {}).get("partitions") or []
        for partition in partitions[:-1]:
            findings.when(
                not (partition or {}).get("size"),
                f'partition for disk "{disk.get("device", "")}" is set to occupy full disk, '
                "but it's not the last partition in the list",
            )
    kubelet = machine.get("kubelet") or {}
    for subnet in (kubelet.get("nodeIP") or {}).get("validSubnets") or []:
        bare = subnet.removeprefix("!")
        findings.when(subnet_problem(bare), f'kubelet nodeIP subnet is not valid: "{bare}"')
    for name in _PROTECTED:
        findings.when(
            name in (kubelet.get("extraConfig") or {}), f'kubelet configuration field "{name}" can\'t be overridden'
        )
    for label in ("EPHEMERAL", "STATE"):
        _encryption(findings, label, (machine.get("systemDiskEncryption") or {}).get(label.lower()))
    _kubespan(findings, machine)
    for destination in (machine.get("logging") or {}).get("destinations") or []:
        _logging(findings, destination)
    _extensions(findings, machine)
    for validator, key, label in (
        (validate_labels, "nodeLabels", "labels"),
        (validate_annotations, "nodeAnnotations", "annotations"),
        (validate_taints, "nodeTaints", "taints"),
    ):
        problems = Findings(validator(machine.get(key) or {}))
        findings.when(problems.errors, f"invalid machine node {label}: {problems.text}")
    access = (machine.get("features") or {}).get("kubernetesTalosAPIAccess") or {}
    if access.get("enabled"):
        findings.when(
            not machine["features"].get("rbac"),
            "feature API RBAC should be enabled when Kubernetes Talos API Access feature is enabled",
        )
        findings.when(
            not control_plane, "feature Kubernetes Talos API Access can only be enabled on control plane machines"
        )
        for role in access.get("allowedRoles") or []:
            findings.when(role not in _ROLES, f'invalid role "{role}" in allowed roles for Kubernetes Talos API Access')


def _encryption(findings: Findings, label: str, encryption: Mapping[str, Any] | None) -> None:
    if encryption is None:
        return
    keys = encryption.get("keys") or []
    findings.when(not keys, f'partition "{label}": no encryption keys provided')
    slots: set[int] = set()
    for key in keys:
        slot = key.get("slot", 0)
        findings.when(slot in slots, f'partition "{label}": encryption key slot {slot} is already in use')
        slots.add(slot)
        findings.when(
            not any(key.get(kind) is not None for kind in ("nodeID", "static", "kms", "tpm")),
            f'partition "{label}": encryption key at slot {slot} doesn\'t have the configuration parameters',
        )


def _kubespan(findings: Findings, machine: Mapping[str, Any]) -> None:
    kubespan = (machine.get("network") or {}).get("kubespan") or {}
    for subnet in (kubespan.get("filters") or {}).get("endpoints") or [] if kubespan.get("enabled") else []:
        bare = subnet.removeprefix("!")
        findings.when(subnet_problem(bare), f'KubeSpan endpoint filer is not valid: "{bare}"')


def _logging(findings: Findings, destination: Mapping[str, Any]) -> None:
    if destination.get("endpoint") is None:
        findings.errors.append("empty logging endpoint")
    else:
        url = urlsplit(destination["endpoint"])
        findings.when(not url.netloc, "empty logging endpoint's host")
        findings.when(url.scheme not in ("tcp", "udp"), f'unexpected logging endpoint scheme "{url.scheme}"')
    given = destination.get("format", "")
    findings.when(given != "json_lines", f'unknown logging format "{given}"')


def _extensions(findings: Findings, machine: Mapping[str, Any]) -> None:
    images = [extension.get("image", "") for extension in (machine.get("install") or {}).get("extensions") or []]
    for position, image in enumerate(images):
        findings.when(image in images[:position], f'duplicate system extension "{image}"')
    if images:
        findings.warnings.append(
            ".machine.install.extensions is deprecated, please see "
            "https://www.talos.dev/latest/talos-guides/install/boot-assets/"
        )
