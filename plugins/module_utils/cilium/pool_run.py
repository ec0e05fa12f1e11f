# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``cilium_lb_pool``: judge, then write, then wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.context import Context
from ..common.errors import InputError
from ..common.wait import Observation, wait_until
from ..kubernetes import apply as kube_apply, prune
from ..kubernetes.apply import Outcome
from . import kinds, lint, pools as rules
from .findings import Around
from .store import Body, Store


@dataclass(frozen=True)
class PoolOptions:
    """How to carry a set of pools out.

    :param owner: value of the owner label; what carries it and is not wanted goes. ``""`` removes nothing.
    """

    owner: str = ""
    allow_renumber: bool = False
    wait: bool = False
    timeout: float = 60


def bodies(given: Iterable[Mapping[str, Any]], owner: str = "") -> list[Body]:
    """Return the pools as objects (apiVersion still the older one), in the order of their names.

    :raises InputError: a pool without blocks or selector, or named twice.
    """
    found: list[Body] = []
    for index, item in enumerate(given):
        where, name = f"pools[{index}]", str(item["name"])
        if any(body["metadata"]["name"] == name for body in found):
            raise InputError(f"{where}.name: pool {name} is there twice", remedy="Give each pool once", param="pools")
        if item.get("service_selector") is None:
            raise InputError(
                f"{where}: pool {name} has no service_selector, and to Cilium that means every Service",
                remedy="Say which Services, for instance {matchLabels: {io.cilium/lb-ipam-pool: "
                f"{name}}}}}, or {{}} for every Service",
                param="pools",
            )
        spec: Body = {
            "blocks": [
                {key: str(value) for key, value in block.items() if value} for block in item.get("blocks") or []
            ],
            "disabled": bool(item.get("disabled")),
        }
        if item["service_selector"]:
            spec["serviceSelector"] = dict(item["service_selector"])
        if item.get("first_last_ips") is not None:
            spec["allowFirstLastIPs"] = "Yes" if item["first_last_ips"] else "No"
        metadata: Body = {"name": name}
        if owner:
            metadata["labels"] = {prune.LABEL: owner}
        found.append({"apiVersion": kinds.VERSIONS[-1], "kind": kinds.POOL, "metadata": metadata, "spec": spec})
    wanted = sorted(found, key=kinds.name_of)
    refuse(lint.lint(wanted, Around(complete=False)))
    return wanted


def refuse(found: Iterable[Any]) -> None:
    """Raise what the linter found, if anything.

    :raises InputError: with every sentence.
    """
    listed = list(found)
    if listed:
        raise InputError(
            "; ".join(finding.sentence() for finding in listed),
            remedy="Nothing was written",
            param="pools",
            facts={"findings": [finding.as_dict() for finding in listed]},
        )


class PoolRun:
    """Brings the pools of one API server to what is wanted."""

    def __init__(self, store: Store, options: PoolOptions, ctx: Context) -> None:
        self._store, self._options, self._ctx = store, options, ctx
        self._live: list[Body] = []
        self._used: list[rules.Used] = []
        self._outcomes: list[Outcome] = []
        self._renumbered: list[dict[str, Any]] = []

    def _read(self) -> None:
        self._live = self._store.read(kinds.POOL)[kinds.POOL]
        self._used = rules.in_use(self._store.core("v1", "Service"))

    def present(self, wanted: list[Body]) -> dict[str, Any]:
        """Have the pools."""
        self._store.await_kinds(pools=True)
        self._read()
        version = self._store.served.pools or kinds.VERSIONS[-1]
        wanted = [{**body, "apiVersion": version} for body in wanted]
        names = {kinds.name_of(body) for body in wanted}
        owner = prune.Owner(self._options.owner, (f"{version}/{kinds.POOL}",)) if self._options.owner else None
        going = [
            body
            for body in self._live
            if owner and kinds.name_of(body) not in names and kinds.labels_of(body).get(owner.label) == owner.name
        ]
        gone = {kinds.name_of(body) for body in going}
        staying = [body for body in self._live if kinds.name_of(body) not in names | gone]
        refuse(lint.lint(wanted, Around(pools=staying, complete=False)))
        before = [body for body in self._live if kinds.name_of(body) in names | gone]
        self._guard(before, wanted)
        served = bool(self._store.served.pools)
        self._outcomes = self._store.apply([wanted], owner=owner if served else None)
        if self._options.wait and not self._ctx.check_mode:
            self._wait(sorted(names))
        return self._result()

    def absent(self, names: list[str]) -> dict[str, Any]:
        """Have none of these pools."""
        self._read()
        going = [body for body in self._live if kinds.name_of(body) in names]
        self._guard(going, [])
        self._outcomes = self._store.delete(going)
        return self._result()

    def _guard(self, before: list[Body], after: list[Body]) -> None:
        """Refuse to take addresses that Services have.

        :raises InputError: naming Services and addresses.
        """
        lost = rules.losses(before, after, self._used)
        self._renumbered = [
            {"pool": kinds.name_of(pool), "service": one.service, "address": str(one.address), "lost": True}
            for pool, one in lost
        ]
        later = {kinds.name_of(body): body for body in after}
        for pool in before:
            new = later.get(kinds.name_of(pool))
            doubtful = rules.renumbered(pool, new, self._used) if new else []
            doubtful = [one for one in doubtful if not any(one is each for _pool, each in lost)]
            self._renumbered += [
                {"pool": kinds.name_of(pool), "service": one.service, "address": str(one.address), "lost": False}
                for one in doubtful
            ]
            if doubtful:
                told = ", ".join(f"{one.service} ({one.address})" for one in doubtful)
                self._ctx.warn(
                    f"the operator gives the edited blocks of pool {kinds.name_of(pool)} out anew, and {told} may get "
                    "another address; annotate them with lbipam.cilium.io/ips first, or add a block beside the old one"
                )
        if not lost:
            return
        told = "; ".join(
            f"Service {one.service} would lose {one.address} of pool {kinds.name_of(pool)}" for pool, one in lost
        )
        if self._options.allow_renumber:
            self._ctx.warn(told)
            return
        raise InputError(
            told,
            remedy="Keep these addresses in the pool, move the Services first, or set allow_renumber: true",
            param="pools",
            facts={"renumbered": self._renumbered},
        )

    def _wait(self, names: list[str]) -> None:
        def look() -> Observation[None]:
            self._live = self._store.read(kinds.POOL)[kinds.POOL]
            seen = {kinds.name_of(body): rules.usage(body, []) for body in self._live}
            left = []
            for name in names:
                entry = seen.get(name)
                if entry is None or not entry["operator"]["seen"]:
                    left.append(f"the operator has not taken {name} in")
                elif entry["conflict"]:
                    left.append(f"{name}: {entry['conflict']}")
            return Observation(not left, "; ".join(left))

        wait_until(
            look,
            what=f"{len(names)} pools to be taken in",
            target=self._store.client.connection.server,
            timeout=self._options.timeout,
            ctx=self._ctx,
            remedy="Does the operator of Cilium run?",
        )

    def _result(self) -> dict[str, Any]:
        if not self._ctx.check_mode:
            self._live = self._store.read(kinds.POOL)[kinds.POOL]
        result = {
            "changed": any(outcome.changed for outcome in self._outcomes),
            "objects": [outcome.facts() for outcome in self._outcomes],
            "summary": kube_apply.summary(self._outcomes),
            "usage": [rules.usage(body, self._used) for body in sorted(self._live, key=kinds.name_of)],
            "findings": [],
            "renumbered": self._renumbered,
            "requests": dict(self._store.client.sent),
        }
        if self._ctx.diff_mode:
            result["diff"] = kube_apply.diffs(self._outcomes)
        return result
