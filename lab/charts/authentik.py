# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chart authentik 2025.12.4: server and worker; the database comes from elsewhere unless its sub-chart is asked for."""

from __future__ import annotations

from .parts import Object, Release, account, budget, container, monitor, obj, service, workload

PORTS = {"http": 9000, "https": 9443, "metrics": 9300}


def render(release: Release) -> list[Object]:
    """Return the objects of the release."""
    name = release.fullname()
    own = not release.value("authentik.existingSecret.secretName")
    objects: list[Object] = [account(name, release.labels("authentik", release.version))]
    if own and release.on("authentik.enabled", True):
        labels = release.labels("authentik", release.version)
        objects.append(obj("v1", "Secret", name, labels, type="Opaque", stringData=_settings(release)))
    for part in ("server", "worker"):
        if release.on(f"{part}.enabled", True):
            objects += _part(release, name, part, own)
    return objects


def _settings(release: Release) -> dict[str, str]:
    """Return the keys of the chart's own Secret: ``authentik.a.b`` becomes ``AUTHENTIK_A__B``."""
    found: dict[str, str] = {}

    def walk(value: object, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, str(key).upper()))
        elif value is not None and value != "":
            found[f"AUTHENTIK_{'__'.join(path)}"] = str(value).lower() if isinstance(value, bool) else str(value)

    settings = {k: v for k, v in release.value("authentik", {}).items() if k not in ("enabled", "existingSecret")}
    walk(settings, ())
    return found


def _part(release: Release, name: str, part: str, own: bool) -> list[Object]:
    full = f"{name}-{part}"
    labels = release.labels("authentik", release.version, part)
    selector = release.selector("authentik", part)
    repository = release.value("global.image.repository", "ghcr.io/goauthentik/server")
    picture = f"{repository}:{release.value('global.image.tag', release.version)}"
    sources: list[Object] = [{"secretRef": {"name": name}}] if own else []
    sources += [*release.value("global.envFrom", []), *release.value(f"{part}.envFrom", [])]
    if not own and not any((s.get("secretRef") or {}).get("name") == _existing(release) for s in sources):
        sources.insert(0, {"secretRef": {"name": _existing(release)}})
    listen = [
        {"name": f"AUTHENTIK_LISTEN__{key.upper()}", "value": f"0.0.0.0:{port}"}
        for key, port in PORTS.items()
        if part == "server" or key != "https"
    ]
    env = [*release.value("global.env", []), *release.value(f"{part}.env", []), *listen]
    made = container(
        part,
        picture,
        args=[part],
        ports=PORTS if part == "server" else {"http": PORTS["http"], "metrics": PORTS["metrics"]},
        env=env,
        env_from=sources,
    )
    mounts = [*release.value("global.volumeMounts", []), *release.value(f"{part}.volumeMounts", [])]
    if mounts:
        made["volumeMounts"] = mounts
    if found := release.value(f"{part}.containerSecurityContext"):
        made["securityContext"] = found
    pod: Object = {"enableServiceLinks": True}
    if found := {**release.value("global.securityContext", {}), **release.value(f"{part}.securityContext", {})}:
        pod["securityContext"] = found
    volumes = [*release.value("global.volumes", []), *release.value(f"{part}.volumes", [])]
    if volumes:
        pod["volumes"] = volumes
    for key in ("nodeSelector", "tolerations", "priorityClassName"):
        if found := release.value(f"{part}.{key}") or release.value(f"global.{key}"):
            pod[key] = found
    if part == "worker":
        pod["serviceAccountName"] = name
    workload_of = workload(
        "Deployment", full, labels, selector, [made], replicas=release.value(f"{part}.replicas", 1), pod=pod
    )
    objects = [workload_of]
    if part == "server":
        kind = {"type": release.value("server.service.type", "ClusterIP")}
        ports: list[tuple[str, int, int | str]] = [
            ("http", int(release.value("server.service.servicePortHttp", 80)), "http"),
            ("https", int(release.value("server.service.servicePortHttps", 443)), "https"),
        ]
        objects.append(service(full, labels, selector, ports, more=kind))
    if release.on(f"{part}.metrics.enabled"):
        target = {**labels, "app.kubernetes.io/component": f"{part}-metrics"}
        objects.append(service(f"{full}-metrics", target, selector, [("metrics", 9300, "metrics")]))
        if release.on(f"{part}.metrics.serviceMonitor.enabled"):
            extra = release.value(f"{part}.metrics.serviceMonitor.labels", {})
            wanted = release.selector("authentik", f"{part}-metrics")
            objects.append(monitor("ServiceMonitor", full, labels | extra, wanted, "metrics", path="/metrics"))
    if release.on(f"{part}.pdb.enabled"):
        objects.append(budget(full, labels, selector, minAvailable=release.value(f"{part}.pdb.minAvailable", 1)))
    return objects


def _existing(release: Release) -> str:
    return str(release.value("authentik.existingSecret.secretName"))
