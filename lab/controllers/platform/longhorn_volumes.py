# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longhorn's volumes: claims are bound, replicas placed on disks, and what a volume is worth is written down."""

from __future__ import annotations

import time

from ..api import CLAIMS, DAEMON_SETS, NODES, PODS, STORAGE_CLASSES, VOLUMES, ApiError, Object
from ..base import RETRY, Controller, Memory, key_of, merge_conditions, timestamp
from ..manager import World
from ..needs import claims_of
from ..pods import is_finished, is_ready, node_ready
from . import longhorn_plan as plan
from .longhorn import IMAGE, LH_NODES, LH_REPLICAS, LH_SETTINGS, LH_VOLUMES
from .state import running

PROVISIONER = "volume.kubernetes.io/storage-provisioner"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
NOT_READY = (
    'AttachVolume.Attach failed for volume "{0}" : rpc error: code = Aborted desc = '
    "volume {0} is not ready for workloads"
)


class LonghornVolumes(Controller):
    """Provisioner and volume controller in one."""

    watches = (
        DAEMON_SETS,
        NODES,
        PODS,
        CLAIMS,
        VOLUMES,
        STORAGE_CLASSES,
        LH_NODES,
        LH_VOLUMES,
        LH_REPLICAS,
        LH_SETTINGS,
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._asked, self._back = Memory(), Memory()

    async def reconcile(self) -> None:
        """Provision, place, report."""
        managers = running(self.mirror(DAEMON_SETS), IMAGE)
        if not managers or not self.mirror(LH_VOLUMES).served:
            return
        home = managers[0]["metadata"]["namespace"]
        waiting = [c for c in self.mirror(CLAIMS) if (c.get("status") or {}).get("phase") != "Bound"]
        self._asked.keep(c["metadata"]["uid"] for c in waiting)
        for claim in waiting:
            try:
                await self._claim(claim, home)
            except ApiError as error:  # one refused claim must not keep the others waiting
                self.log.info("claim %s/%s: %s", *key_of(claim), error)
                self.due(time.monotonic(), RETRY)
        used = self._used()
        disks = self._disks()
        self._back.keep(d.node for d in disks if d.ready)
        claims = {c["metadata"]["uid"]: c for c in self.mirror(CLAIMS)}
        bad: dict[tuple[str, str], str] = {}
        for volume in self.mirror(LH_VOLUMES):
            if not volume["metadata"].get("deletionTimestamp"):
                await self._volume(volume, home, disks, used, claims, bad)
        if self.world.platform.unattachable != bad:
            self.world.platform.unattachable = bad
            self.world.poke()
        await self._released(home, claims)

    # -- claims ------------------------------------------------------------------------------------------------------
    def _class_of(self, claim: Object) -> Object | None:
        name = claim["spec"].get("storageClassName")
        for one in self.mirror(STORAGE_CLASSES):
            notes = one["metadata"].get("annotations") or {}
            if one["metadata"]["name"] == name or (name is None and notes.get(DEFAULT_CLASS) == "true"):
                return one
        return None

    async def _claim(self, claim: Object, home: str) -> None:
        found = self._class_of(claim)
        if found is None or found.get("provisioner") != plan.DRIVER or claim["metadata"].get("deletionTimestamp"):
            return
        if not self.due(self._asked.since(claim["metadata"]["uid"]), self.world.delays.platform.volume):
            return
        meta, name = claim["metadata"], f"pvc-{claim['metadata']['uid']}"
        parameters = {k: str(v) for k, v in (found.get("parameters") or {}).items()}
        wanted = plan.volume_spec(claim, parameters)
        if self.mirror(LH_VOLUMES).get(home, name) is None:
            labels = {"longhornvolume": name, **plan.job_labels(claim, parameters)}
            made = {"metadata": {"name": name, "namespace": home, "labels": labels}, "spec": wanted}
            await self.api.create(LH_VOLUMES, made)
        storage = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
        modes = claim["spec"].get("accessModes")
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": meta["name"]}
        spec = {
            "accessModes": modes,
            "capacity": {"storage": storage},
            "claimRef": {**reference, "namespace": meta["namespace"], "uid": meta["uid"]},
            "csi": {
                "driver": plan.DRIVER,
                "fsType": parameters.get("fsType") or "ext4",
                "volumeHandle": name,
                "volumeAttributes": {k: v for k, v in parameters.items() if v},
            },
            "persistentVolumeReclaimPolicy": found.get("reclaimPolicy", "Delete"),
            "storageClassName": found["metadata"]["name"],
            "volumeMode": claim["spec"].get("volumeMode") or "Filesystem",
        }
        notes = {"pv.kubernetes.io/provisioned-by": plan.DRIVER}
        if self.mirror(VOLUMES).get("", name) is None:
            created = await self.api.create(VOLUMES, {"metadata": {"name": name, "annotations": notes}, "spec": spec})
            if created is not None:
                await self.api.set_status(VOLUMES, created, {"phase": "Bound"})
        marks = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
        patch: Object = {"metadata": {"annotations": {**marks, PROVISIONER: plan.DRIVER}}, "spec": {"volumeName": name}}
        if claim["spec"].get("storageClassName") is None:
            patch["spec"]["storageClassName"] = found["metadata"]["name"]
        await self.api.merge(CLAIMS.of(claim), patch)
        status = {"phase": "Bound", "accessModes": modes, "capacity": {"storage": storage}}
        await self.api.merge(CLAIMS.of(claim, "status"), {"status": status})

    async def _released(self, home: str, claims: dict[str, Object]) -> None:
        """Follow claims that are gone: a volume of policy Delete goes, any other is kept and ``Released``."""
        for pv in self.mirror(VOLUMES):
            spec = pv["spec"]
            if (spec.get("csi") or {}).get("driver") != plan.DRIVER or not spec.get("claimRef"):
                continue
            if spec["claimRef"].get("uid") in claims:
                continue
            # The mirrors of claims and volumes do not move together: ask before anything is thrown away.
            reference = spec["claimRef"]
            now = await self.api.get(CLAIMS.path(reference["namespace"], reference["name"]))
            if now is not None and now["metadata"]["uid"] == reference.get("uid"):
                continue
            if spec.get("persistentVolumeReclaimPolicy") == "Delete":
                volume = self.mirror(LH_VOLUMES).get(home, pv["metadata"]["name"])
                if volume is not None:
                    await self.api.delete(LH_VOLUMES, volume)
                await self.api.delete(VOLUMES, pv)
            else:
                await self.api.set_status(VOLUMES, pv, {"phase": "Released"})

    # -- volumes -----------------------------------------------------------------------------------------------------
    def _used(self) -> dict[tuple[str, str], Object]:
        """Return which pod uses each claim: a ready one before one that only waits."""
        found: dict[tuple[str, str], Object] = {}
        for pod in self.mirror(PODS):
            if pod["spec"].get("nodeName") and not is_finished(pod):
                for claim in claims_of(pod):
                    key = (pod["metadata"]["namespace"], claim)
                    if key not in found or is_ready(pod):
                        found[key] = pod
        return found

    def _disks(self) -> list[plan.Disk]:
        faults = self.world.platform.faults
        over = _number(self.mirror(LH_SETTINGS), "storage-over-provisioning-percentage", 100)
        found = []
        for node in self.mirror(LH_NODES):
            name, spec, status = node["metadata"]["name"], node.get("spec") or {}, node.get("status") or {}
            kube = self.mirror(NODES).get("", name)
            up = kube is not None and node_ready(kube)
            for key, disk in (spec.get("disks") or {}).items():
                state = (status.get("diskStatus") or {}).get(key) or {}
                good = {c["type"]: c["status"] == "True" for c in state.get("conditions") or []}
                room = (int(state.get("storageMaximum") or 0) - int(disk.get("storageReserved") or 0)) * over // 100
                found.append(
                    plan.Disk(
                        node=name,
                        name=key,
                        path=disk.get("path", ""),
                        uuid=state.get("diskUUID") or plan.uuid_of(name, disk.get("path", "")),
                        tags=frozenset(() if name in faults.disk_untagged else disk.get("tags") or ()),
                        node_tags=frozenset(spec.get("tags") or ()),
                        ready=bool(up and good.get("Ready")),
                        schedulable=bool(good.get("Schedulable") and spec.get("allowScheduling", True)),
                        room=room,
                        scheduled=int(state.get("storageScheduled") or 0),
                    )
                )
        return found

    async def _volume(
        self,
        volume: Object,
        home: str,
        disks: list[plan.Disk],
        used: dict[tuple[str, str], Object],
        claims: dict[str, Object],
        bad: dict[tuple[str, str], str],
    ) -> None:
        name = volume["metadata"]["name"]
        claim = claims.get(name.removeprefix("pvc-"))
        pod = used.get(key_of(claim)) if claim is not None else None
        mine = [r for r in self.mirror(LH_REPLICAS) if (r.get("spec") or {}).get("volumeName") == name]
        at = {r["spec"]["diskID"]: r for r in mine}
        soft = _flag(self.mirror(LH_SETTINGS), "replica-soft-anti-affinity")
        chosen = plan.spread(volume, disks, list(at), soft=soft)
        wanted = int(volume["spec"].get("numberOfReplicas") or 3)
        whole = []
        for disk in chosen.disks:
            if disk.uuid in at and self.due(self._back.since(disk.node), self.world.delays.platform.rebuild):
                whole.append(disk)
            elif disk.uuid not in at and len(at) < wanted:
                # A lost replica is not replaced at once: its node may come back (replica-replenishment-wait-interval).
                await self._replica(volume, home, disk)
                whole.append(disk)
        count = self._after_faults(volume, claim, len(whole))
        attached = pod is not None and count > 0
        value = plan.robustness(wanted, count, attached)
        if claim is not None and value == "faulted":
            bad[key_of(claim)] = NOT_READY.format(name)
        scheduled = {
            "type": "Scheduled",
            "status": "False" if chosen.problem else "True",
            "reason": "ReplicaSchedulingFailure" if chosen.problem else "",
            "message": chosen.problem,
            "lastProbeTime": "",
        }
        old = volume.get("status") or {}
        status: Object = {
            "state": "attached" if attached else "detached",
            "robustness": value,
            "currentNodeID": pod["spec"]["nodeName"] if attached and pod is not None else "",
            "conditions": merge_conditions(old.get("conditions"), [scheduled]),
            "actualSize": 0,
            "kubernetesStatus": _kubernetes(name, claim, pod),
        }
        await self.api.set_status(LH_VOLUMES, volume, status)
        alive = {d.uuid for d in whole}
        for replica in mine:
            state = "running" if attached and replica["spec"]["diskID"] in alive else "stopped"
            await self.api.set_status(LH_REPLICAS, replica, {"currentState": state, "started": state == "running"})
            health = _health(replica["spec"], running=state == "running", attached=attached)
            if health:
                await self.api.merge(LH_REPLICAS.of(replica), {"spec": health})

    def _after_faults(self, volume: Object, claim: Object | None, whole: int) -> int:
        names = {volume["metadata"]["name"], "/".join(key_of(claim)) if claim is not None else ""}
        faults = self.world.platform.faults
        if names & set(faults.volume_faulted):
            return 0
        return max(0, whole - 1) if names & set(faults.volume_degraded) else whole

    async def _replica(self, volume: Object, home: str, disk: plan.Disk) -> None:
        name = volume["metadata"]["name"]
        spec = {
            "volumeName": name,
            "volumeSize": volume["spec"].get("size", "0"),
            "nodeID": disk.node,
            "diskID": disk.uuid,
            "diskPath": disk.path,
            "failedAt": "",
        }
        meta = {"name": f"{name}-r-{disk.uuid[:8]}", "namespace": home, "labels": {"longhornvolume": name}}
        owner = {"apiVersion": "longhorn.io/v1beta2", "kind": "Volume", "name": name, "uid": volume["metadata"]["uid"]}
        await self.api.create(LH_REPLICAS, {"metadata": {**meta, "ownerReferences": [owner]}, "spec": spec})


def _health(spec: Object, *, running: bool, attached: bool) -> Object:
    """Return what changes of a replica's spec: it carries since when it is good, or when it failed."""
    now = timestamp()
    if running and not spec.get("healthyAt"):
        return {"healthyAt": now, "lastHealthyAt": now, "failedAt": ""}
    if attached and not running and spec.get("healthyAt"):
        return {"healthyAt": "", "failedAt": now, "lastFailedAt": now}
    return {}


def _kubernetes(name: str, claim: Object | None, pod: Object | None) -> Object:
    if claim is None:
        return {"pvName": name, "pvStatus": "Released"}
    meta = claim["metadata"]
    found: Object = {"namespace": meta["namespace"], "pvcName": meta["name"], "pvName": name, "pvStatus": "Bound"}
    if pod is not None:
        phase = (pod.get("status") or {}).get("phase", "")
        owner: Object = next(iter(pod["metadata"].get("ownerReferences") or []), {})
        workload = {"podName": pod["metadata"]["name"], "podStatus": phase}
        workload |= {"workloadName": owner.get("name", ""), "workloadType": owner.get("kind", "")}
        found["workloadsStatus"] = [workload]
    return found


def _number(settings: object, name: str, default: int) -> int:
    text = _value(settings, name)
    return int(text) if text.isdigit() else default


def _flag(settings: object, name: str) -> bool:
    return _value(settings, name) == "true"


def _value(settings: object, name: str) -> str:
    return next((s.get("value", "") for s in settings if s["metadata"]["name"] == name), "")  # type: ignore[attr-defined]
