# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase identity as a user runs it: the home model against an Authentik API on loopback."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.common.context import Context
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import session
from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes.client import Client
from lab.scenario import AuthentikDelays
from tests.harness.authentik import AuthentikServer
from tests.harness.certificates import authority, issue
from tests.harness.kube_server import KubeServer
from tests.harness.lab import CHECKOUT, Lab, Run

HOME = CHECKOUT / "inventories" / "home"
SIX = ["alertmanager", "dashboard", "grafana", "hubble", "longhorn", "prometheus"]


def client_of(kubeconfig: str) -> Client:
    return session.connect({"kubeconfig": kubeconfig}, Context())


class House:
    """A server, and the home model's plays against it."""

    def __init__(self, server: AuthentikServer, lab: Lab, inventory: Path) -> None:
        self.server, self.lab, self.inventory = server, lab, inventory

    def play(self, *args: str, playbook: str = "playbooks/identity.yml", **variables: object) -> Run:
        given = {
            "authentik_url": self.server.url,
            "authentik_token": self.server.token,
            "authentik_wait_timeout": 5,
            # Without an ingress nobody is asked whether the outpost serves the hosts; the test of that has one.
            "authentik_serve_timeout": 0,
            **variables,
        }
        return self.lab.play(
            "-i", str(self.inventory), "-e", json.dumps(given), *args, playbook=playbook, HOMEOPS_LAB_AUTOSTART="0"
        )

    @property
    def slugs(self) -> list[str]:
        return sorted(app["slug"] for app in self.server.rows("applications"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("identity")
    shutil.copytree(HOME, folder / "inventory")
    with AuthentikServer() as server:
        yield House(server, Lab("127.89", folder), folder / "inventory")


def test_the_phase_from_prediction_to_a_service_that_goes(house: House) -> None:
    predicted = house.play("--check", "--diff")
    assert predicted.rc == 0, predicted.output
    assert house.slugs == []
    done = house.play("--diff")
    assert done.rc == 0, done.output
    assert house.slugs == SIX
    assert predicted.changed == done.changed
    assert house.server.token not in predicted.output + done.output
    again = house.play()
    assert again.rc == 0 and again.changed == set(), again.output

    (embedded,) = house.server.rows("outposts")
    assert embedded["config"]["authentik_host"] == "https://authentik.k8s.home.geoffdavis.com"
    assert len(embedded["providers"]) == 6
    assert {provider["skip_path_regex"] for provider in house.server.rows("providers")} == {""}

    # One entry is all; without it nothing of it is left, and nothing else is gone.
    services = house.inventory / "group_vars" / "all" / "services.yml"
    before = services.read_text(encoding="utf-8")
    added = house.play("-t", "identity", "-e", "service_name=wiki", playbook="playbooks/service_add.yml")
    assert added.rc == 0, added.output
    assert [entry["name"] for entry in yaml.safe_load(services.read_text())["homeops_services"]][-1] == "wiki"
    assert house.slugs == [*SIX, "wiki"]
    services.write_text(before, encoding="utf-8")
    gone = house.play()
    assert gone.rc == 0, gone.output
    assert house.slugs == SIX and len(house.server.rows("providers")) == 6

    # What is wrong at the end is told, and fails the phase.
    house.server.set_faults(outpost_down=True)
    sick = house.play()
    assert sick.rc != 0
    assert "authentik Embedded Outpost: no process of it is connected" in sick.output
    house.server.set_faults()


def test_an_entry_that_is_wrong_is_not_written(house: House) -> None:
    services = house.inventory / "group_vars" / "all" / "services.yml"
    before = services.read_text(encoding="utf-8")
    nameless = house.play(playbook="playbooks/service_add.yml")
    assert nameless.rc != 0 and "The service has no name" in nameless.output
    wrong = house.play("-e", "service_name=wiki", "-e", "service_port=8443", playbook="playbooks/service_add.yml")
    assert wrong.rc != 0 and "IDP001 wiki is reached by http on 8443" in wrong.output.replace("\n", " ")
    assert services.read_text(encoding="utf-8") == before


def test_a_server_that_is_not_there_is_predicted_as_absent(house: House) -> None:
    found = house.play("--check", authentik_url="http://127.0.0.1:1")
    assert found.rc == 0, found.output
    # A server that is yet to come has nothing: all that the model says of it is to be made.
    assert {task.removeprefix("homeops.cluster.authentik : ") for _host, task in found.changed} == {
        "Have the groups that services let in",
        "Have the services behind the login",
        "Have the outposts send browsers to the right address",
    }
    refused = house.play(authentik_token="q7-expired")
    assert refused.rc != 0 and "Token invalid/expired" in refused.output and "q7-expired" not in refused.output


def test_an_external_outpost_and_radius(tmp_path: Path) -> None:
    """The Secret of an external outpost holds the token of that outpost, and RADIUS is a provider, not a Job."""
    secret = "q7-radius"
    read = HOME / "group_vars" / "all"
    identity = yaml.safe_load((read / "identity.yml").read_text(encoding="utf-8"))["homeops_identity"]
    services = yaml.safe_load((read / "services.yml").read_text(encoding="utf-8"))["homeops_services"]
    identity["external_outpost"] = {"name": "outside", "namespace": "authentik-proxy"}
    identity["radius"] = {"client_networks": ["172.29.51.0/24"]}
    services[0]["outpost"] = "outside"
    with AuthentikServer() as server, KubeServer(tmp_path, "emulator") as kube:
        house = House(server, Lab("127.89", tmp_path), HOME)
        variables = {
            "homeops_identity": identity,
            "homeops_services": services,
            "authentik_radius_secret": secret,
            "authentik_kubeconfig": kube.kubeconfig(),
            # Nobody serves the two outposts that are made here.
            "authentik_fail_on": "never",
        }
        predicted = house.play("--check", "--diff", **variables)
        done = house.play("--diff", **variables)
        again = house.play(**variables)
        assert (predicted.rc, done.rc, again.rc) == (0, 0, 0), predicted.output + done.output + again.output
        assert predicted.changed == done.changed and again.changed == set()
        outposts = {outpost["name"]: outpost for outpost in server.rows("outposts")}
        assert {name: len(outpost["providers"]) for name, outpost in outposts.items()} == {
            "authentik Embedded Outpost": 5,
            "outside": 1,
            "radius-outpost": 1,
        }
        with client_of(kube.kubeconfig()) as client:
            path = "/api/v1/namespaces/authentik-proxy/secrets/authentik-external-outpost-token"
            stored = base64.b64decode(client.get(path)["data"]["token"]).decode()
        (token,) = server.rows("tokens", identifier=f"ak-outpost-{outposts['outside']['pk']}-api")
        assert stored == token["key"]
        assert not any(key in run.output for key in (secret, stored) for run in (predicted, done, again))


def test_the_phase_ends_when_the_outpost_serves_what_was_written(tmp_path: Path) -> None:
    host = "authentik.k8s.home.geoffdavis.com"
    made = authority("a CA")
    (tmp_path / "ca.pem").write_bytes(made.pem)
    (tmp_path / "pair.pem").write_bytes(b"".join(issue(made, host)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    start = "GET /outpost.goauthentik.io/start"
    # Longer than the phase needs from its last write to its end.
    delays = AuthentikDelays(blueprints=0.0, outpost=8.0)
    with AuthentikServer(context=context, delays=delays) as server:
        house = House(server, Lab("127.89", tmp_path), HOME)
        given = {
            "authentik_url": f"https://{host}",
            "authentik_door": server.url.partition("//")[2],
            "authentik_ca_file": str(tmp_path / "ca.pem"),
            "authentik_serve_timeout": 60,
        }
        done = house.play(**given)
        assert done.rc == 0, done.output
        hosts = [f"{slug}.k8s.home.geoffdavis.com" for slug in SIX]
        assert server.do(lambda: sorted(server.server.embedded.applications)) == hosts
        assert f"waiting for every host to lead to {host}" in done.output
        assert "longhorn.k8s.home.geoffdavis.com answers 400 (the outpost does not serve this host)" in done.output
        assert server.requests[start] >= 6 * 3
        # A run that has written nothing, and one that predicts, ask nobody.
        server.forget()
        again, predicted = house.play(**given), house.play("--check", **given)
        assert (again.rc, again.changed, predicted.rc, server.requests[start]) == (0, set(), 0, 0), again.output

        server.set_faults(worker_down=True)
        services = yaml.safe_load((HOME / "group_vars" / "all" / "services.yml").read_text(encoding="utf-8"))
        wiki = {**services["homeops_services"][0], "name": "wiki", "title": "Wiki"}
        services["homeops_services"].append(wiki)
        late = house.play(**{**given, **services, "authentik_serve_timeout": 2})
        (failure,) = late.failures
        assert "the state is still: wiki.k8s.home.geoffdavis.com answers 400 (the outpost does not" in failure.msg
        assert "look whether Authentik's worker runs" in failure.msg


def test_the_lab_by_its_own_doors(tmp_path: Path) -> None:
    """The same play with the lab's inventory: another address, the real name, a certificate of the lab's CA."""
    scenario = tmp_path / "always.yml"
    scenario.write_text("name: always\nauthentik: {always: true}\n", encoding="utf-8")
    lab = Lab("127.89", tmp_path)
    lab.up("--scenario", str(scenario))
    try:
        done = lab.play(playbook="playbooks/identity.yml")
        again = lab.play(playbook="playbooks/identity.yml")
        assert (done.rc, again.rc) == (0, 0), done.output + again.output
        assert done.changed and again.changed == set()
        assert lab.status()["web"]["authentik"]["applications"] == 6
    finally:
        lab.down()
