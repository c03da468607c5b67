"""Parley as a library: a server in a block, clients in memory, watchers, one's own engines."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import trio
import trio.testing

from parley import embedding, testing
from parley.embedding import (
    AudioHeard,
    BargedIn,
    ChatMessage,
    Connected,
    Disconnected,
    EngineUnavailable,
    OwnEngines,
    ReplyOver,
    SessionEvent,
    Settings,
    TextHeard,
    open_server,
)
from parley.engines.room import EngineRoom
from parley.recording.mcap_file import read_recording
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from support.live_server import open_files, request_http

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


async def test_a_path_in_memory_may_choose_among_its_dialects_options(
    autojump_clock: Clock,
) -> None:
    async with open_server(own=own()) as server:
        async with server.connect("/stream?events=document&other=x") as client:
            await client.wait_for("status")
            pcm16 = speech(600) + silence(800)
            for start in range(0, len(pcm16), 3200):
                await trio.sleep(0.1)
                data = base64.b64encode(pcm16[start : start + 3200]).decode()
                await client.say(type="audio", data=data)
            await client.wait_for("vad_event", count=2)
        with pytest.raises(ValueError, match="events: 'x' is refused; allowed: server, document"):
            async with server.connect("/stream?events=x"):
                pass


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
        *(Connected, TextHeard, BargedIn, ReplyOver, TextHeard, ReplyOver, Disconnected),
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
                await stream.send_all(
                    b"GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                )
                answer = b"".join([part async for part in stream])
    assert answer.startswith(b"HTTP/1.1 200")
    assert server.url("/engine") == f"ws://127.0.0.1:{server.port}/engine"


# At the door


@pytest.mark.parametrize("door", [embedding, testing])
def test_every_public_name_is_there(door: ModuleType) -> None:
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize(
    "given",
    [
        {"settings": {"stream_vad_silence_ms": 400}},
        {"own": None},
        {"own": {"responder": None}},
        {"watchers": None},
        {"watchers": [None]},
        {"port": -1},
        {"port": 65_536},
        {"port": "8084"},
        {"port": True},
        {"host": None, "port": 0},
    ],
)
async def test_arguments_that_cannot_be_meant_are_refused(given: dict[str, Any]) -> None:
    with trio.fail_after(10), pytest.raises(ValueError, match=r"\w"):
        async with open_server(**({"own": own()} | given)):
            pass


@pytest.mark.parametrize(
    ("kind", "engine", "why"),
    [
        ("detector", ScriptedDetector(), "is a factory"),
        ("detector", ScriptedDetector, "takes"),
        ("transcriber", lambda: ScriptedTranscriber(["hi"]), "takes"),
        ("transcriber", 5, "cannot be called"),
        ("responder", ScriptedSynthesizer(), "'reply'"),
        ("synthesizer", ScriptedResponder(), "'speak'"),
        ("turn_end", ScriptedResponder(), "'likelihood'"),
    ],
)
def test_what_is_no_engine_of_its_kind_is_refused_in_words(
    kind: str, engine: object, why: str
) -> None:
    given: dict[str, Any] = {kind: engine}
    with pytest.raises(ValueError, match=why):
        OwnEngines(**given)


@pytest.mark.parametrize("path", ["", "ws", "/nowhere", None, 7])
async def test_a_bad_path_is_a_value_error(path: Any, autojump_clock: Clock) -> None:
    async with open_server(own=own()) as server:
        with pytest.raises(ValueError, match="nothing is served at"):
            async with server.connect(path):
                pass
        with pytest.raises(ValueError, match="nothing is served at"):
            server.url(path)


async def test_a_server_without_a_socket_has_no_url(autojump_clock: Clock) -> None:
    async with open_server(own=own()) as server:
        with pytest.raises(ValueError, match="no socket"):
            server.url("/ws")


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("pcm16", "rate_hz"),
    [
        (b"odd", 16_000),
        (bytes(320), 0),
        (bytes(320), -16_000),
        (bytes(320), 16_000.0),
        (bytes(320), None),
        ("text", 16_000),
        (None, 16_000),
    ],
)
async def test_audio_that_is_none_is_refused_and_the_next_broadcast_is_heard(
    pcm16: Any, rate_hz: Any, recorded: bool, tmp_path: Path
) -> None:
    settings = Settings.defaults(stream_record_dir=str(tmp_path) if recorded else None)
    with trio.fail_after(20):
        async with open_server(settings, own=own()) as server, server.connect("/engine") as client:
            await client.wait_for("info")
            assert server.status().sessions[0].recording is recorded
            with pytest.raises(ValueError, match=r"audio|sample rate"):
                await server.broadcast_audio(pcm16, rate_hz)
            assert await server.broadcast_audio(speech(80), 16_000) == 1
            await client.wait_for("binary")


async def test_an_id_is_no_list_of_ids(autojump_clock: Clock) -> None:
    async with open_server(own=own()) as server:
        with pytest.raises(ValueError, match="list of session ids"):
            await server.broadcast_audio(bytes(320), 16_000, exclude="abc")


def recorded_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mcap"))


class Telephone(ScriptedDetector):
    """A detector that wants 8 kHz, in frames of 20 ms."""

    rate_hz = 8_000
    frames_heard: ClassVar[list[int]] = []

    def is_speech(self, pcm16: bytes) -> bool:
        self.frames_heard.append(len(pcm16) // 2)
        return super().is_speech(pcm16)


@pytest.mark.parametrize("recorded", [False, True])
async def test_a_detector_that_wants_8_khz_gets_8_khz(recorded: bool, tmp_path: Path) -> None:
    Telephone.frames_heard.clear()
    engines = replace(own(), detector=lambda session: Telephone())
    settings = Settings.defaults(stream_record_dir=str(tmp_path) if recorded else None)
    with trio.fail_after(20):
        async with open_server(settings, own=engines) as server, server.connect() as client:
            await client.start()
            await client.speak(silence(400) + speech(600) + silence(1000), speed=4)
            await client.wait_for("final_transcript")
    assert set(Telephone.frames_heard) == {160}
    assert len(Telephone.frames_heard) == pytest.approx(100, abs=1)
    for path in recorded_files(tmp_path):
        assert read_recording(path).header.detector_frame_samples == 320


@pytest.mark.parametrize(
    ("rate_hz", "frame_samples"),
    [(0, 160), (8_000.0, 160), (None, 160), (11_025, 160), (8_000, 0), (8_000, 8_000)],
)
async def test_a_detector_that_cannot_be_fitted_is_refused_at_the_door(
    rate_hz: Any, frame_samples: Any
) -> None:
    def detector(session: object) -> ScriptedDetector:
        made = ScriptedDetector()
        made.rate_hz, made.frame_samples = rate_hz, frame_samples
        return made

    with pytest.raises(ValueError, match="ScriptedDetector"):
        async with open_server(own=replace(own(), detector=detector)):
            pass


# Engines that cannot work


async def test_until_ready_raises_what_is_wrong(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(own=own()) as server:
        monkeypatch.setattr(EngineRoom, "_not_ready", lambda room: {"asr": "no such model"})
        with pytest.raises(EngineUnavailable, match="asr: no such model"):
            await server.until_ready()


async def test_until_ready_waits_while_an_engine_is_loading(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(own=own()) as server:
        monkeypatch.setattr(EngineRoom, "_not_ready", lambda room: {"asr": None})
        with trio.move_on_after(5) as waited:
            await server.until_ready()
        assert waited.cancelled_caught
        monkeypatch.undo()
        await server.until_ready()


async def test_until_ready_does_not_wait_for_a_server_that_has_stopped(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(own=own()) as server:
        pass
    monkeypatch.setattr(EngineRoom, "_not_ready", lambda room: {"asr": None})
    with pytest.raises(RuntimeError, match="not running"):
        await server.until_ready()


async def test_no_listener_stays_open_where_engines_cannot_be_opened() -> None:
    def broken(session: object) -> ScriptedDetector:
        raise EngineUnavailable("no model here")

    before = open_files()
    for _ in range(5):
        with pytest.raises(EngineUnavailable, match="no model here"):
            async with open_server(port=0, own=replace(own(), detector=broken)):
                pass
    assert open_files() == before


async def test_status_is_typed_and_what_sessions_tells_over_http() -> None:
    with trio.fail_after(10):
        async with open_server(port=0, own=own()) as server, server.connect("/engine") as client:
            await client.wait_for("info")
            asked = b"GET /sessions HTTP/1.1\r\nHost: localhost\r\n\r\n"
            answer = await request_http(server.port, asked)
            (told,) = answer.json()["sessions"]
            (status,) = server.status().sessions
    assert told.keys() == asdict(status).keys()
    assert told["session_id"] == status.session_id
    assert (status.dialect, status.state, status.recording) == ("newspeech", "idle", False)


@pytest.mark.slow
def test_a_script_without_its_guard_is_told_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import trio\n"
        "from parley.embedding import open_server\n"
        "async def main():\n"
        "    async with open_server() as server:\n"
        "        await server.until_ready()\n"
        "trio.run(main)\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "EngineUnavailable" in last
    assert 'if __name__ == "__main__":' in last
    assert "a server is being opened while a worker process imports this script" in ended.stderr
