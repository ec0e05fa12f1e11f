# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of machine configs, in Talos' words and order.

Facts: siderolabs/talos v1.10 ``pkg/machinery/config/types/v1alpha1/v1alpha1_validation.go``, ``config/container``, and
the document types' ``Validate``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from . import hardware, validation_network
from .documents import Config, dig
from .validation_documents import document_errors

_KUBELET_PROTECTED = (
    "apiVersion authentication authorization cgroupRoot kind kubeletCgroups port protectKernelDefaults resolvConf "
    "rotateCertificates systemCgroups staticPodPath seccompDefault"
).split()
EXTENSIONS_WARNING = (
    ".machine.install.extensions is deprecated, please see "
    "https://www.talos.dev/latest/talos-guides/install/boot-assets/"
)


class Invalid(Exception):
    """A config that is refused; the text is what the node answers."""


def multi(errors: list[str]) -> str:
    """Several errors as github.com/hashicorp/go-multierror prints them."""
    items = "\n\t".join(f"* {text}" for text in errors)
    head = "1 error occurred" if len(errors) == 1 else f"{len(errors)} errors occurred"
    return f"{head}:\n\t{items}\n\n"


def validate(config: Config, installed: bool) -> list[str]:
    """Static validation; returns the warnings.

    :raises Invalid: with all errors.
    """
    errors: list[str] = []
    warnings: list[str] = []
    if config.v1alpha1 is not None:
        _v1alpha1(config.v1alpha1, installed, errors, warnings)
    for document in config.documents:
        errors += document_errors(document)
    if errors:
        raise Invalid(multi(errors))
    return warnings


def validate_runtime(node: Any, config: Config, installed: bool) -> list[str]:
    """Validation against the node's hardware; returns the warnings.

    :raises Invalid: with all errors.
    """
    errors: list[str] = []
    warnings: list[str] = []
    install = dig(config.v1alpha1, "machine.install")
    if install and not installed and install.get("diskSelector") is not None:
        try:
            expression = hardware.selector_expression(install["diskSelector"])
            if not hardware.select(node.disks, install["diskSelector"]):
                errors.append(f"no disks matched the expression: {expression}")
        except hardware.SelectorError as error:
            errors.append(f"install disk selector is invalid: {error}")
    if install and install.get("extraKernelArgs"):
        warnings.append("extra kernel arguments are not supported when booting using SDBoot")
    if install and install.get("extensions"):
        warnings.append(EXTENSIONS_WARNING)
    if errors:
        raise Invalid(multi(errors))
    return warnings


def _v1alpha1(config: dict[str, Any], installed: bool, errors: list[str], warnings: list[str]) -> None:
    machine = config.get("machine")
    if machine is None:
        errors.append("machine instructions are required")
        return
    kind = str(machine.get("type", ""))
    control_plane = kind in ("controlplane", "init")
    known = control_plane or kind in ("worker", "join", "")
    _cluster(config.get("cluster"), control_plane, errors)
    if not installed:
        _install(machine.get("install"), errors)
    proper = {"join": "worker", "": "worker"}.get(kind)
    if proper:
        warnings.append(f'use "{proper}" instead of "{kind}" for machine type')
    ca, accepted = machine.get("ca"), machine.get("acceptedCAs") or []
    if ca is None and not accepted:
        errors.append("issuing CA or some accepted CAs are required (.machine.ca, machine.acceptedCAs)")
    if control_plane:
        _cni(dig(config, "cluster.network.cni"), errors, warnings)
        if ca is None:
            errors.append("issuing CA is required (.machine.ca)")
        elif not ca.get("key"):
            errors.append("issuing CA key is required for controlplane nodes (.machine.ca.key)")
    elif known:
        _worker(config, ca, accepted, errors)
    else:
        errors.append(f'unknown machine type "{kind}"')
    if machine.get("network") is not None:
        validation_network.check(machine["network"], errors, warnings)
    for index, disk in enumerate(machine.get("disks") or []):
        _disk(index, disk, errors)
    extra = dig(machine, "kubelet.extraConfig") or {}
    errors += [
        f'kubelet configuration field "{name}" can\'t be overridden' for name in _KUBELET_PROTECTED if name in extra
    ]
    for label, key in (("EPHEMERAL", "ephemeral"), ("STATE", "state")):
        _encryption(label, dig(machine, f"systemDiskEncryption.{key}"), errors)
    _rest(config, machine, control_plane, errors, warnings)


def _install(install: dict[str, Any] | None, errors: list[str]) -> None:
    if install is None:
        errors.append('install instructions are required in "metal" mode')
        return
    selector = install.get("diskSelector")
    matcher = ""
    if selector is not None:
        try:
            matcher = hardware.selector_expression(selector)
        except hardware.SelectorError as error:
            errors.append(f"install disk selector is invalid: {error}")
    if not install.get("disk") and not matcher:
        errors.append("either install disk or diskSelector should be defined")


def _cluster(cluster: dict[str, Any] | None, control_plane: bool, errors: list[str]) -> None:
    if cluster is None:
        errors.append("cluster instructions are required")
        return
    endpoint = dig(cluster, "controlPlane.endpoint")
    if endpoint is None:
        errors.append("cluster controlplane endpoint is required")
        return
    problem = validation_network.endpoint_problem(str(endpoint))
    if problem:
        errors.append(f"invalid controlplane endpoint: {problem}")
    domain = dig(cluster, "network.dnsDomain")
    if domain and not validation_network.is_dns_name(str(domain)):
        errors.append(f'"{domain}" is not a valid DNS name')
    external = cluster.get("externalCloudProvider")
    if external is not None and not external.get("enabled") and external.get("manifests"):
        errors.append("external cloud provider is disabled, but manifests are provided")
    etcd = cluster.get("etcd")
    if etcd is not None:
        if not control_plane:
            errors.append("etcd config is only allowed on control plane machines")
        else:
            _etcd(etcd, errors)
    if not control_plane and dig(cluster, "ca.key"):
        errors.append("cluster CA key is not allowed on non-controlplane nodes (.cluster.ca)")
    names: set[str] = set()
    for manifest in cluster.get("inlineManifests") or []:
        name = str(manifest.get("name", ""))
        if not name.strip():
            errors.append("inline manifest name can't be empty")
        if name in names:
            errors.append(f'inline manifest name "{name}" is duplicate')
        names.add(name)
    _discovery(cluster, errors)


def _etcd(etcd: dict[str, Any], errors: list[str]) -> None:
    if etcd.get("ca") is None:
        errors.append("key/cert combination should not be empty")
    if etcd.get("subnet") and etcd.get("advertisedSubnets"):
        errors.append("etcd subnet can't be set when advertised subnets are set")
    for key, name in (("advertisedSubnets", "advertised"), ("listenSubnets", "listen")):
        for cidr in etcd.get(key) or []:
            plain = str(cidr).removeprefix("!")
            if not validation_network.is_subnet_or_address(plain):
                errors.append(f'etcd {name} subnet is not valid: "{plain}"')


def _discovery(cluster: dict[str, Any], errors: list[str]) -> None:
    if not dig(cluster, "discovery.enabled") or dig(cluster, "discovery.registries.service.disabled"):
        return
    endpoint = str(dig(cluster, "discovery.registries.service.endpoint") or "https://discovery.talos.dev/")
    if urlsplit(endpoint).path not in ("", "/"):
        errors.append("cluster discovery service path should be empty")
    for key in ("id", "secret"):
        if not cluster.get(key):
            errors.append(f"cluster discovery service requires .cluster.{key}")


def _cni(cni: dict[str, Any] | None, errors: list[str], warnings: list[str]) -> None:
    cni = cni or {"name": "flannel"}
    name, urls = str(cni.get("name", "")), cni.get("urls") or []
    if name not in ("flannel", "custom", "none"):
        errors.append('cni name should be one of ["flannel", "custom", "none"]')
        return
    if name != "custom" and urls:
        errors.append(f'"urls" field should be empty for "{name}" CNI')
    if name == "custom" and not urls:
        warnings.append('"urls" field should not be empty for "custom" CNI')
    if name != "flannel" and dig(cni, "flannel.extraArgs"):
        errors.append(f'"flanneldExtraArgs" field should be empty for "{name}" CNI')
    if name == "custom":
        errors += [problem for url in urls if (problem := validation_network.endpoint_problem(str(url)))]


def _worker(config: dict[str, Any], ca: dict[str, Any] | None, accepted: list[Any], errors: list[str]) -> None:
    for device in dig(config, "machine.network.interfaces") or []:
        holders = [device, *(device.get("vlans") or [])]
        for holder in holders:
            if holder.get("vip") is not None:
                errors.append("virtual (shared) IP is not allowed on non-controlplane nodes")
    if ca is not None:
        if ca.get("key"):
            errors.append("issuing Talos API CA key is not allowed on non-controlplane nodes (.machine.ca)")
        if not ca.get("crt") and not accepted:
            errors.append(
                "trusted CA certificates are required on non-controlplane nodes (.machine.ca.crt, .machine.acceptedCAs)"
            )
    if dig(config, "cluster.ca.key"):
        errors.append("issuing Kubernetes API CA key is not allowed on non-controlplane nodes (.cluster.ca)")


def _disk(index: int, disk: dict[str, Any] | None, errors: list[str]) -> None:
    if disk is None:
        errors.append(f"machine.disks[{index}] is null")
        return
    parts = disk.get("partitions") or []
    for part in parts[:-1]:
        if not part.get("size"):
            errors.append(
                f'partition for disk "{disk.get("device", "")}" is set to occupy full disk, but it\'s not the last '
                "partition in the list"
            )


def _encryption(label: str, spec: dict[str, Any] | None, errors: list[str]) -> None:
    if spec is None:
        return
    keys = spec.get("keys") or []
    if not keys:
        errors.append(f'partition "{label}": no encryption keys provided')
    used: set[int] = set()
    for key in keys:
        slot = int(key.get("slot", 0))
        if slot in used:
            errors.append(f'partition "{label}": encryption key slot {slot} is already in use')
        used.add(slot)
        if all(key.get(way) is None for way in ("static", "nodeID", "kms", "tpm")):
            errors.append(
                f'partition "{label}": encryption key at slot {slot} doesn\'t have the configuration parameters'
            )


def _rest(
    config: dict[str, Any], machine: dict[str, Any], control_plane: bool, errors: list[str], warnings: list[str]
) -> None:
    if dig(machine, "network.kubespan.enabled"):
        if not dig(config, "cluster.discovery.enabled"):
            errors.append(".cluster.discovery should be enabled when .machine.network.kubespan is enabled")
        for key in ("id", "secret"):
            if not dig(config, f"cluster.{key}"):
                errors.append(f".cluster.{key} should be set when .machine.network.kubespan is enabled")
    images: set[str] = set()
    for extension in dig(machine, "install.extensions") or []:
        image = str(extension.get("image", ""))
        if image in images:
            errors.append(f'duplicate system extension "{image}"')
        images.add(image)
    if images:
        warnings.append(EXTENSIONS_WARNING)
    access = dig(machine, "features.kubernetesTalosAPIAccess") or {}
    if access.get("enabled"):
        if not dig(machine, "features.rbac"):
            errors.append("feature API RBAC should be enabled when Kubernetes Talos API Access feature is enabled")
        if not control_plane:
            errors.append("feature Kubernetes Talos API Access can only be enabled on control plane machines")
    algorithm = dig(machine, "features.nodeAddressSortAlgorithm")
    if algorithm and algorithm not in ("v1", "v2"):
        errors.append(
            f"invalid node address sort algorithm: {algorithm} does not belong to AddressSortAlgorithm values"
        )
    if config.get("persist") is False:
        errors.append(".persist should be enabled")
