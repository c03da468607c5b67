"""Sessions with settings of their own, on one live server with real engines."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from parley.config import Settings
from parley.embedding import open_server
from parley.engines.kit import OwnEngines
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording, settings_of
from parley.testing import silence
from support.live_server import (
    FAST,
    WEATHER,
    LiveClient,
    LiveServer,
    open_client,
    open_live_server,
    request_http,
)
from support.ws_client import request

pytestmark = pytest.mark.slow

TOKEN = "abcdefghijklmnop"


async def a_turn(client: LiveClient) -> int:
    """An utterance with a long silence behind it; how much audio its final transcript covers."""
    await client.start(audio_clock=True)
    await client.speak(WEATHER.pcm16 + silence(2500), speed=FAST)
    final = await client.wait_for("final_transcript")
    await client.wait_for("tts_complete")
    assert final["text"] == WEATHER.spoken
    return int(final["audio_ms"])


async def test_sessions_at_the_same_time_have_their_own_silence_and_voice(tmp_path: Path) -> None:
    wishes = (
        "",
        f"?silence_ms=300&voice=de&record={TOKEN}",
        "?silence_ms=2000&sensitivity=0.7&voice=en-us%2Bf3&nothing=here",
        "?voice=nobody",
    )
    covered: dict[str, int] = {}
    clients: dict[str, LiveClient] = {}
    async with open_live_server(stream_turn_engine="fixed") as live:
        async with AsyncExitStack() as stack:
            for wish in wishes:
                clients[wish] = await stack.enter_async_context(open_client(live.url() + wish))

            async def talk(wish: str) -> None:
                covered[wish] = await a_turn(clients[wish])

            async with trio.open_nursery() as nursery:
                for wish in wishes:
                    nursery.start_soon(talk, wish)
        await live.until_empty()
        await trio.sleep(1.5)  # a file is written once a second
        found = await live.get(f"/recordings/{TOKEN}")
        lane = live.lane("tts")
        assert (lane.ready, lane.generation) == (True, 1)
    plain, quick, slow, voiceless = (covered[wish] for wish in wishes)
    assert plain - quick == pytest.approx(400, abs=60)
    assert slow - plain == pytest.approx(1300, abs=90)
    assert voiceless == plain
    spoken_s = [sum(clients[wish].speech_s()) for wish in wishes]
    assert spoken_s[1] > 1.05 * spoken_s[0], "German vowels are longer"
    assert spoken_s[2] != pytest.approx(spoken_s[0], abs=0.01)
    assert spoken_s[3] == 0
    assert [clients[wish].codes for wish in wishes[:3]] == [[], [], []]
    nobody = clients[wishes[3]]
    assert set(nobody.codes) == {"MODEL_LOAD_FAIL"}
    assert "espeak has no voice 'nobody'" in nobody.of("error")[0]["message"]
    assert nobody.of("error")[0]["recoverable"] is True
    assert nobody.reply == clients[""].reply
    file = tmp_path / "a.mcap"
    file.write_bytes(found.body)
    recording = read_recording(file)
    settings = settings_of(recording.header)
    assert (settings.hearing.silence_ms, settings.hearing_io_speech.silence_ms) == (300, 300)
    assert settings.speaking.voice == "de"

    def replay() -> list[Any]:
        clock = trio.testing.MockClock(autojump_threshold=0)
        replayed = trio.run(replay_recording, recording, clock=clock)
        assert replayed.diverged is None
        return [(e.data.get("text"), e.audio) for e in replayed.out if e.kind == "out"]

    recorded = [(e.data.get("text"), e.audio) for e in recording.entries if e.kind == "out"]
    assert await trio.to_thread.run_sync(replay) == recorded


async def refused(live: LiveServer, address: str) -> dict[str, Any]:
    answer = await request_http(live.port, request(address))
    assert answer.status == 400
    found: dict[str, Any] = answer.json()
    return found


async def test_an_option_that_the_dialect_does_not_have_so_is_refused_before_the_upgrade() -> None:
    async with open_live_server(ready=False) as live:
        answer = await refused(live, "/stream?events=both")
        assert answer["error"] == "events: 'both' is refused; allowed: server, document"
        assert await live.sessions() == []
        # On the other paths it is somebody else's parameter.
        for address in ("/stream?events=document", "/ws?events=both", "/engine?events=both"):
            async with open_client(live.url(address)):
                while len(await live.sessions()) != 1:
                    await trio.sleep(0.02)
            await live.until_empty()


@pytest.mark.parametrize("path", ["/ws", "/stream", "/engine"])
async def test_a_bad_wish_is_refused_before_the_upgrade(path: str) -> None:
    async with open_live_server(ready=False) as live:
        for wish, words in (
            ("silence_ms=10", "silence_ms: '10' is refused; allowed: whole number, 300 to 2000 ms"),
            ("sensitivity=2", "sensitivity: '2' is refused; allowed: number, 0 to 1"),
            ("voice=..%2Fx", "voice: '../x' is refused"),
        ):
            answer = await refused(live, f"{path}?{wish}")
            assert answer["ok"] is False
            assert words in answer["error"]
        assert await live.sessions() == []
        async with open_client(f"{live.url(path)}?silence_ms=300&voice=de"):
            while len(await live.sessions()) != 1:
                await trio.sleep(0.02)


async def test_the_server_tells_which_voices_it_suggests() -> None:
    async with open_live_server(ready=False) as live:
        config = (await live.get("/api/stream_config")).json()
    assert {"de", "en-us+f3"} <= set(config["voices"])


class TwoVoices(ScriptedSynthesizer):
    """An embedder's: the second voice is slower."""

    voices = ("slow",)

    def with_voice(self, voice: str) -> ScriptedSynthesizer:
        return ScriptedSynthesizer(ms_per_char=100)


async def test_an_embedders_synthesizer_may_have_voices_too() -> None:
    settings = Settings.defaults(stream_asr_lanes=1, stream_reply_lead_ms=60_000)
    lengths = []
    async with open_server(settings, own=OwnEngines(synthesizer=TwoVoices())) as server:
        for mine in (None, settings.model_copy(update={"stream_tts_voice": "slow"})):
            async with server.connect("/engine", settings=mine) as client:
                await client.say(type="text", content="hello")
                await client.wait_for("tts_complete")
                lengths.append(sum(len(m["pcm16"]) for m in client.of("binary")))
    assert lengths[1] == pytest.approx(2 * lengths[0], rel=0.05)
