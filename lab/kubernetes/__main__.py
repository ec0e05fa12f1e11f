# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m lab.kubernetes``: run one emulated API server until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
from pathlib import Path

from .api import Api
from .reviews import Identity
from .server import Server, tls


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lab.kubernetes", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6443)
    parser.add_argument("--client-ca", type=Path, help="CA of client certificates (PEM)")
    parser.add_argument("--cert", type=Path, help="serving certificate (PEM); without it plain HTTP without login")
    parser.add_argument("--key", type=Path, help="key of the serving certificate (PEM)")
    parser.add_argument("--token-file", type=Path, help="lines of token,user[,group...]")
    parser.add_argument("--version", default="v1.31.1", help="gitVersion; the built-in schemas follow it")
    parser.add_argument("--service-cidr", default="10.96.0.0/12")
    parser.add_argument("--log", type=Path, help="log file")
    parser.add_argument("--control", type=Path, help="unix socket for counters, faults, reset and dump")
    parser.add_argument("--state-dump", type=Path, help="write the state as YAML there at the end")
    return parser


def _tokens(path: Path | None) -> dict[str, Identity]:
    out = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path else ():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) > 1 and parts[0]:
            out[parts[0]] = Identity(parts[1], tuple(parts[2:]))
    return out


async def serve(options: argparse.Namespace) -> None:
    """Listen until SIGTERM or SIGINT."""
    api = Api(options.version, options.service_cidr, f"{options.host}:{options.port}")
    secure = options.cert is not None
    server = Server(api, _tokens(options.token_file), secure)
    context = tls(options.cert, options.key, options.client_ca) if secure else None
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    port = await server.start(options.host, options.port, context, options.control)
    gc.collect()
    gc.freeze()
    logging.getLogger("lab.kubernetes").info("listening on %s:%d as %s", options.host, port, options.version)
    await done.wait()
    if options.state_dump is not None:
        options.state_dump.write_text(server.dump(), encoding="utf-8")
    await server.stop()


def main() -> None:
    """Parse the command line and serve."""
    options = arguments().parse_args()
    logging.basicConfig(
        filename=options.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
