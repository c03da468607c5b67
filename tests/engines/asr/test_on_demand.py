"""A recognizer that decodes when it is asked: Whisper's, with lanes that answer what the test says,
under virtual time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import trio

from parley.engines.asr.admission import Admission, Expected
from parley.engines.asr.decoded import Decoded
from parley.engines.asr.on_demand import OnDemandTranscriber
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


def transcriber(lanes: Lanes, *, language: str = "en", places: int = 99) -> OnDemandTranscriber:
    shared = shared_whisper(
        cast(LanePool, lanes),
        Admission(places, Expected(rtf=0.8, final_s=0.5)),
        language=language,
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


async def test_a_language_that_was_found_out_is_kept(autojump_clock: Clock) -> None:
    lanes = Lanes(lambda job: decoded("bonjour", language=job.language or "fr"))
    whisper = transcriber(lanes, language="")
    for _ in range(2):
        await whisper.begin()
        await whisper.feed(SECOND)
        await whisper.finish()
    assert [job.language for job in lanes.passes] == ["", "fr"]


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
