# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small runner: ``python -m lab.talos --net 127.45 --nodes 3`` starts nodes in maintenance until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from .cluster import Cluster
from .node import Node
from .spec import Delays, NodeSpec


async def main(options: argparse.Namespace) -> None:
    """Start the nodes and wait."""
    cluster, delays = Cluster(), Delays()
    for item in options.delay:
        name, _unused, seconds = item.partition("=")
        setattr(delays, name, float(seconds))
    nodes = [
        Node(
            NodeSpec(f"mini{i:02d}", f"{options.net}.51.{10 + i}", f"172.29.51.{10 + i}", port=options.port),
            cluster,
            delays,
            lambda node, what: print(f"{node.name}: {what}: {node.state}", flush=True),
        )
        for i in range(1, options.nodes + 1)
    ]
    await asyncio.gather(*(node.start() for node in nodes))
    for node in nodes:
        print(f"{node.name} {node.spec.listen}:{node.spec.port} pin {node.listener.spki}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready = asyncio.ensure_future(_kubernetes(nodes)) if options.ready else None
    await stop.wait()
    if ready is not None:
        ready.cancel()
    await asyncio.gather(*(node.stop() for node in nodes))


async def _kubernetes(nodes: list[Node]) -> None:
    """Call a node Ready as soon as its kube-apiserver answers."""
    while True:
        for node in nodes:
            if node.kubernetes_up and not node.kubernetes_ready:
                node.kubernetes_ready = True
        await nodes[0].cluster.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lab.talos", description=__doc__)
    parser.add_argument("--net", default="127.45", help="the loopback net's first two bytes")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--port", type=int, default=50000)
    parser.add_argument("--delay", action="append", default=[], metavar="NAME=SECONDS", help="install=0.2")
    parser.add_argument("--ready", action="store_true", help="call nodes Ready once Kubernetes answers")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args()))
