# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links between the ingress and the login page: provider, outpost, the login that is seen, what stays open.

Authentik's objects come as ``authentik_info`` gives them: providers by ``pk``, applications with the ``pk`` of theirs,
outposts with the names of theirs and with their ``health``. An outpost passes a provider by that has no application,
and of two providers with one host only the last by name is served (goauthentik/authentik ``internal/outpost/proxyv2``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..common.https import UNRESOLVED
from .chain import BROKEN, IN_TIME, NONE, OK, SOON, UNKNOWN, WARNING, Answer, Facts, Judge, Judgement, Wanted
from .chain_network import accepted, address, announced, backend, certificate, dns, ingress, label, probe_of

#: What marks the outpost inside the server (``managed``).
EMBEDDED = "goauthentik.io/outposts/embedded"
#: The provider's kind and mode that each way of logging in needs.
KINDS = {"proxy": ("proxy", "proxy"), "forward": ("proxy", "forward_single"), "oidc": ("oauth2", "")}
REDIRECTS = (301, 302, 303, 307, 308)


def provider(one: Wanted, facts: Facts) -> Judgement:
    """The application exists, and its provider says what the service is."""
    if one.auth == "none":
        return NONE, "no login is declared"
    if facts.identity is None:
        return _unasked(facts)
    application = _application(one, facts)
    if application is None:
        return BROKEN, f"Authentik has no application with the slug {one.name}"
    found = _provider(application, facts)
    if found is None:
        return BROKEN, f"application {one.name} has no provider"
    kind, mode = KINDS[one.auth]
    component = str(found.get("component") or "")
    if kind not in component:
        return BROKEN, f"application {one.name} has a provider of another kind ({component}), wanted is {kind}"
    if mode and found.get("mode") != mode:
        return BROKEN, f"provider {found.get('name')} has mode {found.get('mode')}, the ingress needs {mode}"
    if one.guarded:
        return _proxied(one, found, facts.identity)
    return OK, f"provider {found.get('name')}"


def _proxied(one: Wanted, found: Answer, identity: Answer) -> Judgement:
    name = found.get("name")
    if _host(found) != one.host.lower():
        return BROKEN, f"provider {name} stands for {found.get('external_host')}, wanted is https://{one.host}"
    twins = [
        str(other.get("name"))
        for other in identity.get("providers") or []
        if other.get("external_host") and _host(other) == one.host.lower() and other.get("pk") != found.get("pk")
    ]
    if twins:
        return BROKEN, f"{one.host} is claimed by two providers: {name} and {' and '.join(twins)}"
    wanted = f"{one.scheme}://{one.service}.{one.namespace}.svc.cluster.local:{one.port}"
    if one.auth == "proxy" and _backend(str(found.get("internal_host") or "")) != _backend(wanted):
        return BROKEN, f"provider {name} leads to {found.get('internal_host') or 'nowhere'}, wanted is {wanted}"
    return OK, f"provider {name}"


def outpost(one: Wanted, facts: Facts) -> Judgement:
    """The wanted outpost has the provider, and it is alive."""
    if not one.guarded:
        return NONE, "no outpost stands in front of it"
    if facts.identity is None:
        return _unasked(facts)
    outposts = list(facts.identity.get("outposts") or [])
    mine = next((item for item in outposts if _is(item, one.outpost)), None)
    if mine is None:
        return BROKEN, f"Authentik has no outpost {one.outpost}"
    found = _provider(_application(one, facts) or {}, facts)
    if found is None:
        return UNKNOWN, "there is no provider that the outpost could have"
    if found.get("name") not in (mine.get("providers") or []):
        others = [str(item.get("name")) for item in outposts if found.get("name") in (item.get("providers") or [])]
        elsewhere = f"; {', '.join(others)} has it" if others else ""
        return BROKEN, f"outpost {mine.get('name')} does not have provider {found.get('name')}{elsewhere}"
    health = mine.get("health")
    if health is None:
        return UNKNOWN, f"nobody asked how outpost {mine.get('name')} is"
    if not health:
        return BROKEN, f"outpost {mine.get('name')} is not connected: no pod of it has reported", IN_TIME
    outdated = [item for item in health if item.get("version_outdated")]
    if outdated:
        version, wanted = outdated[0].get("version"), outdated[0].get("version_should")
        return WARNING, f"outpost {mine.get('name')} runs {version}, the server {wanted}"
    return OK, f"outpost {mine.get('name')}, {len(health)} connected"


def login(one: Wanted, facts: Facts) -> Judgement:
    """Whoever comes without a session is led to the login page.

    A host that its outpost does not serve yet is answered by Authentik itself, whose login page is another one, or by
    nobody. So is one whose record is still to come, where it is asked at the address that the record gives.
    """
    if facts.probes is None:
        return _unasked(facts, "probes")
    probe = probe_of(one, facts, "/")
    if probe is None:
        return UNKNOWN, f"{one.host} was not asked"
    if probe.get("error"):
        comes = IN_TIME if str(probe["error"]).startswith(UNRESOLVED) or dns(one, facts)[0] == BROKEN else 0.0
        return BROKEN, f"https://{one.host}/ does not answer: {probe['error']}", comes
    status = int(probe.get("status") or 0)
    if status >= 500 or status == 404:
        return BROKEN, f"https://{one.host}/ answers {status}{_said(probe)}", SOON if one.guarded else 0.0
    if not one.guarded:
        return OK, f"answers {status}"
    if asks_to_log_in(one, probe):
        return OK, f"leads to {urlsplit(str(probe['location'])).hostname or one.host}"
    if status in REDIRECTS:
        return BROKEN, f"https://{one.host}/ leads to {probe.get('location')}, not to the login", SOON
    return BROKEN, f"https://{one.host}/ answers {status} to whoever comes: nobody is asked to log in"


def api(one: Wanted, facts: Facts) -> Judgement:
    """Paths of the service's interface are not open, but for those which are declared so."""
    if not one.guarded:
        return NONE, "no login is declared"
    if facts.probes is None:
        return _unasked(facts, "probes")
    asked = [item for item in facts.probes if item.get("host") == one.host and item.get("path") != "/"]
    if not asked:
        return UNKNOWN, f"no path below {one.host} was asked"
    open_ones = [
        str(item["path"])
        for item in asked
        if not item.get("error") and 200 <= int(item.get("status") or 0) < 300 and not _declared(one, str(item["path"]))
    ]
    if open_ones:
        shown = ", ".join(open_ones)
        return BROKEN, f"{shown} of {one.host} answer without a login; see skip_path_regex of its provider", SOON
    return OK, f"{len(asked)} paths ask for the login"


def asks_to_log_in(one: Wanted, probe: Answer) -> bool:
    """Whether an answer leads to the login page, or to the outpost's own way there."""
    if int(probe.get("status") or 0) not in REDIRECTS:
        return False
    target = urlsplit(str(probe.get("location") or ""))
    host = (target.hostname or one.host).lower()
    if host == one.host.lower():
        return target.path.startswith("/outpost.goauthentik.io/start")
    return bool(one.login_host) and host == one.login_host.lower()


def _application(one: Wanted, facts: Facts) -> Answer | None:
    entries: Sequence[Answer] = (facts.identity or {}).get("applications") or []
    return next((item for item in entries if item.get("slug") == one.name), None)


def _provider(application: Answer, facts: Facts) -> Answer | None:
    key = application.get("provider")
    entries: Sequence[Answer] = (facts.identity or {}).get("providers") or []
    return next((item for item in entries if key is not None and item.get("pk") == key), None)


def _is(item: Answer, wanted: str) -> bool:
    return item.get("managed") == EMBEDDED if wanted == "embedded" else item.get("name") == wanted


def _host(found: Answer) -> str:
    return (urlsplit(str(found.get("external_host") or "")).netloc or "").lower().removesuffix(":443")


def _backend(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    name = (parts.hostname or "").removesuffix(".cluster.local").removesuffix(".svc")
    return parts.scheme, name, parts.port or (443 if parts.scheme == "https" else 80)


def _declared(one: Wanted, path: str) -> bool:
    """Whether a path is open on purpose; patterns are unanchored, as the outpost reads them."""
    for pattern in one.open_paths:
        try:
            if re.search(pattern, path):
                return True
        except re.error:
            continue
    return False


def _said(probe: Answer) -> str:
    return f" ({probe['title']})" if probe.get("title") else ""


def _unasked(facts: Facts, what: str = "identity") -> Judgement:
    default = "Authentik could not be asked" if what == "identity" else "no request was made"
    return UNKNOWN, facts.reasons.get(what) or default


#: Every link in the order of the way.
LINKS: tuple[tuple[str, Judge], ...] = (
    ("label", label),
    ("address", address),
    ("announced", announced),
    ("accepted", accepted),
    ("dns", dns),
    ("certificate", certificate),
    ("ingress", ingress),
    ("provider", provider),
    ("outpost", outpost),
    ("backend", backend),
    ("login", login),
    ("api", api),
)
