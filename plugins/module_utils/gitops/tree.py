# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole tree, from the model: path -> text, the same bytes for the same model.

Layout (relative to the repository): ``<gitops.path>`` holds the root and the Flux Kustomizations, ``infrastructure``
and ``apps`` one folder per component, ``infrastructure/sources`` the chart repositories, ``apps/services`` one file per
entry of ``homeops_services``. Every file is sealed (``seal.py``).
"""

from __future__ import annotations

import posixpath
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..common.errors import InputError
from ..model import cilium, secrets
from . import external_secrets, flux_objects, network, quantities, services, templates
from .component import Component, parse
from .library import DECLARATION, VALUES, Folder
from .seal import seal
from .yaml_text import documents, dump

#: Components that are derived and have no folder.
SOURCES = "sources"
SERVICES = "services"
#: The component that probes the services; without it they have no probe.
PROBER = "blackbox-exporter"
#: The component whose kinds the network policies are of.
CILIUM = "cilium"
_DERIVED = {
    "namespace.yaml": "namespace",
    "network.yaml": "network",
    "external-secrets.yaml": "secrets",
    "release.yaml": "release",
    "kustomization.yaml": "",
}


@dataclass(frozen=True)
class Part:
    """A component with its folder and what its templates may name."""

    component: Component
    folder: Folder
    values: Mapping[str, Any]


def render(
    model: Mapping[str, Any], folders: Mapping[str, Folder], flux_components: str = "", *, kept: bool = False
) -> dict[str, str]:
    """Return the files of the tree by path.

    :param model: the whole model, keyed by subject.
    :param folders: the components, see ``library.read``.
    :param flux_components: Flux' own install manifest; without it the tree holds the sync objects only.
    :param kept: the repository holds such a manifest of its own; it is listed and not rendered.
    :raises InputError: naming the component or service that cannot be rendered.
    """
    parts = _parts(model, folders)
    components = [part.component for part in parts] + _derived(model, [part.component for part in parts])
    _judge(components)
    files: dict[str, str] = {}
    for part in parts:
        files.update(_component_files(part, model))
    files.update(_sources([part.component for part in parts]))
    files.update(_service_files(model, probed=any(component.name == PROBER for component in components)))
    files.update(_cluster_files(model, components, flux_components, kept=kept))
    return {path: seal(files[path]) for path in sorted(files)}


def components_of(model: Mapping[str, Any], folders: Mapping[str, Folder]) -> list[Component]:
    """Return the components of the tree, each after everything that it depends on."""
    found = [part.component for part in _parts(model, folders)]
    found += _derived(model, found)
    _judge(found)
    return _ordered(found)


def component_files(model: Mapping[str, Any], folders: Mapping[str, Folder], name: str) -> dict[str, str]:
    """Return the files of one component as they are in the tree, without rendering the others.

    :raises InputError: there is no such component, or it is switched off.
    """
    for part in _parts(model, folders):
        if part.component.name == name:
            return {path: seal(text) for path, text in _component_files(part, model).items()}
    raise InputError(f"the tree has no component {name}", param="model")


#: Kinds without a namespace among those that tell that a component works.
_CLUSTER_WIDE = frozenset(("ClusterSecretStore", "ClusterIssuer", "CustomResourceDefinition", "StorageClass"))


def facts(model: Mapping[str, Any], folders: Mapping[str, Folder]) -> list[dict[str, Any]]:
    """Return what phases and tables need of each component, in the order of ``components_of``."""
    components = components_of(model, folders)
    names = {component.name: component.flux_name for component in components}
    return [
        {
            "name": component.name,
            "title": component.title,
            "kustomization": component.flux_name,
            "path": component.path,
            "namespace": component.namespace,
            "depends_on": [names[need] for need in needs(component)],
            "timeout": quantities.seconds(component.timeout),
            "ready": [_target(target, component) for target in component.ready],
        }
        for component in components
    ]


def _target(target: Mapping[str, Any], component: Component) -> dict[str, Any]:
    """Return one object to wait for, with its namespace."""
    found = dict(target)
    if component.namespace and target["kind"] not in _CLUSTER_WIDE:
        found.setdefault("namespace", component.namespace)
    return found


def _parts(model: Mapping[str, Any], folders: Mapping[str, Folder]) -> list[Part]:
    """Return the components that are switched on, by name."""
    switches = model["gitops"].get("components") or {}
    for name in switches:
        if name not in folders:
            raise InputError(
                f"homeops_gitops.components names {name}, and there is no such component",
                remedy=f"Known are {', '.join(sorted(folders))}",
                param="model",
            )
    wanted = {name: folder for name, folder in sorted(folders.items()) if switches.get(name, True)}
    values = {
        **model,
        "cilium_values": cilium.values(model),
        "secret_store": secrets.cluster_store(model),
        "enabled": frozenset(wanted),
    }
    found = []
    for name, folder in wanted.items():
        source = posixpath.join(folder.path, DECLARATION)
        text = templates.render(folder.files[DECLARATION], values, source)
        loaded = templates.load(text, source)
        if len(loaded) != 1:
            raise InputError("the declaration of a component is one document", target=source)
        component = parse(name, loaded[0], source)
        # Its policies are of a kind of Cilium, so they come after the release that brings it.
        if component and component.network and CILIUM in wanted and CILIUM not in component.depends_on:
            component = replace(component, depends_on=(*component.depends_on, CILIUM))
        if component:
            found.append(Part(component, folder, {**values, "component": component}))
    return found


def _derived(model: Mapping[str, Any], components: list[Component]) -> list[Component]:
    """Return the components that have no folder: chart repositories and services."""
    found = [Component(SOURCES, "Chart repositories", timeout="5m")]
    entries = model["services"]
    if entries:
        owners = {component.namespace: component.name for component in components if component.pod_security}
        spaces = {space for entry in entries for space in services.namespaces(entry, model)}
        needs = {owners[space] for space in spaces if space in owners}
        needs |= {"ingress-nginx-internal", "cert-manager-issuers"}
        needs |= {PROBER, CILIUM} & {component.name for component in components}
        found.append(
            Component(SERVICES, "Services", tree="apps", timeout="5m", retry="1m", depends_on=(*sorted(needs),))
        )
    return found


def _judge(components: list[Component]) -> None:
    """Refuse names and dependencies that cannot work.

    :raises InputError: with one sentence.
    """
    names = {component.name for component in components}
    owners: dict[str, str] = {}
    for component in components:
        missing = [need for need in component.depends_on if need not in names]
        if missing:
            raise InputError(
                f"component {component.name} needs {', '.join(missing)}, which is left out or unknown",
                remedy=f"Leave {component.name} out as well, or have {missing[0]}",
                param="model",
            )
        if component.pod_security:
            first = owners.setdefault(component.namespace, component.name)
            if first != component.name:
                raise InputError(
                    f"the namespace {component.namespace} is owned by {first} and by {component.name}",
                    remedy="One of them says in_namespace instead of namespace",
                )
    _ordered(components)


def _ordered(components: list[Component]) -> list[Component]:
    """Return the components, each after those it depends on, else by name.

    :raises InputError: they depend on each other in a circle.
    """
    left = {component.name: component for component in sorted(components, key=lambda each: each.name)}
    done: list[Component] = []
    names: set[str] = set()
    while left:
        free = [component for component in left.values() if set(needs(component)) <= names]
        if not free:
            raise InputError(f"the components {', '.join(left)} depend on each other in a circle")
        for component in free:
            done.append(component)
            names.add(component.name)
            del left[component.name]
    return done


def needs(component: Component) -> tuple[str, ...]:
    """Return what a component depends on, the chart repositories included."""
    found = (SOURCES, *component.depends_on) if component.release else component.depends_on
    return tuple(dict.fromkeys(found))


def _component_files(part: Part, model: Mapping[str, Any]) -> dict[str, str]:
    component, folder = part.component, part.folder
    texts: dict[str, str] = {}
    if component.pod_security:
        texts["namespace.yaml"] = documents(
            [flux_objects.namespace(component.namespace, component.pod_security, keep=component.stateful)]
        )
    policies = network.policies(component, model)
    if policies:
        texts["network.yaml"] = documents(policies)
    if component.secrets:
        texts["external-secrets.yaml"] = documents(
            external_secrets.external_secret(name, component.namespace, model) for name in component.secrets
        )
    if component.release:
        texts["release.yaml"] = _release(part)
    for file, template in folder.files.items():
        name = file.removesuffix(".j2")
        if file in (DECLARATION, VALUES):
            continue
        if name in _DERIVED:
            raise InputError(
                f"{name} is derived from the declaration and cannot be a template",
                target=posixpath.join(folder.path, file),
            )
        source = posixpath.join(folder.path, file)
        text = templates.render(template, part.values, source)
        # A template whose condition leaves nothing is no file: kustomize takes no empty resource.
        if templates.load(text, source):
            texts[name] = _begun(text)
    order = [name for name in _DERIVED if name in texts] + [name for name in texts if name not in _DERIVED]
    if not order:
        raise InputError(f"component {component.name} renders to nothing", target=folder.path)
    texts["kustomization.yaml"] = documents([flux_objects.file_list(order)])
    return {f"{component.path}/{name}": text for name, text in texts.items()}


def _begun(text: str) -> str:
    """Return a text whose first document begins with ``---``, comments before it or not."""
    text = text.lstrip("\n")
    first = next((line for line in text.splitlines() if line and not line.startswith("#")), "")
    return text if first == "---" else f"---\n{text}"


def _release(part: Part) -> str:
    """Return the HelmRelease with the values as their author wrote them, comments included."""
    text = documents([flux_objects.helm_release(part.component)])
    template = part.folder.files.get(VALUES)
    if template is None:
        return text
    source = posixpath.join(part.folder.path, VALUES)
    values = templates.render(template, part.values, source).removeprefix("---\n")
    loaded = templates.load(values, source)
    if not loaded:
        return text
    if len(loaded) != 1 or not isinstance(loaded[0], dict):
        raise InputError("the values of a release are one map", target=source)
    return f"{text}  values:\n{textwrap.indent(values.strip(chr(10)), '    ')}\n"


def _sources(components: list[Component]) -> dict[str, str]:
    found: dict[str, Mapping[str, str]] = {}
    for component in components:
        if not component.release:
            continue
        name = component.source["name"]
        if dict(found.setdefault(name, component.source)) != dict(component.source):
            raise InputError(f"the chart repository {name} has two URLs", answer=f"one is {component.name}'s")
    texts = {f"{name}.yaml": documents([flux_objects.helm_repository(found[name])]) for name in sorted(found)}
    texts["kustomization.yaml"] = documents([flux_objects.file_list(list(texts))])
    return {f"infrastructure/{SOURCES}/{name}": text for name, text in texts.items()}


def _service_files(model: Mapping[str, Any], *, probed: bool) -> dict[str, str]:
    texts: dict[str, str] = {}
    for entry in sorted(model["services"], key=lambda each: str(each["name"])):
        name = f"{entry['name']}.yaml"
        if name in texts or name == "kustomization.yaml":
            raise InputError(f"homeops_services has the name {entry['name']} twice", param="model")
        texts[name] = documents(services.objects(entry, model, probed=probed))
    if texts:
        texts["kustomization.yaml"] = documents([flux_objects.file_list(list(texts))])
    return {f"apps/{SERVICES}/{name}": text for name, text in texts.items()}


def _cluster_files(
    model: Mapping[str, Any], components: list[Component], flux_components: str, *, kept: bool
) -> dict[str, str]:
    gitops = model["gitops"]
    root = str(gitops["path"])
    names = {component.name: component.flux_name for component in components}
    texts: dict[str, str] = {}
    trees: dict[str, list[str]] = {"infrastructure": [], "apps": []}
    for component in sorted(components, key=lambda each: each.flux_name):
        body = flux_objects.kustomization(
            component.flux_name,
            component.path,
            gitops["interval"],
            timeout=component.timeout,
            retry=component.retry,
            needs=[names[need] for need in needs(component)],
        )
        trees[component.tree].append(f"---\n# {component.title}\n{dump(body)}")
    for tree, found in trees.items():
        if found:
            texts[f"{tree}.yaml"] = "".join(found)
    resources = ["flux-system", *texts, *(gitops.get("extra_resources") or ())]
    texts["kustomization.yaml"] = documents([flux_objects.file_list(resources)])
    flux = [flux_objects.git_repository(gitops, gitops.get("secret", "")), flux_objects.root_kustomization(gitops)]
    texts["flux-system/gotk-sync.yaml"] = documents(flux)
    listed = ["gotk-sync.yaml"]
    if flux_components or kept:
        listed.insert(0, "gotk-components.yaml")
    if flux_components and not kept:
        texts[flux_objects.COMPONENTS] = flux_components
    texts["flux-system/kustomization.yaml"] = documents([flux_objects.file_list(listed, keep=True)])
    return {f"{root}/{name}": text for name, text in texts.items()}
