"""What is decided about an utterance that is decoded when asked, without a model or Trio."""

from __future__ import annotations

from typing import Any

import pytest

from parley.engines.asr.decoded import Decoded, Guard
from parley.engines.asr.on_demand_utterance import (
    PARTIAL_LIMIT_S,
    SETTLED_S,
    TAIL_S,
    Utterance,
    common,
)
from parley.engines.asr.quiet_cuts import seconds_of
from parley.engines.asr.spoken_language import Piece
from parley.engines.asr.whisper import LATE_MS, WhisperDecoding
from parley.engines.asr.whisper_window import FULL_FRAMES

SECOND = bytes(32_000)


def decoded(text: str, **different: Any) -> Decoded:
    known = {"log_probability": -0.2, "no_speech": 0.0, "capped": False, "ms": 100.0}
    return Decoded(text=text, **{**known, **different})


def by_first_word(result: Decoded) -> Guard | None:
    """A guard whose verdict is the text's first word, where that is a guard's name."""
    named = {guard.value: guard for guard in Guard}
    return named.get(result.text.partition(" ")[0])


def utterance(seconds: float = 0, language: str = "en") -> Utterance:
    one = Utterance(language=language, decoding=WhisperDecoding(beam=5, guard=by_first_word))
    one.feed(bytes(int(seconds * 16_000) * 2))
    return one


def test_a_partial_is_due_when_there_is_new_audio_and_the_gap_has_passed() -> None:
    one = utterance(1)
    assert one.due(0.0, 1.0)
    one.partial(decoded("a b"), 32_000)
    one.asked_s = 10.0
    one.partial_job()
    assert not one.due(20.0, 1.0)  # nothing new
    one.feed(SECOND)
    assert not one.due(10.25, 1.0)
    assert one.due(10.3, 1.0)


def test_nobody_takes_more_of_a_core_for_partials_than_the_engine_allows() -> None:
    one = utterance(1)
    one.partial(decoded("a b", ms=300.0), 32_000)
    one.asked_s = 10.0
    one.feed(SECOND)
    assert not one.due(10.49, 1.0)  # of Whisper's: six tenths
    assert one.due(10.5, 1.0)


def test_until_there_are_words_it_is_looked_more_often() -> None:
    one = utterance(0.4)
    one.asked_s = 10.0
    one.partial_job()
    one.feed(bytes(2 * 1600))  # 100 ms
    assert not one.due(10.09, 1.0)
    assert one.due(10.1, 1.0)
    one.partial(decoded("silence"), 16_000)  # not believed, so there are still none
    assert one.due(10.1, 1.0)
    one.partial(decoded("a"), 16_000)
    assert not one.due(10.2, 1.0)


@pytest.mark.parametrize("text", ["Two, two,", "One. One. One.", "Is it? Is it?", "a b c a b c"])
def test_a_partial_of_a_snippet_says_nothing_twice(text: str) -> None:
    one = utterance(1.5)
    assert one.partial(decoded(text), 48_000) is None
    assert one.doubts == {"doubled": 1}
    longer = utterance(3)
    assert longer.partial(decoded(text), 96_000) is not None


def test_partials_come_less_often_the_more_people_talk_but_never_stop() -> None:
    one = utterance(1)
    one.asked_s, one.partial_s = 0.0, 0.6
    assert one.due(1.0, 1.0)
    assert not one.due(1.9, 2.0)
    assert one.due(2.0, 2.0)
    assert one.due(PARTIAL_LIMIT_S, 1000.0)


def test_the_next_partial_begins_with_what_two_agreed_on_but_for_the_last_word() -> None:
    one = utterance(1)
    one.partial(decoded("a b c", tokens=(1, 2, 3)), 32_000)
    assert one.partial_job().begins == ()
    one.partial(decoded("a b d", tokens=(1, 2, 4)), 32_000)
    assert one.partial_job().begins == (1,)


def test_a_partial_that_is_not_believed_is_withheld_and_forgets_what_was_agreed() -> None:
    one = utterance(1)
    for _ in range(2):
        one.partial(decoded("a b", tokens=(1, 2)), 32_000)
    assert one.partial(decoded("repetition", tokens=(1, 2)), 32_000) is None
    assert one.doubts == {"repetition": 1}
    assert one.partial_job().begins == ()


def test_a_tail_that_is_too_long_is_settled_and_looked_at_no_more() -> None:
    one = utterance(TAIL_S)
    assert one.to_settle() is None
    one.feed(SECOND)
    cut = one.to_settle()
    assert cut is not None
    assert SETTLED_S[0] <= seconds_of(len(cut.pcm16)) <= SETTLED_S[1]
    one.settle(cut, Piece(cut.pcm16, ("so", "far")))
    assert one.cut == len(cut.pcm16)
    assert one.to_settle() is None
    assert len(one.partial_job().pcm16) == len(one.audio) - len(cut.pcm16)
    hypothesis = one.partial(decoded("and on"), len(one.audio))
    assert hypothesis is not None
    assert hypothesis.text == "so far and on"


def test_after_a_slow_partial_less_is_looked_at_and_the_final_has_it_all() -> None:
    one = utterance(4)
    one.partial(decoded("one", ms=LATE_MS), len(one.audio))
    assert one.to_keep() is None
    one.partial(decoded("one", ms=LATE_MS + 1), len(one.audio))
    cut = one.to_keep()
    assert cut is not None
    one.keep(cut, decoded("kept"))
    assert len(one.partial_job().pcm16) == len(one.audio) - len(cut.pcm16)
    hypothesis = one.partial(decoded("rest"), len(one.audio))
    assert hypothesis is not None
    assert hypothesis.text == "kept rest"
    assert one.final_pieces() == [bytes(one.audio)]


def test_what_is_not_believed_is_not_kept() -> None:
    one = utterance(4)
    one.partial(decoded("one", ms=LATE_MS + 1), len(one.audio))
    cut = one.to_keep()
    assert cut is not None
    one.keep(cut, decoded("unsure"))
    assert one.looked_from == 0
    assert one.to_keep() is None  # until a partial is slow again


def test_an_utterance_too_short_for_a_word_has_nothing_to_decode() -> None:
    assert utterance(0.09).final_pieces() == []
    assert len(utterance(0.1).final_pieces()) == 1


@pytest.mark.parametrize(
    ("results", "text", "doubts"),
    [
        ([decoded("good")], "good", {}),
        ([decoded("silence")], "", {"silence": 1}),
        ([decoded("repetition"), decoded("good")], "good", {"repetition": 1}),
        (
            [decoded("repetition"), decoded("endless")],
            "",
            {"repetition": 1, "endless, again": 1},
        ),
        (
            [decoded("unsure a", log_probability=-2.0), decoded("unsure b", log_probability=-1.5)],
            "unsure b",
            {"unsure": 1, "unsure, again": 1},
        ),
        (
            [decoded("unsure a"), decoded("endless")],
            "unsure a",
            {"unsure": 1, "endless, again": 1},
        ),
    ],
)
def test_a_final_pass_is_believed_decoded_again_or_empty(
    results: list[Decoded], text: str, doubts: dict[str, int]
) -> None:
    one = utterance(1)
    careful = one.careful(SECOND)
    frames = []
    waiting = iter(results)
    while (job := careful.next_job) is not None:
        assert job.beam == 5
        frames.append(job.frames)
        careful.take(next(waiting))
    assert list(waiting) == []
    assert [wide == FULL_FRAMES for wide in frames] == [False, True][: len(results)]
    assert one.believe(careful.believed, SECOND).words == tuple(text.split())
    assert one.doubts == doubts
    assert len(one.confidences) == bool(text)


def test_what_two_hypotheses_begin_with() -> None:
    assert common((1, 2, 3), (1, 2, 4)) == (1, 2)
    assert common((1, 2), (1, 2, 3)) == (1, 2)
    assert common((), (1,)) == ()
