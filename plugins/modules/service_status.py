#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say of every service where its way from the load balancer to the login page breaks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_status
short_description: Say of every service where its way from the load balancer to the login page breaks
version_added: 0.1.0
description:
  - Judges twelve links per service, in the order in which a request meets them - the label of the ingress'
    load balancer, its address, the announcement, the router's table, the DNS record, the certificate, the Ingress, the
    provider, the outpost, the backend, the login that a stranger sees, and the paths that must not be open.
  - The answers of the systems are its input, and it contacts nothing itself, unless O(wait_timeout) lets it. What could
    not be asked is C(unknown), never C(ok).
options:
  services:
    description: The services as they are declared.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service, and slug of its application.
        type: str
        required: true
      title:
        description: Title for people.
        type: str
      host:
        description: Host under which it is reached.
        type: str
        required: true
      auth:
        description: How one logs in.
        type: str
        choices: [proxy, forward, oidc, none]
        required: true
      ingress_class:
        description: Class of its Ingress.
        type: str
        required: true
      entry:
        description: The Service (C(namespace/name)) that gives the controller of this class its address.
        type: str
        required: true
      pool:
        description: Pool from which the address comes.
        type: str
        required: true
      address:
        description: The address that it must have.
        type: str
      namespace:
        description: Namespace of the service behind it.
        type: str
        required: true
      service:
        description: Its Service.
        type: str
        required: true
      port:
        description: Port of the Service.
        type: int
        required: true
      scheme:
        description: What it speaks.
        type: str
        choices: [http, https]
        default: http
      outpost:
        description: Name of the outpost, C(embedded) for the server's own.
        type: str
        default: embedded
      outpost_service:
        description: The Service (C(namespace/name)) of the outpost.
        type: str
      login_host:
        description: Host of the login page.
        type: str
      open_paths:
        description: Patterns of paths that are open on purpose.
        type: list
        elements: str
        default: []
  resources:
    description: >-
      Services, Ingresses, IngressClasses, EndpointSlices and Certificates of the cluster. Left out when it could not be
      asked.
    type: list
    elements: dict
  routes:
    description: C(report.routes) of M(homeops.cluster.bgp_status).
    type: list
    elements: dict
  records:
    description: Records of M(homeops.cluster.udm_dns_info).
    type: list
    elements: dict
  identity:
    description: C(providers), C(applications) and C(outposts) of M(homeops.cluster.authentik_info).
    type: dict
  probes:
    description: Answers of M(homeops.cluster.service_probe).
    type: list
    elements: dict
  reasons:
    description: Why something could not be asked, by the name of the option.
    type: dict
    default: {}
  wait_timeout:
    description:
      - Seconds for which the systems of O(again) are asked anew while all that is broken comes by itself, which are a
        certificate that is being issued, a DNS record, and an outpost that is about to take on its settings. Everything
        else that is broken ends the wait at once. What stands already costs nothing. In check mode there is no second
        look.
    type: int
    default: 0
  again:
    description: The systems to be asked anew. Announcements are not among them.
    type: dict
    suboptions:
      kubeconfig:
        description: Client configuration of the Kubernetes API.
        type: path
      console:
        description: The console that has the DNS records.
        type: dict
        suboptions:
          host:
            description: Address or name of the console.
            type: str
            required: true
          port:
            description: Port of its HTTPS server.
            type: int
            default: 443
          api_key:
            description: API key.
            type: str
          username:
            description: User name of a local account, when there is no key.
            type: str
          password:
            description: Its password.
            type: str
          site:
            description: Internal name of the site.
            type: str
            default: default
          validate_certs:
            description: Whether the certificate must be signed by a trusted CA and carry the host's name.
            type: bool
            default: true
          ca_path:
            description: PEM file of the CA to trust instead of the system's.
            type: path
          fingerprint:
            description: SHA-256 fingerprint of the console's certificate.
            type: str
          timeout:
            description: Not used here; O(again.timeout) decides.
            type: int
            default: 15
      zone:
        description: Domain of the records; empty means all of them.
        type: str
        default: ""
      identity:
        description: The Authentik server.
        type: dict
        suboptions:
          url:
            description: Root of the server.
            type: str
            required: true
          token:
            description: Key of a token that may read its objects.
            type: str
            required: true
          door:
            description: Address to connect to instead, C(host:port).
            type: str
          ca_file:
            description: PEM file of the CA to trust instead of the system's.
            type: path
          validate_certs:
            description: Whether the certificate must be trusted.
            type: bool
            default: true
          timeout:
            description: Not used here; O(again.timeout) decides.
            type: int
            default: 30
      probes:
        description: Hosts and paths, as M(homeops.cluster.service_probe) takes them.
        type: list
        elements: dict
        default: []
        suboptions:
          host:
            description: Host of the URL.
            type: str
            required: true
          paths:
            description: Paths to ask for.
            type: list
            elements: str
            default: ["/"]
      door:
        description: Where to connect to instead of the hosts' own addresses, C(host:port).
        type: str
      ca_file:
        description: PEM file of the CA to trust instead of the system's.
        type: path
      timeout:
        description: Seconds that one request may take.
        type: int
        default: 10
  now:
    description: Time of the report, RFC 3339; certificates are held against it. The present when left out.
    type: str
  show:
    description: Whether to print the table.
    type: bool
    default: true
extends_documentation_fragment:
  - homeops.cluster.verdict
  - homeops.cluster.reads
author: The homeops.cluster maintainers (@homeops)
"""

EXAMPLES = r"""
- name: Judge the way of every service
  homeops.cluster.service_status:
    services: "{{ homeops_model | homeops.cluster.service_chains_of }}"
    resources: "{{ service_status_cluster.resources }}"
    routes: "{{ bgp_status_result.report.routes }}"
    records: "{{ service_status_dns.records }}"
    probes: "{{ service_status_probes.probes }}"
"""

RETURN = r"""
report:
  description: The report; a key may be added to it, none is renamed without another RV(report.schema).
  returned: always
  type: dict
  contains:
    schema:
      description: Version of the shape.
      type: int
    worst:
      description: ok, warning or error.
      type: str
    services:
      description: One entry per service, with C(state), C(broken) (name of the first broken link) and its C(links).
      type: list
      elements: dict
    findings:
      description: What is not as it should be, each with severity, subject and text.
      type: list
      elements: dict
table:
  description: The report for people.
  returned: always
  type: str
waited:
  description: Seconds that were waited for what comes by itself.
  returned: success
  type: float
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..module_utils.common.context import Context
from ..module_utils.common.runner import run_module
from ..module_utils.kubernetes.cluster_view import ClusterView
from ..module_utils.status import again, chain, chain_login, options, verdict

SPEC: dict[str, Any] = {
    "argument_spec": {
        "services": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": options.SERVICE,
        },
        **{key: {"type": "list", "elements": "dict"} for key in ("resources", "routes", "records", "probes")},
        "identity": {"type": "dict"},
        "reasons": {"type": "dict", "default": {}},
        "wait_timeout": {"type": "int", "default": 0},
        "again": {"type": "dict", "options": again.ARGUMENTS},
        "now": {"type": "str"},
        "show": {"type": "bool", "default": True},
        "fail_on": verdict.FAIL_ON,
    },
    "supports_check_mode": True,
}


def run(params: Mapping[str, Any], ctx: Context) -> dict[str, Any]:
    """Judge; see DOCUMENTATION."""
    facts = chain.Facts(
        cluster=None if params.get("resources") is None else ClusterView(params["resources"]),
        routes=params.get("routes"),
        records=params.get("records"),
        identity=params.get("identity"),
        probes=params.get("probes"),
        now=params.get("now") or datetime.now(UTC).isoformat(),
        reasons={again.NAMES.get(key, key): str(value) for key, value in params["reasons"].items() if value},
    )
    services = [options.service(entry) for entry in params["services"]]
    systems = params.get("again")
    waited = again.wait(
        lambda found: chain.build(services, found, chain_login.LINKS),
        facts,
        lambda: again.look(systems or {}, facts, ctx),
        params["wait_timeout"] if systems and not ctx.check_mode else 0,
        ctx,
    )
    report = waited.report
    text = chain.render(report)
    if params["show"]:
        ctx.show(text)
    for_it = f" after {waited.seconds:.0f} s of waiting for what comes by itself" if waited.looks else ""
    result = verdict.settle(
        report,
        text,
        params["fail_on"],
        f"proving the way of every service{for_it}",
        "Mend the first broken link of each service and run the phase verify again",
    )
    return {**result, "waited": round(waited.seconds, 1)}


def main() -> None:
    """Run as a module process."""
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
