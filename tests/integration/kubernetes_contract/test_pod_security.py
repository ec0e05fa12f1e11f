# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's level keeps pods out, in the server's own words."""

from __future__ import annotations

from typing import Any

import pytest

LABEL = "pod-security.kubernetes.io/enforce"
GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
HALF = {"capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 1000}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "containers": [{"name": f"c{number}", "image": "x", **one} for number, one in enumerate(containers)],
        **spec,
    }


def under(context: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"securityContext": context, **more}


CASES = [
    ("restricted", pod({}), 'allowPrivilegeEscalation != false (container "c0" must set '
     'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c0" must set '
     'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c0" must set '
     'securityContext.runAsNonRoot=true), seccompProfile (pod or container "c0" must set '
     'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'),
    ("restricted", pod(under(HALF), under(HALF)), 'allowPrivilegeEscalation != false (containers "c0", "c1" must set '
     'securityContext.allowPrivilegeEscalation=false), seccompProfile (pod or containers "c0", "c1" must set '
     'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'),
    ("restricted", pod(under(GOOD), volumes=[{"name": "v", "hostPath": {"path": "/x"}}, {"name": "w", "emptyDir": {}}]),
     'restricted volume types (volume "v" uses restricted volume type "hostPath")'),
    ("restricted", pod(under({**GOOD, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "NET_RAW"]}})),
     'unrestricted capabilities (container "c0" must not include "NET_RAW" in securityContext.capabilities.add)'),
    ("restricted", pod(under({**GOOD, "runAsNonRoot": False, "runAsUser": 0})),
     'runAsNonRoot != true (container "c0" must not set securityContext.runAsNonRoot=false), '
     'runAsUser=0 (container "c0" must not set runAsUser=0)'),
    ("restricted", pod(under({**GOOD, "seccompProfile": {"type": "Unconfined"}})),
     'seccompProfile (container "c0" must not set securityContext.seccompProfile.type to "Unconfined")'),
    ("restricted", pod(under({k: v for k, v in GOOD.items() if k not in ("runAsNonRoot", "seccompProfile")}),
     securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}), ""),
    ("baseline", pod({}), ""),
    ("baseline", pod(under({"privileged": True}), hostNetwork=True, hostPID=True,
     volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
     'host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume "v"), privileged (container "c0" must '
     'not set securityContext.privileged=true)'),
    ("baseline", pod({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 81}]}),
     'hostPort (container "c0" uses hostPorts 80, 81)'),
    ("baseline", pod(under({"capabilities": {"add": ["SYS_ADMIN"]}})),
     'non-default capabilities (container "c0" must not include "SYS_ADMIN" in securityContext.capabilities.add)'),
    ("baseline", pod(under({"seccompProfile": {"type": "Unconfined"}}), {}),
     'seccompProfile (container "c0" must not set securityContext.seccompProfile.type to "Unconfined")'),
    ("privileged", pod(under({"privileged": True}), hostNetwork=True), ""),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_level_keeps_a_pod_out_and_says_why(http: Any, number: int) -> None:
    level, spec, why = CASES[number]
    body = {"metadata": {"name": f"ps-{level}", "labels": {LABEL: level}}}
    assert http.ask("POST", "/api/v1/namespaces", body).status in (201, 409)
    name = f"p{number}"
    answer = http.ask("POST", f"/api/v1/namespaces/ps-{level}/pods", {"metadata": {"name": name}, "spec": spec})
    if not why:
        assert answer.status == 201, answer.data
        return
    assert answer.status == 403
    wanted = f'pods "{name}" is forbidden: violates PodSecurity "{level}:latest": {why}'
    assert answer.json["message"] == wanted
