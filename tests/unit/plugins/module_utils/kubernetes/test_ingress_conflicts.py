# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are claimed twice and ways around a login."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.cluster_view import ClusterView
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.ingress_conflicts import Proxied, conflicts

HOST = "longhorn.example.org"
GUARD = Proxied(HOST, "longhorn-system/longhorn-frontend", "authentik/authentik-server")


def ingress(name: str, host: str, service: str, *, path: str = "/", of_class: str = "nginx") -> dict[str, Any]:
    namespace, own = name.split("/")
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {
        "kind": "Ingress",
        "metadata": {"name": own, "namespace": namespace},
        "spec": {
            "ingressClassName": of_class,
            "rules": [{"host": host, "http": {"paths": [{"path": path, "backend": backend}]}}],
        },
    }


def service(name: str, of_type: str = "ClusterIP", hostname: str = "") -> dict[str, Any]:
    namespace, own = name.split("/")
    notes = {"external-dns.alpha.kubernetes.io/hostname": hostname} if hostname else {}
    return {
        "kind": "Service",
        "metadata": {"name": own, "namespace": namespace, "annotations": notes},
        "spec": {"type": of_type},
        "status": {"loadBalancer": {"ingress": [{"ip": "172.29.52.100"}]} if of_type == "LoadBalancer" else {}},
    }


CLASS = {"kind": "IngressClass", "metadata": {"name": "nginx"}}
GOOD = [CLASS, ingress("authentik/longhorn", HOST, "authentik-server"), service("longhorn-system/longhorn-frontend")]


def test_a_good_cluster_has_none() -> None:
    other = ingress("authentik/back", HOST, "authentik-server", path="/outpost.goauthentik.io")
    assert conflicts(ClusterView([*GOOD, other]), [GUARD]) == []


@pytest.mark.parametrize(
    ("more", "kind", "owners", "text"),
    [
        (
            [ingress("authentik/longhorn-old", HOST.upper(), "authentik-server")],
            "claimed_twice",
            ("Ingress authentik/longhorn", "Ingress authentik/longhorn-old"),
            "only one is served",
        ),
        (
            [service("longhorn-system/lan", "LoadBalancer", f"other.example.org, {HOST}.")],
            "claimed_twice",
            ("Service longhorn-system/lan", "Ingress authentik/longhorn"),
            "one DNS record cannot lead to both",
        ),
        (
            [ingress("longhorn-system/api", HOST, "longhorn-frontend", path="/v1")],
            "bypass",
            ("Ingress longhorn-system/api",),
            f"leads {HOST}/v1 to longhorn-system/longhorn-frontend past the login",
        ),
        (
            [ingress("longhorn-system/lan", "lan.example.org", "longhorn-frontend")],
            "bypass",
            ("Ingress longhorn-system/lan",),
            "past the login of longhorn.example.org",
        ),
        (
            [service("longhorn-system/longhorn-frontend", "LoadBalancer")],
            "bypass",
            ("Service longhorn-system/longhorn-frontend",),
            "at 172.29.52.100 nobody is asked to log in",
        ),
        (
            [ingress("apps/wiki", "wiki.example.org", "wiki", of_class="traefik")],
            "no_class",
            ("Ingress apps/wiki",),
            "class traefik, which does not exist",
        ),
    ],
)
def test_each_conflict_names_its_owners(
    more: list[dict[str, Any]], kind: str, owners: tuple[str, ...], text: str
) -> None:
    found = conflicts(ClusterView([*GOOD, *more]), [GUARD])
    assert [(item.kind, item.owners) for item in found] == [(kind, owners)]
    assert text in found[0].text
