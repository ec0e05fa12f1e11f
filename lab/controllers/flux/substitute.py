# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Variables in manifests: ``postBuild.substitute`` (fluxcd/pkg ``kustomize/kustomize_varsub.go``, drone ``envsubst``).

``${name}``, ``${name:=default}``, ``${name:-default}`` and ``${name=default}`` are replaced; ``$${name}`` stays as
``${name}``; a variable that nobody sets is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from ... import yaml_text

Object = dict[str, Any]

DISABLED = "kustomize.toolkit.fluxcd.io/substitute"
_NAME = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9]*$")
_USE = re.compile(r"\$\$\{|\$\{([_a-zA-Z][_a-zA-Z0-9]*)(?:(:=|:-|=|-)((?:[^{}]|\{[^{}]*\})*))?\}")


class SubstituteError(Exception):
    """Variables that cannot be used."""


def check_names(variables: Mapping[str, Any]) -> None:
    """Refuse names that are none.

    :raises SubstituteError: naming the first.
    """
    for name in variables:
        if not _NAME.match(name):
            raise SubstituteError(f"'{name}' var name is invalid, must match '{_NAME.pattern}'")


def replace(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with its variables replaced."""

    def one(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "${"
        value = variables.get(match.group(1), "")
        return match.group(3) or "" if not value and match.group(2) else value

    return _USE.sub(one, text)


def substitute(body: Object, variables: Mapping[str, str]) -> Object:
    """Return an object with the variables replaced in its text; one that opts out stays as it is."""
    marks = {**(body["metadata"].get("labels") or {}), **(body["metadata"].get("annotations") or {})}
    if marks.get(DISABLED) == "disabled":
        return body
    text = yaml_text.dump(body, sort_keys=False, allow_unicode=True, width=1_000_000)
    if "${" not in text:
        return body
    try:
        found = yaml_text.load(replace(text, variables))
    except yaml.YAMLError as error:
        raise SubstituteError(f"YAMLToJSON: yaml: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise SubstituteError("the object is none after the substitution")
    return found
