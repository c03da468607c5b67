"""Dialects B and C on the session of dialect A, under virtual time."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol import io_speech, newspeech, prompt_voice
from parley.protocol.dialect import Dialect
from parley.testing import LOUD, open_session, silence, speech

Clock = trio.testing.MockClock


class Cast:
    def __init__(
        self,
        dialect: Dialect,
        words: Sequence[str] = ("hello there",),
        replies: Iterable[Sequence[Step]] = (),
    ) -> None:
        self.dialect = dialect
        self.responder = ScriptedResponder(replies, then=["Fine, thank you."])
        self.synthesizer = ScriptedSynthesizer(rate_hz=22_050)
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: ScriptedTranscriber(words),
            responder=self.responder,
            synthesizer=self.synthesizer,
        )

    def session(self, **settings: Any) -> Any:
        chosen = Settings.defaults(**({"stream_backchannels": False} | settings))
        return open_session(self.engines, dialect=self.dialect, settings=chosen)


async def hear(client: InMemoryClient, pcm16: bytes, *, chunk_ms: int = 100) -> None:
    """Dialect B: audio as JSON."""
    step = chunk_ms * 32
    for number, start in enumerate(range(0, len(pcm16), step)):
        await trio.sleep(chunk_ms / 1000)
        data = base64.b64encode(pcm16[start : start + step]).decode()
        await client.say(type="audio", data=data, timestamp=0, sequence=number)


def control(action: str) -> dict[str, str]:
    return {"type": "control", "action": action}


def told(client: InMemoryClient, *kinds: str) -> list[str]:
    """Statuses and events in the order in which they came."""
    names = {"status": "status", "vad": "event"}
    return [m.get(names.get(m["type"], ""), m["type"]) for m in client.of(*kinds)]


# Dialect B


async def test_io_speech_holds_a_conversation_in_the_documented_order(
    autojump_clock: Clock,
) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, silence(200) + speech(1000) + silence(1000))
        await client.wait_for("status", where=lambda m: m["status"] == "listening", count=2)
        await client.say(**control("stop_listening"))
        await client.wait_for("status", where=lambda m: m["status"] == "connected", count=2)
    order = list(dict.fromkeys(told(client, "status", "vad", "transcript", "audio_output")))
    assert order == [
        *("connected", "listening", "speech_start", "transcript", "speech_end"),
        *("processing", "speaking", "audio_output"),
    ]
    assert told(client, "status") == [
        *("connected", "listening", "processing", "speaking", "listening", "connected"),
    ]
    finals = [m for m in client.of("transcript") if m["is_final"]]
    assert [m["text"] for m in finals] == ["hello there"]
    assert client.of("error") == []


async def test_io_speech_gets_its_reply_at_16_khz_in_short_numbered_pieces(
    autojump_clock: Clock,
) -> None:
    cast = Cast(io_speech.DIALECT)
    async with cast.session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600) + silence(800))
        await client.wait_for("status", where=lambda m: m["status"] == "listening", count=2)
    pieces = client.of("audio_output")
    assert [p["sequence"] for p in pieces] == list(range(1, len(pieces) + 1))
    assert {p["sample_rate"] for p in pieces} == {16_000}
    sizes = [len(base64.b64decode(p["data"])) for p in pieces]
    assert set(sizes[:-1]) == {3200}
    # "Fine, thank you." is 16 characters of 50 ms.
    assert sum(sizes) == pytest.approx(0.8 * 32_000, abs=20)


async def test_io_speech_reply_audio_leaves_at_most_a_lead_ahead(autojump_clock: Clock) -> None:
    cast = Cast(io_speech.DIALECT, replies=[["A sentence that takes two seconds to say."]])
    async with cast.session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600) + silence(800))
        await client.wait_for("status", where=lambda m: m["status"] == "listening", count=2)
    times = [at for at, m in client.received if m["type"] == "audio_output"]
    for number, at in enumerate(times):
        assert at - times[0] >= number * 0.1 - 0.3 - 1e-6


async def test_io_speech_barge_in_is_told_with_the_last_sequence_and_nothing_follows(
    autojump_clock: Clock,
) -> None:
    cast = Cast(
        io_speech.DIALECT, ["first", "second"], [["A long sentence that goes on and on and on."]]
    )
    async with cast.session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output", count=5)
        await hear(client, speech(600), chunk_ms=20)
        barge_in = await client.wait_for("barge_in")
        await hear(client, silence(1000))
        await client.wait_for("transcript", where=lambda m: m["is_final"], count=2)
    kinds = client.kinds
    at = kinds.index("barge_in")
    sent_before = [m["sequence"] for _, m in client.received[:at] if m["type"] == "audio_output"]
    assert barge_in["cancelled_sequence"] == sent_before[-1]
    assert told(client, "vad")[:3] == ["speech_start", "speech_end", "speech_start"]
    assert client.received[at + 1][1]["status"] == "listening"
    between = kinds[at : kinds.index("transcript", at)]
    assert "audio_output" not in between


async def test_io_speech_cancel_tts_cuts_at_once(autojump_clock: Clock) -> None:
    cast = Cast(io_speech.DIALECT, replies=[["A long sentence that goes on and on and on."]])
    async with cast.session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output", count=3)
        sent = len(client.of("audio_output"))
        await client.say(**control("cancel_tts"))
        await client.wait_for("barge_in")
        await trio.sleep(5)
    assert len(client.of("audio_output")) == sent
    assert client.of("status")[-1]["status"] == "listening"


async def test_io_speech_has_a_window_of_silence_of_its_own(autojump_clock: Clock) -> None:
    async with Cast(io_speech.DIALECT).session(vad_silence_duration_ms=1500) as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600) + silence(2000))
        await client.wait_for("transcript", where=lambda m: m["is_final"])
        finals = [at for at, m in client.received if m.get("is_final")]
    assert finals == [pytest.approx(2.1, abs=0.11)]


async def test_io_speech_stop_without_words_brings_no_final(autojump_clock: Clock) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, silence(500))
        await client.say(**control("stop_listening"))
        await client.wait_for("status", where=lambda m: m["status"] == "connected", count=2)
    assert client.of("transcript") == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "audio", "data": "%%%"}, "invalid_audio"),
        ({"type": "audio", "data": ""}, "invalid_audio"),
        ({"type": "nothing"}, "invalid_message"),
        ({"type": "control", "action": "dance"}, "invalid_message"),
    ],
)
async def test_io_speech_errors_do_not_close_the_connection(
    autojump_clock: Clock, message: dict[str, Any], code: str
) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await client.say(**control("start_listening"))
        await client.say(**message)
        error = await client.wait_for("error")
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output")
    assert error["code"] == code


async def test_a_message_of_odd_length_harms_nothing(autojump_clock: Clock) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await client.say(**control("start_listening"))
        await client.say(type="audio", data="AA==")
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output")
    assert client.of("error") == []


async def test_io_speech_hears_audio_before_any_start_listening(autojump_clock: Clock) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output")
    assert [m["text"] for m in client.of("transcript") if m["is_final"]] == ["hello there"]
    assert told(client, "status")[:3] == ["connected", "listening", "processing"]
    assert client.of("error") == []


async def test_io_speech_hears_audio_that_goes_on_after_stop_listening(
    autojump_clock: Clock,
) -> None:
    async with Cast(io_speech.DIALECT).session() as (session, client):
        await client.say(**control("start_listening"))
        await client.say(**control("stop_listening"))
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output")
        assert session.status()["is_listening"]
    assert [m["text"] for m in client.of("transcript") if m["is_final"]] == ["hello there"]
    assert told(client, "status")[:4] == ["connected", "listening", "connected", "listening"]


async def test_io_speech_frames_that_cross_a_stop_leave_the_microphone_closed(
    autojump_clock: Clock,
) -> None:
    async with Cast(io_speech.DIALECT).session() as (session, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600))
        await client.say(**control("stop_listening"))
        await hear(client, speech(300))
        await client.wait_for("status", where=lambda m: m["status"] == "connected", count=2)
        assert not session.status()["is_listening"]
    assert len([m for m in client.of("transcript") if m["is_final"]]) == 1
    assert told(client, "vad") == ["speech_start", "speech_end"]


async def test_io_speech_a_second_start_listening_forgets_what_is_being_heard(
    autojump_clock: Clock,
) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await client.say(**control("start_listening"))
        await hear(client, speech(600))
        await client.say(**control("start_listening"))
        await hear(client, silence(1500))
        await trio.testing.wait_all_tasks_blocked()
    assert [m for m in client.of("transcript") if m["is_final"]] == []
    assert told(client, "vad") == ["speech_start", "speech_end"]
    assert told(client, "status") == ["connected", "listening", "listening"]


async def test_io_speech_spells_speech_events_as_the_address_chooses(
    autojump_clock: Clock,
) -> None:
    dialect = io_speech.DIALECT.with_choices({"events": "document"})
    async with Cast(dialect).session() as (_, client):
        await hear(client, speech(600) + silence(800))
        await client.wait_for("audio_output")
    assert [m["event"] for m in client.of("vad_event")] == ["speech_start", "speech_end"]
    assert client.of("vad") == []


async def test_io_speech_clients_that_leave_out_what_is_unsure_get_every_transcript(
    autojump_clock: Clock,
) -> None:
    async with Cast(io_speech.DIALECT).session() as (_, client):
        await hear(client, speech(1000) + silence(800))
        await client.wait_for("audio_output")
    transcripts = client.of("transcript")
    assert {m["is_final"] for m in transcripts} == {False, True}
    assert min(m["confidence"] for m in transcripts) >= 0.75


# Dialect A


async def test_prompt_voice_a_second_start_loses_nothing_that_is_being_said(
    autojump_clock: Clock,
) -> None:
    async with Cast(prompt_voice.DIALECT).session() as (_, client):
        await client.start()
        await client.speak(speech(600))
        await client.start()
        await client.speak(speech(300) + silence(1000))
        await client.wait_for("tts_complete")
    assert [m["text"] for m in client.of("final_transcript")] == ["hello there"]
    assert client.of("error") == []


@pytest.mark.parametrize("between", [(), ("cancel",)])
async def test_prompt_voice_a_second_start_owes_its_stop_a_final(
    autojump_clock: Clock, between: tuple[str, ...]
) -> None:
    async with Cast(prompt_voice.DIALECT).session() as (_, client):
        await client.start()
        await client.speak(speech(600) + silence(1000))
        await client.wait_for("tts_complete")
        for kind in between:
            await client.say(type=kind)
        await client.start()
        await client.speak(silence(300))
        await client.say(type="stop")
        await client.wait_for("final_transcript", count=2)
    assert [m["text"] for m in client.of("final_transcript")] == ["hello there", ""]


async def test_prompt_voice_speech_goes_on_at_the_rate_of_a_second_start(
    autojump_clock: Clock,
) -> None:
    async with Cast(prompt_voice.DIALECT).session() as (_, client):
        await client.start()
        await client.speak(speech(500))
        await client.start(sample_rate=48_000)
        for _ in range(5):
            await trio.sleep(0.1)
            await client.transport.send(LOUD * 4_800)
        await client.start(audio_clock=True)
        await client.speak(silence(1000))
        final = await client.wait_for("final_transcript")
    assert final["text"] == "hello there"
    assert final["audio_ms"] == pytest.approx(1000 + 700, abs=60)


# Dialect C


def at_24_khz(pcm16: bytes) -> bytes:
    return pcm16[: len(pcm16) // 2] * 3


async def play(client: InMemoryClient, pcm16: bytes) -> None:
    """Dialect C: binary at 24 kHz, 80 ms a frame."""
    for start in range(0, len(pcm16), 3840):
        await trio.sleep(0.08)
        await client.transport.send(pcm16[start : start + 3840])


async def test_newspeech_holds_a_conversation_without_a_start(autojump_clock: Clock) -> None:
    async with Cast(newspeech.DIALECT).session() as (_, client):
        await play(client, LOUD * 24_000 + bytes(48_000))
        await client.wait_for("tts_complete")
    assert [m["text"] for m in client.of("final_transcript")] == ["hello there"]
    pieces = [m["pcm16"] for m in client.of("binary")]
    assert {len(piece) for piece in pieces[:-1]} == {3840}
    assert sum(map(len, pieces)) == pytest.approx(0.8 * 48_000, abs=30)
    assert client.of("error") == []


async def test_newspeech_typed_words_are_answered_like_spoken_ones(autojump_clock: Clock) -> None:
    cast = Cast(newspeech.DIALECT)
    async with cast.session() as (session, client):
        await client.say(type="text", content="what time is it")
        await client.wait_for("tts_complete")
        await trio.sleep(3)
        assert session.status()["state"] == "complete"
    assert [m.text for m in cast.responder.conversations[0]][-1] == "what time is it"
    assert client.of("binary")


async def test_newspeech_typed_words_interrupt_a_reply(autojump_clock: Clock) -> None:
    cast = Cast(newspeech.DIALECT, replies=[["A long sentence that goes on and on and on."]])
    async with cast.session() as (_, client):
        await client.say(type="text", content="one")
        await client.wait_for("binary")
        await client.say(type="text", content="two")
        await client.wait_for("tts_complete")
    assert len(client.of("barge_in")) == 1
    assert cast.responder.conversations[1][-1].text == "one\ntwo"  # nothing was heard between


async def test_newspeech_answers_a_ping(autojump_clock: Clock) -> None:
    async with Cast(newspeech.DIALECT).session() as (_, client):
        await client.say(type="control", command="ping")
        await client.wait_for("pong")


async def test_newspeech_barge_in_cuts_at_once_and_the_memory_keeps_what_was_heard(
    autojump_clock: Clock,
) -> None:
    cast = Cast(newspeech.DIALECT, replies=[["aaaa bbbb cccc dddd.", HANG]])
    async with cast.session() as (_, client):
        await client.say(type="text", content="one")
        await client.wait_for("binary")
        await trio.sleep(0.5)
        await client.say(type="barge_in", energy=-20.0)
        await client.wait_for("barge_in")
        sent = len(client.of("binary"))
        await trio.sleep(5)
        assert len(client.of("binary")) == sent
        await client.say(type="text", content="two")
        await client.wait_for("tts_complete")
    asked = [(m.role, m.text) for m in cast.responder.conversations[1] if m.role != "system"]
    assert asked == [("user", "one"), ("assistant", "aaaa bbbb… [interrupted]"), ("user", "two")]


async def test_newspeech_barge_in_without_a_reply_is_silent(
    autojump_clock: Clock,
) -> None:
    async with Cast(newspeech.DIALECT).session() as (_, client):
        await client.say(type="barge_in", energy=-20.0)
        await client.say(type="text", content="one")
        await client.wait_for("tts_complete")


@pytest.mark.parametrize("message", ['{"content":"one"}', b'{"type":"text","content":"one"}'])
async def test_newspeech_takes_text_without_a_type_and_messages_in_binary_frames(
    autojump_clock: Clock, message: str | bytes
) -> None:
    cast = Cast(newspeech.DIALECT)
    async with cast.session() as (_, client):
        await client.transport.send(message)
        await client.wait_for("tts_complete")
    assert [m.text for m in cast.responder.conversations[0]][-1] == "one"


async def test_newspeech_a_second_end_session_changes_nothing(autojump_clock: Clock) -> None:
    async with Cast(newspeech.DIALECT).session() as (_, client):
        await client.say(type="control", command="end_session")
        await client.say(type="control", command="end_session")
        gone = await client.wait_closed()
    assert gone.code == 1000
    assert client.of("error") == []


async def test_newspeech_end_session_in_mid_reply_cuts_it_and_closes(
    autojump_clock: Clock,
) -> None:
    cast = Cast(newspeech.DIALECT, replies=[["A long sentence that goes on and on and on."]])
    async with cast.session() as (_, client):
        await client.say(type="text", content="one")
        await client.wait_for("binary")
        await client.say(type="control", command="end_session")
        gone = await client.wait_closed()
    assert gone.code == 1000
    assert cast.responder.active == cast.synthesizer.active == 0


async def test_newspeech_takes_minutes_of_audio_in_one_frame(autojump_clock: Clock) -> None:
    async with Cast(newspeech.DIALECT, ["one", "two"]).session() as (_, client):
        minute = LOUD * 24_000 + bytes(2 * 24_000 * 29)
        await client.transport.send(minute + minute)
        await client.wait_for("final_transcript", count=2)
        await client.wait_for("tts_complete")
    assert client.of("error") == []
