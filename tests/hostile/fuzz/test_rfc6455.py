"""RFC 6455 over a live loopback socket: every case of the table on an echo behind the real front,
and those that any server has to refuse on the real server's `/ws` as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import groupby

import pytest
import structlog
import trio

from parley.embedding import OwnEngines, open_server
from parley.server.http.front import Front, WebSocketRoute
from parley.server.http.head import Head
from parley.server.http.websocket import WebSocketTransport
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)
from support.figures import Figures
from support.rfc6455 import BYE, MAX_MESSAGE_BYTES, Case, cases
from support.ws_client import CLOSE, RawClient

HOST = "127.0.0.1"
LIMIT_S = 10.0
"""Of one case, on a busy machine."""
CASES = sorted(cases(), key=lambda case: case.group)
GROUPS = {group: list(found) for group, found in groupby(CASES, lambda case: case.group)}


async def echo(transport: WebSocketTransport, head: Head) -> None:
    while True:
        await transport.send(await transport.receive())


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    route = WebSocketRoute(on_websocket=echo, max_message_bytes=MAX_MESSAGE_BYTES)
    front = Front({}, {"/ws": route}, log=structlog.wrap_logger(None, processors=[_drop]))
    listeners = await trio.open_tcp_listeners(0, host=HOST)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, front.handle, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def _drop(*_: object) -> str:
    raise structlog.DropEvent


async def answers(port: int, case: Case) -> list[tuple[object, object]]:
    """The frames that come back, to the end of the stream."""
    got: list[tuple[object, object]] = []
    waits_for = len(case.got) - 1 if case.says_goodbye else -1
    came = trio.Event()

    async def read() -> None:
        try:
            while True:
                if len(got) == waits_for:
                    came.set()
                opcode, payload = await client.read_frame()
                code = int.from_bytes(payload[:2], "big") if payload else None
                got.append(("close", code) if opcode == CLOSE else (opcode, payload))
        except EOFError:
            came.set()

    with trio.fail_after(LIMIT_S):
        async with await trio.open_tcp_stream(HOST, port) as stream:
            client = RawClient(stream)
            await client.open()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                for number, piece in enumerate(case.pieces):
                    while case.answered and len(got) < number:
                        await trio.sleep(0.001)
                    try:
                        await stream.send_all(piece)
                    except trio.BrokenResourceError:
                        break
                if case.says_goodbye:
                    await came.wait()
                    with suppress(trio.BrokenResourceError):
                        await stream.send_all(BYE)
                if case.half:
                    await stream.send_eof()
    return got


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 250
    assert len({(case.group, case.name) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("group", GROUPS)
async def test_all_cases_are_right_or_rightly_refused(group: str, figures: Figures) -> None:
    wrong = []
    async with echo_server() as port:
        for case in GROUPS[group]:
            got = await answers(port, case)
            if got != list(case.got):
                wrong.append((case.name, f"{case.got!r:.120}", f"{got!r:.120}"))
    right = len(GROUPS[group]) - len(wrong)
    figures.tell(f"RFC 6455, {group}", f"{right} of {len(GROUPS[group])}", "all")
    assert wrong == []


async def test_the_servers_own_dialect_refuses_the_same(figures: Figures) -> None:
    """Where a frame is refused before anything was said, it does not matter who listens."""
    engines = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber([]),
        responder=ScriptedResponder([], then=["Yes."]),
        synthesizer=ScriptedSynthesizer(),
    )
    told = [
        case
        for case in CASES
        if case.refused and case.got and not case.says_goodbye and case.group != "too big"
    ]
    wrong = []
    async with open_server(port=0, own=engines) as server:
        for case in told:
            closes = [one for one in await answers(server.port, case) if one[0] == "close"]
            if closes != [one for one in case.got if one[0] == "close"]:
                wrong.append((case.name, f"{case.got!r:.120}", f"{closes!r:.120}"))
    figures.tell("RFC 6455, on /ws", f"{len(told) - len(wrong)} of {len(told)}", "all")
    assert wrong == []
