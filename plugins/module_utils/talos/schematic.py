# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image Factory schematics, offline: the canonical text, its id, and installer references.

The id is the SHA-256 of the canonical text, so no factory has to be asked. Source: siderolabs/image-factory
``pkg/schematic/schematic.go`` (key order, ``omitempty``) and gopkg.in/yaml.v3's layout.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.errors import InputError
from . import goyaml
from .goyaml import Ordered

FACTORY = "factory.talos.dev"
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

#: Key order of each mapping; a tuple's first item is the key, the second the order of its value.
_KEYS: Sequence[Any] = (
    "owner",
    ("overlay", ("image", "name", "options")),
    (
        "customization",
        (
            "embeddedMachineConfiguration",
            "extraKernelArgs",
            ("meta", ("key", "value")),
            ("systemExtensions", ("officialExtensions",)),
            "bootloader",
            ("secureboot", ("enrollKeys", "includeWellKnownCertificates")),
            ("diskImage", ("sectorSize",)),
        ),
    ),
)
_IMAGE_URL = re.compile(r"^https?://([^/]+)/image/([0-9a-f]{64})/(v[^/]+)/(.+)$")
_REFERENCE = re.compile(
    r"^(?P<host>[^/]+)/(?P<name>(?:metal-)?installer(?:-secureboot)?)/(?P<id>[0-9a-f]{64}):(?P<tag>v\S+)$"
)


@dataclass(frozen=True)
class Schematic:
    """A schematic in its canonical form."""

    text: str

    @property
    def id(self) -> str:
        """The id which the Image Factory would give it: 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def schematic(content: Mapping[str, Any]) -> Schematic:
    """Return the schematic of a mapping with the factory's keys (``overlay``, ``customization``, ...).

    :raises InputError: an unknown key: the factory would answer 400.
    """
    ordered = _ordered(content, _KEYS, "")
    ordered.setdefault("customization", Ordered())
    in_order = Ordered((name, ordered[name]) for name in ("owner", "overlay", "customization") if name in ordered)
    return Schematic(goyaml.dump(in_order))


def from_extensions(
    extensions: Iterable[str] = (), kernel_args: Iterable[str] = (), meta: Iterable[Mapping[str, Any]] = ()
) -> Schematic:
    """Return the schematic of official extensions, extra kernel arguments and META values; their order is kept."""
    customization: dict[str, Any] = {
        "extraKernelArgs": list(kernel_args),
        "meta": [dict(item) for item in meta],
        "systemExtensions": {"officialExtensions": list(extensions)},
    }
    return schematic({"customization": customization})


def _ordered(content: Mapping[str, Any], keys: Sequence[Any], where: str) -> Ordered:
    known = {key if isinstance(key, str) else key[0]: None if isinstance(key, str) else key[1] for key in keys}
    unknown = [str(name) for name in content if name not in known]
    if unknown:
        raise InputError(
            f"the schematic has the unknown key {where}{unknown[0]}",
            remedy=f"The Image Factory knows {', '.join(known)} here",
            param="schematic",
        )
    result = Ordered()
    for name, inner in known.items():
        value = content.get(name)
        if inner is not None and isinstance(value, Mapping):
            value = _ordered(value, inner, f"{where}{name}.")
        elif inner is not None and isinstance(value, (list, tuple)):
            value = [_item(item, inner, f"{where}{name}.") for item in value]
        if value:
            result[name] = value
    return result


def _item(item: Any, keys: Sequence[Any], where: str) -> Ordered:
    """Return a list item; its keys are always written (``meta`` entries have no ``omitempty``)."""
    if not isinstance(item, Mapping):
        raise InputError(f"the schematic's {where.rstrip('.')} must hold mappings", param="schematic")
    checked = _ordered(item, keys, where)
    return Ordered((name, checked.get(name, 0 if name == "key" else "")) for name in keys)


def installer(schematic_id: str, talos_version: str, *, secureboot: bool = False, factory: str = FACTORY) -> str:
    """Return the installer reference of a schematic: ``factory.talos.dev/installer/<id>:v1.10.5``."""
    name = "installer-secureboot" if secureboot else "installer"
    return f"{factory}/{name}/{schematic_id}:v{talos_version.removeprefix('v')}"


def schematic_of(reference: str) -> str:
    """Return the schematic id in an installer reference, empty for a vanilla one."""
    match = _REFERENCE.match(reference)
    return match.group("id") if match else ""


def check_installer(reference: str, talos_version: str = "", *, param: str = "installer_image") -> None:
    """Refuse what is no installer image, with the value to write instead.

    :raises InputError: a download URL, the ``talos`` image, a missing tag, or another version than wanted.
    """
    url = _IMAGE_URL.match(reference)
    if url:
        host, schematic_id, version, _file = url.groups()
        secureboot = "secureboot" in reference
        raise InputError(
            f'"{reference}" is the download of a disk image, not an installer image',
            remedy=f"Write {installer(schematic_id, version, secureboot=secureboot, factory=host)}",
            param=param,
        )
    if "://" in reference:
        raise InputError(
            f'"{reference}" is a URL, not an image reference',
            remedy=f"Write it without {reference.partition('://')[0]}://",
            param=param,
        )
    name, _slash, last = reference.rpartition("/")
    repository, _colon, tag = last.partition(":")
    wanted = f"v{talos_version.removeprefix('v')}" if talos_version else "v1.10.5"
    if f"{name}/{repository}" == "ghcr.io/siderolabs/talos":
        raise InputError(
            f'"{reference}" is not an installer image',
            remedy=f"Write ghcr.io/siderolabs/installer:{tag or wanted}, or the factory's with a schematic",
            param=param,
        )
    if not tag and "@sha256:" not in last:
        raise InputError(
            f'the installer image "{reference}" has no tag', remedy=f"Write {reference}:{wanted}", param=param
        )
    if talos_version and _is_official(reference) and "@" not in last and tag != wanted:
        raise InputError(
            f'the installer image "{reference}" is not of Talos {wanted}',
            remedy=f"Write {name}/{repository}:{wanted}, or change talos_version",
            param=param,
        )


def _is_official(reference: str) -> bool:
    return bool(_REFERENCE.match(reference)) or reference.startswith("ghcr.io/siderolabs/installer:")


#: Official extensions whose name differs from what their service or their documentation calls them.
_SERVICES = {"ext-lldpd": "lldpd", "ext-tailscale": "tailscale", "ext-iscsid": "iscsi-tools", "iscsi": "iscsi-tools"}


def check_extensions(extensions: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with extension names, one sentence each; [] when nothing is.

    ``siderolabs/ext-lldpd`` is the classical one: ``ext-lldpd`` is the *service* of the extension ``lldpd``. The
    factory takes any name and fails only when it builds the image.

    :param known: the names of the factory's list for this version, when it is at hand.
    """
    official = set(known)
    problems: list[str] = []
    seen: set[str] = set()
    for name in extensions:
        owner, _slash, base = name.rpartition("/")
        if name in seen:
            problems.append(f"{name} is listed twice")
        seen.add(name)
        if not owner:
            problems.append(f"{name} has no owner: write siderolabs/{_SERVICES.get(name, name)}")
        elif base in _SERVICES or base.startswith("ext-"):
            proper = f"{owner}/{_SERVICES.get(base, base.removeprefix('ext-'))}"
            problems.append(f"{name} is the name of a service, not of an extension: write {proper}")
        elif official and name not in official:
            close = difflib.get_close_matches(name, official, n=1)
            problems.append(f"{name} is not an official extension" + (f": did you mean {close[0]}?" if close else ""))
    return problems


def same_in_other_order(wanted: str, extensions: Sequence[str], kernel_args: Sequence[str]) -> str:
    """Return the order of extensions and kernel arguments which has the id ``wanted``; empty when none has.

    Looked for only while there are few enough orders (5040).
    """
    if math.factorial(len(extensions)) * math.factorial(len(kernel_args)) > 5040:
        return ""
    for names in itertools.permutations(extensions):
        for arguments in itertools.permutations(kernel_args):
            if from_extensions(names, arguments).id == wanted:
                return ", ".join((*names, *arguments))
    return ""
