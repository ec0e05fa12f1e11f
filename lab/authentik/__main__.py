# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m lab.authentik``: run one server until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import ssl
import sys
from pathlib import Path

from ..scenario import AuthentikFaults, AuthentikSettings, ScenarioError, build
from .server import Listener, Server, fresh_token
from .versions import CURRENT


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lab.authentik", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--token", default="", help="the administrator's token; one is made and printed when empty")
    parser.add_argument("--version", default=CURRENT, help="the release to be")
    parser.add_argument("--faults", default="{}", metavar="JSON", help="fields of AuthentikFaults in lab/scenario.py")
    parser.add_argument("--cert", type=Path, help="serving certificate (PEM); without it plain HTTP")
    parser.add_argument("--key", type=Path, help="its key (PEM)")
    return parser


async def serve(options: argparse.Namespace) -> None:
    """Listen until SIGTERM or SIGINT."""
    token = options.token or fresh_token()
    faults = build(AuthentikFaults, json.loads(options.faults), "faults")
    server = Server(token, faults, settings=AuthentikSettings(version=options.version))
    server.start()
    context = None
    if options.cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    listener = Listener(server, options.host, options.port, context)
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    port = await listener.start()
    print(json.dumps({"url": f"http{'s' if context else ''}://{options.host}:{port}", "token": token}), flush=True)
    await done.wait()
    await listener.stop()


def main() -> int:
    """Parse the command line and serve."""
    options = arguments().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(options))
    except (ScenarioError, ValueError) as error:
        print(f"lab.authentik: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
