"""Parley as a library: a server in a block, clients in memory, watchers, one's own engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from parley.config import Settings
from parley.conversation.events import (
    AudioHeard,
    BargedIn,
    Connected,
    Disconnected,
    SessionEvent,
    TextHeard,
)
from parley.embedding import open_server
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import OwnEngines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.chat import ChatMessage
from parley.testing import silence, speech

Clock = trio.testing.MockClock


def own(*replies: Sequence[str]) -> OwnEngines:
    return OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["hello there", "stop it"]),
        responder=ScriptedResponder(replies, then=["Fine."]),
        synthesizer=ScriptedSynthesizer(),
    )


async def test_a_server_without_a_socket_holds_a_conversation_in_memory(
    autojump_clock: Clock,
) -> None:
    async with open_server(own=own()) as server, server.connect() as client:
        await server.until_ready()
        await client.start()
        await client.speak(speech(600) + silence(800))
        final = await client.wait_for("final_transcript")
        await client.wait_for("tts_complete")
        assert server.status().clients == 1
    assert final["text"] == "hello there"


async def test_an_engine_of_ones_own_answers(autojump_clock: Clock) -> None:
    class Shouting:
        @asynccontextmanager
        async def reply(
            self, conversation: Sequence[ChatMessage]
        ) -> AsyncIterator[AsyncIterator[str]]:
            async def tokens() -> AsyncIterator[str]:
                yield conversation[-1].text.upper() + "!"

            yield tokens()

    engines = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["hello"]),
        responder=Shouting(),
        synthesizer=ScriptedSynthesizer(),
    )
    async with open_server(own=engines) as server, server.connect("/engine") as client:
        await client.say(type="text", content="hello")
        await client.wait_for("tts_complete")
        assert client.of("llm_token")[0]["text"] == "HELLO!"


async def test_watchers_see_who_comes_says_what_and_goes(autojump_clock: Clock) -> None:
    seen: list[SessionEvent] = []
    engines = own(["A long reply that is worth an interruption in its middle."])
    async with open_server(own=engines, watchers=[seen.append]) as server:
        async with server.connect() as client:
            await client.start()
            await client.speak(speech(600) + silence(800))
            await client.wait_for("tts_chunk")
            await client.speak(speech(600) + silence(800))
            await client.wait_for("tts_complete")
        audio = [event for event in seen if isinstance(event, AudioHeard)]
        assert b"".join(event.pcm16 for event in audio) == (speech(600) + silence(800)) * 2
    told = [event for event in seen if not isinstance(event, AudioHeard)]
    assert [type(event) for event in told] == [
        *(Connected, TextHeard, BargedIn, TextHeard, Disconnected),
    ]
    assert [event.text for event in told if isinstance(event, TextHeard)] == [
        "hello there",
        "stop it",
    ]
    assert len({event.session_id for event in seen}) == 1
    barged = next(event for event in told if isinstance(event, BargedIn))
    assert "A long reply".startswith(barged.heard[:6])


async def test_a_watcher_that_raises_harms_nobody(autojump_clock: Clock) -> None:
    def broken(event: SessionEvent) -> None:
        raise ZeroDivisionError

    async with (
        open_server(own=own(), watchers=[broken]) as server,
        server.connect("/engine") as client,
    ):
        await client.say(type="text", content="hello")
        await client.wait_for("tts_complete")


async def test_audio_is_broadcast_to_all_but_those_that_are_left_out(
    autojump_clock: Clock,
) -> None:
    async with (
        open_server(own=own()) as server,
        server.connect("/engine") as engine,
        server.connect("/stream") as stream,
        server.connect("/ws") as left_out,
    ):
        session_id = (await left_out.wait_for("info"))["session_id"]
        await stream.wait_for("status")
        sent = await server.broadcast_audio(bytes(16_000), 16_000, exclude=[session_id])
        assert sent == 2
        await stream.wait_for("audio_output", count=5)
        await engine.wait_for("binary", count=7)
        await trio.sleep(1)
    assert sum(len(m["pcm16"]) for m in engine.of("binary")) == pytest.approx(24_000, abs=8)
    assert left_out.of("tts_chunk") == []


async def test_a_client_that_goes_in_mid_broadcast_does_not_hold_it(
    autojump_clock: Clock,
) -> None:
    async with open_server(own=own()) as server, server.connect("/engine") as client:
        await client.wait_for("info")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.broadcast_audio, bytes(16_000 * 2 * 120), 16_000)
            await client.wait_for("binary")
            client.transport.abort()


async def test_status_tells_the_clients_and_the_limits(autojump_clock: Clock) -> None:
    settings = Settings.defaults(ws_max_connections=7)
    async with open_server(settings, own=own()) as server, server.connect() as client:
        await client.wait_for("info")
        status = server.status()
    assert (status.running, status.ready, status.clients) == (True, True, 1)
    assert status.limits.max_connections == 7
    assert status.sessions[0].dialect == "prompt-voice"
    assert server.status().running is False


async def test_a_path_that_nothing_is_served_at_is_named(autojump_clock: Clock) -> None:
    async with open_server(own=own()) as server:
        with pytest.raises(ValueError, match="/stream"):
            async with server.connect("/nowhere"):
                pass


async def test_with_a_port_it_is_a_server_for_everybody() -> None:
    with trio.fail_after(10):
        async with open_server(port=0, own=own()) as server:
            stream = await trio.open_tcp_stream(server.host, server.port)
            async with stream:
                await stream.send_all(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = b"".join([part async for part in stream])
    assert answer.startswith(b"HTTP/1.1 200")
    assert server.url("/engine") == f"ws://127.0.0.1:{server.port}/engine"
