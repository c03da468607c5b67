"""Clients that leave in the middle of something, two hundred of them: nothing of them stays."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trio

from parley.engines.asr import pocketsphinx_worker
from support.live_server import (
    HOST,
    POLL_S,
    WEATHER,
    LiveServer,
    children_of,
    open_files,
    open_live_server,
)
from support.ws_client import BINARY, CLOSE, TEXT, RawClient, close_payload, frame, request

pytestmark = pytest.mark.slow

CYCLES = 200
AT_ONCE = 6
"""Fewer than the utterances that one lane can hold."""
SETTLE_S = 20.0
"""Longer than any lingering close. Nothing waits for it unless something is left over."""

START = frame(TEXT, b'{"type":"start","sample_rate":16000}')
STOP = frame(TEXT, b'{"type":"stop"}')
AUDIO = [
    frame(BINARY, WEATHER.pcm16[start : start + 10_240]) for start in range(0, 32 * 1500, 10_240)
]
POINTS = ("handshake", "greeting", "start", "audio", "reply")
WEIGHTS = (4, 4, 4, 6, 2)
"""A reply costs half a second of decoding, the others nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a client leaves, how far it has come there (0..1), and how it goes."""

    point: str
    depth: float
    manner: str


def visits() -> Iterator[Visit]:
    chance = random.Random(20_240_607)
    for _ in range(CYCLES):
        [point] = chance.choices(POINTS, WEIGHTS)
        yield Visit(point, chance.random(), chance.choice(("reset", "just close", "say goodbye")))


async def visit(port: int, plan: Visit) -> None:
    stream = await trio.open_tcp_stream(HOST, port)
    try:
        await _come_so_far(RawClient(stream), plan)
        if plan.manner == "say goodbye":
            await stream.send_all(frame(CLOSE, close_payload(1000)))
    finally:
        if plan.manner == "reset":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)


async def _come_so_far(client: RawClient, plan: Visit) -> None:
    if plan.point == "handshake":
        whole = request()
        await client.send(whole[: int(len(whole) * plan.depth)])
        return
    await client.open()
    if plan.point == "greeting":
        return
    await client.send(START)
    if plan.point == "start":
        return
    if plan.point == "audio":
        count = 1 + int(plan.depth * (len(AUDIO) - 1))
        await client.send(*AUDIO[:count], AUDIO[count][: int(len(AUDIO[count]) * plan.depth)])
        await trio.sleep(plan.depth * 0.3)
        return
    await client.send(*AUDIO, STOP)
    answer = b""
    while not any(word in answer for word in (b'"llm_token"', b'"BACKPRESSURE"')):
        answer = (await client.read_frame())[1]
    await trio.sleep(plan.depth * 0.2)


@dataclass(frozen=True, slots=True)
class Holdings:
    tasks: int
    files: int
    children: frozenset[int]
    lanes: tuple[int | None, ...]
    utterances: int
    talking: int

    @classmethod
    async def now(cls, live: LiveServer) -> Holdings:
        counts = await live.lane("asr").call(pocketsphinx_worker.counts)
        return cls(
            tasks=trio.lowlevel.current_statistics().tasks_living,
            files=open_files(),
            children=frozenset(children_of(os.getpid())),
            lanes=tuple(lane.pid for lane in live.room.lanes),
            utterances=counts[0],
            talking=live.room.admission.talking if live.room.admission else 0,
        )


@pytest.mark.long
async def test_two_hundred_clients_that_leave_at_any_point_leave_nothing_behind() -> None:
    plans = visits()

    async def come_and_go() -> None:
        for plan in plans:
            await visit(live.port, plan)

    # A starved recognizer may take its time: a lane that is lost to that has another pid after.
    async with open_live_server(stream_asr_timeout_s=60, ws_ping_interval=300) as live:
        await live.converse()
        await live.until_empty()
        before = await _settled(live, None)
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(come_and_go)
        with trio.fail_after(SETTLE_S):
            await live.until_empty()
        assert await _settled(live, before) == before
        assert before.utterances == before.talking == 0

        client = await live.converse()
        assert await client.final() == WEATHER.spoken
        assert client.codes == []


async def _settled(live: LiveServer, expected: Holdings | None) -> Holdings:
    """What there is once closing connections have closed; at SETTLE_S at the latest."""
    found = await Holdings.now(live)
    with trio.move_on_after(SETTLE_S if expected else 0.5):
        while found != expected:
            await trio.sleep(POLL_S)
            found = await Holdings.now(live)
    return found
