# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the External Secrets operator says of its objects, told in sentences; pure.

Conditions say only that something failed; the cause is in the Events (external-secrets 0.20
``pkg/controllers/externalsecret``): reason ``UpdateFailed`` of an ExternalSecret, ``InvalidProviderConfig`` and
``ValidationFailed`` of a store. A store that is Ready with the reason ``ValidationUnknown`` has not been validated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "external-secrets.io/v1"
#: Any change of an annotation makes the operator look again; this one carries the time of the wish.
FORCE = "force-sync"
Body = Mapping[str, Any]

#: What stands in a cause, and what a person does then; the first that fits.
REMEDIES = (
    ("key not found in 1Password Vaults", "Create the item in the store's vault; titles are compared letter by letter"),
    ("expected one 1Password Item matching", "Rename or archive all but one of the items with this title"),
    (
        "expected one 1Password ItemField matching",
        "Have exactly one field of this label in the item: none (0) means that it is missing or written otherwise",
    ),
    ("error finding 1Password Document", "Put the file into the item"),
    (
        "error finding 1Password Vault",
        "The token's scope has not the vault of the store: make a token for that vault and store it",
    ),
    ("is not in scope", "The token's scope has not the vault of the store: make a token for that vault and store it"),
    ("found 0 vaults", "The token's scope has not the vault of the store: make a token for that vault and store it"),
    (
        "Invalid token signature",
        "The token is none of this Connect server: store the right one, and run the phase again",
    ),
    ("429", "Connect limits requests: wait, and lengthen the refresh intervals"),
    ("connection refused", "Connect does not run: look at the pods of the Deployment onepassword-connect"),
    ("no such host", "Connect does not run: look at the pods of the Deployment onepassword-connect"),
    ("dial tcp", "Connect does not answer: look at the pods of the Deployment onepassword-connect"),
    ("context deadline exceeded", "Connect does not answer in time: look at its pods"),
)


@dataclass(frozen=True)
class State:
    """One store or ExternalSecret as it is.

    :param done: valid, or synced.
    :param said: reason and message of the condition; :param cause: the newest Event that tells why.
    """

    kind: str
    namespace: str
    name: str
    done: bool
    said: str
    cause: str = ""
    secret: str = ""

    @property
    def where(self) -> str:
        """``namespace/name``, or the name of a store."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def sentence(self) -> str:
        """Return what is wrong with it."""
        return f"{self.kind} {self.where}: {self.said}" + (f" ({self.cause})" if self.cause else "")

    def facts(self) -> dict[str, Any]:
        """Return it for a result."""
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "secret": self.secret,
            "ready": self.done,
            "state": self.said,
            "cause": self.cause,
        }


def _ready(body: Body) -> Mapping[str, Any]:
    for one in (body.get("status") or {}).get("conditions") or []:
        if one.get("type") == "Ready":
            return dict(one)
    return {}


def store_state(body: Body, events: Iterable[Body] = ()) -> State:
    """Judge a store."""
    found = _ready(body)
    reason, message = str(found.get("reason") or ""), str(found.get("message") or "")
    done = found.get("status") == "True" and reason == "Valid"
    said = f"{reason}, {message}" if reason else "it has not been validated yet"
    return State(
        str(body.get("kind") or "ClusterSecretStore"),
        str(body["metadata"].get("namespace") or ""),
        str(body["metadata"]["name"]),
        done,
        said,
        "" if done else newest(body, events),
    )


def secret_state(body: Body, events: Iterable[Body] = ()) -> State:
    """Judge an ExternalSecret. A status that speaks of an older generation does not count."""
    meta, found = body["metadata"], _ready(body)
    reason, message = str(found.get("reason") or ""), str(found.get("message") or "")
    synced = str((body.get("status") or {}).get("syncedResourceVersion") or "")
    current = not synced or synced.partition("-")[0] == str(meta.get("generation", 1))
    done = found.get("status") == "True" and reason == "SecretSynced" and current
    said = f"{reason}, {message}" if reason else "it has not been looked at yet"
    if found.get("status") == "True" and not current:
        said = "its last change has not been synced yet"
    target = (body.get("spec") or {}).get("target") or {}
    return State(
        "ExternalSecret",
        str(meta.get("namespace") or ""),
        str(meta["name"]),
        done,
        said,
        "" if done else newest(body, events),
        str(target.get("name") or meta["name"]),
    )


def newest(body: Body, events: Iterable[Body]) -> str:
    """Return the message of the newest warning about an object."""
    uid = body["metadata"].get("uid")
    found = [
        event
        for event in events
        if event.get("type") == "Warning"
        and (event.get("involvedObject") or {}).get("name") == body["metadata"]["name"]
        and (event.get("involvedObject") or {}).get("uid") in (uid, None)
    ]
    if not found:
        return ""
    last = max(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return " ".join(str(last.get("message") or "").split())


def remedy_of(states: Iterable[State]) -> str:
    """Return what to do about each cause that is known, once."""
    found: list[str] = []
    for state in states:
        for words, remedy in REMEDIES:
            if words in state.cause or words in state.said:
                found.append(remedy)
                break
    return ". ".join(dict.fromkeys(found)) or "Does the Deployment external-secrets run, and does Connect?"


def uses(body: Body, stores: Iterable[str]) -> bool:
    """Whether an ExternalSecret reads from one of these cluster stores."""
    reference = (body.get("spec") or {}).get("secretStoreRef") or {}
    return reference.get("kind") == "ClusterSecretStore" and reference.get("name") in set(stores)
