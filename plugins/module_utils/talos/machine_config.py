# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine configs from a secrets bundle, as ``talosctl gen config`` of Talos 1.10 makes them (version contract 1.10).

Source: siderolabs/talos v1.10.5 ``pkg/machinery/config/generate/{init,controlplane,worker}.go``; held to the real tool
byte for byte by the tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..common.errors import InputError
from . import documents, goyaml, patch
from .documents import Document
from .goyaml import Ordered

CONTROL_PLANE = "controlplane"
WORKER = "worker"

#: Talos versions whose generated configs this module reproduces.
_CONTRACT = re.compile(r"^v?1\.10\.\d+(?:[-+].*)?$")
_LOAD_BALANCER_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass(frozen=True)
class ConfigInput:
    """What a machine config is made of.

    :param secrets: the secrets bundle, parsed (keys ``cluster``, ``secrets``, ``trustdinfo``, ``certs``).
    :param endpoint: ``https://host:port`` of the Kubernetes API.
    :param talos_version: ``v1.10.x``; the default installer image carries it.
    :param machine_type: ``controlplane`` or ``worker``.
    :param additional_sans: further names of both the Talos API's and the Kubernetes API's certificate.
    :param installer_image: the installer; default the vanilla one of ``talos_version``.
    :param install_disk: ``/dev/...``; empty when a patch gives a ``diskSelector``.
    :param patches: strategic merge patches, in order; mappings or YAML texts.
    """

    secrets: Mapping[str, Any]
    cluster_name: str
    endpoint: str
    talos_version: str
    kubernetes_version: str
    machine_type: str = CONTROL_PLANE
    additional_sans: Sequence[str] = ()
    installer_image: str = ""
    install_disk: str = ""
    patches: Sequence[Any] = field(default_factory=tuple)


def generate(given: ConfigInput) -> list[Document]:
    """Return the documents of one node's machine config, patches applied.

    :raises InputError: a value is missing or wrong; nothing was contacted.
    """
    _check(given)
    body = _control_plane(given) if given.machine_type == CONTROL_PLANE else _worker(given)
    base = [documents.decode_node(goyaml.to_node(body))]
    return patch.apply(base, given.patches)


def render(given: ConfigInput) -> str:
    """Return the machine config as text (comment-free, deterministic)."""
    return documents.encode(generate(given))


def _check(given: ConfigInput) -> None:
    if given.machine_type not in (CONTROL_PLANE, WORKER):
        raise InputError(
            f'machine_type "{given.machine_type}" is not known',
            remedy="Use controlplane or worker",
            param="machine_type",
        )
    if not _CONTRACT.match(given.talos_version):
        raise InputError(
            f'no machine config can be generated for Talos "{given.talos_version}"',
            remedy="Give a version v1.10.x, or a ready machine config in config",
            param="talos_version",
        )
    if not re.match(r"^v?\d+\.\d+\.\d+", given.kubernetes_version):
        raise InputError(f'"{given.kubernetes_version}" is no Kubernetes version', param="kubernetes_version")
    if not given.cluster_name:
        raise InputError("cluster_name is empty", param="cluster_name")
    url = urlsplit(given.endpoint)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme != "https" or not url.hostname or port is None:
        raise InputError(
            f'the cluster endpoint "{given.endpoint}" is no https URL with a port',
            remedy=f"Write https://{url.hostname or given.endpoint or '<address>'}:6443",
            param="endpoint",
        )


def _secret(given: ConfigInput, *path: str) -> Any:
    """Return one value of the bundle.

    :raises InputError: it is missing; the message names the key, never a value.
    """
    value: Any = given.secrets
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not value:
        raise InputError(
            f"the secrets bundle has no {'.'.join(path)}",
            remedy="Give a whole bundle as talosctl gen secrets or talos_secrets write it",
            param="secrets",
        )
    return value


def _certificate(given: ConfigInput, name: str, *, with_key: bool) -> Ordered:
    key = _secret(given, "certs", name, "key") if with_key else ""
    return Ordered(crt=_secret(given, "certs", name, "crt"), key=key)


def _image(name: str, given: ConfigInput) -> str:
    return f"{name}:v{given.kubernetes_version.removeprefix('v')}"


def _machine(given: ConfigInput, *, control_plane: bool) -> Ordered:
    tag = "v" + given.talos_version.removeprefix("v")
    machine = Ordered(
        type=given.machine_type,
        token=_secret(given, "trustdinfo", "token"),
        ca=_certificate(given, "os", with_key=control_plane),
        certSANs=list(given.additional_sans),
        kubelet=Ordered(
            image=_image("ghcr.io/siderolabs/kubelet", given),
            defaultRuntimeSeccompProfileEnabled=True,
            disableManifestsDirectory=True,
        ),
        network=Ordered(),
        install=Ordered(
            disk=given.install_disk,
            image=given.installer_image or f"ghcr.io/siderolabs/installer:{tag}",
            wipe=False,
        ),
        features=Ordered(
            rbac=True,
            stableHostname=True,
            apidCheckExtKeyUsage=True,
            diskQuotaSupport=True,
            kubePrism=Ordered(enabled=True, port=7445),
            hostDNS=Ordered(enabled=True, forwardKubeDNSToHost=True),
        ),
    )
    if control_plane:
        machine["nodeLabels"] = {_LOAD_BALANCER_LABEL: ""}
    return machine


def _cluster(given: ConfigInput, *, control_plane: bool) -> Ordered:
    return Ordered(
        id=_secret(given, "cluster", "id"),
        secret=_secret(given, "cluster", "secret"),
        controlPlane=Ordered(endpoint=given.endpoint),
        clusterName=given.cluster_name,
        network=Ordered(dnsDomain="cluster.local", podSubnets=["10.244.0.0/16"], serviceSubnets=["10.96.0.0/12"]),
        token=_secret(given, "secrets", "bootstraptoken"),
        ca=_certificate(given, "k8s", with_key=control_plane),
        discovery=Ordered(enabled=True, registries=Ordered(kubernetes=Ordered(disabled=True), service=Ordered())),
    )


def _document(machine: Ordered, cluster: Ordered) -> Ordered:
    return Ordered(version="v1alpha1", debug=False, persist=True, machine=machine, cluster=cluster)


def _worker(given: ConfigInput) -> Ordered:
    return _document(_machine(given, control_plane=False), _cluster(given, control_plane=False))


def _control_plane(given: ConfigInput) -> Ordered:
    cluster = _cluster(given, control_plane=True)
    cluster.update(
        secretboxEncryptionSecret=_secret(given, "secrets", "secretboxencryptionsecret"),
        aggregatorCA=_certificate(given, "k8saggregator", with_key=True),
        serviceAccount=Ordered(key=_secret(given, "certs", "k8sserviceaccount", "key")),
        apiServer=Ordered(
            image=_image("registry.k8s.io/kube-apiserver", given),
            certSANs=[str(urlsplit(given.endpoint).hostname), *given.additional_sans],
            disablePodSecurityPolicy=True,
            admissionControl=[Ordered(name="PodSecurity", configuration=_pod_security())],
            auditPolicy={"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]},
        ),
        controllerManager=Ordered(image=_image("registry.k8s.io/kube-controller-manager", given)),
        proxy=Ordered(image=_image("registry.k8s.io/kube-proxy", given)),
        scheduler=Ordered(image=_image("registry.k8s.io/kube-scheduler", given)),
        etcd=Ordered(ca=_certificate(given, "etcd", with_key=True)),
    )
    return _document(_machine(given, control_plane=True), cluster)


def _pod_security() -> dict[str, Any]:
    levels = {"enforce": "baseline", "audit": "restricted", "warn": "restricted"}
    return {
        "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
        "kind": "PodSecurityConfiguration",
        "defaults": {**levels, **{f"{mode}-version": "latest" for mode in levels}},
        "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []},
    }
