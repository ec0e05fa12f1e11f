# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking again at the ways of services: as long as what is broken comes by itself, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import HomeopsError
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.cluster_view import ClusterView
from ansible_collections.homeops.cluster.plugins.module_utils.status import again, chain, chain_login, options
from ansible_collections.homeops.cluster.plugins.modules import service_status
from tests.harness.lab import CHECKOUT
from tests.unit.plugins.module_utils.status.chain_world import ENTRY, NOW, ZONE, Facts, facts, find, wanted

Break = Callable[[Facts], None]


def no_record(given: Facts) -> None:
    given["records"] = given["records"][1:]


def issuing(given: Facts) -> None:
    said = [
        {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "Issuing certificate"},
        {"type": "Issuing", "status": "True", "reason": "DoesNotExist", "message": "Issuing certificate"},
    ]
    find(given, "Certificate", "authentik/prometheus-tls")["status"]["conditions"] = said
    given["probes"][0]["tls"]["problem"] = "self-signed certificate"


def resting(given: Facts) -> None:
    """The issuer has refused, and cert-manager tries again in an hour."""
    issuing(given)
    status = find(given, "Certificate", "authentik/prometheus-tls")["status"]
    status["conditions"][1].update(status="False", reason="Failed")
    status.update(failedIssuanceAttempts=1, lastFailureTime=NOW)


def not_served(given: Facts) -> None:
    """The outpost does not know the host yet, so the core answers with a login page of its own."""
    given["probes"][0]["location"] = "/flows/-/default/authentication/?next=/"


def not_connected(given: Facts) -> None:
    given["identity"]["outposts"][0]["health"] = []


def unresolved(given: Facts) -> None:
    given["probes"][0].update(status=None, location="", tls={}, error="the host name cannot be resolved (unknown)")


def no_label(given: Facts) -> None:
    find(given, "Service", ENTRY)["metadata"]["labels"] = {}


def open_door(given: Facts) -> None:
    given["probes"][0].update(status=200, location="")


def refused(given: Facts) -> None:
    given["probes"][0].update(status=None, location="", error="connection refused")


def world(*breaks: Break) -> chain.Facts:
    given = facts()
    for one in breaks:
        one(given)
    return chain.Facts(
        cluster=ClusterView(given["resources"]),
        **{name: given[name] for name in ("routes", "records", "identity", "probes")},
        now=NOW,
    )


def build(found: chain.Facts) -> chain.Report:
    return chain.build([options.service(one) for one in wanted()], found, chain_login.LINKS)


class Time:
    """Time that passes while somebody sleeps, and what the systems say as it does.

    :param until: what is broken from the beginning until some second; the last one lasts.
    """

    def __init__(self, *until: tuple[float, tuple[Break, ...] | chain.Facts]) -> None:
        self.until, self.now, self.looks = until, 0.0, 0
        self.told: list[str] = []

    def facts(self) -> chain.Facts:
        found = next((what for end, what in self.until if self.now < end), self.until[-1][1])
        return found if isinstance(found, chain.Facts) else world(*found)

    def look(self) -> chain.Facts:
        self.looks += 1
        return self.facts()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, timeout: float = 600) -> again.Waited:
        ctx = Context(progress=self.told.append)
        return again.wait(build, self.facts(), self.look, timeout, ctx, sleep=self.sleep, clock=lambda: self.now)


def broken(waited: again.Waited) -> dict[str, str]:
    return {one.name: one.broken.name for one in waited.report.chains if one.broken}


def test_what_stands_is_not_looked_at_again() -> None:
    time = Time((0, ()))
    assert time.wait() == again.Waited(build(world()))
    assert (time.looks, time.told) == (0, [])


@pytest.mark.parametrize("coming", [no_record, issuing, not_served, not_connected])
def test_what_comes_by_itself_is_waited_for(coming: Break) -> None:
    time = Time((50, (coming,)), (0, ()))
    waited = time.wait()
    assert broken(waited) == {}
    assert (waited.looks, waited.seconds) == (10, 50)
    # Without time for it there is one look, whose findings are the last word.
    assert broken(Time((50, (coming,)), (0, ())).wait(0)) != {}


def test_who_waits_for_what_is_told() -> None:
    time = Time((30, (issuing, not_served, no_record, unresolved)), (100, (issuing, not_connected)), (0, ()))
    assert broken(time.wait()) == {}
    assert time.told[0].startswith("waiting for what comes by itself: prometheus: dns, certificate, login · 0 s")
    assert any("prometheus: certificate, outpost; dashboard: outpost · 30 s of 600 s" in line for line in time.told)


@pytest.mark.parametrize("fault", [no_label, open_door, refused, resting])
def test_anything_else_ends_it_at_once(fault: Break) -> None:
    time = Time((0, (issuing, not_connected, fault)))
    assert broken(time.wait()) != {}
    assert time.looks == 0
    # So does one that turns up on the way.
    later = Time((20, (not_connected,)), (0, (not_connected, fault)))
    later.wait()
    assert (later.looks, later.now) == (4, 20)


def test_an_outpost_that_should_have_loaded_by_now_is_a_fault() -> None:
    time = Time((0, (not_served,)))
    waited = time.wait()
    assert broken(waited) == {"prometheus": "login"}
    assert chain.SOON <= time.now < chain.SOON + 2 * again.INTERVAL
    # The time of a fault that takes the place of another one begins with it.
    later = Time((200, (unresolved,)), (230, (not_served,)), (0, ()))
    assert broken(later.wait()) == {}


def test_the_wait_has_an_end() -> None:
    time = Time((0, (issuing,)))
    waited = time.wait()
    assert broken(waited) == {"prometheus": "certificate"}
    assert 600 <= time.now < 610 and waited.seconds == time.now


def test_a_system_that_says_nothing_for_once_ends_no_wait() -> None:
    silent = replace(world(), cluster=None, records=None, reasons={"cluster": "no answer"})
    time = Time((10, (issuing, no_record)), (20, silent), (30, (issuing,)), (0, ()))
    waited = time.wait()
    assert broken(waited) == {} and time.now == 30
    assert {one.state for one in waited.report.chains} == {"ok"}


def run(given: Facts, *, check: bool = False, **more: Any) -> dict[str, Any]:
    params = {"services": wanted(), "show": False, "now": NOW, **given, **more}
    checked = ArgumentSpecValidator(service_status.SPEC["argument_spec"]).validate(params)
    assert not checked.error_messages, checked.error_messages
    return dict(service_status.run(checked.validated_parameters, Context(check_mode=check)))


def test_the_module_looks_again_only_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def look(given: Any, first: chain.Facts, ctx: Context) -> chain.Facts:
        asked.append(given["zone"])
        return world()

    monkeypatch.setattr(again, "look", look)
    monkeypatch.setattr(again, "INTERVAL", 0.01)
    pending = facts()
    issuing(pending)
    allowed = {"wait_timeout": 30, "again": {"zone": ZONE}}
    for more in ({}, {"again": {"zone": ZONE}}, {**allowed, "check": True}):
        with pytest.raises(HomeopsError, match="prometheus: certificate: Certificate authentik/prometheus-tls is not"):
            run(pending, **more)
    assert asked == []
    found = run(pending, **allowed)
    assert (found["report"]["worst"], asked) == ("ok", [ZONE])
    assert found["waited"] >= 0
    assert run(facts(), **allowed)["waited"] == 0 and asked == [ZONE]
    no_label(pending)
    with pytest.raises(HomeopsError, match="has no label"):
        run(pending, **allowed)
    assert asked == [ZONE]


def test_a_wait_in_vain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = facts()
    issuing(pending)
    monkeypatch.setattr(again, "INTERVAL", 0.01)
    monkeypatch.setattr(again, "look", lambda given, first, ctx: first)
    with pytest.raises(HomeopsError, match="after 1 s of waiting for what comes by itself failed: prometheus: certif"):
        run(pending, wait_timeout=1, again={})


@pytest.mark.parametrize(
    ("playbook", "tags", "seconds"),
    [
        ("site.yml", ["all"], 600),
        ("site.yml", ["identity", "verify"], 600),
        ("site.yml", ["verify"], 0),
        ("playbooks/service_add.yml", ["all"], 600),
    ],
)
def test_who_deploys_waits(playbook: str, tags: list[str], seconds: int) -> None:
    plays = yaml.safe_load((CHECKOUT / playbook).read_text(encoding="utf-8"))
    (verify,) = (play for play in plays if play.get("ansible.builtin.import_playbook") == "homeops.cluster.verify")
    given = verify["vars"]["service_status_wait_timeout"]
    templar = Templar(loader=DataLoader(), variables={"ansible_run_tags": tags})
    found = templar.template(trust_as_template(given)) if isinstance(given, str) else given
    assert found == seconds
    defaults = yaml.safe_load((CHECKOUT / "roles/service_status/defaults/main.yml").read_text(encoding="utf-8"))
    assert defaults["service_status_wait_timeout"] == 0
    assert "service_status_wait_timeout:" not in (CHECKOUT / "playbooks/verify.yml").read_text(encoding="utf-8")


def test_systems_that_do_not_answer_again_are_unknown_with_their_reason() -> None:
    nowhere = {
        "kubeconfig": "/nowhere/kubeconfig",
        "console": {"host": "127.0.0.1", "port": 1, "api_key": "q7-key"},
        "identity": {"url": "http://127.0.0.1:1", "token": "q7-token"},
        "probes": [{"host": f"prometheus.{ZONE}", "paths": ["/"]}],
        "door": "127.0.0.1:1",
        "timeout": 1,
    }
    checked = ArgumentSpecValidator({"again": {"type": "dict", "options": again.ARGUMENTS}}).validate(
        {"again": nowhere}
    )
    found = again.look(checked.validated_parameters["again"], world(), Context())
    assert (found.cluster, found.records, found.identity) == (None, None, None)
    assert found.routes is not None and found.probes is not None
    assert [probe["error"] for probe in found.probes] == ["connection refused"]
    assert set(found.reasons) == {"cluster", "records", "identity"}
    assert "/nowhere/kubeconfig" in found.reasons["cluster"]
    assert "q7-" not in str(found.reasons)
    # What could not be asked in the first place is not asked later.
    blank = chain.Facts(reasons={"records": "it is off"})
    assert again.look(checked.validated_parameters["again"], blank, Context()).reasons == {"records": "it is off"}
