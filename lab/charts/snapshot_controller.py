# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart snapshot-controller 4.2.0 of Piraeus (external-snapshotter 8.3)."""

from __future__ import annotations

from .crds import FREE, TEXT, crd, one_of
from .parts import Object, Release, account, budget, container, image, placement, rights, rule, security, workload

APP = "v8.3.0"
GROUP = "snapshot.storage.k8s.io"
#: charts/snapshot-controller/values.yaml: less than a namespace of level restricted asks for.
_SECURITY: Object = {
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 1000,
}


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    labels, selector = release.labels("snapshot-controller", APP), release.selector("snapshot-controller")
    objects = definitions() if release.on("installCRDs", True) else []
    if not release.on("controller.enabled", True):
        return objects
    picture = image(release, "controller.image", "registry.k8s.io/sig-storage/snapshot-controller", APP)
    arguments = ["--v=5", "--leader-election=true", "--leader-election-namespace=$(NAMESPACE)", "--http-endpoint=:8080"]
    made = container("snapshot-controller", picture, args=arguments, ports={"http": 8080})
    made |= security(release, "controller.securityContext", _SECURITY)
    objects += [
        account(name, labels),
        *rights(name, release.namespace, [rule([GROUP], ["*"], ["*"]), rule([""], ["persistentvolumeclaims"])], labels),
        workload(
            "Deployment",
            name,
            labels,
            selector,
            [made],
            replicas=release.value("controller.replicaCount", 1),
            pod={
                "serviceAccountName": name,
                **security(release, "controller.podSecurityContext", {}),
                **placement(release, "controller"),
            },
        ),
    ]
    limits = release.value("controller.pdb", {})
    if limits:
        objects.append(budget(name, labels, selector, **limits))
    return objects


def definitions() -> list[Object]:
    """Return the three kinds of volume snapshots."""
    note = {"api-approved.kubernetes.io": "https://github.com/kubernetes-csi/external-snapshotter/pull/814"}
    policy = one_of("Delete", "Retain")
    classes = {"driver": TEXT, "deletionPolicy": policy, "parameters": {"type": "object", "additionalProperties": TEXT}}
    made = [
        crd(
            *(GROUP, "VolumeSnapshotClass", "volumesnapshotclasses"),
            short=("vsclass", "vsclasses"),
            spec=None,
            status=None,
            root=classes,
            scope="Cluster",
            annotations=note,
        ),
        crd(GROUP, "VolumeSnapshot", "volumesnapshots", short=("vs",), annotations=note),
        crd(
            *(GROUP, "VolumeSnapshotContent", "volumesnapshotcontents"),
            short=("vsc", "vscs"),
            spec=FREE,
            scope="Cluster",
            annotations=note,
        ),
    ]
    made[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["required"] = ["deletionPolicy", "driver"]
    return made
