# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Helm release as Helm stores it, so that Flux's helm-controller finds and adopts it.

Source: helm/helm ``pkg/storage/driver`` (``secrets.go``, ``util.go``): type ``helm.sh/release.v1``, labels, and the
release as base64(gzip(JSON)) inside the Secret's own base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from typing import Any

from ... import yaml_text

Object = dict[str, Any]


def secret_name(release: str, revision: int = 1) -> str:
    """Return the name of the Secret of one revision."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def secret(
    name: str,
    namespace: str,
    version: str,
    values: Object,
    manifests: list[Object],
    *,
    chart: str = "cilium",
    revision: int = 1,
    status: str = "deployed",
    description: str = "Install complete",
) -> Object:
    """Return the Secret of one revision of a release."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    release = {
        "name": name,
        "info": {
            "first_deployed": moment,
            "last_deployed": moment,
            "deleted": "",
            "description": description,
            "status": status,
        },
        "chart": {
            "metadata": {
                "name": chart,
                "version": version,
                "appVersion": version,
                "apiVersion": "v2",
            },
            "lock": None,
            "templates": [],
            "values": {},
            "schema": None,
            "files": None,
        },
        "config": values,
        "manifest": "".join(f"---\n{yaml_text.dump(m, sort_keys=False)}" for m in manifests),
        "version": revision,
        "namespace": namespace,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))
    return {
        "metadata": {
            "name": secret_name(name, revision),
            "namespace": namespace,
            "labels": {
                "modifiedAt": str(int(time.time())),
                "name": name,
                "owner": "helm",
                "status": status,
                "version": str(revision),
            },
        },
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed).decode()},
    }


def unpack(stored: Object) -> Object:
    """Return the release inside a Secret."""
    packed = base64.b64decode(base64.b64decode(stored["data"]["release"]))
    return json.loads(gzip.decompress(packed))
