# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ingress and identity in a repository: who stands behind the login, and how it is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...model.schema import Path, nearest
from ...repository.build import Builder
from ...repository.objects import Object
from ...repository.spot import Spot, dig, listing, mapping, string, texts, walk, yes
from ...repository.view import Repository
from ..chart_keys_platform import INGRESS_NGINX, INGRESS_NGINX_CONTROLLER
from ..registry import ERROR, REPO, WARN, Breach, also, check

_INGRESS = ("platform", "identity", "verify")
_LOGIN = ("identity", "verify")
_RUN = "verified by running over the files of a real home-lab"
_ISSUER = "cert-manager.io/cluster-issuer"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URL = re.compile(r"^(https?)://([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?(?::(\d{1,5}))?(?:/.*)?$")
#: Names of Services of an outpost (goauthentik/authentik internal/outpost, and the names people give it).
_OUTPOST = re.compile(r"^(?:ak-outpost-.*|authentik-(?:proxy|outpost)(?:-.*)?)$")
_LAN_BYPASS = "homeops.cluster/allow-lan-bypass"
_AUTH_URL = "nginx.ingress.kubernetes.io/auth-url"
_STRING_URIS = re.compile(r"""["']?redirect_uris["']?\s*[:=]\s*["']https?://""")
_MODES = ("proxy", "forward_single", "forward_domain")
_OUTPOST_KEYS = re.compile(r"^(?:AUTHENTIK_)?OUTPOST_?(?:UUID|ID|PK)$", re.IGNORECASE)
#: Parts of a controller's chart that say that it brings classes of its own.
_CONTROLLERS = re.compile(r"ingress|traefik|haproxy|kong|contour|gateway|istio|nginx")


@dataclass(frozen=True)
class Provider:
    """A proxy provider of Authentik, as some value declares it.

    :param mode: empty when it is not said.
    :param path: of the map in the object.
    """

    name: str
    external: str
    internal: str
    mode: str
    object: Object
    path: Path
    inline: bool = False

    def at(self, *path: str) -> Spot:
        """Return a place in it; of a text inside of an object the text itself."""
        return self.object.at(*self.path) if self.inline else self.object.at(*self.path, *path)

    @property
    def host(self) -> str:
        """The host of its outer URL."""
        return re.sub(r"^https?://", "", self.external).partition("/")[0].partition(":")[0]


def providers(repository: Repository) -> list[Provider]:
    """Return the enabled proxy providers of values of charts, of ConfigMaps and of blueprints in them."""
    found: list[Provider] = []
    for item in repository.objects:
        if item.kind == "HelmRelease":
            found += _in(item, item.get("spec", "values"), ("spec", "values"), False)
        elif item.kind == "ConfigMap":
            for key, text in item.map("data").items():
                if isinstance(text, str) and ("external" in text or "internal_host" in text) and len(text) < 200_000:
                    for value in Builder.parsed(_untagged(text)):
                        found += _in(item, value, ("data", key), True)
    return found


def _untagged(text: str) -> str:
    """Return a blueprint without Authentik's own tags (``!Find``, ``!KeyOf``), which are no plain YAML."""
    return re.sub(r"![A-Z][A-Za-z]+ ?", "", text)


def _in(item: Object, root: Any, base: Path, inline: bool) -> Iterator[Provider]:
    for path, value in walk(root, () if inline else base):
        if not isinstance(value, dict):
            continue
        external = string(value.get("external_host") or value.get("externalHost") or value.get("external-host"))
        internal = string(value.get("internal_host") or value.get("internalHost") or value.get("internal-host"))
        if not external.startswith("http") or value.get("enabled") is False:
            continue
        mode = string(value.get("mode"))
        name = string(value.get("slug") or value.get("name")) or string(path[-1] if path else "")
        yield Provider(name, external, internal, mode if mode in _MODES else "", item, base if inline else path, inline)


def _to_outpost(repository: Repository) -> Iterator[tuple[str, Object, Path]]:
    """Yield host, Ingress and path of every rule that leads everything of a host to an outpost."""
    for ingress in repository.of("Ingress"):
        for path, rule in ingress.maps("spec", "rules"):
            for _place, route in ingress.maps(*path, "http", "paths"):
                service = string(dig(route, "backend", "service", "name"))
                if _OUTPOST.match(service) and string(route.get("path")) in ("", "/"):
                    yield string(rule.get("host")), ingress, (*path, "host")


@check(
    "ING001",
    ERROR,
    "ingress",
    _INGRESS,
    rule="Every proxied host has an Ingress to the outpost, and every host of such an Ingress has a provider.",
    why="Without the Ingress nothing answers at the host; without the provider the outpost answers 404.",
    broken="provider wiki enabled, no Ingress with host wiki.k8s.home.geoffdavis.com to the outpost",
    right="both sets equal",
    ground=_RUN,
    scope=REPO,
)
def wired(repository: Repository) -> Iterator[Breach]:
    """Providers of the mode proxy; those of the forward modes have an Ingress of their own with auth-url."""
    known = providers(repository)
    led = {host: (ingress, path) for host, ingress, path in _to_outpost(repository)}
    if not known or not led:
        return
    hosts = {
        string(rule.get("host")) for ingress in repository.of("Ingress") for path, rule in ingress.maps("spec", "rules")
    }
    for provider in known:
        if provider.mode in ("", "proxy") and provider.host not in led:
            other = "" if provider.host not in hosts else ", its Ingress leads elsewhere"
            text = f"No Ingress leads {provider.host} to the outpost{other}."
            yield Breach(provider.at("external_host"), text, "an Ingress with this host and the outpost as backend")
    for host, (ingress, path) in led.items():
        if host not in {provider.host for provider in known}:
            names = [provider.host for provider in known]
            yield Breach(ingress.at(*path), f"No provider has the host {host}.", nearest(host, names))


@check(
    "ING002",
    ERROR,
    "ingress",
    _INGRESS,
    rule="A Service behind the login is not a LoadBalancer too.",
    why="Whoever is in the house reaches it at its address without a login.",
    broken="longhorn-frontend, alertmanager and grafana are LoadBalancer and have a provider",
    right=f'ClusterIP; or the annotation {_LAN_BYPASS}: "true"',
    ground=_RUN,
    scope=REPO,
)
def no_bypass(repository: Repository) -> Iterator[Breach]:
    """Services that the pinned charts make are judged by the values that they are made of."""
    for provider in providers(repository):
        match = _URL.match(provider.internal)
        service = repository.find("Service", match.group(3), match.group(2)) if match else None
        if service is None or service.text("spec", "type") != "LoadBalancer":
            continue
        if yes(service.annotations.get(_LAN_BYPASS)):
            continue
        text = f"{service.title} is a LoadBalancer, and stands behind the login as {provider.host}."
        yield Breach(service.at("spec", "type"), text, "ClusterIP")


@check(
    "ING003",
    ERROR,
    "ingress",
    _INGRESS,
    rule="Issuers that Ingresses and Certificates name are declared.",
    why="cert-manager waits for an issuer that never comes, and nginx serves its fake certificate.",
    broken="cert-manager.io/cluster-issuer: letsencrypt-production",
    right="letsencrypt-prod",
    ground=_RUN,
    scope=REPO,
)
def issuers(repository: Repository) -> Iterator[Breach]:
    """Judged when the repository declares a ClusterIssuer at all."""
    known = [item.name for item in repository.of("ClusterIssuer")]
    if not known:
        return
    for item in [*repository.of("Ingress"), *repository.of("Gateway")]:
        name = item.annotations.get(_ISSUER, "")
        if name and name not in known:
            spot = item.at("metadata", "annotations", _ISSUER)
            yield Breach(spot, f"There is no ClusterIssuer {name}.", nearest(name, known) or ", ".join(known))
    for item in repository.of("Certificate"):
        name = item.text("spec", "issuerRef", "name")
        if item.text("spec", "issuerRef", "kind") == "ClusterIssuer" and name not in known:
            text = f"There is no ClusterIssuer {name}."
            yield Breach(item.at("spec", "issuerRef", "name"), text, nearest(name, known) or ", ".join(known))


@check(
    "ING004",
    WARN,
    "ingress",
    _INGRESS,
    rule="Ingress classes exist, one at most is the default, and ingress-nginx is given values that it reads.",
    why="No controller takes an Ingress of an unknown class; with two defaults none without a class is accepted.",
    broken="ingressClassName: traefik with no such class; two default classes",
    right="nginx (default), nginx-internal, nginx-public; keys of chart 4.14.0",
    ground="verified by running: diff with chart 4.14.0",
    scope=REPO,
)
def classes(repository: Repository) -> Iterator[Breach]:
    """Classes of the chart ingress-nginx are known; with another controller's chart names are not judged."""
    known = repository.of("IngressClass")
    names = [item.name for item in known]
    others = any(_CONTROLLERS.search(release.chart) for release in repository.opaque)
    for item in repository.of("Ingress") if known and not others else ():
        name = item.text("spec", "ingressClassName")
        if name and name not in names:
            text = f"There is no IngressClass {name}."
            yield Breach(item.at("spec", "ingressClassName"), text, nearest(name, names) or ", ".join(names))
    default = [item for item in known if yes(item.annotations.get("ingressclass.kubernetes.io/is-default-class"))]
    for item in default[1:]:
        text = f"{item.name} is a default class, and so is {default[0].name}."
        yield Breach(item.at("metadata", "annotations"), text, "one default class")
    for use in repository.chart("ingress-nginx"):
        if not re.match(r"v?4\.14\.", use.version):
            continue
        for key in use.values:
            if key not in INGRESS_NGINX:
                text = f"The chart of ingress-nginx does not read the key {key}."
                yield Breach(use.at(key), text, nearest(key, INGRESS_NGINX))
        for key in mapping(use.values.get("controller")):
            if key not in INGRESS_NGINX_CONTROLLER:
                text = f"The chart of ingress-nginx does not read the key controller.{key}."
                yield Breach(use.at("controller", key), text, nearest(key, INGRESS_NGINX_CONTROLLER))


@also("IDP001", REPO)
def backends(repository: Repository) -> Iterator[Breach]:
    """Services of manifests and of the pinned charts; the scheme is judged by the port's name and well-known number."""
    for provider in providers(repository):
        match = _URL.match(provider.internal)
        if not match:
            continue
        scheme, name, namespace, number = match.groups()
        port = int(number) if number else (443 if scheme == "https" else 80)
        service = repository.find("Service", namespace, name)
        if service is None:
            continue  # SEC006 tells
        ports = [entry for path, entry in service.maps("spec", "ports")]
        numbers = [entry.get("port") for entry in ports]
        if port not in numbers:
            text = f"{service.title} has the port {', '.join(map(str, numbers))}, and the provider asks for {port}."
            yield Breach(provider.at("internal_host"), text, f"port {numbers[0]}" if len(numbers) == 1 else None)
            continue
        named = string(next((entry.get("name") for entry in ports if entry.get("port") == port), ""))
        secure = port in (443, 8443) or re.search(r"https|tls", named) is not None
        if secure != (scheme == "https") and (secure or port == 80):
            right = "https" if secure else "http"
            yield Breach(provider.at("internal_host"), f"{service.title} speaks {right} on {port}.", f"{right}://")


@check(
    "IDP002",
    ERROR,
    "identity",
    _LOGIN,
    rule="A provider has one mode, and the mode fits the way its host is wired.",
    why="An outpost in the wrong mode answers with a redirect to itself, or lets the request go nowhere.",
    broken="mode forward_single while the Ingress leads to the outpost",
    right="Ingress to the outpost: proxy; auth-url of nginx: forward_single",
    ground="read in a real home-lab; goauthentik/authentik internal/outpost/proxyv2",
    scope=REPO,
)
def modes(repository: Repository) -> Iterator[Breach]:
    """Two declarations of one host are compared with each other too."""
    led = {host for host, _ingress, _path in _to_outpost(repository)}
    asked = {
        string(rule.get("host"))
        for ingress in repository.of("Ingress")
        if ingress.annotations.get(_AUTH_URL)
        for path, rule in ingress.maps("spec", "rules")
    }
    first: dict[str, Provider] = {}
    for provider in providers(repository):
        known = first.setdefault(provider.host, provider)
        if provider.mode and known.mode and known.mode != provider.mode:
            text = f"{provider.host} has the mode {provider.mode} here, and {known.mode} in {known.object.file}."
            yield Breach(provider.at("mode"), text, "one declaration")
        elif provider.mode.startswith("forward") and provider.host in led - asked:
            text = f"{provider.host} has the mode {provider.mode}, and its Ingress leads to the outpost."
            yield Breach(provider.at("mode"), text, "proxy")
        elif provider.mode == "proxy" and provider.host in asked - led:
            text = f"{provider.host} has the mode proxy, and nginx asks the outpost (auth-url)."
            yield Breach(provider.at("mode"), text, "forward_single")


@also("IDP003", REPO)
def flows(repository: Repository) -> Iterator[Breach]:
    """Keys authorization_flow and invalidation_flow of values and ConfigMaps, in either spelling."""
    for item in repository.objects:
        if item.kind not in ("HelmRelease", "ConfigMap", "Deployment", "Job"):
            continue
        for path, value in walk(item.value):
            if not isinstance(value, dict):
                continue
            pair = {
                word: string(value.get(f"{word}_flow") or value.get(f"{word}Flow"))
                for word in ("authorization", "invalidation")
            }
            for word, text in pair.items():
                key = f"{word}_flow" if f"{word}_flow" in value else f"{word}Flow"
                other = "invalidation" if word == "authorization" else "authorization"
                if _UUID.fullmatch(text):
                    yield Breach(item.at(*path, key), f"{text} is an id, not a slug.", f"the slug of a flow for {word}")
                elif text.startswith("default-") and other in text and word not in text:
                    yield Breach(
                        item.at(*path, key), f"{text} is a flow for {other}.", f"the slug of a flow for {word}"
                    )
            if pair["authorization"] and pair["authorization"] == pair["invalidation"]:
                if not _UUID.fullmatch(pair["authorization"]) and not pair["authorization"].startswith("default-"):
                    key = "invalidation_flow" if "invalidation_flow" in value else "invalidationFlow"
                    yield Breach(
                        item.at(*path, key), "Both flows are the same one.", "default-provider-invalidation-flow"
                    )


@check(
    "IDP004",
    ERROR,
    "identity",
    _LOGIN,
    rule="redirect_uris is a list of maps with matching_mode and url.",
    why="Authentik since 2024.12 refuses a text with 400, and the login of the application is never set up.",
    broken='redirect_uris: "https://grafana.../login/generic_oauth"',
    right='redirect_uris: [{matching_mode: strict, url: "https://grafana.../login/generic_oauth"}]',
    ground="goauthentik/authentik 2025.12.4 schema.yml",
    scope=REPO,
)
def redirect_uris(repository: Repository) -> Iterator[Breach]:
    """In values, in ConfigMaps, and in JSON that scripts and jobs send."""
    use = '[{"matching_mode": "strict", "url": "https://..."}]'
    for item in repository.objects:
        for path, value in walk(item.value):
            if (
                path
                and path[-1] in ("redirect_uris", "redirectUris")
                and item.kind in ("HelmRelease", "ConfigMap", "Job")
            ):
                wrong = isinstance(value, str) and value.startswith("http")
                wrong = wrong or any(isinstance(entry, str) for entry in listing(value))
                if wrong and path[-1] == "redirect_uris":
                    yield Breach(item.at(*path), "redirect_uris holds a text where maps are needed.", use)
            elif isinstance(value, str) and _STRING_URIS.search(value) and path[-1:] != ("redirect_uris",):
                yield Breach(item.at(*path), "redirect_uris is a text in what is sent to Authentik.", use)
    for name, file in sorted(repository.files.files.items()):
        if file.kind == "script":
            for number, line in enumerate(file.lines, start=1):
                if _STRING_URIS.search(line):
                    yield Breach(Spot(name, number), "redirect_uris is a text in what is sent to Authentik.", use)


@also("IDP005", REPO)
def outposts(repository: Repository) -> Iterator[Breach]:
    """Ids in the environment of workloads, in values and in ConfigMaps are compared."""
    first = ""
    for item in repository.objects:
        if item.kind == "CustomResourceDefinition":
            continue
        for path, text in texts(item.value):
            key = string(dig(item.value, *path[:-1], "name")) if path[-1] == "value" else string(path[-1])
            if _OUTPOST_KEYS.match(key) and _UUID.fullmatch(text.strip()):
                first = first or text.strip()
                if text.strip() != first:
                    yield Breach(
                        item.at(*path), f"The outpost's id is {text.strip()} here, and {first} elsewhere.", first
                    )
