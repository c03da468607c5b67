"""The TTSActor: phrases become speech one by one, and a phrase that cannot is skipped."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator

import pytest
import trio
import trio.testing

from parley.actors.messages import EndOfReply, SpokenPhrase
from parley.actors.tts import TTSActor
from parley.conversation.attempts import Attempts
from parley.conversation.text.phrases import Phrase
from parley.engines.failures import (
    EngineBusy,
    EngineFailure,
    EngineTimeout,
    EngineUnavailable,
    LaneLost,
    Unsayable,
)
from parley.engines.tts.interface import Speech
from parley.engines.tts.scripted import ScriptedStream, ScriptedSynthesizer
from parley.protocol.codes import Code
from parley.protocol.events import Failure, Info
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox

Clock = trio.testing.MockClock


class Booth:
    def __init__(
        self,
        synthesizer: ScriptedSynthesizer | None = None,
        *,
        speech_room: int = 100,
        outbox_room: int = 100,
    ) -> None:
        self.synthesizer = synthesizer or ScriptedSynthesizer()
        self.phrases, self.inbox = trio.open_memory_channel[Phrase | EndOfReply](100)
        self.speaking, self.speech = trio.open_memory_channel[SpokenPhrase | EndOfReply](
            speech_room
        )
        self.outbox, self.out = open_outbox(outbox_room)
        self.attempts: Attempts[Phrase] = Attempts()
        self.telemetry = Telemetry()

    async def run(self) -> None:
        """One incarnation."""
        await TTSActor(
            inbox=self.inbox,
            speech=self.speaking,
            outbox=self.outbox,
            synthesizer=self.synthesizer,
            attempts=self.attempts,
            turn=7,
            phrase_timeout_s=10,
            telemetry=self.telemetry,
        ).run()

    def write(self, *texts: str, end: bool = True) -> None:
        for number, text in enumerate(texts, 1):
            self.phrases.send_nowait(Phrase(number=number, text=text))
        if end:
            self.phrases.send_nowait(EndOfReply())

    def spoken(self) -> list[str]:
        """What was spoken, read back from the audio."""
        return [
            "END" if isinstance(m, EndOfReply) else self.synthesizer.read_back(m.speech.pcm16)
            for m in drain(self.speech)
        ]

    def told(self) -> list[tuple[Code, str]]:
        return [(e.code, e.message) for e in drain(self.out) if isinstance(e, Failure)]


async def test_phrases_are_spoken_in_their_order(autojump_clock: Clock) -> None:
    booth = Booth(ScriptedSynthesizer(delay_s=0.5))
    booth.write("One.", "Two.")
    await booth.run()
    assert trio.current_time() == 1.0
    first, second, end = drain(booth.speech)
    assert isinstance(first, SpokenPhrase) and isinstance(second, SpokenPhrase)
    assert [(p.phrase.number, p.phrase.text) for p in (first, second)] == [(1, "One."), (2, "Two.")]
    assert booth.synthesizer.read_back(second.speech.pcm16) == "Two."
    assert end == EndOfReply()
    assert booth.attempts.item is None
    assert b'parley_stage_seconds_count{stage="speak"} 2.0' in booth.telemetry.exposition()


async def test_a_phrase_without_sound_is_counted_and_not_passed_on(autojump_clock: Clock) -> None:
    booth = Booth()
    booth.write("One.", "  ", "Two.")
    await booth.run()
    assert booth.spoken() == ["One.", "Two.", "END"]
    assert booth.told() == []
    assert b"parley_silent_phrases_total 1.0" in booth.telemetry.exposition()


async def test_a_phrase_whose_lane_is_lost_is_spoken_with_the_second_attempt(
    autojump_clock: Clock,
) -> None:
    booth = Booth(ScriptedSynthesizer(failures={2: LaneLost("killed")}))
    booth.write("One.", "Two.", "Three.")
    await booth.run()
    assert booth.spoken() == ["One.", "Two.", "Three.", "END"]
    assert booth.told() == []


async def test_a_phrase_that_fails_twice_is_told_and_skipped(autojump_clock: Clock) -> None:
    booth = Booth(ScriptedSynthesizer(failures={2: LaneLost("killed"), 3: LaneLost("again")}))
    booth.write("One.", "Two.", "Three.")
    await booth.run()
    assert booth.spoken() == ["One.", "Three.", "END"]
    (failure,) = drain(booth.out)
    assert failure == Failure(
        code=Code.TTS_FAIL,
        message="phrase 2 of the reply is skipped: again",
        recoverable=True,
        turn=7,
    )
    metrics = booth.telemetry.exposition()
    assert b'parley_engine_failures_total{engine="tts",failure="LaneLost"} 2.0' in metrics


async def test_every_phrase_has_two_attempts_of_its_own(autojump_clock: Clock) -> None:
    booth = Booth(ScriptedSynthesizer(failures={1: LaneLost("a"), 3: LaneLost("b")}))
    booth.write("One.", "Two.")
    await booth.run()
    assert booth.spoken() == ["One.", "Two.", "END"]
    assert booth.told() == []


@pytest.mark.parametrize(
    "failure",
    [
        EngineFailure("it failed"),
        EngineFailure("it refused", retryable=False),
        EngineTimeout("it took too long"),
        LaneLost("killed"),
        EngineBusy("no room"),
        EngineUnavailable("no voice"),
    ],
    ids=lambda failure: f"{type(failure).__name__}-{failure}",
)
async def test_however_many_phrases_fail_each_is_told_and_the_actor_does_not_crash(
    autojump_clock: Clock, failure: EngineFailure
) -> None:
    booth = Booth(ScriptedSynthesizer(failures=dict.fromkeys(range(1, 201), failure)))
    booth.phrases, booth.inbox = trio.open_memory_channel(101)
    booth.write(*["Word."] * 100)
    await booth.run()
    assert booth.spoken() == ["END"]
    assert [message.partition(" of ")[0] for _, message in booth.told()] == [
        f"phrase {number}" for number in range(1, 101)
    ]


async def test_a_bug_and_a_failure_on_one_phrase_are_its_two_attempts(
    autojump_clock: Clock,
) -> None:
    booth = Booth(ScriptedSynthesizer(failures={1: ZeroDivisionError(), 2: LaneLost("killed")}))
    booth.write("One.", "Two.")
    with pytest.raises(ZeroDivisionError):
        await booth.run()
    await booth.run()
    assert booth.spoken() == ["Two.", "END"]
    assert [message for _, message in booth.told()] == ["phrase 1 of the reply is skipped: killed"]


async def test_a_phrase_that_overruns_is_skipped_without_a_second_try(
    autojump_clock: Clock,
) -> None:
    booth = Booth(ScriptedSynthesizer(delays_s={1: math.inf}))
    booth.write("One.", "Two.")
    await booth.run()
    assert trio.current_time() == 10
    assert booth.spoken() == ["Two.", "END"]
    assert booth.told() == [
        (
            Code.TTS_FAIL,
            "phrase 1 of the reply is skipped: speaking a phrase took longer than 10 s",
        )
    ]
    assert booth.synthesizer.active == 0


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (EngineTimeout("late"), Code.TTS_FAIL),
        (EngineFailure("the key is refused", retryable=False), Code.TTS_FAIL),
        (EngineUnavailable("no voice"), Code.MODEL_LOAD_FAIL),
    ],
)
async def test_what_another_try_would_not_mend_is_skipped_at_once(
    autojump_clock: Clock, failure: EngineFailure, code: Code
) -> None:
    booth = Booth(ScriptedSynthesizer(failures={1: failure}))
    booth.write("One.", "Two.")
    await booth.run()
    assert booth.spoken() == ["Two.", "END"]
    (told,) = drain(booth.out)
    assert isinstance(told, Failure)
    assert (told.code, told.recoverable) == (code, True)  # Parley still hears and answers


async def test_a_bug_in_the_engine_crashes_it_and_after_two_the_phrase_is_skipped(
    autojump_clock: Clock,
) -> None:
    booth = Booth(ScriptedSynthesizer(failures={1: ZeroDivisionError(), 2: ZeroDivisionError()}))
    booth.write("One.", "Two.")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await booth.run()
    await booth.run()
    assert booth.spoken() == ["Two.", "END"]
    assert [message for _, message in booth.told()] == [
        "phrase 1 of the reply is skipped: the synthesizer crashed twice on a phrase"
    ]


async def test_cancelled_in_mid_engine_it_leaves_nothing_behind(autojump_clock: Clock) -> None:
    booth = Booth(ScriptedSynthesizer(delays_s={1: math.inf}))
    booth.write("One.")
    with trio.move_on_after(3) as scope:
        await booth.run()
    assert scope.cancelled_caught and trio.current_time() == 3
    assert booth.synthesizer.active == 0
    assert not booth.spoken() and not booth.told()


async def test_a_full_channel_holds_it_one_phrase_ahead(autojump_clock: Clock) -> None:
    booth = Booth(speech_room=1)
    booth.write("One.", "Two.", "Three.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(booth.run)
        await trio.sleep(60)
        assert booth.synthesizer.texts == ["One.", "Two."]
        assert [type(await booth.speech.receive()) for _ in range(4)] == [
            *(SpokenPhrase,) * 3,
            EndOfReply,
        ]
    # Waiting for room is not the synthesizer's time.
    assert booth.told() == []


async def test_a_full_outbox_holds_what_it_has_to_tell(autojump_clock: Clock) -> None:
    booth = Booth(ScriptedSynthesizer(failures={1: EngineUnavailable("no")}), outbox_room=0)
    booth.write("One.", "Two.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(booth.run)
        await trio.sleep(5)
        assert booth.spoken() == []
        assert isinstance(await booth.out.receive(), Failure)
    assert booth.spoken() == ["Two.", "END"]


async def test_a_closed_inbox_is_the_end_of_the_reply(autojump_clock: Clock) -> None:
    booth = Booth()
    booth.write("One.", end=False)
    booth.phrases.close()
    await booth.run()
    assert booth.spoken() == ["One.", "END"]


async def heard_of(phrase: SpokenPhrase, voice: ScriptedSynthesizer) -> str:
    """All of a phrase, read back."""
    text = voice.read_back(phrase.speech.pcm16)
    if phrase.rest is not None:
        with phrase.rest:
            async for piece in phrase.rest:
                text += voice.read_back(piece.pcm16)
    return text


async def test_a_phrase_that_streams_is_passed_on_with_its_first_piece(
    autojump_clock: Clock,
) -> None:
    voice = ScriptedStream(piece_chars=4, piece_s=0.25, delay_s=0.5)
    booth = Booth(voice)
    booth.write("Hello there.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(booth.run)
        first = await booth.speech.receive()
        assert trio.current_time() == 0.75
        assert isinstance(first, SpokenPhrase)
        assert await heard_of(first, voice) == "Hello there."
        assert trio.current_time() == 1.25
    assert booth.told() == []


async def test_the_next_phrase_is_made_while_one_is_played(autojump_clock: Clock) -> None:
    voice = ScriptedStream(piece_chars=4, piece_s=0.1)
    booth = Booth(voice)
    booth.write("One one.", "Two two.")
    await booth.run()  # nobody took anything meanwhile
    first, second, end = drain(booth.speech)
    assert isinstance(first, SpokenPhrase) and isinstance(second, SpokenPhrase)
    assert await heard_of(first, voice) == "One one."
    assert await heard_of(second, voice) == "Two two."
    assert end == EndOfReply()


async def test_a_stream_that_fails_before_its_first_piece_is_begun_again(
    autojump_clock: Clock,
) -> None:
    voice = ScriptedStream(stops={1: (0, EngineFailure("lost"))})
    booth = Booth(voice)
    booth.write("One.")
    await booth.run()
    phrase = drain(booth.speech)[0]
    assert isinstance(phrase, SpokenPhrase)
    assert await heard_of(phrase, voice) == "One."
    assert booth.told() == []


async def test_half_a_phrase_is_reported_and_not_said_again(autojump_clock: Clock) -> None:
    voice = ScriptedStream(piece_chars=4, stops={1: (2, EngineFailure("cut off"))})
    booth = Booth(voice)
    booth.write("One two three.", "Four.")
    await booth.run()
    first, second, _ = drain(booth.speech)
    assert isinstance(first, SpokenPhrase) and isinstance(second, SpokenPhrase)
    assert await heard_of(first, voice) == "One two "
    assert await heard_of(second, voice) == "Four."
    assert booth.told() == [(Code.TTS_FAIL, "phrase 1 of the reply ends early: cut off")]


async def test_after_a_crash_in_mid_phrase_it_is_not_said_twice(autojump_clock: Clock) -> None:
    voice = ScriptedStream(piece_chars=4, stops={1: (2, ZeroDivisionError())})
    booth = Booth(voice)
    booth.write("One two three.", "Four.")
    with pytest.raises(ZeroDivisionError):
        await booth.run()
    await booth.run()
    phrases = [p for p in drain(booth.speech) if isinstance(p, SpokenPhrase)]
    assert [await heard_of(phrase, voice) for phrase in phrases] == ["One two ", "Four."]
    told = "phrase 1 of the reply ends early: the synthesizer crashed in the middle of a phrase"
    assert booth.told() == [(Code.TTS_FAIL, told)]


async def test_what_a_voice_cannot_read_is_told_once_in_a_reply(autojump_clock: Clock) -> None:
    voice = ScriptedSynthesizer(failures={n: Unsayable("cannot read") for n in (1, 2, 4)})
    booth = Booth(voice)
    booth.write("你好。", "好吗。", "Fine.", "再见。")
    await booth.run()
    assert booth.spoken() == ["Fine.", "END"]
    assert booth.told() == [(Code.TTS_FAIL, "phrase 1 of the reply is skipped: cannot read")]


async def test_a_voice_that_sends_audio_for_ever_is_cut_off(autojump_clock: Clock) -> None:
    class Endless(ScriptedStream):
        async def _pieces(self, text: str, call: int) -> AsyncGenerator[Speech, None]:
            while True:
                await trio.sleep(0.1)
                yield Speech(pcm16=b"\1\1" * 8000, rate_hz=16_000)

    booth = Booth(Endless())
    booth.write("Hi.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(booth.run)
        phrase = await booth.speech.receive()
        assert isinstance(phrase, SpokenPhrase) and phrase.rest is not None
        with phrase.rest:
            came_s = 0.5 + sum([piece.duration_s async for piece in phrase.rest])
    assert 30 < came_s < 35
    ((code, told),) = booth.told()
    assert code is Code.TTS_FAIL and "s of audio for 3 characters, and was cut off" in told


async def test_a_stream_that_stalls_overruns_its_deadline(autojump_clock: Clock) -> None:
    voice = ScriptedStream(piece_chars=4, piece_s=11.0)
    booth = Booth(voice)
    booth.write("Hello.")
    await booth.run()
    assert trio.current_time() == 10.0
    assert [code for code, _ in booth.told()] == [Code.TTS_FAIL]


async def test_a_voice_without_a_sound_for_words_is_reported(autojump_clock: Clock) -> None:
    class Silent(ScriptedSynthesizer):
        async def speak(self, text: str) -> Speech:
            return Speech(pcm16=b"", rate_hz=16_000)

    booth = Booth(Silent())
    booth.write("Hello.", "...")
    await booth.run()
    assert booth.told() == [
        (Code.TTS_FAIL, "phrase 1 of the reply is skipped: the voice made no sound of this phrase")
    ]


async def test_a_voice_slower_than_speech_is_said_once(autojump_clock: Clock) -> None:
    voice = ScriptedStream(piece_chars=4, piece_s=0.3)  # 0.2 s of audio
    booth = Booth(voice)
    booth.write(*["Many words in a phrase."] * 6)
    await booth.run()
    told = [event.message for event in drain(booth.out) if isinstance(event, Info)]
    assert told == ["the voice is slower than speech: 1.6 s of work for a second of sound"]
    assert b"parley_slow_voices_total 1.0" in booth.telemetry.exposition()
