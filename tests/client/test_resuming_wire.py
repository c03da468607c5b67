"""A wire whose connections are lost: its user notices a message, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from parley.client import resuming_wire
from parley.client.resuming_wire import open_resuming_wire
from parley.client.wire import Unreachable, Wire, WireClosed
from parley.embedding import OwnEngines, RunningServer, open_server
from parley.testing import (
    LOUD,
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)

pytestmark = pytest.mark.no_cover

REPLY = "One two three four five six seven eight nine ten."
START = json.dumps({"type": "start"})


@asynccontextmanager
async def a_server() -> AsyncIterator[RunningServer]:
    engines = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["the question"]),
        responder=ScriptedResponder([], then=[REPLY]),
        synthesizer=ScriptedSynthesizer(ms_per_char=20),
    )
    with trio.fail_after(20):
        async with open_server(port=0, own=engines) as server:
            yield server


def url_of(server: RunningServer) -> str:
    return f"ws://127.0.0.1:{server.port}/ws"


def sessions_of(server: RunningServer) -> list[Any]:
    return list(server._server._connections.open)


async def until(wire: Wire, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await wire.receive())
        if message["type"] == kind:
            return message


async def ask(wire: Wire) -> None:
    for sample in (*[LOUD] * 6, *[bytes(2)] * 12):
        await wire.send(sample * 1600)
        await trio.sleep(0.01)


async def test_a_conversation_survives_three_lost_connections() -> None:
    lost: list[WireClosed] = []
    async with (
        a_server() as server,
        open_resuming_wire(url_of(server), opening=[START], on_lost=lost.append) as wire,
    ):
        await until(wire, "resume")
        await wire.send(START)
        await ask(wire)
        for number in range(3):
            await until(wire, "tts_chunk")
            await trio.sleep(0.1)
            (session,) = sessions_of(server)
            session._transport.abort()
            assert (await until(wire, "resume"))["resumed"] is True, number
        await until(wire, "tts_complete")
        await trio.sleep(1)
        (session,) = sessions_of(server)
        exchanges = session.parts.items.exchanges()
        assert " ".join(filter(None, (h for _, h in exchanges))) == REPLY
        assert len(lost) == 3


async def test_what_is_said_while_there_is_no_connection_is_sent_behind_it() -> None:
    noticed = trio.Event()
    async with (
        a_server() as server,
        open_resuming_wire(
            url_of(server), opening=[START], on_lost=lambda closed: noticed.set()
        ) as wire,
    ):
        await until(wire, "resume")
        await wire.send(START)
        (session,) = sessions_of(server)
        session._transport.abort()
        await noticed.wait()  # what is on its way in this moment is lost
        await ask(wire)
        assert (await until(wire, "final_transcript"))["text"] == "the question"


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(Unreachable, match="no Parley at"):
        async with open_resuming_wire("ws://127.0.0.1:9/ws", opening=[]):
            pass


async def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming_wire, "GIVE_UP_S", 0.5)
    running = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        with running:
            async with a_server() as server:
                task_status.started(url_of(server))
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        async with open_resuming_wire(url, opening=[START]) as wire:
            await until(wire, "resume")
            running.cancel()
            with pytest.raises(WireClosed) as closed:
                while True:
                    await wire.receive()
            assert closed.value.code in (1001, 1006)
            with pytest.raises(WireClosed):
                await wire.send(b"")
