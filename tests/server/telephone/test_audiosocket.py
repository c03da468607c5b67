"""AudioSocket's transport, and calls over the port of it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing
from trio.testing import MemoryReceiveStream, MemorySendStream

from parley.agents.agent import Agent
from parley.agents.registry import Agents
from parley.config import Settings
from parley.embedding import OwnEngines
from parley.engines.room import open_engine_room
from parley.protocol.close_codes import ABNORMAL, NORMAL
from parley.protocol.telephone.audiosocket import AUDIO, HANG_UP, KEY, UUID, frame_of
from parley.recording.compare import first_difference
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording
from parley.server.telephone.audiosocket import CLOSE_LIMIT_S, AudioSocketTransport
from parley.server.tree import Server, open_listeners
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)
from parley.testing.carrier import Carrier, wire_of
from parley.transport import PeerGone
from support.calls import loud

WHO = frame_of(UUID, uuid.UUID(int=7).bytes)
SOUND = frame_of(AUDIO, bytes(320))
FRAMES = [WHO, SOUND, frame_of(KEY, b"5"), frame_of(AUDIO, bytes(65_535)), frame_of(HANG_UP)]


Ends: TypeAlias = tuple[
    AudioSocketTransport, trio.StapledStream[MemorySendStream, MemoryReceiveStream]
]


@pytest.fixture
def ends() -> Ends:
    ours, theirs = trio.testing.memory_stream_pair()
    return AudioSocketTransport(ours), theirs


@pytest.mark.few(3)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 322, 70_000])
async def test_frames_are_whole_however_they_were_cut(ends: Ends, size: int) -> None:
    transport, asterisk = ends
    data = b"".join(FRAMES)
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            for start in range(0, len(data), size):
                await asterisk.send_all(data[start : start + size])

        nursery.start_soon(write)
        assert [await transport.receive() for _ in FRAMES] == FRAMES


async def test_the_end_of_the_connection_is_the_end_of_the_call(ends: Ends) -> None:
    transport, asterisk = ends
    await asterisk.send_all(WHO)
    await asterisk.aclose()
    assert await transport.receive() == WHO
    for _ in range(2):
        with pytest.raises(PeerGone) as gone:
            await transport.receive()
        assert gone.value.code == NORMAL


async def test_an_end_within_a_frame_is_told(ends: Ends) -> None:
    transport, asterisk = ends
    await asterisk.send_all(SOUND[:-1])
    await asterisk.aclose()
    with pytest.raises(PeerGone, match="within a frame") as gone:
        await transport.receive()
    assert gone.value.code == ABNORMAL


async def test_a_channel_that_stays_silent_has_8_khz(ends: Ends, autojump_clock: object) -> None:
    transport, asterisk = ends
    await asterisk.send_all(WHO)
    assert await transport.receive() == WHO
    before_s = trio.current_time()
    assert await transport.receive() == frame_of(AUDIO)
    assert trio.current_time() - before_s == 0.5
    with trio.move_on_after(60) as waited:
        await transport.receive()
    assert waited.cancelled_caught
    await asterisk.send_all(SOUND)
    assert await transport.receive() == SOUND


async def test_a_receive_that_is_cancelled_loses_nothing(
    ends: Ends, autojump_clock: object
) -> None:
    transport, asterisk = ends
    await asterisk.send_all(SOUND[:100])
    with trio.move_on_after(1):
        await transport.receive()
    await asterisk.send_all(SOUND[100:])
    assert await transport.receive() == SOUND


async def test_closing_waits_until_asterisk_hangs_up_but_not_for_ever(
    ends: Ends, autojump_clock: object
) -> None:
    transport, asterisk = ends
    await transport.send(frame_of(HANG_UP))
    before_s = trio.current_time()
    await transport.close(NORMAL, "over")
    assert trio.current_time() - before_s == CLOSE_LIMIT_S
    assert await asterisk.receive_some() == frame_of(HANG_UP)
    assert await asterisk.receive_some() == b""
    await transport.close(NORMAL, "again")
    with pytest.raises(PeerGone, match="over"):
        await transport.send(SOUND)
    with pytest.raises(PeerGone, match="over"):
        await transport.receive()


async def test_an_abort_ends_what_waits(ends: Ends, autojump_clock: object) -> None:
    transport, _ = ends
    ended = []

    async def wait() -> None:
        with pytest.raises(PeerGone) as gone:
            await transport.receive()
        ended.append(gone.value.code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        transport.abort()
        transport.abort()
    assert ended == [ABNORMAL]
    with pytest.raises(PeerGone):
        await transport.send(SOUND)


async def test_a_connection_that_broke_is_gone(ends: Ends) -> None:
    transport, asterisk = ends
    await asterisk.aclose()
    with pytest.raises(PeerGone):
        await transport.send(SOUND)


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[tuple[Server, int]]:
    """A server with a port for AudioSocket, whose agent says hello."""
    chosen = Settings.defaults(**settings)
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["hello there"]),
        responder=ScriptedResponder([], then=["Fine."]),
        synthesizer=ScriptedSynthesizer(ms_per_char=20, rate_hz=8_000),
    )
    agent: Agent[None] = Agent("Be brief.", name="desk", greeting="Hello!", spoken_style="")
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(30):
        async with open_engine_room(chosen, own) as room, trio.open_nursery() as nursery:
            server = Server(chosen, room, agents=Agents([agent], chosen))

            async def run(task_status: trio.TaskStatus[None]) -> None:
                await server.run([], audiosocket_listeners=listeners, task_status=task_status)

            await nursery.start(run)
            yield server, port
            server.stop()


@asynccontextmanager
async def dialled(port: int) -> AsyncIterator[Carrier]:
    """A call, from its first sound to its end."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream, trio.open_nursery() as nursery:
        carrier = Carrier(AudioSocketTransport(stream), wire_of("audiosocket"))
        nursery.start_soon(carrier.run)
        while len(carrier.ear.heard) < 5:
            await trio.sleep(0.02)
        yield carrier
        carrier.hangs_up()
        await carrier.ended.wait()


async def test_a_call_over_the_port_hears_the_greeting() -> None:
    async with serving() as (server, port):
        async with dialled(port) as carrier:
            assert len(server.status().sessions) == 1
        assert carrier.complaints == []
        while server.status().sessions:
            await trio.sleep(0.02)


async def test_a_call_is_recorded_and_replayed(tmp_path: Any) -> None:
    async with serving(stream_record_dir=str(tmp_path)) as (_, port), dialled(port) as carrier:
        carrier.says(loud(600))
        carrier.presses("5#")
        await trio.sleep(2.5)
    (path,) = tmp_path.rglob("*.mcap")
    recording = read_recording(path)
    assert recording.header.dialect == "audiosocket"
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    assert first_difference(recording.entries, replayed.out) is None


async def test_calls_are_counted_among_the_connections() -> None:
    async with serving(ws_max_connections=1) as (_, port), dialled(port):
        second = await trio.open_tcp_stream("127.0.0.1", port)
        async with second:
            assert await second.receive_some() == b""


async def test_a_connection_that_is_no_call_costs_itself_alone() -> None:
    async with serving() as (server, port):
        for data in (b"GET / HTTP/1.1\r\n\r\n" * 40, b"\xff" * 70_000, SOUND * 300):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(data)
                    await stream.send_eof()
                    while await stream.receive_some():
                        pass
        assert not server.status().sessions
