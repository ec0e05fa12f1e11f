# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one entry of the model to what Authentik is told, and into the inventory's file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.common.errors import InputError
from ansible_collections.homeops.cluster.plugins.module_utils.model import chains, identity, new_service, service_file
from ansible_collections.homeops.cluster.plugins.modules import model_service

HOME = Path(__file__).resolve().parents[5] / "inventories" / "home"
FILE = HOME / "group_vars" / "all" / "services.yml"
WIKI = {"name": "wiki", "title": "Wiki", "namespace": "wiki", "service": "wiki", "port": 8080, "auth": "proxy"}


def with_service(model: dict[str, Any], **entry: Any) -> dict[str, Any]:
    return {**model, "services": [{**WIKI, **entry}]}


def test_the_six_services_of_the_home(model: dict[str, Any]) -> None:
    found = {service["slug"]: service for service in identity.services(model)}
    assert list(found) == ["longhorn", "grafana", "prometheus", "alertmanager", "dashboard", "hubble"]
    assert {service["mode"] for service in found.values()} == {"proxy"}
    assert found["dashboard"]["internal_host"] == (
        "https://kubernetes-dashboard-kong-proxy.kubernetes-dashboard.svc.cluster.local:8443"
    )
    assert found["prometheus"]["internal_host"].endswith("prometheus.monitoring.svc.cluster.local:9090")
    assert found["longhorn"]["external_host"] == "https://longhorn.k8s.home.geoffdavis.com"
    # The home-lab opened every /api path of all of them.
    assert all(service["skip_paths"] == [] and not service["open_api"] for service in found.values())
    assert {service["outpost"] for service in found.values()} == {"embedded"}


def test_outposts_send_browsers_to_authentik_itself(model: dict[str, Any]) -> None:
    url = "https://authentik.k8s.home.geoffdavis.com"
    assert identity.outposts(model) == [
        {"name": "embedded", "type": "proxy", "config": {"authentik_host": url, "authentik_host_browser": url}}
    ]
    assert identity.groups(model) == [{"name": "Grafana Admins"}, {"name": "Grafana Editors"}]
    assert identity.external(model) == [] and identity.radius(model) == {}


def test_an_external_outpost_follows_its_first_service(model: dict[str, Any]) -> None:
    outside = {**model["identity"], "external_outpost": {"name": "outside", "namespace": "authentik-proxy"}}
    model = {**model, "identity": outside}
    assert [outpost["name"] for outpost in identity.outposts(model)] == ["embedded"]
    assert [outpost["name"] for outpost in identity.external(model)] == ["outside"]
    used = with_service(model, outpost="outside")
    assert [outpost["name"] for outpost in identity.outposts(used)] == ["embedded", "outside"]


def test_where_the_login_of_each_guarded_host_begins(model: dict[str, Any]) -> None:
    start = "/outpost.goauthentik.io/start"
    found = chains.probes(model, ["embedded"])
    assert [one["host"].partition(".")[0] for one in found] == [one["name"] for one in model["services"]]
    assert {path for one in found for path in one["paths"]} == {start}
    for entry in ({"auth": "none"}, {"auth": "oidc"}, {"outpost": "outside"}):
        assert chains.probes(with_service(model, **entry), ["embedded"]) == []
    assert len(chains.probes(with_service(model, auth="forward", outpost="outside"), ["embedded", "outside"])) == 1


def test_radius_needs_its_secret(model: dict[str, Any]) -> None:
    model = {**model, "identity": {**model["identity"], "radius": {"client_networks": ["172.29.51.0/24"]}}}
    with pytest.raises(InputError, match="shared secret is not"):
        identity.radius(model)
    found = identity.radius(model, "s")
    assert found["provider"]["shared_secret"] == "s"
    assert found["outpost"]["providers"] == [found["application"]["provider"]]


def test_every_kind_of_login(model: dict[str, Any]) -> None:
    (forward,) = identity.services(with_service(model, auth="forward"))
    assert (forward["mode"], forward["internal_host"]) == ("forward_single", "")
    assert identity.services(with_service(model, auth="none")) == []
    oidc = {"redirect_uris": [{"url": "https://wiki.test/cb"}], "scopes": ["openid"]}
    (found,) = identity.services(with_service(model, auth="oidc", oidc=oidc), {"wiki": "s"})
    assert found["redirect_uris"] == [{"url": "https://wiki.test/cb", "matching_mode": "strict"}]
    assert (found["type"], found["client_id"], found["client_secret"]) == ("oauth2", "wiki", "s")
    assert "internal_host" not in found and "outpost" not in found


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"groups": ["Strangers"]}, "homeops_identity.groups does not have"),
        ({"mode": "forward_single"}, "its ingress does not serve"),
        ({"auth": "forward", "mode": "proxy"}, "its ingress does not serve"),
        ({"auth": "oidc"}, "where the login may return"),
        ({"oidc": {"redirect_uris": [{"url": "x"}]}}, "has oidc, but auth is proxy"),
        ({"auth": "oidc", "oidc": {"redirect_uris": [{"url": "x"}]}, "skip_paths": ["^/x"]}, "skip_paths"),
    ],
)
def test_what_does_not_go_together(model: dict[str, Any], entry: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        identity.services(with_service(model, **entry))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"port": "http"}, "port"),
        ({"prot": 80}, "prot"),
        ({"auth": "maybe"}, "auth"),
        ({"name": "longhorn"}, "that of service longhorn"),
        ({"host": "authentik.k8s.home.geoffdavis.com"}, "that of Authentik itself"),
        ({"icon": "star"}, "icon"),
    ],
)
def test_a_wrong_entry_never_reaches_the_model(model: dict[str, Any], entry: dict[str, Any], told: str) -> None:
    before = copy.deepcopy(model)
    with pytest.raises(InputError, match=told):
        new_service.judge(model, {**WIKI, **entry})
    assert model == before


# the file


def test_every_other_line_of_the_file_stays() -> None:
    before = FILE.read_text(encoding="utf-8")
    entry = {**WIKI, "groups": ["Grafana Admins"], "oidc": {"redirect_uris": [{"url": "https://w.test/cb"}]}}
    after = service_file.insert(before, "homeops_services", entry)
    assert yaml.safe_load(after)["homeops_services"][-1] == entry
    left = after.splitlines()
    start = left.index("  - name: wiki")
    assert left[:start] + left[start + len(entry) :] == before.splitlines()
    assert "    groups: [Grafana Admins]" in left


@pytest.mark.parametrize(
    "text",
    [
        "# top\nhomeops_services:\n- name: a\n  note: |\n    two\n    lines\n\n# the end\n",
        "homeops_services:\n    - {name: a}\n    # of the list\nother: 1\n",
        "other: [1,\n  2]\nhomeops_services:\n  - name: a\n    list:\n      - x\n      - y\n# after\nmore: {}",
        "homeops_services:\n  - name: a\n    text: >-\n      folded\n      text\n  # last\n",
    ],
)
def test_comments_and_layout_of_any_file_stay(text: str) -> None:
    after = service_file.insert(text, "homeops_services", WIKI)
    kept = [line for line in after.splitlines() if line in text.splitlines()]
    assert kept == text.splitlines()
    assert yaml.safe_load(after)["homeops_services"][-1] == WIKI


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("homeops_services: []\n", "empty or stands in brackets"),
        ("homeops_services: [{name: a}]\n", "in brackets"),
        ('homeops_services: "{{ more }}"\n', "not written out as a list"),
        ("other: 1\n", "does not define"),
        ("a: [\n", "cannot be parsed"),
        ("", "does not define"),
        ("homeops_services:\n  - name: wiki\n", "has an entry called wiki"),
    ],
)
def test_a_file_that_would_have_to_be_written_anew_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        service_file.insert(text, "homeops_services", WIKI)


@pytest.fixture
def place(tmp_path: Path, model: dict[str, Any]) -> dict[str, Any]:
    path = tmp_path / "services.yml"
    path.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    path.chmod(0o640)
    return {
        "model": model,
        "entry": WIKI,
        "variable": "homeops_services",
        "path": str(path),
        "inventory_sources": [],
        "groups": {},
        "host": "localhost",
    }


def test_the_module_writes_once_and_predicts(place: dict[str, Any]) -> None:
    path = Path(place["path"])
    before = path.read_text(encoding="utf-8")
    predicted = model_service.run(place, Context(check_mode=True, diff_mode=True))
    assert path.read_text(encoding="utf-8") == before
    done = model_service.run(place, Context(diff_mode=True))
    assert done == predicted and done["diff"]["after"] == path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o640
    place["model"] = {**place["model"], "services": done["services"]}
    assert not model_service.run(place, Context())["changed"]


def test_the_module_finds_the_file_and_refuses_what_a_check_refuses(place: dict[str, Any]) -> None:
    found = model_service.run({**place, "path": None, "inventory_sources": [str(HOME)]}, Context(check_mode=True))
    assert found["file"] == str(FILE)
    with pytest.raises(InputError, match="IDP001"):
        model_service.run({**place, "entry": {**WIKI, "port": 8443}}, Context())
    with pytest.raises(InputError, match="No file of the inventory defines"):
        model_service.run({**place, "path": None}, Context())
