# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a kubeconfig to a :class:`Connection`: where the API is, whom to trust, as whom to speak.

The common kubeconfig (certificates or a token) is read here. Exec plugins, cloud auth providers, several merged files
and the in-cluster account are left to the ``kubernetes`` package, which is imported
only then: it costs 0.3 s of start-up.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

try:
    import yaml
except ImportError:  # ansible-test imports without third-party packages
    yaml = None  # type: ignore[assignment]

from ..common import files
from ..common.certificates import validity
from ..common.errors import InputError

#: Where a pod finds its own account (client-go ``rest.InClusterConfig``).
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@dataclass(frozen=True)
class Connection:
    """All that is needed to open connections to one API server.

    :param server: URL without a trailing slash, ``https://172.29.51.10:6443``.
    :param ca: PEM of the CA; None = the system's trust store.
    :param certificate: PEM of the client certificate (chain).
    :param key: PEM of its key.
    :param token: bearer token.
    :param server_name: name or address that the server's certificate must carry; ``""`` = the URL's host.
    :param insecure: do not verify, only when the kubeconfig says ``insecure-skip-tls-verify``.
    :param source: for messages, ``"kubeconfig /x/y, context lab"``.
    """

    server: str
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    token: str = ""
    server_name: str = ""
    insecure: bool = False
    source: str = ""

    def __repr__(self) -> str:
        """Show where it leads, never the credentials."""
        return f"Connection({self.server!r}, source={self.source!r})"

    @property
    def host(self) -> str:
        """The URL's host, without brackets."""
        return urlsplit(self.server).hostname or ""

    @property
    def port(self) -> int:
        """The URL's port, with its scheme's default."""
        parts = urlsplit(self.server)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def path(self) -> str:
        """The URL's path prefix (API servers behind a gateway have one)."""
        return urlsplit(self.server).path.rstrip("/")


def load(
    kubeconfig: str | None = None,
    context: str | None = None,
    read_text: Callable[[str], str] = files.read_text,
) -> Connection:
    """Find and read the kubeconfig.

    Order: the parameter, ``KUBECONFIG``, ``~/.kube/config``, the account of the pod we run in.

    :param read_text: ``Context.read_text`` of a run, which decrypts what ansible-vault has encrypted.
    :raises InputError: no kubeconfig, not readable, not a kubeconfig, context unknown, credentials expired.
    """
    given = kubeconfig or os.environ.get("KUBECONFIG") or ""
    if os.pathsep in given and not os.path.exists(given):
        return _delegated(given, context)
    path = os.path.expanduser(given or "~/.kube/config")
    if not given and not os.path.exists(path):
        if os.path.exists(_SERVICE_ACCOUNT) and os.environ.get("KUBERNETES_SERVICE_HOST"):
            return _delegated(None, None)
        raise InputError(
            "no kubeconfig was given and there is none at ~/.kube/config", remedy=_FETCH, param="kubeconfig"
        )
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise InputError("the kubeconfig does not exist", target=path, remedy=_FETCH, param="kubeconfig") from None
    except UnicodeDecodeError:
        raise InputError("the kubeconfig is not a text", target=path, remedy=ANEW, param="kubeconfig") from None
    except OSError as error:
        raise InputError(
            "the kubeconfig cannot be read",
            target=path,
            answer=error.strerror or str(error),
            remedy="Let the user who runs Ansible read the file, or name another one",
            param="kubeconfig",
        ) from None
    except InputError as error:
        error.param = error.param or "kubeconfig"
        raise
    return parse(text, context, path)


_FETCH = "Fetch it from the cluster first (module talos_kubeconfig)"
#: What to do about a kubeconfig that cannot be used as it is.
ANEW = "Fetch it anew from the cluster (module talos_kubeconfig), or name another file"


def parse(text: bytes | str, context: str | None, path: str, now: datetime.datetime | None = None) -> Connection:
    """Read the text of a kubeconfig.

    :param path: where it came from; relative file names in it are relative to its directory (client-go ``clientcmd``).
    :param now: the time to check the client certificate against.
    :raises InputError: as :func:`load`.
    """
    if yaml is None:
        raise InputError("the Python package PyYAML is missing", remedy="Install it: pip install PyYAML")
    try:
        config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else ""
        raise InputError(
            "the kubeconfig is not YAML", target=path, answer=place, remedy=ANEW, param="kubeconfig"
        ) from None
    if isinstance(config, str) and config.startswith("$ANSIBLE_VAULT"):
        raise InputError(
            "the kubeconfig is encrypted by ansible-vault, which only the controller can read",
            target=path,
            remedy="Run the task on the controller (the collection's action plugins do), or decrypt the file",
            param="kubeconfig",
        )
    if not isinstance(config, dict) or not config.get("clusters"):
        raise InputError(
            "the file is not a kubeconfig: it names no clusters", target=path, remedy=ANEW, param="kubeconfig"
        )
    name = context or config.get("current-context")
    if not name:
        raise InputError(
            "the kubeconfig has no current-context", target=path, remedy="Name one with context", param="context"
        )
    chosen = _named(config, "contexts", "context", str(name), path)
    cluster = _named(config, "clusters", "cluster", str(chosen.get("cluster")), path)
    user = _named(config, "users", "user", str(chosen["user"]), path) if chosen.get("user") else {}
    if user.get("exec") or user.get("auth-provider"):
        return _delegated(path, str(name))
    return _connection(cluster, user, path, str(name), now)


def _connection(
    cluster: Mapping[str, Any], user: Mapping[str, Any], path: str, context: str, now: datetime.datetime | None
) -> Connection:
    """Put one cluster and one user together."""
    server = str(cluster.get("server") or "").rstrip("/")
    if urlsplit(server).scheme not in ("https", "http") or not urlsplit(server).hostname:
        raise InputError(
            "the kubeconfig has no usable server URL",
            target=path,
            answer=server,
            remedy="Write the cluster's server as https://HOST:PORT",
            param="kubeconfig",
        )
    if cluster.get("proxy-url"):
        raise InputError(
            "the kubeconfig asks for a proxy, which is not supported",
            target=path,
            remedy="Take proxy-url out, and run where the API is reached directly",
            param="kubeconfig",
        )
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = _file(str(user["tokenFile"]), path).decode().strip()
    if not token and user.get("username"):
        raise InputError(
            "the kubeconfig uses a password, which Kubernetes no longer knows",
            target=path,
            remedy="Use a client certificate or a token; the module talos_kubeconfig fetches one with a certificate",
            param="kubeconfig",
        )
    certificate = _pem(user, "client-certificate", path)
    key = _pem(user, "client-key", path)
    if (certificate is None) != (key is None):
        raise InputError(
            "the kubeconfig has only one of client certificate and key", target=path, remedy=ANEW, param="kubeconfig"
        )
    if certificate is not None:
        _check_validity(certificate, path, now)
    return Connection(
        server=server,
        ca=_pem(cluster, "certificate-authority", path),
        certificate=certificate,
        key=key,
        token=token,
        server_name=str(cluster.get("tls-server-name") or ""),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        source=f"kubeconfig {path}, context {context}",
    )


def _named(config: Mapping[str, Any], section: str, key: str, name: str, path: str) -> Mapping[str, Any]:
    """Return one entry of a named list."""
    entries = {str(entry.get("name")): entry.get(key) for entry in config.get(section) or [] if isinstance(entry, dict)}
    found = entries.get(name)
    if not isinstance(found, dict):
        known = ", ".join(sorted(entries)) or "none"
        raise InputError(
            f"the kubeconfig has no {key} {name!r}",
            target=path,
            answer=f"it has {known}",
            remedy="Name one that it has"
            if key == "context"
            else f"Correct the context's {key}, or name another context",
            param="context" if key == "context" else "kubeconfig",
        )
    return found


def _file(name: str, path: str) -> bytes:
    """Read a file that the kubeconfig names."""
    full = os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(name))
    try:
        with open(full, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(
            f"a file named by the kubeconfig {path} cannot be read",
            target=full,
            answer=error.strerror or "",
            remedy="Put the file there, or put its content into the kubeconfig (kubectl config view --raw --flatten)",
            param="kubeconfig",
        ) from None


def _pem(section: Mapping[str, Any], key: str, path: str) -> bytes | None:
    """Return ``<key>-data`` decoded, else the content of the file ``<key>``; data wins as in client-go."""
    if section.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(str(section[f"{key}-data"]).split()), validate=True)
        except (binascii.Error, ValueError):
            raise InputError(
                f"{key}-data in the kubeconfig is not base64", target=path, remedy=ANEW, param="kubeconfig"
            ) from None
    if section.get(key):
        return _file(str(section[key]), path)
    return None


def _check_validity(certificate: bytes, path: str, now: datetime.datetime | None) -> None:
    """Refuse a client certificate outside its time; the server would answer a bare 401."""
    try:
        begins, ends = validity(certificate)
    except ValueError:
        raise InputError(
            "the client certificate in the kubeconfig cannot be read", target=path, remedy=ANEW, param="kubeconfig"
        ) from None
    now = now or datetime.datetime.now(datetime.UTC)
    if now > ends:
        raise InputError(
            f"the client certificate in the kubeconfig expired on {ends:%Y-%m-%d %H:%M} UTC",
            target=path,
            remedy=_FETCH.replace("first ", "anew "),
            param="kubeconfig",
        )
    if now < begins:
        raise InputError(
            f"the client certificate in the kubeconfig is valid only from {begins:%Y-%m-%d %H:%M} UTC",
            target=path,
            answer=f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC",
            remedy="Check the clocks",
            param="kubeconfig",
        )


def _delegated(path: str | None, context: str | None) -> Connection:
    """Let the ``kubernetes`` package run exec plugins and the like, and take over what it found.

    :param path: None for the in-cluster account.
    """
    try:
        client, config = import_module("kubernetes.client"), import_module("kubernetes.config")
    except ImportError:
        raise InputError(
            "this kubeconfig (exec plugin, several files or the pod's account) needs the Python package kubernetes",
            target=path or "in-cluster",
            remedy="Install it: pip install kubernetes",
            param="kubeconfig",
        ) from None
    found = client.Configuration()
    try:
        if path is None:
            config.load_incluster_config(client_configuration=found)
        else:
            config.load_kube_config(path, context=context, client_configuration=found)
    except (config.ConfigException, OSError, ValueError) as error:
        raise InputError(
            "the kubeconfig cannot be used",
            target=path or "in-cluster",
            answer=str(error),
            remedy="See that kubectl can use it (kubectl version): its plugins run the same way here"
            if path
            else "Give the pod a service account that is mounted, or name a kubeconfig",
            param="kubeconfig",
        ) from None

    def content(name: str | None) -> bytes | None:
        return _file(os.path.abspath(name), "/") if name else None

    bearer = found.get_api_key_with_prefix("BearerToken") or found.get_api_key_with_prefix("authorization") or ""
    return Connection(
        server=str(found.host).rstrip("/"),
        ca=content(found.ssl_ca_cert),
        certificate=content(found.cert_file),
        key=content(found.key_file),
        token=bearer.removeprefix("Bearer ").strip(),
        server_name=str(getattr(found, "tls_server_name", None) or ""),
        insecure=not found.verify_ssl,
        source=f"kubeconfig {path}, context {context}" if path else "the pod's own account",
    )
