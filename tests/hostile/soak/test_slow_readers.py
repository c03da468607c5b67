"""Peers that talk and do not read, in every dialect.

    python -m pytest tests/hostile/soak/test_slow_readers.py --full

They are closed within thirty seconds, and what waits for them is no more than the table in
docs/RELIABILITY.md says.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from parley.bench.burden import burden_of
from parley.bench.lines import numbered_line
from parley.bench.tongues import TONGUES
from support.figures import Figures
from support.talkers import attacked, instant_server
from support.ws_client import TEXT, RawClient, frame, request

pytestmark = pytest.mark.slow

DIALECTS = ("/ws", "/stream", "/engine", "/v1/realtime")
CLOSED_S = 30.0
MB_EACH = 3.0
"""An outbox of 256 messages, a second of audio each at the most, and the kernel's buffers."""


async def test_who_reads_nothing_is_closed_within_thirty_seconds(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    count = 25 if full else 3
    found = {}

    async def attack(path: str) -> None:
        found[path] = await attacked(server.port, "unread", count, CLOSED_S + 10, path)

    async with instant_server(tmp_path) as server:
        before = burden_of(server.pid)
        most_mb = 0.0
        async with trio.open_nursery() as nursery:
            for path in DIALECTS:
                nursery.start_soon(attack, path)
            while len(found) < len(DIALECTS):
                await trio.sleep(1)
                most_mb = max(most_mb, burden_of(server.pid).rss_mb - before.rss_mb)
    for path in DIALECTS:
        closed_s = found[path]["closed_s"]
        assert len(closed_s) == found[path]["opened"] == count, path
        figures.tell(
            f"{path}: {count} that read nothing, closed within", f"{max(closed_s):.1f} s", "30 s"
        )
        assert max(closed_s) <= CLOSED_S
    each_mb = most_mb / count / len(DIALECTS)
    figures.tell("memory of one that reads nothing", f"{each_mb:.2f} MB", f"{MB_EACH} MB")
    if full:
        assert each_mb < MB_EACH


PATH = "/v1/realtime?intent=transcription"
FINAL = b"conversation.item.input_audio_transcription.completed"
PARTIAL = b"conversation.item.input_audio_transcription.delta"


class Slow:
    """Reads a kilobyte a second of what it is told in a session that transcribes."""

    BYTES_PER_S = 1000

    def __init__(self, stream: trio.SocketStream) -> None:
        self.raw = RawClient(stream)
        self.told: list[bytes] = []

    async def read(self) -> None:
        while True:
            opcode, payload = await self.raw.read_frame()
            await trio.sleep(len(payload) / self.BYTES_PER_S)
            if opcode == 9:
                await self.raw.send(frame(10, payload))
            elif opcode == TEXT:
                self.told.append(payload)

    def count(self, kind: bytes) -> int:
        return sum(kind in one for one in self.told)


async def test_who_reads_a_kilobyte_a_second_gets_every_third_partial_and_every_final(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    """It wants words alone: no reply's audio fits through such a line."""
    utterances = 12 if full else 2
    line = numbered_line(7, 20, rate_hz=24_000, frame_ms=100)
    quiet = [bytes(4800)] * 40
    tongue = TONGUES["realtime"]()
    async with instant_server(tmp_path) as server, trio.open_nursery() as nursery:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow = Slow(stream)
        await slow.raw.send(request(PATH))
        await slow.raw.read_until(b"\r\n\r\n")
        nursery.start_soon(slow.read)
        for _ in range(utterances):
            for pcm16 in (*line.frames, *quiet):
                await slow.raw.send(frame(TEXT, str(tongue.audio(pcm16)).encode()))
                await trio.sleep(0.1)
        with trio.move_on_after(60):
            while slow.count(FINAL) < utterances:
                await trio.sleep(0.2)
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)
    partials, finals = slow.count(PARTIAL), slow.count(FINAL)
    frames = len(line.frames) * utterances
    figures.tell("1 kB/s: finals", f"{finals} of {utterances}", "all")
    figures.tell("1 kB/s: partials", f"{partials} of {frames} frames", "a third")
    assert finals == utterances
    assert partials >= frames / 3
