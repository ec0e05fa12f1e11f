# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where items are read: Connect, a YAML file, or a 1Password service account, behind one interface.

The file is for the time before Connect runs. It is plain or encrypted by ansible-vault, and maps titles to fields; an
item that is a file has ``files`` instead::

    items:
      Cloudflare API Token:
        token: the value
      Home-ops cloudflare-tunnel.json:
        files:
          credentials.json: the content
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

try:
    import yaml
except ImportError:  # every controller has it; only a look at the imports without Ansible's own does not
    yaml = None  # type: ignore[assignment]

from ..common.errors import InputError
from . import items
from .client import Client
from .errors import ItemAmbiguous, ItemMissing, SourceAbsent
from .items import Field, File, Item


class Source(Protocol):
    """Something that has items."""

    @property
    def name(self) -> str:
        """What it is, for messages."""

    def find(self, title: str) -> Item:
        """Return the one item of this title, with its fields.

        :raises ItemMissing: there is none; :raises ItemAmbiguous: there are several.
        """

    def content(self, item: Item, file: File) -> str:
        """Return the text of a file."""


def value(source: Source, title: str, label: str = "", section: str = "", file: str = "") -> str:
    """Return one value: a field, or a file when the item is one or ``file`` names one.

    :raises OnePasswordError: it cannot be read, with the reason.
    """
    item = source.find(title)
    if file or (item.document and not label):
        return source.content(item, items.file_of(item, file))
    return items.field_of(item, label, section).value


def missing(title: str, where: str, seen: int | None = None) -> ItemMissing:
    """Return the error for an item that is not there."""
    return ItemMissing(
        f"looking for the item {title!r}",
        target=where,
        answer="there is no item of this title" + ("" if seen is None else f" among {seen}"),
        remedy="Create it, or correct its title in the model: titles are compared letter by letter",
    )


def ambiguous(title: str, where: str, ids: list[str]) -> ItemAmbiguous:
    """Return the error for a title that several items have."""
    return ItemAmbiguous(
        f"looking for the item {title!r}",
        target=where,
        answer=f"{len(ids)} items have this title: {' and '.join(ids)}",
        remedy="Rename or archive all but one: External Secrets refuses a title that is there twice",
    )


class ConnectSource:
    """Items of one vault of a Connect server. Each item is read once; what was found stays for the run."""

    def __init__(self, client: Client, vault: str) -> None:
        self.client, self.vault_name = client, vault
        self._vault = ""
        self._found: dict[str, Item] = {}

    @property
    def name(self) -> str:
        """Server and vault."""
        return f"vault {self.vault_name} of {self.client.name}"

    @property
    def vault(self) -> str:
        """The vault's id."""
        if not self._vault:
            self._vault = str(self.client.vault(self.vault_name)["id"])
        return self._vault

    def find(self, title: str) -> Item:
        """Ask by title, then by id: a list of items comes without fields."""
        if title not in self._found:
            listed = self.client.items(self.vault, title)
            if not listed:
                raise missing(title, self.name)
            if len(listed) > 1:
                raise ambiguous(title, self.name, [str(one["id"]) for one in listed])
            self._found[title] = items.parse(self.client.item(self.vault, str(listed[0]["id"])))
        return self._found[title]

    def content(self, item: Item, file: File) -> str:
        """Read the file's content, whatever its size."""
        return self.client.file(self.vault, item.id, file.id).decode("utf-8", "replace")

    def forget(self, title: str) -> None:
        """Read this item anew when it is asked for again."""
        self._found.pop(title, None)


class FileSource:
    """Items of a YAML file on the controller.

    :param read: returns a file's text, decrypted.
    """

    def __init__(self, path: str, read: Callable[[str], str]) -> None:
        self.path = path
        try:
            text = read(path)
        except FileNotFoundError:
            raise SourceAbsent(
                "reading the items",
                target=path,
                answer="there is no such file",
                remedy="Write the items there (docs/secrets.md shows the form; encrypt it with ansible-vault), or use "
                "another source",
                param="path",
            ) from None
        except OSError as error:
            raise InputError(
                "the items cannot be read", target=path, answer=error.strerror or "", param="path"
            ) from None
        self._items = self._parsed(text)

    @property
    def name(self) -> str:
        """The path."""
        return self.path

    def _parsed(self, text: str) -> dict[str, Item]:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            # The error's own text quotes the line, and with it what may be a secret.
            where = f"line {mark.line + 1}" if mark else ""
            raise InputError("the items are not YAML", target=self.path, answer=where, param="path") from None
        listed = found.get("items") if isinstance(found, Mapping) else None
        if not isinstance(listed, Mapping):
            raise InputError(
                "the file of items has no map 'items'",
                target=self.path,
                remedy="Write items: {title: {field: value}}",
                param="path",
            )
        return {str(title): self._item(str(title), body) for title, body in listed.items()}

    def _item(self, title: str, body: Any) -> Item:
        if not isinstance(body, Mapping):
            raise InputError(
                f"the item {title!r} is no map of fields",
                target=self.path,
                remedy="Write title: {field: value}",
                param="path",
            )
        files = body.get("files")
        named = files if isinstance(files, Mapping) else {}
        fields = tuple(
            Field(str(label), "" if one is None else str(one), str(label))
            for label, one in body.items()
            if not (label == "files" and named)
        )
        # The content is the file's id: there is nothing else to fetch it by.
        return Item(
            title,
            id=title,
            category=items.DOCUMENT if named and not fields else "LOGIN",
            fields=fields,
            files=tuple(File(str(name), str(text)) for name, text in named.items()),
        )

    def find(self, title: str) -> Item:
        """Return the item of the file."""
        if title not in self._items:
            raise missing(title, self.path, len(self._items))
        return self._items[title]

    def content(self, item: Item, file: File) -> str:
        """Return the text that stands in the file."""
        return file.id
