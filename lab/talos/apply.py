# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ApplyConfiguration: what is refused, what is predicted, and what a mode does.

Facts: siderolabs/talos v1.10 ``v1alpha1_server.go`` (ApplyConfiguration) and ``internal/app/maintenance/server.go``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from . import diff, immediate, sequences, validation
from .api import INVALID_ARGUMENT, UNIMPLEMENTED, UNKNOWN, ApiError, one
from .documents import Config, ConfigError, parse
from .durations import format_go

if TYPE_CHECKING:
    from .node import Node

REBOOT, AUTO, NO_REBOOT, STAGED, TRY = range(5)
DEFAULT_TRY = 60.0
NO_V1ALPHA1 = (
    "the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config "
    "instead?"
)


def maintenance(node: Node, request: Any) -> Any:
    """Apply in maintenance mode: REBOOT, AUTO and TRY are all alike.

    :raises ApiError: with the prefixes of the maintenance service.
    """
    if request.mode in (NO_REBOOT, STAGED):
        name = {NO_REBOOT: "no-reboot", STAGED: "staged"}[request.mode]
        raise ApiError(UNIMPLEMENTED, f"apply configuration --mode='{name}' is not supported in maintenance mode")
    try:
        config = parse(request.data)
    except ConfigError as error:
        raise ApiError(UNKNOWN, f"failed to parse config: {error}") from None
    try:
        warnings = validation.validate(config, installed=False)
    except validation.Invalid as error:
        raise ApiError(INVALID_ARGUMENT, f"configuration validation failed: {error}") from None
    try:
        warnings += validation.validate_runtime(node, config, installed=False)
    except validation.Invalid as error:
        raise ApiError(INVALID_ARGUMENT, f"runtime configuration validation failed: {error}") from None
    if request.dry_run:
        details = "Dry run summary:\nNode is running in maintenance mode and does not have a config yet."
        return one("ApplyConfiguration", warnings=warnings, mode_details=details)
    if node.pending_config is not None and not node.pending_config.done():
        node.pending_config.set_result(config)
    return one("ApplyConfiguration", warnings=warnings)


def configured(node: Node, request: Any) -> Any:
    """Apply on a configured node.

    :raises ApiError: INVALID_ARGUMENT, without the maintenance prefixes.
    """
    if request.mode != TRY:
        node.drop_try()  # even a dry run or a config that is refused below ends the window
    try:
        config = parse(request.data)
    except ConfigError as error:
        raise ApiError(INVALID_ARGUMENT, str(error)) from None
    if config.v1alpha1 is None:
        raise ApiError(INVALID_ARGUMENT, NO_V1ALPHA1)
    try:
        warnings = validation.validate(config, installed=node.storage.installed)
        warnings += validation.validate_runtime(node, config, installed=node.storage.installed)
    except validation.Invalid as error:
        raise ApiError(INVALID_ARGUMENT, str(error)) from None
    mode, details, tail = _resolve(node, config, request.mode)
    if request.dry_run:
        text = diff.documents(node.active, config) or "No changes."
        return one(
            "ApplyConfiguration",
            mode=mode,
            mode_details=f"Dry run summary:\n{details} (skipped in dry-run).\nConfig diff:\n\n{text}",
        )
    if mode == TRY:
        seconds = DEFAULT_TRY
        if request.HasField("try_mode_timeout"):
            seconds = request.try_mode_timeout.seconds + request.try_mode_timeout.nanos / 1e9
        details += (
            f"\nThe config is applied in 'try' mode and will be automatically reverted back in {format_go(seconds)}"
        )
        _open_try(node, seconds)
        node.set_active(config)
    elif mode == NO_REBOOT:
        node.storage.state = config.raw
        node.dies_at("write:config")
        node.set_active(config)
    elif mode == STAGED:
        node.storage.state = config.raw
        node.dies_at("write:config")
        node.tell("config")
    else:
        node.storage.state = config.raw
        node.dies_at("write:config")
        node.tell("config")
        sequences.begin(node, "reboot", lambda: sequences.reboot(node, ""), takeover=True)
    return one("ApplyConfiguration", mode=mode, warnings=warnings, mode_details=details + tail)


def _resolve(node: Node, config: Config, mode: int) -> tuple[int, str, str]:
    """The mode that is carried out, its details, and what follows them when the mode was chosen by the node."""
    live, rebooting = "Applied configuration without a reboot", "Applied configuration with a reboot"
    if mode == STAGED:
        return mode, "Staged configuration to be applied after the next reboot", ""
    if mode == REBOOT:
        return mode, rebooting, ""
    if mode not in (AUTO, NO_REBOOT, TRY):
        raise ApiError(UNKNOWN, f"incorrect mode '{mode}' specified for the apply config call")
    obstacle = immediate.obstacle(node.active, config)
    if mode == AUTO:
        return (REBOOT, rebooting, f": {obstacle}") if obstacle else (NO_REBOOT, live, "")
    if obstacle:
        raise ApiError(INVALID_ARGUMENT, obstacle)
    return mode, live, ""


def _open_try(node: Node, seconds: float) -> None:
    """Start the timer that goes back to the config which is active now.

    A second TRY inside a window therefore goes back to the first tried config, not to the persisted one.
    """
    node.drop_try()
    previous = node.active

    def revert() -> None:
        node.try_timer = node.try_previous = None
        node.say("[talos] reverting the configuration: try timeout")
        node.set_active(previous)

    node.try_previous = previous
    node.try_timer = asyncio.get_running_loop().call_later(seconds, revert)
