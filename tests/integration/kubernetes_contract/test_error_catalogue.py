# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal of the catalogue, asked of the server; what the catalogue says is in ``refusals.py``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.kubernetes_contract.refusals import ROWS, C, D, J, Row, S, W, deployment, job, widget

NAMES = [row[0] for row in ROWS]


@pytest.fixture(scope="module")
def prepared(http: Any, widgets: str) -> Any:
    """A state in which every row of the catalogue is refused, however often it is asked."""
    made = [
        http.ask("POST", W, widget("w")),
        http.apply(f"{W}/applied", widget("applied", {"size": 4, "ports": [{"port": 80, "name": "h"}]}), "m1"),
        http.ask("POST", C, {"metadata": {"name": "c"}, "data": {"k": "v"}}),
        http.ask("POST", C, {"metadata": {"name": "dying", "finalizers": ["x/y"]}}),
        http.ask("POST", D, deployment(a="b")),
        http.ask("POST", S, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
        http.ask("POST", J, job("busybox:1")),
    ]
    assert [answer.status for answer in made] == [201] * 7, [answer.data for answer in made]
    assert http.ask("DELETE", f"{C}/dying").status == 200
    return http


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_refusal(prepared: Any, row: Row) -> None:
    _name, method, path, body, kind, status, reason, message = row
    answer = prepared.ask(method, path, body, kind)
    assert answer.status == status, answer.data
    assert answer.type == "application/json"
    found = answer.json
    assert (found["kind"], found["status"], found["code"], found.get("reason")) == ("Status", "Failure", status, reason)
    assert found["message"].startswith(message)


@pytest.mark.parametrize(
    "path", ["/apis/nope/v1/things", "/apis/example.com/v9/widgets", "/apis/example.com/v1/nope", "/x"]
)
def test_unknown_paths_are_plain_text(prepared: Any, path: str) -> None:
    answer = prepared.ask("GET", path)
    assert (answer.status, answer.type, answer.body) == (404, "text/plain; charset=utf-8", "404 page not found\n")


@pytest.mark.parametrize(
    ("validation", "warnings"), [("Ignore", []), ("Warn", ['299 - "unknown field \\"spec.bogus\\""'])]
)
def test_unknown_fields_warn_only_when_asked(prepared: Any, validation: str, warnings: list[str]) -> None:
    answer = prepared.ask("POST", f"{W}?fieldValidation={validation}&dryRun=All", widget(spec={"size": 1, "bogus": 1}))
    assert (answer.status, answer.warnings) == (201, warnings)
    assert "bogus" not in answer.json["spec"]


def test_without_credentials_nothing_is_told(prepared: Any) -> None:
    answer = prepared.ask("GET", "/api/v1/namespaces", anonymous=True)
    if prepared.real:
        assert answer.status in (401, 403)
    else:
        assert (answer.status, answer.json["message"], answer.json["reason"]) == (401, "Unauthorized", "Unauthorized")
