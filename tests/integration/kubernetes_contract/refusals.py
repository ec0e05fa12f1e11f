# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusals of the API, word for word, one row each (Kubernetes 1.33)."""

from __future__ import annotations

from typing import Any

JSON, MERGE, PATCH = "application/json", "application/merge-patch+json", "application/json-patch+json"
APPLY, STRATEGIC = "application/apply-patch+yaml", "application/strategic-merge-patch+json"
W = "/apis/example.com/v1/namespaces/default/widgets"
C = "/api/v1/namespaces/default/configmaps"
D = "/apis/apps/v1/namespaces/default/deployments"
S = "/api/v1/namespaces/default/services"
J = "/apis/batch/v1/namespaces/default/jobs"
SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of"


def widget(name: str = "new", spec: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    body = {"size": 2} if spec is None else spec
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, **meta}, "spec": body}


def deployment(**labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def job(image: str) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": pod}}}


OWNER = {"kind": "ConfigMap", "name": "c", "apiVersion": "v1"}
TYPED = "failed to create typed patch object"
UNRECOGNIZED = "the object provided is unrecognized (must be of type Widget)"
# name, method, path, body, content type, status, reason, the start of the message
Row = tuple[str, str, str, Any, str, int, str | None, str]
ROWS: list[Row] = [
    ("not found", "GET", f"{W}/none", None, JSON, 404, "NotFound", 'widgets.example.com "none" not found'),
    ("core not found", "GET", f"{C}/none", None, JSON, 404, "NotFound", 'configmaps "none" not found'),
    ("exists", "POST", W, widget("w"), JSON, 409, "AlreadyExists", 'widgets.example.com "w" already exists'),
    (
        "stale",
        "PUT",
        f"{W}/w",
        widget("w", resourceVersion="1"),
        JSON,
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on widgets.example.com "w": the object has been '
            "modified; please apply your changes to the latest version and try again"
        ),
    ),
    (
        "precondition",
        "DELETE",
        f"{C}/c",
        {"preconditions": {"uid": "A"}},
        JSON,
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on ConfigMap "c": the UID in the precondition (A) does '
            "not match the UID in record ("
        ),
    ),
    (
        "apply conflict",
        "PATCH",
        f"{W}/applied?fieldManager=m2",
        widget("applied", {"size": 5}),
        APPLY,
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "m1": .spec.size',
    ),
    (
        "apply conflicts",
        "PATCH",
        f"{W}/applied?fieldManager=m2",
        widget("applied", {"size": 5, "ports": [{"port": 80, "name": "x"}]}),
        APPLY,
        409,
        "Conflict",
        'Apply failed with 2 conflicts: conflicts with "m1":\n- .spec.size\n- .spec.ports[port=80].name',
    ),
    (
        "conflict with an update",
        "PATCH",
        f"{W}/w?fieldManager=m2",
        widget("w", {"size": 5}),
        APPLY,
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "contract" using example.com/v1: .spec.size',
    ),
    (
        "apply without manager",
        "PATCH",
        f"{W}/w",
        widget("w"),
        APPLY,
        422,
        "Invalid",
        ('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'),
    ),
    (
        "force without apply",
        "PATCH",
        f"{W}/w?force=true",
        {},
        MERGE,
        422,
        "Invalid",
        ('PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch'),
    ),
    (
        "apply unknown field",
        "PATCH",
        f"{W}/s?fieldManager=m",
        widget("s", {"size": 2, "bogus": 1}),
        APPLY,
        500,
        None,
        f"{TYPED} (/s; example.com/v1, Kind=Widget): .spec.bogus: field not declared in schema",
    ),
    (
        "apply without kind",
        "PATCH",
        f"{W}/s?fieldManager=m",
        {"metadata": {"name": "s"}},
        APPLY,
        400,
        "BadRequest",
        "invalid object type: /, Kind=",
    ),
    (
        "apply with managedFields",
        "PATCH",
        f"{W}/s?fieldManager=m",
        widget("s", managedFields=[{"manager": "x"}]),
        APPLY,
        400,
        "BadRequest",
        "metadata.managedFields must be nil",
    ),
    (
        "apply without list key",
        "PATCH",
        f"{W}/s?fieldManager=m",
        widget("s", {"size": 1, "ports": [{"name": "x"}]}),
        APPLY,
        500,
        None,
        (
            f"{TYPED} (/s; example.com/v1, Kind=Widget): .spec.ports: element 0: associative list "
            f'with keys has an element that omits key field "port"'
        ),
    ),
    (
        "strict",
        "POST",
        f"{W}?fieldValidation=Strict",
        widget(spec={"size": 2, "bogus": 1, "x": 1}),
        JSON,
        400,
        "BadRequest",
        (
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown '
            'field "spec.bogus", unknown field "spec.x"'
        ),
    ),
    (
        "strict strategic",
        "PATCH",
        f"{D}/d?fieldValidation=Strict",
        {"spec": {"bogus": "x"}},
        STRATEGIC,
        422,
        "Invalid",
        (
            ' "" is invalid: patch: Invalid value: "map[spec:map[bogus:x]]": strict decoding '
            'error: unknown field "spec.bogus"'
        ),
    ),
    (
        "wrong type",
        "POST",
        D,
        {"metadata": {"name": "x"}, "spec": {"replicas": "x"}},
        JSON,
        400,
        "BadRequest",
        (
            'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal '
            "string into Go struct field DeploymentSpec.spec.replicas of type int32"
        ),
    ),
    (
        "wrong map value",
        "POST",
        C,
        {"metadata": {"name": "x"}, "data": {"a": 1}},
        JSON,
        400,
        "BadRequest",
        (
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal '
            "number into Go struct field ConfigMap.data of type string"
        ),
    ),
    (
        "too large",
        "POST",
        W,
        widget(spec={"size": 99}),
        JSON,
        422,
        "Invalid",
        (
            'Widget.example.com "new" is invalid: spec.size: Invalid value: 99: spec.size in body '
            "should be less than or equal to 10"
        ),
    ),
    (
        "custom type",
        "POST",
        W,
        widget(spec={"size": "x"}),
        JSON,
        422,
        "Invalid",
        (
            'Widget.example.com "new" is invalid: spec.size: Invalid value: "string": spec.size '
            'in body must be of type integer: "string"'
        ),
    ),
    (
        "int or string",
        "POST",
        W,
        widget(spec={"size": 2, "either": True}),
        JSON,
        422,
        "Invalid",
        (
            'Widget.example.com "new" is invalid: spec.either: Invalid value: "boolean": '
            'spec.either in body must be of type integer,string: "boolean"'
        ),
    ),
    (
        "enum",
        "POST",
        W,
        widget(spec={"size": 2, "color": "blue"}),
        JSON,
        422,
        "Invalid",
        (
            'Widget.example.com "new" is invalid: spec.color: Unsupported value: "blue": '
            'supported values: "red", "green"'
        ),
    ),
    (
        "required",
        "POST",
        W,
        widget(spec={}),
        JSON,
        422,
        "Invalid",
        'Widget.example.com "new" is invalid: spec.size: Required value',
    ),
    (
        "set",
        "POST",
        W,
        widget(spec={"size": 2, "tags": ["a", "a"]}),
        JSON,
        422,
        "Invalid",
        'Widget.example.com "new" is invalid: spec.tags[1]: Duplicate value: "a"',
    ),
    (
        "list map",
        "POST",
        W,
        widget(spec={"size": 2, "ports": [{"port": 1}, {"port": 1}]}),
        JSON,
        422,
        "Invalid",
        ('Widget.example.com "new" is invalid: spec.ports[1]: Duplicate value: map[string]interface {}{"port":1}'),
    ),
    (
        "wrong kind",
        "POST",
        W,
        {**widget(), "kind": "Wodget"},
        JSON,
        422,
        "Invalid",
        'Wodget.example.com "new" is invalid: kind: Invalid value: "Wodget": must be Widget',
    ),
    (
        "wrong version",
        "POST",
        W,
        {**widget(), "apiVersion": "example.com/v2"},
        JSON,
        400,
        "BadRequest",
        ("the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)"),
    ),
    ("no kind", "POST", W, {}, JSON, 400, "BadRequest", f"{UNRECOGNIZED}: Object 'Kind' is missing in '{{}}' ({{}})"),
    (
        "no JSON",
        "POST",
        W,
        '{"apiVersion":',
        JSON,
        400,
        "BadRequest",
        f"{UNRECOGNIZED}: couldn't get version/kind; json parse error: unexpected end of JSON input (",
    ),
    (
        "other namespace",
        "POST",
        W,
        widget(namespace="other"),
        JSON,
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    (
        "missing namespace",
        "POST",
        C.replace("default", "nope"),
        {"metadata": {"name": "x"}},
        JSON,
        404,
        "NotFound",
        'namespaces "nope" not found',
    ),
    (
        "no name",
        "POST",
        C,
        {"metadata": {}},
        JSON,
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ),
    (
        "bad name",
        "POST",
        C,
        {"metadata": {"name": "Bad_Name"}},
        JSON,
        422,
        "Invalid",
        f'ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": {SUBDOMAIN}',
    ),
    (
        "other name",
        "PUT",
        f"{C}/c",
        {"metadata": {"name": "b"}},
        JSON,
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (c)",
    ),
    (
        "custom PUT without version",
        "PUT",
        f"{W}/w",
        widget("w"),
        JSON,
        422,
        "Invalid",
        (
            'widgets.example.com "w" is invalid: metadata.resourceVersion: Invalid value: 0x0: '
            "must be specified for an update"
        ),
    ),
    (
        "version on create",
        "POST",
        C,
        {"metadata": {"name": "x", "resourceVersion": "5"}},
        JSON,
        500,
        None,
        "resourceVersion should not be set on objects to be created",
    ),
    (
        "JSON patch",
        "PATCH",
        f"{C}/c",
        [{"op": "test", "path": "/data/k", "value": "z"}],
        PATCH,
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    ),
    (
        "immutable metadata",
        "PATCH",
        f"{W}/w",
        {"metadata": {"uid": "x"}},
        MERGE,
        422,
        "Invalid",
        'Widget.example.com "w" is invalid: metadata.uid: Invalid value: "x": field is immutable',
    ),
    (
        "owner without uid",
        "POST",
        W,
        widget(ownerReferences=[OWNER]),
        JSON,
        422,
        "Invalid",
        ('Widget.example.com "new" is invalid: metadata.ownerReferences.uid: Invalid value: "": uid must not be empty'),
    ),
    (
        "media type",
        "PATCH",
        f"{W}/w",
        {},
        STRATEGIC,
        415,
        "UnsupportedMediaType",
        (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, "
            "application/apply-patch+yaml"
        ),
    ),
    (
        "method",
        "PUT",
        C,
        {},
        JSON,
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    (
        "label selector",
        "GET",
        f"{W}?labelSelector=a%20foo",
        None,
        JSON,
        400,
        "BadRequest",
        "unable to parse requirement: found 'foo', expected: in, notin, =, ==, !=, gt, lt",
    ),
    (
        "field selector",
        "GET",
        f"{C}?fieldSelector=data.x%3Dy",
        None,
        JSON,
        400,
        "BadRequest",
        '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    (
        "new finalizer",
        "PATCH",
        f"{C}/dying",
        {"metadata": {"finalizers": ["x/y", "z/w"]}},
        MERGE,
        422,
        "Invalid",
        (
            'ConfigMap "dying" is invalid: metadata.finalizers: Forbidden: no new finalizers can '
            'be added if the object is being deleted, found new finalizers []string{"z/w"}'
        ),
    ),
    (
        "labels",
        "PATCH",
        f"{D}/d",
        {"spec": {"template": {"metadata": {"labels": {"a": "c"}}}}},
        MERGE,
        422,
        "Invalid",
        (
            'Deployment.apps "d" is invalid: spec.template.metadata.labels: Invalid value: '
            'map[string]string{"a":"c"}: `selector` does not match template `labels`'
        ),
    ),
    (
        "template of a Job",
        "PATCH",
        f"{J}/j",
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "busybox:2"}]}}}},
        STRATEGIC,
        422,
        "Invalid",
        'Job.batch "j" is invalid: spec.template: Invalid value: core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:""',
    ),
    (
        "cluster address",
        "PATCH",
        f"{S}/s",
        {"spec": {"clusterIP": "10.96.9.9"}},
        MERGE,
        422,
        "Invalid",
        ('Service "s" is invalid: spec.clusterIPs[0]: Invalid value: []string{"10.96.9.9"}: may not change once set'),
    ),
    (
        "unnamed port",
        "POST",
        S,
        {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 1, "name": "a"}, {"port": 2}]}},
        JSON,
        422,
        "Invalid",
        'Service "x" is invalid: spec.ports[1].name: Required value',
    ),
    (
        "merge key",
        "PATCH",
        f"{D}/d",
        {"spec": {"template": {"spec": {"containers": [{"image": "noname"}]}}}},
        STRATEGIC,
        500,
        None,
        "map: map[image:noname] does not contain declared merge key: name",
    ),
    (
        "watch list",
        "GET",
        f"{W}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        None,
        JSON,
        422,
        "Invalid",
        (
            'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: '
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        ),
    ),
    (
        "future version",
        "GET",
        f"{W}?resourceVersion=99999999",
        None,
        JSON,
        504,
        "Timeout",
        "Timeout: Too large resource version: 99999999, current: ",
    ),
    (
        "group version",
        "GET",
        "/apis/apps/v1/nothings",
        None,
        JSON,
        404,
        "NotFound",
        "the server could not find the requested resource",
    ),
    (
        "definition name",
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "metadata": {"name": "wrong.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Cluster",
                "names": {"plural": "rights", "kind": "Right"},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
                ],
            },
        },
        JSON,
        422,
        "Invalid",
        (
            'CustomResourceDefinition.apiextensions.k8s.io "wrong.example.com" is invalid: '
            'metadata.name: Invalid value: "wrong.example.com": must be '
            'spec.names.plural+"."+spec.group'
        ),
    ),
]
