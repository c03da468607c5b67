"""Whole sessions in memory, under virtual time, with scripted engines.

Each rule of dialect A's wire facts has a test of its own here, named after it.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.conversation.spoken_sentences import failure_sentence
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure, EngineUnavailable, LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.testing import LOUD, open_session, silence, speech
from parley.transport import PeerGone

Clock = trio.testing.MockClock


class Cast:
    """Scripted engines, at hand for a test to look into."""

    def __init__(
        self,
        words: Sequence[str] = ("hello there",),
        replies: Iterable[Sequence[Step]] = (),
        *,
        transcriber: ScriptedTranscriber | None = None,
        synthesizer: ScriptedSynthesizer | None = None,
        **settings: Any,
    ) -> None:
        self.transcriber = transcriber or ScriptedTranscriber(words)
        self.responder = ScriptedResponder(replies, then=["Fine, thank you."])
        self.synthesizer = synthesizer or ScriptedSynthesizer()
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
        )
        self.settings = Settings.defaults(**({"stream_backchannels": False} | settings))

    def session(self, **options: Any) -> Any:
        return open_session(self.engines, settings=self.settings, **options)


async def say(client: InMemoryClient, ms: int = 1000, pause_ms: int = 1000) -> None:
    await client.speak(speech(ms) + silence(pause_ms))


def codes(client: InMemoryClient) -> list[str]:
    return [error["code"] for error in client.of("error")]


def texts(client: InMemoryClient, kind: str) -> list[str]:
    return [message["text"] for message in client.of(kind)]


def reply_pcm(client: InMemoryClient) -> bytes:
    return b"".join(base64.b64decode(m["audio_b64"])[44:] for m in client.of("tts_chunk"))


# A conversation


async def test_a_conversation_goes_the_documented_way(autojump_clock: Clock) -> None:
    cast = Cast(["hello there friend"], [["Fine", " day."]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(5)
    first_seen = list(dict.fromkeys(client.kinds))
    assert first_seen == [
        "protocol",
        "info",
        "partial_transcript",
        "finalize_pending",
        "final_transcript",
        "metrics",
        "llm_token",
        "tts_chunk",
        "tts_phrase_done",
        "tts_complete",
    ]
    assert texts(client, "partial_transcript") == ["hello", "hello there", "hello there friend"]
    assert texts(client, "final_transcript") == ["hello there friend"]
    assert texts(client, "llm_token") == ["Fine", " day.", ""]
    assert cast.synthesizer.read_back(reply_pcm(client)) == "Fine day."
    assert codes(client) == []


async def test_protocol_comes_first_and_the_session_second(autojump_clock: Clock) -> None:
    async with Cast().session() as (session, client):
        await client.wait_for("info")
    assert client.received[0][1] == {"type": "protocol", "version": 1}
    assert client.received[1][1] == {
        "type": "info",
        "message": "Session created",
        "session_id": session.id,
    }


async def test_every_final_has_an_id_of_its_own(autojump_clock: Clock) -> None:
    async with Cast(["one", "two"]).session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(5)
        await say(client)
        await client.wait_for("final_transcript", count=2)
    ids = {message["id"] for message in client.of("final_transcript")}
    assert len(ids) == 2
    assert all(len(uuid) == 36 for uuid in ids)


async def test_the_last_token_is_empty_and_done(autojump_clock: Clock) -> None:
    async with Cast().session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    tokens = client.of("llm_token")
    assert [token["done"] for token in tokens] == [False] * (len(tokens) - 1) + [True]
    assert tokens[-1]["text"] == ""


async def test_each_phrase_is_one_wav_followed_by_its_end(autojump_clock: Clock) -> None:
    async with Cast(replies=[["One.", " Two.", " Three."]]).session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    order = [
        (m["type"], m.get("seq")) for m in client.of("tts_chunk", "tts_phrase_done", "tts_complete")
    ]
    assert order == [
        ("tts_chunk", 1),
        ("tts_phrase_done", 1),
        ("tts_chunk", 2),
        ("tts_phrase_done", 2),
        ("tts_chunk", 3),
        ("tts_phrase_done", 3),
        ("tts_complete", None),
    ]


async def test_latencies_are_told_once_a_turn_and_in_order(autojump_clock: Clock) -> None:
    cast = Cast(replies=[[0.5, "Fine."]], synthesizer=ScriptedSynthesizer(delay_s=0.25))
    async with cast.session() as (_, client):
        await client.start()
        await client.speak(silence(500) + speech(1000) + silence(1000))
        await client.wait_for("tts_complete")
    (latency,) = [m for m in client.of("metrics") if m["event"] == "latency"]
    t0, t1, t2, t3, t4 = (latency[f"t{n}"] for n in range(5))
    # Speech began at 0.5 s, ended at 1.5 s, and 700 ms of silence decided it.
    assert t0 == pytest.approx(500, abs=110)
    assert t0 < t1 <= t0 + 300
    assert t2 == pytest.approx(2200, abs=110)
    assert t3 == pytest.approx(t2 + 500, abs=0.2)
    assert t4 == pytest.approx(t3 + 250, abs=0.2)


async def test_the_decoding_is_told_with_each_final(autojump_clock: Clock) -> None:
    transcriber = ScriptedTranscriber(["hello"], delays_s={"feed": 0.01, "finish": 0.1})
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        decode = await client.wait_for("metrics", where=lambda m: m["event"] == "decode")
    assert decode["runs"] > 10
    assert decode["ms"] == pytest.approx(transcriber.transcripts[0].decode_ms, abs=0.1)
    assert 0 < decode["rtf"] < 1


async def test_partials_come_at_most_every_100_ms(autojump_clock: Clock) -> None:
    transcriber = ScriptedTranscriber([" ".join("word" for _ in range(60))], word_ms=20)
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await client.speak(speech(1000) + silence(1000), chunk_ms=20)
        await client.wait_for("final_transcript")
    times = [at for at, m in client.received if m["type"] == "partial_transcript"]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 0.1 - 1e-9
    assert max(gaps) < 0.15


async def test_a_talker_waits_for_a_fresh_partial_no_longer_than_the_interval(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber([["one"]], word_ms=300)
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await client.speak(speech(5000) + silence(1000))
        await client.wait_for("final_transcript")
    times = [at for at, m in client.received if m["type"] == "partial_transcript"]
    assert all(1.0 <= b - a <= 1.1 for a, b in itertools.pairwise(times))
    assert len(times) >= 5


async def test_transcripts_carry_the_audio_clock_for_those_who_ask(autojump_clock: Clock) -> None:
    async with Cast().session() as (_, client):
        await client.start(audio_clock=True)
        await client.speak(speech(1000) + silence(1000))
        final = await client.wait_for("final_transcript")
    partials = [m["audio_ms"] for m in client.of("partial_transcript")]
    assert partials == sorted(partials)
    assert final["audio_ms"] == pytest.approx(1700, abs=30)


# start, stop, cancel


async def test_stop_finalizes_at_once_without_waiting_for_silence(autojump_clock: Clock) -> None:
    async with Cast(["half a sentence"]).session() as (_, client):
        await client.start()
        await client.speak(speech(1000))
        await client.say(type="stop")
        stopped = trio.current_time()
        await client.wait_for("final_transcript")
        assert trio.current_time() == stopped
    assert texts(client, "final_transcript") == ["half a sentence"]


async def test_stop_without_speech_brings_an_empty_final_and_no_reply(
    autojump_clock: Clock,
) -> None:
    cast = Cast()
    async with cast.session() as (session, client):
        await client.start()
        await client.speak(silence(1000))
        await client.say(type="stop")
        await client.wait_for("final_transcript")
        await trio.sleep(5)
        assert session.status()["state"] == "complete"
    assert texts(client, "final_transcript") == [""]
    assert cast.responder.conversations == []


async def test_stop_adds_no_final_where_one_was_sent_and_nothing_is_pending(
    autojump_clock: Clock,
) -> None:
    async with Cast().session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("final_transcript")
        await client.say(type="stop")
        await trio.sleep(5)
    assert texts(client, "final_transcript") == ["hello there"]


async def test_the_same_connection_may_start_again_after_stop(autojump_clock: Clock) -> None:
    async with Cast(["one", "two"]).session() as (_, client):
        for turn in (1, 2):
            await client.start()
            await client.speak(speech(600))
            await client.say(type="stop")
            await client.wait_for("tts_complete", count=turn)
            await trio.sleep(5)
    assert texts(client, "final_transcript") == ["one", "two"]
    assert codes(client) == []


async def test_with_an_open_microphone_new_speech_is_a_new_utterance(
    autojump_clock: Clock,
) -> None:
    async with Cast(["one", "two", "three"]).session() as (session, client):
        await client.start()
        for turn in (1, 2, 3):
            await say(client)
            await client.wait_for("tts_complete", count=turn)
            await trio.sleep(5)
            assert session.status()["state"] == "complete"
    assert texts(client, "final_transcript") == ["one", "two", "three"]


async def test_a_client_six_times_faster_than_real_time_is_heard_the_same(
    autojump_clock: Clock,
) -> None:
    async def hear(speed: float) -> list[str]:
        cast = Cast(["first part", "second part"])
        async with cast.session() as (_, client):
            await client.start()
            await client.speak(speech(1500) + silence(800) + speech(900), speed=speed)
            await client.say(type="stop")
            await client.wait_for("final_transcript", count=2)
        assert cast.transcriber.heard[0] != b""
        return [bytes(audio).hex() for audio in cast.transcriber.heard] + texts(
            client, "final_transcript"
        )

    assert await hear(6.0) == await hear(1.0)


async def test_cancel_stops_the_reply_and_leaves_the_memory_as_it_was(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [["A", HANG]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("llm_token")
        await client.say(type="cancel")
        error = await client.wait_for("error")
        await say(client)
        await client.wait_for("tts_complete")
    assert (error["code"], error["recoverable"]) == ("CANCELLED", True)
    assert [m.text for m in cast.responder.conversations[1] if m.role != "system"] == ["second"]
    assert cast.responder.cancelled == 1


async def test_cancel_forgets_the_utterance_that_is_being_spoken(autojump_clock: Clock) -> None:
    cast = Cast(["second"])
    async with cast.session() as (_, client):
        await client.start()
        await client.speak(speech(800))
        await client.say(type="cancel")
        await client.speak(silence(1500))
        assert texts(client, "final_transcript") == []
        await say(client)
        await client.wait_for("tts_complete")
    assert texts(client, "final_transcript") == ["second"]
    assert codes(client) == ["CANCELLED"]


async def test_cancel_with_nothing_to_cancel_is_answered_all_the_same(
    autojump_clock: Clock,
) -> None:
    async with Cast().session() as (_, client):
        await client.say(type="cancel")
        await client.wait_for("error")
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert codes(client) == ["CANCELLED"]


async def test_what_was_said_before_a_cancel_is_not_answered_after_it(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(["slowly decoded"], delays_s={"finish": 2.0})
    cast = Cast(transcriber=transcriber)
    async with cast.session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("finalize_pending")
        await client.say(type="cancel")
        await client.wait_for("final_transcript")
        await trio.sleep(10)
        assert session.status()["state"] == "capturing"
    assert cast.responder.conversations == []


# Breaches


async def test_audio_before_start_is_fatal(autojump_clock: Clock) -> None:
    async with Cast().session() as (_, client):
        await client.transport.send(speech(100))
        gone = await client.wait_closed()
    (error,) = client.of("error")
    assert (error["code"], error["recoverable"]) == ("PROTOCOL_VIOLATION", False)
    assert gone.code == 1008


@pytest.mark.parametrize("frame", ['{"type":"sing"}', "{}", "[1]", "7", bytes(65_538)])
async def test_a_fatal_breach_is_answered_and_then_the_connection_is_closed(
    autojump_clock: Clock, frame: str | bytes
) -> None:
    async with Cast().session() as (_, client):
        await client.start()
        await client.transport.send(frame)
        gone = await client.wait_closed()
    (error,) = client.of("error")
    assert (error["code"], error["recoverable"]) == ("PROTOCOL_VIOLATION", False)
    assert gone.code == 1008


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("no json", "PROTOCOL_VIOLATION"),
        (b"", "PROTOCOL_VIOLATION"),
        (b"odd", "PROTOCOL_VIOLATION"),
        ('{"type":"start","sample_rate":7999}', "UNSUPPORTED_SAMPLE_RATE"),
        ('{"type":"start","sample_rate":"abc"}', "UNSUPPORTED_SAMPLE_RATE"),
    ],
)
async def test_a_forgivable_breach_is_answered_and_the_conversation_goes_on(
    autojump_clock: Clock, frame: str | bytes, code: str
) -> None:
    async with Cast().session() as (_, client):
        await client.transport.send(frame)
        error = await client.wait_for("error")
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert (error["code"], error["recoverable"]) == (code, True)


async def test_an_utterance_that_is_too_long_is_finalized_with_what_was_heard(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["a very long story", "and its end"], stream_max_utterance_ms=2000)
    async with cast.session() as (_, client):
        await client.start()
        await client.speak(speech(3000) + silence(1000))
        await client.wait_for("tts_complete")
    assert texts(client, "final_transcript") == ["a very long story", "and its end"]
    order = [m["type"] for m in client.of("error", "final_transcript")]
    assert order[:2] == ["error", "final_transcript"]
    assert codes(client) == ["MAX_DURATION_EXCEEDED"]
    heard = b"".join(cast.transcriber.heard)
    assert heard.count(speech(1)) >= 2990


# Interruptions


async def test_speech_over_the_reply_interrupts_it_when_it_has_lasted(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [["One two three four five six seven eight nine ten."]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_chunk")
        began = trio.current_time()
        await client.speak(speech(320), chunk_ms=20)
        await client.wait_for("barge_in")
        assert trio.current_time() - began == pytest.approx(0.32, abs=0.03)
        await client.speak(speech(500) + silence(800))
        await client.wait_for("tts_complete")
    assert client.of("barge_in") == [{"type": "barge_in", "seq": 1}]
    assert texts(client, "final_transcript") == ["first", "second"]


async def test_after_an_interruption_the_memory_holds_what_was_heard(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [["aaaa bbbb cccc dddd."]], stream_turn_take_back_ms=0)
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_chunk")
        # The reply lasts 1 s and has 17 letters. It began 0.3 s ago, when the silence that ended
        # the question was long enough: by 0.7 s two words and most of a third were due.
        await client.speak(silence(80) + speech(320), chunk_ms=20)
        await client.wait_for("barge_in")
        await client.speak(speech(300) + silence(800))
        await client.wait_for("tts_complete")
    asked = [(m.role, m.text) for m in cast.responder.conversations[1] if m.role != "system"]
    assert asked == [
        ("user", "first"),
        ("assistant", "aaaa bbbb… [interrupted]"),
        ("user", "second"),
    ]


async def test_nothing_of_an_interrupted_reply_comes_after_barge_in(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [[f"Sentence number {n}." for n in range(20)]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_chunk", count=2)
        await client.speak(speech(1000) + silence(1000), chunk_ms=20)
        await client.wait_for("tts_complete")
    kinds = client.kinds
    after = kinds[kinds.index("barge_in") :]
    final = after.index("final_transcript")
    assert not set(after[:final]) & {"llm_token", "tts_chunk", "tts_phrase_done", "tts_complete"}
    assert cast.synthesizer.active == 0


async def test_a_cough_does_not_cost_the_reply_anything(autojump_clock: Clock) -> None:
    reply = "One two three four five six seven eight. Nine ten."
    cast = Cast(["first", "cough"], [[reply]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_chunk")
        await client.speak(silence(200) + speech(150) + silence(1500), chunk_ms=20)
        await client.wait_for("tts_complete")
    assert client.of("barge_in") == []
    assert texts(client, "final_transcript") == ["first"]
    assert len(cast.responder.conversations) == 1
    assert cast.synthesizer.read_back(reply_pcm(client)).replace(" ", "") == reply.replace(" ", "")


async def test_reply_audio_pauses_within_100_ms_of_a_sound_and_goes_on_after_it(
    autojump_clock: Clock,
) -> None:
    words, reply = ["first", "cough"], ["A reply of a few seconds, with time to cough in it."]
    cast = Cast(words, [reply])
    async with cast.session(dialect=NEWSPEECH) as (_, client):
        await play(client, LOUD * 24_000 + bytes(40_000))
        await client.wait_for("binary", count=5)
        await play(client, bytes(4800))
        began = trio.current_time()
        await play(client, LOUD * 2400 + bytes(48_000))  # 100 ms
        await client.wait_for("tts_complete")
    times = [at for at, m in client.received if m["type"] == "binary"]
    during = [at - began for at in times if began < at < began + 0.4]
    assert all(at <= 0.1 for at in during if at < 0.2)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times) if later > began]
    assert max(pauses) > 0.2
    assert client.of("barge_in") == []
    pcm16 = b"".join(m["pcm16"] for m in client.of("binary"))
    quiet = Cast(words, [reply])
    async with quiet.session(dialect=NEWSPEECH) as (_, undisturbed):
        await play(undisturbed, LOUD * 24_000 + bytes(40_000))
        await undisturbed.wait_for("tts_complete")
    assert pcm16 == b"".join(m["pcm16"] for m in undisturbed.of("binary"))


async def play(client: InMemoryClient, pcm16: bytes) -> None:
    """Dialect C: binary at 24 kHz, 20 ms a frame."""
    for start in range(0, len(pcm16), 960):
        await trio.sleep(0.02)
        await client.transport.send(pcm16[start : start + 960])


async def test_speech_that_goes_on_before_the_answer_is_answered_together(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(["i want", "a pizza"], delays_s={("finish", 1): 0.5})
    cast = Cast(transcriber=transcriber)
    async with cast.session() as (_, client):
        await client.start()
        await client.speak(speech(600) + silence(750) + speech(600) + silence(1000))
        await client.wait_for("tts_complete")
    assert texts(client, "final_transcript") == ["i want", "a pizza"]
    (asked,) = cast.responder.conversations
    assert asked[-1].text == "i want a pizza"


# Memory


async def test_the_memory_keeps_a_reply_that_was_heard(autojump_clock: Clock) -> None:
    cast = Cast(["first", "second"], [["All", " of it."]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(5)
        await say(client)
        await client.wait_for("tts_complete", count=2)
    asked = [(m.role, m.text) for m in cast.responder.conversations[1] if m.role != "system"]
    assert asked == [("user", "first"), ("assistant", "All of it."), ("user", "second")]


async def test_the_memory_of_a_failed_reply_is_what_was_spoken_of_it(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [["Spoken.", " Not whole", EngineFailure("cut")]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(5)
        await say(client)
        await client.wait_for("tts_complete", count=2)
    asked = [(m.role, m.text) for m in cast.responder.conversations[1] if m.role != "system"]
    assert asked[1] == ("assistant", "Spoken. Not whole")
    assert codes(client) == ["LLM_FAIL"]
    assert [t["done"] for t in client.of("llm_token")].count(True) == 1


# Failures of engines


async def test_a_recognizer_that_is_lost_is_fed_again_and_the_client_hears_nothing_of_it(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(
        ["hello there friend"], fail_on={("feed", 8): LaneLost("killed")}
    )
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert texts(client, "final_transcript") == ["hello there friend"]
    assert codes(client) == []
    assert transcriber.calls["begin"] == 2
    assert transcriber.heard[1].startswith(transcriber.heard[0])


async def test_a_recognizer_that_is_lost_in_the_final_decode_is_asked_again(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(["hello"], fail_on={("finish", 1): LaneLost("killed")})
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("final_transcript")
    assert client.kinds.count("finalize_pending") == 1
    assert codes(client) == []


async def test_an_utterance_is_given_up_after_its_second_failure_and_the_next_one_works(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(
        ["second"],
        fail_on={("feed", 3): LaneLost("killed"), ("feed", 6): LaneLost("killed again")},
    )
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        error = await client.wait_for("error")
        await say(client)
        await client.wait_for("tts_complete")
    assert (error["code"], error["recoverable"]) == ("ASR_FAIL", True)
    assert texts(client, "final_transcript") == ["second"]


async def test_a_recognizer_that_hangs_is_a_timeout(autojump_clock: Clock) -> None:
    transcriber = ScriptedTranscriber(
        ["second"], delays_s={("finish", 1): math.inf, ("finish", 2): math.inf}
    )
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        error = await client.wait_for("error")
        await say(client)
        await client.wait_for("tts_complete")
    assert error["code"] == "ASR_TIMEOUT"


async def test_a_recognizer_that_cannot_be_loaded_ends_the_session_in_words(
    autojump_clock: Clock,
) -> None:
    transcriber = ScriptedTranscriber(
        ["x"], fail_on={("begin", 1): EngineUnavailable("no model at /models/x")}
    )
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        with suppress(PeerGone):
            await client.speak(speech(500))
        gone = await client.wait_closed()
    (error,) = client.of("error")
    assert (error["code"], error["recoverable"]) == ("MODEL_LOAD_FAIL", False)
    assert "no model at" in error["message"]
    assert gone.code == 1011


async def test_a_bug_in_the_recognizer_costs_one_utterance(autojump_clock: Clock) -> None:
    transcriber = ScriptedTranscriber(
        ["second"], fail_on={("feed", 3): ZeroDivisionError(), ("feed", 5): ZeroDivisionError()}
    )
    async with Cast(transcriber=transcriber).session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("error")
        await say(client)
        await client.wait_for("tts_complete")
    assert codes(client) == ["ASR_FAIL"]


async def test_a_phrase_whose_lane_is_lost_is_spoken_by_the_next(autojump_clock: Clock) -> None:
    synthesizer = ScriptedSynthesizer(failures={2: LaneLost("killed")})
    cast = Cast(replies=[["One.", " Two.", " Three."]], synthesizer=synthesizer)
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert synthesizer.read_back(reply_pcm(client)) == "One.Two.Three."
    assert codes(client) == []


async def test_a_phrase_that_fails_twice_is_skipped(autojump_clock: Clock) -> None:
    synthesizer = ScriptedSynthesizer(failures={2: LaneLost("killed"), 3: LaneLost("again")})
    cast = Cast(replies=[["One.", " Two.", " Three."]], synthesizer=synthesizer)
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert synthesizer.read_back(reply_pcm(client)) == "One.Three."
    assert codes(client) == ["TTS_FAIL"]


async def test_a_phrase_that_overruns_is_skipped(autojump_clock: Clock) -> None:
    synthesizer = ScriptedSynthesizer(delays_s={1: math.inf})
    cast = Cast(replies=[["One.", " Two."]], synthesizer=synthesizer)
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("error")
        assert trio.current_time() - client.when("final_transcript") == pytest.approx(10)
        await client.wait_for("tts_complete")
    assert synthesizer.read_back(reply_pcm(client)) == "Two."
    assert codes(client) == ["TTS_FAIL"]


async def test_a_reply_without_any_sound_still_ends(autojump_clock: Clock) -> None:
    cast = Cast(["one", "two"], [["...", " "]], synthesizer=ScriptedSynthesizer(ms_per_char=0))
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        latency = await client.wait_for("metrics", where=lambda m: m["event"] == "latency")
        await say(client)
        await client.wait_for("tts_complete", count=2)
    assert latency["t4"] is None


async def test_an_empty_reply_still_ends(autojump_clock: Clock) -> None:
    async with Cast(replies=[[]]).session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(1)
        assert session.status()["state"] == "complete"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ([EngineFailure("no key", retryable=False)], "LLM_FAIL"),
        ([HANG], "LLM_TIMEOUT"),
        (["Well", HANG], "LLM_TIMEOUT"),
        (["Well", EngineFailure("cut")], "LLM_FAIL"),
        ([ZeroDivisionError()], None),
    ],
)
async def test_a_model_that_fails_costs_one_reply(
    autojump_clock: Clock, reply: Sequence[Step], code: str | None
) -> None:
    cast = Cast(["first", "second"], [reply])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(3)
        await say(client)
        await client.wait_for("tts_complete", count=2)
    assert codes(client) == ([code] if code else [])
    assert texts(client, "final_transcript") == ["first", "second"]


async def test_a_detector_that_crashes_is_made_anew_and_the_next_utterance_works(
    autojump_clock: Clock,
) -> None:
    class Fragile(ScriptedDetector):
        judged = 0

        def is_speech(self, pcm16: bytes) -> bool:
            Fragile.judged += 1
            if Fragile.judged == 40:
                raise ZeroDivisionError
            return super().is_speech(pcm16)

    cast = Cast(["first half", "second"])
    engines = Engines(
        detector=lambda session: Fragile(),
        transcriber=cast.engines.transcriber,
        responder=cast.responder,
        synthesizer=cast.synthesizer,
    )
    async with open_session(engines, settings=cast.settings) as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("final_transcript")
        await trio.sleep(5)
        await say(client)
        await client.wait_for("final_transcript", count=2)
    assert codes(client) == []


# The end of a session


async def test_a_peer_that_hangs_up_ends_the_session_wherever_it_is(
    autojump_clock: Clock,
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    for seconds in (0.0, 0.05, 0.5, 1.5, 2.0, 2.5, 3.0):
        cast = Cast(replies=[["One.", 0.2, " Two."]])
        async with cast.session() as (_, client):
            await client.start()
            with trio.move_on_after(seconds):
                await say(client)
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert cast.responder.active == cast.synthesizer.active == 0
        assert not cast.transcriber.open


async def test_an_idle_client_is_told_and_closed(autojump_clock: Clock) -> None:
    async with Cast(ws_idle_timeout=60).session() as (_, client):
        await client.start()
        gone = await client.wait_closed()
        assert trio.current_time() == pytest.approx(60)
    assert gone.code == 1000
    assert "idle" in client.of("info")[-1]["message"]


async def test_a_draining_session_lets_the_reply_finish_and_then_closes(
    autojump_clock: Clock,
) -> None:
    cast = Cast(replies=[["One.", 0.5, " Two.", 0.5, " Three."]])
    async with cast.session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_chunk")
        session.drain()
        gone = await client.wait_closed()
    assert gone.code == 1001
    assert cast.synthesizer.read_back(reply_pcm(client)) == "One.Two.Three."
    assert client.kinds[-1] == "tts_complete"
    assert client.of("info")[-1]["message"] == "the server is shutting down"


async def test_a_draining_session_without_a_reply_closes_at_once(autojump_clock: Clock) -> None:
    async with Cast().session() as (session, client):
        await client.start()
        session.drain()
        began = trio.current_time()
        gone = await client.wait_closed()
        assert trio.current_time() == began
    assert gone.code == 1001


async def test_a_bug_in_the_heart_of_a_session_is_told_as_internal(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cast().session() as (session, client):
        await client.start()
        monkeypatch.setattr(
            session.parts.items, "request", lambda text: (_ for _ in ()).throw(KeyError("bug"))
        )
        with suppress(PeerGone):
            await client.speak(speech(500) + silence(1000))
        gone = await client.wait_closed()
    (error,) = client.of("error")
    assert (error["code"], error["recoverable"]) == ("INTERNAL", False)
    assert "bug" not in error["message"]
    assert gone.code == 1011


# Slow clients


async def test_a_client_that_reads_nothing_is_disconnected(autojump_clock: Clock) -> None:
    cast = Cast(["hello"], [["Word "] * 400])
    async with cast.session(capacity=5, reading=False) as (_, client):
        await client.start()
        await say(client)
        await trio.sleep(60)
        await client.read()
        assert client.closed is not None


async def test_partials_thin_out_for_a_slow_client_and_finals_do_not(
    autojump_clock: Clock,
) -> None:
    words = " ".join(f"w{n}" for n in range(300))
    transcriber = ScriptedTranscriber([words], word_ms=100)
    cast = Cast(transcriber=transcriber, stream_backpressure_threshold=5)
    async with cast.session(capacity=1, reading=False) as (_, client):
        await client.start()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.speak, speech(15_000) + silence(1000))
            while "final_transcript" not in client.kinds:
                await trio.sleep(0.25 if trio.current_time() < 15 else 0)
                await client.read_one()
    spoken = [int(text.split()[-1][1:]) for text in texts(client, "partial_transcript")]
    gaps = [b - a for a, b in itertools.pairwise(spoken)]
    assert max(gaps) == 3
    told = [m["message"] for m in client.of("info") if "backpressure" in m["message"]]
    assert told
    assert texts(client, "final_transcript") == [words]


# Found by tests/test_conversations_property.py


async def test_a_language_model_that_crashes_in_the_middle_of_a_reply_does_not_begin_again(
    autojump_clock: Clock,
) -> None:
    cast = Cast(replies=[["One.", RuntimeError("a bug")], ["Two."]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    assert texts(client, "llm_token") == ["One."]
    assert codes(client) == ["LLM_FAIL"]
    assert cast.synthesizer.texts == ["One.", failure_sentence("auto", "en")]


async def test_the_sentence_that_is_said_when_a_model_fails_is_not_remembered(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["first", "second"], [["One.", EngineFailure("x")], ["Two."]])
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(5)  # until it was heard
        await say(client)
        await client.wait_for("tts_complete", count=2)
    assert cast.synthesizer.texts == ["One.", failure_sentence("auto", "en"), "Two."]
    told = [message.text for message in cast.responder.conversations[-1]]
    assert any("One." in text for text in told)
    assert not any("Sorry" in text for text in told)


async def test_a_resampled_phrase_that_was_heard_is_remembered_to_its_last_word(
    autojump_clock: Clock,
) -> None:
    words = "one two three four five."
    cast = Cast(
        ["first", "second"],
        [[words, " And then many other things that nobody waits for."]],
        synthesizer=ScriptedSynthesizer(rate_hz=22_050),
    )
    async with cast.session(dialect=IO_SPEECH) as (session, client):
        await client.say(type="control", action="start_listening")
        for pcm16 in (speech(600), silence(800)):
            await client.say(type="audio", data=base64.b64encode(pcm16).decode())
        await client.wait_for("audio_output")
        # The phrase lasts 1.2 s; the first word of the next one is not over yet.
        await trio.sleep(1.25)
        await client.say(type="control", action="cancel_tts")
        await client.wait_for("barge_in")
        assert session.parts.items.exchanges() == [("first", words)]
