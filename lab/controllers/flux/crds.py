# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CustomResourceDefinitions of Flux 2.4, with the fields that matter checked and the rest let through.

Versions, required fields, patterns and defaults: the ``api`` packages of source-controller v1.4.1,
kustomize-controller v1.4.0, helm-controller v1.1.0 and notification-controller v1.4.0.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_TIMEOUT = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"
_FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_BOOLEAN: Schema = {"type": "boolean"}


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _text(*values: str, **more: Any) -> Schema:
    return {"type": "string", **({"enum": list(values)} if values else {}), **more}


def _number(**more: Any) -> Schema:
    return {"type": "integer", **more}


def _map() -> Schema:
    return {"type": "object", "additionalProperties": _text()}


_INTERVAL = _text(pattern=_DURATION)
_NAME = _object({"name": _text()}, "name")
_REFERENCE = _object({"name": _text(), "namespace": _text()}, "name")
_NAMED = _text(minLength=1, maxLength=253)


def _source(*kinds: str) -> Schema:
    return _object({"apiVersion": _text(), "kind": _text(*kinds), "name": _NAMED, "namespace": _text()}, "kind", "name")


def _git_repository() -> Schema:
    reference = _object({key: _text() for key in ("branch", "tag", "semver", "name", "commit")})
    include = _object({"fromPath": _text(), "repository": _NAME, "toPath": _text()}, "repository")
    return _object(
        {
            "url": _text(pattern="^(http|https|ssh)://.*$"),
            "ref": reference,
            "interval": _INTERVAL,
            "timeout": _text(default="60s", pattern=_TIMEOUT),
            "secretRef": _NAME,
            "proxySecretRef": _NAME,
            "provider": _text("generic", "azure"),
            "ignore": _text(),
            "include": _list(include),
            "recurseSubmodules": _BOOLEAN,
            "verify": _FREE,
            "suspend": _BOOLEAN,
        },
        *("interval", "url"),
    )


def _helm_repository() -> Schema:
    return _object(
        {
            "url": _text(pattern="^(http|https|oci)://.*$"),
            "type": _text("default", "oci"),
            "interval": _INTERVAL,
            "timeout": _text(pattern=_TIMEOUT),
            "secretRef": _NAME,
            "certSecretRef": _NAME,
            "passCredentials": _BOOLEAN,
            "insecure": _BOOLEAN,
            "provider": _text("generic", "aws", "azure", "gcp", default="generic"),
            "accessFrom": _FREE,
            "suspend": _BOOLEAN,
        },
        "url",
    )


def _helm_chart() -> Schema:
    return _object(
        {
            "chart": _text(),
            "version": _text(default="*"),
            "sourceRef": _source("HelmRepository", "GitRepository", "Bucket"),
            "interval": _INTERVAL,
            "reconcileStrategy": _text("ChartVersion", "Revision", default="ChartVersion"),
            "valuesFiles": _list(_text()),
            "ignoreMissingValuesFiles": _BOOLEAN,
            "verify": _FREE,
            "suspend": _BOOLEAN,
        },
        *("chart", "interval", "sourceRef"),
    )


def _kustomization() -> Schema:
    check = _object({"apiVersion": _text(), "kind": _text(), "name": _text(), "namespace": _text()}, *("kind", "name"))
    substitute_from = _object(
        {"kind": _text("Secret", "ConfigMap"), "name": _NAMED, "optional": {"type": "boolean", "default": False}},
        *("kind", "name"),
    )
    return _object(
        {
            "interval": _INTERVAL,
            "retryInterval": _INTERVAL,
            "timeout": _text(pattern=_DURATION),
            "path": _text(),
            "prune": _BOOLEAN,
            "wait": _BOOLEAN,
            "force": {"type": "boolean", "default": False},
            "suspend": _BOOLEAN,
            "sourceRef": _source("OCIRepository", "GitRepository", "Bucket"),
            "dependsOn": _list(_REFERENCE),
            "healthChecks": _list(check),
            "postBuild": _object({"substitute": _map(), "substituteFrom": _list(substitute_from)}),
            "serviceAccountName": _text(),
            "kubeConfig": _FREE,
            "targetNamespace": _text(minLength=1, maxLength=63),
            "namePrefix": _text(minLength=1, maxLength=200),
            "nameSuffix": _text(minLength=1, maxLength=200),
            "commonMetadata": _object({"annotations": _map(), "labels": _map()}),
            "patches": _list(_FREE),
            "images": _list(_FREE),
            "components": _list(_text()),
            "decryption": _FREE,
        },
        *("interval", "prune", "sourceRef"),
    )


def _helm_release() -> Schema:
    def remediation(*strategy: str) -> Schema:
        more = {"strategy": _text(*strategy)} if strategy else {}
        return _object(
            {
                "retries": _number(),
                "remediateLastFailure": _BOOLEAN,
                "ignoreTestFailures": _BOOLEAN,
                **more,
            }
        )

    crds = _text("Skip", "Create", "CreateReplace")
    flags = ("disableWait", "disableWaitForJobs", "disableHooks", "disableOpenAPIValidation")
    common: Schema = {"timeout": _text(pattern=_DURATION), **dict.fromkeys(flags, _BOOLEAN)}
    common["disableSchemaValidation"] = common["disableTakeOwnership"] = _BOOLEAN
    chart = _object(
        {
            "chart": _text(minLength=1, maxLength=2048),
            "version": _text(default="*"),
            "sourceRef": _object(
                {
                    "apiVersion": _text(),
                    "kind": _text("HelmRepository", "GitRepository", "Bucket"),
                    "name": _NAMED,
                    "namespace": _text(minLength=1, maxLength=63),
                },
                "name",
            ),
            "interval": _INTERVAL,
            "reconcileStrategy": _text("ChartVersion", "Revision", default="ChartVersion"),
            "valuesFiles": _list(_text()),
            "ignoreMissingValuesFiles": _BOOLEAN,
            "verify": _FREE,
        },
        *("chart", "sourceRef"),
    )
    values_from = _object(
        {
            "kind": _text("Secret", "ConfigMap"),
            "name": _NAMED,
            "valuesKey": _text(),
            "targetPath": _text(),
            "optional": _BOOLEAN,
        },
        *("kind", "name"),
    )
    install = {"crds": crds, "createNamespace": _BOOLEAN, "replace": _BOOLEAN, "skipCRDs": _BOOLEAN}
    upgrade = {"crds": crds, "cleanupOnFail": _BOOLEAN, "force": _BOOLEAN, "preserveValues": _BOOLEAN}
    rollback = {"cleanupOnFail": _BOOLEAN, "force": _BOOLEAN, "recreate": _BOOLEAN}
    return _object(
        {
            "interval": _INTERVAL,
            "chart": _object({"spec": chart, "metadata": _FREE}, "spec"),
            "chartRef": _source("OCIRepository", "HelmChart"),
            "releaseName": _text(minLength=1, maxLength=53),
            "targetNamespace": _text(minLength=1, maxLength=63),
            "storageNamespace": _text(minLength=1, maxLength=63),
            "dependsOn": _list(_REFERENCE),
            "timeout": _text(pattern=_DURATION),
            "maxHistory": _number(),
            "suspend": _BOOLEAN,
            "serviceAccountName": _text(),
            "persistentClient": _BOOLEAN,
            "driftDetection": _FREE,
            "install": _object({**common, **install, "remediation": remediation()}),
            "upgrade": _object({**common, **upgrade, "remediation": remediation("rollback", "uninstall")}),
            "rollback": _object({**common, **rollback}),
            "uninstall": _object({**common, "keepHistory": _BOOLEAN, "deletionPropagation": _text()}),
            "test": _FREE,
            "values": {"x-kubernetes-preserve-unknown-fields": True},
            "valuesFrom": _list(values_from),
            "postRenderers": _list(_FREE),
            "kubeConfig": _FREE,
        },
        "interval",
    )


def _receiver() -> Schema:
    kinds = (
        *("generic", "generic-hmac", "github", "gitlab", "bitbucket", "harbor", "dockerhub", "quay", "gcr", "nexus"),
        *("acr", "cdevents"),
    )
    resource = _object(
        {
            "apiVersion": _text(),
            "kind": _text(),
            "name": _text(minLength=1, maxLength=53),
            "namespace": _text(minLength=1, maxLength=53),
            "matchLabels": _map(),
        },
        *("kind", "name"),
    )
    return _object(
        {
            "type": _text(*kinds),
            "events": _list(_text()),
            "resources": _list(resource),
            "secretRef": _NAME,
            "interval": _text(pattern=_DURATION, default="10m"),
            "suspend": _BOOLEAN,
        },
        *("resources", "secretRef", "type"),
    )


def _column(name: str, path: str, kind: str = "string", **more: Any) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path, **more}


_AGE = _column("Age", ".metadata.creationTimestamp", "date")
_READY = _column("Ready", '.status.conditions[?(@.type=="Ready")].status')
_STATUS = _column("Status", '.status.conditions[?(@.type=="Ready")].message')
_COMMON = [_AGE, _READY, _STATUS]
_URL = _column("URL", ".spec.url")


def definitions() -> list[dict[str, Any]]:
    """Return the CustomResourceDefinitions of the four controllers."""
    source, chart = "source", [_column("Chart", ".spec.chart"), _column("Version", ".spec.version"), *_COMMON]
    return [
        _crd(source, "v1", "GitRepository", "gitrepositories", _git_repository(), ["gitrepo"], [_URL, *_COMMON]),
        _crd(source, "v1", "HelmRepository", "helmrepositories", _helm_repository(), ["helmrepo"], [_URL, *_COMMON]),
        _crd(source, "v1", "HelmChart", "helmcharts", _helm_chart(), ["hc"], chart),
        _crd(source, "v1", "Bucket", "buckets", _FREE, [], _COMMON),
        _crd(source, "v1beta2", "OCIRepository", "ocirepositories", _FREE, ["ocirepo"], [_URL, *_COMMON]),
        _crd("kustomize", "v1", "Kustomization", "kustomizations", _kustomization(), ["ks"], _COMMON),
        _crd("helm", "v2", "HelmRelease", "helmreleases", _helm_release(), ["hr"], _COMMON),
        _crd("notification", "v1", "Receiver", "receivers", _receiver(), [], _COMMON),
        _crd("notification", "v1beta3", "Alert", "alerts", _FREE, [], [_AGE]),
        _crd("notification", "v1beta3", "Provider", "providers", _FREE, [], [_AGE]),
    ]


def _crd(
    group: str, version: str, kind: str, plural: str, spec: Schema, short: list[str], columns: list[Schema]
) -> dict[str, Any]:
    name = f"{group}.toolkit.fluxcd.io"
    status = {**_FREE, "default": {"observedGeneration": -1}}
    root = _object(
        {"apiVersion": _text(), "kind": _text(), "metadata": {"type": "object"}, "spec": spec, "status": status}
    )
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{name}"},
        "spec": {
            "group": name,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                **({"shortNames": short} if short else {}),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                }
            ],
        },
    }
