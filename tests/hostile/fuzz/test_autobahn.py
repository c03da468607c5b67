"""The public conformance suite for WebSockets (Autobahn), where it can be had.

It needs Python 2.7 and Twisted, so it is no dependency. In a folder of its own:

    python2.7 -m pip install --target lib autobahn==0.10.9 txaio==2.1.0 twisted==20.3.0 \\
        klein==20.6.0 jinja2==2.11.3 markupsafe==1.1.1 werkzeug==1.0.1 pyopenssl==21.0.0 \\
        cryptography==3.3.2 service_identity==18.1.0
    pip download --no-deps autobahntestsuite==25.10.1  # unpack its folder `autobahntestsuite`

and a file `wstest.py` beside them:

    import site, sys, unittest
    sys.modules["unittest2"] = unittest
    site.addsitedir("lib"); sys.path.insert(0, "lib")
    from autobahntestsuite import wstest
    sys.exit(wstest.run())

Then `AUTOBAHN="python2.7 FOLDER/wstest.py" make fuzz`. Cases 12 and 13 are of compression, which is
never agreed on here.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import structlog
import trio

from parley.server.http.front import Front, WebSocketRoute
from parley.server.http.head import Head
from parley.server.http.websocket import WebSocketTransport
from support.figures import Figures

LIMIT_S = 900
MAX_MESSAGE_BYTES = 20_000_000
"""Its largest message has 16 MB."""
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
LEAST_OK = 285
"""Of 301 cases. Ten are judged otherwise: seven not strictly (a message that was followed by a
breach in the same packet need not be answered), three for information."""


async def echo(transport: WebSocketTransport, head: Head) -> None:
    while True:
        await transport.send(await transport.receive())


def _drop(*_: object) -> str:
    raise structlog.DropEvent


async def test_the_public_suite_finds_nothing(full: bool, figures: Figures, tmp_path: Path) -> None:
    command = os.environ.get("AUTOBAHN", "")
    if not full or not command:
        pytest.skip("`make fuzz` runs it where AUTOBAHN is its command")
    route = WebSocketRoute(on_websocket=echo, max_message_bytes=MAX_MESSAGE_BYTES)
    front = Front({}, {"/": route}, log=structlog.wrap_logger(None, processors=[_drop]))
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    spec = {
        "outdir": str(tmp_path / "reports"),
        "servers": [{"agent": "Parley", "url": f"ws://127.0.0.1:{port}/"}],
        "cases": ["*"],
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    asked = [*shlex.split(command), "-m", "fuzzingclient", "-s", str(tmp_path / "spec.json")]
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, front.handle, listeners)
            await trio.run_process(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            nursery.cancel_scope.cancel()
    found = json.loads((tmp_path / "reports/index.json").read_text())["Parley"]
    told = Counter(case["behavior"] for case in found.values())
    figures.tell("Autobahn", ", ".join(f"{n} {kind}" for kind, n in told.items()), "none failed")
    bad = {
        name: (case["behavior"], case["behaviorClose"])
        for name, case in found.items()
        if not {case["behavior"], case["behaviorClose"]} <= GOOD
    }
    assert bad == {}
    assert told["OK"] >= LEAST_OK
