# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring in a repository: what Prometheus selects, what monitors select, and which metrics there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...model.schema import nearest
from ...repository.objects import Object, matches
from ...repository.spot import dig, listing, mapping, string
from ...repository.view import ChartUse, Repository
from ..chart_keys_platform import GRAFANA, KUBE_PROMETHEUS_STACK, PROMETHEUS_SPEC
from ..registry import ERROR, REPO, WARN, Breach, check

_PHASES = ("platform", "verify")
_RUN = "verified by running over the files of a real home-lab"
_STACK = "kube-prometheus-stack"
#: Kinds that Prometheus selects, with the switch and the selector of the chart.
_SELECTED = {
    "ServiceMonitor": "serviceMonitor",
    "PodMonitor": "podMonitor",
    "PrometheusRule": "rule",
    "Probe": "probe",
    "ScrapeConfig": "scrapeConfig",
}
#: A word before a parenthesis is a function; grouping words without one are no metrics either.
_NAME = re.compile(
    r"(?<![A-Za-z0-9_:\"'])(?!group_(?:left|right)\b)([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?=[\[{]|\s|\)|$|[-+*/<>=!,])(?!\s*\()"
)
_LABELS = re.compile(r"\{[^{}]*\}")
_BY = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
#: Metrics of Longhorn 1.10 (docs, 'Longhorn Metrics for Monitoring').
_LONGHORN = frozenset(
    """
    longhorn_volume_actual_size_bytes longhorn_volume_capacity_bytes longhorn_volume_state longhorn_volume_robustness
    longhorn_volume_read_throughput longhorn_volume_write_throughput longhorn_volume_read_iops
    longhorn_volume_write_iops longhorn_volume_read_latency longhorn_volume_write_latency
    longhorn_volume_file_system_read_only longhorn_volume_last_backup_at longhorn_node_status longhorn_node_count_total
    longhorn_node_cpu_capacity_millicpu longhorn_node_cpu_usage_millicpu longhorn_node_memory_capacity_bytes
    longhorn_node_memory_usage_bytes longhorn_node_storage_capacity_bytes longhorn_node_storage_usage_bytes
    longhorn_node_storage_reservation_bytes longhorn_node_storage_scheduled_bytes longhorn_disk_capacity_bytes
    longhorn_disk_usage_bytes longhorn_disk_reservation_bytes longhorn_disk_status longhorn_disk_read_throughput
    longhorn_disk_write_throughput longhorn_disk_read_iops longhorn_disk_write_iops longhorn_disk_read_latency
    longhorn_disk_write_latency longhorn_disk_health longhorn_disk_health_attribute_raw
    longhorn_instance_manager_cpu_usage_millicpu longhorn_instance_manager_cpu_requests_millicpu
    longhorn_instance_manager_memory_usage_bytes longhorn_instance_manager_memory_requests_bytes
    longhorn_instance_manager_proxy_grpc_connection longhorn_manager_cpu_usage_millicpu
    longhorn_manager_memory_usage_bytes longhorn_backup_actual_size_bytes longhorn_backup_state
    longhorn_backing_image_actual_size_bytes longhorn_backing_image_state longhorn_snapshot_state
    longhorn_backup_backing_image_actual_size_bytes longhorn_backup_backing_image_state
    longhorn_snapshot_actual_size_bytes
    longhorn_replica_info longhorn_replica_state longhorn_engine_info longhorn_engine_state
    longhorn_engine_rebuild_progress longhorn_rest_client_rate_limiter_latency_seconds longhorn_storage_capacity_bytes
    """.split()
)
#: Prefixes whose metrics are known one by one.
_KNOWN = {"longhorn_": _LONGHORN}


@check(
    "MON001",
    ERROR,
    "monitoring",
    _PHASES,
    rule="Monitors and rules carry the label that Prometheus selects.",
    why="Prometheus does not see them: nothing is scraped, no alert is ever raised.",
    broken="a ServiceMonitor without the label release: kube-prometheus-stack",
    right="label release: kube-prometheus-stack, or serviceMonitorSelectorNilUsesHelmValues: false",
    ground="verified by running: computed against chart 75.18.1",
    scope=REPO,
)
def selected(repository: Repository) -> Iterator[Breach]:
    """The chart selects its own release's label unless the switch ...NilUsesHelmValues is false or a selector is
    given."""
    uses = [use for use in repository.chart(_STACK) if use.release is not None]
    if not uses:
        return
    for kind, word in _SELECTED.items():
        for item in repository.of(kind, "monitoring.coreos.com"):
            wanted = [_selector(use, word) for use in uses]
            if not any(matches(selector, item.labels) for selector in wanted):
                label = next(iter(mapping(dig(wanted[0], "matchLabels")).items()), ("release", uses[0].chart))
                use = f"{label[0]}: {label[1]}"
                spot = item.at("metadata", "labels") if item.labels else item.at("metadata", "name")
                yield Breach(spot, f"Prometheus does not select {item.title}.", f"the label {use}")


def _selector(use: ChartUse, word: str) -> dict[str, object]:
    given = dig(use.values, "prometheus", "prometheusSpec", f"{word}Selector")
    if mapping(given):
        return mapping(given)
    if dig(use.values, "prometheus", "prometheusSpec", f"{word}SelectorNilUsesHelmValues") is False:
        return {}
    return {"matchLabels": {"release": use.release.name if use.release else ""}}


@check(
    "MON002",
    ERROR,
    "monitoring",
    _PHASES,
    rule="A ServiceMonitor selects a Service that exists, with a port of the name that it scrapes.",
    why="There is no target: the metrics are missing, and an alert on them never fires.",
    broken="app: kustomize-controller, port http-prom: Flux makes no such Service",
    right="a PodMonitor on the namespace flux-system, port http-prom",
    ground=_RUN,
    scope=REPO,
)
def targets(repository: Repository) -> Iterator[Breach]:
    """Namespaces with charts of which it is not known what they make are passed over; of known charts only Services
    whose labels are known are looked at."""
    unknown = {release.namespace for release in repository.opaque}
    charts = {release.namespace for release in repository.releases}
    for item in repository.of("ServiceMonitor", "monitoring.coreos.com"):
        every = item.get("spec", "namespaceSelector", "any") is True
        named = [string(name) for name in listing(item.get("spec", "namespaceSelector", "matchNames"))]
        spaces = named or [item.namespace]
        if every or any(space in unknown for space in spaces):
            continue
        found = [
            service
            for service in repository.of("Service")
            if service.namespace in spaces and matches(item.get("spec", "selector"), service.labels)
        ]
        if not found:
            # A chart's Services have more labels than are known here.
            if any(space in charts for space in spaces) and "flux-system" not in spaces:
                continue
            text = f"No Service in {', '.join(spaces)} has the labels that {item.title} selects."
            yield Breach(item.at("spec", "selector"), text)
            continue
        ports = {string(port.get("name")) for service in found for path, port in service.maps("spec", "ports")}
        for path, endpoint in item.maps("spec", "endpoints"):
            name = string(endpoint.get("port"))
            if name and name not in ports and not any(service.chart for service in found):
                text = f"{found[0].title} has no port {name}."
                yield Breach(item.at(*path, "port"), text, nearest(name, ports) or ", ".join(sorted(ports)))


@check(
    "MON003",
    WARN,
    "monitoring",
    _PHASES,
    rule="Every value for kube-prometheus-stack and Grafana is one that the chart reads.",
    why="The chart lets unknown keys pass in silence: the run is green and the setting is missing.",
    broken="prometheus.prometheusSpec.retentionDays: 10",
    right="prometheus.prometheusSpec.retention: 10d",
    ground="verified by running: diff with chart 75.18.1",
    scope=REPO,
)
def values(repository: Repository) -> Iterator[Breach]:
    """Keys are known for chart 75; Grafana's are those of its newest chart."""
    places = (
        ((), KUBE_PROMETHEUS_STACK),
        (("grafana",), GRAFANA),
        (("prometheus", "prometheusSpec"), PROMETHEUS_SPEC),
    )
    for use in repository.chart(_STACK):
        if not re.match(r"v?75\.", use.version):
            continue
        for path, known in places:
            for key in mapping(dig(use.values, *path)):
                if key not in known:
                    text = f"The chart {_STACK} does not read the key {'.'.join((*path, key))}."
                    yield Breach(use.at(*path, key), text, nearest(key, known))


@check(
    "MON004",
    WARN,
    "monitoring",
    _PHASES,
    rule="Metrics in alert rules exist.",
    why="An expression over a metric that nobody has is empty, and an empty expression never fires.",
    broken="longhorn_backup_target_healthy == 0",
    right="a metric of the component, or the exporter with the rule",
    ground="read in a real home-lab; Longhorn 1.10 documentation, metrics",
    scope=REPO,
)
def metrics(repository: Repository) -> Iterator[Breach]:
    """Judged for Longhorn, whose metrics are known one by one. A metric that a rule records, or that some file of the
    repository pushes, counts."""
    recorded = {string(rule.get("record")) for item in repository.of("PrometheusRule") for _path, rule in _rules(item)}
    for item in repository.of("PrometheusRule"):
        for path, rule in _rules(item):
            for name in dict.fromkeys(metrics_of(string(rule.get("expr")))):
                known = next((names for prefix, names in _KNOWN.items() if name.startswith(prefix)), None)
                if (
                    known is None
                    or name in known
                    or name in recorded
                    or re.sub(r"_(?:bucket|sum|count)$", "", name) in known
                ):
                    continue
                if not _pushed(repository, item, name):
                    text = f"There is no metric {name}."
                    yield Breach(item.at(*path, "expr"), text, nearest(name, known))


def _rules(item: Object) -> Iterator[tuple[tuple[str | int, ...], dict[str, object]]]:
    for path, _group in item.maps("spec", "groups"):
        yield from item.maps(*path, "rules")


def metrics_of(expression: str) -> Iterator[str]:
    """Yield the metrics of an expression; labels, groupings and quoted texts hold none."""
    bare = _BY.sub(" ", _LABELS.sub(" ", _QUOTED.sub(" ", expression[:20_000])))
    yield from _NAME.findall(bare)


def _pushed(repository: Repository, rule: Object, name: str) -> bool:
    """Whether another manifest or script names a metric: a job that pushes it."""
    for item in repository.objects:
        if item.kind in ("CronJob", "Job", "ConfigMap", "Deployment") and item is not rule and name in repr(item.value):
            return True
    return any(name in command.text for command in repository.commands)
