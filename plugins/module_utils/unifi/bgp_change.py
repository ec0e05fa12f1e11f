# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a router's BGP text: planned on what is stored, judged, kept, uploaded, and proven or taken back.

``params`` are those of ``udm_bgp_peer``, whose documentation says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.context import Context
from ..common.errors import HomeopsError, WaitTimeout
from ..frr import live, state_command
from ..frr.desired import Desired
from ..frr.live import Expected, Wanted
from . import backup, bgp_plan
from .bgp_config import BgpConfig, ConcurrentEdit, Stored
from .bgp_plan import Plan
from .bgp_wait import Earlier, Watch, first_look, roll_back
from .errors import UnifiError

#: How often a plan is made anew because somebody else changed the text meanwhile.
_ATTEMPTS = 3


def apply(
    store: BgpConfig,
    desired: Desired,
    expected: tuple[Expected, ...],
    shell: state_command.Shell,
    params: Mapping[str, Any],
    ctx: Context,
) -> tuple[Plan, Earlier, Stored | None, str]:
    """Plan and upload, anew when somebody else was faster; return plan, earlier state, what was stored, the backup."""
    for attempt in range(1, _ATTEMPTS + 1):
        made = bgp_plan.plan(
            store.read(), desired, params["state"], params["enabled"], expected, params.get("description")
        )
        _warn(made, params, ctx)
        if not made.changed or ctx.check_mode:
            return made, Earlier(), None, ""
        before = first_look(shell, made.before) if params["wait"] else Earlier()
        kept_in = ""
        if params.get("backup_dir") and made.before.document is not None:
            kept_in = backup.write(params["backup_dir"], params["host"], params["site"], made.before)
        try:
            written = store.write(
                made.before,
                made.after,
                enabled=made.enabled,
                file_name=f"{desired.name}.conf",
                description=made.description,
            )
        except UnifiError as error:
            if not isinstance(error, ConcurrentEdit) or error.written or attempt == _ATTEMPTS:
                # Whoever has to clean up needs to know whether there is something, and where the earlier text is.
                error.facts.update(
                    changed=error.written,
                    uploaded=error.written,
                    previous_checksum=made.before.checksum,
                    backup=kept_in,
                    checked="stored text",
                )
                raise
            ctx.progress("somebody else changed the configuration meanwhile; planning anew")
            continue
        return made, before, written, kept_in
    raise AssertionError("the last attempt returns or raises")


def _warn(made: Plan, params: Mapping[str, Any], ctx: Context) -> None:
    """Tell what is wrong in lines of others; refuse what is wrong in ours."""
    told = [bgp_plan.warning(made)]
    command = params["validate_command"]
    # What nobody asked for by its name is started only for a text that is about to be uploaded.
    if command and made.after and (made.changed or command != [state_command.AUTO]):
        told.append(bgp_plan.judge_rejections(made, state_command.rejections(command, made.after, made.owned)))
    for text in told:
        if text:
            ctx.warn(text)


def prove(
    store: BgpConfig,
    made: Plan,
    desired: Desired,
    expected: tuple[Expected, ...],
    before: Earlier,
    written: Stored | None,
    watch: Watch,
    params: Mapping[str, Any],
    result: dict[str, Any],
) -> None:
    """Wait for what is wanted and tell it in the result, or take the change back."""
    if written is not None and _keeps(params):
        result["not_awaited"] = sorted(bgp_plan.far_end_first(made, before.live))
        if result["not_awaited"]:
            watch.ctx.progress(f"not waiting for {', '.join(result['not_awaited'])}: their own side has to change too")
    wanted = _wanted(made, desired, expected, before, params)
    try:
        seen = watch.until(wanted, "the routes from the neighbours", since=before if written is not None else None)
    except WaitTimeout as error:
        error.facts.update(result)
        if written is None or not params["rollback"]:
            raise
        roll_back(store, written, made.before, before.live, watch, error)
    except HomeopsError as error:
        error.facts.update(result)
        raise
    else:
        result["live"] = live.facts(seen.live)
        if seen.in_force:
            result["checked"] = "sessions and routes"
        else:
            watch.ctx.warn(
                f"The console holds the new text, but within {params['wait_timeout']} s the router did not show that "
                "it runs it: what holds may be the work of the earlier text. Look with udm_bgp_info once it has "
                "restarted its sessions, or give the console more time (wait_timeout)."
            )


def _wanted(
    made: Plan, desired: Desired, expected: tuple[Expected, ...], before: Earlier, params: Mapping[str, Any]
) -> Wanted:
    """Return what the wait is for."""
    if _keeps(params):
        return bgp_plan.still_wanted(made, before.live)
    return bgp_plan.wanted(desired, expected, params["minimum_prefixes"])


def _keeps(params: Mapping[str, Any]) -> bool:
    return params["state"] == "absent" or params["wait_for"] == "kept"
