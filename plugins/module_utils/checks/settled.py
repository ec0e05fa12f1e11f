# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that no model can break, each with the reason: the other answer to "what does this check say of the model?".

Who changes a renderer so that a reason no longer holds takes the line away and writes the function
(``also(id, MODEL)``). Two tests hold on to it: every check has a function for the model or a reason here, never both;
and the tree and the router configuration that the home's model renders are judged by the functions for a repository.
"""

from __future__ import annotations

from .registry import settle

_BGP = "Cilium's BGP objects are made by one renderer from the pools, nodes and timers of the model"
_ROUTER = "the router's text is made by one editor from the networks and nodes of the model"
_PHASES = "the phases are site.yml's own; the model names none"
_CHART = "the values of the chart are a template of the collection, and the model has no key for more of them"
_FILES = "it is about files that people write, of which a model has none"
_RUNNING = "it is about commands that ask running systems, of which a model has none"

REASONS = {
    "BGP001": f"{_BGP}; label and selector are one constant.",
    "BGP002": f"{_BGP}; each advertisement of Services is written with its selector.",
    "BGP003": f"{_BGP}, and the schema of the model (MOD003) has the limits of the CRDs.",
    "BGP008": f"{_ROUTER}; the load balancers' network is always written with le 32 or le 128.",
    "BGP009": f"{_ROUTER}; every neighbour gets both route-maps.",
    "BGP010": f"{_ROUTER}; names that could break a line are refused by the schema of the model (MOD003).",
    "BGP011": f"{_ROUTER}; the word follows from the family of the prefix.",
    "BGP012": f"{_ROUTER}; what it accepts is the load balancers' network, in which NET005 wants every pool, and the "
    "pods' network exactly when announce_pods is true.",
    "BGP013": f"{_ROUTER}; only the exact supernet is sent, never with le.",
    "BGP014": f"{_FILES}; the collection keeps one text, on the router.",
    "BGP018": f"{_BGP}; none is given a namespace.",
    "BOO001": f"Resuming asks the systems, no predicate is written down: {_PHASES}.",
    "BOO002": f"Readiness is asked of conditions by the modules: {_PHASES}.",
    "BOO003": f"Counting is done by the modules: {_PHASES}.",
    "BOO004": f"{_PHASES}.",
    "BOO005": f"{_RUNNING}; the modules ask Talos' own ServiceList.",
    "BOO006": f"{_RUNNING}; the modules ask each workload.",
    "BOO007": f"{_FILES}.",
    "GIT001": "Flux Kustomizations are made one per component, with the component's name, and the root lists all.",
    "GIT002": "Dependencies follow from what each component declares that it makes and needs.",
    "GIT003": "Components are put in an order before anything is written; a circle is refused there.",
    "GIT004": "Health checks are the component's own declaration of when it is ready.",
    "GIT005": "apiVersions are constants of the templates.",
    "GIT007": "Every file that is written is listed in the kustomization.yaml beside it, by the same function.",
    "GIT008": "Chart repositories are made from the components that use them.",
    "GIT009": "A component without a file is not written.",
    "GIT010": "The components of Flux are the file whose version the model declares, and the root lists their folder.",
    "GIT012": "The rendered tree uses no postBuild variables: values are written where they are used.",
    "ING003": "Issuers are constants, named by the component that makes them.",
    "ING004": "Ingress classes are constants of the ingress components, and their values a template.",
    "MON001": "The label of monitors and rules and the selector of Prometheus are both monitoring.release.",
    "MON002": "Monitors are templates beside the Services that they select.",
    "MON003": f"{_CHART}.",
    "MON004": "Alert rules are templates of the collection, with the metrics of the pinned components.",
    "SEC001": "Secrets that workloads name are those that the components declare; a template that names another one is "
    "found in the rendered tree.",
    "SEC006": "Names of Services in URLs are made from namespace, name and cluster.dns_domain of what is rendered; the "
    "backends of homeops_services are IDP001's.",
    "SEC007": f"{_FILES}; the collection keeps credentials in homeops_state_dir, outside the checkout.",
    "STO001": f"{_CHART}.",
    "STO002": "The tags of the disks and the selector of the class are both storage.disk_tags.",
    "STO003": "The parameters of the classes are a template of the collection.",
    "STO004": "The groups of the recurring jobs and the selectors of the classes are constants of one component.",
    "STO005": "The bucket is storage.backup.bucket, used by Longhorn and by PostgreSQL.",
    "TAL004": "The machine configs that are made set no OIDC issuer, and the model has no key for one.",
    "TAL008": f"{_FILES}; patches are made in memory.",
    "TAL010": "No client program is used, so there is no second version.",
    "TAL011": "Longhorn's disk is a user volume (TAL005), which a reset wipes only when it is named.",
}

settle({name: reason[:1].upper() + reason[1:] for name, reason in REASONS.items()})
