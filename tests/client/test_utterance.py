"""What was heard about a recording, when it is over, and its latencies."""

from __future__ import annotations

import pytest

from parley.client.incoming import (
    Final,
    Finalizing,
    Incoming,
    Info,
    Metrics,
    Partial,
    Phrase,
    Problem,
    ReplyComplete,
    Token,
)
from parley.client.utterance import Heard, SentLog, Utterance
from support.stand_in import tone, wav


def sent_chunks(count: int, start: float = 10.0) -> SentLog:
    """`count` chunks of 100 ms, sent in real time from `start`."""
    log = SentLog(16_000)
    for i in range(count):
        log.add(1600, start + i / 10)
    return log


def utterance(*messages: Incoming, last_ms: float | None = 800.0) -> Utterance:
    """Messages that came at 1, 2, 3 ... seconds after 10."""
    return Utterance(
        name="u",
        sent=sent_chunks(20),
        onset_ms=300.0,
        last_ms=last_ms,
        heard=[Heard(10.0 + i, message) for i, message in enumerate(messages, 1)],
    )


FINAL = Final(text="hi", audio_ms=900)


@pytest.mark.parametrize(
    ("audio_ms", "at"),
    [(0, 10.0), (100, 10.0), (100.1, 10.1), (150, 10.1), (200, 10.1), (1950, 11.9), (9e9, 11.9)],
)
def test_a_position_is_in_the_chunk_that_holds_the_sample_before_it(
    audio_ms: float, at: float
) -> None:
    assert sent_chunks(20).sent_at(audio_ms) == pytest.approx(at)


def test_nothing_sent_has_no_time() -> None:
    with pytest.raises(LookupError):
        SentLog(16_000).sent_at(0)


def test_latencies_count_from_when_the_audio_was_sent() -> None:
    heard = utterance(
        Partial(text="", audio_ms=400),
        Partial(text="h", audio_ms=500),
        Partial(text="hi"),
        FINAL,
        Phrase(seq=1, audio_b64=b""),
    )
    assert heard.partial_lags_ms() == pytest.approx([1000 * (11 - 10.3), 1000 * (12 - 10.4)])
    assert heard.first_partial_ms() == pytest.approx(1000 * (12 - 10.2))
    assert heard.final_ms() == pytest.approx(1000 * (14 - 10.7))
    assert heard.first_audio_ms() == pytest.approx(1000 * (15 - 10.7))


def test_what_never_came_has_no_latency() -> None:
    nothing = utterance()
    assert nothing.partial_lags_ms() == []
    assert nothing.first_partial_ms() is None
    assert nothing.final_ms() is None
    assert nothing.first_audio_ms() is None
    assert utterance(FINAL).first_audio_ms() is None
    assert utterance(FINAL, last_ms=None).final_ms() is None


def test_of_two_finals_the_last_one_counts_and_the_texts_are_joined() -> None:
    heard = utterance(FINAL, Phrase(seq=1, audio_b64=b""), Final(text=""), Final(text="you"))
    assert heard.transcript == "hi you"
    assert heard.final_ms() == pytest.approx(1000 * (14 - 10.7))
    assert heard.first_audio_ms() is None


def test_each_kind_of_message_can_be_asked_for() -> None:
    heard = utterance(
        Token(text="a"),
        Token(text="b", done=True),
        Info(message="i"),
        Problem(code="TTS_FAIL"),
        Metrics(event="latency"),
        ReplyComplete(),
    )
    assert heard.reply == "ab"
    assert [info.message for info in heard.infos] == ["i"]
    assert [problem.code for problem in heard.problems] == ["TTS_FAIL"]
    assert [metrics.event for metrics in heard.metrics] == ["latency"]
    assert heard.completed_at == 16.0
    assert utterance().completed_at is None


@pytest.mark.parametrize(
    ("messages", "settled"),
    [
        ((), False),
        ((Partial(text="h"),), False),
        ((Partial(text="h"), Finalizing(), FINAL, Token(text="a")), False),
        ((FINAL, Phrase(seq=1, audio_b64=b""), ReplyComplete()), True),
        ((FINAL, ReplyComplete(), Partial(text="more")), False),
        ((FINAL, Partial(text="more"), FINAL, ReplyComplete()), True),
        ((Final(text=""),), True),
        ((Final(text="", audio_ms=200),), False),
        ((Final(text="", audio_ms=790),), True),
        ((FINAL, Final(text="")), False),
        ((FINAL, Problem(code="LLM_FAIL")), False),
        ((FINAL, Problem(code="LLM_FAIL"), ReplyComplete()), True),
        ((FINAL, Problem(code="TTS_FAIL")), False),
        ((Partial(text="h"), Problem(code="ASR_FAIL")), True),
    ],
)
def test_when_nothing_more_is_to_be_expected(messages: tuple[Incoming, ...], settled: bool) -> None:
    assert utterance(*messages).settled() is settled


def test_answered_means_words_and_audio_after_them() -> None:
    audio = Phrase(seq=1, audio_b64=b"")
    assert utterance(FINAL, audio).answered
    assert not utterance(audio, FINAL).answered
    assert not utterance(Final(text=""), audio).answered
    assert not utterance(FINAL).answered


def test_phrases_play_one_after_the_other() -> None:
    long, short = wav(tone(2500)), wav(tone(500))
    heard = utterance(
        Phrase(seq=1, audio_b64=long),  # 11.0 to 13.5
        Phrase(seq=2, audio_b64=b"not a wav"),
        Phrase(seq=3, audio_b64=short),  # 13.5 to 14.0
    )
    assert heard.playback_ends_at() == pytest.approx(14.0)
