# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission of pods by the Pod Security Standards: what a namespace's ``enforce`` label keeps out.

Follows k8s.io/pod-security-admission v0.31 (``policy/check_*.go``, ``admission/admission.go``) in words and order:
baseline checks first, then restricted ones, each sorted by its id. Not followed: AppArmor, SELinux, sysctls, procMount,
Windows, versions other than latest, updates of pods, and the labels ``warn`` and ``audit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]
#: One finding: reason and detail.
Check = Callable[[Object], "tuple[str, str] | None"]

LABEL = "pod-security.kubernetes.io/enforce"
_DEFAULT_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT".split()
)
_VOLUMES = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
)
_SECCOMP = ("RuntimeDefault", "Localhost")


def refusal(labels: Mapping[str, str], pod: Object) -> str:
    """Return why a namespace with these labels takes no such pod; empty when it does.

    :param pod: the pod's ``spec``.
    """
    level = labels.get(LABEL, "privileged")
    checks = {"baseline": _BASELINE, "restricted": _RESTRICTED}.get(level, ())
    found = [finding for check in checks if (finding := check(pod))]
    told = ", ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found)
    return f'violates PodSecurity "{level}:{labels.get(f"{LABEL}-version", "latest")}": {told}' if found else ""


# -- parts of a pod ----------------------------------------------------------------------------------------------------
def _containers(pod: Object) -> Iterator[tuple[str, Object]]:
    """Yield name and security context of every container, those of the start first."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for one in pod.get(key) or ():
            yield str(one["name"]), one.get("securityContext") or {}


def _context(pod: Object) -> Object:
    return pod.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _named(names: list[str], what: str = "container") -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _added(context: Object) -> set[str]:
    return set((context.get("capabilities") or {}).get("add") or ())


def _not_added(pod: Object, allowed: frozenset[str]) -> str:
    bad = {name: _added(context) - allowed for name, context in _containers(pod)}
    names = [name for name, more in bad.items() if more]
    capabilities = _quoted(sorted(set().union(*bad.values())))
    return f"{_named(names)} must not include {capabilities} in securityContext.capabilities.add" if names else ""


# -- baseline ----------------------------------------------------------------------------------------------------------
def _capabilities_baseline(pod: Object) -> tuple[str, str] | None:
    detail = _not_added(pod, _DEFAULT_CAPABILITIES)
    return ("non-default capabilities", detail) if detail else None


def _host_namespaces(pod: Object) -> tuple[str, str] | None:
    shared = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    return ("host namespaces", ", ".join(shared)) if shared else None


def _host_path_volumes(pod: Object) -> tuple[str, str] | None:
    names = [volume["name"] for volume in pod.get("volumes") or () if "hostPath" in volume]
    return ("hostPath volumes", _named(names, "volume")) if names else None


def _host_ports(pod: Object) -> tuple[str, str] | None:
    found: dict[str, set[str]] = {}
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for one in pod.get(key) or ():
            for port in one.get("ports") or ():
                if port.get("hostPort"):
                    found.setdefault(str(one["name"]), set()).add(str(port["hostPort"]))
    if not found:
        return None
    ports = sorted(set().union(*found.values()))
    verb, noun = "use" if len(found) > 1 else "uses", "hostPorts" if len(ports) > 1 else "hostPort"
    return "hostPort", f"{_named(list(found))} {verb} {noun} {', '.join(ports)}"


def _privileged(pod: Object) -> tuple[str, str] | None:
    names = [name for name, context in _containers(pod) if context.get("privileged")]
    return ("privileged", f"{_named(names)} must not set securityContext.privileged=true") if names else None


# -- restricted --------------------------------------------------------------------------------------------------------
def _escalation(pod: Object) -> tuple[str, str] | None:
    names = [name for name, context in _containers(pod) if context.get("allowPrivilegeEscalation") is not False]
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return ("allowPrivilegeEscalation != false", detail) if names else None


def _capabilities_restricted(pod: Object) -> tuple[str, str] | None:
    kept = [
        name
        for name, context in _containers(pod)
        if "ALL" not in ((context.get("capabilities") or {}).get("drop") or ())
    ]
    details = [f'{_named(kept)} must set securityContext.capabilities.drop=["ALL"]'] if kept else []
    details += [detail] if (detail := _not_added(pod, frozenset(("NET_BIND_SERVICE",)))) else []
    return ("unrestricted capabilities", "; ".join(details)) if details else None


def _restricted_volumes(pod: Object) -> tuple[str, str] | None:
    names, kinds = [], set()
    for volume in pod.get("volumes") or ():
        if more := {key for key in volume if key != "name"} - _VOLUMES:
            names.append(volume["name"])
            kinds |= more
    if not names:
        return None
    verb, noun = "use" if len(names) > 1 else "uses", f"restricted volume type{'s' if len(kinds) > 1 else ''}"
    return "restricted volume types", f"{_named(names, 'volume')} {verb} {noun} {_quoted(sorted(kinds))}"


def _explicit_or_missing(
    pod: Object, reason: str, ask: Callable[[Object], bool | None], explicit: str, missing: str = ""
) -> tuple[str, str] | None:
    """Judge a field that a pod may set for all its containers.

    :param ask: whether a context allows; None when it says nothing.
    :param missing: what must be said; empty when silence is allowed.
    """
    whole = ask(_context(pod))
    bad = [name for name, context in _containers(pod) if ask(context) is False]
    setters = [*(["pod"] if whole is False else []), *([_named(bad)] if bad else [])]
    if setters:
        return reason, f"{' and '.join(setters)} {explicit}"
    silent = [name for name, context in _containers(pod) if missing and ask(context) is None and whole is None]
    return (reason, f"pod or {_named(silent)} {missing}") if silent else None


def _non_root(pod: Object) -> tuple[str, str] | None:
    return _explicit_or_missing(
        pod,
        "runAsNonRoot != true",
        lambda context: context.get("runAsNonRoot"),
        "must not set securityContext.runAsNonRoot=false",
        "must set securityContext.runAsNonRoot=true",
    )


def _user(pod: Object) -> tuple[str, str] | None:
    bad = [name for name, context in _containers(pod) if context.get("runAsUser") == 0]
    setters = [*(["pod"] if _context(pod).get("runAsUser") == 0 else []), *([_named(bad)] if bad else [])]
    return ("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0") if setters else None


def _seccomp(pod: Object, missing: str = "") -> tuple[str, str] | None:
    def kind(context: Object) -> str | None:
        return (context.get("seccompProfile") or {}).get("type")

    values = {kind(context) for context in (_context(pod), *(context for _name, context in _containers(pod)))}
    bad = _quoted(sorted(value for value in values if value and value not in _SECCOMP))
    return _explicit_or_missing(
        pod,
        "seccompProfile",
        lambda context: None if kind(context) is None else kind(context) in _SECCOMP,
        f"must not set securityContext.seccompProfile.type to {bad}",
        missing,
    )


def _seccomp_restricted(pod: Object) -> tuple[str, str] | None:
    return _seccomp(pod, 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"')


_BASELINE: tuple[Check, ...] = (
    _capabilities_baseline,
    _host_namespaces,
    _host_path_volumes,
    _host_ports,
    _privileged,
    _seccomp,
)
# Those of capabilities, volumes and seccomp stand for the ones of baseline.
_RESTRICTED: tuple[Check, ...] = (
    _host_namespaces,
    _host_ports,
    _privileged,
    _escalation,
    _capabilities_restricted,
    _restricted_volumes,
    _non_root,
    _user,
    _seccomp_restricted,
)
