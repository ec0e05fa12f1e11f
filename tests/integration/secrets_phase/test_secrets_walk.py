# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase ``secrets``: one walk over one lab, each test begins where the last one ended."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.model import secrets
from tests.harness.bgp import Kubernetes, until
from tests.harness.gitops_tree import home_model
from tests.harness.lab import Lab

PLAYBOOK, REPORT = "playbooks/secrets.yml", "playbooks/secrets_report.yml"
ROOT = "/apis/external-secrets.io/v1"
SOON = ("-e", '{"external_secrets_sync_timeout": 8, "onepassword_connect_patience": 4}')
CLOUDFLARE, UNIFI = "Cloudflare API Token", "Home-ops Unifi API"
WEBHOOK, MAIL = "GitHub Flux Webhook Secret", "Authentik Configuration - home-ops"


def connect(lab: Lab, path: str) -> Any:
    """Ask the lab's Connect, without the collection."""
    record = json.loads((lab.directory / "connect.json").read_text())
    parts = urlsplit(record["url"])
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        link.request("GET", f"/v1{path}", headers={"Authorization": f"Bearer {record['token']}"})
        content = link.getresponse().read()
    finally:
        link.close()
    try:
        return json.loads(content)
    except ValueError:
        return content


def values(lab: Lab) -> dict[str, dict[str, str]]:
    """Every value of the vault, by title and label; a file's under its name."""
    vault = connect(lab, "/vaults")[0]["id"]
    found: dict[str, dict[str, str]] = {}
    for one in connect(lab, f"/vaults/{vault}/items"):
        item = connect(lab, f"/vaults/{vault}/items/{one['id']}")
        inside = {field["label"]: field["value"] for field in item["fields"]}
        for file in item["files"]:
            content = connect(lab, f"/{file['content_path'].removeprefix('v1/')}")
            inside[file["name"]] = json.dumps(content) if not isinstance(content, bytes) else content.decode()
        found[item["title"]] = inside
    return found


def secret(kubernetes: Kubernetes, namespace: str, name: str) -> dict[str, Any]:
    return kubernetes.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")


def data(kubernetes: Kubernetes, namespace: str, name: str) -> dict[str, str]:
    found = secret(kubernetes, namespace, name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in found.items()}


def condition(body: dict[str, Any]) -> dict[str, Any]:
    listed = (body.get("status") or {}).get("conditions") or [{}]
    return listed[0]


def fault(lab: Lab, **fields: Any) -> None:
    lab.command("fault", "connect", json.dumps(fields))


def test_from_nothing_to_synced(lab: Lab, kubernetes: Kubernetes) -> None:
    predicted = lab.play("--check", "--diff", playbook=PLAYBOOK)
    run = lab.play("--diff", playbook=PLAYBOOK)
    assert run.rc == 0, run.output[-4000:]
    there = values(lab)
    token = there["1Password Connect Token - home-ops"]["token"]
    assert data(kubernetes, "onepassword-connect", "onepassword-connect-token") == {"token": token}
    kept = data(kubernetes, "onepassword-connect", "onepassword-connect-credentials")["1password-credentials.json"]
    assert json.loads(kept)["version"] == "2"
    store = kubernetes.ask("GET", f"{ROOT}/clustersecretstores/onepassword-connect")
    assert (condition(store)["status"], condition(store)["reason"]) == ("True", "Valid")
    # The check run cannot wait for what it did not create; up to there it said what the run then did.
    assert predicted.changed <= run.changed
    assert {task for _host, task in predicted.changed}


def test_every_external_secret_of_the_model_is_synced(lab: Lab, kubernetes: Kubernetes) -> None:
    model = home_model()
    wanted = secrets.external_secrets(model)
    assert len(wanted) > 12
    spaces = {body["metadata"]["namespace"] for body in wanted}
    listed = {one["metadata"]["name"] for one in kubernetes.ask("GET", "/api/v1/namespaces")["items"]}
    for space in sorted(spaces - listed):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
        kubernetes.ask("POST", "/api/v1/namespaces", body)
    for body in wanted:
        kubernetes.ask("POST", f"{ROOT}/namespaces/{body['metadata']['namespace']}/externalsecrets", body)
    run = lab.play(playbook=PLAYBOOK)
    assert run.rc == 0, run.output[-4000:]
    there = values(lab)
    for body in wanted:
        space, name = body["metadata"]["namespace"], body["spec"]["target"]["name"]
        found = data(kubernetes, space, name)
        template = body["spec"]["target"].get("template", {}).get("data")
        assert set(found) == set(template or [one["secretKey"] for one in body["spec"]["data"]])
        if not template:
            for one in body["spec"]["data"]:
                inside = there[one["remoteRef"]["key"]]
                value = inside.get(one["remoteRef"].get("property") or next(iter(inside)))
                assert (
                    json.loads(found[one["secretKey"]]) == json.loads(value)
                    if value[:1] == "{"
                    else (found[one["secretKey"]] == value)
                )
    database = data(kubernetes, "authentik", "authentik-database-credentials")
    assert database["AUTHENTIK_POSTGRESQL__PASSWORD"] == there["PostgreSQL Authentik User - home-ops"]["password"]
    made = secret(kubernetes, "authentik", "authentik-database-credentials")["metadata"]
    assert made["labels"]["reconcile.external-secrets.io/managed"] == "true"
    assert made["annotations"]["reconcile.external-secrets.io/data-hash"]
    assert [owner["kind"] for owner in made["ownerReferences"]] == ["ExternalSecret"]


def test_a_second_run_writes_nothing(lab: Lab, kubernetes: Kubernetes) -> None:
    writes = lab.writes()
    run = lab.play(playbook=PLAYBOOK)
    assert run.rc == 0, run.output[-3000:]
    assert run.changed == set()
    assert lab.writes() == writes
    again = lab.play("--check", playbook=PLAYBOOK)
    assert (again.rc, again.changed) == (0, set())


def test_a_secret_that_was_changed_by_hand_is_repaired(kubernetes: Kubernetes) -> None:
    path = "/api/v1/namespaces/cert-manager/secrets/cloudflare-api-token"
    good = kubernetes.ask("GET", path)["data"]
    kubernetes.merge(path, {"data": {"api-token": base64.b64encode(b"another").decode()}})
    until("the operator repairs it", lambda: kubernetes.ask("GET", path)["data"] == good)
    kubernetes.ask("DELETE", path)
    until(
        "the operator makes it anew",
        lambda: (
            "cloudflare-api-token"
            in [
                one["metadata"]["name"]
                for one in kubernetes.ask("GET", "/api/v1/namespaces/cert-manager/secrets")["items"]
            ]
        ),
    )


#: Fault -> what the operator says, and what the phase says to do.
WRONG_ITEMS = {
    "missing": ([CLOUDFLARE], "key not found in 1Password Vaults: Cloudflare API Token", "Create the item"),
    "duplicate": ([WEBHOOK], f"expected one 1Password Item matching: '{WEBHOOK}', got 2", "Rename or archive"),
    "duplicate_field": (
        [f"{UNIFI}/password"],
        f"expected one 1Password ItemField matching: 'password' in '{UNIFI}', got 2",
        "exactly one field",
    ),
    "missing_field": (
        [f"{MAIL}/smtp_host"],
        f"expected one 1Password ItemField matching: 'smtp_host' in '{MAIL}', got 0",
        "exactly one field",
    ),
}


def test_each_wrong_item_is_named_and_the_run_resumes(lab: Lab) -> None:
    fault(lab, **{name: wrong for name, (wrong, _words, _remedy) in WRONG_ITEMS.items()})
    try:
        run = lab.play("-e", "external_secrets_force=all", *SOON, playbook=PLAYBOOK)
        assert run.rc != 0
        message = run.failures[-1].msg
        for _wrong, words, remedy in WRONG_ITEMS.values():
            assert words in message and remedy in message, message
        assert "ExternalSecret cert-manager/cloudflare-api-token" in message
        report = lab.play(playbook=REPORT)
        assert report.rc != 0
        told = report.failures[-1].msg
        for words in (
            f"item '{CLOUDFLARE}'",
            "2 items have this title",
            f"'password' of the item '{UNIFI}' failed: 2 fields have this label",
            f"'smtp_host' of the item '{MAIL}'",
        ):
            assert words in told, told
    finally:
        lab.command("fault", "--clear")
    again = lab.play(playbook=PLAYBOOK)
    assert again.rc == 0, again.output[-3000:]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"wrong_vault": True}, "The token is of another vault"),
        ({"down": True}, "Does Connect run"),
        ({"rate_limit": -1}, "HTTP 429"),
    ],
    ids=["token of the wrong vault", "Connect down", "limited"],
)
def test_what_the_controller_cannot_read_is_named(lab: Lab, wrong: dict[str, Any], words: str) -> None:
    fault(lab, **wrong)
    try:
        run = lab.play(*SOON, playbook=PLAYBOOK)
        assert run.rc != 0
        assert words in run.failures[-1].msg, run.failures[-1].msg
    finally:
        lab.command("fault", "--clear")


def test_a_store_with_a_token_of_the_wrong_vault_is_named(lab: Lab, kubernetes: Kubernetes) -> None:
    """The controller reads from a file here, so only the store in the cluster meets the wrong scope."""
    file = lab.home / "items.yaml"
    there = values(lab)
    items: dict[str, Any] = {
        "1Password Connect Token - home-ops": dict(there["1Password Connect Token - home-ops"]),
        "1Password Connect Credentials - home-ops": {"files": there["1Password Connect Credentials - home-ops"]},
    }
    file.write_text(yaml.safe_dump({"items": items}), encoding="utf-8")
    source = ("-e", json.dumps({"onepassword_connect_source": "file", "onepassword_connect_path": str(file)}))
    fault(lab, wrong_vault=True)
    try:
        run = lab.play("-e", "external_secrets_force=all", *source, *SOON, playbook=PLAYBOOK)
        assert run.rc != 0
        message = run.failures[-1].msg
        assert "ClusterSecretStore onepassword-connect: InvalidProviderConfig, unable to validate store" in message
        assert "found 0 vaults" in message and "make a token for that vault" in message, message
    finally:
        lab.command("fault", "--clear")
    # Without the file the Secrets of the cluster stay, and the phase goes on.
    file.unlink()
    again = lab.play(*source, playbook=PLAYBOOK)
    assert again.rc == 0, again.output[-3000:]
    assert "stay as they are" in again.output


def test_the_report_creates_only_what_it_may(lab: Lab) -> None:
    vault = connect(lab, "/vaults")[0]["id"]
    record = json.loads((lab.directory / "connect.json").read_text())
    listed = connect(lab, f"/vaults/{vault}/items")
    title = "PostgreSQL Superuser - home-ops"
    old = next(one["id"] for one in listed if one["title"] == title)
    parts = urlsplit(record["url"])
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    link.request("DELETE", f"/v1/vaults/{vault}/items/{old}", headers={"Authorization": f"Bearer {record['token']}"})
    assert link.getresponse().status == 204
    link.close()
    run = lab.play(playbook=REPORT)
    assert run.rc != 0 and title in run.output
    predicted = lab.play("--check", "--diff", "-e", "allow_generate=true", playbook=REPORT)
    assert len(predicted.changed) == 1 and title in predicted.output
    made = lab.play("--diff", "-e", "allow_generate=true", playbook=REPORT)
    assert made.rc == 0, made.output[-3000:]
    assert predicted.changed == made.changed
    found = values(lab)[title]
    assert found["username"] == "postgres" and len(found["password"]) == 40
    assert found["password"] not in made.output
    again = lab.play("-e", "allow_generate=true", playbook=REPORT)
    assert (again.rc, again.changed) == (0, set())


def test_no_value_is_seen_anywhere(lab: Lab) -> None:
    short = {"smtp.example.org", "587", "true", "operator", "authentik@example.org", "admin@example.org"}
    canaries = {value for inside in values(lab).values() for value in inside.values() if value not in short}
    canaries |= {json.loads(value)["verifier"]["localHash"] for value in canaries if "localHash" in value}
    assert len(canaries) > 15
    outputs = [
        lab.play("-vvv", "--diff", "-e", "external_secrets_force=all", playbook=PLAYBOOK).output,
        lab.play("-vvv", "--diff", "-e", "allow_generate=true", playbook=REPORT).output,
    ]
    for path in (lab.directory / "logs").rglob("*"):
        outputs.append(path.read_bytes().decode("latin-1") if path.is_file() else "")
    for text in outputs:
        assert [canary for canary in canaries if len(canary) > 8 and canary in text] == []
