"""The caller of dialect C, with a wire that keeps what is sent, under virtual time."""

from __future__ import annotations

import json

import trio
import trio.testing

from parley.client.caller import FRAME_BYTES, QUIET, Ear, Mouth

Clock = trio.testing.MockClock


class Pipe:
    """A wire that keeps what is sent, with its time, and receives what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str | bytes]] = []
        self.give, self._take = trio.open_memory_channel[str | bytes](10)

    async def send(self, frame: str | bytes) -> None:
        self.sent.append((trio.current_time(), frame))

    async def receive(self) -> str | bytes:
        return await self._take.receive()


async def test_a_mouth_is_silent_but_for_what_it_is_to_say(autojump_clock: Clock) -> None:
    wire, mouth = Pipe(), Mouth()
    started_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mouth.talk, wire)
        await trio.sleep(0.05)
        mouth.say(b"\1\1" * (FRAME_BYTES // 2) + b"\2\2", onset_ms=20)
        await trio.sleep(0.06)
        nursery.cancel_scope.cancel()
    assert [frame for _, frame in wire.sent] == [
        *(QUIET, QUIET),
        b"\1\1" * (FRAME_BYTES // 2),
        b"\2\2" + bytes(FRAME_BYTES - 2),
        QUIET,
    ]
    assert round(wire.sent[-1][0] - started_s, 3) == 0.1
    assert round(mouth.onset_s - started_s, 3) == 0.08


async def test_an_ear_keeps_what_came_and_when(autojump_clock: Clock) -> None:
    wire, ear = Pipe(), Ear()
    started_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.listen, wire)
        await trio.sleep(1)
        await wire.give.send(b"sound")
        await ear.until_audio()
        await wire.give.send(json.dumps({"type": "barge_in"}))
        assert await ear.until("barge_in", since_s=started_s, patience_s=5)
        assert not await ear.until("barge_in", since_s=started_s + 2, patience_s=5)
        nursery.cancel_scope.cancel()
    assert ear.audio == [(started_s + 1, b"sound")]
    assert trio.current_time() - started_s < 7
