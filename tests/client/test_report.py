"""Word errors, medians, p95 and the tables."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from parley.client.incoming import Final, Partial, Phrase
from parley.client.report import (
    Row,
    Spread,
    as_json,
    middle,
    normalized_words,
    p95,
    row_of,
    summary_of,
    table_of,
    word_errors,
)
from parley.client.utterance import Heard, SentLog, Utterance


def row(
    name: str, *, lags: tuple[float, ...] = (), final: float | None = None, errors: int | None = 0
) -> Row:
    return Row(
        name=name,
        transcript="",
        reply="",
        partials=len(lags),
        partial_lags_ms=lags,
        first_partial_ms=None,
        final_ms=final,
        first_audio_ms=final and final + 50.04,
        words=None if errors is None else 10,
        word_errors=errors,
        answered=final is not None,
    )


def shown(rows: list[Row]) -> str:
    target = io.StringIO()
    Console(file=target, width=200).print(table_of(rows))
    return target.getvalue()


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert normalized_words("Don\u2019t stop, at 10 o'clock!") == [
        "don't",
        "stop",
        "at",
        "10",
        "o'clock",
    ]


@pytest.mark.parametrize(
    ("spoken", "heard", "errors"),
    [
        ("", "", 0),
        ("a b c", "a b c", 0),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b c", "x a b c", 1),
        ("go forward ten meters", "go far in ten years", 3),
    ],
)
def test_word_errors_are_the_fewest_edits(spoken: str, heard: str, errors: int) -> None:
    assert word_errors(spoken.split(), heard.split()) == errors


def test_p95_is_the_nearest_rank() -> None:
    assert p95(range(1, 101)) == 95
    assert p95([3.0, 1.0]) == 3.0
    assert p95([]) is None


def test_the_middle_is_the_median() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2.0
    assert middle([]) is None


def test_a_spread_leaves_out_what_never_came() -> None:
    assert Spread.of([None, 1.0, 3.0]) == Spread(count=2, median_ms=2.0, p95_ms=3.0)


def test_a_row_holds_the_numbers_of_an_utterance() -> None:
    sent = SentLog(16_000)
    sent.add(16_000, 5.0)
    heard = [
        Heard(5.1, Partial(text="go", audio_ms=400)),
        Heard(6.0, Final(text="Go forward.")),
        Heard(6.1, Phrase(seq=1, audio_b64=b"")),
    ]
    made = row_of(
        Utterance(name="u", sent=sent, onset_ms=100, last_ms=900, heard=heard), "go forward now"
    )
    assert made.partials == 1
    assert made.partial_lags_ms == pytest.approx((100,))
    assert made.final_ms == pytest.approx(1000)
    assert made.first_audio_ms == pytest.approx(1100)
    assert (made.words, made.word_errors) == (3, 1)
    assert made.wer == pytest.approx(1 / 3)
    assert made.answered


def test_without_knowing_what_was_said_there_is_no_error_rate() -> None:
    made = row_of(Utterance(name="u", sent=SentLog(16_000)))
    assert made.wer is None
    assert summary_of([made]).wer is None


def test_a_summary_pools_the_partials() -> None:
    rows = [row("a", lags=(1, 2, 3), final=100.0, errors=1), row("b", lags=(9,), final=None)]
    summary = summary_of(rows)
    assert summary.partial_lag == Spread(count=4, median_ms=2.5, p95_ms=9)
    assert summary.final.count == 1
    assert (summary.recordings, summary.answered) == (2, 1)
    assert summary.wer == pytest.approx(0.05)


def test_the_numbers_are_plain_json() -> None:
    data = json.loads(json.dumps(as_json([row("a", lags=(1.25,), final=100.0)], {"speed": 1.0})))
    assert data["speed"] == 1.0
    assert data["recordings"][0]["first_audio_ms"] == 150.0
    assert data["summary"]["wer"] == 0.0
    assert as_json([row("a", errors=None)], {})["summary"]["wer"] is None


def test_one_recording_needs_no_summary_line() -> None:
    text = shown([row("a", lags=(1, 3), final=100.0, errors=None)])
    assert "word errors" not in text
    assert "median" not in text
    assert [cell.strip() for cell in text.splitlines()[4].split("│")[1:-1]] == [
        "a",
        "2",
        "-",
        "100",
        "150",
    ]


def test_several_recordings_end_with_median_and_p95() -> None:
    text = shown([row("a", final=100.0, errors=1), row("b", final=300.0), row("c", errors=None)])
    assert "1/10 (10.0 %)" in text
    assert "1/20 (5.0 %)" in text
    lines = [line for line in text.splitlines() if "median" in line or "p95" in line]
    assert "200" in lines[0]
    assert "300" in lines[1]
