# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of names, metadata and the built-in kinds that this project meets (``pkg/apis/*/validation``)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from . import job_changes
from .errors import Cause, forbidden_value, invalid_value, required

Object = dict[str, Any]
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS_LABEL = re.compile(_LABEL)
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_RBAC = "rbac.authorization.k8s.io"


def metadata(obj: Object, resource: str, custom: bool) -> list[Cause]:
    """Violations of the common metadata of a new or changed object; custom resources may have plain finalizers."""
    meta = obj["metadata"]
    out: list[Cause] = []
    name = meta.get("name", "")
    if not name:
        out.append(required("metadata.name", "name or generateName is required"))
    else:
        text = _name_text(name, resource)
        if text:
            out.append(invalid_value("metadata.name", json.dumps(name), text))
    for key, value in (meta.get("labels") or {}).items():
        out.extend(_key(key, "metadata.labels"))
        if len(value) > 63:
            out.append(invalid_value("metadata.labels", json.dumps(value), "must be no more than 63 bytes"))
        elif not _LABEL_VALUE.fullmatch(value):
            out.append(invalid_value("metadata.labels", json.dumps(value), _VALUE_TEXT))
    for key in meta.get("annotations") or {}:
        out.extend(_key(key.lower(), "metadata.annotations"))
    for index, finalizer in enumerate(() if custom else meta.get("finalizers") or ()):
        if "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            text = "name is neither a standard finalizer name nor is it fully qualified"
            out.append(invalid_value(f"metadata.finalizers[{index}]", json.dumps(finalizer), text))
    for owner in meta.get("ownerReferences") or ():
        for field in ("apiVersion", "kind", "name"):
            if not owner.get(field):
                text = "version must not be empty" if field == "apiVersion" else f"{field} must not be empty"
                out.append(invalid_value(f"metadata.ownerReferences.{field}", '""', text))
        if not owner.get("uid"):
            out.append(invalid_value("metadata.ownerReferences.uid", '""', "uid must not be empty"))
    return out


def _key(key: str, field: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        return [invalid_value(field, json.dumps(key), "prefix part " + SUBDOMAIN_TEXT)]
    if not name:
        return [
            invalid_value(field, json.dumps(key), "name part must be non-empty"),
        ]
    if len(name) > 63:
        return [invalid_value(field, json.dumps(key), "name part must be no more than 63 bytes")]
    if not _QUALIFIED.fullmatch(name):
        return [invalid_value(field, json.dumps(key), _KEY_TEXT)]
    return []


def _name_text(name: str, resource: str) -> str:
    if resource.endswith(_RBAC):
        if name in (".", "..") or "/" in name or "%" in name:
            return "may not contain '/'" if "/" in name else f"may not be '{name}'"
        return ""
    if resource == "services":
        return "" if _DNS_1035.fullmatch(name) and len(name) <= 63 else _1035_TEXT
    if resource == "namespaces":
        return "" if _DNS_LABEL.fullmatch(name) and len(name) <= 63 else _LABEL_TEXT
    if resource == "apiservices.apiregistration.k8s.io":
        return ""
    if len(name) > 253:
        return "must be no more than 253 bytes"
    return "" if _SUBDOMAIN.fullmatch(name) else SUBDOMAIN_TEXT


def changed_metadata(old: Object, new: Object) -> list[Cause]:
    """Violations by a change: new finalizers on an object that is being deleted."""
    before, after = old["metadata"], new["metadata"]
    out: list[Cause] = []
    if before.get("deletionTimestamp"):  # checked by the generic and by the kind's own strategy
        fresh = [item for item in after.get("finalizers") or () if item not in (before.get("finalizers") or ())]
        if fresh:
            listed = ", ".join(json.dumps(item) for item in fresh)
            text = (
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{listed}}}"
            )
            out.extend([forbidden_value("metadata.finalizers", text)] * 2)
    return out


def create(resource: str, obj: Object) -> list[Cause]:
    """Violations of a new built-in object."""
    check = _CREATE.get(resource)
    return check(obj) if check else []


def update(resource: str, old: Object, new: Object) -> list[Cause]:
    """Violations of a changed built-in object."""
    check = _UPDATE.get(resource)
    changed = check(old, new) if check else []
    whole = create(resource, new)
    return changed + whole if resource == "services" else whole + changed


def _service(obj: Object) -> list[Cause]:
    out: list[Cause] = []
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        out.append(required("spec.ports"))
    names: set[str] = set()
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            out.append(required(f"spec.ports[{index}].name"))
        name = port.get("name")
        if name:
            if name in names:
                out.append(
                    Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"spec.ports[{index}].name")
                )
            names.add(name)
        out.extend(_port(port.get("port"), f"spec.ports[{index}].port"))
        if isinstance(port.get("targetPort"), int):
            out.extend(_port(port["targetPort"], f"spec.ports[{index}].targetPort"))
    if spec.get("loadBalancerClass") and spec.get("type") != "LoadBalancer":
        out.append(forbidden_value("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'"))
    return out


def _port(value: Any, field: str) -> list[Cause]:
    if not isinstance(value, int) or not 1 <= value <= 65535:
        return [invalid_value(field, str(value or 0), "must be between 1 and 65535, inclusive")]
    return []


def _service_change(old: Object, new: Object) -> list[Cause]:
    out: list[Cause] = []
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if before.get("type") != "ExternalName" and after.get("type") != "ExternalName":
        was, now = before.get("clusterIPs") or [], after.get("clusterIPs") or []
        if was and now and was[0] != now[0]:
            listed = ", ".join(json.dumps(item) for item in now)
            out.append(invalid_value("spec.clusterIPs[0]", f"[]string{{{listed}}}", "may not change once set"))
    if before.get("type") == after.get("type") == "LoadBalancer":
        was, now = before.get("loadBalancerClass"), after.get("loadBalancerClass")
        if was != now:
            shown = json.dumps(now) if now is not None else "null"
            out.append(invalid_value("spec.loadBalancerClass", shown, "may not change once set"))
    return out


def _selector_labels(obj: Object) -> list[Cause]:
    spec = obj.get("spec") or {}
    selector = spec.get("selector")
    labels = (spec.get("template") or {}).get("metadata", {}).get("labels") or {}
    listed = ", ".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in sorted(labels.items()))
    shown = f"map[string]string{{{listed}}}" if labels else "map[string]string(nil)"
    differs = invalid_value("spec.template.metadata.labels", shown, "`selector` does not match template `labels`")
    if selector is None:
        return [required("spec.selector"), differs]
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        shown_selector = (
            "v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}"
        )
        return [invalid_value("spec.selector", shown_selector, "empty selector is invalid for deployment")]
    wanted = selector.get("matchLabels") or {}
    return [differs] if any(labels.get(key) != value for key, value in wanted.items()) else []


def _workload(obj: Object) -> list[Cause]:
    return _selector_labels(obj) + _pod_template((obj.get("spec") or {}).get("template") or {})


def _stateful_set(obj: Object) -> list[Cause]:
    """The volumes of a StatefulSet's claims are not in its template, so its mounts are not looked at."""
    template = (obj.get("spec") or {}).get("template") or {}
    return _selector_labels(obj) + pod_spec(template.get("spec") or {}, "spec.template.spec", mounts=False)


def _pod_template(template: Object) -> list[Cause]:
    return pod_spec(template.get("spec") or {}, "spec.template.spec")


def pod_spec(spec: Object, field: str, *, mounts: bool = True) -> list[Cause]:
    """Violations of a pod spec; ``mounts``: a mount must name a volume."""
    out: list[Cause] = []
    containers = spec.get("containers") or []
    if not containers:
        out.append(required(f"{field}.containers"))
    names: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            place = f"{field}.{group}[{index}]"
            name = container.get("name", "")
            if not name:
                out.append(required(f"{place}.name"))
            elif not _DNS_LABEL.fullmatch(name):
                out.append(invalid_value(f"{place}.name", json.dumps(name), _LABEL_TEXT))
            elif name in names:
                out.append(Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{place}.name"))
            names.add(name)
            if not container.get("image"):
                out.append(required(f"{place}.image"))
            for number, mount in enumerate(container.get("volumeMounts") or ()):
                if mounts and mount.get("name") not in volumes:
                    text = f"Not found: {json.dumps(mount.get('name', ''))}"
                    out.append(Cause("FieldValueNotFound", text, f"{place}.volumeMounts[{number}].name"))
    return out


def _workload_change(old: Object, new: Object) -> list[Cause]:
    was, now = (old.get("spec") or {}).get("selector"), (new.get("spec") or {}).get("selector")
    if was != now:
        return [invalid_value("spec.selector", _go_selector(now or {}), "field is immutable")]
    return []


def _go_selector(selector: Object) -> str:
    labels = selector.get("matchLabels")
    if labels is None:
        shown = "map[string]string(nil)"
    else:
        shown = (
            "map[string]string{"
            + ", ".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in sorted(labels.items()))
            + "}"
        )
    return f"v1.LabelSelector{{MatchLabels:{shown}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}"


_SET_MUTABLE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip


def _stateful_change(old: Object, new: Object) -> list[Cause]:
    def fixed(obj: Object) -> Object:
        return {key: value for key, value in (obj.get("spec") or {}).items() if key not in _SET_MUTABLE}

    if fixed(old) != fixed(new):
        listed = ", ".join(f"'{name}'" for name in _SET_MUTABLE[:-1])
        text = f"updates to statefulset spec for fields other than {listed} and '{_SET_MUTABLE[-1]}' are forbidden"
        return [forbidden_value("spec", text)]
    return []


def _config_map(obj: Object) -> list[Cause]:
    out = []
    for group in ("data", "binaryData"):
        for key in obj.get(group) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]+", key) or len(key) > 253:
                text = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                )
                out.append(invalid_value(f"{group}[{key}]", json.dumps(key), text))
    return out


def _immutable(old: Object, new: Object) -> list[Cause]:
    if not old.get("immutable"):
        return []
    out = []
    text = "field is immutable when `immutable` is set"
    if not new.get("immutable"):
        out.append(forbidden_value("immutable", text))
    for name in ("data", "binaryData"):
        if old.get(name) != new.get(name):
            out.append(forbidden_value(name, text))
    return out


def _secret_change(old: Object, new: Object) -> list[Cause]:
    out = _immutable(old, new)
    if old.get("type") != new.get("type"):
        out.append(invalid_value("type", json.dumps(new.get("type", "")), "field is immutable"))
    return out


def bad_base64(obj: Object) -> str:
    """Go's complaint about the first Secret value that is not base64, or an empty text."""
    for value in (obj.get("data") or {}).values():
        try:
            base64.b64decode(value, validate=True)
        except ValueError:
            for index, char in enumerate(value):
                if not re.fullmatch(r"[A-Za-z0-9+/=]", char):
                    return f"illegal base64 data at input byte {index}"
            return f"illegal base64 data at input byte {max(len(value) - 1, 0)}"
    return ""


def _role_change(old: Object, new: Object) -> list[Cause]:
    if old.get("roleRef") != new.get("roleRef"):
        reference = new.get("roleRef") or {}
        shown = (
            f"rbac.RoleRef{{APIGroup:{json.dumps(reference.get('apiGroup', ''))}, "
            f"Kind:{json.dumps(reference.get('kind', ''))}, Name:{json.dumps(reference.get('name', ''))}}}"
        )
        return [invalid_value("roleRef", shown, "cannot change roleRef")]
    return []


def _storage_change(old: Object, new: Object) -> list[Cause]:
    out = []
    for name in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if old.get(name) != new.get(name):
            if name in ("parameters", "provisioner"):
                out.append(forbidden_value(name, f"updates to {name} are forbidden."))
            else:
                out.append(invalid_value(name, json.dumps(new.get(name)), "field is immutable"))
    return out


def _claim_change(old: Object, new: Object) -> list[Cause]:
    free = {"resources", "volumeName"}
    if (old.get("spec") or {}).get("storageClassName") is None:
        free.add("storageClassName")  # the default class may come later

    def fixed(obj: Object) -> Object:
        return {k: v for k, v in (obj.get("spec") or {}).items() if k not in free}

    if fixed(old) != fixed(new):
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        return [forbidden_value("spec", text)]
    return []


def _pod(obj: Object) -> list[Cause]:
    return pod_spec(obj.get("spec") or {}, "spec")


_CREATE: dict[str, Callable[[Object], list[Cause]]] = {
    "services": _service,
    "deployments.apps": _workload,
    "daemonsets.apps": _workload,
    "statefulsets.apps": _stateful_set,
    "replicasets.apps": _workload,
    "jobs.batch": lambda obj: _pod_template((obj.get("spec") or {}).get("template") or {}),
    "pods": _pod,
    "configmaps": _config_map,
    "secrets": _config_map,
}
_UPDATE: dict[str, Callable[[Object, Object], list[Cause]]] = {
    "services": _service_change,
    "deployments.apps": _workload_change,
    "daemonsets.apps": _workload_change,
    "replicasets.apps": _workload_change,
    "statefulsets.apps": _stateful_change,
    "jobs.batch": job_changes.violations,
    "configmaps": _immutable,
    "secrets": _secret_change,
    f"rolebindings.{_RBAC}": _role_change,
    f"clusterrolebindings.{_RBAC}": _role_change,
    "storageclasses.storage.k8s.io": _storage_change,
    "persistentvolumeclaims": _claim_change,
}
