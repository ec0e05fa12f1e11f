# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's controllers: what makes objects move.

Each one watches a few resources over HTTP with an administrator's client certificate and writes what the real
controller would write. They know the API and nothing of the server behind it, so the same loops drive the emulator
and a real kube-apiserver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Controller


def all_controllers(*, builtin_garbage_collection: bool) -> list[type[Controller]]:
    """Return the controllers that a cluster needs; namespaces and owners only where the server does not follow them."""
    from .cilium.bgp import CiliumBgp
    from .cilium.operator import CiliumOperator
    from .cronjob import CronJobController
    from .daemonset import DaemonSetController
    from .deployment import DeploymentController
    from .endpoint_slice import EndpointSliceController
    from .external_secrets.controller import ExternalSecrets
    from .flux.helm import HelmController
    from .flux.kustomization import KustomizeController
    from .flux.notification import NotificationController
    from .flux.source import ChartSource, GitSource, HelmSource
    from .garbage import GarbageCollector
    from .ingress import WebDoors
    from .job import JobController
    from .kubelet import Kubelet
    from .lb_ipam import LbIpam
    from .namespace import NamespaceController
    from .node import NodeController
    from .platform.all import PLATFORM
    from .replicaset import ReplicaSetController
    from .scheduler import Scheduler
    from .statefulset import StatefulSetController

    common: list[type[Controller]] = [
        NodeController,
        Scheduler,
        Kubelet,
        DaemonSetController,
        DeploymentController,
        ReplicaSetController,
        StatefulSetController,
        JobController,
        CronJobController,
        CiliumOperator,
        LbIpam,
        CiliumBgp,
        EndpointSliceController,
        WebDoors,
        GitSource,
        HelmSource,
        ChartSource,
        KustomizeController,
        HelmController,
        NotificationController,
        *PLATFORM,
        ExternalSecrets,
    ]
    return common if builtin_garbage_collection else [*common, NamespaceController, GarbageCollector]
