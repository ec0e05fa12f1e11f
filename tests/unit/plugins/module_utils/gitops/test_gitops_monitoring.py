# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules and dashboards of the tree: every expression is one, every metric is somebody's, every alert has been seen."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from ansible_collections.homeops.cluster.plugins.module_utils.checks.repo.monitoring import metrics_of
from ansible_collections.homeops.cluster.plugins.module_utils.gitops import tree
from ansible_collections.homeops.cluster.plugins.module_utils.gitops.library import Folder
from ansible_collections.homeops.cluster.plugins.module_utils.status import metrics
from tests.harness.gitops_tree import Object, home_model, objects
from tests.harness.promtool import promtool

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "prometheus_rules"
EXPORTED = yaml.safe_load((Path(__file__).parent / "exported_metrics.yml").read_text())
#: Labels by metric: those of the systems, and our own.
LABELS: dict[str, set[str]] = {
    **{name: set(labels) for system in EXPORTED.values() for name, labels in system["metrics"].items()},
    **{gauge.name: set(gauge.labels) for gauge in metrics.GAUGES},
}
#: What Prometheus gives every sample of a monitor or of a probe.
TARGET = {"namespace", "pod", "instance", "job", "container", "endpoint", "service"}


def newest(model: dict[str, Any]) -> dict[str, Any]:
    """The model with every version at which a rule begins to be rendered."""
    model["versions"]["barman_cloud_plugin"] = "v0.6.0"
    return model


@pytest.fixture(scope="module")
def whole(folders: dict[str, Folder]) -> list[Object]:
    """Every object of the tree that holds all rules."""
    return list(objects(tree.render(newest(copy.deepcopy(home_model())), folders)))


def rules(there: list[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in there:
        if each.kind == "PrometheusRule":
            for group in each.body["spec"]["groups"]:
                for rule in group["rules"]:
                    yield each.name, rule


def dashboards(there: list[Object]) -> dict[str, dict[str, Any]]:
    return {
        name: json.loads(text)
        for each in there
        if each.kind == "ConfigMap" and each.body["metadata"].get("labels", {}).get("grafana_dashboard")
        for name, text in each.body["data"].items()
    }


def expressions(there: list[Object]) -> Iterator[tuple[str, str]]:
    for _name, rule in rules(there):
        yield rule["alert"], rule["expr"]
    for name, board in dashboards(there).items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels by which it is selected."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name, {matcher.name for matcher in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def test_the_parser_sees_metrics_and_refuses_nonsense() -> None:
    found = selectors('sum by (a) (rate(x_total{b="c"}[5m])) / on (a) y > 1 or absent(z)')
    assert sorted(name for name, _labels in found) == ["x_total", "y", "z"]
    assert dict(found)["x_total"] == {"b"}
    with pytest.raises(ValueError, match="invalid promql query"):
        selectors("rate(x_total) >")


def test_every_expression_reads_metrics_that_somebody_exports(whole: list[Object]) -> None:
    seen: set[str] = set()
    for where, expression in expressions(whole):
        found = selectors(expression)
        assert found, where
        for name, labels in found:
            assert name in LABELS, f"{where}: who exports {name}?"
            assert labels <= LABELS[name] | TARGET, f"{where}: {name} has no {labels - LABELS[name] - TARGET}"
        seen |= {name for name, _labels in found}
        assert set(metrics_of(expression)) <= {name for name, _labels in found}, "the check MON004 sees the same"
    assert set(LABELS) - seen <= {
        "homeops_route_paths",
        "homeops_outpost_connected_instances",
        "homeops_bgp_announced_prefixes",
    }


def test_what_an_alert_says_it_has_labels_for(whole: list[Object]) -> None:
    for _name, rule in rules(whole):
        have = TARGET.union(*(LABELS[name] for name, _labels in selectors(rule["expr"])))
        for text in rule["annotations"].values():
            named = set(re.findall(r"\$labels\.(\w+)", text))
            assert named <= have, f"{rule['alert']}: {named - have}"
            assert text.count("{{") == text.count("}}") == len(re.findall(r"\{\{ \$(?:labels\.\w+|value) \}\}", text))
    kept = re.compile(r"\b(?:sum|min|max|count) by \(([^)]*)\)")
    for _name, rule in rules(whole):
        # What is aggregated has the labels that are kept, and no others.
        match = kept.match(rule["expr"].strip())
        if match:
            named = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
            assert named <= {label.strip() for label in match[1].split(",")}, rule["alert"]


def cases() -> dict[str, dict[str, Any]]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FIXTURES.glob("*.yml"))}


def fired(case: dict[str, Any]) -> Counter[str]:
    """Alerts that a test file wants to see firing."""
    return Counter(
        re.findall(r'alertname="(\w+)"', sample["labels"])[0]
        for test in case["tests"]
        for question in test["promql_expr_test"]
        for sample in question["exp_samples"]
    )


def test_every_alert_is_seen_to_fire_and_not_to_fire(whole: list[Object]) -> None:
    found = cases()
    model = list(rules(whole))
    for name, case in found.items():
        assert case["rule_files"] == [f"{name}.rules.yml"]
        assert {rule["alert"] for where, rule in model if where == name} == set(fired(case)), name
        quiet = [q for test in case["tests"] for q in test["promql_expr_test"] if not q["exp_samples"]]
        assert quiet, f"{name} has no case in which all is well"
    assert {name for name, _rule in model} == set(found)


def test_prometheus_own_tool_reads_the_rules_and_sees_them_fire(whole: list[Object], tmp_path: Path) -> None:
    tool = promtool()
    for each in whole:
        if each.kind == "PrometheusRule":
            (tmp_path / f"{each.name}.rules.yml").write_text(yaml.safe_dump(each.body["spec"]))
    for path in FIXTURES.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text())
    for words in (
        ["check", "rules", *tmp_path.glob("*.rules.yml")],
        ["test", "rules", *(tmp_path / path.name for path in FIXTURES.glob("*.yml"))],
    ):
        answer = subprocess.run([tool, *map(str, words)], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_dashboards_are_found_by_grafana_and_fit_the_page(whole: list[Object]) -> None:
    found = dashboards(whole)
    assert {board["uid"] for board in found.values()} == {"homeops-bgp", "homeops-identity"}
    for each in whole:
        if each.body["metadata"].get("labels", {}).get("grafana_dashboard"):
            # The sidecar's own label and value, in Grafana's own namespace.
            assert each.body["metadata"]["labels"] == {"grafana_dashboard": "1"}
            assert each.namespace == "monitoring"
    for name, board in found.items():
        assert [one["name"] for one in board["templating"]["list"] if one["type"] == "datasource"] == ["datasource"]
        cells: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, name
            own = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not own & cells, f"{name}: {panel['title']} lies over another panel"
            cells |= own
            assert panel["targets"] and panel["datasource"]["uid"] == "${datasource}"
            for target in panel["targets"]:
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                have = TARGET.union(*(LABELS[metric] for metric, _labels in selectors(target["expr"])))
                assert named <= have, f"{name}: {panel['title']}"
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_exporter_is_scraped_and_reads_what_the_play_writes(whole: list[Object]) -> None:
    (exporter,) = [each for each in whole if each.kind == "Deployment" and each.name == "homeops-metrics"]
    (monitor,) = [each for each in whole if each.kind == "PodMonitor" and each.name == "homeops-metrics"]
    template = exporter.body["spec"]["template"]
    wanted = monitor.body["spec"]["selector"]["matchLabels"].items()
    assert wanted <= template["metadata"]["labels"].items() and monitor.namespace == exporter.namespace
    (container,) = template["spec"]["containers"]
    (endpoint,) = monitor.body["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    # Labels of ours that Prometheus has, too: ours count.
    assert endpoint["honorLabels"] is True
    (volume,) = template["spec"]["volumes"]
    defaults = yaml.safe_load((Path(__file__).parents[5] / "roles" / "metrics" / "defaults" / "main.yml").read_text())
    assert volume["configMap"] == {"name": defaults["metrics_config_map"], "optional": True}
    assert f"--collector.textfile.directory={container['volumeMounts'][0]['mountPath']}" in container["args"]
    # Flux would take back what the play writes.
    assert not [each for each in whole if each.kind == "ConfigMap" and each.name == volume["configMap"]["name"]]


def test_flux_objects_are_exported_by_kube_state_metrics(whole: list[Object]) -> None:
    (release,) = [
        each for each in whole if each.kind == "HelmRelease" and each.component == "infrastructure/monitoring"
    ]
    values = release.body["spec"]["values"]["kube-state-metrics"]
    shown = values["customResourceState"]["config"]["spec"]["resources"]
    (rule,) = values["rbac"]["extraRules"]
    assert rule["verbs"] == ["list", "watch"]
    for one in shown:
        kind = one["groupVersionKind"]
        assert (
            kind["group"] in rule["apiGroups"] and f"{kind['kind'].lower()}s".replace("ys", "ies") in rule["resources"]
        )
        (metric,) = one["metrics"]
        assert f"{one['metricNamePrefix']}_{metric['name']}" == "gotk_resource_info"
        labels = {*metric["labelsFromPath"], *metric["each"]["info"]["labelsFromPath"], "customresource_kind"}
        assert labels == LABELS["gotk_resource_info"]
    asked = {
        kind
        for _where, expression in expressions(whole)
        for kind in re.findall(r'customresource_kind="(\w+)"', expression)
    }
    assert asked <= {one["groupVersionKind"]["kind"] for one in shown}


def test_the_guide_names_every_alert_and_every_metric_of_ours(whole: list[Object]) -> None:
    guide = (Path(__file__).parents[5] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(homeops_\w+)` \| (.*?) \|", guide, re.M))
    assert {name: re.findall(r"`(\w+)`", labels) for name, labels in table.items()} == {
        gauge.name: list(gauge.labels) for gauge in metrics.GAUGES
    }
    named = set(re.findall(r"`((?:[A-Z]\w+|<Kind>)+\*?)`", guide))
    patterns = [re.compile(name.replace("<Kind>", r"\w+").replace("*", r"\w*")) for name in named]
    missing = {
        rule["alert"] for _name, rule in rules(whole) if not any(one.fullmatch(rule["alert"]) for one in patterns)
    }
    assert missing == set()
