"""Peers that talk and do not read, in every dialect.

    python -m pytest tests/hostile/soak/test_slow_readers.py --full

They are closed within thirty seconds, and what waits for them is no more than the table in
docs/RELIABILITY.md says.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.bench.burden import burden_of
from parley.bench.lines import numbered_line
from support.figures import Figures
from support.live_server import request_http
from support.talkers import attacked, instant_server
from support.ws_client import BINARY, TEXT, RawClient, frame, request

pytestmark = pytest.mark.slow

DIALECTS = {
    "prompt-voice": "/ws",
    "io-speech": "/stream",
    "newspeech": "/engine",
    "realtime": "/v1/realtime",
}
CLOSED_S = 30.0
MB_EACH = 3.0
"""An outbox of 256 messages, a second of audio each at the most, and the kernel's buffers."""


async def sessions(port: int) -> list[dict[str, Any]]:
    """Those that the server has now: when a peer that reads nothing learns of its end is TCP's
    affair."""
    answer = await request_http(port, b"GET /sessions HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    found: list[dict[str, Any]] = answer.json()["sessions"]
    return found


@pytest.mark.long
async def test_who_reads_nothing_is_closed_within_thirty_seconds(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    count = 25 if full else 2
    last_seen_s: dict[str, float] = {}
    most_mb = 0.0
    async with instant_server(tmp_path) as server, trio.open_nursery() as nursery:
        before = burden_of(server.pid)
        for path in DIALECTS.values():
            nursery.start_soon(attacked, server.port, "unread", count, 2 * CLOSED_S, path)
        began_s = trio.current_time()
        while trio.current_time() < began_s + 2 * CLOSED_S:
            await trio.sleep(0.5)
            most_mb = max(most_mb, burden_of(server.pid).rss_mb - before.rss_mb)
            seen = await sessions(server.port)
            last_seen_s |= {one["dialect"]: one["uptime_seconds"] for one in seen}
            if not seen and len(last_seen_s) == len(DIALECTS):
                break
        nursery.cancel_scope.cancel()
    assert last_seen_s.keys() == DIALECTS.keys()
    for dialect, age_s in last_seen_s.items():
        figures.tell(f"{dialect}: {count} that read nothing, the oldest", f"{age_s:.1f} s", "30 s")
        assert age_s <= CLOSED_S
    each_mb = most_mb / count / len(DIALECTS)
    figures.tell("memory of one that reads nothing", f"{each_mb:.2f} MB", f"{MB_EACH} MB")
    if full:
        assert each_mb < MB_EACH


FINAL, PARTIAL = b'"final_transcript"', b'"partial_transcript"'


class Slow:
    """Reads a kilobyte a second of what it is told on /ws."""

    BYTES_PER_S = 1000

    def __init__(self, stream: trio.SocketStream) -> None:
        self.raw = RawClient(stream)
        self.told: list[bytes] = []
        self._turn = trio.Lock()

    async def say(self, data: bytes) -> None:
        async with self._turn:
            await self.raw.send(data)

    async def read(self) -> None:
        while True:
            opcode, payload = await self.raw.read_frame()
            await trio.sleep(len(payload) / self.BYTES_PER_S)
            if opcode == 9:
                await self.say(frame(10, payload))
            elif opcode == TEXT:
                self.told.append(payload)

    def count(self, kind: bytes) -> int:
        return sum(kind in one for one in self.told)


async def speak(port: int, number: int, frames: int, told: list[Slow]) -> None:
    """One utterance of a peer that reads slowly, until it has its final; the reply behind it does
    not fit through such a line."""
    line = numbered_line(number, frames, rate_hz=16_000, frame_ms=100)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow = Slow(stream)
    told.append(slow)
    await slow.say(request("/ws"))
    await slow.raw.read_until(b"\r\n\r\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.read)
        await slow.say(frame(TEXT, b'{"type":"start","sample_rate":16000}'))
        for pcm16 in line.frames:
            await slow.say(frame(BINARY, pcm16))
            await trio.sleep(0.1)
        await slow.say(frame(TEXT, b'{"type":"stop"}'))
        with trio.move_on_after(60):
            while not slow.count(FINAL):
                await trio.sleep(0.2)
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)


async def test_who_reads_a_kilobyte_a_second_gets_every_third_partial_and_the_final(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    people, frames = (25, 150) if full else (3, 40)
    told: list[Slow] = []
    async with instant_server(tmp_path) as server, trio.open_nursery() as nursery:
        for number in range(people):
            nursery.start_soon(speak, server.port, number, frames, told)
    partials, finals = (
        min(one.count(PARTIAL) for one in told),
        sum(one.count(FINAL) for one in told),
    )
    figures.tell("1 kB/s: finals", f"{finals} of {people}", "all")
    figures.tell("1 kB/s: partials at least", f"{partials} of {frames}", "a third")
    assert finals == people
    assert partials >= frames // 3
