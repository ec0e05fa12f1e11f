# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the Cilium CLI's image: ``cilium install`` inside the cluster.

It does what the real one does with its arguments: read the values, render the chart, create the objects, and store a
Helm release that a later HelmRelease of the same name adopts. What the real one refuses is refused with its words.
"""

from __future__ import annotations

import asyncio
import posixpath
import time
from typing import Any

import aiohttp
import yaml

from ... import yaml_text
from ..api import CONFIG_MAPS, CRDS, DAEMON_SETS, SECRETS, ApiError, Object
from ..manager import Host, Outcome, World
from . import chart, flags, release

VALUES_REFUSED = "kubeProxyReplacement must be explicitly set to a valid value (true or false) to continue."
MONITOR_REFUSED = "Service Monitor requires monitoring.coreos.com/v1 CRDs."


class InstallError(Exception):
    """The install ends with exit code 1 and this text."""


class Killed(Exception):
    """The container ends in the middle, without a chance to tidy up (exit code 137)."""


def is_cilium_cli(image: str) -> bool:
    """Tell whether the image is the Cilium CLI's (``quay.io/cilium/cilium-cli`` or its ``-ci`` sister)."""
    repository = image.partition("@")[0]
    head, _unused, tail = repository.rpartition("/")
    name = tail.partition(":")[0]
    return name in ("cilium-cli", "cilium-cli-ci") and bool(head)


def arguments(container: Object) -> list[str]:
    """Return the CLI's arguments, its own name left out.

    The release image has the entry point ``cilium``, the ``-ci`` image has none (cilium/cilium-cli ``Dockerfile``).

    :raises InstallError: when the container would not run the CLI at all.
    """
    command, args = list(container.get("command") or []), list(container.get("args") or [])
    entry_point = "cilium-cli-ci" not in container["image"]
    words = [*command, *args] if command or not entry_point else ["cilium", *args]
    if not words or posixpath.basename(words[0]) != "cilium":
        name = words[0] if words else ""
        raise InstallError(f'exec: "{name}": executable file not found in $PATH')
    return words[1:]


async def run(world: World, pod: Object, container: Object, host: Host) -> Outcome:
    """Run the container and return how it ended."""
    from .. import programs

    started = time.monotonic()
    try:
        endpoint = programs.api_endpoint(pod, container, host)
        if endpoint not in host.endpoints:
            raise InstallError(f'Error: Unable to install Cilium: Get "https://{endpoint}/version": i/o timeout')
        wanted = flags.parse(arguments(container))
        if not wanted.version:
            raise InstallError("Error: Unable to install Cilium: the lab needs --version; a default would be a guess")
        values = await collect_values(world, pod, container, wanted)
        check_values(values)
        await _check_service_monitor(world, values)
        if wanted.dry_run:
            return Outcome(0, yaml_text.dump(values))
        await asyncio.sleep(max(0.0, world.delays.cilium.install - (time.monotonic() - started)))
        await _install(world, wanted, values)
    except flags.FlagError as error:
        return Outcome(1, f"Error: {error}\nSee 'cilium install --help'")
    except Killed as error:
        return Outcome(137, str(error))
    except InstallError as error:
        return Outcome(1, str(error))
    except (ApiError, aiohttp.ClientError, OSError) as error:
        return Outcome(1, f"Error: Unable to install Cilium: {error}")
    return Outcome(0, f"🔮 Auto-detected Kubernetes kind\nℹ️  Using Cilium version {wanted.version}\n")


async def collect_values(world: World, pod: Object, container: Object, wanted: flags.InstallFlags) -> dict[str, Any]:
    """Return the values that were passed: files first, then the ``--set`` texts in their order."""
    values: dict[str, Any] = {}
    for path in wanted.files:
        text = await read_mounted(world, pod, container, path)
        try:
            data = yaml_text.load(text) or {}
        except yaml.YAMLError as error:
            raise InstallError(f"Error: Unable to install Cilium: failed to parse {path}: {error}") from error
        if not isinstance(data, dict):
            raise InstallError(f"Error: Unable to install Cilium: failed to parse {path}: not a mapping")
        values = flags.merge_values(values, data)
    for text, string in wanted.settings:
        flags.apply_setting(values, text, string=string)
    return values


async def read_mounted(world: World, pod: Object, container: Object, path: str) -> str:
    """Read a file of the container through its mounts: ConfigMap and Secret volumes, with items and subPath."""
    mounts = sorted(container.get("volumeMounts") or [], key=lambda m: -len(m["mountPath"]))
    for mount in mounts:
        root = mount["mountPath"].rstrip("/")
        if path != root and not path.startswith(root + "/"):
            continue
        name = path[len(root) + 1 :] if path != root else ""
        name = posixpath.join(mount.get("subPath", ""), name).strip("/")
        volume: Object = next((v for v in pod["spec"].get("volumes") or [] if v["name"] == mount["name"]), {})
        files = await _volume_files(world, pod["metadata"]["namespace"], volume)
        if name in files:
            return files[name]
    raise InstallError(f"Error: Unable to install Cilium: open {path}: no such file or directory")


async def _volume_files(world: World, namespace: str, volume: Object) -> dict[str, str]:
    import base64

    if source := volume.get("configMap"):
        obj = await world.api.get(CONFIG_MAPS.path(namespace, source["name"])) or {}
        data = dict(obj.get("data") or {})
    elif source := volume.get("secret"):
        obj = await world.api.get(SECRETS.path(namespace, source["secretName"])) or {}
        data = {k: base64.b64decode(v).decode() for k, v in (obj.get("data") or {}).items()}
    else:
        return {}
    if source.get("items"):
        return {item["path"]: data[item["key"]] for item in source["items"] if item["key"] in data}
    return data


def check_values(values: dict[str, Any]) -> None:
    """Refuse what the chart's templates refuse; unknown keys pass, as the chart's schema lets them.

    :raises InstallError: with the chart's message.
    """
    replacement = values.get("kubeProxyReplacement")
    if replacement is not None and str(replacement).lower() not in ("true", "false"):
        raise InstallError(f"Error: Unable to install Cilium: execution error at (cilium): {VALUES_REFUSED}")


async def _check_service_monitor(world: World, values: dict[str, Any]) -> None:
    monitor = chart.value(values, "prometheus.serviceMonitor", {}) or {}
    if monitor.get("enabled") and not monitor.get("trustCRDsExist"):
        if await world.api.get(CRDS.path("", "servicemonitors.monitoring.coreos.com")) is None:
            raise InstallError(f"Error: Unable to install Cilium: execution error at (cilium): {MONITOR_REFUSED}")


async def _install(world: World, wanted: flags.InstallFlags, values: dict[str, Any]) -> None:
    """Do what Helm's install does, in its order: the record as ``pending-install``, the objects, the record's end.

    Whoever dies in between leaves the record as it was, and any record refuses the name (helm
    ``pkg/action/install.go``, ``availableName``). Objects that bear the release's name are taken over, as
    ``existingResourceConflict`` lets them.
    """
    query = {"labelSelector": f"owner=helm,name={wanted.release}"}
    if (await world.api.request("GET", SECRETS.path(wanted.namespace), query=query)).get("items"):
        raise InstallError("Error: Unable to install Cilium: cannot re-use a name that is still in use")
    objects = chart.render(wanted.version, values, wanted.namespace, wanted.release)
    manifests = [obj for _unused, obj in objects]

    def record(status: str, description: str) -> Object:
        return release.secret(
            *(wanted.release, wanted.namespace, wanted.version, values, manifests),
            status=status,
            description=description,
        )

    await world.api.create(SECRETS, record("pending-install", "Initial install underway"))
    try:
        for number, (resource, obj) in enumerate(objects):
            if number == len(objects) // 2:
                _break(world, wanted)
            await world.api.ensure(resource, obj, "Helm")
        if wanted.wait:
            await _wait(world, wanted.namespace)
    except (ApiError, InstallError) as error:
        told = f'Release "{wanted.release}" failed: {error}'
        await world.api.ensure(SECRETS, record("failed", told), "Helm")
        raise
    await world.api.ensure(SECRETS, record("deployed", "Install complete"), "Helm")


def _break(world: World, wanted: flags.InstallFlags) -> None:
    fault = world.fault_for("Release", {"metadata": {"name": wanted.release, "namespace": wanted.namespace}})
    if fault and fault.reason == "Killed":
        raise Killed(fault.message)
    if fault:
        raise InstallError(f"Error: Unable to install Cilium: {fault.message}")


async def _wait(world: World, namespace: str) -> None:
    """Wait for the agents, up to the CLI's default of five minutes."""
    for _unused in range(600):
        obj = await world.api.get(DAEMON_SETS.path(namespace, "cilium"))
        status = (obj or {}).get("status") or {}
        if status.get("desiredNumberScheduled") and status.get("numberReady") == status["desiredNumberScheduled"]:
            return
        await asyncio.sleep(0.5)
    raise InstallError("Error: Unable to install Cilium: timeout while waiting for status to become successful")
