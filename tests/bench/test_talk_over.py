"""`parley bench talk-over`: counting answers that come too soon, without a server and with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parley.bench.heard_turn import HeardTurn, heard_turn
from parley.bench.result import Result
from parley.bench.talk_over import (
    FIRST_SOUND_MS,
    Outcome,
    Rule,
    outcome,
    row_of,
    rules_of,
    table_of,
)
from parley.bench.talk_over_live import Said, live_table
from parley.bench.turn_plot import talk_over_svg
from parley.config import Settings
from parley.conversation.patience import NO_OPINION, Patience, Waits
from parley.engines.vad.energy import EnergyDetector
from parley.testing import silence, speech

FRAME_MS = 20
DEFAULTS = Settings.defaults()


class Told(HeardTurn):
    """Of which the recognizer always hears the same."""

    def text(self, from_ms: int, to_ms: int) -> str:
        return "we went to the beach"


def turn(*parts_ms: int) -> HeardTurn:
    """Speech and silence in turn, and silence behind it."""
    parts = [("1", "0")[at % 2] * (ms // FRAME_MS) for at, ms in enumerate((*parts_ms, 3000))]
    if len(parts_ms) % 2 == 0:
        raise ValueError("it ends with speech")
    return Told(name="told", pcm16=b"", frame_ms=FRAME_MS, voiced="".join(parts))


def rule(likelihood: float = NO_OPINION, **options: Any) -> Rule:
    waits = Waits(pause_ms=150, floor_ms=200, ordinary_ms=700, ceiling_ms=2000)
    return Rule(
        name="it",
        judge=lambda turn, first_ms, now_ms, before: likelihood,
        patience=lambda: Patience(waits, **options),
    )


def test_the_end_is_behind_the_last_speech() -> None:
    assert turn(1000, 500, 600).end_ms == 2100
    assert Told(name="", pcm16=b"", frame_ms=20, voiced="000010").end_ms == 0


def test_a_pause_that_is_longer_than_the_wait_is_an_answer_too_soon() -> None:
    found = outcome(turn(1000, 900, 1000), rule(learns=False), DEFAULTS)
    assert found.too_soon_ms == [1700]
    assert found.taken_back == 1, "the person went on within a second of it"
    assert found.delay_ms == 700 + FIRST_SOUND_MS
    assert outcome(turn(1000, 600, 1000), rule(learns=False), DEFAULTS).too_soon_ms == []


def test_a_session_learns_in_it_too() -> None:
    pauses = (1000, 900) * 6
    fixed = outcome(turn(*pauses, 1000), rule(learns=False), DEFAULTS)
    learned = outcome(turn(*pauses, 1000), rule(), DEFAULTS)
    assert len(fixed.too_soon_ms) == 6
    assert 1 <= len(learned.too_soon_ms) <= 2
    assert learned.delay_ms is not None
    assert fixed.delay_ms is not None
    assert learned.delay_ms > fixed.delay_ms, "and the price"


def test_rows_and_tables_hold_what_was_found(tmp_path: Path) -> None:
    rules = rules_of(DEFAULTS, with_sound=False)
    assert {one.name for one in rules} == {"fixed", "text", "text, learning"}
    assert sum(one.point == "default" for one in rules) == 3
    turns = [turn(1000, 900, 1000), turn(3000, 800, 3000)]
    rows = [
        row_of(one.name, one.point, [outcome(t, one, DEFAULTS) for t in turns]) for one in rules
    ]
    by_default = {row["engine"]: row for row in rows if row["point"] == "default"}
    assert by_default["fixed"]["cut"] == 2
    assert by_default["text, learning"]["cut"] <= by_default["text"]["cut"]
    result = Result(
        bench="talk-over", when="", parameters={"recordings": 2, "minutes": 0.2}, rows=rows
    )
    assert table_of(result).row_count == 3
    assert talk_over_svg(result).count("<polyline") == 3


def test_a_row_without_any_turn_is_one() -> None:
    assert row_of("it", "default", [])["cut"] == 0
    assert row_of("it", "default", [Outcome(turn(1000))])["delay_ms"].median is None


def test_what_was_found_out_is_kept_and_a_broken_file_is_found_out_again(tmp_path: Path) -> None:
    pcm16 = speech(500) + silence(300) + speech(500)
    first = heard_turn("a", pcm16, EnergyDetector(), "energy", tmp_path)
    first.texts["0-500"] = "hello"
    first.keep()
    again = heard_turn("a", pcm16, EnergyDetector(), "energy", tmp_path)
    assert (again.voiced, again.text(0, 500)) == (first.voiced, "hello")
    (file,) = tmp_path.iterdir()
    file.write_text("{", encoding="utf-8")
    assert heard_turn("a", pcm16, EnergyDetector(), "energy", tmp_path).texts == {}
    assert heard_turn("a", pcm16[2:], EnergyDetector(), "energy", tmp_path).texts == {}


def said(*told: tuple[float, str]) -> Said:
    one = Said(turn(1000, 900, 1000))
    one.sent_s = [at * FRAME_MS / 1000 for at in range(300)]
    for at_s, kind in told:
        one.told({"type": kind, "text": "some words"}, at_s)
    return one


def test_live_replies_are_counted_once_each() -> None:
    one = said(
        (1.72, "final_transcript"),
        (1.75, "tts_chunk"),
        (1.80, "tts_chunk"),
        (2.20, "barge_in"),
        (2.50, "reply_taken_back"),
        (3.60, "final_transcript"),
        (3.65, "tts_chunk"),
    )
    assert (one.too_soon, one.taken_back) == (1, 1)
    assert one.delay_ms == pytest.approx(750)
    assert said().delay_ms is None


def test_the_live_table_has_a_line_for_each_engine() -> None:
    from parley.bench.talk_over_live import _row

    rows = [_row("auto", [said((3.0, "tts_chunk"))], 0.5), _row("fixed", [], 0.0)]
    result = Result(
        bench="talk-over-live", when="", parameters={"recordings": 1, "minutes": 0.1}, rows=rows
    )
    assert live_table(result).row_count == 2
