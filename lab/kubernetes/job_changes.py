# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Job cannot be changed (kubernetes ``pkg/apis/batch/validation``, ``ValidateJobSpecUpdate``)."""

from __future__ import annotations

import json
from typing import Any

from .errors import Cause, invalid_value

Object = dict[str, Any]
_FIXED = "field is immutable"
_OBJECT_META = (
    'v1.ObjectMeta{{Name:"", GenerateName:"", Namespace:"", SelfLink:"", UID:"", ResourceVersion:"", Generation:0, '
    "CreationTimestamp:time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), DeletionTimestamp:<nil>, "
    "DeletionGracePeriodSeconds:(*int64)(nil), Labels:{labels}, Annotations:{annotations}, "
    "OwnerReferences:[]v1.OwnerReference(nil), Finalizers:[]string(nil), ManagedFields:[]v1.ManagedFieldsEntry(nil)}}"
)


def violations(old: Object, new: Object) -> list[Cause]:
    """Violations by a change: completions (unless Indexed), selector, template and completion mode stay as created."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    out: list[Cause] = []
    if after.get("completionMode") != "Indexed" and before.get("completions") != after.get("completions"):
        out.append(invalid_value("spec.completions", json.dumps(after.get("completions")), _FIXED))
    if before.get("selector") != after.get("selector"):
        labels = _map((after.get("selector") or {}).get("matchLabels") or {})
        shown = f"v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}"
        out.append(invalid_value("spec.selector", shown, _FIXED))
    unborn = before.get("suspend") and not (old.get("status") or {}).get("startTime")
    was, now = (_template(spec.get("template") or {}, scheduling=not unborn) for spec in (before, after))
    if was != now:
        out.append(invalid_value("spec.template", _go_template(after.get("template") or {}), _FIXED))
    if before.get("completionMode") != after.get("completionMode"):
        out.append(invalid_value("spec.completionMode", json.dumps(after.get("completionMode")), _FIXED))
    return out


def _template(template: Object, *, scheduling: bool) -> Object:
    """Return what is compared; ``scheduling`` is free while a Job is suspended and was never started."""
    meta = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    spec = dict(template.get("spec") or {})
    if not scheduling:
        for name in ("labels", "annotations"):
            meta.pop(name, None)
        for name in ("nodeSelector", "tolerations", "schedulingGates"):
            spec.pop(name, None)
        affinity = {key: value for key, value in (spec.pop("affinity", None) or {}).items() if key != "nodeAffinity"}
        spec |= {"affinity": affinity} if affinity else {}
    return {"metadata": meta, "spec": spec}


def _go_template(template: Object) -> str:
    """Return the head of what Go prints of a template; the real text goes on with every field of the pod."""
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    known = _OBJECT_META.format(labels=_map(meta.get("labels") or {}), annotations=_map(meta.get("annotations") or {}))
    containers = ", ".join(
        f"core.Container{{Name:{json.dumps(one.get('name', ''))}, Image:{json.dumps(one.get('image', ''))}, ...}}"
        for one in spec.get("containers") or ()
    )
    pod = f"core.PodSpec{{Containers:[]core.Container{{{containers}}}, ...}}"
    return f"core.PodTemplateSpec{{ObjectMeta:{known}, Spec:{pod}}}"


def _map(values: Object) -> str:
    listed = ", ".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in sorted(values.items()))
    return f"map[string]string{{{listed}}}" if values else "map[string]string(nil)"
