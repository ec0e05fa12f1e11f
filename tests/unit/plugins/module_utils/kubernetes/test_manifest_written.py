# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as somebody would have written them."""

from __future__ import annotations

from ansible_collections.homeops.cluster.plugins.module_utils.kubernetes import manifest


def test_what_the_server_adds_is_left_out() -> None:
    body = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumBGPClusterConfig",
        "metadata": {
            "name": "home",
            "uid": "1",
            "resourceVersion": "2",
            "creationTimestamp": "now",
            "generation": 3,
            "managedFields": [{}],
            "labels": {"a": "b"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": {"bgpInstances": []},
        "status": {"conditions": []},
    }
    assert manifest.written(body) == {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumBGPClusterConfig",
        "metadata": {"name": "home", "labels": {"a": "b"}},
        "spec": {"bgpInstances": []},
    }
    assert not manifest.owned(body)
    assert manifest.owned({"metadata": {"ownerReferences": [{"controller": True}]}})
