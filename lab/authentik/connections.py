# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service connections: clusters and Docker hosts that outposts are deployed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .calls import Answer, Call
from .errors import Invalid
from .fields import Checks, Field, Flag, Json, Ref, Text
from .filters import Filter, exact
from .resource import Action, Resource, use
from .store import Row

KINDS = {
    "kubernetes": (
        "ak-service-connection-kubernetes-form",
        "Kubernetes Service-Connection",
        "authentik_outposts.kubernetesserviceconnection",
    ),
    "docker": (
        "ak-service-connection-docker-form",
        "Docker Service-Connection",
        "authentik_outposts.dockerserviceconnection",
    ),
}


class AllConnections(Resource):
    """``/outposts/service_connections/all/``."""

    path, table, label = "outposts/service_connections/all", "connections", "OutpostServiceConnection"
    app, model = "authentik_outposts", "outpostserviceconnection"
    verbs = frozenset({"list", "read", "delete"})
    filters: ClassVar[Mapping[str, Filter]] = {"name": exact("name")}
    kind: ClassVar[str] = ""

    def rows(self, call: Call) -> list[Row]:
        """Return the connections of this kind."""
        rows = call.store.tables["connections"].values()
        return [row for row in rows if not self.kind or row["kind"] == self.kind]

    def make(self, values: Row, call: Call) -> Row:
        """Note the kind."""
        row = super().make(values, call)
        row["kind"] = self.kind
        return row

    def remove(self, row: Row, call: Call) -> None:
        """Outposts stay, undeployed."""
        super().remove(row, call)
        for outpost in call.store.rows("outposts", service_connection=row["pk"]):
            outpost["service_connection"] = None

    def show(self, row: Row, call: Call) -> Row:
        """Return the connection and its class."""
        return {**shown(row), **super().show(row, call)}

    def users_of(self, row: Row, call: Call) -> list[Row]:
        """Return the outposts that are deployed through it."""
        return [
            use("authentik_outposts", "outpost", outpost["pk"], f"Outpost {outpost['name']}", "set_default")
            for outpost in call.store.rows("outposts", service_connection=row["pk"])
        ]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """Whether the worker reached it; it never does here."""
        return {("GET", "state"): lambda call, row: Answer(200, {"healthy": False, "version": ""})}


class KubernetesConnections(AllConnections):
    """``/outposts/service_connections/kubernetes/``."""

    path, label = "outposts/service_connections/kubernetes", "KubernetesServiceConnection"
    verbs = Resource.verbs
    kind = "kubernetes"
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True),
        "local": Flag(),
        "kubeconfig": Json(),
        "verify_ssl": Flag(default=True),
    }

    def checks(self, body: Any, call: Call, row: Row | None) -> Checks:
        """A kubeconfig is needed from outside."""

        def kubeconfig(value: Row) -> Row:
            if not value:
                if not body.get("local"):
                    raise Invalid("You can only use an empty kubeconfig when connecting to a local cluster.")
                return value
            if not {"clusters", "contexts", "users"} <= set(value):
                raise Invalid("Invalid kubeconfig")
            return value

        return {"kubeconfig": kubeconfig}


class DockerConnections(AllConnections):
    """``/outposts/service_connections/docker/``."""

    path, label = "outposts/service_connections/docker", "DockerServiceConnection"
    verbs = Resource.verbs
    kind = "docker"
    schema: ClassVar[Mapping[str, Field]] = {
        "name": Text(required=True),
        "local": Flag(),
        "url": Text(required=True),
        "tls_verification": Ref(null=True, table="certificates"),
        "tls_authentication": Ref(null=True, table="certificates"),
    }


def shown(row: Row) -> Row:
    """Return what every kind shows."""
    component, name, model = KINDS[row["kind"]]
    return {
        "pk": row["pk"],
        "name": row["name"],
        "local": row["local"],
        "component": component,
        "verbose_name": name,
        "verbose_name_plural": f"{name}s",
        "meta_model_name": model,
    }
