"""A recognizer that decodes when it is asked: Whisper's, with lanes that answer what the test says,
under virtual time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import trio

from parley.engines.asr.admission import Admission, Expected
from parley.engines.asr.decoded import Decoded
from parley.engines.asr.interface import Transcript
from parley.engines.asr.on_demand import OnDemandTranscriber
from parley.engines.asr.spoken_language import Look
from parley.engines.asr.whisper import WhisperDecoding, shared_whisper
from parley.engines.asr.whisper_window import FULL_FRAMES
from parley.engines.asr.whisper_worker import Pass
from parley.engines.failures import EngineBusy, EngineFailure, EngineUnavailable, LaneLost
from parley.engines.lanes.pool import LanePool

Clock = trio.testing.MockClock
SECOND = bytes(32_000)

Answer = str | Decoded | Exception


def decoded(text: str, **different: Any) -> Decoded:
    known = {"log_probability": -0.2, "no_speech": 0.0, "capped": False, "ms": 100.0}
    return Decoded(text=text, **{**known, **different})


@dataclass
class Lanes:
    """One lane. `answer` makes of each pass what comes of it, after `takes_s`."""

    answer: Callable[[Pass], Answer]
    takes_s: float = 0.1
    passes: list[Pass] = field(default_factory=list)
    urgent: list[bool] = field(default_factory=list)
    load_error: str | None = None

    @property
    def lanes(self) -> list[Lanes]:
        return [self]

    def pick(self) -> Lanes:
        return self

    async def call_late(
        self,
        fn: object,
        item: Callable[[], Pass],
        *,
        alike: Hashable = None,
        urgent: bool = False,
    ) -> Decoded:
        await trio.sleep(self.takes_s)
        job = item()
        self.passes.append(job)
        self.urgent.append(urgent)
        answer = self.answer(job)
        if isinstance(answer, Exception):
            raise answer
        return decoded(answer) if isinstance(answer, str) else answer


def words_of(job: Pass) -> str:
    """A word per second of audio, numbered by what the second holds."""
    seconds = [job.pcm16[at : at + 32_000] for at in range(0, len(job.pcm16), 32_000)]
    return " ".join(f"w{second[0]}" for second in seconds if second)


def numbered(second: int) -> bytes:
    return bytes([second, 0]) * 16_000


def transcriber(
    lanes: Lanes, *, language: str = "en", places: int = 99, languages: tuple[str, ...] = ()
) -> OnDemandTranscriber:
    shared = shared_whisper(
        cast(LanePool, lanes),
        Admission(places, Expected(rtf=0.8, final_s=0.5)),
        language=language,
        languages=languages,
        decoding=WhisperDecoding(beam=5),
    )
    return OnDemandTranscriber(shared)


async def test_an_utterance_is_heard_on_its_way_and_at_its_end(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(numbered(1))
    first = await whisper.hypothesis()
    await trio.sleep(1)
    await whisper.feed(numbered(2))
    second = await whisper.hypothesis()
    transcript = await whisper.finish()
    assert first is not None
    assert second is not None
    assert (first.text, first.audio_bytes) == ("w1", 32_000)
    assert (second.text, second.audio_bytes) == ("w1 w2", 64_000)
    assert transcript.text == "w1 w2"
    assert (transcript.runs, transcript.decode_ms, transcript.audio_ms) == (3, 300.0, 2000.0)
    assert 0.7 < transcript.confidence < 0.9
    assert [job.beam for job in lanes.passes] == [1, 1, 5]
    assert [job.frames for job in lanes.passes] == [500, 600, 1200]
    assert lanes.urgent == [False, False, True]


async def test_it_is_not_asked_again_before_anything_is_new(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(numbered(1))
    assert await whisper.hypothesis() is not None
    assert await whisper.hypothesis() is None
    await trio.sleep(5)
    assert await whisper.hypothesis() is None
    assert len(lanes.passes) == 1


async def test_a_decode_that_waited_hears_what_came_meanwhile(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(words_of, takes_s=1.0))
    await whisper.begin()
    await whisper.feed(numbered(1))
    async with trio.open_nursery() as nursery:

        async def more() -> None:
            await trio.sleep(0.5)
            await whisper.feed(numbered(2))

        nursery.start_soon(more)
        found = await whisper.hypothesis()
    assert found is not None
    assert (found.text, found.audio_bytes) == ("w1 w2", 64_000)


async def test_an_asking_that_is_cancelled_loses_nothing(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(words_of, takes_s=1.0))
    await whisper.begin()
    await whisper.feed(numbered(1))
    with trio.move_on_after(0.5):
        await whisper.hypothesis()
    assert (await whisper.finish()).text == "w1"


async def test_audio_that_was_not_taken_is_not_heard(autojump_clock: Clock) -> None:
    """A feed that is cancelled has done nothing, so whoever feeds again is heard once."""
    asr = transcriber(Lanes(words_of))
    await asr.begin()
    with trio.CancelScope() as scope:
        scope.cancel()
        await asr.feed(numbered(1))
    await asr.feed(numbered(1))
    assert (await asr.finish()).text == "w1"


async def test_the_more_people_talk_the_rarer_are_partials(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of, takes_s=0.2)

    async def asked(talking: int) -> int:
        lanes.passes.clear()
        whisper = transcriber(lanes)
        whisper._shared.admission.talking = talking - 1
        await whisper.begin()
        for second in range(1, 11):
            for _ in range(10):
                await trio.sleep(0.1)
                await whisper.feed(numbered(second)[:3200])
                await whisper.hypothesis()
        await whisper.abandon()
        return len(lanes.passes)

    assert await asked(1) > 20
    assert 3 <= await asked(6) <= 7


async def test_a_long_utterance_is_settled_from_its_beginning(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    for second in range(1, 31):
        await whisper.feed(numbered(second))
        await trio.sleep(1)
        await whisper.hypothesis()
    transcript = await whisper.finish()
    # Nowhere is it quiet, so a cut may fall into a word: that one is heard twice at most.
    heard = [int(word[1:]) for word in transcript.text.split()]
    assert sorted(set(heard)) == list(range(1, 31))
    assert heard == sorted(heard)
    assert len(heard) <= 34
    longest = max(len(job.pcm16) for job in lanes.passes) / 32_000
    assert longest <= 13
    careful = [job for job in lanes.passes if job.beam == 5]
    assert 4 <= len(careful) <= 6


def spoken(second: int, *, pause: bool = True) -> bytes:
    """A second with its number in the midst of it: loud, and quiet at its end where one pauses."""
    loud = bytes([0, 16])
    said = loud * 8000 + bytes([second, 0]) + loud * 7999
    return said[:-9600] + bytes(9600) if pause else said


def marked(job: Pass) -> str:
    """A word for every number in the audio."""
    numbers = [value for value in memoryview(job.pcm16).cast("h") if 0 < value < 100]
    return " ".join(f"w{number}" for number in numbers)


def slow(job: Pass) -> Answer:
    """60 ms for every second that is looked at."""
    return decoded(marked(job), ms=len(job.pcm16) / 32_000 * 60)


def numbers(*, until: int) -> str:
    return " ".join(f"w{second}" for second in range(1, until + 1))


async def test_partials_of_a_slow_model_look_less_far_back_than_its_final(
    autojump_clock: Clock,
) -> None:
    lanes = Lanes(slow, takes_s=0.05)
    whisper = transcriber(lanes)
    await whisper.begin()
    told = []
    for second in range(1, 10):
        await whisper.feed(spoken(second))
        await trio.sleep(1)
        if found := await whisper.hypothesis():
            told.append((found.text.split()[-1], found.audio_bytes))
    looked = [len(job.pcm16) / 32_000 for job in lanes.passes]
    assert max(looked) <= 4, "one that took 180 ms was the last of its kind"
    assert told == [(f"w{second}", second * 32_000) for second in range(1, 10)]
    transcript = await whisper.finish()
    final = lanes.passes[-1]
    assert (len(final.pcm16) / 32_000, final.beam) == (9, 5), "all of it, with care"
    assert transcript.text == numbers(until=9)


async def test_what_partials_keep_is_told_with_them(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(slow, takes_s=0.05))
    await whisper.begin()
    found = None
    for second in range(1, 8):
        await whisper.feed(spoken(second))
        await trio.sleep(1)
        found = await whisper.hypothesis()
    assert found is not None
    assert found.text == numbers(until=7)


async def test_a_fast_model_looks_at_the_whole_tail(autojump_clock: Clock) -> None:
    lanes = Lanes(marked, takes_s=0.05)
    whisper = transcriber(lanes)
    await whisper.begin()
    for second in range(1, 11):
        await whisper.feed(spoken(second))
        await trio.sleep(1)
        await whisper.hypothesis()
    assert [len(job.pcm16) / 32_000 for job in lanes.passes] == list(range(1, 11))


async def test_a_beginning_that_is_not_believed_is_not_kept(autojump_clock: Clock) -> None:
    def answer(job: Pass) -> Answer:
        newest = job.pcm16 == bytes(said)
        return slow(job) if newest else decoded("a a a a a a a a")

    lanes = Lanes(answer, takes_s=0.05)
    whisper = transcriber(lanes)
    said = bytearray()
    await whisper.begin()
    found = None
    for second in range(1, 6):
        said += spoken(second)
        await whisper.feed(spoken(second))
        await trio.sleep(1)
        found = await whisper.hypothesis()
    assert found is not None
    assert found.text == numbers(until=5), "the next partial looks at all of it"
    assert (await whisper.finish()).doubts == {"repetition": 2}


@pytest.mark.parametrize("pause", [True, False])
async def test_a_slow_model_settles_a_long_utterance_too(
    pause: bool, autojump_clock: Clock
) -> None:
    lanes = Lanes(slow, takes_s=0.05)
    whisper = transcriber(lanes)
    await whisper.begin()
    found = None
    for second in range(1, 31):
        await whisper.feed(spoken(second, pause=pause))
        await trio.sleep(1)
        found = await whisper.hypothesis() or found
    transcript = await whisper.finish()
    assert found is not None
    assert found.text == numbers(until=30)
    assert transcript.text == numbers(until=30)
    quick = [len(job.pcm16) / 32_000 for job in lanes.passes if job.beam == 1]
    assert max(quick) <= 5
    careful = [job for job in lanes.passes if job.beam == 5]
    assert 4 <= len(careful) <= 7


async def test_one_that_was_never_asked_is_decoded_in_pieces(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    for second in range(1, 41):
        await whisper.feed(numbered(second))
    text = (await whisper.finish()).text
    assert set(text.split()) == {f"w{second}" for second in range(1, 41)}
    assert max(len(job.pcm16) for job in lanes.passes) / 32_000 <= 14


@pytest.mark.parametrize(
    ("first", "second", "text", "doubts"),
    [
        (decoded("you", no_speech=0.99), "never asked", "", {"silence": 1}),
        (decoded("a a a a a a a a"), "all right", "all right", {"repetition": 1}),
        (decoded("and so", capped=True), "and so on", "and so on", {"endless": 1}),
        (
            decoded("a", capped=True),
            decoded("b", capped=True),
            "",
            {"endless": 1, "endless, again": 1},
        ),
        (
            decoded("maybe", log_probability=-1.2),
            decoded("may be", log_probability=-1.1),
            "may be",
            {"unsure": 1, "unsure, again": 1},
        ),
    ],
)
async def test_what_is_not_believed_is_decoded_again_in_the_full_window(
    first: Decoded,
    second: Answer,
    text: str,
    doubts: dict[str, int],
    autojump_clock: Clock,
) -> None:
    lanes = Lanes(lambda job: second if job.frames == FULL_FRAMES else first)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(SECOND)
    transcript = await whisper.finish()
    assert (transcript.text, transcript.doubts) == (text, doubts)


async def test_a_partial_that_is_not_believed_is_not_told(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(lambda job: decoded("a a a a a a a a")))
    await whisper.begin()
    await whisper.feed(SECOND)
    assert await whisper.hypothesis() is None


async def test_a_lane_that_dies_costs_a_decode(autojump_clock: Clock) -> None:
    answers: list[Answer] = [LaneLost("gone"), LaneLost("gone"), "still here"]
    whisper = transcriber(Lanes(lambda job: answers.pop(0)))
    await whisper.begin()
    await whisper.feed(SECOND)
    assert await whisper.hypothesis() is None
    assert (await whisper.finish()).text == "still here"


async def test_a_final_that_fails_for_good_says_so_and_lets_go(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(lambda job: EngineFailure("broken")))
    await whisper.begin()
    await whisper.feed(SECOND)
    with pytest.raises(EngineFailure, match="broken"):
        await whisper.finish()
    assert whisper._shared.admission.talking == 0


async def test_a_model_that_cannot_be_loaded_is_told_at_the_beginning() -> None:
    whisper = transcriber(Lanes(words_of, load_error="no such folder"))
    with pytest.raises(EngineUnavailable, match="no such folder"):
        await whisper.begin()
    assert whisper._shared.admission.talking == 0


async def test_where_everybody_talks_the_next_one_is_refused(autojump_clock: Clock) -> None:
    whisper = transcriber(Lanes(words_of), places=1)
    other = OnDemandTranscriber(whisper._shared)
    await whisper.begin()
    with pytest.raises(EngineBusy, match="1 people"):
        await other.begin()
    await whisper.feed(SECOND)
    await whisper.finish()
    await other.begin()
    await other.abandon()
    assert whisper._shared.admission.talking == 0


def spoken_in(
    *codes: str, sure: float = 0.9, other: str = "", words: dict[str, float] | None = None
) -> Callable[[Pass], Answer]:
    """A worker that finds the language by what the first second of the audio holds, and decodes in
    it or in the one that it is told. `words`: how likely they are in a language."""

    def answer(job: Pass) -> Answer:
        seen = codes[job.pcm16[0]] if job.look is not None or not job.language else ""
        language = job.language or seen
        return decoded(
            f"words in {language}",
            language=language,
            found=seen,
            sure=sure if seen else 0.0,
            other=other,
            log_probability=(words or {}).get(language, -0.2),
        )

    return answer


async def utter(whisper: OnDemandTranscriber, *seconds: int) -> Transcript:
    """One utterance, with a hypothesis asked for behind each second."""
    await whisper.begin()
    for second in seconds:
        await whisper.feed(numbered(second))
        await whisper.hypothesis()
        await trio.sleep(1)
    return await whisper.finish()


async def test_each_utterance_is_in_a_language_of_its_own(autojump_clock: Clock) -> None:
    lanes = Lanes(spoken_in("en", "de", "fr"))
    whisper = transcriber(lanes, language="")
    finals = [await utter(whisper, number, number) for number in (0, 1, 1, 2, 0)]
    assert [final.language for final in finals] == ["en", "de", "de", "fr", "en"]
    assert [final.text for final in finals][:2] == ["words in en", "words in de"]
    looks = [job.look for job in lanes.passes if job.beam == 5]
    assert [look.before for look in looks if look] == ["", "en", "de", "de", "fr"]


async def test_a_first_partial_fixes_no_language(autojump_clock: Clock) -> None:
    lanes = Lanes(lambda job: spoken_in("cy", "en")(replace(job, pcm16=job.pcm16[-32_000:])))
    whisper = transcriber(lanes, language="")
    assert (await utter(whisper, 0, 1)).language == "en"
    assert [job.language for job in lanes.passes] == ["", "", ""]


async def test_partials_keep_the_language_until_two_looks_agree(autojump_clock: Clock) -> None:
    lanes = Lanes(spoken_in("en", "de"))
    whisper = transcriber(lanes, language="")
    await utter(whisper, 0, 0)
    lanes.passes.clear()
    final = await utter(whisper, 1, 1, 1, 1)
    partials = [job for job in lanes.passes if job.beam == 1]
    assert [job.language for job in partials] == ["en", "en", "en", "de"]
    assert [job.look is not None for job in partials] == [False, True, True, False]
    assert final.text == "words in de"


async def test_a_partial_in_a_language_that_is_not_spoken_is_not_told(
    autojump_clock: Clock,
) -> None:
    whisper = transcriber(Lanes(spoken_in("en", "de")), language="")
    await utter(whisper, 0, 0)
    await whisper.begin()
    told = []
    for _ in range(4):
        await whisper.feed(numbered(1))
        hypothesis = await whisper.hypothesis()
        told.append(hypothesis and hypothesis.text)
        await trio.sleep(1)
    assert told == ["words in en", "words in en", None, "words in de"]


async def test_what_is_not_believed_changes_no_language(autojump_clock: Clock) -> None:
    def answer(job: Pass) -> Answer:
        heard = spoken_in("en", "ko")(job)
        assert isinstance(heard, Decoded)
        return replace(heard, no_speech=0.99) if job.pcm16[0] == 1 else heard

    lanes = Lanes(answer)
    whisper = transcriber(lanes, language="")
    finals = [await utter(whisper, 0), await utter(whisper, 1), await utter(whisper, 0)]
    assert [final.language for final in finals] == ["en", None, "en"]
    assert lanes.passes[-1].look == Look(before="en")


async def test_an_unsure_language_is_told_and_not_expected_again(autojump_clock: Clock) -> None:
    lanes = Lanes(spoken_in("en", "nl", sure=0.4))
    whisper = transcriber(lanes, language="")
    assert (await utter(whisper, 1)).language == "nl"
    await utter(whisper, 0)
    assert lanes.passes[-1].look == Look(before="")


async def test_in_doubt_the_final_is_decoded_in_both_languages(autojump_clock: Clock) -> None:
    lanes = Lanes(spoken_in("it", sure=0.6, other="es", words={"it": -0.6, "es": -0.3}))
    final = await utter(transcriber(lanes, language=""), 0)
    assert (final.text, final.language) == ("words in es", "es")
    assert [job.language for job in lanes.passes if job.beam == 5] == ["", "es"]


async def test_a_beginning_in_the_wrong_language_is_decoded_again(autojump_clock: Clock) -> None:
    """It was settled when nobody could know better."""

    def answer(job: Pass) -> Answer:
        heard = spoken_in("nl", "de")(job)
        assert isinstance(heard, Decoded)
        return replace(heard, sure=0.3) if job.pcm16[0] == 0 else heard

    lanes = Lanes(answer)
    final = await utter(transcriber(lanes, language=""), *[0] * 4, *[1] * 12)
    assert final.language == "de"
    assert "nl" not in final.text
    assert final.text.count("words in de") == 2


async def test_only_languages_that_are_spoken_here_are_looked_for(autojump_clock: Clock) -> None:
    lanes = Lanes(spoken_in("en"))
    whisper = transcriber(lanes, language="", languages=("en", "de"))
    await utter(whisper, 0)
    assert lanes.passes[-1].look == Look(among=("en", "de"))


async def test_a_language_that_is_set_is_told_with_the_words(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    assert (await utter(transcriber(lanes, language="de"), 1)).language == "de"
    assert [job.look for job in lanes.passes] == [None, None]
    assert (await utter(transcriber(Lanes(lambda job: ""), language="de"), 1)).language is None


async def test_next_to_no_audio_costs_no_decode(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(bytes(320))
    assert (await whisper.finish()).text == ""
    assert lanes.passes == []


async def test_what_is_concluded_at_a_pause_is_the_final_unless_more_is_said(
    autojump_clock: Clock,
) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(numbered(1))
    first = await whisper.conclude()
    assert await whisper.conclude() == first
    await whisper.feed(numbered(2))
    second = await whisper.conclude()
    final = await whisper.finish()
    assert (first.text, second.text, final) == ("w1", "w1 w2", second)
    assert [job.beam for job in lanes.passes] == [5, 5]
    assert lanes.urgent == [True, True]
    assert final.confidence == pytest.approx(first.confidence), "what was void counts for nothing"


async def test_a_conclusion_that_is_given_up_loses_nothing(autojump_clock: Clock) -> None:
    lanes = Lanes(words_of)
    whisper = transcriber(lanes)
    await whisper.begin()
    await whisper.feed(numbered(1))
    with trio.move_on_after(0.05):
        await whisper.conclude()
    await whisper.feed(numbered(2))
    assert (await whisper.finish()).text == "w1 w2"
