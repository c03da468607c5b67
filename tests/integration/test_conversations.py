"""Conversations of real clients with a real server: recordings in, transcripts and speech out."""

from __future__ import annotations

import pytest
import trio

from parley.client.recording import Recording
from parley.engines.llm.rules.table import NO_MODEL
from support.live_server import (
    FAST,
    LIGHTS,
    TIMER,
    WEATHER,
    LiveClient,
    LiveServer,
    open_client,
    open_live_server,
)
from support.llm_server import open_llm_server, tell

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", ["/ws", "/ws2", "/ws_legacy"])
async def test_a_conversation_has_partials_the_right_words_and_a_spoken_reply(path: str) -> None:
    async with open_live_server() as live:
        client = await live.converse(LIGHTS, path)
    assert client.kinds[:2] == ["protocol", "info"]
    assert [final["text"] for final in client.of("final_transcript")] == [LIGHTS.spoken]
    assert client.of("partial_transcript")[-1]["text"].split()[:3] == ["please", "turn", "on"]
    assert client.reply == NO_MODEL
    assert [token["done"] for token in client.of("llm_token")][-2:] == [False, True]
    phrases = client.speech_s()
    assert len(phrases) >= 3
    assert all(0.2 < seconds < 10 for seconds in phrases)
    seqs = [done["seq"] for done in client.of("tts_phrase_done")]
    assert seqs == [chunk["seq"] for chunk in client.of("tts_chunk")]
    assert seqs == list(range(1, len(phrases) + 1))
    assert client.kinds[-1] == "tts_complete"
    assert client.codes == []


async def test_a_session_hears_one_utterance_after_the_other_and_remembers() -> None:
    async with open_llm_server() as llm:
        llm.script(tell("One", "."), tell("Two", "."), tell("Three", "."))
        async with (
            open_live_server(openai_base_url=llm.base_url) as live,
            open_client(live.url()) as client,
        ):
            # The microphone stays open for two: silence in the audio ends each. Then a new start.
            await client.start()
            for number, recording in enumerate((WEATHER, LIGHTS), 1):
                await client.speak(recording.pcm16, speed=FAST)
                await client.wait_for("tts_complete", count=number)
                await live.until_quiet(client)
            await client.say(type="stop")
            await client.utter(TIMER)
            await client.wait_for("tts_complete", count=3)
        finals = [final["text"] for final in client.of("final_transcript")]
        assert finals == [WEATHER.spoken, LIGHTS.spoken, TIMER.spoken]
        assert client.reply == "One.Two.Three."
        assert [chunk["seq"] for chunk in client.of("tts_chunk")] == [1, 2, 3]
        assert client.codes == []
        said = [(m["role"], m["content"]) for m in llm.requests[-1].body["messages"][1:]]
        assert said == [
            ("user", WEATHER.spoken),
            ("assistant", "One."),
            ("user", LIGHTS.spoken),
            ("assistant", "Two."),
            ("user", TIMER.spoken),
        ]


async def test_speech_over_a_reply_cuts_it_and_is_answered() -> None:
    async with (
        open_live_server(stream_reply_lead_ms=1000) as live,
        open_client(live.url()) as client,
    ):
        await client.start()
        await client.speak(WEATHER.pcm16, speed=FAST)
        await client.wait_for("tts_chunk")
        await client.speak(LIGHTS.pcm16, speed=FAST)
        assert await client.final(2) == LIGHTS.spoken
        await client.wait_for("tts_complete")
    kinds = client.kinds
    assert kinds.count("barge_in") == 1
    assert "tts_complete" not in kinds[: kinds.index("barge_in")]
    assert client.codes == []


async def test_two_people_who_talk_at_the_same_time_each_get_their_own_words() -> None:
    finals: dict[str, str] = {}

    async def talk(live: LiveServer, recording: Recording) -> None:
        client = await _spoken(live, recording, 1.0)
        finals[recording.name] = await client.final()
        assert client.reply

    async with open_live_server() as live, trio.open_nursery() as nursery:
        nursery.start_soon(talk, live, WEATHER)
        nursery.start_soon(talk, live, TIMER)
    assert finals == {WEATHER.name: WEATHER.spoken, TIMER.name: TIMER.spoken}


@pytest.mark.long
async def test_six_times_faster_than_real_time_brings_the_same_transcript() -> None:
    finals: dict[tuple[str, float], list[str]] = {}

    async def talk(live: LiveServer, recording: Recording, speed: float) -> None:
        client = await _spoken(live, recording, speed)
        finals[recording.name, speed] = [m["text"] for m in client.of("final_transcript")]

    async with open_live_server(stream_asr_lanes=2) as live, trio.open_nursery() as nursery:
        for recording in (LIGHTS, TIMER):
            for speed in (1.0, FAST):
                nursery.start_soon(talk, live, recording, speed)
    assert finals[LIGHTS.name, FAST] == finals[LIGHTS.name, 1.0] == [LIGHTS.spoken]
    assert finals[TIMER.name, FAST] == finals[TIMER.name, 1.0] == [TIMER.spoken]


async def _spoken(live: LiveServer, recording: Recording, speed: float) -> LiveClient:
    async with open_client(live.url()) as client:
        await client.utter(recording, speed=speed)
        await client.wait_for("llm_token", where=lambda m: bool(m["done"]))
        return client
