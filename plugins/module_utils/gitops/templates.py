# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates of the components: Jinja2 over the model, with nothing that could differ from run to run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

try:
    import jinja2
    import yaml

    _Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
except ImportError:  # ansible-test imports without third-party packages
    jinja2 = None  # type: ignore[assignment]
    yaml = None  # type: ignore[assignment]

from ..common.errors import InputError
from . import quantities, yaml_text


def render(text: str, values: Mapping[str, Any], source: str) -> str:
    """Return a rendered template.

    :param source: the file, for messages.
    :raises InputError: a template that does not parse, or names something that the model does not have.
    """
    try:
        return str(_compiled(text).render(**values))
    except jinja2.TemplateSyntaxError as error:
        raise InputError("the template is not valid", target=f"{source}:{error.lineno}", answer=str(error)) from None
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        raise InputError("the template cannot be rendered", target=source, answer=str(error)) from None


def load(text: str, source: str) -> list[Any]:
    """Return the documents of a rendered template.

    :raises InputError: not YAML.
    """
    try:
        return [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError("the template does not render to YAML", target=source, answer=problem) from None


@functools.lru_cache(maxsize=512)
def _compiled(text: str) -> Any:
    return _environment().from_string(text)


@functools.lru_cache(maxsize=1)
def _environment() -> Any:
    """Return the environment; autoescape would write HTML entities into YAML."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        block=yaml_text.block,
        quoted=yaml_text.quoted,
        bytes=quantities.size_bytes,
        digest=quantities.digest,
        at_least=quantities.at_least,
    )
    return environment
