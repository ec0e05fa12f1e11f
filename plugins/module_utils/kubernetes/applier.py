# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``kube_apply``: groups in order, objects of a group at once, every object's outcome kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError
from . import apply, live, order, prune
from .apply import Action, Identity, Outcome
from .client import Client
from .discovery import Discovery, Resource, from_crd
from .errors import Invalid, KubernetesError, NotFound, PartialFailure
from .fields import Verdict, verdict
from .manifests import Manifest, refuse_duplicates
from .wait import Target, Waiter

#: Seconds that new CustomResourceDefinitions get to become Established.
ESTABLISH = 60.0
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


@dataclass(frozen=True)
class Options:
    """How to apply.

    :param namespace: for namespaced objects that name none.
    :param manager: field manager.
    :param force: take fields over from other managers.
    :param owner: prune what this owner no longer wants.
    :param assume_absent: in check mode, take the cluster as empty without asking it.
    """

    namespace: str = "default"
    manager: str = "homeops"
    force: bool = False
    owner: prune.Owner | None = None
    assume_absent: bool = False


@dataclass(eq=False)
class Item:
    """One manifest on its way.

    :param resource: None while its kind is not served (check mode: it never will be in this run).
    :param served: False where only the call's own CustomResourceDefinition knows the kind and is not stored now.
    """

    manifest: Manifest
    resource: Resource | None
    body: dict[str, Any]
    identity: Identity
    served: bool = True
    outcome: Outcome | None = field(default=None)

    @property
    def key(self) -> tuple[str, str]:
        """API group and kind, for the order."""
        return self.manifest.group, self.manifest.kind

    @property
    def place(self) -> live.Place:
        """Where it lives."""
        return self._known(), self.identity.namespace, self.identity.name

    @property
    def path(self) -> str:
        """Its path at the API."""
        return self._known().path(self.identity.namespace, self.identity.name)

    def _known(self) -> Resource:
        if self.resource is None:
            raise LookupError(f"{self.identity} has no path: its kind is not served")
        return self.resource

    def became(
        self, action: Action, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Return its outcome."""
        return Outcome(self.identity, action, before, after)


class Applier:
    """Applies or deletes manifests at one API server."""

    def __init__(self, client: Client, discovery: Discovery, options: Options, ctx: Context) -> None:
        self._client, self._discovery, self._options, self._ctx = client, discovery, options, ctx
        self._fresh: set[Resource] = set()
        self._changed_kinds: set[tuple[str, str]] = set()
        self._missing_namespaces: set[str] = set()
        self.outcomes: list[Outcome] = []

    # what the manifests mean here

    def items(self, manifests: Iterable[Manifest], *, deleting: bool = False) -> list[Item]:
        """Find the kind, the namespace and the body of every manifest.

        :raises KubernetesError: kinds that are neither served nor defined by these manifests (unless only predicting).
        :raises InputError: an object is defined twice.
        """
        listed = list(manifests)
        defined = {
            (resource.api_version, resource.kind): resource
            for manifest in listed
            if (manifest.group, manifest.kind) == _CRD
            for resource in from_crd(manifest.body)
        }
        found, unknown = [], []
        for manifest in listed:
            key = (manifest.api_version, manifest.kind)
            resource = None if self._assumed_empty else self._discovery.find(*key)
            served = resource is not None
            resource = resource or defined.get(key)
            if resource is None and not deleting and not self._assumed_empty:
                unknown.append(manifest)
            namespaced = resource.namespaced if resource else bool(manifest.namespace) or order.builtin(manifest.group)
            if resource is None and order.builtin(manifest.group):
                namespaced = manifest.kind not in order.CLUSTER_SCOPED
            namespace = (manifest.namespace or self._options.namespace) if namespaced else ""
            labels = self._options.owner.labels if self._options.owner and not deleting else {}
            body = apply.to_send(manifest, namespace, labels, bool(resource and "status" in resource.subresources))
            identity = Identity(manifest.api_version, manifest.kind, manifest.name, namespace)
            # A real run reaches a kind of its own call after the definition was stored.
            found.append(Item(manifest, resource, body, identity, served or not (self._ctx.check_mode or deleting)))
        if unknown:
            self._tell_unknown(unknown)
        refuse_duplicates(
            ((item.manifest.group, item.manifest.kind, item.identity.namespace, item.identity.name), item.manifest)
            for item in found
        )
        return found

    @property
    def _assumed_empty(self) -> bool:
        return self._ctx.check_mode and self._options.assume_absent

    def _tell_unknown(self, unknown: list[Manifest]) -> None:
        kinds = sorted({f"{manifest.kind} ({manifest.api_version})" for manifest in unknown})
        if self._ctx.check_mode:
            self._ctx.warn(f"the API does not serve {', '.join(kinds)} yet; predicted from the manifests alone")
            return
        raise KubernetesError(
            f"applying {len(unknown)} objects of {', '.join(kinds)}",
            target=self._client.connection.server,
            answer=f"the API does not serve this kind; the first is in {unknown[0].source}",
            remedy="Apply its CustomResourceDefinition first, or put it into the same call",
        )

    # apply

    def apply(self, items: list[Item]) -> list[Outcome]:
        """Apply all items and return their outcomes in the order given.

        :raises PartialFailure: objects of a group failed; the rest of their group was finished, later groups not begun.
        """
        groups = order.in_groups(items, lambda item: item.key)
        for group in groups:
            self._apply_group(group)
            self._stop_on_errors(items)
            self._after_group(group)
        self.outcomes = [item.outcome for item in items if item.outcome]
        return self.outcomes

    def _apply_group(self, group: list[Item]) -> None:
        if self._assumed_empty:
            for item in group:
                item.outcome = item.became(Action.CREATED, None, item.body)
            return
        if self._ctx.check_mode:
            self._look_for_namespaces(group)
        asked = [item for item in group if item.served and item.identity.namespace not in self._missing_namespaces]
        found = live.read(self._client, [item.place for item in asked], frozenset(self._fresh))
        for item in group:
            item.outcome = item.became(Action.CREATED, None, item.body)
        doubtful = []
        for item in asked:
            there = found[item.place]
            if isinstance(there, KubernetesError):
                item.outcome = Outcome(item.identity, Action.FAILED, error=str(there))
            elif (decided := self._decide(item, there)) is Verdict.SAME:
                item.outcome = item.became(Action.UNCHANGED, there, there)
            else:
                doubtful.append((item, there, decided))
        for job, outcome in zip(doubtful, self._client.map(self._apply_one, doubtful), strict=True):
            job[0].outcome = outcome

    def _decide(self, item: Item, there: dict[str, Any] | None) -> Verdict:
        """Tell from the live object what an apply would do."""
        if there is None:
            return Verdict.DIFFERENT
        if there["metadata"].get("deletionTimestamp"):
            self._ctx.warn(f"{item.identity} is being deleted; what is applied to it now goes with it")
        return verdict(item.body, there, self._options.manager, builtin=order.builtin(item.manifest.group))

    def _apply_one(self, job: tuple[Item, dict[str, Any] | None, Verdict]) -> Outcome:
        """Write one object that may differ or, in check mode, ask what a write would do."""
        item, there, decided = job
        try:
            if self._ctx.check_mode:
                return self._predict(item, there)
            if decided is Verdict.UNSURE and there is not None and self._proved_same(item, there):
                return item.became(Action.UNCHANGED, there, there)
            answer = self._send(item, dry_run=False)
        except HomeopsError as error:
            return Outcome(item.identity, Action.FAILED, error=str(error))
        return item.became(apply.written(there, answer), there, answer)

    def _proved_same(self, item: Item, there: dict[str, Any]) -> bool:
        """Ask the server with a dry run whether an apply would store anything."""
        try:
            answer = self._send(item, dry_run=True)
        except KubernetesError as error:
            # A webhook that cannot do dry runs; the write itself tells whether it changed anything.
            if "does not support dry run" not in error.message:
                raise
            return False
        return not apply.stored_differently(there, answer)

    def _predict(self, item: Item, there: dict[str, Any] | None) -> Outcome:
        """Ask the server what a write would do."""
        try:
            answer = self._send(item, dry_run=True)
        except KubernetesError as error:
            defined_anew = (item.manifest.api_version, item.manifest.kind) in self._changed_kinds
            if not ("does not support dry run" in error.message or (isinstance(error, Invalid) and defined_anew)):
                raise
            self._ctx.warn(f"{item.identity}: the server cannot predict this one; the manifest was compared instead")
            answer = apply.overlay(there, item.body) if there else item.body
        if there is None:
            return item.became(Action.CREATED, None, answer)
        changed = apply.stored_differently(there, answer)
        return item.became(Action.CONFIGURED if changed else Action.UNCHANGED, there, answer if changed else there)

    def _send(self, item: Item, *, dry_run: bool) -> dict[str, Any]:
        def send() -> dict[str, Any]:
            return self._client.apply(
                item.path,
                item.body,
                manager=self._options.manager,
                force=self._options.force,
                dry_run=dry_run,
                attempted=f"applying {item.identity} ({item.manifest.source})",
                on_warning=None if dry_run and not self._ctx.check_mode else self._warner(item),
            )

        return live.patiently(send) if item.resource in self._fresh else send()

    def _warner(self, item: Item) -> Any:
        return lambda text: self._ctx.warn(f"{item.identity}: {text}")

    def _look_for_namespaces(self, group: list[Item]) -> None:
        """In check mode: find the namespaces that a real run would have made by now."""
        wanted = {item.identity.namespace for item in group if item.identity.namespace} - self._missing_namespaces
        resource = self._discovery.find("v1", "Namespace")
        if not wanted or resource is None:
            return
        found = live.read(self._client, [(resource, "", name) for name in sorted(wanted)])
        self._missing_namespaces.update(place[2] for place, answer in found.items() if answer is None)

    def _after_group(self, group: list[Item]) -> None:
        """Take in the kinds that the group's CustomResourceDefinitions define, once the API serves them."""
        crds = [item for item in group if item.key == _CRD and item.outcome]
        changed = [item for item in crds if item.outcome and item.outcome.changed]
        for item in changed:
            resources = from_crd(item.manifest.body)
            self._changed_kinds.update((resource.api_version, resource.kind) for resource in resources)
        if self._ctx.check_mode or not changed:
            return
        targets = [
            Target("CustomResourceDefinition", item.identity.name, "", "apiextensions.k8s.io/v1") for item in changed
        ]
        Waiter(self._client, self._discovery).wait(targets, timeout=ESTABLISH, ctx=self._ctx, interval=0.05)
        for item in changed:
            resources = from_crd(item.manifest.body)
            self._fresh.update(resources)
            self._discovery.add(resources)

    def _stop_on_errors(self, items: list[Item]) -> None:
        failed = [item for item in items if item.outcome and item.outcome.action is Action.FAILED]
        if not failed:
            return
        for item in items:
            if item.outcome is None:
                item.outcome = item.became(Action.SKIPPED)
        self.outcomes = [item.outcome for item in items if item.outcome]
        texts = [item.outcome.error for item in failed if item.outcome]
        skipped = sum(outcome.action is Action.SKIPPED for outcome in self.outcomes)
        rest = f" {skipped} objects of later groups were not sent." if skipped else ""
        listed = "".join(f"\n- {text}" for text in texts)
        told = texts[0] if len(texts) == 1 else f"{len(texts)} of {len(items)} objects failed."
        raise PartialFailure(f"{told}{rest}{listed if len(texts) > 1 else ''}", facts=self.facts())

    # delete and prune

    def delete(self, items: list[Item]) -> list[Outcome]:
        """Delete all items, what others need last.

        :raises PartialFailure: as :meth:`apply`.
        """
        for group in order.in_groups(items, lambda item: item.key, reverse=True):
            if self._assumed_empty:
                asked: list[Item] = []
            else:
                asked = [item for item in group if item.resource is not None and item.served]
            found = live.read(self._client, [item.place for item in asked])
            for item in group:
                item.outcome = item.became(Action.UNCHANGED)

            # Bound now: the next group has answers of its own. pylint: disable-next=dangerous-default-value
            def one(item: Item, found: Mapping[live.Place, Any] = found) -> Outcome:
                try:
                    there = found[item.place]
                    if isinstance(there, KubernetesError):
                        raise there
                    return self._delete_one(item.identity, item.path, there, Action.DELETED)
                except HomeopsError as error:
                    return Outcome(item.identity, Action.FAILED, error=str(error))

            for item, outcome in zip(asked, self._client.map(one, asked), strict=True):
                item.outcome = outcome
            self._stop_on_errors(items)
        self.outcomes = [item.outcome for item in items if item.outcome]
        return self.outcomes

    def _delete_one(self, identity: Identity, path: str, there: Mapping[str, Any] | None, action: Action) -> Outcome:
        if there is None or there["metadata"].get("deletionTimestamp"):
            return Outcome(identity, Action.UNCHANGED)
        if not self._ctx.check_mode:
            try:
                self._client.delete(path, uid=str(there["metadata"].get("uid") or ""), attempted=f"deleting {identity}")
            except NotFound:
                return Outcome(identity, action, there, None)
        return Outcome(identity, action, there, None)

    def prune(self, items: list[Item]) -> list[Outcome]:
        """Delete what the owner applied earlier and no longer wants, of the allowed kinds only.

        :raises PartialFailure: an object could not be deleted.
        """
        owner = self._options.owner
        if owner is None or self._assumed_empty:
            return []
        resources = [resource for kind in owner.kinds if (resource := self._kind(kind)) is not None]
        wanted = [(*item.key, item.identity.namespace, item.identity.name) for item in items]

        def ask(resource: Resource) -> list[dict[str, Any]]:
            attempted = f"looking for {resource.plural} of owner {owner.name}"
            found, _version = self._client.list(resource.path(), labels=owner.selector, attempted=attempted)
            return [live.whole(body, resource) for body in found]

        found = [
            (resource, body)
            for resource, bodies in zip(resources, self._client.map(ask, resources), strict=True)
            for body in prune.leftovers(bodies, wanted, owner)
        ]
        found = [
            pair
            for group in order.in_groups(found, lambda pair: (pair[0].group, pair[0].kind), reverse=True)
            for pair in group
        ]

        def one(pair: tuple[Resource, Mapping[str, Any]]) -> Outcome:
            resource, body = pair
            metadata = body["metadata"]
            identity = Identity(resource.api_version, resource.kind, metadata["name"], metadata.get("namespace") or "")
            try:
                return self._delete_one(identity, resource.path(identity.namespace, identity.name), body, Action.PRUNED)
            except HomeopsError as error:
                return Outcome(identity, Action.FAILED, error=str(error))

        pruned = list(self._client.map(one, found))
        self.outcomes += pruned
        errors = [outcome.error for outcome in pruned if outcome.error]
        if errors:
            raise PartialFailure("\n".join(errors), facts=self.facts())
        return pruned

    def _kind(self, text: str) -> Resource | None:
        api_version, kind = prune.split_kind(text)
        found = self._discovery.search(kind, api_version)
        if found is None and not self._ctx.check_mode:
            self._ctx.warn(f"prune: the API does not serve the kind {text}")
        return found

    # results

    def facts(self) -> dict[str, Any]:
        """Return the module's result so far."""
        return {
            "changed": any(outcome.changed for outcome in self.outcomes),
            "objects": [outcome.facts() for outcome in self.outcomes],
            "summary": apply.summary(self.outcomes),
        }
