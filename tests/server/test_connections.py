"""Sessions in memory are the server's supervised children, like those from sockets."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.wire import WireClosed, open_wire
from parley.embedding import (
    InMemoryClient,
    OwnEngines,
    PeerGone,
    RunningServer,
    SessionInfo,
    SessionRefused,
    Settings,
    Transcriber,
    open_server,
)
from parley.protocol import close_codes
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from support.logs import caught_log
from support.ws_client import request

Clock = trio.testing.MockClock
REPLY = ["A reply of several words that takes a while to say.", " And a second sentence of it."]


def own(replies: Sequence[Sequence[Any]] = (), **more: Any) -> OwnEngines:
    engines: dict[str, Any] = {
        "detector": lambda session: ScriptedDetector(),
        "transcriber": lambda session: ScriptedTranscriber(["hello there"]),
        "responder": ScriptedResponder(replies, then=REPLY),
        "synthesizer": ScriptedSynthesizer(),
    }
    return OwnEngines(**(engines | more))


class RaisingFor:
    """A factory of transcribers that fails for the sessions with these numbers."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers
        self.made = 0

    def __call__(self, session: SessionInfo) -> Transcriber:
        self.made += 1
        if self.made in self._numbers:
            raise ZeroDivisionError("a bug of the embedder's")
        return ScriptedTranscriber(["hello there"])


async def test_a_factory_that_raises_for_one_session_is_noticed_by_its_client_alone(
    autojump_clock: Clock,
) -> None:
    async with (
        open_server(own=own(transcriber=RaisingFor(2))) as server,
        server.connect() as first,
        server.connect() as second,
    ):
        assert (await second.wait_closed()).code == close_codes.INTERNAL_ERROR
        await first.start()
        await first.speak(speech(600) + silence(900))
        await first.wait_for("tts_complete")
        async with server.connect("/engine") as third:
            await third.type_text("hello")
            await third.wait_for("tts_complete")
        assert [s.dialect for s in server.status().sessions] == ["prompt-voice"]


async def test_what_a_factory_raised_is_in_the_log(autojump_clock: Clock) -> None:
    with caught_log() as log:
        async with (
            open_server(own=own(transcriber=RaisingFor(1))) as server,
            server.connect() as client,
        ):
            await client.wait_closed()
    (line,) = log.events("connection_failed")
    assert "ZeroDivisionError" in line["exception"]
    assert "test_connections.py" in line["exception"]
    assert "a bug of the embedder's" not in line["exception"]  # nobody knows what an error says


async def test_a_factory_that_gives_no_transcriber_costs_its_session(autojump_clock: Clock) -> None:
    async with (
        open_server(own=own(transcriber=lambda session: None)) as server,
        server.connect() as client,
    ):
        assert (await client.wait_closed()).code == close_codes.INTERNAL_ERROR


async def test_a_transcriber_that_raises_at_the_end_keeps_no_broadcast_waiting(
    tmp_path: Path,
) -> None:
    class Spiteful(ScriptedTranscriber):
        async def abandon(self) -> None:
            if at_the_end:
                raise ZeroDivisionError

    at_the_end: list[bool] = []
    settings = Settings.defaults(stream_record_dir=str(tmp_path))
    engines = own(transcriber=lambda session: Spiteful(["hello"]))
    with trio.fail_after(20):
        async with open_server(settings, own=engines) as server, trio.open_nursery() as nursery:
            async with server.connect("/engine") as client:
                await client.wait_for("info")
                nursery.start_soon(server.broadcast_audio, silence(60_000), 16_000)
                await client.wait_for("binary")
                at_the_end.append(True)
            assert server.status().clients == 0


async def test_a_session_that_cannot_be_built_leaves_its_recording_closed(tmp_path: Path) -> None:
    settings = Settings.defaults(stream_record_dir=str(tmp_path))
    with trio.fail_after(10):
        async with open_server(settings, own=own(transcriber=RaisingFor(1))) as server:
            async with server.connect() as client:
                assert (await client.wait_closed()).code == close_codes.INTERNAL_ERROR
            began_s = trio.current_time()
        assert trio.current_time() - began_s < 4, "its recorder was waited for"
    (path,) = files(tmp_path)
    assert path.read_bytes().endswith(b"\x89MCAP0\r\n"), "the file has its end"


async def test_a_client_in_a_socket_sees_1011_too() -> None:
    with trio.fail_after(10):
        async with (
            open_server(port=0, own=own(transcriber=RaisingFor(1))) as server,
            open_wire(server.url("/ws")) as wire,
        ):
            with pytest.raises(WireClosed) as closed:
                await wire.receive()
    assert closed.value.code == close_codes.INTERNAL_ERROR


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mcap"))


@asynccontextmanager
async def answered(server: RunningServer, path: str = "/engine") -> AsyncIterator[InMemoryClient]:
    """A client that is being answered."""
    async with server.connect(path) as client:
        await client.type_text("hello")
        await client.wait_for("binary")
        yield client


async def test_a_block_that_is_left_lets_a_reply_in_memory_finish(autojump_clock: Clock) -> None:
    gone_s: list[float] = []
    clients: list[InMemoryClient] = []
    speaking = trio.Event()

    async def talk(server: RunningServer) -> None:
        async with answered(server) as client:
            clients.append(client)
            speaking.set()
            await client.wait_closed()
            gone_s.append(trio.current_time())

    settings = Settings.defaults(stream_drain_s=30)
    async with trio.open_nursery() as nursery, open_server(settings, own=own()) as server:
        nursery.start_soon(talk, server)
        await speaking.wait()
        left_s = trio.current_time()
    (client,) = clients
    assert client.closed is not None
    assert client.closed.code == close_codes.GOING_AWAY
    assert client.of("tts_complete") != []
    spoken_ms = sum(len(m["pcm16"]) for m in client.of("binary")) / 48
    assert spoken_ms == pytest.approx(sum(len(text) for text in REPLY) * 50, rel=0.1)
    assert gone_s[0] - left_s < 30


async def test_a_reply_in_memory_that_does_not_end_is_cut_at_the_drains_deadline(
    autojump_clock: Clock,
) -> None:
    gone_s: list[float] = []
    speaking = trio.Event()

    async def talk(server: RunningServer) -> None:
        async with answered(server) as client:
            speaking.set()
            await client.wait_closed()
            gone_s.append(trio.current_time())

    endless = [["Well, this is it.", *([3.0, " And this is it too."] * 100)]]
    settings = Settings.defaults(stream_drain_s=5)
    async with (
        trio.open_nursery() as nursery,
        open_server(settings, own=own(endless)) as server,
    ):
        nursery.start_soon(talk, server)
        await speaking.wait()
        left_s = trio.current_time()
    assert gone_s[0] - left_s == pytest.approx(5, abs=0.5)


async def test_sessions_in_memory_count_against_the_limit(autojump_clock: Clock) -> None:
    settings = Settings.defaults(ws_max_connections=2)
    async with open_server(settings, own=own()) as server:
        async with server.connect(), server.connect("/engine"):
            with pytest.raises(SessionRefused, match="all 2 connections are taken"):
                async with server.connect():
                    pass
        async with server.connect() as client:
            await client.wait_for("info")


async def test_a_session_in_memory_keeps_a_socket_out_where_the_limit_is_one() -> None:
    settings = Settings.defaults(ws_max_connections=1)
    with trio.fail_after(10):
        async with open_server(settings, port=0, own=own()) as server, server.connect():
            stream = await trio.open_tcp_stream(server.host, server.port)
            async with stream:
                await stream.send_all(request("/ws"))
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 503")


async def test_a_session_that_failed_gives_its_place_back(autojump_clock: Clock) -> None:
    settings = Settings.defaults(ws_max_connections=1)
    async with open_server(settings, own=own(transcriber=RaisingFor(1, 2))) as server:
        for _ in range(2):
            async with server.connect() as client:
                await client.wait_closed()
        async with server.connect() as client:
            await client.wait_for("info")


async def test_nobody_is_let_in_when_the_block_was_left(autojump_clock: Clock) -> None:
    async with open_server(own=own()) as server:
        pass
    with pytest.raises(SessionRefused, match="shutting down"):
        async with server.connect():
            pass


async def test_one_session_can_be_closed_by_its_id(autojump_clock: Clock) -> None:
    async with (
        open_server(own=own()) as server,
        answered(server) as client,
        server.connect("/ws") as other,
    ):
        await other.wait_for("info")
        session_id = client.of("info")[0]["session_id"]
        await server.close_session(session_id)
        assert (await client.wait_closed()).code == close_codes.NORMAL
        assert client.of("tts_complete") != []
        assert [s.dialect for s in server.status().sessions] == ["prompt-voice"]
        with pytest.raises(LookupError, match=session_id):
            await server.close_session(session_id)
        assert other.closed is None


async def test_what_a_block_raises_comes_out_as_it_is(autojump_clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_server(own=own()) as server, server.connect():
            raise ZeroDivisionError
    with pytest.raises(PeerGone):
        async with open_server(own=own()) as server, server.connect("/engine") as client:
            await client.say(type="control", command="end_session")
            await client.wait_for("never")


async def test_leaving_connect_hangs_up_and_waits_for_the_sessions_end(
    autojump_clock: Clock,
) -> None:
    async with open_server(own=own()) as server:
        async with answered(server):
            assert server.status().clients == 1
        assert server.status().clients == 0


async def asked(server: RunningServer, path: str) -> tuple[int, str]:
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        await stream.send_all(head.encode())
        data = b"".join([part async for part in stream])
    return int(data.split(b" ")[1]), data.partition(b"\r\n\r\n")[2].decode()


async def ready(server: RunningServer) -> tuple[int, dict[str, Any]]:
    status, body = await asked(server, "/ready")
    return status, json.loads(body)


async def metrics(server: RunningServer) -> str:
    return (await asked(server, "/metrics"))[1]


async def test_a_server_that_is_late_lets_nobody_in_by_any_door_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop is stopped for real; who is in stays, and later the doors open again."""
    monkeypatch.setattr("parley.server.load.admission.NEW_FREE", 0)  # one session is a full house
    settings = Settings.defaults(stream_max_loop_lag_ms=400)
    with trio.fail_after(30):
        async with (
            open_server(settings, port=0, own=own()) as server,
            server.connect("/engine") as client,
        ):
            assert (await ready(server))[1]["accepting"]
            await trio.sleep(0.3)
            time.sleep(2.5)  # noqa: ASYNC251 (what is tested: nothing runs meanwhile)
            while server.status().accepting:
                await trio.sleep(0.05)
            assert server.status().refusing == "loop_lag"
            status, told = await ready(server)
            assert (status, told["accepting"], told["reason"]) == (503, False, "loop_lag")
            assert told["ready"], "its engines can talk"
            with pytest.raises(SessionRefused, match="too busy"):
                async with server.connect():
                    pass
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                await stream.send_all(request("/ws"))
                answer = b"".join([part async for part in stream]).lower()
            assert answer.startswith(b"http/1.1 503 ")
            assert b"\r\nretry-after: 5\r\n" in answer
            assert 'parley_sessions_refused_total{reason="loop_lag"} 2.0' in await metrics(server)
            await client.type_text("hello")
            await client.wait_for("tts_complete")
            while not server.status().accepting:
                await trio.sleep(0.05)
            async with server.connect("/engine") as late:
                await late.wait_for("info")
