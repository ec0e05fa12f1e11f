# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoBGP's API, as far as the lab speaks it: protobuf messages built at import from a table.

Source: osrg/gobgp v3.10.0 ``api/gobgp.proto`` and ``api/attribute.proto``. Enumerations are plain numbers here, which
is the same on the wire.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import any_pb2, empty_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "apipb"
_TABLE = """
StartBgpRequest: global=1:Global
StopBgpRequest:
Global: asn=1:uint32 router_id=2 listen_port=3:int32 listen_addresses=4*
Family: afi=1:int32 safi=2:int32
Path: nlri=1:.Any pattrs=2:.Any* family=9:Family
AddPathRequest: table_type=1:int32 path=3:Path
AddPathResponse: uuid=1:bytes
DeletePathRequest: table_type=1:int32 family=3:Family path=4:Path
AddPeerRequest: peer=1:Peer
DeletePeerRequest: address=1
UpdatePeerRequest: peer=1:Peer
UpdatePeerResponse: needs_soft_reset_in=1:bool
EnablePeerRequest: address=1
DisablePeerRequest: address=1 communication=2
ListPeerRequest: address=1 enableAdvertised=2:bool
ListPeerResponse: peer=1:Peer
WatchPeer:
WatchEventRequest: peer=1:WatchPeer
PeerEvent: type=1:int32 peer=2:Peer
WatchEventResponse: peer=2:PeerEvent
Peer: conf=2:PeerConf ebgp_multihop=3:EbgpMultihop state=5:PeerState timers=6:Timers transport=7:Transport
Peer+: graceful_restart=9:GracefulRestart afi_safis=10:AfiSafi*
PeerConf: auth_password=1 local_asn=3:uint32 neighbor_address=4 peer_asn=5:uint32 admin_down=15:bool
PeerState: neighbor_address=5 peer_asn=6:uint32 session_state=13:int32 admin_state=15:int32
EbgpMultihop: enabled=1:bool multihop_ttl=2:uint32
Timers: config=1:TimersConfig state=2:TimersState
TimersConfig: connect_retry=1:uint64 hold_time=2:uint64 keepalive_interval=3:uint64 idle_hold_time_after_reset=5:uint64
TimersState: keepalive_interval=3:uint64 negotiated_hold_time=5:uint64 uptime=6:.Timestamp downtime=7:.Timestamp
Transport: local_address=1 local_port=2:uint32 passive_mode=4:bool remote_port=6:uint32
GracefulRestart: enabled=1:bool restart_time=2:uint32 notification_enabled=5:bool local_restarting=10:bool
MpGracefulRestart: config=1:MpGracefulRestartConfig
MpGracefulRestartConfig: enabled=1:bool
AfiSafi: mp_graceful_restart=1:MpGracefulRestart config=2:AfiSafiConfig state=3:AfiSafiState
AfiSafiConfig: family=1:Family enabled=2:bool
AfiSafiState: family=1:Family enabled=2:bool received=3:uint64 accepted=4:uint64 advertised=5:uint64
SetPoliciesRequest: defined_sets=1:DefinedSet* policies=2:Policy* assignments=3:PolicyAssignment*
SetPolicyAssignmentRequest: assignment=1:PolicyAssignment
DefinedSet: defined_type=1:int32 name=2 list=3* prefixes=4:Prefix*
Prefix: ip_prefix=1 mask_length_min=2:uint32 mask_length_max=3:uint32
Policy: name=1 statements=2:Statement*
Statement: name=1 conditions=2:Conditions actions=3:Actions
Conditions: prefix_set=1:MatchSet neighbor_set=2:MatchSet route_type=8:int32
MatchSet: type=1:int32 name=2
Actions: route_action=1:int32 community=2:CommunityAction local_pref=7:LocalPrefAction large_community=8:CommunityAction
CommunityAction: type=1:int32 communities=2*
LocalPrefAction: value=1:uint32
PolicyAssignment: name=1 direction=2:int32 policies=4:Policy* default_action=5:int32
ResetPeerRequest: address=1 communication=2 soft=3:bool direction=4:int32
IPAddressPrefix: prefix_len=1:uint32 prefix=2
OriginAttribute: origin=1:uint32
NextHopAttribute: next_hop=1
MpReachNLRIAttribute: family=1:Family next_hops=2* nlris=3:.Any*
"""
_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
}
STATES = ("unknown", "idle", "connect", "active", "open_sent", "open_confirm", "established")
"""``PeerState.SessionState`` by number, as Cilium writes them."""
FAMILIES = {"ipv4": (1, 1), "ipv6": (2, 1)}
"""AFI and SAFI (unicast) by the name of the address family."""


def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name="gobgp.proto", package=PACKAGE, syntax="proto3")
    by_name: dict[str, Any] = {}
    for line in _TABLE.strip().splitlines():
        name, _unused, fields = line.partition(":")
        name = name.rstrip("+")
        message = by_name.get(name) or by_name.setdefault(name, file.message_type.add(name=name))
        for text in fields.split():
            label, _unused, spec = text.partition("=")
            number, _unused, kind = spec.rstrip("*").partition(":")
            field = message.field.add(name=label, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
            if spec.endswith("*"):
                field.label = FieldDescriptorProto.LABEL_REPEATED
            if (kind or "string") in _SCALARS:
                field.type = _SCALARS[kind or "string"]
            else:
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".google.protobuf{kind}" if kind.startswith(".") else f".{PACKAGE}.{kind}"
    pool = DescriptorPool()
    for module in (any_pb2, timestamp_pb2):
        file.dependency.append(module.DESCRIPTOR.name)
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()
Empty = empty_pb2.Empty


def message(name: str) -> Any:
    """Return the class of a message."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def build(name: str, **fields: Any) -> Any:
    """Return a message with these fields; mappings and lists of mappings become messages by the field's type."""
    return message(name)(**fields)


def pack(name: str, **fields: Any) -> Any:
    """Return a message inside an ``Any``."""
    holder = GetMessageClass(_POOL.FindMessageTypeByName("google.protobuf.Any"))()
    holder.type_url = f"type.googleapis.com/{PACKAGE}.{name}"
    holder.value = build(name, **fields).SerializeToString()
    return holder
