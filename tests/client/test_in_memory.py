"""A client in memory speaks the dialect of its session."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
import trio.testing

from parley.client.tongue import Tongue
from parley.protocol.dialect import Dialect
from parley.protocol.realtime.dialect import DIALECT as REALTIME
from parley.testing import (
    IO_SPEECH,
    NEWSPEECH,
    PROMPT_VOICE,
    Engines,
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    open_session,
    silence,
    speech,
)

Clock = trio.testing.MockClock
ALL = pytest.mark.parametrize(
    "dialect", [PROMPT_VOICE, IO_SPEECH, NEWSPEECH, REALTIME], ids=lambda d: d.profile.name
)
FINALS = {
    IO_SPEECH.profile.name: "transcript",
    REALTIME.profile.name: "conversation.item.input_audio_transcription.completed",
}
LONG = ["A long reply that goes on and on, so that there is time to cut it short. " * 3]


def cast(transcriber: ScriptedTranscriber | None = None) -> Engines:
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: transcriber or ScriptedTranscriber(["hello there"]),
        responder=ScriptedResponder(then=LONG),
        synthesizer=ScriptedSynthesizer(),
    )


@ALL
async def test_it_is_heard_as_it_spoke_in_every_dialect(
    dialect: Dialect, autojump_clock: Clock
) -> None:
    transcriber = ScriptedTranscriber(["hello there"])
    async with open_session(cast(transcriber), dialect=dialect) as (_, client):
        await client.start()
        began_s = trio.current_time()
        await client.speak(silence(500) + speech(1000) + silence(1500))
        assert trio.current_time() - began_s == pytest.approx(3.0)
        await client.wait_for(
            FINALS.get(dialect.profile.name, "final_transcript"),
            where=lambda message: message.get("is_final", True),
        )
        assert client.of("error") == []
    (heard,) = transcriber.heard
    assert len(heard) / 32 == pytest.approx(1000 + 300 + 700, abs=300)


@ALL
async def test_a_reply_is_cut_in_every_dialects_words(
    dialect: Dialect, autojump_clock: Clock
) -> None:
    async with open_session(cast(), dialect=dialect) as (session, client):
        await client.start()
        await client.speak(speech(600) + silence(900))
        while session.status()["state"] != "responding":
            await trio.sleep(0.02)
        await client.interrupt()
        await trio.sleep(0.2)
        assert session.status()["state"] in ("complete", "capturing")
        assert [m for m in client.of("error") if m["code"] != "CANCELLED"] == []


@pytest.mark.parametrize("dialect", [PROMPT_VOICE, IO_SPEECH], ids=lambda d: d.profile.name)
async def test_the_microphone_is_closed_in_the_dialects_words(
    dialect: Dialect, autojump_clock: Clock
) -> None:
    async with open_session(cast(), dialect=dialect) as (session, client):
        await client.start()
        await trio.sleep(0.1)
        assert session.status()["is_listening"]
        await client.stop()
        await trio.sleep(0.1)
        assert not session.status()["is_listening"]
        assert client.of("error") == []


async def test_words_are_typed_where_there_is_a_word_for_it(autojump_clock: Clock) -> None:
    async with open_session(cast(), dialect=NEWSPEECH) as (_, client):
        await client.type_text("hello")
        await client.wait_for("binary")
    async with open_session(cast(), dialect=REALTIME) as (_, client):
        await client.type_text("hello")
        await client.wait_for("response.output_audio.delta")


@pytest.mark.parametrize(
    ("dialect", "call"),
    [
        (PROMPT_VOICE, "type_text"),
        (IO_SPEECH, "type_text"),
        (NEWSPEECH, "stop"),
        (REALTIME, "stop"),
    ],
)
async def test_what_a_dialect_has_no_word_for_is_a_value_error(
    dialect: Dialect, call: str, autojump_clock: Clock
) -> None:
    async with open_session(cast(), dialect=dialect) as (_, client):
        with pytest.raises(ValueError, match=dialect.profile.name):
            await getattr(client, call)(*(["hello"] if call == "type_text" else []))


async def test_audio_is_sent_at_the_rate_that_was_started(autojump_clock: Clock) -> None:
    transcriber = ScriptedTranscriber(["hello there"])
    async with open_session(cast(transcriber)) as (_, client):
        await client.start(sample_rate=48_000)
        await client.speak(speech(1000) + silence(1000))
        await client.wait_for("final_transcript")
    assert len(transcriber.heard[0]) / 32 == pytest.approx(1700, abs=200)


@pytest.mark.parametrize(
    ("pcm16", "given"), [(b"odd", {}), (bytes(320), {"speed": 0}), (bytes(320), {"chunk_ms": 0})]
)
async def test_what_cannot_be_spoken_is_a_value_error(
    pcm16: bytes, given: dict[str, int], autojump_clock: Clock
) -> None:
    async with open_session(cast()) as (_, client):
        with pytest.raises(ValueError, match=r"audio|speed"):
            await client.speak(pcm16, **given)


async def test_a_realtime_session_is_started_with_what_is_wished_of_it(
    autojump_clock: Clock,
) -> None:
    async with open_session(cast(), dialect=REALTIME) as (_, client):
        await client.start(instructions="Be brief.")
        told = await client.wait_for("session.updated")
    assert told["session"]["instructions"] == "Be brief."


def test_a_dialect_that_no_client_speaks_is_named() -> None:
    with pytest.raises(ValueError, match="klingon"):
        Tongue("klingon")


async def test_sessions_refuse_to_play_what_is_no_audio(autojump_clock: Clock) -> None:
    async with open_session(cast(), dialect=NEWSPEECH) as (session, client):
        for pcm16, rate_hz in ((b"odd", 16_000), (bytes(320), 0)):
            with pytest.raises(ValueError, match=r"audio|sample rate"):
                await session.play(pcm16, rate_hz)
        await session.play(speech(80), 16_000)
        await client.wait_for("binary")


async def test_a_detector_for_the_telephone_hears_in_a_session_too(autojump_clock: Clock) -> None:
    class Telephone(ScriptedDetector):
        rate_hz = 8_000

    engines = replace(cast(), detector=lambda session: Telephone())
    async with open_session(engines) as (_, client):
        await client.start()
        await client.speak(speech(600) + silence(900))
        await client.wait_for("final_transcript")
