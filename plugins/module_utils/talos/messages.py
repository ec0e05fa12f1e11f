# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field numbers of the messages we exchange with a Talos node.

Source: siderolabs/talos v1.10 ``api/{machine,storage,common}/*.proto`` and cosi-project/specification
``proto/v1alpha1``.
Every unary answer outside of COSI is ``{repeated X messages = 1}`` and every X has ``Metadata metadata = 1``:
:func:`answer`
writes both.
"""

from __future__ import annotations

from .protobuf import DecodeError, Enumeration, Field, Schema, decode, encode

__all__ = ["DecodeError", "Schema", "decode", "encode"]

MACHINE = "machine.MachineService"
STORAGE = "storage.StorageService"
COSI = "cosi.resource.State"
TIME = "time.TimeService"

APPLY_MODES = Enumeration(REBOOT=0, AUTO=1, NO_REBOOT=2, STAGED=3, TRY=4)
REBOOT_MODES = Enumeration(DEFAULT=0, POWERCYCLE=1)
WIPE_MODES = Enumeration(ALL=0, SYSTEM_DISK=1, USER_DISKS=2)
ALARMS = Enumeration(NONE=0, NOSPACE=1, CORRUPT=2)
DISK_TYPES = Enumeration(UNKNOWN=0, SSD=1, HDD=2, NVME=3, SD=4, CD=5)


def one(number: int, kind: str | Schema) -> Field:
    """Return a single field."""
    return Field(number, kind)


def many(number: int, kind: str | Schema) -> Field:
    """Return a repeated field."""
    return Field(number, kind, repeated=True)


METADATA = Schema(
    "Metadata",
    hostname=one(1, "string"),
    error=one(2, "string"),
    status=one(3, Schema("Status", code=one(1, "int32"), message=one(2, "string"))),
)


def answer(title: str, /, **fields: Field) -> Schema:
    """Return the schema of a unary answer whose messages have these fields."""
    return Schema(f"{title}Response", messages=many(1, Schema(title, metadata=one(1, METADATA), **fields)))


EMPTY = Schema("Empty")
EMPTY_ANSWER = answer("Empty")
DURATION = Schema("Duration", seconds=one(1, "int64"), nanos=one(2, "int32"))
TIMESTAMP = Schema("Timestamp", seconds=one(1, "int64"), nanos=one(2, "int32"))
DATA = Schema("Data", metadata=one(1, METADATA), bytes=one(2, "bytes"))
PATH_REQUEST = Schema("ReadRequest", path=one(1, "string"))

LIST_REQUEST = Schema("ListRequest", root=one(1, "string"))
#: One message of the stream of List.
FILE_INFO = Schema("FileInfo", error=one(7, "string"), relative_name=one(9, "string"))

VERSION_ANSWER = answer(
    "Version",
    version=one(
        2,
        Schema(
            "VersionInfo",
            tag=one(1, "string"),
            sha=one(2, "string"),
            built=one(3, "string"),
            go_version=one(4, "string"),
            os=one(5, "string"),
            arch=one(6, "string"),
        ),
    ),
    platform=one(3, Schema("PlatformInfo", name=one(1, "string"), mode=one(2, "string"))),
)

APPLY_REQUEST = Schema(
    "ApplyConfigurationRequest",
    data=one(1, "bytes"),
    mode=one(4, "enum"),
    dry_run=one(5, "bool"),
    try_mode_timeout=one(6, DURATION),
)
APPLY_ANSWER = answer(
    "ApplyConfiguration", warnings=many(2, "string"), mode=one(3, "enum"), mode_details=one(4, "string")
)

BOOTSTRAP_REQUEST = Schema("BootstrapRequest", recover_etcd=one(1, "bool"), recover_skip_hash_check=one(2, "bool"))
REBOOT_REQUEST = Schema("RebootRequest", mode=one(1, "enum"))
REBOOT_ANSWER = answer("Reboot", actor_id=one(2, "string"))
RESET_REQUEST = Schema(
    "ResetRequest",
    graceful=one(1, "bool"),
    reboot=one(2, "bool"),
    system_partitions_to_wipe=many(3, Schema("ResetPartitionSpec", label=one(1, "string"), wipe=one(2, "bool"))),
    user_disks_to_wipe=many(4, "string"),
    mode=one(5, "enum"),
)
RESET_ANSWER = answer("Reset", actor_id=one(2, "string"))
UPGRADE_REQUEST = Schema(
    "UpgradeRequest",
    image=one(1, "string"),
    preserve=one(2, "bool"),
    stage=one(3, "bool"),
    force=one(4, "bool"),
    reboot_mode=one(5, "enum"),
)
IMAGE_PULL_REQUEST = Schema("ImagePullRequest", namespace=one(1, "enum"), reference=one(2, "string"))
UPGRADE_ANSWER = answer("Upgrade", ack=one(2, "string"), actor_id=one(3, "string"))

SERVICES_ANSWER = answer(
    "ServiceList",
    services=many(
        2,
        Schema(
            "ServiceInfo",
            id=one(1, "string"),
            state=one(2, "string"),
            events=one(3, Schema("ServiceEvents", events=many(1, Schema("ServiceEvent", msg=one(1, "string"))))),
            health=one(
                4,
                Schema("ServiceHealth", unknown=one(1, "bool"), healthy=one(2, "bool"), last_message=one(3, "string")),
            ),
        ),
    ),
)

#: ``localtime`` is the node's clock after it has asked its time server for ``remotetime``.
TIME_ANSWER = answer("Time", server=one(2, "string"), localtime=one(3, TIMESTAMP), remotetime=one(4, TIMESTAMP))
DISKS_ANSWER = answer(
    "Disks",
    disks=many(
        2,
        Schema(
            "Disk",
            size=one(1, "uint64"),
            model=one(2, "string"),
            device_name=one(3, "string"),
            name=one(4, "string"),
            serial=one(5, "string"),
            modalias=one(6, "string"),
            uuid=one(7, "string"),
            wwid=one(8, "string"),
            type=one(9, "enum"),
            bus_path=one(10, "string"),
            system_disk=one(11, "bool"),
            subsystem=one(12, "string"),
            readonly=one(13, "bool"),
        ),
    ),
)

ETCD_REMOVE_REQUEST = Schema("EtcdRemoveMemberByIDRequest", member_id=one(1, "uint64"))
SERVICE_REQUEST = Schema("ServiceRestartRequest", id=one(1, "string"))
SERVICE_ANSWER = answer("ServiceRestart", resp=one(2, "string"))
ETCD_MEMBERS_REQUEST = Schema("EtcdMemberListRequest", query_local=one(1, "bool"))
ETCD_MEMBERS_ANSWER = answer(
    "EtcdMembers",
    members=many(
        3,
        Schema(
            "EtcdMember",
            id=one(2, "uint64"),
            hostname=one(3, "string"),
            peer_urls=many(4, "string"),
            client_urls=many(5, "string"),
            is_learner=one(6, "bool"),
        ),
    ),
)
ETCD_STATUS_ANSWER = answer(
    "EtcdStatus",
    member_status=one(
        2,
        Schema(
            "EtcdMemberStatus",
            protocol_version=one(1, "string"),
            db_size=one(2, "int64"),
            db_size_in_use=one(3, "int64"),
            leader=one(4, "uint64"),
            raft_index=one(5, "uint64"),
            raft_term=one(6, "uint64"),
            raft_applied_index=one(7, "uint64"),
            errors=many(8, "string"),
            is_learner=one(9, "bool"),
            member_id=one(10, "uint64"),
        ),
    ),
)
ETCD_ALARMS_ANSWER = answer(
    "EtcdAlarm",
    member_alarms=many(2, Schema("EtcdMemberAlarm", member_id=one(1, "uint64"), alarm=one(2, "enum"))),
)

COSI_GET = Schema("GetRequest", namespace=one(1, "string"), type=one(2, "string"), id=one(3, "string"))
COSI_LIST = Schema("ListRequest", namespace=one(1, "string"), type=one(2, "string"))
RESOURCE = Schema(
    "Resource",
    metadata=one(
        1,
        Schema(
            "ResourceMetadata",
            namespace=one(1, "string"),
            type=one(2, "string"),
            id=one(3, "string"),
            version=one(4, "string"),
            owner=one(5, "string"),
            phase=one(6, "string"),
            updated=one(8, TIMESTAMP),
            labels=many(10, Schema("Label", key=one(1, "string"), value=one(2, "string"))),
        ),
    ),
    spec=one(2, Schema("ResourceSpec", proto_spec=one(1, "bytes"), yaml_spec=one(2, "string"))),
)
#: Answer of Get, and one message of the stream of List.
COSI_ANSWER = Schema("ResourceAnswer", resource=one(1, RESOURCE))
#: ``proto_spec`` of a machine config: all documents exactly as they were submitted.
MACHINE_CONFIG_SPEC = Schema("MachineConfigSpec", yaml_marshalled=one(1, "bytes"))
