# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``cilium_bgp_policy``: judge, then write or move, then wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, InputError
from ..common.wait import Observation, wait_until
from ..kubernetes import apply as kube_apply
from ..kubernetes.apply import Action, Identity, Outcome
from ..kubernetes.prune import Owner
from . import choice, foreign, handover, kinds, lint, migrate, render, selectors, sessions
from .findings import ERROR, Around, Finding
from .intent import Intent
from .store import Body, Store

#: Seconds that a status may be late (cilium/cilium ``crd_status.go``: every 5 s, spread by 0.5 s).
_INTERVAL = 1.0


@dataclass(frozen=True)
class Options:
    """How to carry an intent out.

    :param overlap: ``refuse`` or ``warn`` when another policy selects the same nodes.
    :param routes: routes that each session must have announced before a wait ends.
    :param settle: seconds after a change in which a status is taken as one of before, and after a node has moved before
        the next one moves.
    :param unproved: seconds for a node of a migration of which nobody tells whether it is back; None = by its timers.
    :param router: the router's daemon, which proves each node of a migration.
    """

    api: str = "auto"
    migrate: bool = False
    overlap: str = "refuse"
    wait: bool = False
    timeout: float = 300
    routes: int = 0
    settle: float = 6
    unproved: float | None = None
    router: handover.Router | None = None
    secrets_namespace: str = "kube-system"


class PolicyRun:
    """Brings one policy to what an intent says.

    :param sleep: for tests.
    """

    def __init__(
        self, store: Store, intent: Intent, options: Options, ctx: Context, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store, self._intent, self._options, self._ctx, self._sleep = store, intent, options, ctx, sleep
        self._nodes: dict[str, dict[str, str]] = {}
        self._live: list[Body] = []
        self._outcomes: list[Outcome] = []
        self._handover = handover.Handover(
            store,
            intent,
            ctx,
            routes=options.routes,
            timeout=options.timeout,
            settle=options.settle,
            unproved=options.unproved,
            router=options.router,
            sleep=sleep,
        )
        self.result: dict[str, Any] = {"changed": False, "steps": [], "findings": [], "foreign_peers": []}

    # what is there

    def _mine(self, kind: str) -> Body | None:
        name = self._intent.name
        return next((body for body in self._live if body["kind"] == kind and kinds.name_of(body) == name), None)

    def _read(self) -> None:
        found = self._store.read(kinds.LEGACY, *kinds.NEW, kinds.POOL)
        self._live = [body for bodies in found.values() for body in bodies]
        self._nodes = self._store.nodes()

    def _selected(self, selector: Mapping[str, Any] | None) -> list[str]:
        return sorted(name for name, labels in self._nodes.items() if selectors.matches(selector, labels, absent=True))

    def present(self) -> dict[str, Any]:
        """Have the policy; see the module's documentation."""
        self._store.await_kinds()
        self._read()
        schema = self._schema()
        self.result |= {
            "api": schema,
            "api_version": kinds.LEGACY_VERSION if schema == choice.LEGACY else self._new_version(),
        }
        wanted = self._render(schema)
        self._judge(wanted)
        steps = self._steps(schema)
        self.result["steps"] = [step.text(self._intent.name) for step in steps]
        if steps and not self._ctx.check_mode:
            self._move(self._handover.ordered(steps))
        self._write(wanted, schema, steps)
        self._finish()
        if self._options.wait and not self._ctx.check_mode:
            self._wait(schema)
        return self.result

    def _schema(self) -> str:
        served = self._store.served
        if self._ctx.check_mode and not served.new and not served.legacy:
            self._ctx.warn("the API serves no BGP kind of Cilium yet; predicted as if it served the new kinds")
            return choice.LEGACY if self._options.api == choice.LEGACY else choice.V2
        return choice.schema(
            self._options.api,
            served,
            has_legacy=self._mine(kinds.LEGACY) is not None,
            has_new=self._mine(kinds.CLUSTER) is not None,
            migrate=self._options.migrate,
        )

    def _new_version(self) -> str:
        return self._store.served.new or kinds.VERSIONS[-1]

    def _render(self, schema: str, form: migrate.Form = migrate.Form.WHOLE) -> list[Body]:
        selector = None
        if form is migrate.Form.SPLIT:
            do = migrate.Do.POLICY if schema == choice.LEGACY else migrate.Do.CLUSTER
            selector = migrate.split_selector(self._intent.node_selector, do)
        if schema == choice.LEGACY:
            return [render.legacy(self._intent, selector)]
        return render.v2(self._intent, self._new_version(), selector)

    def _judge(self, wanted: list[Body]) -> None:
        """Run the linter over what there will be.

        :raises InputError: what we would write cannot work, or another policy speaks for the same nodes.
        """
        if self._nodes and not self._selected(self._intent.node_selector):
            raise InputError(
                f"the option node_selector selects none of the nodes {', '.join(sorted(self._nodes))}",
                answer=str(self._intent.node_selector),
                remedy="Use labels that the nodes have, such as matchLabels: {kubernetes.io/os: linux}",
                param="node_selector",
            )
        own = {(body["kind"], kinds.name_of(body)) for body in wanted}
        name = self._intent.name
        others = [
            body
            for body in self._live
            if (body["kind"], kinds.name_of(body)) not in own
            and kinds.labels_of(body).get(kinds.POLICY_LABEL) != name
            and not (kinds.name_of(body) == name and body["kind"] in (kinds.LEGACY, kinds.CLUSTER))
        ]
        secret = self._intent.auth_secret
        state = self._store.secret(self._options.secrets_namespace, secret) if secret else None
        around = Around(
            nodes=self._nodes,
            secrets={secret: state} if state else {},
            pools=[body for body in self._live if body["kind"] == kinds.POOL],
            services=self._store.core("v1", "Service"),
            pool_label=self._intent.pool_label,
        )
        titles = {kinds.title(body) for body in wanted}
        found = [
            finding
            for finding in lint.lint([*(body for body in others if body["kind"] != kinds.POOL), *wanted], around)
            if {finding.subject, finding.other} & titles or finding.row in (20, 21)
        ]
        self.result["findings"] = [finding.as_dict() for finding in found]
        fatal = [finding for finding in found if finding.severity == ERROR and not self._only_told(finding)]
        for finding in found:
            if finding not in fatal:
                self._ctx.warn(finding.sentence())
        if fatal:
            raise InputError(
                "; ".join(finding.sentence() for finding in fatal),
                remedy="Nothing was written",
                param=_param(fatal[0]),
                facts={"findings": self.result["findings"]},
            )

    def _only_told(self, finding: Finding) -> bool:
        # In a check run the step that makes the Secret has only been predicted.
        return (finding.row == 12 and self._options.overlap == "warn") or (finding.row == 13 and self._ctx.check_mode)

    # moving between the schemas

    def _state(self) -> migrate.State:
        labelled = {name for name, labels in self._nodes.items() if labels.get(kinds.MOVED_LABEL) == kinds.MOVED_VALUE}
        return migrate.State(
            migrate.form_of(self._mine(kinds.LEGACY)),
            migrate.form_of(self._mine(kinds.CLUSTER)),
            tuple(self._selected(self._intent.node_selector)),
            frozenset(labelled),
        )

    def _steps(self, schema: str) -> list[migrate.Step]:
        state = self._state()
        if not self._options.migrate:
            return []
        steps = migrate.to_v2(state) if schema == choice.V2 else migrate.to_legacy(state)
        source = self._mine(kinds.LEGACY if schema == choice.V2 else kinds.CLUSTER)
        if source is not None:
            before = selectors.widened(kinds.spec_of(source).get("nodeSelector"), kinds.MOVED_LABEL)
            lost = sorted(set(self._selected(before)) - set(state.nodes))
            if lost:
                raise InputError(
                    f"{kinds.title(source)} selects {', '.join(lost)} too, which node_selector does not: after the "
                    "migration no policy would speak for them",
                    remedy=f"Use the same nodes for the migration ({before}), then change node_selector",
                    param="node_selector",
                )
        return steps

    def _move(self, steps: list[migrate.Step]) -> None:
        done: list[str] = []
        for step in steps:
            text = step.text(self._intent.name)
            self._ctx.progress(text)
            try:
                self._step(step)
            except HomeopsError as error:
                error.facts.update(
                    steps_done=done, steps_left=[one.text(self._intent.name) for one in steps[len(done) :]]
                )
                raise
            done.append(text)
            self.result["changed"] = True

    def _step(self, step: migrate.Step) -> None:
        store = self._store
        if step.do in (migrate.Do.LABEL, migrate.Do.UNLABEL):
            value = kinds.MOVED_VALUE if step.do is migrate.Do.LABEL else None
            if step.hands_over:
                self._handover.begin(step.node, self._selected(self._intent.node_selector))
            store.label_node(step.node, kinds.MOVED_LABEL, value)
            if step.hands_over:
                self._handover.end(step)
        elif step.do is migrate.Do.POLICY:
            live = self._mine(kinds.LEGACY)
            if step.form is migrate.Form.NONE:
                store.delete([live] if live else [])
            elif step.form is migrate.Form.SPLIT and live is not None:
                # As it is but for the selector, so that the nodes which still follow it notice nothing.
                store.apply([[_with_selector(live, migrate.split_selector(_base(live), step.do))]], force=True)
            else:
                store.apply([self._render(choice.LEGACY, step.form)])
        elif step.form is migrate.Form.NONE:
            store.delete(self._ours_new())
        else:
            wanted = self._render(choice.V2, step.form)
            store.apply([wanted[:-1], wanted[-1:]])

    # writing

    def _ours_new(self) -> list[Body]:
        """Return our objects of the new kinds, what refers before what is referred to."""
        found = self._store.read(*kinds.NEW)
        return [
            body
            for kind in reversed(kinds.NEW)
            for body in found[kind]
            if kinds.labels_of(body).get(kinds.POLICY_LABEL) == self._intent.name
            or (kind == kinds.CLUSTER and kinds.name_of(body) == self._intent.name)
        ]

    def _write(self, wanted: list[Body], schema: str, steps: list[migrate.Step]) -> None:
        """Apply in the schema of choice; what a migration leaves over in the other one is gone by now."""
        before = self._live
        if schema == choice.LEGACY:
            outcomes = self._store.apply([wanted])
        else:
            version = self._new_version()
            owner = Owner(
                self._intent.name,
                tuple(f"{version}/{kind}" for kind in (kinds.ADVERTISEMENT, kinds.PEER, kinds.OVERRIDE)),
                kinds.POLICY_LABEL,
            )
            outcomes = self._store.apply([wanted[:-1], wanted[-1:]], owner=owner if self._store.served.new else None)
            self._tell_foreign(outcomes, wanted[-1])
        if steps:
            outcomes = self._as_a_whole(before, outcomes, schema)
        self._outcomes = outcomes

    def _as_a_whole(self, before: list[Body], outcomes: list[Outcome], schema: str) -> list[Outcome]:
        """Return what the whole migration did to each object, without the states in between."""
        old = {(body["kind"], kinds.name_of(body)): body for body in before}
        found = []
        for outcome in outcomes:
            live = old.get((outcome.identity.kind, outcome.identity.name))
            action = outcome.action
            if action not in (Action.PRUNED, Action.DELETED):
                same = live is not None and outcome.after is not None and live.get("spec") == outcome.after.get("spec")
                action = Action.CREATED if live is None else Action.UNCHANGED if same else Action.CONFIGURED
            found.append(replace(outcome, action=action, before=live))
        other = (kinds.LEGACY,) if schema == choice.V2 else tuple(reversed(kinds.NEW))
        for kind in other:
            for body in before:
                ours = kinds.labels_of(body).get(kinds.POLICY_LABEL) == self._intent.name
                named = kind in (kinds.LEGACY, kinds.CLUSTER) and kinds.name_of(body) == self._intent.name
                if body["kind"] == kind and (ours or named):
                    identity = Identity(body["apiVersion"], kind, kinds.name_of(body))
                    found.append(Outcome(identity, Action.DELETED, body, None))
        return found

    def _tell_foreign(self, outcomes: list[Outcome], desired: Body) -> None:
        after = next(
            (one.after for one in outcomes if one.identity.kind == kinds.CLUSTER and one.after is not None), None
        )
        if after is None:
            return
        self.result["foreign_peers"] = foreign.peers(after, desired)
        for peer in self.result["foreign_peers"]:
            owners = ", ".join(peer["managers"]) or "nobody"
            self._ctx.warn(
                f"{kinds.title(desired)} also has peer {peer['peer']} ({peer['address']}) of instance "
                f"{peer['instance']}, owned by {owners}: peers are merged by name, so it stays until its owner drops it"
            )

    def absent(self) -> dict[str, Any]:
        """Have no policy of this name, in neither schema."""
        if not self._store.served.new and not self._store.served.legacy:
            return {**self.result, "objects": [], "summary": {}}
        self._read()
        mine = self._mine(kinds.LEGACY)
        self._outcomes = self._store.delete([*([mine] if mine else []), *self._ours_new()])
        for node in sorted(self._state().labelled) if mine or self._outcomes else ():
            self.result["steps"].append(f"take the label off node {node}")
            if not self._ctx.check_mode:
                self._store.label_node(node, kinds.MOVED_LABEL, None)
        self._finish()
        return self.result

    def _finish(self) -> None:
        outcomes = self._outcomes
        self.result |= {
            "changed": self.result["changed"]
            or any(outcome.changed for outcome in outcomes)
            or bool(self.result["steps"]),
            "objects": [outcome.facts() for outcome in outcomes],
            "summary": kube_apply.summary(outcomes),
            "requests": dict(self._store.client.sent),
        }
        if self._ctx.diff_mode:
            self.result["diff"] = kube_apply.diffs(outcomes)

    # waiting

    def _wait(self, schema: str) -> None:
        if schema == choice.LEGACY:
            self._ctx.warn(
                "the legacy kind has no status, so Cilium cannot say whether its sessions stand; the router can"
            )
            self.result["sessions"] = []
            return
        nodes = self._selected(self._intent.node_selector)
        old = any(outcome.action is Action.CONFIGURED for outcome in self._outcomes)
        if old and self._options.settle:
            self._ctx.progress(f"a status may be of before the change; looking after {self._options.settle:.0f} s")
            self._sleep(self._options.settle)
        seen: list[Body] = []

        def look() -> Observation[None]:
            seen[:] = self._store.read(kinds.NODE)[kinds.NODE]
            left = sessions.missing(seen, self._intent, nodes, self._options.routes)
            return Observation(not left, "; ".join(left))

        try:
            wait_until(
                look,
                what=f"the BGP sessions of {len(nodes)} nodes",
                target=f"{kinds.CLUSTER} {self._intent.name}",
                timeout=self._options.timeout,
                ctx=self._ctx,
                interval=_INTERVAL,
                sleep=self._sleep,
                remedy="Does the router accept these neighbours (udm_bgp_info)? Does the agent's log name the peer?",
            )
        except HomeopsError as error:
            error.facts.update(
                self.result,
                sessions=[one.as_dict() for one in sessions.sessions(seen)],
                conditions=self._complaints(),
            )
            raise
        wanted = set(nodes)
        self.result["sessions"] = [one.as_dict() for one in sessions.sessions(seen) if one.node in wanted]

    def _complaints(self) -> list[str]:
        """Return what the operator says is wrong with our objects; a condition's status alone says whether it is."""
        found = self._store.read(kinds.CLUSTER, kinds.PEER)
        return [
            f"{kinds.title(body)}: {entry.get('message')}"
            for bodies in found.values()
            for body in bodies
            if self._intent.name in (kinds.name_of(body), kinds.labels_of(body).get(kinds.POLICY_LABEL))
            for entry in (body.get("status") or {}).get("conditions") or []
            if entry.get("status") == "True"
        ]


def _base(live: Mapping[str, Any]) -> dict[str, Any] | None:
    return selectors.widened(kinds.spec_of(live).get("nodeSelector"), kinds.MOVED_LABEL)


def _with_selector(live: Mapping[str, Any], selector: Mapping[str, Any]) -> Body:
    metadata = {"name": kinds.name_of(live), "labels": kinds.labels_of(live)}
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": metadata,
        "spec": {**kinds.spec_of(live), "nodeSelector": dict(selector)},
    }


def _param(finding: Finding) -> str:
    """Return the option that a finding about rendered objects comes from."""
    return {12: "node_selector", 13: "auth_secret", 14: "communities", 18: "node_overrides"}.get(finding.row, "")
