# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router and the cluster of a lab, asked without the collection: console, vtysh and the Kubernetes API."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.harness.lab import CHECKOUT

BGP = "/proxy/network/v2/api/site/default/bgp/config"
DNS = "/proxy/network/v2/api/site/default/static-dns"
DEVICE = "/proxy/network/api/s/default/stat/device"
CILIUM = "/apis/cilium.io/v2alpha1"


@dataclass
class Answer:
    """One HTTP answer; ``body`` is decoded JSON, else text."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)


def request(
    host: str, port: int, method: str, path: str, body: Any = None, *, tls: ssl.SSLContext, **headers: str
) -> Answer:
    """Send one request on a connection of its own; header names are given with ``_`` for ``-``."""
    connection = http.client.HTTPSConnection(host, port, context=tls, timeout=10)
    try:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        named = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, data, named)
        answer = connection.getresponse()
        raw = answer.read().decode()
        try:
            decoded = json.loads(raw)
        except ValueError:
            decoded = raw
        cookies = [value for key, value in answer.getheaders() if key.lower() == "set-cookie"]
        return Answer(answer.status, decoded, {k.lower(): v for k, v in answer.getheaders()}, cookies)
    finally:
        connection.close()


class Router:
    """The console and the router's vtysh of the lab in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = json.loads((directory / "console.json").read_text(encoding="utf-8"))
        self.tls = ssl.create_default_context(cafile=str(directory / "console.crt"))

    def raw(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request without credentials."""
        return request(self.record["host"], self.record["port"], method, path, body, tls=self.tls, **headers)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the API key."""
        return self.raw(method, path, body, X_API_KEY=self.record["api_key"], **headers)

    def upload(self, text: str, **fields: Any) -> Answer:
        """Store this text, as the web UI does."""
        body = {"enabled": True, "uploaded_file_name": "frr.conf", "frr_bgpd_config": text, **fields}
        return self.ask("POST", BGP, body)

    def vtysh(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run the stand-in of vtysh as a user of the collection would name it: by its absolute path."""
        script = CHECKOUT / "lab" / "unifi" / "vtysh.py"
        words = [sys.executable, str(script), "--dir", str(self.directory), "-c", command]
        return subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=20, check=False)

    def show(self, command: str) -> Any:
        """Return the JSON of a show command; {} while bgpd is away, or nobody may reach its vtysh.

        Over bgpd's socket: two processes for each question would be most of what a waiting test costs.
        """
        try:
            vty = Vty(self.directory)
        except OSError:
            return {}
        try:
            return vty.show(command)
        except (OSError, ValueError):
            # It goes away in the middle of an answer, or says a sentence about its configuration.
            return {}
        finally:
            vty.close()

    def peers(self, family: str = "ipv4Unicast") -> dict[str, dict[str, Any]]:
        """Return the neighbours of the summary by address."""
        return dict((self.show("show bgp summary json").get(family) or {}).get("peers") or {})

    def accepted(self, family: str = "ipv4Unicast") -> dict[str, int]:
        """Return the accepted prefixes of each established neighbour."""
        peers = self.peers(family).items()
        return {address: peer["pfxRcd"] for address, peer in peers if peer["state"] == "Established"}

    def routes(self, family: str = "ipv4") -> dict[str, list[dict[str, Any]]]:
        """Return the table: paths by prefix."""
        return dict(self.show(f"show bgp {family} unicast json").get("routes") or {})


class Vty:
    """bgpd's own socket, kept open: what vtysh speaks, without a process per question.

    A command ends with a zero byte; its answer ends with three zero bytes and the code of the result (FRR
    ``vtysh/vtysh.c``, ``vtysh_client_run``).
    """

    def __init__(self, directory: Path) -> None:
        route = json.loads((directory / "router.json").read_text(encoding="utf-8"))
        if route["fault"] or not route["vtysh"]:
            raise ConnectionError(route["fault"] or "no vtysh")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        try:
            self._socket.connect(f"{route['vty_socket']}/bgpd.vty")
        except OSError:
            self._socket.close()
            raise

    def show(self, command: str) -> Any:
        """Return the JSON of a show command.

        :raises ConnectionError: bgpd goes away.
        :raises ValueError: it refuses the command, or answers a sentence.
        """
        self._socket.sendall(command.encode() + b"\0")
        answer = b""
        while len(answer) < 4 or answer[-4:-1] != b"\0\0\0":
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionError("bgpd has closed its socket")
            answer += part
        if answer[-1]:
            raise ValueError(f"bgpd refuses {command!r}: {answer[:-4].decode(errors='replace').strip()}")
        return json.loads(answer[:-4] or b"{}")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Kubernetes:
    """The API of a lab's cluster with an administrator's kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urlsplit(cluster["server"])
        self.host, self.port = str(address.hostname), int(address.port or 443)
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self.tls.check_hostname = False  # the certificate carries the home's name; the CA is checked
        pem = kubeconfig.with_name("test-client.pem")
        pem.touch(mode=0o600)
        pem.write_bytes(
            base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"])
        )
        self.tls.load_cert_chain(pem)

    def ask(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Return the decoded answer; an error status is a failure of the test."""
        answer = request(self.host, self.port, method, path, body, tls=self.tls, Content_Type=content_type)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    def merge(self, path: str, patch: Any) -> Any:
        """Send a JSON merge patch."""
        return self.ask("PATCH", path, patch, "application/merge-patch+json")

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply Cilium objects."""
        for obj in objects:
            plural = PLURALS[obj["kind"]]
            path = f"{CILIUM}/{plural}/{obj['metadata']['name']}?fieldManager=test&force=true"
            self.ask("PATCH", path, obj, "application/apply-patch+yaml")

    def delete(self, kind: str, name: str) -> None:
        """Delete a Cilium object."""
        self.ask("DELETE", f"{CILIUM}/{PLURALS[kind]}/{name}")


PLURALS = {
    "CiliumBGPPeeringPolicy": "ciliumbgppeeringpolicies",
    "CiliumBGPClusterConfig": "ciliumbgpclusterconfigs",
    "CiliumBGPPeerConfig": "ciliumbgppeerconfigs",
    "CiliumBGPAdvertisement": "ciliumbgpadvertisements",
    "CiliumLoadBalancerIPPool": "ciliumloadbalancerippools",
    "CiliumBGPNodeConfigOverride": "ciliumbgpnodeconfigoverrides",
}


def until(what: str, check: Callable[[], Any], timeout: float = 120.0) -> Any:
    """Wait until ``check`` returns something true, and return it."""
    deadline = time.monotonic() + timeout
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.1)
