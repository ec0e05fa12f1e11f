# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longhorn's manager: settings, the default class, the CSI driver, its nodes with their disks, the backup target."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import yaml_text
from ..api import CONFIG_MAPS, DAEMON_SETS, NODES, PODS, SECRETS, STORAGE_CLASSES, Object, Resource
from ..base import Controller, merge_conditions, timestamp
from ..pods import has_labels, is_ready, node_ready
from . import longhorn_plan as plan
from .state import running

IMAGE = "longhorn-manager"
MANAGER = "longhorn-manager"
LH_NODES = Resource("longhorn.io/v1beta2", "nodes", "Node")
LH_VOLUMES = Resource("longhorn.io/v1beta2", "volumes", "Volume")
LH_SETTINGS = Resource("longhorn.io/v1beta2", "settings", "Setting")
LH_REPLICAS = Resource("longhorn.io/v1beta2", "replicas", "Replica")
LH_TARGETS = Resource("longhorn.io/v1beta2", "backuptargets", "BackupTarget")
CSI_DRIVERS = Resource("storage.k8s.io/v1", "csidrivers", "CSIDriver", namespaced=False)
PODS_OF = {"app": "longhorn-manager"}
UNMOUNTED = (
    "Disk {0}({1}) on node {2} is not ready: failed to get disk config: error: "
    "open {1}/longhorn-disk.cfg: no such file or directory"
)
FREE = plan.DISK_SIZE * 19 // 20
"""What the file system of a fresh disk leaves."""


class LonghornManager(Controller):
    """Acts while a pod of the DaemonSet is ready; each node is known from the moment its own pod is."""

    watches = (
        DAEMON_SETS,
        CONFIG_MAPS,
        NODES,
        PODS,
        SECRETS,
        STORAGE_CLASSES,
        LH_NODES,
        LH_SETTINGS,
        LH_TARGETS,
        LH_REPLICAS,
    )
    _setting_file: ClassVar[tuple[str, str]] = ("longhorn-default-setting", "default-setting.yaml")
    _target_file: ClassVar[tuple[str, str]] = ("longhorn-default-resource", "default-resource.yaml")

    async def reconcile(self) -> None:
        """Bring everything that does not belong to one volume to its form."""
        managers = running(self.mirror(DAEMON_SETS), IMAGE)
        if not managers or not self.mirror(LH_NODES).served:
            return
        home = managers[0]["metadata"]["namespace"]
        settings = await self._settings(home)
        await self._class(home)
        await self._nodes(home, settings)
        await self._backup_target(home)

    def _file(self, home: str, where: tuple[str, str]) -> dict[str, Any]:
        found = self.mirror(CONFIG_MAPS).get(home, where[0]) or {}
        data = yaml_text.load((found.get("data") or {}).get(where[1]) or "") or {}
        return data if isinstance(data, dict) else {}

    async def _settings(self, home: str) -> dict[str, str]:
        """Create the settings, and carry what the chart's ConfigMap sets over into them; return all values."""
        given = {k: _text(v) for k, v in self._file(home, self._setting_file).items()}
        for name, value in {**plan.DEFAULTS, **given}.items():
            known = self.mirror(LH_SETTINGS).get(home, name)
            if known is None:
                meta = {"name": name, "namespace": home}
                known = await self.api.create(LH_SETTINGS, {"metadata": meta, "value": value})
            elif name in given and known.get("value") != value:
                known = await self.api.merge(LH_SETTINGS.of(known), {"value": value})
            if known is not None and not (known.get("status") or {}).get("applied"):
                await self.api.set_status(LH_SETTINGS, known, {"applied": True})
        held = {s["metadata"]["name"]: s.get("value", "") for s in self.mirror(LH_SETTINGS)}
        return {**plan.DEFAULTS, **given, **held}

    async def _class(self, home: str) -> None:
        wanted = self._file(home, ("longhorn-storageclass", "storageclass.yaml"))
        if wanted:
            known = self.mirror(STORAGE_CLASSES).get("", wanted["metadata"]["name"])
            if known is not None and known.get("parameters") != wanted.get("parameters"):
                await self.api.delete(STORAGE_CLASSES, known)  # parameters cannot be changed
                known = None
            if known is None:
                made = {k: v for k, v in wanted.items() if k not in ("kind", "apiVersion")}
                await self.api.create(STORAGE_CLASSES, made)
        if await self.api.get(CSI_DRIVERS.path("", plan.DRIVER)) is None:
            spec = {"attachRequired": True, "podInfoOnMount": True, "fsGroupPolicy": "ReadWriteOnceWithFSType"}
            await self.api.create(CSI_DRIVERS, {"metadata": {"name": plan.DRIVER}, "spec": spec})

    # -- nodes -------------------------------------------------------------------------------------------------------
    async def _nodes(self, home: str, settings: dict[str, str]) -> None:
        here = {p["spec"].get("nodeName") for p in self.mirror(PODS) if has_labels(p, PODS_OF) and is_ready(p)}
        for node in self.mirror(NODES):
            name = node["metadata"]["name"]
            known = self.mirror(LH_NODES).get(home, name)
            if known is None and name in here:
                known = await self._register(home, node, settings)
            elif known is not None and "disks" not in (known.get("spec") or {}) and name in here:
                disks = plan.default_disks(node, settings) or {}
                await self.api.merge(LH_NODES.of(known), {"spec": {"name": name, "disks": disks}})
            if known is not None:
                await self._node_status(known, node, name in here, settings)

    async def _register(self, home: str, node: Object, settings: dict[str, str]) -> Object | None:
        name = node["metadata"]["name"]
        spec = {
            "name": name,
            "allowScheduling": True,
            "evictionRequested": False,
            "tags": plan.node_tags(node),
            "disks": plan.default_disks(node, settings) or {},
        }
        return await self.api.create(LH_NODES, {"metadata": {"name": name, "namespace": home}, "spec": spec})

    async def _node_status(self, known: Object, node: Object, here: bool, settings: dict[str, str]) -> None:
        name, spec = node["metadata"]["name"], known.get("spec") or {}
        up = here and node_ready(node)
        cordoned = bool((node.get("spec") or {}).get("unschedulable"))
        old = known.get("status") or {}
        down = ("ManagerPodDown", f"the manager pod on node {name} is not running")
        ready = _condition("Ready", up, *(("", f"Node {name} is ready") if up else down))
        takes = not (cordoned and settings.get("disable-scheduling-on-cordoned-node") == "true")
        schedulable = _condition("Schedulable", takes, "" if takes else "KubernetesNodeCordoned", "")
        before: Object = dict(old.get("diskStatus") or {})
        disks = {
            key: self._disk_status(name, key, disk, up, before.get(key) or {}, settings)
            for key, disk in (spec.get("disks") or {}).items()
        }
        wanted: Object = {
            "conditions": merge_conditions(old.get("conditions"), [ready, schedulable]),
            "diskStatus": {**dict.fromkeys(set(before) - set(disks)), **disks},
            "region": "",
            "zone": "",
            "autoEvicting": False,
        }
        if {k: v for k, v in wanted["diskStatus"].items() if v is not None} == before:
            wanted.pop("diskStatus")
        await self.api.set_status(LH_NODES, known, wanted)

    def _disk_status(
        self, node: str, key: str, disk: Object, up: bool, old: Object, settings: dict[str, str]
    ) -> Object:
        path = disk.get("path", "")
        mounted = node not in self.world.platform.faults.disk_missing
        uuid = plan.uuid_of(node, path)
        replicas = {
            r["metadata"]["name"]: int((r.get("spec") or {}).get("volumeSize") or 0)
            for r in self.mirror(LH_REPLICAS)
            if (r.get("spec") or {}).get("diskID") == uuid
        }
        scheduled = sum(replicas.values())
        good = up and mounted
        if mounted:
            words = ("", f"Disk {key}({path}) on node {node} is ready")
        else:
            words = ("NoDiskInfo", UNMOUNTED.format(key, path, node))
        conditions = [_condition("Ready", good, *words)]
        conditions.append(_condition("Schedulable", good and bool(disk.get("allowScheduling")), "", ""))
        return {
            "diskName": key,
            "diskPath": path,
            "diskType": disk.get("diskType", "filesystem"),
            "diskUUID": uuid if mounted else "",
            "filesystemType": "ext2/ext3",
            "storageMaximum": plan.DISK_SIZE if mounted else 0,
            "storageAvailable": FREE if mounted else 0,
            "storageScheduled": scheduled,
            "scheduledReplica": {**dict.fromkeys(set(old.get("scheduledReplica") or {}) - set(replicas)), **replicas},
            "conditions": merge_conditions(old.get("conditions"), conditions),
        }

    # -- backups -----------------------------------------------------------------------------------------------------
    async def _backup_target(self, home: str) -> None:
        given = self._file(home, self._target_file)
        spec = {
            "backupTargetURL": _text(given.get("backup-target", "")),
            "credentialSecret": _text(given.get("backup-target-credential-secret", "")),
            "pollInterval": f"{int(given.get('backupstore-poll-interval') or 300)}s",
        }
        known = self.mirror(LH_TARGETS).get(home, "default")
        if known is None:
            await self.api.create(LH_TARGETS, {"metadata": {"name": "default", "namespace": home}, "spec": spec})
        for target in self.mirror(LH_TARGETS):
            url, secret = target["spec"].get("backupTargetURL") or "", target["spec"].get("credentialSecret") or ""
            problem = self._target_problem(home, url, secret)
            old = target.get("status") or {}
            condition = _condition("Unavailable", bool(problem), "Unavailable" if problem else "", problem)
            status = {
                "available": not problem,
                "conditions": merge_conditions(old.get("conditions"), [condition]),
                "lastSyncedAt": old.get("lastSyncedAt") or timestamp(),
            }
            await self.api.set_status(LH_TARGETS, target, status)

    def _target_problem(self, home: str, url: str, secret: str) -> str:
        if not url:
            return "backup target URL is empty"
        if secret and self.mirror(SECRETS).get(home, secret) is None:
            return f'failed to init backup target clients: secrets "{secret}" not found'
        if self.world.platform.faults.backup_target_down:
            return f"failed to list backup volumes in {url}: RequestError: send request failed: dial tcp: i/o timeout"
        return ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition(kind: str, good: bool, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": "True" if good else "False",
        "reason": reason,
        "message": message,
        "lastProbeTime": "",
    }
