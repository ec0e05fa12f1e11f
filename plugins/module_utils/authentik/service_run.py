# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``authentik_service``: read everything with a few requests, refuse or plan, then write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.context import Context
from . import kinds, membership, services, writer
from .client import Client
from .errors import AuthentikError
from .objects import Change
from .outposts import Membership
from .references import References
from .services import Plan, Policy, Seen, Step


class ServiceRun:
    """Brings the services of one owner to what is wanted.

    :param flows: slugs that a service has unless it names its own.
    :param coming: groups that an earlier step would make, in a prediction.
    """

    def __init__(
        self, client: Client, policy: Policy, ctx: Context, flows: Mapping[str, str], coming: Sequence[str] = ()
    ) -> None:
        self._client, self._policy, self._ctx, self._flows, self._coming = client, policy, ctx, flows, coming
        self._names = References(client)
        self._labels: dict[Any, str] = {}

    def present(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Have these services."""
        wanted = [
            services.service(
                {**self._flows, **{key: value for key, value in item.items() if value is not None}},
                self._names,
                self._client.version,
                self._policy,
                f"services[{index}]",
                self._ctx,
                coming=self._coming if self._ctx.check_mode else (),
            )
            for index, item in enumerate(items)
        ]
        seen = self._read({one.kind for one in wanted}, with_bindings=any(one.allowed is not None for one in wanted))
        plan = services.plan_services(wanted, seen, self._policy, self._ctx)
        return self._carry_out(plan, seen)

    def absent(self, slugs: Iterable[str]) -> dict[str, Any]:
        """Have none of these services."""
        seen = self._read(set(), with_bindings=False)
        return self._carry_out(services.plan_removal(slugs, seen, self._policy, self._ctx), seen)

    def _read(self, types: set[str], *, with_bindings: bool) -> Seen:
        # Proxy providers always: whoever has a host, and what would go, is among them.
        client = self._client
        providers = {kind: client.all(kinds.PROVIDERS[kind].path) for kind in sorted({"proxy", *types})}
        applications = client.all(kinds.APPLICATION.path, superuser_full_list=True, doing="reading the applications")
        seen = Seen(
            providers,
            applications,
            client.all(kinds.OUTPOST.path, doing="reading the outposts"),
            client.all(kinds.BINDING.path, doing="reading the policy bindings") if with_bindings else (),
        )
        self._labels = {
            **{item["pk"]: str(item["name"]) for listed in providers.values() for item in listed},
            **{item["pk"]: str(item["slug"]) for item in applications},
            **self._names.labels(),
        }
        return seen

    def _carry_out(self, plan: Plan, seen: Seen) -> dict[str, Any]:
        if not self._ctx.check_mode and any(change.changed for change in plan.changes):
            self._write(plan, seen)
        facts = [
            {
                "slug": step.service.slug,
                "provider": step.service.provider["name"],
                "outpost": step.service.outpost,
                "changed": any(change.changed for change in (step.provider, step.application, *step.bindings)),
            }
            for step in plan.steps
        ]
        return writer.result(self._client, plan.changes, self._ctx, self._labels, services=facts)

    # writing

    def _write(self, plan: Plan, seen: Seen) -> None:
        made = self._make(plan.steps)
        for step in plan.steps:
            if step.bindings and not self._bound_at_once(step):
                self._bind(step, made)
        for change in plan.outposts:
            if change.action == "create":
                self._found(change, made)
        for outpost in seen.outposts:
            wanted = plan.memberships.get(str(outpost["pk"]))
            if wanted:
                self._place(outpost, wanted, made)
        for change in plan.removals:
            writer.write(self._client, change)

    def _make(self, steps: Sequence[Step]) -> dict[str, Any]:
        """Write providers and applications; return the keys of providers, by name, and of applications, by slug."""
        made: dict[str, Any] = {}
        again: set[str] = set()
        for step in steps:
            if step.at_once:
                self._transaction(step)
                again.add(step.service.kind)
                continue
            provider = writer.write(self._client, step.provider)
            name = step.service.provider["name"]
            made[name] = provider["pk"] if provider else step.provider.key
            if step.retired:
                # While the application still leads to it: nothing is left over if the run ends here.
                writer.write(self._client, step.retired)
            change = step.application
            body = {key: made.get(value, value) if key == "provider" else value for key, value in change.body.items()}
            answer = writer.write(self._client, Change(change.kind, change.action, change.name, body, key=change.key))
            if answer:
                made[f"application {step.service.slug}"] = answer["pk"]
        for kind in sorted(again):
            found = self._client.all(kinds.PROVIDERS[kind].path, doing=f"reading the new {kind} providers")
            made.update({str(item["name"]): item["pk"] for item in found})
        return made

    def _bound_at_once(self, step: Step) -> bool:
        return step.at_once and self._client.version.transactional_bindings

    def _transaction(self, step: Step) -> None:
        """Make provider, application and bindings in one request: all of them or none."""
        one = step.service
        body: dict[str, Any] = {
            "app": dict(one.application),
            "provider_model": kinds.MODELS[one.kind],
            "provider": dict(one.provider),
        }
        if self._client.version.transactional_bindings:
            body["policy_bindings"] = [dict(binding) for binding in one.allowed or ()]
        doing = f"making application {one.slug} with its provider"
        answer = self._client.put("/core/transactional/applications/", body, doing=doing) or {}
        if not answer.get("applied"):
            raise AuthentikError(
                doing,
                target=self._client.connection.target,
                answer="the server took it and did not apply it: "
                + ("; ".join(str(line) for line in answer.get("logs") or []) or "it gives no reason"),
            )

    def _bind(self, step: Step, made: Mapping[str, Any]) -> None:
        target = made.get(f"application {step.service.slug}")
        if step.application.action == "create" and target is None:
            found = self._client.get(f"{kinds.APPLICATION.path}{step.service.slug}/")
            target = found["pk"]
        for change in step.bindings:
            body = dict(change.body)
            if change.action == "create" and target is not None:
                body["target"] = target
            writer.write(self._client, Change(change.kind, change.action, change.name, body, key=change.key))

    def _found(self, change: Change, made: Mapping[str, Any]) -> None:
        """Make an outpost with its first providers."""
        # The server gives its defaults only to those that ask for them, and a proxy crashes without authentik_host.
        base = self._client.get("/outposts/instances/default_settings/", doing="reading the default settings")
        body = {
            **change.body,
            "providers": [made.get(key, key) for key in change.body["providers"]],
            "config": {**base["config"], **change.body["config"]},
        }
        writer.write(self._client, Change(change.kind, change.action, change.name, body))

    def _place(self, outpost: Mapping[str, Any], wanted: Membership, made: Mapping[str, Any]) -> None:
        keys = Membership(
            attach=frozenset(made.get(key, key) if isinstance(key, str) else key for key in wanted.attach),
            detach=wanted.detach,
            allow_empty=wanted.allow_empty,
        )
        membership.change(self._client, str(outpost["pk"]), str(outpost["name"]), membership.Wanted(keys), self._ctx)
