# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says of secrets: declared items, ExternalSecrets, and what the phase ``secrets`` writes itself.

The entry points, all pure, ``model`` being the whole model keyed by subject:

- ``external_secret(model, namespace, name)`` and ``external_secrets(model, namespace="")``: ExternalSecret manifests.
- ``cluster_store(model)``: the ClusterSecretStore through which all of them read.
- ``declared(model)``: every item with its fields and what of it can be generated.
- ``bootstrap(model)``: Secrets of the time before External Secrets runs, as references to items.

A reference is ``item`` or ``item.field``, where ``item`` is a key of ``homeops_secrets.items``. An item that says
``document: true`` is a file: its reference has no field, and its first file is taken. In namespaces, templates and
recipes ``<homeops_x.y>`` stands for a value of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import InputError

Body = dict[str, Any]

API_VERSION = "external-secrets.io/v1"
STORE = "onepassword-connect"
#: Where Connect and its two Secrets are.
NAMESPACE = "onepassword-connect"
TOKEN_SECRET, TOKEN_KEY = "onepassword-connect-token", "token"
#: Items that do not exist burn Connect's rate limit, so nothing is asked for more often than this says by itself.
REFRESH = "1h"
_PLACE = re.compile(r"<\s*([A-Za-z0-9_.-]+)\s*(?:\|\s*([A-Za-z0-9]+)\s*)?>")
_VALUE = re.compile(r"<homeops_([A-Za-z0-9_.]+)>")
#: Functions of the template engine v2 that a placeholder may name.
FUNCTIONS = ("b64dec", "b64enc", "lower", "quote", "trim", "upper")


@dataclass(frozen=True)
class Reference:
    """One field of one item, or its file.

    :param field: empty for a document.
    """

    item: str
    title: str
    field: str = ""

    @property
    def document(self) -> bool:
        """Whether it is a file."""
        return not self.field


@dataclass(frozen=True)
class Declared:
    """An item that must be there.

    :param fields: labels; empty for a document.
    :param recipes: what can be generated, by field.
    """

    name: str
    title: str
    fields: tuple[str, ...] = ()
    document: bool = False
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> Body:
        """Return it as the modules take it."""
        return {
            "name": self.name,
            "title": self.title,
            "fields": list(self.fields),
            "document": self.document,
            "generate": {key: dict(value) for key, value in self.recipes.items()},
        }


def declared(model: Mapping[str, Any]) -> list[Declared]:
    """Return every item of the model, by title.

    :raises InputError: an item that says no field, or a recipe for a field that it has not.
    """
    found = []
    for name, item in model["secrets"]["items"].items():
        fields = tuple(str(one) for one in item.get("fields") or ([item["field"]] if item.get("field") else []))
        document = bool(item.get("document"))
        where = f"homeops_secrets.items.{name}"
        if document == bool(fields):
            raise InputError(
                f"{where} says {'fields and document: true' if document else 'neither a field nor document: true'}",
                remedy="Write field: or fields: for an item with fields, document: true for a file",
                param="model",
            )
        recipes = {
            str(key): {
                word: expand(model, value, f"{where}.generate.{key}") if isinstance(value, str) else value
                for word, value in recipe.items()
            }
            for key, recipe in (item.get("generate") or {}).items()
        }
        strange = sorted(set(recipes) - set(fields))
        if strange:
            raise InputError(
                f"{where}.generate names {', '.join(strange)}, which is no field of the item",
                remedy=f"Its fields are {', '.join(fields) or 'none'}",
                param="model",
            )
        found.append(Declared(str(name), str(item["title"]), fields, document, recipes))
    return sorted(found, key=lambda one: one.title)


def reference(model: Mapping[str, Any], text: str, where: str) -> Reference:
    """Return what ``item`` or ``item.field`` means.

    :param where: for messages.
    :raises InputError: there is no such item or field.
    """
    name, _dot, wanted = text.partition(".")
    items = {one.name: one for one in declared(model)}
    if name not in items:
        raise InputError(
            f"{where} names the item {name!r}, which homeops_secrets.items has not",
            remedy=f"Known are {', '.join(sorted(items))}",
            param="model",
        )
    item = items[name]
    if item.document:
        if wanted:
            raise InputError(f"{where} names the field {wanted!r} of {name}, which is a document", param="model")
        return Reference(name, item.title)
    if not wanted and len(item.fields) > 1:
        raise InputError(
            f"{where} names {name}, which has several fields",
            remedy=f"Write {name}.{item.fields[0]}, or another of {', '.join(item.fields)}",
            param="model",
        )
    chosen = wanted or item.fields[0]
    if chosen not in item.fields:
        raise InputError(
            f"{where} names the field {chosen!r}, which {name} does not declare",
            remedy=f"Its fields are {', '.join(item.fields)}",
            param="model",
        )
    return Reference(name, item.title, chosen)


def expand(model: Mapping[str, Any], text: str, where: str) -> str:
    """Return a text with each ``<homeops_x.y>`` as the model's value.

    :raises InputError: the model has no such value.
    """

    def value(found: re.Match[str]) -> str:
        inside: Any = model
        for part in found[1].split("."):
            inside = inside.get(part) if isinstance(inside, Mapping) else None
        if inside is None or isinstance(inside, (Mapping, list)):
            raise InputError(f"{where} names {found[0]}, which is no value of the model", param="model")
        return str(inside)

    return _VALUE.sub(value, text)


def _spaces(model: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    where = f"homeops_secrets.external[{entry['name']}].namespaces"
    return [expand(model, str(space), where) for space in entry["namespaces"]]


def external_secrets(model: Mapping[str, Any], namespace: str = "") -> list[Body]:
    """Return the ExternalSecrets of a namespace, or of all, by namespace and name.

    :raises InputError: a reference that means nothing, or two entries for one Secret.
    """
    found = [
        _manifest(model, entry, space)
        for entry in model["secrets"].get("external") or []
        for space in _spaces(model, entry)
        if not namespace or space == namespace
    ]
    _refuse_twice(found)
    return sorted(found, key=lambda body: (body["metadata"]["namespace"], body["metadata"]["name"]))


def external_secret(model: Mapping[str, Any], namespace: str, name: str) -> Body:
    """Return one ExternalSecret.

    :raises InputError: the model has none of that name in that namespace.
    """
    entries = [entry for entry in model["secrets"].get("external") or [] if entry["name"] == name]
    if not entries:
        known = sorted(str(entry["name"]) for entry in model["secrets"].get("external") or [])
        raise InputError(
            f"nothing tells what the ExternalSecret {name} consists of",
            remedy=f"Add it to homeops_secrets.external; known are {', '.join(known)}",
            param="model",
        )
    spaces = [space for entry in entries for space in _spaces(model, entry)]
    if namespace not in spaces:
        raise InputError(
            f"homeops_secrets.external has {name} for {', '.join(spaces)}, and not for the namespace {namespace}",
            remedy=f"Add {namespace} to its namespaces",
            param="model",
        )
    return next(_manifest(model, entry, namespace) for entry in entries if namespace in _spaces(model, entry))


def _manifest(model: Mapping[str, Any], entry: Mapping[str, Any], namespace: str) -> Body:
    where = f"homeops_secrets.external[{entry['name']}]"
    data = []
    for key, text in sorted(entry["keys"].items()):
        found = reference(model, str(text), f"{where}.keys.{key}")
        remote: Body = {"key": found.title}
        if found.field:
            remote["property"] = found.field
        data.append({"secretKey": str(key), "remoteRef": remote})
    target: Body = {"name": str(entry.get("secret") or entry["name"]), "creationPolicy": "Owner"}
    template: Body = {}
    if entry.get("type"):
        template["type"] = str(entry["type"])
    if entry.get("template"):
        template["data"] = {
            str(key): _text(
                expand(model, str(text), f"{where}.template.{key}"), entry["keys"], f"{where}.template.{key}"
            )
            for key, text in sorted(entry["template"].items())
        }
    if template:
        target["template"] = {"engineVersion": "v2", **template}
    return {
        "apiVersion": API_VERSION,
        "kind": "ExternalSecret",
        "metadata": {"name": str(entry["name"]), "namespace": namespace},
        "spec": {
            "refreshInterval": str(entry.get("refresh") or REFRESH),
            "secretStoreRef": {"name": STORE, "kind": "ClusterSecretStore"},
            "target": target,
            "data": data,
        },
    }


def _text(text: str, keys: Iterable[Any], where: str) -> str:
    """Return a template's text with each ``<key>`` as the template engine writes it."""
    known = {str(key) for key in keys}

    def action(found: re.Match[str]) -> str:
        key, function = found.groups()
        if key not in known:
            raise InputError(
                f"{where} names <{key}>, which is no key of the entry",
                remedy=f"Its keys are {', '.join(sorted(known))}",
                param="model",
            )
        if function and function not in FUNCTIONS:
            raise InputError(
                f"{where} calls the function {function}", remedy=f"Use one of {', '.join(FUNCTIONS)}", param="model"
            )
        # A key with another character than letters, digits and _ is no name for Go's templates.
        value = f".{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f'index . "{key}"'
        return f"{{{{ {value}{f' | {function}' if function else ''} }}}}"

    return _PLACE.sub(action, text)


def _refuse_twice(bodies: Iterable[Body]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for body in bodies:
        space, secret = body["metadata"]["namespace"], body["spec"]["target"]["name"]
        name = body["metadata"]["name"]
        if (space, secret) in seen:
            raise InputError(
                f"homeops_secrets.external makes the Secret {space}/{secret} by {seen[space, secret]} and by {name}",
                remedy="One Secret has one owner",
                param="model",
            )
        seen[space, secret] = name


def cluster_store(model: Mapping[str, Any]) -> Body:
    """Return the store that all ExternalSecrets name."""
    domain = model["cluster"]["dns_domain"]
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterSecretStore",
        "metadata": {"name": STORE},
        "spec": {
            "provider": {
                "onepassword": {
                    "connectHost": f"http://onepassword-connect.{NAMESPACE}.svc.{domain}:8080",
                    "vaults": {str(model["secrets"]["vault"]): 1},
                    "auth": {
                        "secretRef": {
                            "connectTokenSecretRef": {
                                "name": TOKEN_SECRET,
                                "namespace": NAMESPACE,
                                "key": TOKEN_KEY,
                            }
                        }
                    },
                }
            }
        },
    }


def bootstrap(model: Mapping[str, Any]) -> list[Body]:
    """Return the Secrets that the phase ``secrets`` writes itself, with titles and fields instead of values.

    Each is ``{namespace, name, type, format, keys: [{key, title, field}]}``; an empty field means the first file.

    :raises InputError: a reference that means nothing.
    """
    return [
        {
            "namespace": expand(
                model, str(entry["namespace"]), f"homeops_secrets.bootstrap[{entry['name']}].namespace"
            ),
            "name": str(entry["name"]),
            "type": str(entry.get("type") or "Opaque"),
            "format": str(entry.get("format") or "plain"),
            "keys": [
                {"key": str(key), "title": found.title, "field": found.field}
                for key, text in sorted(entry["keys"].items())
                for found in [reference(model, str(text), f"homeops_secrets.bootstrap[{entry['name']}].keys.{key}")]
            ],
        }
        for entry in model["secrets"].get("bootstrap") or []
    ]


def items(model: Mapping[str, Any]) -> list[Body]:
    """Return the declared items as the modules take them."""
    return [one.as_dict() for one in declared(model)]


def generated(model: Mapping[str, Any]) -> list[Body]:
    """Return the items of which something can be made, with these fields only, as ``onepassword_item`` takes them."""
    return [
        {
            "title": one.title,
            "category": "LOGIN" if {"username", "password"} <= set(one.fields) else "PASSWORD",
            "fields": [{"label": label, "generate": dict(one.recipes[label])} for label in one.recipes],
        }
        for one in declared(model)
        if one.recipes and set(one.recipes) == set(one.fields)
    ]
